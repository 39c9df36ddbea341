/* responder: those who want to keep others out do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/responder/responder.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "tests/help/visit.h"

/* A byte now and then does not buy more time. */
static void a_slow_client_is_cut_after_two_seconds(void **state)
{
	const struct visit *b = *state;
	AUTO_FD int fd = visit_client(b, INADDR_LOOPBACK);
	const int64_t began = clock_boot_ms();
	bool closed = false;

	while (!closed && clock_boot_ms() - began < 60000) {
		AUTO_FREE char *text = NULL;

		visit_say(fd, "G", 1);
		text = visit_hear(b->responder, fd, 250, &closed);
	}
	assert_true(closed);
	assert_true(clock_boot_ms() - began >= RESPONDER_SECONDS * 1000 - 100);
}

static void an_idle_responder_does_not_wake(void **state)
{
	struct visit *b = *state;

	for (int i = 0; i < 3; i++)
		visit_turn(b->responder);
	assert_int_equal(responder_timeout_ms(b->responder), -1);
}

/* The one after them goes before the oldest of them, though it came last. */
static void one_address_has_sixteen_connections_for_long(void **state)
{
	const struct visit *b = *state;
	int fds[RESPONDER_PER_ADDRESS];
	AUTO_FREE char *text = NULL;
	bool closed;
	int left;

	for (size_t i = 0; i < RESPONDER_PER_ADDRESS; i++)
		fds[i] = visit_client(b, INADDR_LOOPBACK + 4);
	for (int i = 0; i < 8; i++)
		visit_turn(b->responder);
	left = responder_timeout_ms(b->responder);
	{
		AUTO_FD int one_more = visit_client(b, INADDR_LOOPBACK + 4);

		visit_turn(b->responder);
		assert_true(responder_timeout_ms(b->responder) <= left);
		assert_true(responder_timeout_ms(b->responder) <=
			    RESPONDER_EXTRA_S * 1000);
		AUTO_FREE char *nothing =
		    visit_hear(b->responder, one_more, 60000, &closed);

		assert_true(closed);
		assert_string_equal(nothing, "");
	}
	text = visit_get(b, "GET", PATH TOKEN);
	visit_expect(text, "200", "another address");
	for (size_t i = 0; i < RESPONDER_PER_ADDRESS; i++)
		close(fds[i]);
}

/* A CA that validates many names at once: no question has come when the last of it is
 * accepted. */
static void a_crowd_from_one_address_is_heard_before_it_is_judged(void **state)
{
	static const char ask[] =
	    "GET " PATH TOKEN " HTTP/1.1\r\nHost: a.example\r\n\r\n";
	const struct visit *b = *state;
	int fds[6 * RESPONDER_PER_ADDRESS];
	const size_t n = sizeof(fds) / sizeof(*fds);

	for (size_t i = 0; i < n; i++)
		fds[i] = visit_client(b, INADDR_LOOPBACK);
	for (int i = 0; i < 4; i++)
		visit_turn(b->responder);
	for (size_t i = 0; i < n; i++)
		visit_say(fds[i], ask, sizeof(ask) - 1);
	for (size_t i = 0; i < n; i++) {
		bool closed;
		AUTO_FREE char *text = visit_hear(b->responder, fds[i], 60000, &closed);

		visit_expect(text, "200", "one of a crowd");
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* However many come from one address, those of others stay. */
static void a_crowd_makes_room_before_others(void **state)
{
	static const char ask[] =
	    "GET " PATH TOKEN " HTTP/1.1\r\nHost: a.example\r\n\r\n";
	const struct visit *b = *state;
	AUTO_FD int first = visit_client(b, INADDR_LOOPBACK + 4);
	AUTO_FREE char *text = NULL;
	int fds[RESPONDER_CONNECTIONS + RESPONDER_PER_ADDRESS];
	const size_t n = sizeof(fds) / sizeof(*fds);
	bool closed;

	visit_turn(b->responder);
	for (size_t i = 0; i < n; i++) {
		fds[i] = visit_client(b, INADDR_LOOPBACK);
		visit_turn(b->responder);
	}
	visit_say(first, ask, sizeof(ask) - 1);
	text = visit_hear(b->responder, first, 60000, &closed);
	visit_expect(text, "200", "who was there before the crowd");
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* They came while no responder was there, with their questions. */
static void those_who_waited_are_answered_however_many_there_are(void **state)
{
	static const char ask[] =
	    "GET " PATH TOKEN " HTTP/1.1\r\nHost: a.example\r\n\r\n";
	const struct visit *b = *state;
	int fds[3 * RESPONDER_PER_ADDRESS];
	const size_t n = sizeof(fds) / sizeof(*fds);

	for (size_t i = 0; i < n; i++) {
		fds[i] = visit_client(b, INADDR_LOOPBACK);
		visit_say(fds[i], ask, sizeof(ask) - 1);
	}
	for (size_t i = 0; i < n; i++) {
		bool closed;
		AUTO_FREE char *text = visit_hear(b->responder, fds[i], 2000, &closed);

		visit_expect(text, "200", "one of many");
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Both ends of all connections are ours. */
static bool raise_limit(rlim_t wanted)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	if (l.rlim_cur >= wanted)
		return true;
	l.rlim_cur = l.rlim_max < wanted ? l.rlim_max : wanted;
	return setrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur >= wanted;
}

/* They ask for tokens and for pages, and never come to an end. */
static void a_thousand_slow_clients_do_not_keep_a_ca_out(void **state)
{
	enum { SLOW = 1000, VISITS = 100 };
	struct visit *b = *state;
	int fds[SLOW];
	unsigned late = 0;
	struct err e;

	if (!raise_limit(SLOW + RESPONDER_CONNECTIONS + 64))
		skip();
	responder_free(b->responder);
	b->listener.serves = SERVES_CHALLENGES | SERVES_PAGES;
	assert_int_equal(responder_new(&b->listener, 1, NULL, &b->responder, &e), 0);
	assert_int_equal(responder_add(b->responder, NULL, TOKEN, TOKEN "." THUMB, &e),
			 0);
	for (unsigned i = 0; i < SLOW; i++) {
		static const char page[] = "GET /metrics HTTP/1.0\r\n\r\n";

		fds[i] = visit_client(b, INADDR_LOOPBACK + 10 + i / 10);
		if (i % 2 == 0)
			visit_say(fds[i], "GET /", 5);
		else
			visit_say(fds[i], page, sizeof(page) - 1);
		if (i % 16 == 15)
			visit_turn(b->responder);
	}
	for (int i = 0; i < VISITS; i++) {
		const int64_t began = clock_boot_ms();
		AUTO_FREE char *text = visit_get(b, "GET", PATH TOKEN);

		visit_expect(text, "200", "the CA");
		late += clock_boot_ms() - began > 1000;
	}
	assert_in_range(late, 0, VISITS / 100);
	for (size_t i = 0; i < SLOW; i++)
		close(fds[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, visit_setup, visit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_client_is_cut_after_two_seconds),
		TEST(an_idle_responder_does_not_wake),
		TEST(one_address_has_sixteen_connections_for_long),
		TEST(a_crowd_from_one_address_is_heard_before_it_is_judged),
		TEST(a_crowd_makes_room_before_others),
		TEST(those_who_waited_are_answered_however_many_there_are),
		TEST(a_thousand_slow_clients_do_not_keep_a_ca_out),
	};

	return cmocka_run_group_tests_name("responder crowd", tests, NULL, NULL);
}
