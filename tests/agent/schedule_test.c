/* schedule: when, for any lifetime, any draw and any number of failures. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/role/spec.h"
#include "agent/rule/schedule.h"
#include "base/err.h"

#define M    60LL
#define H    3600LL
#define D    86400LL
#define Y    (365 * D)
#define BORN 1795235000 /* 2026-11-21T04:23:20Z */

#define EARLIEST UINT32_MAX /* the draw that renews first */
#define MIDDLE   0x80000000u

static const struct spec_cert plain; /* says nothing of when */

static void the_moment_is_the_formula(void **state)
{
	static const struct {
		const char *name;
		int64_t life;
		uint32_t draw;
		int64_t before_s;
		uint32_t num;
		uint32_t den;
		int64_t at; /* since notBefore */
		int clamped;
	} rows[] = {
		{ "90d", 90 * D, 0, 0, 0, 0, 60 * D, 0 },
		{ "90d, half drawn", 90 * D, MIDDLE, 0, 0, 0, 60 * D - 54 * H, 0 },
		{ "90d, all drawn", 90 * D, EARLIEST, 0, 0, 0, 4795201, 0 },
		{ "10d", 10 * D, 0, 0, 0, 0, 576000, 0 },
		{ "10d less a second", 10 * D - 1, 0, 0, 0, 0, 432000, 0 },
		{ "6d", 6 * D, 0, 0, 0, 0, 3 * D, 0 },
		{ "5m", 5 * M, 0, 0, 0, 0, 150, 0 },
		{ "5m, half drawn", 5 * M, MIDDLE, 0, 0, 0, 143, 0 },
		{ "5m, all drawn", 5 * M, EARLIEST, 0, 0, 0, 136, 0 },
		{ "10y", 10 * Y, 0, 0, 0, 0, 210240000, 0 },
		{ "30d before", 90 * D, 0, 30 * D, 0, 0, 60 * D, 0 },
		{ "30d before, drawn", 90 * D, MIDDLE, 30 * D, 0, 0, 60 * D - 54 * H,
		  0 },
		{ "45d before", 90 * D, 0, 45 * D, 0, 0, 45 * D, 0 },
		{ "46d before", 90 * D, 0, 46 * D, 0, 0, 45 * D, 1 },
		{ "30d before of 5m", 5 * M, 0, 30 * D, 0, 0, 150, 1 },
		{ "for ever before", 90 * D, 0, INT64_MAX, 0, 0, 45 * D, 1 },
		{ "1h before", 90 * D, 0, H, 0, 0, 85 * D + 12 * H, 0 },
		{ "1h before, drawn", 90 * D, MIDDLE, H, 0, 0, 83 * D + 6 * H, 0 },
		{ "1/3 before", 90 * D, 0, 0, 1, 3, 60 * D, 0 },
		{ "1/2 before", 90 * D, 0, 0, 1, 2, 45 * D, 0 },
		{ "2/3 before", 90 * D, 0, 0, 2, 3, 45 * D, 1 },
		{ "9/1 before", 90 * D, 0, 0, 9, 1, 45 * D, 1 },
		{ "1/0 before", 90 * D, 0, 0, 1, 0, 60 * D, 0 },
		{ "1/4294967295 before", 90 * D, 0, 0, 1, UINT32_MAX, 85 * D + 12 * H,
		  0 },
		{ "no life", 0, MIDDLE, 0, 0, 0, 0, 0 },
		{ "a second of life", 1, MIDDLE, 0, 0, 0, 1, 0 },
		{ "ends before it begins", -D, MIDDLE, 0, 0, 0, -D, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct spec_cert spec = { .before_s = rows[i].before_s,
						.before_num = rows[i].num,
						.before_den = rows[i].den };
		int clamped = -1;
		int64_t at = schedule_renew_at(&spec, BORN, BORN + rows[i].life,
					       rows[i].draw, &clamped);

		if (at - BORN != rows[i].at || clamped != rows[i].clamped)
			fail_msg("%s: %" PRId64 ", clamped %d", rows[i].name, at - BORN,
				 clamped);
		assert_true(at == schedule_renew_at(&spec, BORN, BORN + rows[i].life,
						    rows[i].draw, NULL));
	}
}

static void what_was_due_when_it_came_is_renewed_halfway_to_its_end(void **state)
{
	static const struct {
		const char *name;
		int64_t at, came, end, now; /* since notBefore */
		int64_t settled;
	} rows[] = {
		{ "came as it began", 60 * D, 0, 90 * D, 0, 60 * D },
		{ "came a moment before", 60 * D, 60 * D - 1, 90 * D, 60 * D, 60 * D },
		{ "came at that moment", 60 * D, 60 * D, 90 * D, 60 * D, 75 * D },
		{ "dates back an hour of two", H, H, 2 * H, H, H + 30 * M },
		{ "came in its last hour", 19 * H, 19 * H, 20 * H, 20 * H,
		  19 * H + 30 * M },
		{ "a second is left", H, 2 * H - 1, 2 * H, 2 * H, 2 * H - 1 },
		{ "came as it ended", H, 2 * H, 2 * H, 2 * H, H },
		{ "came after its end", H, 3 * H, 2 * H, 3 * H, H },
		{ "comes in a second", 60 * D, 61 * D + 1, 90 * D, 61 * D,
		  75 * D + 12 * H },
		{ "comes in days", 60 * D, 80 * D, 90 * D, 60 * D, 60 * D },
		{ "comes at the end of time", 60 * D, INT64_MAX - BORN, 90 * D, D,
		  60 * D },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t at =
		    schedule_settled_at(BORN + rows[i].at, BORN + rows[i].came,
					BORN + rows[i].end, BORN + rows[i].now);

		if (at != BORN + rows[i].settled)
			fail_msg("%s: %" PRId64, rows[i].name, at - BORN);
	}
	assert_true(schedule_settled_at(INT64_MIN, INT64_MIN, INT64_MAX, INT64_MAX) ==
		    -1);
}

/* A pseudo-random number of up to 63 bits, of each magnitude as often. */
static int64_t any(unsigned *seed)
{
	uint64_t v = (uint64_t)(unsigned)rand_r(seed) << 42 ^
		     (uint64_t)(unsigned)rand_r(seed) << 21 ^
		     (uint64_t)(unsigned)rand_r(seed);

	return (int64_t)((v & INT64_MAX) >> (rand_r(seed) % 63));
}

static void the_moment_is_between_half_and_nineteen_twentieths(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct spec_cert spec = { .before_s = i % 3 == 0 ? any(&seed) : 0,
					  .before_num = (uint32_t)any(&seed),
					  .before_den = (uint32_t)any(&seed) };
		int64_t life = any(&seed);
		int64_t nb = i % 2 == 0 ? INT64_MAX - life : INT64_MIN + any(&seed);
		uint32_t draw = (uint32_t)any(&seed);
		int64_t at = schedule_renew_at(&spec, nb,
					       (int64_t)((uint64_t)nb + (uint64_t)life),
					       draw, NULL);
		int64_t age = (int64_t)((uint64_t)at - (uint64_t)nb);

		if (age < life - life / 2 - life / 20 || age > life - life / 20)
			fail_msg("round %d: %" PRId64 " of %" PRId64, i, age, life);
		assert_true(at <= schedule_last_at(nb, nb + life));
	}
}

static void a_later_draw_is_never_later(void **state)
{
	int64_t last = INT64_MAX;

	(void)state;
	for (uint64_t draw = 0; draw <= UINT32_MAX; draw += 65537) {
		int64_t at = schedule_renew_at(&plain, BORN, BORN + 90 * D,
					       (uint32_t)draw, NULL);

		assert_true(at <= last);
		last = at;
	}
}

static void a_fleet_spreads_out(void **state)
{
	enum { FLEET = 16000, PARTS = 16 };
	unsigned of_hosts[PARTS] = { 0 }, of_serials[PARTS] = { 0 };
	char word[32];

	(void)state;
	for (unsigned i = 0; i < FLEET; i++) {
		snprintf(word, sizeof(word), "host%u", i);
		of_hosts[schedule_draw(word, "04AB", 4) >> 28]++;
		snprintf(word, sizeof(word), "%08X", i);
		of_serials[schedule_draw("host", word, 8) >> 28]++;
	}
	for (int i = 0; i < PARTS; i++) /* 1000 expected, 5 standard deviations */
		if (of_hosts[i] < 840 || of_hosts[i] > 1160 || of_serials[i] < 840 ||
		    of_serials[i] > 1160)
			fail_msg("part %d: %u hosts, %u serials", i, of_hosts[i],
				 of_serials[i]);
}

static void a_draw_is_the_same_for_ever(void **state)
{
	(void)state;
	/* printf 'host\00004AB' | sha256sum */
	assert_int_equal(schedule_draw("host", "04AB", 4), 0xd42ef0c5u);
	assert_int_not_equal(schedule_draw("ab", "c", 1), schedule_draw("a", "bc", 2));
}

static void after_a_roll_back_by_hand_the_moment_is_ahead(void **state)
{
	int64_t nb = BORN, na = BORN + 100 * D;

	(void)state;
	assert_true(schedule_last_at(nb, na) == nb + 95 * D);
	assert_true(schedule_last_at(na, nb) == nb);
	assert_true(schedule_rolled_back_at(nb + 66 * D, nb, na, nb + 65 * D) ==
		    nb + 66 * D);
	assert_true(schedule_rolled_back_at(nb + 66 * D, nb, na, nb + 66 * D) ==
		    nb + 95 * D);
	assert_true(schedule_rolled_back_at(0, nb, na, nb + 1) == nb + 95 * D);
}

static void the_wait_is_by_class(void **state)
{
	static const struct {
		const char *name;
		int code;
		unsigned n;
		int64_t left; /* until not_after; 0: nothing at stake */
		int64_t wait; /* before the draw */
	} rows[] = {
		{ "first", ERR_NET, 1, 0, 120 },
		{ "second", ERR_SYS, 2, 0, 240 },
		{ "a hook", ERR_HOOK, 3, 0, 480 },
		{ "later counts as net", ERR_LATER, 3, 0, 480 },
		{ "eighth", ERR_NET, 8, 90 * D, 15360 },
		{ "ninth", ERR_NET, 9, 90 * D, 6 * H },
		{ "n too large to shift", ERR_NET, UINT32_MAX, 90 * D, 6 * H },
		{ "a day left", ERR_NET, 100, D, 3 * H },
		{ "an hour left", ERR_NET, 100, H, 450 },
		{ "expired just now", ERR_NET, 100, -1, H },
		{ "expired, first", ERR_NET, 1, -D, 120 },
		{ "broken protocol", ERR_PROTO, 1, 90 * D, H },
		{ "too large, again", ERR_LIMIT, 3, 0, 4 * H },
		{ "not to be trusted", ERR_TRUST, 9, 90 * D, D },
		{ "broken protocol, n too large", ERR_PROTO, UINT32_MAX, 0, D },
		{ "broken protocol, 0", ERR_PROTO, 0, 0, H },
		{ "broken protocol, an hour left", ERR_PROTO, 1, H, 450 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t na = rows[i].left == 0 ? 0 : BORN + rows[i].left;
		int64_t low = schedule_retry_at(rows[i].code, rows[i].n, BORN, na, 0);
		int64_t mid =
		    schedule_retry_at(rows[i].code, rows[i].n, BORN, na, MIDDLE);
		int64_t high =
		    schedule_retry_at(rows[i].code, rows[i].n, BORN, na, UINT32_MAX);
		int64_t wait = rows[i].wait, floor = wait - wait / 4;

		if (low - BORN != (floor < 60 ? 60 : floor) ||
		    llabs(mid - BORN - wait) > 1 || high - BORN > wait + wait / 4 ||
		    high - BORN < wait + wait / 4 - 2)
			fail_msg("%s: %" PRId64 " %" PRId64 " %" PRId64, rows[i].name,
				 low - BORN, mid - BORN, high - BORN);
	}
}

static void a_minute_is_the_shortest_wait(void **state)
{
	static const int64_t lefts[] = { 1, 60, 300, 384 };

	(void)state;
	for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++)
		for (unsigned n = 1; n < 100; n += 7) {
			assert_true(schedule_retry_at(ERR_NET, n, BORN, BORN + lefts[i],
						      UINT32_MAX) == BORN + 60);
			assert_true(schedule_retry_at(ERR_PROTO, n, BORN,
						      BORN + lefts[i], 0) == BORN + 60);
		}
}

static void what_asking_again_does_not_change_waits_a_day(void **state)
{
	(void)state;
	assert_true(schedule_retry_at(ERR_REFUSED, 1, BORN, BORN + 30 * D, 5) ==
		    BORN + D);
	assert_true(schedule_retry_at(ERR_CONFIG, 99, BORN, 0, 5) == BORN + D);
}

static void a_refusal_does_not_wait_until_what_is_live_has_ended(void **state)
{
	static const struct {
		int64_t left, wait;
	} rows[] = {
		{ 8 * D, D },     { 4 * D, 12 * H }, { 16 * H, 2 * H },
		{ 8 * H - 1, H }, { 600, H },        { -D, H },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (schedule_retry_at(ERR_REFUSED, 9, BORN, BORN + rows[i].left, 5) !=
		    BORN + rows[i].wait)
			fail_msg("row %zu", i);
}

static void a_lock_is_tried_again_in_seconds(void **state)
{
	(void)state;
	assert_true(schedule_retry_at(ERR_BUSY, 1, BORN, 0, 0) == BORN + 5);
	assert_true(schedule_retry_at(ERR_BUSY, 99, BORN, 0, UINT32_MAX) == BORN + 10);
}

static void no_wait_is_out_of_bounds_however_many_failures(void **state)
{
	static const int codes[] = { ERR_SYS,   ERR_NET,    ERR_LATER, ERR_REFUSED,
				     ERR_PROTO, ERR_CONFIG, ERR_TRUST, ERR_LIMIT,
				     ERR_HOOK,  -77 };
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		int code = codes[i % 10];
		unsigned n = (unsigned)any(&seed);
		int64_t now = any(&seed) % (INT64_MAX - 10 * D), na = any(&seed);
		int64_t at = schedule_retry_at(code, n, now, i % 5 == 0 ? -na : na,
					       (uint32_t)any(&seed));

		if (at - now < 60 || at - now > D + D / 4)
			fail_msg("round %d: code %d, n %u: %" PRId64, i, code, n,
				 at - now);
	}
	assert_true(schedule_retry_at(ERR_NET, 9, INT64_MAX - 5, 0, 0) == INT64_MAX);
	assert_true(schedule_retry_at(ERR_NET, 9, INT64_MIN, INT64_MAX, 0) <
		    INT64_MIN + D);
}

static void more_failures_wait_longer(void **state)
{
	int64_t last = 0;

	(void)state;
	for (unsigned n = 1; n < 100; n++) {
		int64_t at = schedule_retry_at(ERR_NET, n, BORN, 0, MIDDLE);

		assert_true(at >= last);
		last = at;
	}
}

/* = RFC 9773 4.2 [window] */
static void a_window_has_a_point_for_each_draw(void **state)
{
	(void)state;
	assert_true(schedule_point(BORN, BORN + D, 0) == BORN);
	assert_true(schedule_point(BORN, BORN + D, MIDDLE) == BORN + D / 2);
	assert_true(schedule_point(BORN, BORN + D, UINT32_MAX) == BORN + D - 1);
	assert_true(schedule_point(BORN, BORN + 1, UINT32_MAX) == BORN);
	assert_true(schedule_point(-62167219200, 253402300799, MIDDLE) > 0);
	assert_true(schedule_point(INT64_MIN, INT64_MAX, UINT32_MAX) < INT64_MAX);
}

static void a_peer_says_when_but_not_never(void **state)
{
	(void)state;
	assert_true(schedule_later_at(BORN + H, BORN) == BORN + H);
	assert_true(schedule_later_at(BORN + 8 * D, BORN) == BORN + 8 * D);
	assert_true(schedule_later_at(BORN + 8 * D + 1, BORN) == BORN + 8 * D);
	assert_true(schedule_later_at(INT64_MAX, BORN) == BORN + 8 * D);
	assert_true(schedule_later_at(BORN, BORN) == BORN + 1);
	assert_true(schedule_later_at(0, BORN) == BORN + 1);
	assert_true(schedule_later_at(INT64_MIN, INT64_MAX) == INT64_MAX);
}

static int64_t polled_after_s(int64_t asked_s, int64_t age_s)
{
	const int64_t now_ms = (BORN + age_s) * 1000 + 1;

	return (schedule_poll_at_ms(now_ms + asked_s * 1000, BORN, now_ms) - now_ms) /
	       1000;
}

static void who_says_soon_for_ever_is_asked_ever_more_seldom(void **state)
{
	int64_t age_s = 0;
	int n = 0;

	(void)state;
	assert_int_equal(polled_after_s(1, 59), 1);
	assert_int_equal(polled_after_s(1, 60), 6);
	assert_int_equal(polled_after_s(1, 600), 60);
	assert_int_equal(polled_after_s(90, 600), 90);
	assert_int_equal(polled_after_s(1, 30 * D), H);
	assert_int_equal(polled_after_s(2 * H, 30 * D), 2 * H);
	assert_int_equal(polled_after_s(1, -H), 1); /* the clock was set back */
	assert_int_equal(polled_after_s(-5, 0), 0);
	while (age_s < D) {
		age_s += polled_after_s(1, age_s);
		n++;
	}
	assert_in_range(n, 100, 160);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_moment_is_the_formula),
		cmocka_unit_test(
		    what_was_due_when_it_came_is_renewed_halfway_to_its_end),
		cmocka_unit_test(the_moment_is_between_half_and_nineteen_twentieths),
		cmocka_unit_test(a_later_draw_is_never_later),
		cmocka_unit_test(a_fleet_spreads_out),
		cmocka_unit_test(a_draw_is_the_same_for_ever),
		cmocka_unit_test(after_a_roll_back_by_hand_the_moment_is_ahead),
		cmocka_unit_test(the_wait_is_by_class),
		cmocka_unit_test(a_minute_is_the_shortest_wait),
		cmocka_unit_test(what_asking_again_does_not_change_waits_a_day),
		cmocka_unit_test(a_refusal_does_not_wait_until_what_is_live_has_ended),
		cmocka_unit_test(a_lock_is_tried_again_in_seconds),
		cmocka_unit_test(no_wait_is_out_of_bounds_however_many_failures),
		cmocka_unit_test(more_failures_wait_longer),
		cmocka_unit_test(a_window_has_a_point_for_each_draw),
		cmocka_unit_test(a_peer_says_when_but_not_never),
		cmocka_unit_test(who_says_soon_for_ever_is_asked_ever_more_seldom),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
