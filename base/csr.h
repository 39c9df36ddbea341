/*
 * csr: a request for a certificate (PKCS #10, RFC 2986) that says two things: this key,
 * these names. No subject, no other extension: what else is in a certificate is for the
 * CA to say.
 */
#pragma once

#include <stddef.h>

#include <openssl/evp.h>

struct buf;
struct err;
struct name;

/* Add the request in DER to `der`, signed by the key. ERR_REFUSED: no such name. */
int csr_make(EVP_PKEY *key, const struct name *names, size_t n, struct buf *der,
	     struct err *e);
