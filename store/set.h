/*
 * set: one generation, read back whole: what everything outside the store is made of.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct err;

struct set {
	const char *name; /* of the certificate; borrowed */
	struct buf
	    key; /* PKCS#8 PEM, privkey.pem; empty: it is of a request, csr.pem */
	struct buf csr;   /* ... PEM; the key is elsewhere */
	struct buf cert;  /* the leaf, PEM, cert.pem */
	struct buf chain; /* without the leaf, PEM, chain.pem; may be empty */
	struct buf ca;    /* the issuer's trust anchors, PEM, ca.pem; may be empty */
};

#define AUTO_SET __attribute__((cleanup(set_done)))

/*
 * Read generation `number` of `name`; ca.pem need not be there, nor chain.pem where nothing
 * stands behind the certificate. ERR_TRUST if its key, or that of its request, is not its
 * certificate's, if fullchain.pem is not its certificate and chain.pem behind it, or if one
 * of them cannot be read as what it is. ERR_SYS with err_is_short(): that is not known.
 * `set` is written only on success.
 */
int set_load(int root, const char *name, uint64_t number, struct set *set,
	     struct err *e);
/* ... for a caller who has checked the pair when he stored that generation. */
int set_read(int root, const char *name, uint64_t number, struct set *set,
	     struct err *e);
void set_done(struct set *set);
