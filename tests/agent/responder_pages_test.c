/* responder: what the agent says reaches all who ask, and nobody has to be asked twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/page.h"
#include "agent/responder/responder.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/visit.h"

#define METRICS "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEALTH  "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

static void serve(struct visit *b, unsigned serves)
{
	struct err e;

	responder_free(b->responder);
	b->listener.serves = serves;
	assert_int_equal(responder_new(&b->listener, 1, NULL, &b->responder, &e), 0);
	assert_int_equal(responder_add(b->responder, NULL, TOKEN, TOKEN "." THUMB, &e),
			 0);
}

static int setup(void **state)
{
	int rc = visit_setup(state);

	serve(*state, SERVES_PAGES);
	return rc;
}

/* A connection that has asked. */
static int ask(const struct visit *b, const char *request)
{
	int fd = visit_client(b, INADDR_LOOPBACK);

	visit_say(fd, request, strlen(request));
	return fd;
}

/* Turns until the agent is to be asked; how often it was, for that page. */
static unsigned asks(const struct visit *b, enum responder_page page, unsigned turns)
{
	enum responder_page got;
	unsigned n = 0;

	for (unsigned i = 0; i < turns && n == 0; i++) {
		visit_turn(b->responder);
		while (responder_ask(b->responder, &got)) {
			assert_int_equal(got, page);
			n++;
		}
	}
	return n;
}

static void say(const struct visit *b, enum responder_page page, const char *text)
{
	AUTO_PAGE struct page_writer p;
	AUTO_FD int fd = -1;
	struct err e;

	assert_int_equal(page_begin(&p, &e), 0);
	buf_puts(&p.text, text);
	assert_int_equal(page_end(&p, &fd, &e), 0);
	assert_int_equal(responder_come(b->responder, page, fd, &e), 0);
}

static char *hear(const struct visit *b, int fd)
{
	bool closed;

	return visit_hear(b->responder, fd, 20000, &closed);
}

static void all_who_wait_get_what_was_asked_for_once(void **state)
{
	const struct visit *b = *state;
	int fds[8];
	enum responder_page page;

	for (size_t i = 0; i < 8; i++)
		fds[i] = ask(b, METRICS);
	assert_int_equal(asks(b, PAGE_METRICS, 1000), 1);
	for (int i = 0; i < 10; i++)
		visit_turn(b->responder);
	assert_false(responder_ask(b->responder, &page));
	say(b, PAGE_METRICS, "up 1\n");
	for (size_t i = 0; i < 8; i++) {
		AUTO_FREE char *text = hear(b, fds[i]);

		visit_expect(text, "200", "metrics");
		assert_non_null(strstr(text, "Content-Length: 5\r\n"));
		assert_non_null(strstr(text, "version=0.0.4"));
		assert_string_equal(strstr(text, "\r\n\r\n") + 4, "up 1\n");
		close(fds[i]);
	}
}

static void who_comes_right_after_gets_the_same(void **state)
{
	const struct visit *b = *state;
	AUTO_FREE char *text = NULL;
	enum responder_page page;

	say(b, PAGE_METRICS, "up 1\n");
	text = visit_get(b, "GET", "/metrics");
	visit_expect(text, "200", "metrics");
	assert_false(responder_ask(b->responder, &page));
}

static void head_has_the_length_and_no_body(void **state)
{
	const struct visit *b = *state;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *health = NULL;

	say(b, PAGE_STATUS, "{}\n");
	text = visit_get(b, "HEAD", "/status.json");
	visit_expect(text, "200", "status.json");
	assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(text, "Content-Length: 3\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, "");
	say(b, PAGE_HEALTH, "");
	health = visit_get(b, "HEAD", "/healthz");
	assert_non_null(strstr(health, "Content-Length: 3\r\n"));
	assert_string_equal(strstr(health, "\r\n\r\n") + 4, "");
}

static void health_needs_no_text(void **state)
{
	const struct visit *b = *state;
	AUTO_FD int fd = ask(b, HEALTH);
	AUTO_FREE char *text = NULL;
	struct err e;

	assert_int_equal(asks(b, PAGE_HEALTH, 1000), 1);
	assert_int_equal(responder_come(b->responder, PAGE_HEALTH, -1, &e), 0);
	text = hear(b, fd);
	visit_expect(text, "200", "healthz");
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, "ok\n");
}

static void what_cannot_be_said_is_not_available(void **state)
{
	const struct visit *b = *state;
	AUTO_FD int first = ask(b, METRICS);
	AUTO_FD int second = -1;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *again = NULL;

	assert_int_equal(asks(b, PAGE_METRICS, 1000), 1);
	responder_fail(b->responder, PAGE_METRICS);
	text = hear(b, first);
	visit_expect(text, "503", "metrics");
	second = ask(b, METRICS);
	assert_int_equal(asks(b, PAGE_METRICS, 1000), 1); /* anew */
	say(b, PAGE_METRICS, "up 1\n");
	again = hear(b, second);
	visit_expect(again, "200", "metrics");
}

static void a_silent_agent_is_not_waited_for_for_long(void **state)
{
	const struct visit *b = *state;
	AUTO_FD int fd = ask(b, HEALTH);
	AUTO_FREE char *text = NULL;

	assert_int_equal(asks(b, PAGE_HEALTH, 1000), 1);
	text = hear(b, fd);
	visit_expect(text, "503", "healthz");
}

static void what_might_change_while_it_is_sent_is_refused(void **state)
{
	const struct visit *b = *state;
	AUTO_FD int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct err e;

	assert_int_equal(write(fd, "up 1\n", 5), 5);
	assert_int_equal(responder_come(b->responder, PAGE_METRICS, fd, &e), ERR_PROTO);
}

#define LARGE (24u << 20)

/* Many times what a socket holds. */
static void a_large_page_is_sent_whole_also_to_who_reads_slowly(void **state)
{
	static const char line[] = "a_line_of_thirty_one_bytes 1234\n";
	const struct visit *b = *state;
	AUTO_PAGE struct page_writer p;
	AUTO_FD int page = -1;
	AUTO_FD int slow = ask(b, METRICS);
	AUTO_FD int quick = ask(b, METRICS);
	AUTO_FREE char *one = NULL;
	AUTO_FREE char *other = NULL;
	const char *body;
	struct err e;

	assert_int_equal(asks(b, PAGE_METRICS, 1000), 1);
	assert_int_equal(page_begin(&p, &e), 0);
	for (size_t n = 0; n < LARGE; n += sizeof(line) - 1) {
		buf_puts(&p.text, line);
		assert_int_equal(page_turn(&p, &e), 0);
		assert_true(p.text.len < 128u << 10);
	}
	assert_int_equal(page_end(&p, &page, &e), 0);
	assert_int_equal(responder_come(b->responder, PAGE_METRICS, page, &e), 0);
	one = hear(b, quick);
	other = hear(b, slow);
	assert_string_equal(one, other);
	body = strstr(one, "\r\n\r\n") + 4;
	assert_int_equal(strlen(body), LARGE);
	for (size_t n = 0; n < LARGE; n += sizeof(line) - 1)
		assert_memory_equal(body + n, line, sizeof(line) - 1);
}

static void each_socket_answers_what_it_is_for(void **state)
{
	struct visit *b = *state;
	AUTO_FREE char *token = visit_get(b, "GET", PATH TOKEN);
	AUTO_FREE char *metrics = NULL;
	AUTO_FREE char *both = NULL;
	AUTO_FREE char *same = NULL;

	visit_expect(token, "404", "a token where pages are");
	serve(b, SERVES_CHALLENGES);
	say(b, PAGE_METRICS, "up 1\n");
	metrics = visit_get(b, "GET", "/metrics");
	visit_expect(metrics, "404", "metrics where tokens are");
	serve(b, SERVES_CHALLENGES | SERVES_PAGES);
	say(b, PAGE_METRICS, "up 1\n");
	both = visit_get(b, "GET", PATH TOKEN);
	visit_expect(both, "200", "a token where both are");
	same = visit_get(b, "GET", "/metrics");
	visit_expect(same, "200", "metrics where both are");
}

static void who_waits_when_the_responder_ends_is_told(void **state)
{
	const struct visit *b = *state;
	AUTO_FD int fd = ask(b, METRICS);
	AUTO_FREE char *text = NULL;

	assert_int_equal(asks(b, PAGE_METRICS, 1000), 1);
	(void)responder_drain(b->responder);
	text = hear(b, fd);
	visit_expect(text, "503", "metrics");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, visit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_who_wait_get_what_was_asked_for_once),
		TEST(who_comes_right_after_gets_the_same),
		TEST(head_has_the_length_and_no_body),
		TEST(health_needs_no_text),
		TEST(what_cannot_be_said_is_not_available),
		TEST(a_silent_agent_is_not_waited_for_for_long),
		TEST(what_might_change_while_it_is_sent_is_refused),
		TEST(a_large_page_is_sent_whole_also_to_who_reads_slowly),
		TEST(each_socket_answers_what_it_is_for),
		TEST(who_waits_when_the_responder_ends_is_told),
	};

	return cmocka_run_group_tests_name("responder_pages", tests, NULL, NULL);
}
