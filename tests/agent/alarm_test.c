/* alarm: what is told again and when, and what is remembered of it. */
#include "tests/scratch.h"

#include "agent/alarm_rule.h"
#include "agent/state/state.h"
#include "agent/state/state_alarm.h"
#include "base/err.h"

#define NOW 1795235000
#define DAY 86400

static void the_same_is_told_each_day_and_another_kind_at_once(void **state)
{
	static const struct {
		const char *name;
		int64_t told_at;
		uint64_t kind; /* of what was told; now it is 7 */
		bool is_due;
	} rows[] = {
		{ "just now", NOW, 7, false },
		{ "an hour ago", NOW - 3600, 7, false },
		{ "a day ago, less what an attempt may come early", NOW - DAY + 3600, 7,
		  true },
		{ "something else, just now", NOW, 8, true },
		{ "by a clock that was ahead", NOW + 1, 7, true },
		{ "by a clock that knew nothing", 0, 7, true },
		{ "at the end of time", INT64_MAX, 7, true },
		{ "at its beginning", INT64_MIN, 7, true },
	};

	(void)state;
	assert_true(alarm_is_due(NULL, 7, NOW));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct alarm_row last = { .kind = rows[i].kind,
						.told_at = rows[i].told_at };

		if (alarm_is_due(&last, 7, NOW) != rows[i].is_due)
			fail_msg("%s", rows[i].name);
	}
}

static void an_end_is_near_by_fractions_of_the_life(void **state)
{
	/* Of a life of 60 days from 0, to be renewed at day 40 but where it says so. */
	static const struct {
		const char *name;
		int64_t moment, now;
		unsigned step;
		int64_t next;
	} rows[] = {
		{ "young", 40, 1, 0, 50 },
		{ "its moment has come", 40, 41, 0, 50 },
		{ "a second before a sixth is left", 40, 49, 0, 50 },
		{ "a sixth is left", 40, 50, 1, 55 },
		{ "a twelfth is left", 40, 55, 2, 57 },
		{ "a twentieth is left", 40, 58, 3, 60 },
		{ "over", 40, 60, 4, -1 },
		{ "long over", 40, 6000, 4, -1 },
		{ "renewed late, as it should", 57, 56, 0, 57 },
		{ "renewed late, and that moment has gone by", 57, 58, 3, 60 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t next;
		unsigned step = alarm_step(0, 60 * DAY, rows[i].moment * DAY,
					   rows[i].now * DAY, &next);

		if (step != rows[i].step ||
		    next != (rows[i].next < 0 ? INT64_MAX : rows[i].next * DAY))
			fail_msg("%s: %u, next on day %lld", rows[i].name, step,
				 (long long)next / DAY);
	}
}

static void a_life_that_makes_no_sense_is_over_when_it_ends(void **state)
{
	int64_t next;

	(void)state;
	assert_int_equal(alarm_step(NOW, NOW - DAY, 0, NOW, &next), 4);
	assert_int_equal(alarm_step(NOW, NOW, 0, NOW - 1, &next), 0);
	assert_true(next == NOW);
	assert_int_equal(alarm_step(INT64_MIN, INT64_MAX, 0, NOW, &next), 0);
}

static bool find(struct state *st, const char *name, const char *event,
		 struct alarm_row *row)
{
	struct err e;
	bool found = false;

	if (state_alarm_get(st, name, event, row, &found, &e) < 0)
		fail_msg("%s", e.text);
	return found;
}

static void what_was_told_is_known_until_all_is_well(void **state)
{
	static const char *const events[] = { "failed", "not-served", "expiring",
					      "drift" };
	const struct scratch *s = *state;
	const struct alarm_row told = { .kind = UINT64_MAX, .told_at = NOW };
	struct state *st = NULL;
	struct alarm_row row;
	struct err e;

	assert_int_equal(state_open(s->path, false, &st, &e), 0);
	assert_int_equal(state_begin(st, &e), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_false(find(st, "www", events[i], &row));
		assert_int_equal(state_alarm_put(st, "www", events[i], &told, &e), 0);
		assert_int_equal(state_alarm_put(st, "b", events[i], &told, &e), 0);
	}
	assert_int_equal(state_alarm_over(st, "www", &e), 0);
	assert_int_equal(state_commit(st, &e), 0);
	for (size_t i = 0; i < 3; i++)
		assert_false(find(st, "www", events[i], &row));
	assert_true(find(st, "www", "drift", &row));
	assert_true(find(st, "b", "failed", &row));
	assert_true(row.kind == UINT64_MAX && row.told_at == NOW);
	assert_int_equal(state_forget(st, "b", &e), 0);
	assert_false(find(st, "b", "drift", &row));
	state_close(st);
	assert_false(find(NULL, "www", "drift", &row));
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_told_each_day_and_another_kind_at_once),
		cmocka_unit_test(an_end_is_near_by_fractions_of_the_life),
		cmocka_unit_test(a_life_that_makes_no_sense_is_over_when_it_ends),
		KEPT(what_was_told_is_known_until_all_is_well),
	};

	return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
