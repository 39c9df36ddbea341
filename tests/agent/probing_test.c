/* probing: for how long endpoints are looked at, and what of each is the worst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/probe/probe.h"
#include "agent/probing.h"

static void all_endpoints_have_one_time_together(void **state)
{
	static const struct {
		const char *row;
		int64_t whole_ms, spent_ms;
		bool was_up;
		int64_t deadline_ms, stale_ms;
	} rows[] = {
		{ "one look", 0, 0, true, 0, 0 },
		{ "one look, later", 0, 5000, false, 0, 0 },
		{ "the first", 30000, 0, true, 30000, 30000 },
		{ "one that was down before", 30000, 0, false, 30000, 30000 },
		{ "a later one", 30000, 10000, true, 30000, 20000 },
		{ "... that was down before", 30000, 10000, false, 20000, 20000 },
		{ "when it is over", 30000, 30000, true, 30000, 0 },
		{ "... long ago", 30000, 90000, true, 30000, 0 },
		{ "... and it was down before", 30000, 90000, false, PROBE_GLANCE_MS,
		  0 },
		{ "less than a glance", 1000, 4000, false, 1000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct probing_patience p =
		    probing_patience(rows[i].whole_ms, rows[i].spent_ms,
				     rows[i].was_up);

		print_message("%s\n", rows[i].row);
		assert_int_equal(p.deadline_ms, rows[i].deadline_ms);
		assert_int_equal(p.stale_ms, rows[i].stale_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_endpoints_have_one_time_together),
	};

	return cmocka_run_group_tests_name("probing", tests, NULL, NULL);
}
