/*
 * est_attrs: what an EST server wants in a request, its CSR attributes (RFC 7030 4.5.2, RFC
 * 9908): a list of object identifiers and of attributes with values.
 *
 *     est_attrs_read(&a, body)     { 0 } before; what is none wants nothing
 *     est_attrs_asks(&a, &asks)    what the request is made with
 *     est_attrs_unmet(&a, csr, &words)
 *
 * Asked for are a challenge password, which binds the request to its connection (3.5), and
 * in an extensionRequest the usages of the key that a leaf may have. The names and the key
 * are the configuration's: what is wanted of them, and all else, is only held against the
 * request, and what it has not is told by name. The CA decides what that means.
 */
#pragma once

#include <stdbool.h>

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include "base/csr.h"

struct buf;
struct err;

#define LIMIT_EST_ATTRS 100

struct est_attrs {
	ASN1_SEQUENCE_ANY *all; /* owned; NULL: nothing is wanted */
};

/* ERR_PROTO: it is none. */
int est_attrs_read(struct est_attrs *a, const struct buf *body, struct err *e);
void est_attrs_done(struct est_attrs *a);

/* Whether the request is to be bound to its connection. */
bool est_attrs_bind(const struct est_attrs *a);
void est_attrs_asks(const struct est_attrs *a, struct csr_asks *asks);

/* Add to `words` what is wanted and is not in the request, "a, b". */
void est_attrs_unmet(const struct est_attrs *a, X509_REQ *csr, struct buf *words);
