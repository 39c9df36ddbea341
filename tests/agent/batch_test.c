/*
 * batch: what changes together is one batch, and one batch is one run of each hook.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/job.h"

#define BEGAN 5000000

static void a_batch_closes_when_nothing_more_comes_or_it_has_waited_long(void **state)
{
	static const struct {
		const char *row;
		int64_t last_ms; /* after the first, as the next */
		int64_t now_ms;
		bool more_come;
		bool closes;
	} rows[] = {
		{ "one, and that was all", 0, 0, false, true },
		{ "one, others are on their way", 0, 0, true, false },
		{ "just not quiet for 2 s", 0, 1999, true, false },
		{ "quiet for 2 s", 0, 2000, true, true },
		{ "another has come a moment ago", 1990, 2000, true, false },
		{ "quiet again", 1990, 3990, true, true },
		{ "a thousand, one after the other", 29900, 29999, true, false },
		{ "... and they were all", 29900, 29999, false, true },
		{ "ten thousand: 30 s are over", 29999, 30000, true, true },
		{ "after a suspend", 10, 8000000, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (batch_closes(BEGAN, BEGAN + rows[i].last_ms, rows[i].more_come,
				 BEGAN + rows[i].now_ms) != rows[i].closes)
			fail_msg("%s", rows[i].row);
}

/* The place of who has joined is given away first: it may not have been the last. */
static void a_batch_stays_open_until_it_was_looked_for_what_is_due(void **state)
{
	struct agent a = { .due.n = 1 };
	struct job first = { .agent = &a }, second = { .agent = &a };

	(void)state;
	a.batch = batch_new(&a);
	batch_join(&a, &first);
	assert_true(a.look);
	batch_check(&a);
	assert_int_equal(a.batch->n_jobs, 0);
	a.look = false;
	a.passing = true; /* it is being looked */
	batch_join(&a, &second);
	batch_check(&a);
	assert_int_equal(a.batch->n_jobs, 0);
	a.look = a.passing = false;
	a.count.alone = 1; /* something was due, and has the place now */
	batch_check(&a);
	assert_int_equal(a.batch->n_jobs, 0);
	assert_int_equal(a.batch->n_joined, 2);
	batch_free(a.batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_batch_closes_when_nothing_more_comes_or_it_has_waited_long),
		cmocka_unit_test(
		    a_batch_stays_open_until_it_was_looked_for_what_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
