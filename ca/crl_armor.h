/*
 * crl_armor: the DER inside of PEM (RFC 7468), taken out as the text arrives. One block
 * of X509 CRL; text may stand before it, as `openssl crl -text` writes it, and only white
 * space behind it. Or the base64 in the member `result` of a JSON object, as CFSSL's
 * /api/v1/cfssl/crl answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CRL_LINE_MAX     64          /* of a boundary; longer lines are none */
#define LIMIT_CRL_BEFORE (64 * 1024) /* octets of text before the block */

enum crl_armor_state {
	ARMOR_BEFORE,
	ARMOR_JSON, /* before that member */
	ARMOR_BODY,
	ARMOR_END, /* in the line that ends it */
	ARMOR_AFTER,
	ARMOR_REST, /* of the JSON: nothing of it counts */
};

/* Begins as { 0 }. */
struct crl_armor {
	enum crl_armor_state state;
	char line[CRL_LINE_MAX + 1]; /* the one under way, outside of the body */
	size_t n_line;               /* of it so far, however long */
	size_t n_before;
	uint32_t bits; /* of a group of four characters ... */
	unsigned n;    /* ... so many are there */
	unsigned pads; /* "=" seen: nothing but these follows */
	bool is_json;
};

/* Octets that `len` characters can become, with what was left of those before. */
#define CRL_ARMOR_OUT(len) ((len) / 4 * 3 + 6)

/* Take the DER of `text` to `out`. ERR_PROTO: it is no PEM, or not of a CRL; what came
 * before that is in `out` all the same. */
int crl_armor_feed(struct crl_armor *a, const char *text, size_t len, uint8_t *out,
		   size_t *n_out, struct err *e);

/* That was all of it. ERR_PROTO: it is cut off, or there was none. */
int crl_armor_end(struct crl_armor *a, struct err *e);
