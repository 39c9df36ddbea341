/*
 * schedule: nothing that is done again and again is done by all at once. Of 10,000
 * certificates, or as many hosts, no minute of the hour gets more than three times its
 * share, and the first is not preferred: it is when everybody else's timers go off. Nor do
 * five minutes of what began at once on one host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/alarm_rule.h"
#include "agent/role/spec.h"
#include "agent/rule/schedule.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define H       INT64_C(3600)
#define D       (24 * H)
#define ON_HOUR (INT64_C(1795235000) / 3600 * 3600) /* where it would show */

enum { MANY = 10000, MINUTES = 60, SHARE = MANY / MINUTES, SEEDS = 20 };

#define FIVE_MINUTES 300

static const struct spec_cert plain;

/* When number `i` does it, by its draw. */
typedef int64_t moment(uint32_t draw);

static void spreads(const char *what, moment *at, bool never_on_the_hour)
{
	unsigned bins[MINUTES] = { 0 };

	for (int i = 0; i < MANY; i++) {
		char host[32];

		snprintf(host, sizeof(host), "host-%d", i);
		bins[at(schedule_draw(host, "www", 3)) % H / 60]++;
	}
	for (int k = 0; k < MINUTES; k++)
		if (bins[k] > 3 * SHARE)
			fail_msg("%s: %u of %d in minute %d", what, bins[k], MANY, k);
	if (bins[0] > SHARE * 3 / 2 || (never_on_the_hour && bins[0] > 0))
		fail_msg("%s: %u of %d on the hour", what, bins[0], MANY);
}

static int64_t renewed(uint32_t draw)
{
	return schedule_renew_at(&plain, ON_HOUR, ON_HOUR + 90 * D, draw, NULL);
}

static int64_t renewed_of_six_days(uint32_t draw)
{
	return schedule_renew_at(&plain, ON_HOUR, ON_HOUR + 6 * D, draw, NULL);
}

static int64_t renewed_in_a_window(uint32_t draw)
{
	return schedule_point(ON_HOUR, ON_HOUR + 3 * H, draw);
}

static int64_t tried_again(uint32_t draw)
{
	return schedule_retry_at(ERR_NET, 9, ON_HOUR, 0, draw);
}

static int64_t each_hour(uint32_t draw)
{
	return schedule_turn_at(H, draw, ON_HOUR);
}

static int64_t each_day(uint32_t draw)
{
	return schedule_turn_at(D, draw, ON_HOUR);
}

static int64_t each_seven_hours(uint32_t draw)
{
	return schedule_turn_at(7 * H + 1, draw, ON_HOUR);
}

static int64_t each_ten_minutes(uint32_t draw)
{
	return schedule_turn_at(600, draw, ON_HOUR + draw % 6 * 600);
}

/* All were told by their CA, on the hour, to come again in six hours; all hosts have told
 * of the same, and do so again each day. */
static int64_t asked_again(uint32_t draw)
{
	return schedule_spread(ON_HOUR + 6 * H, draw, ON_HOUR);
}

static int64_t told_again(uint32_t draw)
{
	return schedule_spread(ON_HOUR + ALARM_REPEAT_S, draw, ON_HOUR);
}

static void no_minute_of_the_hour_is_preferred(void **state)
{
	static const struct {
		const char *what;
		moment *at;
		bool never_on_the_hour;
	} rows[] = {
		{ "renewals of 90 days", renewed, false },
		{ "renewals of six days", renewed_of_six_days, false },
		{ "renewals in a window", renewed_in_a_window, false },
		{ "attempts after failures", tried_again, false },
		{ "questions to a CA", asked_again, true },
		{ "alarms", told_again, true },
		{ "each hour", each_hour, true },
		{ "each day", each_day, true },
		{ "each seven hours", each_seven_hours, true },
		{ "each ten minutes", each_ten_minutes, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		spreads(rows[i].what, rows[i].at, rows[i].never_on_the_hour);
}

/* What began in the same second on one host: the moments of `n` lives of `life` seconds, in
 * bins of five minutes. The last bin is not a whole one. */
static void bin_moments(unsigned *bins, int64_t life, int n, const char *host)
{
	const int64_t first =
	    ON_HOUR + life - life / (life < 10 * D ? 2 : 3) - life / 20;

	for (int i = 0; i < n; i++) {
		const int64_t at =
		    schedule_renew_at(&plain, ON_HOUR, ON_HOUR + life,
				      schedule_draw(host, &i, sizeof(i)), NULL);

		assert_in_range(at, first, first + life / 20);
		bins[(at - first) / FIVE_MINUTES]++;
	}
}

/* As many of each life that chance alone would not do it. */
static void no_five_minutes_get_more_than_three_times_their_share(void **state)
{
	static const struct {
		int64_t life;
		int n;
	} rows[] = { { 160 * H, MANY },
		     { 6 * D, MANY },
		     { 47 * D, MANY },
		     { 90 * D, 3 * MANY },
		     { 398 * D, 10 * MANY } };

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		const size_t n_bins = (size_t)(rows[r].life / 20 / FIVE_MINUTES) + 1;

		for (int seed = 0; seed < SEEDS; seed++) {
			AUTO_FREE unsigned *bins = xcalloc(n_bins, sizeof(*bins));
			char host[32];

			snprintf(host, sizeof(host), "host-%d", seed);
			bin_moments(bins, rows[r].life, rows[r].n, host);
			for (size_t k = 0; k < n_bins; k++)
				if (bins[k] * n_bins > 3u * (unsigned)rows[r].n)
					fail_msg("%lld h, seed %d: %u of %d in bin %zu "
						 "of %zu",
						 (long long)(rows[r].life / H), seed,
						 bins[k], rows[r].n, k, n_bins);
		}
	}
}

static void a_day_is_used_as_a_whole(void **state)
{
	unsigned hours[24] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		hours[each_day(schedule_draw("host", &i, sizeof(i))) % D / H]++;
	for (int k = 0; k < 24; k++)
		assert_in_range(hours[k], MANY / 24 / 2, MANY / 24 * 2);
}

static void a_turn_comes_at_its_place_again_and_again(void **state)
{
	static const int64_t spans[] = { 10, 60, 600, H, 7 * H, D, 365 * D };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		const int64_t every = spans[i % (sizeof(spans) / sizeof(*spans))];
		const uint32_t draw = schedule_draw("host", &i, sizeof(i));
		const int64_t first = schedule_turn_at(every, draw, ON_HOUR + i);
		const int64_t second = schedule_turn_at(every, draw, first);

		if (first <= ON_HOUR + i || first > ON_HOUR + i + every ||
		    second != first + every ||
		    schedule_turn_at(every, draw, first - 1) != first)
			fail_msg("number %u, each %lld s: %lld, %lld", i,
				 (long long)every, (long long)first, (long long)second);
	}
}

static void what_is_spread_is_never_earlier_nor_much_later(void **state)
{
	static const int64_t waits[] = { 0, 1, 60, H - 1, H, 6 * H, D };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		const int64_t wait = waits[i % (sizeof(waits) / sizeof(*waits))];
		const int64_t at =
		    schedule_spread(ON_HOUR + wait,
				    schedule_draw("host", &i, sizeof(i)), ON_HOUR);

		if (at < ON_HOUR + wait || at > ON_HOUR + wait + wait / 6 + H ||
		    (wait < H && at != ON_HOUR + wait))
			fail_msg("number %u, %lld s: %lld s", i, (long long)wait,
				 (long long)(at - ON_HOUR));
	}
	assert_true(schedule_spread(INT64_MAX, UINT32_MAX, 0) == INT64_MAX);
	assert_true(schedule_spread(INT64_MIN, UINT32_MAX, 0) == INT64_MIN);
	assert_true(schedule_spread(0, UINT32_MAX, INT64_MIN) > 0);
}

static void no_clock_is_too_wrong_for_a_turn(void **state)
{
	static const int64_t clocks[] = { INT64_MIN, -1, 0, 1, INT64_MAX - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++)
		assert_true(schedule_turn_at(H, UINT32_MAX, clocks[i]) > clocks[i]);
	assert_true(schedule_turn_at(H, 0, INT64_MAX) == INT64_MAX);
	assert_true(schedule_turn_at(INT64_MIN, 0, 7) == 8);
	assert_true(schedule_turn_at(INT64_MAX, UINT32_MAX, 7) > 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_minute_of_the_hour_is_preferred),
		cmocka_unit_test(no_five_minutes_get_more_than_three_times_their_share),
		cmocka_unit_test(a_day_is_used_as_a_whole),
		cmocka_unit_test(a_turn_comes_at_its_place_again_and_again),
		cmocka_unit_test(what_is_spread_is_never_earlier_nor_much_later),
		cmocka_unit_test(no_clock_is_too_wrong_for_a_turn),
	};

	return cmocka_run_group_tests_name("jitter", tests, NULL, NULL);
}
