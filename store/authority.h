/*
 * authority: the keys and certificates of an embedded CA on disk.
 *
 *     <root>/ca/lab/root.pem root.key [intermediate.pem intermediate.key] crl.pem crl.der
 *
 * Keys are 0600 and the keeper's, the rest is public. A CA is whole or not there:
 * root.pem, written last, is what makes it exist; what a crash left before that is
 * written over by the next authority_save(). One that exists is never written over.
 *
 * crl.pem is the list of what is revoked; crl.der, written after it, follows it.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct err;

struct authority {
	struct buf root_pem;
	struct buf root_key;         /* PKCS#8 PEM */
	struct buf intermediate_pem; /* empty: leaves come from the root */
	struct buf intermediate_key;
	struct buf crl_pem; /* empty: none yet */
};

#define AUTO_AUTHORITY __attribute__((cleanup(authority_done)))

/* Load the CA `name`; *found is false if it has not been made. ERR_SYS if a part of it
 * is missing or cannot be read. `a` is written only if it was found. */
int authority_load(int root, const char *name, struct authority *a, bool *found,
		   struct err *e);

/* Make the CA `name` exist, durably; `ca` too if it is not there. ERR_CONFIG if it
 * exists. */
int authority_save(int root, const char *name, const struct authority *a,
		   struct err *e);

/* Replace the published CRL of a CA that exists, in both forms. */
int authority_save_crl(int root, const char *name, const struct buf *pem,
		       const struct buf *der, struct err *e);

/* Remove what crashes left of its files beside their places, and have crl.der follow crl.pem.
 * Fine if there is no CA. */
int authority_sweep(int root, const char *name, struct err *e);

void authority_done(struct authority *a);
