/*
 * A power cut at any moment: what was said to be installed is there, every set that
 * there is is whole, and the next run puts the rest right. On real file systems whose
 * disk remembers what was written and flushed (power.h). `make check` takes a sample,
 * drawn from POWER_SEED; `make power` (POWER=all) takes every case on every file system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/crash/power.h"

#define TESTS_MAX 256

/* Of the disks and cuts that there are, make check looks at one of so many. */
#ifdef __SANITIZE_ADDRESS__
#define ONE_OF 32
#else
#define ONE_OF 16
#endif

/* One test: a case on a file system. */
struct run {
	char name[80];
	const struct crash_case *crash;
	const struct volume_kind *kind;
	bool pressed;
};

static bool takes_all(void)
{
	const char *how = getenv("POWER");

	return how != NULL && strcmp(how, "all") == 0;
}

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

static void print_figures(const struct power *p, const char *name)
{
	const struct power_figures *f = &p->figures;

	printf("%s: %u writes, %u flushes, %u cuts (%u missed): %u disks, %u of them "
	       "after a promise, %u trees: %u failed, %u broke a promise\n",
	       name, f->n_writes, f->n_flushes, f->n_cuts, f->n_missed, f->n_states,
	       f->n_said, f->n_trees, f->n_failed, f->n_lost);
	fflush(stdout);
}

static void begin(struct power *p, const struct run *run)
{
	const char *reason;

	*p = (struct power){ .seed = number_of("POWER_SEED", 1),
			     .subsets = number_of("POWER_SUBSETS", 8),
			     .every = takes_all() ? 1 : ONE_OF,
			     .pressed = run->pressed };
	reason = power_open(p, run->crash, run->kind);
	if (reason == NULL)
		return;
	printf("skipped: %s\n", reason);
	skip();
}

static void keeps_what_was_said(void **state)
{
	const struct run *run = *state;
	struct power p;
	bool ok;

	begin(&p, run);
	ok = power_prepare(&p) && power_record(&p);
	if (ok)
		power_replay(&p);
	print_figures(&p, run->name);
	power_done(&p);
	assert_true(ok);
	assert_int_equal(p.figures.n_failed, 0);
	assert_true(p.figures.n_states > 0);
}

/* While other programs sync all the time. */
static void keeps_what_was_said_under_pressure(void **state)
{
	struct run *run = *state;

	run->pressed = true;
	keeps_what_was_said(state);
}

static void keeps_it_when_the_plug_is_pulled(void **state)
{
	const struct run *run = *state;
	struct power p;
	bool ok;

	begin(&p, run);
	ok = power_prepare(&p) && power_plug(&p);
	print_figures(&p, run->name);
	power_done(&p);
	assert_true(ok);
	assert_int_equal(p.figures.n_failed, 0);
	assert_true(p.figures.n_cuts > 0);
}

/* These tests can fail: a program that does not sync breaks its promise. */
static void is_seen_to_be_lost_without_a_sync(void **state)
{
	const struct run *run = *state;
	struct power p;
	bool ok;

	begin(&p, run);
	p.unsynced = true;
	p.every = 1;
	ok = power_prepare(&p) && power_record(&p);
	if (ok)
		power_replay(&p);
	print_figures(&p, run->name);
	power_done(&p);
	assert_true(ok);
	assert_true(p.figures.n_lost > 0);
}

/* -- which of them -- */

struct runs {
	struct run all[TESTS_MAX];
	struct CMUnitTest tests[TESTS_MAX];
	size_t n;
};

static void add(struct runs *runs, const char *what, CMUnitTestFunction function,
		size_t crash, size_t kind)
{
	struct run *run = &runs->all[runs->n];
	const char *only = getenv("POWER_ONLY");

	run->crash = &crash_cases[crash];
	run->kind = &volume_kinds[kind];
	snprintf(run->name, sizeof(run->name), "%s on %s, %s", run->crash->name,
		 run->kind->name, what);
	if (only != NULL && strstr(run->name, only) == NULL)
		return;
	runs->tests[runs->n++] = (struct CMUnitTest){ .name = run->name,
						      .test_func = function,
						      .initial_state = run };
}

static void add_all(struct runs *runs)
{
	for (size_t c = 0; c < n_crash_cases; c++)
		for (size_t k = 0; k < n_volume_kinds; k++) {
			add(runs, "replayed", keeps_what_was_said, c, k);
			add(runs, "replayed under pressure",
			    keeps_what_was_said_under_pressure, c, k);
			if (volume_kinds[k].options[0] == '\0')
				add(runs, "unplugged", keeps_it_when_the_plug_is_pulled,
				    c, k);
		}
}

/* Another case on each file system. */
static void add_sample(struct runs *runs)
{
	for (size_t k = 0; k < n_volume_kinds; k++) {
		add(runs, "replayed", keeps_what_was_said, 3 * k % n_crash_cases, k);
		add(runs, "unplugged", keeps_it_when_the_plug_is_pulled,
		    (3 * k + 2) % n_crash_cases, k);
	}
}

int main(void)
{
	struct runs *runs = calloc(1, sizeof(*runs));
	int n;

	setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
	if (takes_all())
		add_all(runs);
	else
		add_sample(runs);
	add(runs, "without a sync", is_seen_to_be_lost_without_a_sync, 1, 0);
	n = _cmocka_run_group_tests("power", runs->tests, runs->n, NULL, NULL);
	free(runs);
	return n;
}
