/*
 * Every allocation of every role fails, its own and those of its libraries, alone or with
 * all that follow: a role ends in good order or says "out of memory"; nothing leaks, no
 * sanitizer has anything to say, what says that it succeeded has, what is live is whole
 * and the next run goes on. `make check` takes a sample, drawn from ALLOC_SEED; `make
 * alloc` (ALLOC=places) takes each place that asks for memory, ALLOC=every each time that
 * it does, or part ALLOC_PART of ALLOC_PARTS; ALLOC_CASE is a case of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/crash/alloc.h"
#include "tests/crash/layout.h"

#define CASES_MAX 64

/* Points of each case. */
#ifdef __SANITIZE_ADDRESS__
#define SAMPLE 2
#else
#define SAMPLE 4
#endif

#define CERT                                                              \
	"certificates = ( { name = \"www\"; names = [ \"www.example\" ];" \
	" issuer = \"lab\"; hooks = \"h\";$ } );\n"
#define SAYS(what, words)                                                             \
	{                                                                             \
		.name = what, .certs = "www", .prepare = { "renew" }, .before = CERT, \
		.command = words, .next = "renew", .hook = true                       \
	}

/* What these say is what they are for. */
static const struct crash_case sayings[] = {
	SAYS("check", "check"),
	SAYS("status", "status --json"),
	SAYS("plan", "plan --json"),
	SAYS("history", "history --json"),
	SAYS("inspect", "inspect @/state/live/www/cert.pem"),
};

#define N_SAYINGS (sizeof(sayings) / sizeof(*sayings))

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

static bool takes(const char *what)
{
	const char *how = getenv("ALLOC");

	return how != NULL && (what == NULL || strcmp(how, what) == 0);
}

static void ends_in_good_order_or_goes_on(void **state)
{
	const struct alloc_case *c = *state;
	struct alloc a = {
		.every = takes("every"),
		.per_case = takes(NULL) ? 0 : SAMPLE,
		.seed = number_of("ALLOC_SEED", 1),
		.part = number_of("ALLOC_PART", 0),
		.parts = number_of("ALLOC_PARTS", 1),
	};
	bool ok;

	assert_true(alloc_open(&a, c));
	a.world.layout = c->run->live_only ? LAYOUT_LIVE : LAYOUT_FILES;
	ok = alloc_run(&a, c);
	alloc_done(&a);
	printf("%s: %u allocations of %u places: %u points reached, %u not, %u whole, "
	       "%u failed\n",
	       c->run->name, a.n_allocations, a.n_places, a.n_points, a.n_missed,
	       a.n_whole, a.n_failed);
	fflush(stdout);
	assert_true(ok);
	assert_int_equal(a.n_failed, 0);
}

static bool is_wanted(const struct crash_case *c)
{
	const char *only = getenv("ALLOC_CASE");

	if (only == NULL)
		return !c->seldom || takes(NULL);
	return strcmp(only, c->name) == 0;
}

int main(void)
{
	struct alloc_case all[CASES_MAX];
	struct CMUnitTest tests[CASES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < n_crash_cases + N_SAYINGS && n < CASES_MAX; i++) {
		const bool says = i >= n_crash_cases;
		const struct crash_case *c =
		    says ? &sayings[i - n_crash_cases] : &crash_cases[i];

		if (!is_wanted(c))
			continue;
		all[n] = (struct alloc_case){ c, says };
		tests[n] = (struct CMUnitTest){
			.name = c->name,
			.test_func = ends_in_good_order_or_goes_on,
			.initial_state = &all[n],
		};
		n++;
	}
	return _cmocka_run_group_tests("alloc", tests, n, NULL, NULL);
}
