/*
 * schedule: when. Pure arithmetic on Unix seconds; nothing here asks a clock. It
 * saturates: no date and no count is too large for it.
 *
 * A certificate is renewed at t = notBefore + L·f - L·0.05·U, L its lifetime, f = 2/3,
 * or 1/2 where L < 10 d, U in [0,1) a hash of host and serial: drawn once, kept, never
 * rolled again, so that a fleet spreads out and a restart changes nothing. Where the
 * configuration says `before`, that long before the end takes the place of L - L·f.
 * Never later than notAfter - L/20, never earlier than notBefore + L·0.45. What had been
 * due when it came (its CA dates back, or gives what is left of another life) is renewed
 * halfway from there to its end, or the next one would be asked for at once, for ever.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct spec_cert;

/* The longest that a failure or a peer's Retry-After may hold a certificate back: a week,
 * the longest window of a public CA's rate limits, and a day. */
#define SCHEDULE_WAIT_MAX (8 * 86400)

/* U of the host `host_id` and the certificate with `serial`, in [0, 2^32). */
uint32_t schedule_draw(const char *host_id, const void *serial, size_t len);

/* The renewal moment. `before` of the spec is clamped to half of the lifetime;
 * *clamped, if not NULL, says whether that happened. A certificate that ends before it
 * begins is renewed when it ends. */
int64_t schedule_renew_at(const struct spec_cert *spec, int64_t not_before,
			  int64_t not_after, uint32_t draw, int *clamped);

/* The same of what came at `came_at`, and would be renewed at `at`. A day that is to come yet
 * (the clock was wrong then) says nothing. */
int64_t schedule_settled_at(int64_t at, int64_t came_at, int64_t not_after,
			    int64_t now);

/* The point of [start, end), start < end, that `draw` chooses: what the CA suggests
 * (RFC 9773) takes the place of the formula. */
int64_t schedule_point(int64_t start, int64_t end, uint32_t draw);

/* notAfter - L/20: no renewal moment is later. */
int64_t schedule_last_at(int64_t not_before, int64_t not_after);

/* The renewal moment of a certificate that was made live by hand at `now`: its own, or if
 * that has passed (it had been renewed for its age) its last one, for a roll-back that
 * the next pass undid would be none. */
int64_t schedule_rolled_back_at(int64_t renew_at, int64_t not_before, int64_t not_after,
				int64_t now);

/*
 * When to try again after the n-th failure in a row (n >= 1) of class `code`
 * (enum err_code); `draw` is seeded by the caller (schedule_draw() of the name will do).
 *
 *     ERR_SYS ERR_NET ERR_HOOK          min(60 s * 2^n, 6 h, remaining/8) +-25 %
 *     ERR_PROTO ERR_LIMIT ERR_TRUST     min(1 h * 2^(n-1), 24 h, remaining/8) +-25 %
 *     ERR_REFUSED ERR_CONFIG            min(24 h, max(remaining/8, 1 h)): what somebody has
 *                                       mended is found out before it is too late
 *     ERR_BUSY                          5 s to 10 s
 *
 * At least 60 s but for ERR_BUSY. `remaining` is not_after - now. `not_after` 0: nothing
 * is at stake yet, and nothing is bound by it; in the past: 1 h in place of remaining/8,
 * which brings the service back soon and does not wear out a CA for weeks. ERR_LATER has
 * its own time, see schedule_later_at(); here it counts as ERR_NET.
 */
int64_t schedule_retry_at(int code, unsigned n, int64_t now, int64_t not_after,
			  uint32_t draw);

/* The next moment after `now` of what is done every `every_s` (at least 1) seconds: always
 * at the same place of that span, which `draw` chooses. From an hour on whole hours count,
 * and it is never in the first minute of one, when all the world does what is done each
 * hour. */
int64_t schedule_turn_at(int64_t every_s, uint32_t draw, int64_t now);

/* What is to be done at `at`, and is by all others too: a wait of an hour or more is made
 * up to a sixth longer, and does not end in the first minute of an hour. */
int64_t schedule_spread(int64_t at, uint32_t draw, int64_t now);

/* The time that a peer asked for with ERR_LATER, not before the next second and at most
 * SCHEDULE_WAIT_MAX from now: what it says is obeyed, but not for ever. */
int64_t schedule_later_at(int64_t asked, int64_t now);

/* When to come back to what has waited since `since`, in Unix ms, if the peer says
 * `asked_ms`. A peer that says "in a second" for a day is not asked each second of it: after
 * the first minute a tenth of the time that it has taken so far, at most an hour, is the
 * least, so that nobody learns of the end later than by that tenth. */
int64_t schedule_poll_at_ms(int64_t asked_ms, int64_t since, int64_t now_ms);
