/*
 * schedule: when. Pure arithmetic on Unix seconds; nothing here asks a clock.
 *
 * A certificate is renewed at t = notBefore + L·f - L·0.05·U, L its lifetime, f = 2/3,
 * or 1/2 where L < 10 d, U in [0,1) a hash of host and serial: drawn once, kept, never
 * rolled again, so that a fleet spreads out and a restart changes nothing. Never later
 * than notAfter - L/20.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct spec_cert;

/* U of the host `host_id` and the certificate with `serial`, in [0, 2^32). */
uint32_t schedule_draw(const char *host_id, const void *serial, size_t len);

/* The renewal moment. `before` of the spec is clamped to half of the lifetime;
 * *clamped, if not NULL, says whether that happened. */
int64_t schedule_renew_at(const struct spec_cert *spec, int64_t not_before,
			  int64_t not_after, uint32_t draw, int *clamped);

/*
 * When to try again after the n-th failure in a row (n >= 1) of class `code`
 * (enum err_code): transient ones min(60 s * 2^n, 6 h, remaining/8) +-25 % by `draw`,
 * at least 60 s, saturating for any n; ERR_REFUSED and ERR_CONFIG 24 h; ERR_PROTO and
 * ERR_LIMIT back off from 1 h. `not_after` 0: nothing is at stake yet.
 */
int64_t schedule_retry_at(int code, unsigned n, int64_t now, int64_t not_after,
			  uint32_t draw);
