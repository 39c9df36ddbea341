/* clockwatch: a clock that was set is noticed, and one that cannot be right is not used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/clockwatch.h"

#define START  (CLOCKWATCH_MADE + 1000000)
#define BOOT   5000
#define MINUTE 60
#define DAY    86400

/* Set by `jump` seconds, `after` seconds from the start. */
static const struct row {
	const char *name;
	int64_t start;
	int64_t seen;
	int64_t after;
	int64_t jump;
	int64_t found_ms;
	bool wrong;
	bool doubted;
} rows[] = {
	{ "nothing happens for a year", START, START, 365 * DAY, 0, 0, false, false },
	{ "one second ahead", START, START, MINUTE, 1, 0, false, false },
	{ "an hour ahead", START, START, MINUTE, 3600, 3600000, false, false },
	{ "an hour back", START, START, MINUTE, -3600, -3600000, false, false },
	{ "90 days ahead", START, START, MINUTE, 90 * DAY, 90LL * DAY * 1000, false,
	  true },
	{ "90 days back", START + 100 * DAY, START, MINUTE, -90 * DAY,
	  -90LL * DAY * 1000, false, false },
	{ "back to 1970", START, START, 0, -START, -1000LL * START, true, false },
	{ "from 1970 to now", 100, START, 0, START, 1000LL * START, false, true },
	{ "from 1970 to now, where nothing is remembered", 100, 0, 0, START,
	  1000LL * START, false, false },
	{ "begun in 1970", 100, 0, 0, 0, 0, true, false },
	{ "begun before what is remembered", START, START + DAY, 0, 0, 0, false, true },
	{ "begun in 2038", 2147483648, START, 0, 0, 0, false, false },
};

static void what_was_set_is_noticed_and_what_cannot_be_is_not_believed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		const int64_t boot_ms = (BOOT + r->after) * 1000;
		struct clockwatch w;
		int64_t found;

		clockwatch_begin(&w, r->start * 1000, BOOT * 1000, r->seen);
		found = clockwatch_turn(&w, (r->start + r->after + r->jump) * 1000,
					boot_ms);
		if (found != r->found_ms || w.wrong != r->wrong ||
		    w.doubted != r->doubted)
			fail_msg("%s: %lld ms, wrong %d, doubted %d", r->name,
				 (long long)found, w.wrong, w.doubted);
		assert_int_equal(
		    clockwatch_turn(&w, (r->start + r->after + r->jump) * 1000 + 7,
				    boot_ms + 7),
		    0); /* told once */
	}
}

static void a_doubt_ends_when_a_ca_agrees_or_the_clock_is_set_back(void **state)
{
	struct clockwatch w;

	(void)state;
	clockwatch_begin(&w, START * 1000LL, 0, START);
	clockwatch_turn(&w, (START + 90 * DAY) * 1000LL, 0);
	assert_true(w.doubted);
	clockwatch_turn(&w, 100 * 1000LL, 0); /* 1970: nothing to go back to */
	clockwatch_turn(&w, (START + 89 * DAY) * 1000LL, 0);
	assert_true(w.doubted && !w.wrong);
	clockwatch_turn(&w, (START + 3600) * 1000LL, 0);
	assert_false(w.doubted);
	clockwatch_turn(&w, (START + 90 * DAY) * 1000LL, 0);
	clockwatch_agree(&w);
	assert_false(w.doubted);
	clockwatch_turn(&w, (START + 91 * DAY) * 1000LL, 0);
	assert_false(w.doubted);
}

static void the_hosts_own_ca_waits_for_an_hour_of_a_doubt(void **state)
{
	struct clockwatch w;

	(void)state;
	clockwatch_begin(&w, START * 1000LL, BOOT * 1000LL, START);
	assert_int_equal(clockwatch_hold_ms(&w, true, BOOT * 1000LL), 0);
	clockwatch_turn(&w, (START + 2 * DAY) * 1000LL, (BOOT + 1) * 1000LL);
	assert_int_equal(clockwatch_hold_ms(&w, true, (BOOT + 1) * 1000LL), 3600000);
	clockwatch_turn(&w, (START + 9 * DAY) * 1000LL, (BOOT + 2) * 1000LL);
	assert_int_equal(clockwatch_hold_ms(&w, true, (BOOT + 3600) * 1000LL), 1000);
	assert_int_equal(clockwatch_hold_ms(&w, true, (BOOT + 3601) * 1000LL), 0);
}

static void by_a_clock_that_no_ca_has_nobody_renews_twice_in_an_hour(void **state)
{
	struct clockwatch w;

	(void)state;
	clockwatch_begin(&w, START * 1000LL, 0, START);
	clockwatch_turn(&w, (START + 90 * DAY) * 1000LL, 0);
	assert_int_equal(clockwatch_hold_ms(&w, false, 1), 0); /* who knows */
	clockwatch_hear(&w, -90 * DAY, 1000);
	for (int own = 0; own < 2; own++) {
		assert_int_equal(clockwatch_hold_ms(&w, own, 1000), 3600000);
		assert_int_equal(clockwatch_hold_ms(&w, own, 3600999), 1);
		assert_int_equal(clockwatch_hold_ms(&w, own, 3601000), 0);
	}
	clockwatch_hear(&w, -90 * DAY, 3601000);
	assert_int_equal(clockwatch_hold_ms(&w, false, 3601000), 3600000);
	clockwatch_renewed(&w, 7201000); /* by its own, which cannot say so */
	assert_int_equal(clockwatch_hold_ms(&w, true, 7201000), 3600000);
	clockwatch_hear(&w, 60, 7201001); /* another has the host's */
	assert_int_equal(clockwatch_hold_ms(&w, false, 7201001), 0);
	clockwatch_renewed(&w, 7201002);
	assert_int_equal(clockwatch_hold_ms(&w, false, 7201002), 0);
}

static void a_day_that_is_not_the_cas_is_doubted_until_one_says_otherwise(void **state)
{
	static const struct {
		int64_t ahead_s;
		bool changed, off;
	} told[] = {
		{ 0, true, false },         { DAY, false, false },
		{ DAY + 1, true, true },    { 2 * DAY, false, true },
		{ -2 * DAY, false, true },  { 30, true, false },
		{ -DAY, false, false },     { -DAY - 1, true, true },
		{ INT64_MIN, false, true }, { -1, true, false },
	};
	struct clockwatch w;

	(void)state;
	clockwatch_begin(&w, START * 1000LL, 0, 0);
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		bool changed = clockwatch_hear(&w, told[i].ahead_s, 0);

		if (changed != told[i].changed || (w.off_s != 0) != told[i].off)
			fail_msg("row %zu", i);
	}
	clockwatch_hear(&w, 2 * DAY, 0);
	clockwatch_turn(&w, (START - 2 * DAY) * 1000LL, 0); /* it was set right */
	assert_true(w.off_s == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_was_set_is_noticed_and_what_cannot_be_is_not_believed),
		cmocka_unit_test(
		    a_doubt_ends_when_a_ca_agrees_or_the_clock_is_set_back),
		cmocka_unit_test(the_hosts_own_ca_waits_for_an_hour_of_a_doubt),
		cmocka_unit_test(
		    by_a_clock_that_no_ca_has_nobody_renews_twice_in_an_hour),
		cmocka_unit_test(
		    a_day_that_is_not_the_cas_is_doubted_until_one_says_otherwise),
	};

	return cmocka_run_group_tests_name("clockwatch", tests, NULL, NULL);
}
