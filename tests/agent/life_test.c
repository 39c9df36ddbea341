/*
 * The agent, whole, through 400 days of 200 certificates that live 6 to 398 days, at CAs
 * that fail, on a host that sleeps and whose clock is set: see tests/help/life.h.
 */
#include "tests/help/life_host.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "tests/agent/home.h"

/* -- a life -- */

static void put_config(struct buf *text)
{
	static const char *const acme[] = { "\"plain\"", "[ \"plain\", \"suggests\" ]",
					    "\"suggests\"" };

	life_put_head(text);
	buf_puts(text, "certificates = (");
	for (int i = 0; i < LIFE_CERTS; i++)
		buf_printf(text,
			   "%s { name = \"c%03d\"; names = \"c%03d.example.org\"; "
			   "issuer = %s; }",
			   i == 0 ? "" : ",\n", i, i,
			   i % 8 < 5 ? "\"own\"" : acme[i % 8 - 5]);
	buf_puts(text, " );\n");
}

static void live(const struct home *h, const struct life_plan *plan)
{
	static struct life l;
	const int dir = ((struct scratch *)h->scratch)->fd;

	life_begin(&l, plan, dir);
	l.snapshot = h->snapshot;
	l.said = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
	dup2(openat(dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
	     STDERR_FILENO);
	life = &l;
	seed_openssl();
	while (life_start(&l))
		if (agent_role() != 0)
			life_wrong(&l, NULL, "the agent ended badly");
	life = NULL;
	life_over(&l);
	dprintf(l.said,
		"seed %u: %u certificates, %u failures, %u questions, %u starts\n",
		plan->seed, l.n_issued, l.n_failed, l.n_asked, l.n_starts);
	life_end(&l);
}

/* In a process of its own: descriptors, clock and failure are. */
static pid_t start(const struct life_plan *plan)
{
	AUTO_BUF struct buf config = { 0 };
	const pid_t pid = fork();
	struct home h;

	if (pid != 0)
		return pid;
	closefrom(STDERR_FILENO + 1);
	while (open("/dev/null", O_RDWR | O_CLOEXEC) < 64)
		;
	put_config(&config);
	if (home_open(&h) < 0)
		_exit(2);
	home_compile(&h, config.data);
	live(&h, plan);
	home_close(&h);
	_exit(0);
}

static uint32_t number(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

/* Sanitizers make it last as much longer. */
static int64_t days(uint32_t otherwise)
{
#ifdef __SANITIZE_ADDRESS__
	otherwise /= 5;
#endif
	return number("LIFE_DAYS", otherwise);
}

static uint32_t seeds(void)
{
	return number("LIFE_SEEDS", 1);
}

static void all_of(struct life_plan plan, uint32_t seeds)
{
	for (plan.seed = 1; plan.seed <= seeds; plan.seed++) {
		int status = 0;
		const pid_t pid = start(&plan);

		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("seed %u", plan.seed);
	}
}

static void what_could_be_renewed_was_not_lost(void **state)
{
	(void)state;
	all_of((struct life_plan){ .days = days(100) }, seeds());
}

static void nor_where_the_clock_is_set_and_the_host_sleeps(void **state)
{
	(void)state;
	all_of((struct life_plan){ .days = days(400), .moves = true }, seeds());
}

/* What its CAs give has not begun then, by its clock: the switch waits, and nothing is
 * ordered once more. */
static void an_hour_behind_each_order_is_enough(void **state)
{
	(void)state;
	all_of((struct life_plan){ .days = days(50), .ahead_s = -LIFE_H }, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_be_renewed_was_not_lost),
		cmocka_unit_test(an_hour_behind_each_order_is_enough),
		cmocka_unit_test(nor_where_the_clock_is_set_and_the_host_sleeps),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
