/*
 * x509: reading certificates (RFC 5280) and PEM (RFC 7468).
 *
 * A chain is a STACK_OF(X509), leaf first. Everything that comes in is bounded before
 * it is parsed. The subject's common name is never looked at: names are the SANs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/key.h"
#include "base/names.h"

struct err;

#define LIMIT_CHAIN_BYTES (256 * 1024) /* RSA-4096 with 350 long names needs 24 kB */
#define LIMIT_CHAIN_CERTS 10

#define USAGE_SERVER 1u /* extended key usage, RFC 5280 4.2.1.12 */
#define USAGE_CLIENT 2u

#define AUTO_X509  __attribute__((cleanup(x509_done_)))
#define AUTO_CHAIN __attribute__((cleanup(chain_done_)))

static inline void x509_done_(X509 **cert)
{
	X509_free(*cert);
}

static inline void chain_done_(STACK_OF(X509) * *chain)
{
	sk_X509_pop_free(*chain, X509_free);
}

/* What we keep of a certificate. */
struct x509_facts {
	int64_t not_before; /* Unix seconds */
	int64_t not_after;
	uint64_t names_hash; /* of all SANs; 0: none, or some that are not ours */
	enum key_type key;
	unsigned usage; /* USAGE_*; all where the certificate does not limit it */
	bool is_ca;     /* or so old that it does not say */
	size_t n_names;
	uint8_t fingerprint[32]; /* SHA-256 of the DER */
	uint8_t spki_hash[32];   /* SHA-256 of the SubjectPublicKeyInfo */
	char serial[48]; /* upper-case hex, even length, leading 00 kept out; "-" before
			    that of a negative one, which no CA should give */
};

/* Read every CERTIFICATE block of `pem`; text outside of blocks is passed over. At
 * least one. The caller owns *chain. ERR_PROTO, ERR_LIMIT. */
int x509_chain_from_pem(const void *pem, size_t len, STACK_OF(X509) * *chain,
			struct err *e);

/* The same, for what is mostly the same text as the time before, such as the CA
 * certificates behind each leaf: that is not read again, which takes as long as ten
 * signatures. The certificates are shared. A memo begins as { 0 }. */
struct x509_memo {
	struct buf pem;         /* what was read last */
	STACK_OF(X509) * chain; /* owned; NULL: nothing yet */
};
int x509_chain_again(struct x509_memo *memo, const void *pem, size_t len,
		     STACK_OF(X509) * *chain, struct err *e);
void x509_memo_done(struct x509_memo *memo);

int x509_to_pem(X509 *cert, struct buf *pem, struct err *e);
/* One after the other; NULL: none. */
int x509_all_to_pem(const STACK_OF(X509) * certs, struct buf *pem, struct err *e);
int x509_to_der(X509 *cert, struct buf *der, struct err *e);

/* Names of unknown kinds do not make it fail: foreign certificates are read too. */
int x509_facts(X509 *cert, struct x509_facts *facts, struct err *e);
/* ... of the first certificate of `pem`. As x509_chain_from_pem(). */
int x509_facts_from_pem(const void *pem, size_t len, struct x509_facts *facts,
			struct err *e);

/*
 * The SANs of a certificate or a CSR, canonical; an owned array of *n with owned values, freed by
 * x509_names_free(). ERR_PROTO for a kind that we do not know (otherName, ...).
 */
int x509_names(X509 *cert, struct name **names, size_t *n, struct err *e);
int x509_csr_names(X509_REQ *csr, struct name **names, size_t *n, struct err *e);
void x509_names_free(struct name *names, size_t n);

/* "CN=Lab CA,O=Example", RFC 4514, for people; owned. */
char *x509_subject(X509 *cert);
char *x509_issuer(X509 *cert);

/* The serial number in decimal, as APIs in JSON want it; the caller's. */
int x509_serial_decimal(X509 *cert, char **decimal, struct err *e);

/* Unix seconds of an ASN1_TIME. */
int x509_time(const ASN1_TIME *t, int64_t *at, struct err *e);
