/*
 * At every file system call of every role the process is killed, or all of them, or the
 * call fails: what is live is always a whole pair, the next run goes on, nothing is left
 * lying about, no key is lost, and at most one order too many was made. `make check` takes
 * a sample, drawn from CRASH_SEED; `make crash` (CRASH=all) takes all there are, or part
 * CRASH_PART of CRASH_PARTS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/crash/campaign.h"
#include "tests/crash/layout.h"

#define CASES_MAX 160

/* Points of each case in each layout. */
#ifdef __SANITIZE_ADDRESS__
#define SAMPLE 4
#else
#define SAMPLE 24
#endif

static bool takes_all(void)
{
	const char *how = getenv("CRASH");

	return how != NULL && strcmp(how, "all") == 0;
}

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

struct one {
	const struct crash_case *c;
	enum layout layout;
	char name[64];
};

static void print_figures(const char *name, const struct campaign *m)
{
	printf("%s: %u distinct points reached, %u not, %u failed:", name, m->n_points,
	       m->n_missed, m->n_failed);
	for (unsigned i = 0; i < TRACER_OTHER; i++)
		printf(" %s %u", tracer_role_word(i), m->n_by_role[i]);
	for (unsigned i = TRACER_KILL; i < TRACER_WHATS; i++)
		printf(" %s %u", tracer_what_word(i), m->n_by_what[i]);
	printf("\n");
	fflush(stdout);
}

static void leaves_whole_pairs_and_no_litter(void **state)
{
	const struct one *one = *state;
	/* A daemon takes its time, and so does who has to go to a CA. */
	const unsigned n = one->c->seldom   ? (SAMPLE + 5) / 6
			   : one->c->daemon ? SAMPLE / 3
					    : SAMPLE;
	struct campaign m = {
		.per_case = takes_all() ? 0 : n,
		.seed = number_of("CRASH_SEED", 1),
		.part = number_of("CRASH_PART", 0),
		.parts = number_of("CRASH_PARTS", 1),
	};
	bool ok;

	assert_true(world_open(&m.world, one->c->outside, one->c->served));
	m.world.layout = one->layout;
	ok = campaign_case(&m, one->c);
	world_done(&m.world);
	print_figures(one->name, &m);
	assert_true(ok);
	assert_int_equal(m.n_failed, 0);
	if (!takes_all())
		assert_true(m.n_points + 1 + n / 6 >= n / m.parts);
}

/* Of these `make check` takes one layout, and no sanitized program. */
static bool is_left_out(const struct one *one)
{
#ifdef __SANITIZE_ADDRESS__
	return one->c->seldom;
#else
	return one->c->seldom && !one->c->live_only && one->layout != LAYOUT_FILES;
#endif
}

/* CRASH_CASE: "drift", or "drift/files". */
static bool is_wanted(const struct one *one)
{
	const char *only = getenv("CRASH_CASE");

	if (is_left_out(one) && !takes_all() && only == NULL)
		return false;
	return layout_fits(one->layout, one->c) &&
	       (only == NULL || strcmp(only, one->c->name) == 0 ||
		strcmp(only, one->name) == 0);
}

int main(void)
{
	static struct one all[CASES_MAX];
	static struct CMUnitTest tests[CASES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < n_crash_cases * LAYOUTS && n < CASES_MAX; i++) {
		struct one *one = &all[n];

		*one = (struct one){ .c = &crash_cases[i / LAYOUTS],
				     .layout = i % LAYOUTS };
		snprintf(one->name, sizeof(one->name), "%s/%s", one->c->name,
			 layout_word(one->layout));
		if (!is_wanted(one))
			continue;
		tests[n++] = (struct CMUnitTest){
			.name = one->name,
			.test_func = leaves_whole_pairs_and_no_litter,
			.initial_state = one,
		};
	}
	return _cmocka_run_group_tests("crash", tests, n, NULL, NULL);
}
