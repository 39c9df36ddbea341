/*
 * csr: requests for certificates (PKCS #10, RFC 2986).
 *
 * Ours say two things: this key, these names. No other extension, unless a CA has asked for
 * it: what else is in a certificate is for the CA to say. The subject is empty, or one of the names for a CA
 * that copies it: a subject that is empty takes a SAN that is critical (RFC 5280 4.2.1.6),
 * which not all of them know. Those of others are passed on as they are;
 * what they ask for is read by who holds no key.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

struct buf;
struct err;
struct name;

#define LIMIT_CSR_BYTES (48 * 1024) /* in PEM; 100 long names and RSA-4096 take 36 kB */

#define AUTO_CSR __attribute__((cleanup(csr_done_)))

static inline void csr_done_(X509_REQ **csr)
{
	X509_REQ_free(*csr);
}

/* Add the request in DER to `der`, signed by the key. ERR_REFUSED: no such name. */
int csr_make(EVP_PKEY *key, const struct name *names, size_t n, struct buf *der,
	     struct err *e);

/* What a request may say besides, where a protocol or a CA wants that; { 0 }: nothing. */
struct csr_asks {
	const X509_NAME *subject; /* NULL: none */
	const char
	    *challenge;    /* challengePassword (RFC 2985 5.4.1); NULL or "": none */
	uint32_t usages;   /* KU_* of OpenSSL, of CSR_USAGES; 0: not said */
	uint32_t purposes; /* bits of csr_purpose(); 0: not said */
};

/* What a leaf may be for (RFC 5280 4.2.1.3): nothing of a CA. */
#define CSR_USAGES    0xf8u
#define CSR_PURPOSES  0x1fu
#define CSR_CHALLENGE 64 /* bytes at most */

/* The bit of an extended key usage, by its NID; 0: we never ask for that one. */
uint32_t csr_purpose(int nid);

int csr_make_as(EVP_PKEY *key, const struct csr_asks *asks, const struct name *names,
		size_t n, struct buf *der, struct err *e);

/* common_name_of() as such a subject, the caller's; NULL: no name can be one. */
X509_NAME *csr_subject(const struct name *names, size_t n);

/* The first request in `pem`, the caller's. ERR_CONFIG, ERR_LIMIT: it is none; ERR_TRUST:
 * it is not signed by its own key. */
int csr_from_pem(const void *pem, size_t len, X509_REQ **csr, struct err *e);
int csr_to_pem(X509_REQ *csr, struct buf *pem, struct err *e);

/* The same of one in DER. ERR_PROTO: it is none. */
int csr_der_to_pem(const void *der, size_t len, struct buf *pem, struct err *e);

/*
 * The names that a CA takes it to ask for: its SANs, and the common name, where that is
 * not one of them (RFC 8555 7.4). As x509_csr_names(); ERR_CONFIG: it has none, or its
 * common name cannot be one.
 */
int csr_names(X509_REQ *csr, struct name **names, size_t *n, struct err *e);
