/*
 * power: a case on a file system of its own, the power gone while its command runs, and
 * what the next start finds.
 *
 *     power_open(), power_prepare()    the disk as it is before the command
 *     power_record()                   the command, each write and flush remembered
 *     power_replay()                   the disks that a cut may have left, each looked at
 *     power_plug()                     the command, and its file system shut down at
 *                                      each call that changes something
 *
 * A disk that a cut may have left: all that was written before the last flush, and any
 * part of what was written after it, cut where sectors end. Of those there are more
 * than anyone can look at. Looked at are, for each flush: each prefix of the writes
 * after the one before; all of these writes but one; and some subsets, drawn. The
 * superblock alone is never cut: no file system survives that, whoever writes on it.
 *
 * Each disk is mounted, so that the kernel repairs what it can. Then: every set that
 * there is must be whole, what was said must be so, and the next run must put
 * everything right. Where the tree is the same as that of a disk before, byte by byte,
 * with modes, owners and times, the next run would be the same too, and is not made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/crash/cases.h"
#include "tests/crash/check.h"
#include "tests/crash/disk.h"
#include "tests/crash/volume.h"
#include "tests/crash/world.h"

struct power_figures {
	unsigned n_writes;
	unsigned n_flushes;
	unsigned n_states; /* disks that were looked at, no two the same */
	unsigned n_trees;  /* as many trees were on them: next runs */
	unsigned n_said;   /* disks on which something was promised */
	unsigned n_failed;
	unsigned n_lost;   /* of them: something was said, and is not so */
	unsigned n_cuts;   /* of power_plug() */
	unsigned n_missed; /* ... that came after the end */
};

/* A set of numbers. */
struct power_seen {
	uint64_t *all; /* owned */
	size_t n, room;
};

struct power {
	const struct crash_case *crash;
	struct world world;
	struct disk disk;
	struct volume volume;
	char *stable; /* the disk that cannot be lost */
	struct check_facts before;
	unsigned n_ordered;  /* at the CA, by the command; no cut takes them back */
	struct disk_log log; /* of the command */
	struct power_seen trees, states;
	unsigned seed;
	unsigned subsets; /* for each flush */
	unsigned every;   /* 1: look at all; n: at one of n, drawn */
	unsigned n_passed;
	bool unsynced; /* the command believes that it syncs */
	bool pressed;  /* beside it everything is synced all the time */
	struct power_figures figures;
};

/* NULL, or what cannot be had here: then it need not be closed. */
const char *power_open(struct power *p, const struct crash_case *c,
		       const struct volume_kind *kind);
void power_done(struct power *p);

bool power_prepare(struct power *p);
bool power_record(struct power *p);
void power_replay(struct power *p);
bool power_plug(struct power *p);

/* -- what both share -- */

/*
 * Mount what the disk holds, look, run again, look, and make the disk as `p->stable`
 * again. `touched` is where it was changed before. True: all is well; else that was told.
 */
bool power_look(struct power *p, const struct disk_log *touched, const char *all,
		size_t n_said, const char *what);

bool power_is_new(struct power_seen *seen, uint64_t number);
unsigned power_draw(struct power *p, unsigned below);

/* Whether the next of the disks or cuts is one to look at. The first is. */
bool power_takes(struct power *p);

/* FNV-1a */
#define POWER_HASH_BEGIN UINT64_C(14695981039346656037)
uint64_t power_hash(uint64_t hash, const void *data, size_t len);
