/*
 * Steps at random, against what must hold: see tests/help/life_steps.h.
 *
 *     MODEL_STEPS=100000 MODEL_SEED=1 build/tests/agent/model_test
 *
 * As many lives of LIFE_OF steps, each with the next seed. Of one in which something does
 * not hold, those steps are told without which it would: MODEL_SEED alone runs it again.
 */
#include "tests/help/life_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/agent/home.h"

#define LIFE_OF 200

/* Of a long run how far it is. */
#define TELL_EACH 25

/* What make check has time for; sanitizers make it last as much longer. */
#ifdef __SANITIZE_ADDRESS__
#define OF_CHECK 350
#else
#define OF_CHECK 20000
#endif

/* -- one life -- */

static void be_agent(struct life *l)
{
	int status;

	dup2(l->output, STDOUT_FILENO);
	if (ftruncate(l->output, 0) < 0 || lseek(l->output, 0, SEEK_SET) != 0)
		abort();
	life = l;
	seed_openssl();
	if (!life_start(l))
		abort();
	status = agent_role();
	fflush(stdout);
	_exit(status);
}

static void put_output(const struct life *l, struct buf *text)
{
	char part[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(l->output, part, sizeof(part), at)) > 0; at += n)
		buf_add(text, part, (size_t)n);
	buf_puts(text, "");
}

static void take_config(struct life *l, struct home *h, const struct buf *certs)
{
	AUTO_BUF struct buf config = { 0 };

	if (certs->len == 0)
		return;
	life_put_head(&config);
	buf_puts(&config, certs->data);
	if (h->snapshot >= 0)
		close(h->snapshot);
	home_compile(h, config.data);
	l->snapshot = h->snapshot;
}

static bool live_on(struct life *l, struct home *h)
{
	AUTO_BUF struct buf certs = { 0 };
	AUTO_BUF struct buf text = { 0 };
	int status = 0;
	pid_t pid;

	if (!life_steps_next(l, &certs))
		return false;
	take_config(l, h, &certs);
	pid = fork();
	if (pid == 0)
		be_agent(l);
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == LIFE_WRONG)
		_exit(LIFE_WRONG);
	put_output(l, &text);
	life_steps_ended(l, status, text.data);
	return true;
}

static void live(struct home *h, struct life *l, const struct life_plan *plan, int said)
{
	const int dir = ((struct scratch *)h->scratch)->fd;
	const char *log = getenv("MODEL_LOG");

	life_begin(l, plan, dir);
	l->said = said;
	l->output = memfd_create("stdout", MFD_CLOEXEC);
	dup2(openat(dir, log == NULL ? "log" : log,
		    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644),
	     STDERR_FILENO);
	while (live_on(l, h))
		;
	life_over(l);
	life_model_over(l);
	life_end(l);
}

/* -- lives -- */

static struct {
	struct life *life; /* shared with who lives it */
	int said;          /* what does not hold */
	unsigned n_steps, n_kills, n_issued, n_starts;
	unsigned n_failed; /* lives */
} all;

static void spend(struct home *h, const struct life_plan *plan)
{
	live(h, all.life, plan, all.said);
	_exit(0);
}

static bool holds(const struct life_plan *plan)
{
	struct home h = { .snapshot = -1 };
	int status = 0;
	pid_t pid;

	assert_int_equal(home_open(&h), 0);
	assert_int_equal(ftruncate(all.said, 0), 0);
	pid = fork();
	if (pid == 0)
		spend(&h, plan);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	home_close(&h);
	return status == 0;
}

/* Leave out what it fails without: halves, quarters, single ones. */
static void shorten(struct life_plan *plan)
{
	for (unsigned n = plan->steps / 2; n > 0; n /= 2)
		for (unsigned i = 0; i < plan->steps; i += n) {
			struct life_plan less = *plan;

			memset(less.without + i, true,
			       i + n < less.steps ? n : less.steps - i);
			if (memcmp(less.without, plan->without, sizeof(less.without)) !=
				0 &&
			    !holds(&less))
				*plan = less;
		}
}

static void tell_said(void)
{
	char text[512];
	const ssize_t n = pread(all.said, text, sizeof(text) - 1, 0);

	fprintf(stderr, "%.*s", n < 0 ? 0 : (int)n, text);
}

static uint32_t number(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

static void tell(struct life_plan *plan)
{
	tell_said();
	fprintf(stderr, "seed %u; of its steps it takes:\n", plan->seed);
	if (number("MODEL_SHORTEN", 1) != 0)
		shorten(plan);
	(void)holds(plan); /* whose steps and log are left */
	life_steps_tell(all.life, STDERR_FILENO);
	tell_said();
	all.n_failed++;
}

static void tell_all(uint32_t first, uint32_t last)
{
	fprintf(stderr,
		"seeds %u to %u: %u steps, %u kills, %u starts, %u certificates, "
		"%u failed\n",
		first, last, all.n_steps, all.n_kills, all.n_starts, all.n_issued,
		all.n_failed);
}

static void anything_may_happen_at_any_time(void **state)
{
	const uint32_t first = number("MODEL_SEED", 1),
		       steps = number("MODEL_STEPS", OF_CHECK);
	struct life_plan plan = { .steps = LIFE_OF };

	(void)state;
	for (plan.seed = first; all.n_steps < steps; plan.seed++) {
		if (!holds(&plan))
			tell(&plan);
		memset(plan.without, 0, sizeof(plan.without));
		all.n_steps += all.life->n_steps;
		all.n_kills += all.life->n_kills;
		all.n_issued += all.life->n_issued;
		all.n_starts += all.life->n_starts;
		if (plan.seed % TELL_EACH == 0)
			tell_all(first, plan.seed);
	}
	tell_all(first, plan.seed - 1);
	assert_int_equal(all.n_failed, 0);
}

/* -- what was found once -- */

/* For life_steps.c's put_step(): three hours, and by how much. */
#define AHEAD_90_DAYS 22
/* ... twenty minutes, ... twelve hours. */
#define AHEAD_A_WHILE  21
#define BEHIND_AN_HOUR 8

static void expect(const struct life_event *script, unsigned n)
{
	const struct life_plan plan = { .seed = 1, .steps = n, .script = script };
	char text[512] = "";

	if (holds(&plan))
		return;
	(void)!pread(all.said, text, sizeof(text) - 1, 0);
	fail_msg("%s", text);
}

/* By a clock that is ahead all has ended: what is to be revoked is not forgotten for that. */
static void what_is_to_be_revoked_outlives_a_clock_that_is_ahead(void **state)
{
	static const struct life_event script[] = {
		{ .at = 72 * LIFE_H, .value = STEP_DOWN, .drawn = 4 }, /* 36 hours */
		{ .at = 73 * LIFE_H, .value = STEP_REVOKE, .cert = 1, .drawn = 1 },
		{ .at = 74 * LIFE_H, .value = STEP_CLOCK, .drawn = AHEAD_90_DAYS },
	};

	(void)state;
	expect(script, sizeof(script) / sizeof(*script));
}

/* Of what came by a clock that was ahead nothing is of use before it begins. */
static void nobody_goes_back_to_what_has_not_begun(void **state)
{
	static const struct life_event script[] = {
		{ .at = 72 * LIFE_H, .value = STEP_CLOCK, .drawn = AHEAD_90_DAYS },
		{ .at = 73 * LIFE_H, .value = STEP_RENEW, .cert = 0 },
		{ .at = 80 * LIFE_H, .value = STEP_ROLLBACK, .cert = 0 },
	};

	(void)state;
	expect(script, sizeof(script) / sizeof(*script));
}

/* An hour behind, what a CA gives is held until it begins, and then it is what is installed:
 * also where a person had gone back. Else each is ordered again, and the limit is used up. */
static void what_was_gone_back_from_is_ordered_once(void **state)
{
	static const struct life_event script[] = {
		{ .at = 200 * LIFE_H, .value = STEP_RENEW, .cert = 1 },
		{ .at = 270 * LIFE_H, .value = STEP_ROLLBACK, .cert = 1 },
		{ .at = 306 * LIFE_H, .value = STEP_CLOCK, .drawn = BEHIND_AN_HOUR },
	};

	(void)state;
	expect(script, sizeof(script) / sizeof(*script));
}

/* Begun by a clock that was right again before it was installed: until c000 ends nobody is
 * asked for another, and then the host sleeps. */
static void nobody_waits_for_what_came_by_a_clock_that_was_ahead(void **state)
{
	static const struct life_event script[] = {
		{ .at = 80 * LIFE_H, .value = STEP_SLEEP, .drawn = 2 }, /* 3 hours */
		{ .at = 80 * LIFE_H + 30, .value = STEP_KILL, .drawn = 0 },
		{ .at = 80 * LIFE_H + 60, .value = STEP_CLOCK, .drawn = AHEAD_A_WHILE },
		{ .at = 204 * LIFE_H, .value = STEP_SLEEP, .drawn = 3 }, /* 12 hours */
	};

	(void)state;
	expect(script, sizeof(script) / sizeof(*script));
}

/* A person who asks by a clock by which it has ended is not told that it is done. */
static void who_revokes_by_a_clock_that_is_ahead_asks_the_ca(void **state)
{
	static const struct life_event script[] = {
		{ .at = 72 * LIFE_H, .value = STEP_CLOCK, .drawn = AHEAD_90_DAYS },
		{ .at = 72 * LIFE_H + 2, .value = STEP_REVOKE, .cert = 4, .drawn = 1 },
	};

	(void)state;
	expect(script, sizeof(script) / sizeof(*script));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_to_be_revoked_outlives_a_clock_that_is_ahead),
		cmocka_unit_test(nobody_goes_back_to_what_has_not_begun),
		cmocka_unit_test(what_was_gone_back_from_is_ordered_once),
		cmocka_unit_test(nobody_waits_for_what_came_by_a_clock_that_was_ahead),
		cmocka_unit_test(who_revokes_by_a_clock_that_is_ahead_asks_the_ca),
		cmocka_unit_test(anything_may_happen_at_any_time),
	};

	/* An agent's own descriptors are low. */
	while (open("/dev/null", O_RDWR | O_CLOEXEC) < 64)
		;
	all.said = memfd_create("said", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	all.life = mmap(NULL, sizeof(*all.life), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all.said < 0 || all.life == MAP_FAILED)
		abort();
	fcntl(all.said, F_SETFL, O_APPEND);
	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
