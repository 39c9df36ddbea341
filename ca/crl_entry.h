/*
 * crl_entry: one certificate that is revoked (RFC 5280 5.3), and whether it is ours.
 *
 * A million of them are looked at, and next to none is ours: of the others only the form
 * is checked, and the few octets are recognized that nearly all extensions consist of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/crl.h"
#include "ca/crl_der.h"

struct err;

#define CRL_OWN_BITS 65536 /* 10,000 serials: one of seven strangers is looked up */

/* The serials that are looked for, and what was found. */
struct crl_own {
	const uint64_t *keys; /* borrowed */
	uint32_t *table;      /* owned; 1 + place in keys, by hash; 0: free */
	size_t n_table;       /* a power of two */
	uint64_t seen[CRL_OWN_BITS / 64]; /* whether a key may be among them */
	struct crl_hit *hits;             /* owned */
	size_t n_hits;
	bool more;
	bool indirect;    /* entries may be of other CAs (RFC 5280 5.3.3) ... */
	uint64_t of;      /* ... and these are of that one; 0: of who signs */
	uint64_t sums[3]; /* of all that are revoked, and how many they are */
};

void crl_own_init(struct crl_own *own, const struct crl_want *want);
void crl_own_done(struct crl_own *own);

/* What crl_facts.digest is. */
void crl_own_digest(const struct crl_own *own, uint8_t digest[CRL_HASH_LEN]);

/* Look at the revoked certificate `entry`, without its head. ERR_PROTO, ERR_TRUST. */
int crl_entry(struct crl_own *own, const struct der *entry, struct err *e);
