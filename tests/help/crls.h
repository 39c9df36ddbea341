/*
 * crls: revocation lists made to order by OpenSSL, right or wrong, for tests only, and
 * what everleaf says of one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/buf.h"
#include "ca/crl.h"

#define CRLS_NOW 1795000000 /* 2026-11-18T11:06:40Z */

/* A CA with a key of the type, or with `key`; `usage` as in openssl.cnf. */
X509 *crls_ca(const char *name, EVP_PKEY *key, const char *usage);

struct crls_entry {
	uint64_t serial;
	int reason;         /* -1: not said */
	int64_t invalid_at; /* 0: not said */
	const char *oid;    /* one more extension, "critical,DER:0500"; NULL: none */
	const char *value;
};

struct crls_plan {
	X509 *ca;
	EVP_PKEY *key;
	const EVP_MD *digest; /* NULL: what fits the key */
	bool pss;
	const EVP_MD *mask;           /* ... with MGF1 by this; NULL: by `digest` */
	int64_t from;                 /* after CRLS_NOW; 0: an hour before */
	int64_t to;                   /* ... a day after; -1: none */
	int number;                   /* -1: none */
	int delta;                    /* of this base; 0: no delta */
	const char *extensions[4][2]; /* name, value */
	const struct crls_entry *entries;
	size_t n_entries;
	unsigned n_more; /* entries with serials from 1,000,000 on and no reason */
};

/* Its DER. A plan that cannot be made fails the test. */
void crls_make(const struct crls_plan *plan, struct buf *der);
void crls_pem(const struct buf *der, struct buf *pem);

/* What the scan says. */
struct crls_said {
	int rc;
	char text[512];
	struct crl_facts facts;
	struct buf der; /* what it passed on */
	struct crl_hit hits[8];
	size_t n_hits;
};

#define AUTO_SAID __attribute__((cleanup(crls_forget)))
void crls_forget(struct crls_said *said);

/* Look at `list` in pieces of `piece` octets (0: all at once). `file`: with a file to read
 * it again from. */
void crls_look(const struct crl_want *want, const struct buf *list, size_t piece,
	       bool file, struct crls_said *said);
