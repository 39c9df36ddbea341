/*
 * pending: the key that waits for its certificate.
 *
 *     <root>/archive/web/.pending       PKCS#8 PEM, 0600, the keeper's; behind it the request
 *                                       for that key, where a CA wants the same one again
 *
 * A key is durable before its CSR is asked for, and one is made per order: a retry
 * uses the one that is there. It becomes part of the generation that is installed with
 * it, and is removed then (pending_drop()). Nothing live ever changes here.
 *
 *     <root>/archive/web/next.tlsa      "3 1 1 HEX\n", 0644
 *
 * A key may also be made long before its order (next_key), for then a TLSA record of it
 * (RFC 6698 2.1: DANE-EE, SubjectPublicKeyInfo, SHA-256) can be in DNS, and the old one
 * have left all caches, before the certificate changes (RFC 7671 8.1). What the record has
 * to say is there for everybody, written after the key; it stays when the key does not
 * wait any more, until another one does: a generation that is not live yet may have it.
 */
#pragma once

#include <openssl/evp.h>

#include "base/csr.h"
#include "base/hash.h"
#include "base/key.h"

#define PENDING_HEX (2 * HASH_LEN + 1)

struct buf;
struct err;

enum pending_reuse {
	REUSE_NONE,
	REUSE_LIVE,      /* of the live generation */
	REUSE_ANNOUNCED, /* of the newest one, if it is not live and that was announced */
};

/*
 * The pending key of `name`, the caller's; *key is NULL if there is none of that type,
 * and one has to be made and kept. A copy of the key that is to be used again is kept now
 * if that is of the type. But for REUSE_LIVE, a pending key that is the live one's (a
 * crash came before pending_drop()) is not used again. One that cannot be read as a key
 * gives way to a new one.
 */
int pending_find(int root, const char *name, enum key_type type,
		 enum pending_reuse reuse, EVP_PKEY **key, struct err *e);

/* Make the key of this PEM the pending one: durable when this returns 0. */
int pending_keep(int root, const char *name, const struct buf *pem, struct err *e);

/* Only look: *key is NULL if there is none. */
int pending_load(int root, const char *name, EVP_PKEY **key, struct err *e);

/* ... at the request that is kept behind it: *csr is NULL if there is none. */
int pending_request(int root, const char *name, X509_REQ **csr, struct err *e);

/* Remove it, and what was announced unless that is to be done for the next one. Fine if
 * there is none. */
int pending_drop(int root, const char *name, bool announces, struct err *e);

/* Say which key waits, by its SubjectPublicKeyInfo in DER: durable when this returns 0. */
int pending_announce(int root, const char *name, const struct buf *spki, struct err *e);

/* The hash that was announced, in hex; "": none was, or what is there was not written by
 * pending_announce(). */
int pending_announced(int root, const char *name, char hex[PENDING_HEX], struct err *e);

/* Remove what a crash left of it, and what is as in pending_drop() if a crash came before
 * that. A key that was made stays, as the next order uses it, but for that of the newest
 * generation: it does not wait any more. */
int pending_sweep(int root, const char *name, bool announces, struct err *e);
