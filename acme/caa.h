/*
 * caa: whether CAA records let a CA issue for a name (RFC 8659), from this account and by
 * this kind of validation (RFC 8657).
 *
 * It is asked before a CA is: what a record forbids, a CA refuses at each renewal, and by
 * then it is late. Nothing is looked up here; the records are those of the name or, where
 * it has none, of the nearest name above it that has (RFC 8659 3).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CAA_TAG_SIZE   16  /* "issue", "issuewild", ...; a longer one is none we know */
#define CAA_VALUE_SIZE 512 /* a longer value lets nobody issue */

struct caa {
	bool critical;
	char tag[CAA_TAG_SIZE];     /* lower case; "": too long, or of other letters */
	char value[CAA_VALUE_SIZE]; /* up to a NUL in it */
};

/* Who would issue, and how. */
struct caa_asked {
	const char *const *identities; /* its names in such records, NULL-terminated */
	const char *account;           /* its URL; NULL: there is none yet */
	const char *method;            /* "http-01" */
	bool wildcard;
};

/* The data of one record (RFC 8659 4.1). False: it is cut off. */
bool caa_read(const uint8_t *data, size_t len, struct caa *c);

/* Whether all of the n records together let it issue. ERR_REFUSED: what forbids it. */
int caa_permit(const struct caa *set, size_t n, const struct caa_asked *asked,
	       struct err *e);
