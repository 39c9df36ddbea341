/*
 * Every system call of every role that is none of files fails, once or from then on: no
 * role crashes, spins or hangs, what is live is whole, and the next run goes on. `make
 * check` takes a sample, drawn from CALLS_SEED; `make calls` (CALLS=all) takes all there
 * are, or part CALLS_PART of CALLS_PARTS; CALLS_CASE is a case of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/crash/calls.h"
#include "tests/crash/layout.h"

#define CASES_MAX 64

/* Points of each case. */
#ifdef __SANITIZE_ADDRESS__
#define SAMPLE 2
#else
#define SAMPLE 12
#endif

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

static void ends_in_good_order_or_goes_on(void **state)
{
	const struct crash_case *c = *state;
	struct calls m = {
		.per_case = getenv("CALLS") != NULL ? 0 : SAMPLE,
		.seed = number_of("CALLS_SEED", 1),
		.part = number_of("CALLS_PART", 0),
		.parts = number_of("CALLS_PARTS", 1),
	};
	bool ok;

	assert_true(world_open(&m.world, c->outside, c->served));
	m.world.layout = c->live_only ? LAYOUT_LIVE : LAYOUT_FILES;
	ok = calls_run(&m, c);
	world_done(&m.world);
	printf(
	    "%s: %u of %u points reached, %u not, %u whole, %u failed, %.1f s of CPU "
	    "at most\n",
	    c->name, m.n_points, m.n_all, m.n_missed, m.n_whole, m.n_failed, m.cpu_s);
	fflush(stdout);
	assert_true(ok);
	assert_int_equal(m.n_failed, 0);
}

static bool is_wanted(const struct crash_case *c)
{
	const char *only = getenv("CALLS_CASE");

	if (only == NULL)
		return !c->seldom || getenv("CALLS") != NULL;
	return strcmp(only, c->name) == 0;
}

int main(void)
{
	struct CMUnitTest tests[CASES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < n_crash_cases && n < CASES_MAX; i++)
		if (is_wanted(&crash_cases[i]))
			tests[n++] = (struct CMUnitTest){
				.name = crash_cases[i].name,
				.test_func = ends_in_good_order_or_goes_on,
				.initial_state = (void *)(uintptr_t)&crash_cases[i],
			};
	return _cmocka_run_group_tests("calls", tests, n, NULL, NULL);
}
