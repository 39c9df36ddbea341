/* crl: reading and writing certificate revocation lists (RFC 5280 5). */
#pragma once

#include <stddef.h>

#include <openssl/x509.h>

struct buf;
struct err;

#define LIMIT_CRL_BYTES \
	(32 * 1024 * 1024) /* 1,000,000 entries; takes 265 MiB to read */

#define AUTO_CRL __attribute__((cleanup(crl_done_)))

static inline void crl_done_(X509_CRL **crl)
{
	X509_CRL_free(*crl);
}

/* The first CRL of `pem`. The caller owns *crl. ERR_PROTO, ERR_LIMIT. */
int crl_from_pem(const void *pem, size_t len, X509_CRL **crl, struct err *e);
int crl_to_pem(const X509_CRL *crl, struct buf *pem, struct err *e);
int crl_to_der(X509_CRL *crl, struct buf *der, struct err *e);
