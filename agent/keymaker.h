/*
 * keymaker: keys that take long are made in a child of the keeper, which signs meanwhile.
 *
 * An RSA key takes from 50 ms to seconds. The child is in the keeper's sandbox, has no
 * descriptor but the pipe that its key goes into, a limit on its time, and dies with the
 * keeper. This is the one fork of a role: what the supervisor starts would have to be
 * handed the key, and so would everything that is on the way.
 */
#pragma once

#include <sys/types.h>

#include <openssl/evp.h>

#include "base/key.h"

struct err;

#define KEYMAKERS_MAX    16
#define LIMIT_KEYMAKER_S 300 /* RSA-4096 takes a slow processor 60 s when unlucky */

struct keymaker {
	pid_t pid;
	int fd; /* owned: readable when it is done; -1: not begun */
};

/* How many are worth having at once: one for each processor, at most KEYMAKERS_MAX. */
unsigned keymaker_most(void);

int keymaker_start(enum key_type type, struct keymaker *k, struct err *e);

/* Its key, the caller's. ERR_SYS: it ended without one. *k has ended in any case. */
int keymaker_take(struct keymaker *k, EVP_PKEY **key, struct err *e);
