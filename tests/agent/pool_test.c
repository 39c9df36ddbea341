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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/http.h"

#define CALLS 1000

enum { NEAR, FAR, LENDS_KEYS, ISSUERS };

struct play {
	struct agent agent;
	struct spec spec;
	struct spec_issuer issuers[ISSUERS];
	int super;                 /* the supervisor's end */
	int keeper;                /* its end */
	int workers[2 * POOL_MAX]; /* ends of those that have come */
	size_t n_workers;
	unsigned n_made; /* messages */
	bool no_message;
	uint32_t asked; /* by a worker, of task number */
	bool told[CALLS];
	enum err_code code[CALLS]; /* 0: answered */
};

static struct play *playing; /* of the test that runs */

static int play_in(void **state)
{
	struct play *p = test_calloc(1, sizeof(*p));
	int sv[2], keeper[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper) < 0 ||
	    fcntl(sv[1], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	p->super = sv[1];
	p->keeper = keeper[1];
	p->agent.loop = ev_loop_new(EVFLAG_AUTO);
	link_open(&p->agent.super, p->agent.loop, sv[0], SIZE_MAX, &p->agent);
	link_open(&p->agent.keeper, p->agent.loop, keeper[0], SIZE_MAX, &p->agent);
	p->issuers[NEAR].parallel = 8;
	p->issuers[FAR].parallel = 1000;
	p->issuers[LENDS_KEYS].parallel = 1;
	p->issuers[LENDS_KEYS].type = ISSUER_EST;
	p->spec.issuers = p->issuers;
	p->spec.n[SPEC_ISSUERS] = ISSUERS;
	p->agent.spec = &p->spec;
	p->agent.pool = pool_new(&p->agent);
	*state = playing = p;
	return 0;
}

static int play_out(void **state)
{
	struct play *p = *state;

	pool_free(p->agent.pool);
	link_close(&p->agent.super);
	link_close(&p->agent.keeper);
	ev_loop_destroy(p->agent.loop);
	for (size_t i = 0; i < p->n_workers; i++)
		auto_fd_(&p->workers[i]);
	close(p->super);
	close(p->keeper);
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

static int make(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	(void)a;
	if (playing->no_message)
		return err_set(e, ERR_SYS, "no descriptors are left");
	playing->n_made++;
	msg_begin(m, PROBE_LOOK, 0);
	msg_put_u64(m, number);
	return 0;
}

static int asked(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	(void)a;
	playing->asked = number;
	if (msg_get_u64(m) != number)
		return err_set(e, ERR_PROTO, "of another job");
	return msg_end(m, e);
}

static void call_of(struct play *p, uint32_t issuer, uint32_t number)
{
	const struct pool_task task = { .issuer = issuer,
					.number = number,
					.make = make,
					.done = on_done,
					.asked = issuer == POOL_PROBE ? NULL : asked };

	pool_call(p->agent.pool, &task);
}

static void call(struct play *p, uint32_t number)
{
	call_of(p, POOL_PROBE, number);
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
		uint32_t id = m.id, type = m.type;
		int sv[2];

		assert_true(type == SUP_WORKER || type == SUP_PROBE);
		if (refuse) {
			err_set(&e, ERR_LIMIT, "enough roles are running");
			msg_begin(&m, MSG_FAILED, id);
			msg_put_err(&m, &e);
		} else {
			assert_true(p->n_workers < 2 * POOL_MAX);
			assert_int_equal(socketpair(AF_UNIX,
						    SOCK_SEQPACKET | SOCK_CLOEXEC |
							SOCK_NONBLOCK,
						    0, sv),
					 0);
			p->workers[p->n_workers++] = sv[0];
			msg_begin(&m, type, id);
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
	msg_begin(&m, PROBE_LOOK, id);
	assert_int_equal(msg_send(p->workers[worker], &m, &e), 0);
	turn(p);
	return true;
}

static void pass(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
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

static void a_worker_that_is_expected_is_there_for_the_first_task(void **state)
{
	struct play *p = *state;

	pool_expect(p->agent.pool, NEAR);
	pool_expect(p->agent.pool, NEAR);
	assert_int_equal(supervise(p, false), 1);
	pool_expect(p->agent.pool, NEAR);
	call_of(p, NEAR, 1);
	assert_int_equal(supervise(p, false), 0);
	assert_true(work(p, 0));
	assert_true(p->told[1]);
	assert_int_equal(p->code[1], 0);
}

static void where_one_that_is_expected_does_not_come_the_task_brings_one(void **state)
{
	struct play *p = *state;

	pool_expect(p->agent.pool, NEAR);
	assert_int_equal(supervise(p, true), 1);
	call_of(p, NEAR, 1);
	assert_false(p->told[1]);
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 0));
	assert_int_equal(p->code[1], 0);
}

static void a_worker_that_is_given_a_key_does_one_task(void **state)
{
	struct play *p = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	call_of(p, LENDS_KEYS, 1);
	call_of(p, LENDS_KEYS, 2);
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 0));
	assert_true(p->told[1]);
	assert_false(p->told[2]);
	assert_int_equal(supervise(p, false), 1); /* another, for the next */
	assert_true(work(p, 1));
	assert_true(p->told[2]);
	pool_check(p->agent.pool);
	for (size_t i = 0; i < 2; i++) {
		assert_true(msg_recv(p->workers[i], &m, &e) < 0);
		assert_int_not_equal(e.code, ERR_BUSY); /* it is let go of */
	}
	assert_false(pool_any(p->agent.pool));
}

/* Worker 0 asks, about job `job`. */
static void ask_of(struct play *p, uint32_t job)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, WORKER_CHECKPOINT, 1);
	msg_put_u64(&m, job);
	assert_int_equal(msg_send(p->workers[0], &m, &e), 0);
	turn(p);
}

/* A worker of `issuer` does its first tasks, which take so long; it is idle then. */
static void prove(struct play *p, uint32_t issuer, long ms)
{
	for (int n = 0; n < 2; n++) {
		call_of(p, issuer, CALLS - 1);
		(void)supervise(p, false);
		pass(ms);
		for (size_t i = 0; i < p->n_workers; i++)
			(void)work(p, i);
		assert_true(p->told[CALLS - 1]);
		p->told[CALLS - 1] = false;
	}
	p->n_made = 0;
}

static void an_order_of_many_names_has_the_time_that_they_may_take(void **state)
{
	const struct pool_task probe = { .issuer = POOL_PROBE };
	const struct pool_task list = { .issuer = POOL_CRL };
	const struct pool_task order = { .issuer = NEAR, .names = 100 };

	(void)state;
	assert_int_equal(pool_limit_ms(&probe), POOL_PROBE_MS);
	assert_int_equal(pool_limit_ms(&list), POOL_ORDER_MS);
	assert_true(pool_limit_ms(&order) >= INT64_C(2) * 100 * HTTP_DEADLINE_MS);
}

static void there_are_no_more_workers_than_may_be(void **state)
{
	static const struct {
		uint32_t issuer;
		uint32_t first;
		uint32_t n;
		unsigned most;
	} rows[] = {
		{ POOL_PROBE, 0, 50, POOL_PROBES },
		{ NEAR, 100, 100, 8 },
		/* Idle ones of another issuer make room, those that probe do not. */
		{ FAR, 300, 200, POOL_MAX - POOL_PROBES },
	};
	struct play *p = *state;

	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		const uint32_t first = rows[r].first, n = rows[r].n;
		const size_t before = p->n_workers;
		unsigned came, more;

		prove(p, rows[r].issuer, 200);
		came = (unsigned)(p->n_workers - before);
		for (uint32_t i = first; i < first + n; i++)
			call_of(p, rows[r].issuer, i);
		while ((more = supervise(p, false)) > 0)
			came += more;
		for (size_t i = before; i < p->n_workers; i++)
			assert_true(work(p, i)); /* each has something to do */
		for (unsigned round = 0; round < n; round++)
			for (size_t i = before; i < p->n_workers; i++)
				(void)work(p, i);
		for (uint32_t i = first; i < first + n; i++)
			if (!p->told[i] || p->code[i] != 0)
				fail_msg("row %zu: call %u is not answered", r, i);
		if (came != rows[r].most)
			fail_msg("row %zu: %u workers", r, came);
	}
}

static void a_few_short_tasks_do_not_bring_many_workers(void **state)
{
	struct play *p = *state;

	for (int i = 0; i < 50; i++) /* the fastest of them is fast */
		prove(p, NEAR, 0);
	for (uint32_t i = 0; i < 5; i++)
		call_of(p, NEAR, i); /* one is taken up */
	assert_int_equal(supervise(p, false), 0);
	for (uint32_t i = 0; i < 64; i++) {
		(void)work(p, 0);
		call_of(p, NEAR, 64 + i);
	}
	pool_check(p->agent.pool);
	assert_int_equal(supervise(p, false), 0);
}

static void tasks_that_take_long_bring_many(void **state)
{
	struct play *p = *state;

	prove(p, NEAR, 200);
	for (uint32_t i = 2; i < 20; i++)
		call_of(p, NEAR, i);
	assert_int_equal(supervise(p, false), 7);
}

static void a_task_that_takes_long_brings_another_worker(void **state)
{
	struct play *p = *state;

	prove(p, NEAR, 0);
	call_of(p, NEAR, 1);
	call_of(p, NEAR, 2); /* the worker is busy */
	assert_int_equal(supervise(p, false), 0);
	pass(POOL_LONG_MS + 20);
	pool_check(p->agent.pool);
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 1));
	assert_true(p->told[2]);
}

static void keeper_answered(void *arg, uint32_t number, struct msg *m,
			    const struct err *e)
{
	(void)arg;
	(void)number;
	(void)m;
	(void)e;
}

static void what_waits_for_the_keeper_is_not_helped_by_more_workers(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct play *p = *state;

	for (int i = 0; i < 50; i++) /* the fastest of them is fast */
		prove(p, NEAR, 0);
	msg_begin(&m, KEEPER_LEND, 0);
	link_call(&p->agent.keeper, &m, keeper_answered, 0); /* not answered */
	call_of(p, NEAR, 1);
	call_of(p, NEAR, 2); /* the worker is busy */
	pass(POOL_LONG_MS + 20);
	pool_check(p->agent.pool);
	assert_int_equal(supervise(p, false), 0);
	prove(p, FAR, 200); /* as fast as can be */
	for (uint32_t i = 10; i < 30; i++)
		call_of(p, FAR, i);
	assert_int_equal(supervise(p, false), 0);
}

static void what_waits_for_a_commit_is_not_helped_by_more_workers(void **state)
{
	struct play *p = *state;

	for (int i = 0; i < 50; i++) /* the fastest of them is fast */
		prove(p, NEAR, 0);
	call_of(p, NEAR, 1);
	call_of(p, NEAR, 2); /* the worker is busy */
	pass(POOL_LONG_MS + 20);
	p->agent.committing_ms += POOL_LONG_MS + 20;
	pool_check(p->agent.pool);
	assert_int_equal(supervise(p, false), 0);
	pass(POOL_LONG_MS + 20);
	pool_check(p->agent.pool);
	assert_int_equal(supervise(p, false), 1);
}

static void the_first_worker_at_an_issuer_is_alone_until_it_gets_somewhere(void **state)
{
	struct play *p = *state;

	for (uint32_t i = 0; i < 100; i++)
		call_of(p, NEAR, i);
	assert_int_equal(supervise(p, false), 1);
	pass(POOL_LONG_MS + 20);
	pool_check(p->agent.pool);
	assert_int_equal(supervise(p, false), 0);
	ask_of(p, 0); /* its order has been made */
	assert_in_range(supervise(p, false), 1, 7);
}

static void a_worker_serves_one_issuer(void **state)
{
	struct play *p = *state;

	call_of(p, NEAR, 1);
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 0));
	call_of(p, FAR, 2); /* though one is idle */
	call_of(p, POOL_PROBE, 3);
	assert_int_equal(supervise(p, false), 2);
	assert_false(work(p, 0));
	assert_true(work(p, 1) && work(p, 2));
	assert_true(p->told[2] && p->told[3]);
}

static void nothing_is_made_before_a_worker_takes_it_up(void **state)
{
	struct play *p = *state;

	for (uint32_t i = 0; i < 3; i++)
		call_of(p, NEAR, i);
	assert_int_equal(p->n_made, 0);
	assert_int_equal(supervise(p, false), 1);
	assert_int_equal(p->n_made, 1);
	p->no_message = true;
	assert_true(work(p, 0));
	assert_int_equal(p->code[1], ERR_SYS); /* told, and the worker is not lost */
	assert_int_equal(p->code[2], ERR_SYS);
	p->no_message = false;
	call_of(p, NEAR, 3);
	assert_true(work(p, 0));
	assert_int_equal(p->code[3], 0);
}

static void what_a_worker_asks_goes_to_the_job_that_it_works_on(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct play *p = *state;
	struct err e;

	call_of(p, NEAR, 5);
	assert_int_equal(supervise(p, false), 1);
	assert_int_equal(msg_recv(p->workers[0], &m, &e), 0);
	ask_of(p, 5);
	assert_int_equal(p->asked, 5);
	msg_begin(&m, WORKER_CHECKPOINT, 1);
	pool_answer(p->agent.pool, 6, &m); /* nobody does that */
	assert_int_equal(msg_recv(p->workers[0], &m, &e), ERR_BUSY);
	msg_begin(&m, WORKER_CHECKPOINT, 1);
	pool_answer(p->agent.pool, 5, &m);
	assert_int_equal(msg_recv(p->workers[0], &m, &e), 0);
	assert_int_equal(m.type, WORKER_CHECKPOINT);
	ask_of(p, 4); /* not its own */
	assert_true(p->told[5]);
	assert_int_equal(p->code[5], ERR_PROTO);
	assert_int_equal(msg_recv(p->workers[0], &m, &e), ERR_NET);
}

static void a_worker_with_nothing_to_do_may_ask_nothing(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct play *p = *state;
	struct err e;

	call_of(p, NEAR, 5);
	assert_int_equal(supervise(p, false), 1);
	assert_true(work(p, 0));
	ask_of(p, 5);
	assert_int_equal(p->asked, 0);
	assert_int_equal(msg_recv(p->workers[0], &m, &e), ERR_NET);
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

static void what_no_worker_has_taken_up_can_be_taken_back(void **state)
{
	struct play *p = *state;

	for (uint32_t i = 0; i < 4; i++)
		call_of(p, NEAR, i);
	assert_int_equal(supervise(p, false), 1);
	assert_false(pool_take_back(p->agent.pool, 0, on_done)); /* it is at work */
	assert_true(pool_take_back(p->agent.pool, 3, on_done));
	assert_true(pool_take_back(p->agent.pool, 1, on_done));
	assert_false(pool_take_back(p->agent.pool, 1, on_done));
	assert_false(pool_take_back(p->agent.pool, 2, NULL)); /* another's */
	call_of(p, NEAR, 5);
	for (int i = 0; i < 3; i++)
		assert_true(work(p, 0));
	assert_true(p->told[0] && p->told[2] && p->told[5]);
	assert_false(p->told[1] || p->told[3]);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, play_in, play_out)
	const struct CMUnitTest tests[] = {
		CASE(the_first_question_brings_a_worker),
		CASE(a_worker_that_is_expected_is_there_for_the_first_task),
		CASE(where_one_that_is_expected_does_not_come_the_task_brings_one),
		CASE(an_order_of_many_names_has_the_time_that_they_may_take),
		CASE(there_are_no_more_workers_than_may_be),
		CASE(a_few_short_tasks_do_not_bring_many_workers),
		CASE(tasks_that_take_long_bring_many),
		CASE(a_task_that_takes_long_brings_another_worker),
		CASE(what_waits_for_the_keeper_is_not_helped_by_more_workers),
		CASE(what_waits_for_a_commit_is_not_helped_by_more_workers),
		CASE(the_first_worker_at_an_issuer_is_alone_until_it_gets_somewhere),
		CASE(a_worker_serves_one_issuer),
		CASE(nothing_is_made_before_a_worker_takes_it_up),
		CASE(what_a_worker_asks_goes_to_the_job_that_it_works_on),
		CASE(a_worker_with_nothing_to_do_may_ask_nothing),
		CASE(a_worker_that_dies_fails_what_it_did_and_the_next_is_new),
		CASE(where_no_worker_comes_the_question_fails),
		CASE(where_a_second_worker_does_not_come_the_first_does_it_all),
		CASE(what_waits_when_the_pool_goes_is_told_nothing_more),
		CASE(what_no_worker_has_taken_up_can_be_taken_back),
		CASE(a_worker_that_is_given_a_key_does_one_task),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
