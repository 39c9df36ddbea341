/*
 * crlwatch_rule: when to look for a newer CRL, and when the one that we have is old.
 *
 * CAs sign a new list long before the last one ends, and at once when they revoke: it is
 * looked for eight times in a list's life, and each CRL_LOOK_S at least. Half of its life
 * without a newer one is worth a warning, three quarters are critical: who is on duty
 * still has time before every client is refused.
 */
#pragma once

#include <stdint.h>

#include "ca/crl.h"

#define CRL_LOOK_S       (6 * 3600)
#define CRL_LOOK_LEAST_S 10

/* When to look again for what is newer than a list that lasts from `from` to `until`
 * (0: it does not say), after `now`. `draw` is schedule_draw()'s: hosts spread out. */
int64_t crl_look_at(int64_t from, int64_t until, int64_t now, uint32_t draw);

/* The least number that is taken in place of a list of `number` until `until` (0: for ever). One
 * that has ended helps nobody: a CA that was rebuilt and counts anew, against RFC 5280 5.2.3,
 * would never be believed again. By its thisUpdate what comes may still not be older. */
struct crl_number crl_floor(const struct crl_number *number, int64_t until,
			    int64_t now);

/* How old: in order of how bad that is. */
enum crl_age {
	CRL_FRESH,
	CRL_LATE, /* half of its life is over */
	CRL_OLD,  /* three quarters */
	CRL_OVER, /* it has ended: servers refuse everybody */
};

/* *next: when it is older, INT64_MAX: never. */
enum crl_age crl_age(int64_t from, int64_t until, int64_t now, int64_t *next);

/* How old is what servers have of it, a list of `loaded_until` (0: none), while one that
 * lasts from `from` to `until` is on disk: told when they should have read that long ago
 * (crl_load_at()) and a quarter of a life is left. *next as above. */
enum crl_age crl_loaded_age(int64_t loaded_until, int64_t from, int64_t until,
			    int64_t now, int64_t *next);

/* When servers have to read a list that lasts from `from` to `until` in place of one of
 * `loaded_until` that revokes the same: when half of such a life is left. INT64_MAX: they
 * need not. A reload costs each of them time and memory, and most lists say what the one
 * before has said. */
int64_t crl_load_at(int64_t loaded_until, int64_t from, int64_t until);
