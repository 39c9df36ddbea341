/*
 * crl_sign: who signed a CRL. The algorithm stands before what it signs (RFC 5280
 * 5.1.2.2), so the hash is made while the list goes by and the list need not be kept.
 *
 * Ed25519, Ed448 and the lattice signatures do not sign a hash: for these the whole is
 * read again where it was written to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "ca/crl.h"
#include "ca/crl_der.h"

struct err;

/* Begins as { 0 }. */
struct crl_sign {
	X509_ALGOR *algorithm; /* owned */
	const EVP_MD *hash;    /* NULL: it signs no hash, or is not known */
	int key;               /* NID of the kind of key that it is made with */
	EVP_MD_CTX *ctx;       /* owned: of `hash`; NULL: of none */
	char why[CRL_WHY_MAX]; /* it cannot be verified here, because; "": it can */
};

/* Read the AlgorithmIdentifier `der` (head and all). ERR_TRUST: one that is broken. */
int crl_sign_begin(struct crl_sign *s, const struct der *der, struct err *e);
void crl_sign_add(struct crl_sign *s, const void *data, size_t len);

/* Whether `signature` is by the key of `ca`. What is signed stands in the file `der` (-1: nowhere) from `at` on. ERR_TRUST: it is not. */
struct crl_signed {
	const uint8_t *signature;
	size_t len;
	int der;
	uint64_t at;
	uint64_t size;
};
int crl_sign_end(struct crl_sign *s, X509 *ca, const struct crl_signed *of,
		 struct err *e);

void crl_sign_done(struct crl_sign *s);
