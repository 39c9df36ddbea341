/*
 * pool: workers come when they are needed, no more than there may be, and one that dies
 * or does not come is told to those alone who waited for it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/messages.h"
#include "agent/pool.h"
#include "base/auto.h"
#include "base/err.h"

#define CALLS 8

struct play {
	struct agent agent;
	int super;             /* the supervisor's end */
	int workers[POOL_MAX]; /* ends of those that have come */
	size_t n_workers;
	bool told[CALLS];
	enum err_code code[CALLS]; /* 0: answered */
};

static struct play *playing; /* of the test that runs */

static int play_in(void **state)
{
	struct play *p = test_calloc(1, sizeof(*p));
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0 ||
	    fcntl(sv[1], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	p->super = sv[1];
	p->agent.loop = ev_loop_new(EVFLAG_AUTO);
	link_open(&p->agent.super, p->agent.loop, sv[0], SIZE_MAX, &p->agent);
	p->agent.pool = pool_new(&p->agent);
	*state = playing = p;
	return 0;
}

static int play_out(void **state)
{
	struct play *p = *state;

	pool_free(p->agent.pool);
	link_close(&p->agent.super);
	ev_loop_destroy(p->agent.loop);
	for (size_t i = 0; i < p->n_workers; i++)
		auto_fd_(&p->workers[i]);
	close(p->super);
	test_free(p);
	return 0;
}

static void on_done(void *arg, uint32_t number, struct msg *m, const struct err *e)
{
	(void)arg;
	assert_false(playing->told[number]);
	playing->told[number] = true;
	playing->code[number] = m != NULL ? 0 : e->code;
}

static void call(struct play *p, uint32_t number)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_PROBE, 0);
	msg_put_u64(&m, number);
	pool_call(p->agent.pool, &m, on_done, number);
}

static void turn(struct play *p)
{
	for (int i = 0; i < 4; i++)
		ev_run(p->agent.loop, EVRUN_NOWAIT);
}

/* Answer the requests for workers: with one, or by refusing. Returns how many there
 * were. */
static unsigned supervise(struct play *p, bool refuse)
{
	AUTO_MSG struct msg m = MSG_NONE;
	unsigned n = 0;
	struct err e;

	for (; msg_recv(p->super, &m, &e) == 0; n++) {
		uint32_t id = m.id;
		int sv[2];

		assert_int_equal(m.type, SUP_WORKER);
		if (refuse) {
			err_set(&e, ERR_LIMIT, "enough roles are running");
			msg_begin(&m, MSG_FAILED, id);
			msg_put_err(&m, &e);
		} else {
			assert_true(p->n_workers < POOL_MAX);
			assert_int_equal(socketpair(AF_UNIX,
						    SOCK_SEQPACKET | SOCK_CLOEXEC |
							SOCK_NONBLOCK,
						    0, sv),
					 0);
			p->workers[p->n_workers++] = sv[0];
			msg_begin(&m, SUP_WORKER, id);
			m.fd = sv[1];
		}
		assert_int_equal(msg_send(p->super, &m, &e), 0);
	}
	turn(p);
	return n;
}

/* The worker answers what it was asked; false: it was asked nothing. */
static bool work(struct play *p, size_t worker)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint32_t id;
	struct err e;

	if (msg_recv(p->workers[worker], &m, &e) < 0)
		return false;
	id = m.id;
	msg_begin(&m, WORKER_PROBE, id);
	assert_int_equal(msg_send(p->workers[worker], &m, &e), 0);
	turn(p);
	return true;
}

static void the_first_question_brings_a_worker(void **state)
{
	struct play *p = *state;

	assert_false(pool_any(p->agent.pool));
	call(p, 1);
	assert_true(pool_any(p->agent.pool));
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 0));
	assert_true(p->told[1]);
	assert_int_equal(p->code[1], 0);
	call(p, 2); /* it is there, and idle */
	assert_int_equal(supervise(p, false), 0);
	assert_true(work(p, 0));
	assert_true(p->told[2]);
}

static void there_are_no_more_workers_than_may_be(void **state)
{
	struct play *p = *state;
	unsigned left = CALLS;

	for (uint32_t i = 0; i < CALLS; i++)
		call(p, i);
	assert_int_equal(supervise(p, false), POOL_MAX);
	for (size_t i = 0; i < POOL_MAX; i++)
		assert_true(work(p, i)); /* each has something to do */
	for (unsigned round = 0; round < CALLS; round++)
		for (size_t i = 0; i < POOL_MAX; i++)
			(void)work(p, i);
	assert_int_equal(supervise(p, false), 0);
	for (uint32_t i = 0; i < CALLS; i++)
		left -= p->told[i] && p->code[i] == 0;
	assert_int_equal(left, 0);
}

static void a_worker_that_dies_fails_what_it_did_and_the_next_is_new(void **state)
{
	struct play *p = *state;

	call(p, 1);
	assert_int_equal(supervise(p, false), 1);
	auto_fd_(&p->workers[0]);
	p->workers[0] = -1;
	turn(p);
	assert_true(p->told[1]);
	assert_int_equal(p->code[1], ERR_NET);
	call(p, 2);
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 1));
	assert_int_equal(p->code[2], 0);
}

static void where_no_worker_comes_the_question_fails(void **state)
{
	struct play *p = *state;

	call(p, 1);
	assert_int_equal(supervise(p, true), 1);
	assert_true(p->told[1]);
	assert_int_equal(p->code[1], ERR_LIMIT);
	assert_false(pool_any(p->agent.pool));
	call(p, 2); /* and the next is asked for anew */
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 0));
	assert_int_equal(p->code[2], 0);
}

static void where_a_second_worker_does_not_come_the_first_does_it_all(void **state)
{
	struct play *p = *state;

	call(p, 1);
	assert_int_equal(supervise(p, false), 1);
	call(p, 2); /* the first is busy */
	assert_int_equal(supervise(p, true), 1);
	assert_false(p->told[2]);
	assert_true(work(p, 0));
	assert_true(work(p, 0));
	assert_true(p->told[1] && p->told[2]);
	assert_int_equal(p->code[2], 0);
}

static void what_waits_when_the_pool_goes_is_told_nothing_more(void **state)
{
	struct play *p = *state;

	call(p, 1);
	assert_int_equal(supervise(p, false), 1);
	call(p, 2);
	pool_free(p->agent.pool);
	p->agent.pool = NULL;
	assert_false(p->told[1] || p->told[2]);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, play_in, play_out)
	const struct CMUnitTest tests[] = {
		CASE(the_first_question_brings_a_worker),
		CASE(there_are_no_more_workers_than_may_be),
		CASE(a_worker_that_dies_fails_what_it_did_and_the_next_is_new),
		CASE(where_no_worker_comes_the_question_fails),
		CASE(where_a_second_worker_does_not_come_the_first_does_it_all),
		CASE(what_waits_when_the_pool_goes_is_told_nothing_more),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
