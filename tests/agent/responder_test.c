/* responder: a CA gets its answer, and nobody gets anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/responder/responder.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "tests/help/visit.h"

static const char *body_of(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* = RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge." */
static void a_token_gets_its_key_authorization(void **state)
{
	AUTO_FREE char *text = visit_get(*state, "GET", PATH TOKEN);

	visit_expect(text, "200", "token");
	assert_string_equal(body_of(text), TOKEN "." THUMB);
	assert_non_null(strstr(text, "Content-Type: application/octet-stream\r\n"));
	assert_non_null(strstr(text, "Content-Length: 87\r\n"));
}

static void head_is_get_without_the_body(void **state)
{
	AUTO_FREE char *text = visit_get(*state, "HEAD", PATH TOKEN);

	visit_expect(text, "200", "token");
	assert_string_equal(body_of(text), "");
	assert_non_null(strstr(text, "Content-Length: 87\r\n"));
}

/* As Boulder sends it, with what a proxy may add. */
static void a_request_as_cas_make_it_fits(void **state)
{
	static const char request[] =
	    "GET " PATH TOKEN " HTTP/1.1\r\n"
	    "Host: a-rather-long-name-of-a-host.in-some.department.example.org\r\n"
	    "User-Agent: Mozilla/5.0 (compatible; Let's Encrypt validation server; "
	    "+https://www.letsencrypt.org)\r\n"
	    "Accept: */*\r\n"
	    "Accept-Encoding: gzip\r\n"
	    "X-Forwarded-For: 2001:db8:1111:2222:3333:4444:5555:6666, 192.0.2.1\r\n"
	    "X-Forwarded-Proto: http\r\n"
	    "Via: 1.1 proxy.example.org\r\n"
	    "Connection: close\r\n\r\n";
	AUTO_FREE char *text = visit_ask(*state, request, sizeof(request) - 1);

	visit_expect(text, "200", "request of a CA");
}

static void everything_else_is_not_found(void **state)
{
	static const char *const targets[] = {
		"/",
		"/.well-known",
		"/.well-known/acme-challenge",
		PATH,
		PATH "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX1",
		PATH "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX",
		PATH TOKEN "x",
		PATH TOKEN "/",
		PATH TOKEN "." THUMB,
		PATH TOKEN "?a=b",
		PATH "../acme-challenge/" TOKEN,
		PATH "./" TOKEN,
		PATH "/" TOKEN,
		PATH "%4coqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0",
		PATH TOKEN "%00",
		PATH TOKEN "%20",
		"/.well-known%2Facme-challenge/" TOKEN,
		"/.WELL-KNOWN/acme-challenge/" TOKEN,
		PATH "loqxcyv8q5onbjqxbmr7sctno3tiaxdfowyjxajeux0",
		"http://example.org" PATH TOKEN,
		PATH "../../../../etc/passwd",
		PATH "..%2f..%2fetc%2fpasswd",
		"/status.json",
		"*",
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		AUTO_FREE char *text = visit_get(*state, "GET", targets[i]);

		visit_expect(text, "404", targets[i]);
		assert_string_equal(body_of(text), "");
	}
}

/* = RFC 9110 6.6.1 "An origin server with a clock MUST generate a Date header field" */
static void a_reply_has_its_date(void **state)
{
	AUTO_FREE char *text = NULL;

	clock_fake(784111777);
	text = visit_get(*state, "GET", PATH TOKEN);
	clock_fake(0);
	assert_non_null(strstr(text, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
}

static void without_date(char *text)
{
	char *date = strstr(text, "Date: ");
	char *end = date == NULL ? NULL : strstr(date, "\r\n");

	if (end != NULL)
		memmove(date, end + 2, strlen(end + 2) + 1);
}

static void a_near_miss_cannot_be_told_from_a_stranger(void **state)
{
	AUTO_FREE char *near = visit_get(*state, "GET", PATH TOKEN "x");
	AUTO_FREE char *far = visit_get(*state, "GET", "/");

	without_date(near);
	without_date(far);
	assert_string_equal(near, far);
}

static void other_methods_are_not_allowed(void **state)
{
	static const char *const methods[] = { "POST",  "PUT", "DELETE", "OPTIONS",
					       "TRACE", "get", "PATCH",  "X" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		AUTO_FREE char *text = visit_get(*state, methods[i], PATH TOKEN);

		visit_expect(text, "405", methods[i]);
		assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
		assert_null(strstr(text, THUMB));
	}
}

/* However much of it comes, the answer arrives. */
static void a_body_is_not_read(void **state)
{
	static const char header[] = "POST / HTTP/1.1\r\nHost: a\r\n"
				     "Content-Length: 1000000000\r\n\r\n";
	static char request[50000];
	AUTO_FREE char *text = NULL;

	memset(request, 'a', sizeof(request));
	memcpy(request, header, sizeof(header) - 1);
	text = visit_ask(*state, request, sizeof(request));
	visit_expect(text, "405", "body");
}

/* = RFC 9112 3.2 "A server MUST respond with a 400 (Bad Request) status code to any
 * HTTP/1.1 request message that lacks a Host header field" */
static void a_request_names_one_host(void **state)
{
	static const struct {
		const char *request;
		const char *status;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", "400" },
		{ "GET / HTTP/1.1\r\nhOST: a\r\n\r\n", "404" },
		{ "GET / HTTP/1.1\r\nA: b\r\nHost:\r\nC: d\r\n\r\n", "404" },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400" },
		{ "GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", "400" },
		{ "GET / HTTP/1.1\r\n\r\nHost: a\r\n", "400" },
		{ "GET / HTTP/1.0\r\n\r\n", "404" },
		{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "404" },
		{ "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *text =
		    visit_ask(*state, rows[i].request, strlen(rows[i].request));

		visit_expect(text, rows[i].status, rows[i].request);
	}
}

static void what_is_no_http_1_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"GET",
		"GET ",
		"GET " PATH TOKEN,
		"GET " PATH TOKEN " ",
		"GET  " PATH TOKEN " HTTP/1.1",
		"GET " PATH TOKEN "  HTTP/1.1",
		"GET " PATH TOKEN "\tHTTP/1.1",
		"GET " PATH TOKEN " HTTP/1.1 ",
		"GET " PATH TOKEN " HTTP/2.0",
		"GET " PATH TOKEN " http/1.1",
		" GET " PATH TOKEN " HTTP/1.1",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		AUTO_FREE char *request = xasprintf("%s\r\nHost: a\r\n\r\n", lines[i]);
		AUTO_FREE char *text = visit_ask(*state, request, strlen(request));

		visit_expect(text, "400", lines[i]);
		assert_null(strstr(text, THUMB));
	}
}

/* A header comes in as many pieces as it likes. */
static void a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n";
	const struct visit *b = *state;
	AUTO_FD int fd = visit_client(b, INADDR_LOOPBACK);
	AUTO_FREE char *text = NULL;
	bool closed;

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		visit_say(fd, request + i, 1);
		visit_turn(b->responder);
	}
	text = visit_hear(b->responder, fd, 1000, &closed);
	visit_expect(text, "200", "byte by byte");
}

static void garbage_gets_nothing_and_harms_nothing(void **state)
{
	static const char zeros[1500];
	static const struct {
		const char *data;
		size_t len;
	} rows[] = {
		{ "\r\n\r\n\r\n", 6 },
		{ "GET\r\n\r\n", 7 },
		{ "GET " PATH TOKEN "\r\n\r\n", 75 },
		{ "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11 },
		{ zeros, sizeof(zeros) },
		{ "GET / HTTP/9.9\r\n\r\n", 18 },
		{ "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 38 },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 50 },
		{ "GET / HTTP/1.1\r\n: \r\n\x80\xff:\r\n\r\n", 26 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24 },
	};
	enum { ROWS = sizeof(rows) / sizeof(*rows) };
	const struct visit *b = *state;
	int fds[ROWS];

	for (size_t i = 0; i < ROWS; i++) {
		fds[i] = visit_client(b, INADDR_LOOPBACK);
		visit_say(fds[i], rows[i].data, rows[i].len);
		shutdown(fds[i], SHUT_WR);
	}
	for (size_t i = 0; i < ROWS; i++) {
		bool closed;
		AUTO_FREE char *text = visit_hear(b->responder, fds[i], 4000, &closed);

		assert_true(closed);
		if (strstr(text, "200 OK") != NULL || strstr(text, THUMB) != NULL)
			fail_msg("garbage %zu was answered: %s", i, text);
		close(fds[i]);
	}
	a_token_gets_its_key_authorization(state);
}

static void a_request_that_is_too_large_is_refused(void **state)
{
	const struct visit *b = *state;
	char request[8192];
	int n =
	    snprintf(request, sizeof(request), "GET " PATH TOKEN " HTTP/1.1\r\nX: ");
	AUTO_FREE char *text = NULL;

	memset(request + n, 'x', sizeof(request) - (size_t)n);
	memcpy(request + sizeof(request) - 4, "\r\n\r\n", 4);
	text = visit_ask(b, request, sizeof(request));
	visit_expect(text, "431", "its header");
	free(TAKE(text));
	memset(request, 'x', sizeof(request));
	memcpy(request, "GET /", 5);
	text = visit_ask(b, request, sizeof(request));
	visit_expect(text, "414", "its target");
}

static void a_connection_has_one_request(void **state)
{
	static const char request[] = "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n"
				      "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n";
	AUTO_FREE char *text = visit_ask(*state, request, sizeof(request) - 1);
	const char *first = strstr(text, THUMB);

	visit_expect(text, "200", "the first");
	assert_non_null(first);
	assert_null(strstr(first + 1, "HTTP/1.1"));
}

static void a_removed_token_is_not_found(void **state)
{
	const struct visit *b = *state;
	AUTO_FREE char *after = NULL;
	AUTO_FREE char *again = NULL;
	struct err e;

	responder_remove(b->responder, TOKEN);
	responder_remove(b->responder, TOKEN);
	after = visit_get(b, "GET", PATH TOKEN);
	visit_expect(after, "404", "removed");
	assert_int_equal(responder_add(b->responder, NULL, TOKEN, TOKEN "." THUMB, &e),
			 0);
	again = visit_get(b, "GET", PATH TOKEN);
	visit_expect(again, "200", "added again");
}

static void a_drained_responder_leaves_new_clients_to_the_next(void **state)
{
	const struct visit *b = *state;
	struct visit next = *b;
	AUTO_FD int early = visit_client(b, INADDR_LOOPBACK);
	AUTO_FREE char *late_text = NULL;
	AUTO_FREE char *early_text = NULL;
	struct err e;
	bool closed;

	visit_say(early, "GET " PATH TOKEN " HT", 4 + 28 + 43 + 3);
	visit_turn(b->responder);
	visit_turn(b->responder);
	assert_int_equal(responder_drain(b->responder), 1);

	assert_int_equal(responder_new(&b->listener, 1, NULL, &next.responder, &e), 0);
	late_text = visit_get(&next, "GET", PATH TOKEN);
	visit_expect(late_text, "404", "the next, which has no tokens");

	visit_say(early, "TP/1.1\r\nHost: a\r\n\r\n", 19);
	early_text = visit_hear(b->responder, early, 2000, &closed);
	visit_expect(early_text, "200", "the one that was there");
	shutdown(early, SHUT_RDWR);
	visit_turn(b->responder);
	assert_int_equal(responder_drain(b->responder), 0);
	responder_free(next.responder);
}

static void serve_inside(const struct visit *b)
{
	const struct sandbox box = { .kind = SANDBOX_RESPONDER,
				     .uid = (uid_t)-1,
				     .gid = (gid_t)-1 };
	struct responder *r;
	unsigned missing;
	struct err e;

	if (sandbox_enter(&box, &missing, &e) != 0 ||
	    responder_new(&b->listener, 1, NULL, &r, &e) != 0 ||
	    responder_add(r, NULL, TOKEN, TOKEN "." THUMB, &e) != 0)
		_exit(1);
	for (;;)
		visit_turn(r);
}

static void it_works_inside_its_sandbox(void **state)
{
	const struct visit *b = *state;
	static const char good[] = "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char bad[] = "NONSENSE\r\n\r\n";
	pid_t pid;

	(void)responder_drain(b->responder);
	pid = fork();
	if (pid == 0)
		serve_inside(b);
	for (int i = 0; i < 40; i++) {
		AUTO_FD int fd = visit_client(b, INADDR_LOOPBACK);
		char text[4096] = "";

		visit_say(fd, i % 2 == 0 ? good : bad,
			  i % 2 == 0 ? sizeof(good) - 1 : sizeof(bad) - 1);
		if (i == 20) /* one that goes away without a word */
			continue;
		(void)!recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
		if (i % 2 == 0)
			assert_non_null(strstr(text, THUMB));
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, visit_setup, visit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_gets_its_key_authorization),
		TEST(head_is_get_without_the_body),
		TEST(a_request_as_cas_make_it_fits),
		TEST(everything_else_is_not_found),
		TEST(a_reply_has_its_date),
		TEST(a_near_miss_cannot_be_told_from_a_stranger),
		TEST(other_methods_are_not_allowed),
		TEST(a_body_is_not_read),
		TEST(a_request_names_one_host),
		TEST(what_is_no_http_1_is_refused),
		TEST(a_request_may_come_byte_by_byte),
		TEST(garbage_gets_nothing_and_harms_nothing),
		TEST(a_request_that_is_too_large_is_refused),
		TEST(a_connection_has_one_request),
		TEST(a_removed_token_is_not_found),
		TEST(a_drained_responder_leaves_new_clients_to_the_next),
		TEST(it_works_inside_its_sandbox),
	};

	return cmocka_run_group_tests_name("responder", tests, NULL, NULL);
}
