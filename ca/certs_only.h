/*
 * certs_only: certificates as a SignedData of PKCS #7 that nobody has signed and that says
 * nothing else, in base64.
 *
 * It is how EST sends them (RFC 7030 4.1.3, 4.2.3: a certs-only CMC Simple PKI Response).
 * What it is called is not looked at, but whether it can be read as one; lines may end as
 * they like, and be as long (RFC 8951 3).
 */
#pragma once

#include <openssl/x509.h>

struct buf;
struct err;

#define LIMIT_CERTS_ONLY \
	50 /* a CA sends itself, those above it, and those it has been */

/* Add the certificates of `body` to `certs`. ERR_PROTO: it is no such thing, or has none;
 * ERR_LIMIT. */
int certs_only_read(const struct buf *body, STACK_OF(X509) * certs, struct err *e);
