/*
 * local_ext: the extensions (RFC 5280 4.2) that the embedded CA puts into what it
 * signs, built from structures: no text is parsed, so no name can become syntax.
 * All of them fail with ERR_SYS only, unless said.
 */
#pragma once

#include <stddef.h>

#include <openssl/x509v3.h>

struct err;
struct name;

/* basicConstraints, critical. `path_length` of a CA: -1 is not limited. */
int local_ext_leaf(X509 *cert, struct err *e);
int local_ext_ca(X509 *cert, int path_length, struct err *e);

/* keyUsage, critical; `bits` as OpenSSL's KU_*, of the first eight. */
int local_ext_key_usage(X509 *cert, unsigned bits, struct err *e);

/* extKeyUsage; `usage` as USAGE_*. */
int local_ext_usage(X509 *cert, unsigned usage, struct err *e);

/* subjectKeyIdentifier of the key that is already in `cert`. */
int local_ext_ski(X509 *cert, struct err *e);

/* authorityKeyIdentifier: the issuer's subjectKeyIdentifier. */
int local_ext_aki(X509 *cert, X509 *issuer, struct err *e);
int local_ext_crl_aki(X509_CRL *crl, X509 *issuer, struct err *e);

/* subjectAltName, critical since the subject is empty. ERR_REFUSED: no such name. */
int local_ext_names(X509 *cert, const struct name *names, size_t n, struct err *e);

/* cRLDistributionPoints. */
int local_ext_crl_url(X509 *cert, const char *url, struct err *e);
