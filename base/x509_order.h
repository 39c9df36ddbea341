/*
 * x509_order: a chain in the order that TLS wants (RFC 8446 4.4.2), whatever order a CA
 * has sent it in.
 *
 * The leaf is the one that is for the given key, wherever it stands; behind each comes the
 * one that has issued it, by name and key identifier (RFC 5280 4.1.2.4, 4.2.1.1). What has
 * no place there stays behind all others, for whoever verifies the chain to find. One that
 * is in order is left as it is.
 */
#pragma once

#include <stddef.h>

#include <openssl/x509.h>

/* `spki` is the SubjectPublicKeyInfo of the key, in DER. Returns how many are in their place:
 * the leaf and what leads on from it; 0: none is for that key. */
int x509_order(STACK_OF(X509) * chain, const void *spki, size_t len);
