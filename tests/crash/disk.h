/*
 * disk: a block device made of memory that remembers each write and each flush, in the
 * order in which they came.
 *
 * It is one file of a FUSE file system that a process of ours serves; a loop device on
 * it is what a real file system is made on. Nothing is cached in between: what the
 * kernel has submitted is in the log, what it holds back is not. What is written to the
 * pipe `says` stands in the log too, before any write to the disk that comes after it.
 *
 * That process ends when nobody has the disk any more: after us, in whatever way we end,
 * as the kernel needs its answers for that. It sees nothing of what we mount, or its own
 * end would wait for itself.
 *
 * `now` is the caller's while nothing is mounted on the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum disk_what {
	DISK_WRITE,
	DISK_FLUSH, /* what was written before it stays */
	DISK_SAID,
};

struct disk_record {
	enum disk_what what;
	uint64_t at; /* on the disk */
	size_t len;
	size_t from; /* in `bytes` of the log, where it follows the record */
};

struct disk_log {
	struct disk_record *all; /* owned */
	size_t n;
	struct buf bytes;
};

struct disk {
	char
	    dir[160]; /* where it is mounted; any name of digits below it is the disk */
	char *now;    /* what it holds, shared with the server */
	size_t size;
	int fuse;
	int log;  /* a file in memory, shared */
	int says; /* a pipe, and its other end: the server's */
	int hears;
};

/* Empty, at the folder `dir`. False: this machine has no FUSE for us. */
bool disk_open(struct disk *d, const char *dir, size_t size);
void disk_done(struct disk *d);

/* Hand over what was logged, and begin anew. */
struct disk_log disk_take_log(struct disk *d);
void disk_log_done(struct disk_log *log);

/* Make `to` hold what is in `from` wherever the log has a write. */
void disk_copy(const struct disk_log *log, char *to, const char *from);
