/*
 * authority: the keys and certificates of an embedded CA on disk.
 *
 *     <root>/ca/lab/root.pem root.key [intermediate.pem intermediate.key] crl.pem crl.der
 *     <root>/ca/lab/2/...     the same of its second key, with newWithOld.pem and
 *                             oldWithNew.pem (RFC 4210 4.4); 3/... and so on
 *
 * Keys are 0600 and the keeper's, the rest is public. A key is whole or not there:
 * root.pem, written last, is what makes it exist; what a crash left before that is
 * written over by the next authority_save(). One that exists is never written over, so
 * a roll-over has no moment at which there is less than the old one.
 *
 * crl.pem is the list of what is revoked; crl.der, written after it, follows it. Those of
 * `lab` itself are also what servers read: from the first roll-over on root.pem holds the
 * roots of all keys that count, in any order, and crl.pem behind its own list those of
 * the others.
 *
 * A key that is over loses its private half (authority_retire()), and is not found any more.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct err;

/* Which key: `number` is 1 for the first. */
struct authority_id {
	int root;
	const char *name;
	unsigned number;
};

struct authority {
	struct buf root_pem;
	struct buf root_key;         /* PKCS#8 PEM */
	struct buf intermediate_pem; /* empty: leaves come from the root */
	struct buf intermediate_key;
	struct buf crl_pem;      /* empty: none yet */
	struct buf new_with_old; /* by the key before it; empty of the first */
	struct buf old_with_new;
};

#define AUTO_AUTHORITY __attribute__((cleanup(authority_done)))

/* How many keys the CA `name` has ever had; 0: it has not been made. */
int authority_count(int root, const char *name, unsigned *count, struct err *e);

/* Load a key of a CA; *found is false if it has not been made, or is over. ERR_SYS if a
 * part of it is missing or cannot be read. `a` is written only if it was found. */
int authority_load(const struct authority_id *id, struct authority *a, bool *found,
		   struct err *e);

/* Make it exist, durably; `ca` too if it is not there. ERR_CONFIG if it exists. */
int authority_save(const struct authority_id *id, const struct authority *a,
		   struct err *e);

/* Replace the published CRL of one that exists, in both forms; `der` NULL: crl.pem alone. */
int authority_save_crl(const struct authority_id *id, const struct buf *pem,
		       const struct buf *der, struct err *e);

/* Let root.pem of the CA itself be `pem`. Fine if it is. */
int authority_publish(int root, const char *name, const struct buf *pem, struct err *e);

/* Remove its private keys, durably: there is a later one. */
int authority_retire(const struct authority_id *id, struct err *e);

/* Remove what crashes left of the files of a CA beside their places, and have crl.der follow
 * crl.pem. Fine if there is none. */
int authority_sweep(int root, const char *name, struct err *e);

void authority_done(struct authority *a);
