/*
 * spki: the public key of a certificate as bytes, without reading the rest of it.
 *
 * To read a certificate makes OpenSSL build its key, which takes as long as four
 * signatures. Who only asks whether it is for a given key compares the
 * SubjectPublicKeyInfo (RFC 5280 4.1): its DER is the same in both, or it is another one.
 */
#pragma once

#include <stddef.h>

struct buf;
struct err;

/* The SubjectPublicKeyInfo of the first certificate in `pem`, appended to `spki`; nothing
 * else of that certificate has been looked at. ERR_PROTO, ERR_LIMIT. */
int spki_of_pem(const void *pem, size_t len, struct buf *spki, struct err *e);

/* That of the first request (RFC 2986 4.1) in `pem`; and all of it in DER, to `der`. */
int spki_of_csr(const void *pem, size_t len, struct buf *der, struct buf *spki,
		struct err *e);
