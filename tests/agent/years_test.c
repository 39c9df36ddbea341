/*
 * due, schedule: 400 days of 200 certificates that live 6 to 398 days, at a CA that fails
 * for an hour, for three days, for two months. What must come of it is said here without
 * due(): where the CA was up for an hour in the last third of a life, that life was not
 * the last; no life is replaced twice, nor before half of it is over; and a CA that is
 * down is not asked more often than the back-off allows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/role/spec.h"
#include "agent/rule/due.h"
#include "agent/rule/schedule.h"
#include "base/err.h"

#define H     INT64_C(3600)
#define D     (24 * H)
#define START INT64_C(1795235000) /* 2026-11-21 */
#define END   (START + 400 * D)
#define NAMES 0x5ca1ab1eu

enum { CERTS = 200, SEEDS = 100, OUTAGES = 64 };

struct outage {
	int64_t from, until;
};

/* A CA that is down now and then; between two times it is up for half a day at least. */
struct weather {
	struct outage outages[OUTAGES];
	size_t n;
};

struct host {
	const struct weather *weather;
	struct spec_cert spec;
	uint32_t issuer;
	struct cert cert;
	int64_t life;
	uint32_t seed;
	unsigned n_issued;
	unsigned n_failed; /* since the last one */
	int64_t failed_at; /* first of these */
};

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed;
}

static struct weather make_weather(int64_t length, int64_t most_between, uint32_t seed)
{
	struct weather w = { .n = 0 };
	int64_t at = START;

	while (w.n < OUTAGES) {
		at += 12 * H + draw(&seed) % (uint32_t)most_between;
		w.outages[w.n++] = (struct outage){ at, at + length };
		at += length;
	}
	return w;
}

static bool is_up(const struct weather *w, int64_t at)
{
	for (size_t i = 0; i < w->n; i++)
		if (at >= w->outages[i].from && at < w->outages[i].until)
			return false;
	return true;
}

/* For an hour without a break. */
static bool was_up(const struct weather *w, int64_t from, int64_t until)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->outages[i].until <= from)
			continue;
		if (w->outages[i].from >= from + H || w->outages[i].from >= until)
			break;
		from = w->outages[i].until;
	}
	return from + H <= until;
}

/* Its last third had an hour in which it could have been replaced. */
static void check_end(const struct host *h, int64_t now)
{
	const struct cert *c = &h->cert;
	const int64_t third = c->not_after - (c->not_after - c->not_before) / 3;

	if (h->n_issued > 0 && now > c->not_after &&
	    was_up(h->weather, third, c->not_after))
		fail_msg("a life of %lld h expired, and the CA was up",
			 (long long)(h->life / H));
}

static void check_begin(const struct host *h, int64_t now)
{
	const struct cert *c = &h->cert;

	if (h->n_issued > 0 &&
	    now < c->not_before + (c->not_after - c->not_before) * 45 / 100)
		fail_msg("a life of %lld h was replaced after %lld h",
			 (long long)(h->life / H),
			 (long long)((now - c->not_before) / H));
}

/* n failures with waits of 60 s·2^k, at least 60 s, at most 6 h, less where little is
 * left: whoever is down for long is asked every few hours, or, in the last hours and after
 * the end, each minute and each hour. */
static void check_rate(const struct host *h, int64_t now)
{
	const int64_t hours = (now - h->failed_at) / H;

	if (h->n_failed > 100 + (unsigned)hours * 2)
		fail_msg("%u attempts in %lld h", h->n_failed, (long long)hours);
}

static void issue(struct host *h, int64_t now)
{
	struct cert *c = &h->cert;

	check_end(h, now);
	check_begin(h, now);
	*c = (struct cert){ .not_before = now - H, /* as some CAs do */
			    .not_after = now - H + h->life,
			    .names_hash = NAMES,
			    .generation = c->generation + 1,
			    .flags = CERT_PRESENT,
			    .key = KEY_ECDSA_P256,
			    .usage = USAGE_SERVER };
	c->renew_at = schedule_renew_at(&h->spec, c->not_before, c->not_after,
					draw(&h->seed), NULL);
	h->n_issued++;
	h->n_failed = 0;
}

static void fail_once(struct host *h, int64_t now)
{
	struct cert *c = &h->cert;

	if (h->n_failed++ == 0)
		h->failed_at = now;
	c->failures++;
	c->retry_at =
	    schedule_retry_at(ERR_NET, c->failures, now, c->not_after, draw(&h->seed));
	assert_true(c->retry_at >= now + 60);
	check_rate(h, now);
}

static void live(struct host *h)
{
	for (int64_t now = START; now < END;) {
		struct due d = due(&h->spec, &h->issuer, &h->cert, now);

		assert_true(d.at >= now && d.why != WHY_NONE);
		if (d.at > now)
			now = d.at;
		else if (is_up(h->weather, now))
			issue(h, now);
		else
			fail_once(h, now);
	}
	check_end(h, END);
}

/* A renewal for each half of a life, and no more. */
static void check_count(const struct host *h)
{
	const int64_t most = (END - START) * 100 / (h->life * 44) + 2;

	if (h->n_issued < 1 || h->n_issued > most)
		fail_msg("%u certificates of %lld h, expected 1 to %lld", h->n_issued,
			 (long long)(h->life / H), (long long)most);
}

static void years_of(int64_t outage, int64_t most_between)
{
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct weather w = make_weather(outage, most_between, seed);

		for (int i = 0; i < CERTS; i++) {
			struct host h = {
				.weather = &w,
				.spec = { .names_hash = NAMES,
					  .issuers = { .n = 1 },
					  .key = KEY_ECDSA_P256,
					  .usage = USAGE_SERVER },
				.life = 6 * D + i * (398 - 6) * D / (CERTS - 1),
				.seed = seed * 7919u + (uint32_t)i,
			};

			live(&h);
			check_count(&h);
		}
	}
}

static void hours_without_a_CA_cost_nothing(void **state)
{
	(void)state;
	years_of(H, 10 * D);
}

static void days_without_a_CA_cost_only_lives_that_are_as_short(void **state)
{
	(void)state;
	years_of(3 * D, 20 * D);
}

static void after_months_without_a_CA_all_is_had_again(void **state)
{
	(void)state;
	years_of(60 * D, 60 * D);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hours_without_a_CA_cost_nothing),
		cmocka_unit_test(days_without_a_CA_cost_only_lives_that_are_as_short),
		cmocka_unit_test(after_months_without_a_CA_all_is_had_again),
	};

	return cmocka_run_group_tests_name("years", tests, NULL, NULL);
}
