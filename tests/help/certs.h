/*
 * certs: certificates made to order, right or wrong, for tests only.
 *
 * Extensions are written as in openssl.cnf ("critical,CA:TRUE,pathlen:0") so that a test
 * can say what no CA of ours would put into a certificate. NULL leaves one out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/key.h"

struct cert_plan {
	const char *subject; /* common name; NULL: empty */
	EVP_PKEY *key;       /* of the certificate */
	X509 *issuer;        /* NULL: signed by itself */
	EVP_PKEY *issuer_key;
	const EVP_MD *digest; /* NULL: what fits the key */
	int64_t from;
	int64_t to;
	const char *serial; /* hex; NULL: 01 */
	const char *basic;
	const char *key_usage;
	const char *usage;
	const char *names;
	const char *constraints;
	bool version_1; /* and no extensions */
};

/* The certificate; a plan that cannot be made fails the test. Owned by the caller. */
X509 *certs_make(const struct cert_plan *plan);

/* What fits the key; NULL: it signs no hash. */
const EVP_MD *certs_digest(EVP_PKEY *key);

/* A key of the type; owned by the caller. */
EVP_PKEY *certs_key(enum key_type type);
