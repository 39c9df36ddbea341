/*
 * death: what becomes of a run when one of its processes is killed, or it is asked to
 * end, while a hook or a probe is under way.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "agent/super/super.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/tree.h"

#define RENEW ((const char *[]){ "renew", NULL })

static void begin(struct tree *t)
{
	tree_configure(t, "");
	tree_start(t, RENEW);
	tree_until_hook(t, 1);
}

static void expect_said(const struct tree *t, const char *text)
{
	if (strstr(tree_said(t), text) == NULL)
		fail_msg("\"%s\" was not said:\n%s", text, tree_said(t));
}

/* The certificate is live, its hook has run, and nothing is owed. */
static void expect_whole(struct tree *t)
{
	struct stat st;

	st = scratch_stat(t->scratch, "state/live/www");
	assert_true(S_ISLNK(st.st_mode));
	assert_false(scratch_has(t->scratch, "state/archive/www/0000000002"));
	assert_int_equal(tree_run(t, (const char *[]){ "status", "--check", NULL }), 0);
	assert_int_equal(tree_run(t, (const char *[]){ "history", "www", NULL }), 0);
	expect_said(t, "hooked");
}

/* Kill `role` while the hook runs: the run goes on from disk and is done. */
static void dies_once(struct tree *t, const char *role)
{
	AUTO_FREE char *killed = xasprintf("the %s was killed by signal 9", role);
	pid_t old;

	begin(t);
	old = tree_role(t, role, 0);
	kill(old, SIGKILL);
	(void)tree_role(t, role, old);
	tree_let_hook_end(t);
	assert_int_equal(tree_wait(t, 20000), 0);
	expect_said(t, killed);
	expect_said(t, "starting again from disk");
	expect_whole(t);
}

static void a_run_survives_the_death_of_its_agent(void **state)
{
	dies_once(*state, "agent");
}

static void a_run_survives_the_death_of_its_keeper(void **state)
{
	dies_once(*state, "keeper");
}

static void a_run_whose_agent_dies_again_and_again_gives_up(void **state)
{
	struct tree *t = *state;
	pid_t pid = 0;

	begin(t);
	for (int i = 0; i <= SUPER_RESTARTS; i++) {
		pid = tree_role(t, "agent", pid);
		kill(pid, SIGKILL);
	}
	assert_int_equal(tree_wait(t, 20000), 1);
	expect_said(t, "giving up");
	/* What was owed is not lost: the next run makes up for it. */
	tree_let_hook_end(t);
	assert_int_equal(tree_run(t, RENEW), 0);
	expect_whole(t);
}

static bool lock_is_free(const struct tree *t)
{
	const struct scratch *s = t->scratch;
	AUTO_FD int fd = openat(s->fd, "state/lock", O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void the_death_of_the_supervisor_ends_all_and_frees_the_lock(void **state)
{
	struct tree *t = *state;
	pid_t agent, keeper;

	begin(t);
	assert_false(lock_is_free(t));
	agent = tree_role(t, "agent", 0);
	keeper = tree_role(t, "keeper", 0);
	kill(t->pid, SIGKILL);
	assert_int_equal(tree_wait(t, 10000), 128 + SIGKILL);
	assert_true(tree_gone(agent));
	assert_true(tree_gone(keeper));
	assert_true(lock_is_free(t)); /* though the hook still runs */
	tree_let_hook_end(t);
	assert_int_equal(tree_run(t, RENEW), 0); /* at least once, never lost */
	expect_whole(t);
}

/* The hook outlasts our patience: it is ended, and made up for by the next run. */
static void a_run_that_is_asked_to_end_does_so_within_10_s(void **state)
{
	struct tree *t = *state;
	int64_t since;

	begin(t);
	since = clock_boot_ms();
	kill(t->pid, SIGTERM);
	assert_int_equal(tree_wait(t, 20000), 1);
	assert_true(clock_boot_ms() - since < 12000); /* and a busy machine */
	expect_said(t, "asked to end");
	assert_true(lock_is_free(t));
	tree_let_hook_end(t);
	assert_int_equal(tree_run(t, RENEW), 0);
	expect_whole(t);
}

static void a_run_that_is_asked_to_end_finishes_what_must_not_be_cut(void **state)
{
	struct tree *t = *state;

	begin(t);
	kill(t->pid, SIGTERM);
	poll(NULL, 0, 300);
	tree_let_hook_end(t);
	(void)tree_wait(t, 10000);
	expect_whole(t);
}

/* -- probes -- */

/* A server that takes connections and says nothing. */
static int listen_silently(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* The run, until its worker holds a connection that says nothing. */
static int begin_probe(struct tree *t, int *server)
{
	AUTO_FREE char *more = NULL;
	uint16_t port;

	*server = listen_silently(&port);
	more = xasprintf("probe = \"127.0.0.1:%u\";", port);
	tree_configure(t, more);
	tree_let_hook_end(t);
	tree_start(t, RENEW);
	return accept(*server, NULL, NULL);
}

/* It may have been the server that did it: the same look is not tried a third time. */
static void a_probe_that_dies_is_replaced_once_and_holds_nothing_up(void **state)
{
	struct tree *t = *state;
	AUTO_FD int server = -1;
	AUTO_FD int before = begin_probe(t, &server); /* the look before the switch */
	AUTO_FD int again = -1;
	AUTO_FD int after = -1;
	const pid_t first = tree_role(t, "probe", 0);
	pid_t second;

	kill(first, SIGKILL);
	again = accept(server, NULL, NULL);
	second = tree_role(t, "probe", 0);
	assert_int_not_equal(second, first);
	assert_false(scratch_has(t->scratch, "state/live/www/cert.pem"));
	kill(second, SIGKILL);
	after = accept(server, NULL, NULL);
	assert_true(before >= 0 && again >= 0 && after >= 0);
	assert_int_not_equal(tree_role(t, "probe", 0), second);
	expect_said(t, "the probe was killed by signal 9");
	assert_true(scratch_has(t->scratch, "state/live/www/cert.pem"));
	kill(t->pid, SIGTERM);
	assert_int_equal(tree_wait(t, 13000), 1);
}

static void the_death_of_the_supervisor_ends_a_probe(void **state)
{
	struct tree *t = *state;
	AUTO_FD int server = -1;
	AUTO_FD int probe = begin_probe(t, &server);
	pid_t worker = tree_role(t, "probe", 0);
	pid_t agent = tree_role(t, "agent", 0);
	pid_t keeper = tree_role(t, "keeper", 0);

	assert_true(probe >= 0);
	kill(t->pid, SIGKILL);
	assert_int_equal(tree_wait(t, 10000), 128 + SIGKILL);
	assert_true(tree_gone(worker));
	assert_true(tree_gone(agent));
	assert_true(tree_gone(keeper));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, tree_in, tree_out)
	const struct CMUnitTest tests[] = {
		CASE(a_run_survives_the_death_of_its_agent),
		CASE(a_run_survives_the_death_of_its_keeper),
		CASE(a_run_whose_agent_dies_again_and_again_gives_up),
		CASE(the_death_of_the_supervisor_ends_all_and_frees_the_lock),
		CASE(a_run_that_is_asked_to_end_does_so_within_10_s),
		CASE(a_run_that_is_asked_to_end_finishes_what_must_not_be_cut),
		CASE(a_probe_that_dies_is_replaced_once_and_holds_nothing_up),
		CASE(the_death_of_the_supervisor_ends_a_probe),
	};

	return cmocka_run_group_tests_name("death", tests, NULL, NULL);
}
