/*
 * pending: the key that waits for its certificate.
 *
 *     <root>/archive/web/.pending       PKCS#8 PEM, 0600, the keeper's
 *
 * A key is durable before its CSR is asked for, and one is made per order: a retry
 * uses the one that is there. It becomes part of the generation that is installed with
 * it, and is removed then (pending_drop()). Nothing live ever changes here.
 */
#pragma once

#include <openssl/evp.h>

#include "base/key.h"

struct buf;
struct err;

/*
 * The pending key of `name`, the caller's; *key is NULL if there is none of that type,
 * and one has to be made and kept. With `reuse`, a copy of the live generation's key is
 * kept now if that is of the type. Without it, a pending key that is the live one's (a
 * crash came before pending_drop()) is not used again. One that cannot be read as a key
 * gives way to a new one.
 */
int pending_find(int root, const char *name, enum key_type type, int reuse,
		 EVP_PKEY **key, struct err *e);

/* Make the key of this PEM the pending one: durable when this returns 0. */
int pending_keep(int root, const char *name, const struct buf *pem, struct err *e);

/* Only look: *key is NULL if there is none. */
int pending_load(int root, const char *name, EVP_PKEY **key, struct err *e);

/* Remove it. Fine if there is none. */
int pending_drop(int root, const char *name, struct err *e);

/* Remove what a crash left of it. A key that was made stays, as the next order uses it,
 * but for that of the newest generation: it does not wait any more. */
int pending_sweep(int root, const char *name, struct err *e);
