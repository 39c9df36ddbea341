/* crlwatch_rule: CRLs are looked for in time, and told of in time. */
#include "tests/scratch.h"

#include "agent/rule/crlwatch_rule.h"

#define HOUR 3600
#define DAY  (24 * HOUR)
#define ALL  UINT32_MAX

static void a_list_is_looked_for_eight_times_in_its_life(void **state)
{
	static const struct {
		const char *name;
		int64_t life;
		uint32_t draw;
		int64_t after;
	} rows[] = {
		{ "of a day", DAY, 0, 3 * HOUR },
		{ "of a day, drawn last", DAY, ALL, 3 * HOUR - 3 * HOUR / 10 },
		{ "of ten days", 10 * DAY, 0, 6 * HOUR },
		{ "of a year", 365 * DAY, 0, 6 * HOUR },
		{ "without an end", 0, 0, 6 * HOUR },
		{ "of a minute", 60, 0, CRL_LOOK_LEAST_S },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const int64_t from = 1000000, now = from + 5;
		const int64_t until = rows[i].life == 0 ? 0 : from + rows[i].life;
		const int64_t at = crl_look_at(from, until, now, rows[i].draw);

		if (at < now + rows[i].after || at > now + rows[i].after + 1)
			fail_msg("%s: %lld s", rows[i].name, (long long)(at - now));
	}
}

static void a_list_ages_at_half_at_three_quarters_and_at_its_end(void **state)
{
	static const struct {
		int64_t now;
		enum crl_age age;
		int64_t next;
	} rows[] = {
		{ 1000, CRL_FRESH, 1050 },     { 1049, CRL_FRESH, 1050 },
		{ 1050, CRL_LATE, 1075 },      { 1075, CRL_OLD, 1100 },
		{ 1099, CRL_OLD, 1100 },       { 1100, CRL_OVER, INT64_MAX },
		{ 9999, CRL_OVER, INT64_MAX },
	};
	int64_t next;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(crl_age(1000, 1100, rows[i].now, &next), rows[i].age);
		assert_int_equal(next, rows[i].next);
	}
	assert_int_equal(crl_age(1000, 0, 5000, &next), CRL_FRESH);
	assert_int_equal(next, INT64_MAX);
}

static void what_says_the_same_is_loaded_when_half_a_life_is_left(void **state)
{
	static const struct {
		int64_t loaded_until, from, until, at;
	} rows[] = {
		{ 1100, 1010, 1110, 1050 }, /* signed again after a tenth */
		{ 1100, 1000, 1100, INT64_MAX },
		{ 1100, 1000, 1020, 1090 }, /* lasts less long than what is loaded */
		{ 0, 1010, 1110, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(crl_load_at(rows[i].loaded_until, rows[i].from,
					     rows[i].until),
				 rows[i].at);
}

static void what_is_loaded_ages_though_a_newer_one_is_written(void **state)
{
	static const struct {
		int64_t loaded, until, now;
		enum crl_age age;
		int64_t next;
	} rows[] = {
		{ 0, 2000, 1500, CRL_FRESH, INT64_MAX },
		/* the newer one is of 1000 to 2000 */
		{ 1600, 2000, 1349, CRL_FRESH, 1350 },
		{ 1600, 2000, 1350, CRL_OLD, 1600 },
		{ 1600, 2000, 1600, CRL_OVER, INT64_MAX },
		/* it is what is written */
		{ 2000, 2000, 1999, CRL_FRESH, 2000 },
		{ 2000, 2000, 2000, CRL_OVER, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t next;

		print_message("  row %zu\n", i);
		assert_int_equal(crl_loaded_age(rows[i].loaded, 1000, rows[i].until,
						rows[i].now, &next),
				 rows[i].age);
		assert_int_equal(next, rows[i].next);
	}
}

static void a_list_that_has_ended_is_no_floor_for_the_next(void **state)
{
	static const struct crl_number ours = { .len = 1, .octets = { 7 } };
	static const struct {
		int64_t until, now;
		uint8_t len;
	} rows[] = {
		{ 2000, 1999, 1 }, { 2000, 2000, 0 }, { 2000, 9000, 0 }, { 0, 9000, 1 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (crl_floor(&ours, rows[i].until, rows[i].now).len != rows[i].len)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_has_ended_is_no_floor_for_the_next),
		cmocka_unit_test(a_list_is_looked_for_eight_times_in_its_life),
		cmocka_unit_test(a_list_ages_at_half_at_three_quarters_and_at_its_end),
		cmocka_unit_test(what_is_loaded_ages_though_a_newer_one_is_written),
		cmocka_unit_test(what_says_the_same_is_loaded_when_half_a_life_is_left),
	};

	return cmocka_run_group_tests_name("crlwatch_rule", tests, NULL, NULL);
}
