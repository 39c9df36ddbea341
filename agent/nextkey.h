/*
 * nextkey: the key of the next renewal, made when the last one has ended (next_key).
 *
 * Who checks by DANE (RFC 6698) trusts the key that a TLSA record names, and sees a new
 * record only when the old one has left the caches: so the next key is there, and its
 * record can be published, long before the certificate changes (RFC 7671 8.1). It is the
 * key that waits (store/pending.h): the next order takes what is there, whatever the
 * reason for it, a revocation too, as this key has not been in use yet. A change of `key`
 * throws it away, and that is said.
 *
 * The keeper is asked once for each certificate when all else about it is quiet, and
 * again after each change of what is live; while a rolled back generation is held, that
 * one's key is the next. What cannot be made now is tried again in an hour. No other
 * certificate waits for it, and who is told to stop does not either.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/pending.h"

struct agent;
struct buf;

/* cert.next_key */
enum nextkey {
	NEXTKEY_UNKNOWN, /* the keeper is to be asked, if there is to be one */
	NEXTKEY_ASKING,  /* nothing else is decided meanwhile */
	NEXTKEY_WAITS,
	NEXTKEY_FAILED,
};

/* See to the one of certificate `i`, which is not due; it may be in ASKING then. When it is
 * to be looked at again, INT64_MAX: not for that. */
int64_t nextkey_look(struct agent *a, uint32_t i, int64_t now);

/* The hash that was announced for `i`, in hex; "": none. What cannot be read is logged. */
void nextkey_announced(const struct agent *a, uint32_t i, char hex[PENDING_HEX]);

/* The renewal of `i` takes the key of this SubjectPublicKeyInfo, when `announced` was to be
 * it: said if that is another one. */
void nextkey_taken(const struct agent *a, uint32_t i, const char *announced,
		   const struct buf *spki);
