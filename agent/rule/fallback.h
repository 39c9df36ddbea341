/*
 * fallback: which issuer of its list a certificate is asked for. Pure.
 *
 * The first is asked until it fails for good, then the next, at once:
 *
 *     ERR_REFUSED                              it will not do this
 *     ERR_NET ERR_PROTO ERR_LIMIT ERR_TRUST    FALLBACK_FAILURES times in a row
 *     ERR_LATER                                by more than FALLBACK_LATER_S
 *     ERR_CONFIG and what is wrong with us     never: another one would not mend that
 *
 * After the last it is the first one's turn, but when the schedule says so. Which one it
 * is outlives restarts; a certificate that was issued brings the first back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FALLBACK_FAILURES 3
#define FALLBACK_LATER_S  3600

struct fallback {
	unsigned asked;    /* place in the list */
	unsigned failures; /* of that one, in a row */
};

/* The one of `n_issuers` that was asked has failed by `code` (enum err_code); ERR_LATER
 * says to wait for `wait_s`. True: another one is to be asked now. */
bool fallback_after(struct fallback *f, unsigned n_issuers, int code, int64_t wait_s);
