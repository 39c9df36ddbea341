/*
 * keeper_places: where the files of the configuration stand: the folders to watch for
 * them, and whose file a name in such a folder is.
 *
 * A folder that is renamed, and another that takes its name, are told of where they stand:
 * so each folder on the way to one of ours is a place as well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spec;

struct keeper_place {
	char *path; /* owned */
	bool holds; /* files of ours; else it is on the way to one that does */
	dev_t dev;  /* of the folder that is watched; 0 and 0: none is */
	ino_t ino;
};

/* A file that a certificate or a CRL is written to, or whose secret or roots are in what
 * is written. */
struct keeper_file {
	const char *path; /* borrowed from the snapshot */
	uint32_t cert;    /* its number; of CRLs, behind all certificates */
};

struct keeper_places {
	struct keeper_place *places; /* owned, by path, each once */
	size_t n;
	struct keeper_file *files; /* owned, by path */
	size_t n_files;
};

void keeper_places_make(struct keeper_places *p, const struct spec *s);
void keeper_places_done(struct keeper_places *p);

/* Call `whose` for each certificate or CRL that `name` in place number `i` may be of; "": for
 * what the place itself is. */
void keeper_places_find(const struct keeper_places *p, size_t i, const char *name,
			void (*whose)(void *arg, uint32_t cert), void *arg);

/* Note which folder is there now: whether it is another one than before. */
bool keeper_places_moved(struct keeper_place *place);
