/*
 * ledger: what an issuer counts, and when the next order may be: nothing is asked for that
 * it would refuse, and that would keep it from giving what matters tomorrow.
 *
 *     orders     of the account; not renewals of the same names
 *     set        of exactly the same names
 *     failures   of a name; where the CA does not say of which one an order has failed, each
 *                name of its certificate counts
 *
 * An order is counted when its URL is committed, or not at all. What replaces another in
 * the window that its CA suggests is not counted and not held back: that is what public CAs
 * do (RFC 9773). Per registered domain nothing is counted: where a domain is
 * registered is only known from a list that grows old.
 *
 * What is held back is no failure: the job is parked, or the next issuer is asked if that
 * takes long. Who asks with --force is not held back.
 */
#pragma once

#include <stdint.h>

struct agent;
struct err;
struct name_set;

/* What has `place` others before it has to wait for the one that `*back` others came
 * after, and for *more_s besides: of a limit of `most` in `span_s`, most > 0. */
void ledger_place(uint32_t place, uint32_t most, int64_t span_s, uint32_t *back,
		  int64_t *more_s);

/* ERR_LATER, with when and why: an order of certificate `i`, without the names `out`, would
 * be one too many. */
int ledger_hold(struct agent *a, uint32_t i, uint32_t issuer,
		const struct name_set *out, struct err *e);

/* There is one, it is committed with it. */
int ledger_ordered(struct agent *a, uint32_t i, uint32_t issuer,
		   const struct name_set *out, struct err *e);

/* It has failed at what the CA looked at: these names, NULL: it has not said which. */
int ledger_failed(struct agent *a, uint32_t i, uint32_t issuer,
		  const struct name_set *names, struct err *e);
