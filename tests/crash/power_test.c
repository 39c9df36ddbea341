/*
 * A power cut at any moment: what was said to be installed is there, every set that
 * there is is whole, and the next run puts the rest right. On real file systems whose
 * disk remembers what was written and flushed (power.h). `make check` takes a sample,
 * drawn from POWER_SEED; `make power` (POWER=all) takes every case on every file system, or
 * those that POWER_ONLY is a part of the name of ("two on xfs").
 */
#include <assert.h>
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
	struct power_figures figures;
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
	printf("skipped: here cannot be had: %s\n", reason);
	skip();
}

/* The end of a test that must not fail. `ok`: the command could be run. */
static void end(struct power *p, struct run *run, bool ok)
{
	print_figures(p, run->name);
	run->figures = p->figures;
	power_done(p);
	assert_true(ok);
	assert_int_equal(run->figures.n_failed, 0);
	assert_true(run->figures.n_states > 0);
}

static void keeps_what_was_said(void **state)
{
	struct run *run = *state;
	struct power p;
	bool ok;

	begin(&p, run);
	ok = power_prepare(&p) && power_record(&p);
	if (ok)
		power_replay(&p);
	end(&p, run, ok);
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
	struct run *run = *state;
	struct power p;
	bool ok;

	begin(&p, run);
	ok = power_prepare(&p) && power_plug(&p);
	end(&p, run, ok);
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

/* Each way on each file system. */
static const char *const sample[] = {
	"first-issue on ext4, replayed",
	"held on ext4, replayed under pressure",
	"same-key on ext4, unplugged",
	"new-key on ext4-noauto_da_alloc, replayed",
	"rollback on ext4-writeback, replayed",
	"new-key on btrfs, replayed",
	"two on xfs, replayed under pressure",
	"prune on xfs, replayed",
	"acme-first on xfs, unplugged",
	"new-key on ext4, without a sync",
};
#define N_SAMPLE (sizeof(sample) / sizeof(*sample))

struct runs {
	struct run all[TESTS_MAX];
	struct CMUnitTest tests[TESTS_MAX];
	size_t n;
};

static bool is_wanted(const char *name)
{
	const char *only = getenv("POWER_ONLY");
	bool wanted = takes_all();

	for (size_t i = 0; i < N_SAMPLE && !wanted; i++)
		wanted = strcmp(name, sample[i]) == 0;
	return wanted && (only == NULL || strstr(name, only) != NULL);
}

static void add(struct runs *runs, const struct crash_case *crash,
		const struct volume_kind *kind, const char *how,
		CMUnitTestFunction function)
{
	struct run *run = &runs->all[runs->n];

	assert(runs->n < TESTS_MAX);
	run->crash = crash;
	run->kind = kind;
	snprintf(run->name, sizeof(run->name), "%s on %s, %s", crash->name, kind->name,
		 how);
	if (is_wanted(run->name))
		runs->tests[runs->n++] = (struct CMUnitTest){ .name = run->name,
							      .test_func = function,
							      .initial_state = run };
}

/* The CA cannot be put back to what it knew, nor a daemon be told when to end. */
static bool can_be_cut(const struct crash_case *c)
{
	return !c->rolls && !c->daemon;
}

static void add_case(struct runs *runs, const struct crash_case *c,
		     const struct volume_kind *kind)
{
	add(runs, c, kind, "replayed", keeps_what_was_said);
	add(runs, c, kind, "replayed under pressure",
	    keeps_what_was_said_under_pressure);
	if (kind->shuts_down)
		add(runs, c, kind, "unplugged", keeps_it_when_the_plug_is_pulled);
	if (strcmp(c->name, "new-key") == 0 && kind == volume_kinds)
		add(runs, c, kind, "without a sync", is_seen_to_be_lost_without_a_sync);
}

static void print_total(const struct runs *runs)
{
	unsigned recorded = 0, cut = 0, failed = 0, lost = 0;

	for (size_t i = 0; i < runs->n; i++) {
		const struct power_figures *f = &runs->all[i].figures;

		recorded += f->n_states - f->n_cuts;
		cut += f->n_cuts;
		failed += f->n_failed;
		lost += f->n_lost;
	}
	printf("power: %u recorded disks, %u file systems shut down: %u failed, %u of "
	       "them broke a promise\n",
	       recorded, cut, failed, lost);
}

int main(void)
{
	struct runs *runs = calloc(1, sizeof(*runs));
	int n;

	setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
	for (size_t i = 0; i < n_crash_cases; i++)
		for (size_t k = 0; k < n_volume_kinds && can_be_cut(&crash_cases[i]);
		     k++)
			add_case(runs, &crash_cases[i], &volume_kinds[k]);
	/* A name in the sample that is none is seen. */
	assert(takes_all() || getenv("POWER_ONLY") != NULL || runs->n == N_SAMPLE);
	n = _cmocka_run_group_tests("power", runs->tests, runs->n, NULL, NULL);
	print_total(runs);
	free(runs);
	return n;
}
