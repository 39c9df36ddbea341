/*
 * foreign: whether somebody else has put a newer pair where a certificate of ours is
 * written, as an administrator or another client does when it matters.
 *
 * Such a pair is not written over unless a person asks for it, or until what we would
 * write is the newer one: it may be the only one that works. What counts is a
 * certificate that is valid now, has the names that are asked for, begins or ends later
 * than ours, and whose private key is there, too: beside it, in another of the files, or
 * our own.
 *
 * What is in those files may have been written by whoever the service is, so none of it
 * is parsed where keys are: foreign_judge() runs in a child that says nothing but what is
 * in a struct foreign (child.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct name;
struct set;

#define LIMIT_FOREIGN_S 10 /* of a processor, for all files of a certificate */

/* A file of it, whatever is in it. */
struct foreign_part {
	struct buf bytes;    /* owned */
	struct buf password; /* owned; of PKCS#12 and of keys that have one */
	uint32_t number;     /* of the file in the certificate's list */
	bool differs;        /* from what we would write */
};

struct foreign_look {
	const struct set *ours; /* what we would write */
	const struct name *names;
	size_t n_names;
	struct foreign_part *parts;
	size_t n_parts;
	int64_t now;
};

struct foreign {
	bool newer;      /* there is one; then: */
	uint32_t number; /* of the file with its certificate */
	int64_t not_after;
	uint8_t fingerprint[32];
};

void foreign_judge(const struct foreign_look *l, struct foreign *f);
