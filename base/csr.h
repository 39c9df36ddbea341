/*
 * csr: requests for certificates (PKCS #10, RFC 2986).
 *
 * Ours say two things: this key, these names. No subject, no other extension: what else
 * is in a certificate is for the CA to say. Those of others are passed on as they are;
 * what they ask for is read by who holds no key.
 */
#pragma once

#include <stddef.h>

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

/* The first request in `pem`, the caller's. ERR_CONFIG, ERR_LIMIT: it is none; ERR_TRUST:
 * it is not signed by its own key. */
int csr_from_pem(const void *pem, size_t len, X509_REQ **csr, struct err *e);
int csr_to_pem(X509_REQ *csr, struct buf *pem, struct err *e);

/*
 * The names that a CA takes it to ask for: its SANs, and the common name, where that is
 * not one of them (RFC 8555 7.4). As x509_csr_names(); ERR_CONFIG: it has none, or its
 * common name cannot be one.
 */
int csr_names(X509_REQ *csr, struct name **names, size_t *n, struct err *e);
