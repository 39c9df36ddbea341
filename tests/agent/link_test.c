/*
 * link: every question has one answer, its own, whatever the other role does.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define ASK   KEEPER_KEY
#define CALLS 8

struct end {
	struct ev_loop *loop;
	struct link link;
	int other; /* the other role's end */
	unsigned told[CALLS];
	unsigned order[CALLS]; /* of being told */
	unsigned n_told;
	uint64_t value[CALLS];
	struct err err[CALLS];
	unsigned n_gone;
	unsigned told_before_gone;
	uint32_t unasked; /* type of the last message that answered nothing */
};

static void on_done(void *arg, uint32_t number, struct msg *m, const struct err *e)
{
	struct end *end = arg;

	end->told[number]++;
	end->order[end->n_told++ % CALLS] = number;
	end->err[number] = (struct err){ 0 };
	if (m == NULL)
		end->err[number] = *e;
	else
		end->value[number] = msg_get_u64(m);
}

static void on_gone(void *arg, struct link *l)
{
	struct end *end = arg;

	(void)l;
	end->n_gone++;
	end->told_before_gone = end->n_told;
}

static void on_other(void *arg, struct link *l, struct msg *m)
{
	(void)l;
	((struct end *)arg)->unasked = m->type;
}

static int end_open(void **state)
{
	struct end *end = test_calloc(1, sizeof(*end));
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -1;
	end->loop = ev_loop_new(EVFLAG_AUTO);
	end->other = sv[1];
	link_open(&end->link, end->loop, sv[0], 2, end);
	end->link.gone = on_gone;
	end->link.other = on_other;
	*state = end;
	return fcntl(sv[1], F_SETFL, O_NONBLOCK);
}

static int end_close(void **state)
{
	struct end *end = *state;

	link_close(&end->link);
	ev_loop_destroy(end->loop);
	auto_fd_(&end->other);
	test_free(end);
	return 0;
}

static void ask(struct end *end, uint32_t number)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, ASK, 0);
	msg_put_u64(&m, number);
	link_call(&end->link, &m, on_done, number);
}

static void ask_slow(struct end *end, uint32_t number)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, ASK, 0);
	msg_put_u64(&m, number);
	link_call_in_turn(&end->link, LINK_SLOWLY, &m, on_done, number);
}

static void turn(struct end *end)
{
	for (int i = 0; i < 4; i++)
		ev_run(end->loop, EVRUN_NOWAIT);
}

/* What the other role finds next: the id of the question, 0: nothing is there. */
static uint32_t take(const struct end *end, uint64_t *number)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (msg_recv(end->other, &m, &e) < 0)
		return 0;
	*number = msg_get_u64(&m);
	return m.id;
}

static void answer(const struct end *end, uint32_t type, uint32_t id, uint64_t value)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, type, id);
	msg_put_u64(&m, value);
	assert_int_equal(msg_send(end->other, &m, &e), 0);
}

static void each_answer_goes_to_its_own_question(void **state)
{
	struct end *end = *state;
	uint64_t a, b;
	uint32_t id_a, id_b;

	ask(end, 1);
	ask(end, 2);
	id_a = take(end, &a);
	id_b = take(end, &b);
	assert_true(id_a != 0 && id_b != 0 && id_a != id_b);
	answer(end, ASK, id_b, 100 + b); /* the second first */
	answer(end, ASK, id_a, 100 + a);
	turn(end);
	assert_int_equal(end->order[0], b);
	assert_int_equal(end->value[1], 101);
	assert_int_equal(end->value[2], 102);
	assert_int_equal(end->n_told, 2);
}

static void no_more_than_the_limit_are_under_way(void **state)
{
	struct end *end = *state;
	uint64_t number;
	uint32_t id;

	for (uint32_t i = 0; i < 5; i++)
		ask(end, i);
	id = take(end, &number);
	assert_true(take(end, &number) != 0);
	assert_int_equal(take(end, &number), 0); /* the third waits */
	answer(end, ASK, id, 0);
	turn(end);
	assert_true(take(end, &number) != 0);
	assert_int_equal(number, 2); /* in the order of asking */
	assert_int_equal(take(end, &number), 0);
}

/* Keys that take long do not keep the rest waiting, and the rest not them. */
static void slow_questions_have_a_limit_of_their_own(void **state)
{
	struct end *end = *state;
	unsigned sent = 0;

	for (uint32_t i = 0; i < LINK_SLOW + 5; i++)
		ask_slow(end, 0);
	for (uint32_t i = 0; i < 5; i++) {
		AUTO_MSG struct msg m = MSG_NONE;

		msg_begin(&m, KEEPER_AUDIT, 0);
		link_call(&end->link, &m, on_done, 1);
	}
	for (; recv(end->other, NULL, 0, MSG_PEEK | MSG_DONTWAIT) >= 0; sent++) {
		AUTO_MSG struct msg m = MSG_NONE;
		struct err e;

		assert_int_equal(msg_recv(end->other, &m, &e), 0);
		assert_int_equal(m.type, sent < LINK_SLOW ? ASK : KEEPER_AUDIT);
	}
	assert_int_equal(sent, LINK_SLOW + 2); /* its limit, see end_open() */
	answer(end, ASK, 5, 1);
	answer(end, KEEPER_AUDIT, LINK_SLOW + 6, 1);
	turn(end);
	assert_int_equal(end->told[0], 1);
	assert_int_equal(end->told[1], 1);
	for (int i = 0; i < 2; i++) {
		AUTO_MSG struct msg m = MSG_NONE;
		struct err e;

		assert_int_equal(msg_recv(end->other, &m, &e), 0);
		assert_int_equal(m.type, i == 0 ? ASK : KEEPER_AUDIT);
	}
}

static void what_begins_something_waits_for_what_brings_others_on(void **state)
{
	struct end *end = *state;
	uint32_t id[2];
	uint64_t number;

	for (uint32_t i = 0; i < 4; i++) {
		AUTO_MSG struct msg m = MSG_NONE;

		msg_begin(&m, ASK, 0);
		msg_put_u64(&m, i);
		link_call_in_turn(&end->link, LINK_LAST, &m, on_done, i);
	}
	id[0] = take(end, &number);
	id[1] = take(end, &number);
	assert_int_equal(number, 1); /* nothing else waited */
	ask(end, 4);
	ask(end, 5);
	for (int i = 0; i < 4; i++) {
		static const uint64_t turns[] = { 4, 5, 2, 3 };

		answer(end, ASK, id[i % 2], 0);
		turn(end);
		id[i % 2] = take(end, &number);
		assert_int_equal(number, turns[i]);
	}
}

static void how_long_the_host_sleeps_is_no_silence(void **state)
{
	struct end *end = *state;

	ask(end, 0);
	clock_fake_sleep(8 * 3600 * 1000);
	assert_true(link_silent_ms(&end->link) < 3600 * 1000);
	assert_true(link_busy_ms(&end->link, clock_awake_ms()) < 3600 * 1000);
	clock_fake_sleep(0);
}

static void how_long_the_other_role_was_at_work_is_known(void **state)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000000L };
	struct end *end = *state;
	int64_t busy_ms;
	uint64_t number;
	uint32_t id[2];

	assert_int_equal(link_busy_ms(&end->link, clock_awake_ms()), 0);
	ask(end, 0);
	ask(end, 1);
	id[0] = take(end, &number);
	id[1] = take(end, &number);
	nanosleep(&moment, NULL);
	answer(end, ASK, id[0], 1);
	turn(end);
	nanosleep(&moment, NULL); /* one of them is under way still */
	answer(end, ASK, id[1], 1);
	turn(end);
	busy_ms = link_busy_ms(&end->link, clock_awake_ms());
	assert_true(busy_ms >= 39);
	nanosleep(&moment, NULL);
	assert_int_equal(link_busy_ms(&end->link, clock_awake_ms()), busy_ms);
	ask_slow(end, 2); /* the others go on meanwhile */
	nanosleep(&moment, NULL);
	assert_int_equal(link_busy_ms(&end->link, clock_awake_ms()), busy_ms);
}

static void an_answer_of_another_type_is_not_believed(void **state)
{
	struct end *end = *state;
	uint64_t number;

	ask(end, 1);
	answer(end, KEEPER_STORE, take(end, &number), 7);
	turn(end);
	assert_int_equal(end->told[1], 1);
	assert_int_equal(end->err[1].code, ERR_PROTO);
	assert_int_equal(end->n_gone, 0);
}

static void a_refusal_comes_with_its_reason(void **state)
{
	struct end *end = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e, why;
	uint64_t number;

	ask(end, 1);
	err_set(&why, ERR_TRUST, "it is for another key");
	msg_begin(&m, MSG_FAILED, take(end, &number));
	msg_put_err(&m, &why);
	assert_int_equal(msg_send(end->other, &m, &e), 0);
	turn(end);
	assert_int_equal(end->err[1].code, ERR_TRUST);
	assert_string_equal(end->err[1].text, "it is for another key");
}

static void what_answers_nothing_is_given_to_nobody_who_asked(void **state)
{
	struct end *end = *state;
	uint64_t number;
	uint32_t id;

	ask(end, 1);
	id = take(end, &number);
	answer(end, ROLE_STOP, 0, 0);
	turn(end);
	assert_int_equal(end->unasked, ROLE_STOP);
	answer(end, ASK, id + 1, 0);
	answer(end, ASK, id, 5);
	answer(end, ASK, id, 6); /* once more */
	turn(end);
	assert_int_equal(end->told[1], 1);
	assert_int_equal(end->value[1], 5);
}

static void what_the_other_role_asks_is_no_answer(void **state)
{
	struct end *end = *state;
	uint64_t number;
	uint32_t id;

	end->link.asks = ROLE_STOP;
	ask(end, 1);
	id = take(end, &number);
	answer(end, ROLE_STOP, id, 0); /* its own count, the same number */
	turn(end);
	assert_int_equal(end->unasked, ROLE_STOP);
	assert_int_equal(end->told[1], 0);
	answer(end, ASK, id, 5);
	turn(end);
	assert_int_equal(end->told[1], 1);
	assert_int_equal(end->value[1], 5);
}

static void when_the_other_role_is_gone_each_is_told_once(void **state)
{
	struct end *end = *state;

	for (uint32_t i = 0; i < 4; i++) /* two under way, two waiting */
		ask(end, i);
	auto_fd_(&end->other);
	end->other = -1;
	turn(end);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(end->told[i], 1);
		assert_int_equal(end->err[i].code, ERR_NET);
	}
	assert_int_equal(end->n_gone, 1);
	assert_int_equal(end->told_before_gone, 4);
	ask(end, 5); /* and whoever asks later */
	turn(end);
	assert_int_equal(end->told[5], 1);
	assert_int_equal(end->err[5].code, ERR_NET);
	assert_int_equal(end->n_gone, 1);
}

static void what_is_no_message_is_the_end_of_the_link(void **state)
{
	struct end *end = *state;

	ask(end, 1);
	assert_int_equal(send(end->other, "junk", 4, 0), 4);
	turn(end);
	assert_int_equal(end->err[1].code, ERR_PROTO);
	assert_int_equal(end->n_gone, 1);
	assert_int_equal(end->link.fd, -1);
}

/* The descriptor of a question that waits is the link's until it is sent. */
static void a_question_that_waits_keeps_its_descriptor(void **state)
{
	struct end *end = *state;
	AUTO_MSG struct msg m = MSG_NONE, in = MSG_NONE;
	struct err e;
	uint64_t number;
	uint32_t id;

	ask(end, 1);
	ask(end, 2);
	msg_begin(&m, ASK, 0);
	msg_put_u64(&m, 3);
	m.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	link_call(&end->link, &m, on_done, 3);
	assert_int_equal(m.fd, -1);
	id = take(end, &number);
	(void)take(end, &number);
	answer(end, ASK, id, 0);
	turn(end);
	assert_int_equal(msg_recv(end->other, &in, &e), 0);
	assert_true(in.fd >= 0);
}

static void whoever_closes_a_link_hears_nothing_more(void **state)
{
	struct end *end = *state;

	for (uint32_t i = 0; i < 4; i++)
		ask(end, i);
	link_close(&end->link);
	turn(end);
	assert_int_equal(end->n_told, 0);
	assert_int_equal(end->n_gone, 0);
}

/* What others tell in the same turn, because of that, may come first. */
static void that_the_other_role_is_gone_is_known_before_it_is_told(void **state)
{
	struct end *end = *state;

	ask(end, 0);
	assert_false(link_is_over(&end->link, 0));
	close(end->other);
	end->other = -1;
	assert_true(link_is_over(&end->link, 0));
	assert_int_equal(end->n_gone, 0);
	turn(end);
	assert_int_equal(end->n_gone, 1);
	assert_true(link_is_over(&end->link, 0));
}

static void who_goes_in_a_moment_is_waited_for(void **state)
{
	struct end *end = *state;
	pid_t pid = fork();

	if (pid == 0) {
		close(end->link.fd);
		usleep(30000);
		_exit(0);
	}
	close(end->other);
	end->other = -1;
	assert_false(link_is_over(&end->link, 0));
	assert_true(link_is_over(&end->link, 10000));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, end_open, end_close)
	const struct CMUnitTest tests[] = {
		CASE(each_answer_goes_to_its_own_question),
		CASE(no_more_than_the_limit_are_under_way),
		CASE(slow_questions_have_a_limit_of_their_own),
		CASE(what_begins_something_waits_for_what_brings_others_on),
		CASE(how_long_the_host_sleeps_is_no_silence),
		CASE(how_long_the_other_role_was_at_work_is_known),
		CASE(an_answer_of_another_type_is_not_believed),
		CASE(a_refusal_comes_with_its_reason),
		CASE(what_answers_nothing_is_given_to_nobody_who_asked),
		CASE(what_the_other_role_asks_is_no_answer),
		CASE(when_the_other_role_is_gone_each_is_told_once),
		CASE(that_the_other_role_is_gone_is_known_before_it_is_told),
		CASE(who_goes_in_a_moment_is_waited_for),
		CASE(what_is_no_message_is_the_end_of_the_link),
		CASE(a_question_that_waits_keeps_its_descriptor),
		CASE(whoever_closes_a_link_hears_nothing_more),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
