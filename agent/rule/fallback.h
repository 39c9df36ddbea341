/*
 * fallback: which issuer of its list a certificate is asked for. Pure.
 *
 * The first is asked until it fails for good, then the next, at once:
 *
 *     ERR_REFUSED                              it will not do this
 *     ERR_NET ERR_PROTO ERR_LIMIT ERR_TRUST    FALLBACK_FAILURES times in a row
 *     ERR_LATER                                by more than FALLBACK_LATER_S, or again and
 *                                              again for FALLBACK_DUE_S
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
#define FALLBACK_DUE_S    86400 /* "in a minute" each minute is no answer, either */

struct fallback {
	unsigned asked;    /* place in the list */
	unsigned failures; /* of that one, in a row */
};

/* Why the one that was asked has not issued. */
struct fallback_failure {
	int code;          /* enum err_code */
	int64_t wait_s;    /* ERR_LATER: so long */
	int64_t put_off_s; /* since its order was begun, or else since it was due */
	bool ordered;      /* there is one, which it may go on with */
};

/* The one of `n_issuers` that was asked has failed. True: another one is to be asked now.
 * What the last has begun is left only when it has put that off for FALLBACK_DUE_S. */
bool fallback_after(struct fallback *f, unsigned n_issuers,
		    const struct fallback_failure *why);
