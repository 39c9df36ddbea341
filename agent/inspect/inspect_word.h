/* inspect_word: parts of certificates as people read them. What is returned is owned. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

char *word_dn(const X509_NAME *dn); /* RFC 4514; "(no name)" for an empty one */
char *word_serial(const ASN1_INTEGER *serial); /* upper-case hex */
char *word_signature(int nid);
char *word_fingerprint(const X509 *cert); /* SHA-256, hex */

/* "server", "client", "email", "code", ...; an array of *n strings, none: for all. */
char **word_usages(X509 *cert, size_t *n);

/* Where its issuer's certificate and its CRL are offered: caIssuers of RFC 5280 4.2.2.1,
 * distribution points of 4.2.1.13. */
char **word_issuer_urls(X509 *cert, size_t *n);
char **word_crl_urls(X509 *cert, size_t *n);

/* It says that it is a CA, or is so old that it does not say. */
bool word_is_ca(X509 *cert);
/* Issuer and subject are the same, and it is signed by its own key. */
bool word_is_root(X509 *cert);
