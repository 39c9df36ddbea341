/* sets: key, certificate and chain as a CA would have given them. */
#pragma once

#include "base/err.h"
#include "base/x509.h"
#include "store/set.h"
#include "tests/scratch.h"

/* A certificate that `key` signs for itself. */
static inline void certify(EVP_PKEY *key, struct buf *pem)
{
	AUTO_X509 X509 *cert = X509_new();
	struct err e;

	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 7), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, key_digest(key)) > 0);
	assert_int_equal(x509_to_pem(cert, pem, &e), 0);
}

static inline void make_set_of(enum key_type type, struct set *set)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_KEY EVP_PKEY *other = NULL;
	struct err e;

	*set = (struct set){ .name = "web" };
	assert_int_equal(key_make(type, &key, &e), 0);
	assert_int_equal(key_make(KEY_ECDSA_P256, &other, &e), 0);
	assert_int_equal(key_to_pem(key, &set->key, &e), 0);
	certify(key, &set->cert);
	certify(other, &set->chain);
	buf_puts(&set->ca, "anchors\n");
}

static inline void make_set(struct set *set)
{
	make_set_of(KEY_ECDSA_P256, set);
}
