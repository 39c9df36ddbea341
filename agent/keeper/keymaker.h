/*
 * keymaker: keys that take long are made in a child of the keeper, which signs meanwhile.
 * An RSA key takes from 50 ms to seconds.
 */
#pragma once

#include <openssl/evp.h>

#include "agent/keeper/child.h"
#include "base/key.h"

struct err;

#define KEYMAKERS_MAX    16
#define LIMIT_KEYMAKER_S 300 /* RSA-4096 takes a slow processor 60 s when unlucky */

/* How many are worth having at once: one for each processor, at most KEYMAKERS_MAX. */
unsigned keymaker_most(void);

int keymaker_start(enum key_type type, struct child *k, struct err *e);

/* Its key, the caller's. ERR_SYS: it ended without one. *k has ended in any case. */
int keymaker_take(struct child *k, EVP_PKEY **key, struct err *e);
