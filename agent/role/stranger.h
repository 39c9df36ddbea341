/*
 * stranger: what can be told of the certificates that are not ours, in the files that
 * `watch` names.
 *
 * The bytes may have been written by anybody, and there may be private keys among them. So
 * a file is opened, read and parsed in a child of the keeper (child.h), which says nothing
 * but struct strangers: no byte of a key leaves it, and the keeper itself never has one.
 *
 * A file is told of by the certificate in it that ends first: a leaf, its chain, a whole
 * store of anchors. Links are followed, as far as the keeper may read where they lead; the
 * same file by two names is told of once. What we write ourselves is none of it: what is
 * below the state directory, and the files of our certificates. One with a key only is
 * not told of, nor is a name that a wildcard has found for a folder.
 *
 * Where a folder of `watch` lies on a mount whose server is gone, whoever looks there is
 * held up, perhaps for ever. So before the keeper itself looks which folders to watch, a
 * child has: if that is not through within STRANGER_SCOUT_MS, nothing is looked at, and
 * which pattern it was is said. Nobody else is sent until that child has come back.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct spec;

#define STRANGER_PATH        1024
#define LIMIT_STRANGER_S     10            /* of a processor, for all of them */
#define LIMIT_STRANGER_BYTES (1024 * 1024) /* all anchors of a host have half of it */
#define LIMIT_STRANGER_CERTS 1000          /* in one file */
#define STRANGERS_MAX        1000          /* files: a child of some 2 s */

#define STRANGER_PATTERNS 100
#define STRANGER_FOLDERS  1000 /* of one pattern, that are watched */
#define STRANGER_SCOUT_MS 3000 /* for all of them to be got at, by a child */

struct stranger {
	char path[STRANGER_PATH]; /* "": no more */
	char why
	    [ERR_TEXT_MAX]; /* it, or something in it, cannot be told of; "": all can */
	char name[256];     /* its first name, or its subject: visible ASCII */
	char serial[48];
	uint8_t fingerprint[32];
	int64_t not_before;
	int64_t not_after; /* 0: there is no certificate in it */
	uint32_t place;    /* of that certificate, the how manyth, from 1 */
	uint32_t n; /* how many there are; in the last: files that were left out */
};

/* Look at the file at s->path, of which nothing else is known. 0, or the errno for which it
 * could not be opened. */
int stranger_look(struct stranger *s);

/* For child_start(), `arg` a struct spec: write a struct stranger for each file that its
 * patterns find, and one without a path. */
void strangers_tell(void *spec, int fd);
