/*
 * generation: the files of one certificate, written together or not at all.
 *
 * Each issuance becomes a numbered directory; the name that services read is a symbolic
 * link to it. The link moves in one rename(2): a crash at any system call leaves a
 * whole set live, and a reader that resolves the link once never sees files of two
 * sets. (One that opens live/NAME/privkey.pem and live/NAME/cert.pem by path can
 * straddle the move; the hook that follows makes it read again.)
 *
 *     <root>/archive/web/0000000018/{privkey,cert,chain,fullchain}.pem, meta.json
 *                                            (csr.pem for privkey.pem: the key is elsewhere)
 *     <root>/archive/web/.stage/               while it is being written
 *     <root>/archive/web/.old.0000000017/      while it is being removed
 *     <root>/live/web -> ../archive/web/0000000018
 *
 * archive/NAME is 0755, so that numbers can be listed; a generation is 0711: its files
 * are read by name, each as its own mode allows. No number is used twice as long as
 * one above it is there, and a file's mtime is at least one second after that of the
 * same file in the generation before, whichever of them was live.
 *
 * Use: generation_begin(), generation_add() for each file, then generation_keep(): the
 * set is durable under its number, and not live. generation_live() moves the link. A
 * crash between the two leaves a whole generation that nothing points at: harmless, and
 * pruned once a later one is live. Of several certificates: all are added to, then each
 * has its number, then each is kept. What the disk does for one of them, it has then done
 * for most of the others.
 *
 * `root` is the state directory, opened; its `archive` and `live` are there. One
 * writer; the caller holds the store lock. A name that cannot be a folder's is
 * ERR_CONFIG, everything that fails on the disk ERR_SYS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct file_access;

#define GENERATION_FILES 8 /* at most, in one */

struct generation {
	int dir;         /* archive/NAME, owned */
	int stage;       /* archive/NAME/.stage, owned */
	int older;       /* the generation before this one, owned; -1: none */
	uint64_t number; /* the number it will have, one more than the highest */
	size_t n_files;
	int files[GENERATION_FILES]; /* on their way to the disk, owned */
};

#define AUTO_GENERATION __attribute__((cleanup(generation_drop)))
#define GENERATION_NONE                             \
	{                                           \
		.dir = -1, .stage = -1, .older = -1 \
	}

/*
 * Stage a new generation of `name` below the directory `root` (the state directory).
 * Leftovers of an earlier crash are removed. On success the caller owns *g and ends it
 * with generation_keep() or generation_drop().
 */
int generation_begin(struct generation *g, int root, const char *name, struct err *e);

/* Write `len` bytes as `file`; generation_keep() waits until they are on disk. */
int generation_add(struct generation *g, const char *file, const void *data, size_t len,
		   const struct file_access *access, struct err *e);

/* Make durable what is in the staged generation, and give it its number: whole, should a
 * power cut leave it there. On failure the caller drops *g. */
int generation_number(struct generation *g, struct err *e);

/* Give the staged generation its number, unless it has it, durably, without making it
 * live. *g has ended; *number is its number. On failure the caller drops *g. */
int generation_keep(struct generation *g, uint64_t *number, struct err *e);

/* Forget a staged generation. Harmless on one that has ended. */
void generation_drop(struct generation *g);

/* Make generation `number` of `name` the live one. Durable when this returns 0; on
 * failure the previous one is still live, unless it was the last fsync that failed:
 * then generation_current() tells. ERR_CONFIG if there is no such generation. */
int generation_live(int root, const char *name, uint64_t number, struct err *e);

/* As generation_live(), for many names: each is durable when one generation_settle()
 * after all of them has returned 0. */
int generation_turn(int root, const char *name, uint64_t number, struct err *e);
int generation_settle(int root, struct err *e);

/* The number of the live generation; 0 if there is none, or the link leads to one that
 * is gone. ERR_CONFIG if live/NAME is not a link of ours; with EINVAL, no link at all. */
int generation_current(int root, const char *name, uint64_t *number, struct err *e);

/* ERR_SYS if somebody has put something in the place of the live link that a generation is
 * not to take, who meant it: anything but a link of ours, or with `over_link` any link. */
int generation_yields(int root, const char *name, bool over_link, struct err *e);

/* The numbers present, ascending; owned array. */
int generation_list(int root, const char *name, uint64_t **numbers, size_t *n,
		    struct err *e);

/*
 * Of the generations up to the live one keep the newest `keep` (the live one is the
 * first of them, and stays even with 0) and `held` (0: none); remove the rest. What is
 * above the live one, and everything while nothing is live, stays. What of them cannot be
 * removed is passed over (ERR_SYS: the first of them): it has no number any more but
 * .old.NUMBER, if it can be renamed, and is tried again by the next, without a word.
 */
int generation_prune(int root, const char *name, unsigned keep, uint64_t held,
		     struct err *e);

/* Remove everything kept of `name`, the pending key and its record too: the link first, then the
 * generations. Fine if there is nothing; repeated after a crash it finishes. */
int generation_forget(int root, const char *name, struct err *e);

/* Remove what crashes left: staged and half-removed sets, half-moved links. Nothing
 * that is live or has a number. */
int generation_sweep(int root, const char *name, struct err *e);

/* archive/NAME/0000000018 below root, to read files in it by name (it cannot be listed
 * or synced). ERR_CONFIG if there is no such generation. */
int generation_open(int root, const char *name, uint64_t number, int *dir,
		    struct err *e);
