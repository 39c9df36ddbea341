/* commit: who waits for the disk is told after one commit, and the truth. */
#include "tests/scratch.h"

#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/commit.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"

struct told {
	uint32_t numbers[8];
	int codes[8]; /* 0: it is on disk */
	size_t n;
};

static struct told told; /* by the commits of the test that runs */

static void tell(struct agent *a, uint32_t number, const struct err *e)
{
	(void)a;
	told.numbers[told.n] = number;
	told.codes[told.n++] = e == NULL ? 0 : e->code;
}

static void tell_and_ask_again(struct agent *a, uint32_t number, const struct err *e)
{
	tell(a, number, e);
	commit_then(a, tell, number + 1);
}

static void open_agent(const struct scratch *s, struct agent *a)
{
	struct err e;

	told = (struct told){ .n = 0 };
	*a = (struct agent){ .root = -1 };
	if (state_open(s->path, false, &a->state, &e) < 0)
		fail_msg("%s", e.text);
}

static void write_row(struct agent *a, const char *name)
{
	struct memory m = { .generation = 1 };
	struct err e;

	assert_int_equal(agent_write(a, &e), 0);
	assert_int_equal(state_put(a->state, name, &m, &e), 0);
}

static bool is_on_disk(const struct scratch *s, const char *name)
{
	struct state *reader;
	struct memory m;
	struct err e;
	bool found;

	assert_int_equal(state_open(s->path, true, &reader, &e), 0);
	assert_int_equal(state_get(reader, name, &m, &found, &e), 0);
	state_close(reader);
	return found;
}

static void all_of_a_turn_are_told_after_one_commit(void **state)
{
	struct agent a;

	open_agent(*state, &a);
	write_row(&a, "www");
	commit_then(&a, tell, 1);
	write_row(&a, "mail");
	commit_then(&a, tell, 2);
	assert_int_equal(told.n, 0);
	assert_false(is_on_disk(*state, "www"));
	assert_true(commit_turn(&a));
	assert_int_equal(told.n, 2);
	assert_int_equal(told.numbers[0], 1);
	assert_int_equal(told.codes[0] | told.codes[1], 0);
	assert_true(is_on_disk(*state, "www") && is_on_disk(*state, "mail"));
	assert_false(commit_turn(&a));
	state_close(a.state);
}

static void who_is_told_may_ask_again(void **state)
{
	struct agent a;

	open_agent(*state, &a);
	commit_then(&a, tell_and_ask_again, 1);
	assert_true(commit_turn(&a));
	assert_true(commit_turn(&a));
	assert_false(commit_turn(&a));
	assert_int_equal(told.n, 2);
	assert_int_equal(told.numbers[1], 2);
	state_close(a.state);
}

static void a_commit_that_failed_before_is_told_too(void **state)
{
	struct agent a;
	struct err e;

	open_agent(*state, &a);
	write_row(&a, "www");
	commit_then(&a, tell, 1);
	assert_int_equal(state_commit(a.state, &e), 0);
	assert_int_not_equal(agent_commit(&a, &e), 0); /* there is none to commit */
	assert_true(commit_turn(&a));
	assert_int_equal(told.codes[0], ERR_SYS);
	commit_then(&a, tell, 2);
	assert_true(commit_turn(&a));
	assert_int_equal(told.codes[1], 0);
	state_close(a.state);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

static void answered(void *arg, uint32_t number, struct msg *m, const struct err *e)
{
	(void)arg;
	(void)number;
	(void)m;
	(void)e;
}

static void a_commit_beside_the_keeper_s_work_is_not_counted_twice(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct agent a;
	int64_t alone_ms;
	int keeper[2];
	struct err e;

	open_agent(*state, &a);
	a.loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper),
			 0);
	link_open(&a.keeper, a.loop, keeper[0], SIZE_MAX, &a);
	while (a.committing_ms == 0) {
		write_row(&a, "www");
		assert_int_equal(agent_commit(&a, &e), 0);
	}
	alone_ms = a.committing_ms;
	assert_int_equal(agent_disk_ms(&a, clock_awake_ms()), alone_ms);
	msg_begin(&m, KEEPER_LEND, 0);
	link_call(&a.keeper, &m, answered, 0); /* it never is */
	while (agent_disk_ms(&a, clock_awake_ms()) < alone_ms + 20) {
		write_row(&a, "www");
		assert_int_equal(agent_commit(&a, &e), 0);
	}
	assert_int_equal(a.committing_ms, alone_ms);
	link_close(&a.keeper);
	close(keeper[1]);
	ev_loop_destroy(a.loop);
	state_close(a.state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(all_of_a_turn_are_told_after_one_commit),
		KEPT(who_is_told_may_ask_again),
		KEPT(a_commit_that_failed_before_is_told_too),
		KEPT(a_commit_beside_the_keeper_s_work_is_not_counted_twice),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
