/*
 * pending: the key that waits for its certificate.
 *
 *     <root>/archive/web/.pending/privkey.pem       0600, the keeper's
 *
 * A key is durable before its CSR is asked for, and one is made per order: a retry
 * uses the one that is there. It becomes part of the generation that is installed with
 * it, and is removed then. Nothing live ever changes here.
 */
#pragma once

#include <openssl/evp.h>

#include "base/key.h"

struct err;

/*
 * The pending key of `name`, made now if there is none of that type. With `reuse`, the
 * live generation's key is taken if it is of the type. The caller owns *key.
 */
int pending_key(int root, const char *name, enum key_type type, int reuse,
		EVP_PKEY **key, struct err *e);

/* Only look: *key is NULL if there is none. */
int pending_load(int root, const char *name, EVP_PKEY **key, struct err *e);

int pending_drop(int root, const char *name, struct err *e);
