/*
 * file: opening, reading and placing files without being led astray.
 *
 * Names are taken below a directory descriptor and links are never followed (openat2
 * with RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, and RESOLVE_BENEATH for relative
 * names), so what a service user plants in a folder stays there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;

#define FILE_KEEP ((uid_t)-1) /* owner or group: leave as it is */

/* Who may have a file, and how. */
struct file_access {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* Open the directory `path` (absolute: no link on the way; relative: below `at`). */
int file_open_dir(int at, const char *path, int *dir, struct err *e);

/* Read the regular file `path` of at most `max` bytes. ERR_LIMIT if larger. */
int file_read(int at, const char *path, size_t max, struct buf *out, struct err *e);

/* False if there is nothing there; a link counts as something. */
bool file_exists(int at, const char *path);

/*
 * Write `name` below `dir`: created O_EXCL as 0600 under a temporary name that is
 * always the same for that name (a leftover of a crash is removed), written, owned,
 * moded, fsynced; mtime at least one second after that of the file it replaces. With
 * `place`, renamed over `name` and `dir` fsynced. ERR_SYS; then `name` is as before.
 */
int file_write(int dir, const char *name, const void *data, size_t len,
	       const struct file_access *access, struct err *e);

/* As file_write(), for a new name in a directory that no one reads yet: no temporary
 * name, no rename, and the directory is not synced. */
int file_create(int dir, const char *name, const void *data, size_t len,
		const struct file_access *access, struct err *e);

/* Remove what a crash of file_write() can leave of `name` below `dir`. */
int file_sweep(int dir, const char *name, struct err *e);

/* Remove the directory `name` below `dir` with the regular files and links in it. */
int file_remove_dir(int dir, const char *name, struct err *e);

/* Make `name` below `dir` a directory if it is none, and open it. */
int file_make_dir(int dir, const char *name, mode_t mode, int *made, struct err *e);

/* ERR_SYS unless the file system of `dir` has room for `bytes` in `files` files, twice:
 * asked before an order is finalized, so that a full disk costs no issuance. */
int file_room(int dir, uint64_t bytes, uint64_t files, struct err *e);
