/* responder: a CA gets its answer, and nobody gets anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/responder.h"
#include "agent/responder_tokens.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"

#define TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define THUMB "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH  "/.well-known/acme-challenge/"

struct bench {
	int listener;
	uint16_t port;
	struct responder *responder;
};

static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_ANY); /* all of 127/8 */
	assert_return_code(bind(fd, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(fd, 1024), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&a, &len), errno);
	*port = ntohs(a.sin_port);
	return fd;
}

static int setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct err e;

	signal(SIGPIPE, SIG_IGN);
	b->listener = listen_on_loopback(&b->port);
	assert_int_equal(responder_new(&b->listener, 1, &b->responder, &e), 0);
	assert_int_equal(responder_add(b->responder, TOKEN, TOKEN "." THUMB, &e), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	responder_free(b->responder);
	close(b->listener);
	free(b);
	return 0;
}

/* -------- a client, and the responder turning while it waits */

static int client(const struct bench *b, uint32_t from)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(from);
	assert_return_code(bind(fd, (struct sockaddr *)&a, sizeof(a)), errno);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(b->port);
	assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof(a)), errno);
	return fd;
}

static void say(int fd, const void *data, size_t len)
{
	(void)!send(fd, data, len, MSG_NOSIGNAL);
}

/* One turn of the role's loop, at most 50 ms; less if `fd` (-1: none) has something. */
static void turn_beside(struct responder *r, int fd)
{
	struct pollfd fds[RESPONDER_LISTENERS + 1];
	size_t n = responder_poll(r, fds);
	int wait = responder_timeout_ms(r);

	fds[n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	(void)poll(fds, n + 1, wait < 0 || wait > 50 ? 50 : wait);
	responder_run(r);
}

static void turn(struct responder *r)
{
	turn_beside(r, -1);
}

/* What comes until the responder closes, or `ms` have passed: *closed says which. */
static char *hear(struct responder *r, int fd, int64_t ms, bool *closed)
{
	char *text = xcalloc(1, 65536);
	size_t len = 0;
	int64_t until = clock_boot_ms() + ms;

	*closed = false;
	while (!*closed && clock_boot_ms() < until) {
		ssize_t n;

		turn_beside(r, fd);
		n = recv(fd, text + len, 65535 - len, MSG_DONTWAIT);
		*closed = n == 0 || (n < 0 && errno != EAGAIN);
		len += n > 0 ? (size_t)n : 0;
	}
	return text;
}

static char *ask(const struct bench *b, const char *request, size_t len)
{
	AUTO_FD int fd = client(b, INADDR_LOOPBACK);
	bool closed;
	char *text;

	say(fd, request, len);
	text = hear(b->responder, fd, 5000, &closed);
	assert_true(closed);
	return text;
}

static char *get(const struct bench *b, const char *method, const char *target)
{
	AUTO_FREE char *request = xasprintf("%s %s HTTP/1.1\r\n"
					    "Host: example.org\r\n\r\n",
					    method, target);

	return ask(b, request, strlen(request));
}

static void expect_status(const char *text, const char *status, const char *what)
{
	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, status, 3) != 0)
		fail_msg("%s: not %s but \"%.60s\"", what, status, text);
}

static const char *body_of(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* -------- what is answered */

/* = RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge." */
static void a_token_gets_its_key_authorization(void **state)
{
	AUTO_FREE char *text = get(*state, "GET", PATH TOKEN);

	expect_status(text, "200", "token");
	assert_string_equal(body_of(text), TOKEN "." THUMB);
	assert_non_null(strstr(text, "Content-Type: application/octet-stream\r\n"));
	assert_non_null(strstr(text, "Content-Length: 87\r\n"));
}

static void head_is_get_without_the_body(void **state)
{
	AUTO_FREE char *text = get(*state, "HEAD", PATH TOKEN);

	expect_status(text, "200", "token");
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
	AUTO_FREE char *text = ask(*state, request, sizeof(request) - 1);

	expect_status(text, "200", "request of a CA");
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
		AUTO_FREE char *text = get(*state, "GET", targets[i]);

		expect_status(text, "404", targets[i]);
		assert_string_equal(body_of(text), "");
	}
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
	AUTO_FREE char *near = get(*state, "GET", PATH TOKEN "x");
	AUTO_FREE char *far = get(*state, "GET", "/");

	without_date(near);
	without_date(far);
	assert_string_equal(near, far);
}

static void other_methods_are_not_allowed(void **state)
{
	static const char *const methods[] = { "POST",  "PUT", "DELETE", "OPTIONS",
					       "TRACE", "get", "PATCH",  "X" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		AUTO_FREE char *text = get(*state, methods[i], PATH TOKEN);

		expect_status(text, "405", methods[i]);
		assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
		assert_null(strstr(text, THUMB));
	}
}

static void a_body_is_not_read(void **state)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\n"
				      "Content-Length: 1000000000\r\n\r\nabc";
	AUTO_FREE char *text = ask(*state, request, sizeof(request) - 1);

	expect_status(text, "405", "body");
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
	const struct bench *b = *state;
	int fds[ROWS];

	for (size_t i = 0; i < ROWS; i++) {
		fds[i] = client(b, INADDR_LOOPBACK);
		say(fds[i], rows[i].data, rows[i].len);
		shutdown(fds[i], SHUT_WR);
	}
	for (size_t i = 0; i < ROWS; i++) {
		bool closed;
		AUTO_FREE char *text = hear(b->responder, fds[i], 4000, &closed);

		assert_true(closed);
		if (strstr(text, "200 OK") != NULL || strstr(text, THUMB) != NULL)
			fail_msg("garbage %zu was answered: %s", i, text);
		close(fds[i]);
	}
	a_token_gets_its_key_authorization(state);
}

static void a_request_that_is_too_large_is_refused(void **state)
{
	const struct bench *b = *state;
	char request[8192];
	int n =
	    snprintf(request, sizeof(request), "GET " PATH TOKEN " HTTP/1.1\r\nX: ");
	AUTO_FREE char *text = NULL;

	memset(request + n, 'x', sizeof(request) - (size_t)n);
	memcpy(request + sizeof(request) - 4, "\r\n\r\n", 4);
	text = ask(b, request, sizeof(request));
	assert_null(strstr(text, "200 OK"));
	assert_null(strstr(text, THUMB));
}

static void a_connection_has_one_request(void **state)
{
	static const char request[] = "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n"
				      "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n";
	AUTO_FREE char *text = ask(*state, request, sizeof(request) - 1);
	const char *first = strstr(text, THUMB);

	expect_status(text, "200", "the first");
	assert_non_null(first);
	assert_null(strstr(first + 1, "HTTP/1.1"));
}

/* -------- those who want to keep others out */

/* A byte now and then does not buy more time. */
static void a_slow_client_is_cut_after_two_seconds(void **state)
{
	const struct bench *b = *state;
	AUTO_FD int fd = client(b, INADDR_LOOPBACK);
	int64_t began = clock_boot_ms(), took;
	bool closed = false;

	while (!closed && clock_boot_ms() - began < 6000) {
		AUTO_FREE char *text = NULL;

		say(fd, "G", 1);
		text = hear(b->responder, fd, 250, &closed);
	}
	took = clock_boot_ms() - began;
	assert_true(closed);
	assert_in_range(took, 1500, 3500);
}

static void an_idle_responder_does_not_wake(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 3; i++)
		turn(b->responder);
	assert_int_equal(responder_timeout_ms(b->responder), -1);
}

static void one_address_has_sixteen_connections(void **state)
{
	const struct bench *b = *state;
	int fds[RESPONDER_PER_ADDRESS];
	AUTO_FREE char *text = NULL;
	bool closed;

	for (size_t i = 0; i < RESPONDER_PER_ADDRESS; i++)
		fds[i] = client(b, INADDR_LOOPBACK + 4);
	for (int i = 0; i < 8; i++)
		turn(b->responder);
	{
		AUTO_FD int one_more = client(b, INADDR_LOOPBACK + 4);
		AUTO_FREE char *nothing = hear(b->responder, one_more, 1000, &closed);

		assert_true(closed);
		assert_string_equal(nothing, "");
	}
	text = get(b, "GET", PATH TOKEN);
	expect_status(text, "200", "another address");
	for (size_t i = 0; i < RESPONDER_PER_ADDRESS; i++)
		close(fds[i]);
}

static void many_slow_clients_do_not_keep_a_ca_out(void **state)
{
	enum { SLOW = 500 };
	const struct bench *b = *state;
	int fds[SLOW];
	int64_t began;

	for (unsigned i = 0; i < SLOW; i++) {
		fds[i] = client(b, INADDR_LOOPBACK + 10 + i / 10);
		say(fds[i], "GET /", 5);
		if (i % 16 == 15)
			turn(b->responder);
	}
	for (int i = 0; i < 5; i++) {
		AUTO_FREE char *text = NULL;

		began = clock_boot_ms();
		text = get(b, "GET", PATH TOKEN);
		expect_status(text, "200", "the CA");
		assert_in_range(clock_boot_ms() - began, 0, 1000);
	}
	for (size_t i = 0; i < SLOW; i++)
		close(fds[i]);
}

/* -------- the table of tokens */

static void a_removed_token_is_not_found(void **state)
{
	const struct bench *b = *state;
	AUTO_FREE char *after = NULL;
	AUTO_FREE char *again = NULL;
	struct err e;

	responder_remove(b->responder, TOKEN);
	responder_remove(b->responder, TOKEN);
	after = get(b, "GET", PATH TOKEN);
	expect_status(after, "404", "removed");
	assert_int_equal(responder_add(b->responder, TOKEN, TOKEN "." THUMB, &e), 0);
	again = get(b, "GET", PATH TOKEN);
	expect_status(again, "200", "added again");
}

static void a_cleared_table_is_empty(void **state)
{
	const struct bench *b = *state;
	AUTO_FREE char *text = NULL;

	responder_clear(b->responder);
	text = get(b, "GET", PATH TOKEN);
	expect_status(text, "404", "cleared");
}

/* = RFC 8555 8.1 "keyAuthorization = token || '.' || base64url(Thumbprint(accountKey))" */
static void only_key_authorizations_can_be_served(void **state)
{
	static const struct {
		const char *token;
		const char *authorization;
	} rows[] = {
		{ "", "." THUMB },
		{ "short", "short." THUMB },
		{ "../../etc/passwd-passwd", "../../etc/passwd-passwd." THUMB },
		{ TOKEN, TOKEN },
		{ TOKEN, TOKEN "." },
		{ TOKEN, TOKEN "." THUMB "x" },
		{ TOKEN, TOKEN "x" THUMB },
		{ TOKEN, "x" TOKEN "." THUMB },
		{ TOKEN, TOKEN ".<script>alert(1)</script>aaaaaaaaaaaaaaaaaa" },
	};
	struct responder_tokens t = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (responder_tokens_add(&t, rows[i].token, rows[i].authorization,
					 &e) != ERR_PROTO)
			fail_msg("row %zu was taken", i);
	assert_int_equal(t.n, 0);
	responder_tokens_done(&t);
}

static void ten_thousand_tokens_are_kept_apart(void **state)
{
	struct responder_tokens t = { 0 };
	char token[32], authorization[96];
	struct err e;

	(void)state;
	for (unsigned i = 0; i < LIMIT_TOKENS; i++) {
		snprintf(token, sizeof(token), "%010u-abcdefghijklm", i * 7919 % 10007);
		snprintf(authorization, sizeof(authorization), "%s." THUMB, token);
		assert_int_equal(responder_tokens_add(&t, token, authorization, &e), 0);
	}
	assert_int_equal(t.n, LIMIT_TOKENS);
	assert_int_equal(responder_tokens_add(&t, TOKEN, TOKEN "." THUMB, &e),
			 ERR_LIMIT);
	assert_int_equal(responder_tokens_add(&t, token, authorization, &e), 0);
	for (unsigned i = 0; i < LIMIT_TOKENS; i += 2) {
		snprintf(token, sizeof(token), "%010u-abcdefghijklm", i * 7919 % 10007);
		responder_tokens_remove(&t, token);
	}
	for (unsigned i = 0; i < LIMIT_TOKENS; i++) {
		const char *found;

		snprintf(token, sizeof(token), "%010u-abcdefghijklm", i * 7919 % 10007);
		found = responder_tokens_find(&t, token);
		if ((found != NULL) != (i % 2 == 1))
			fail_msg("token %u", i);
		if (found != NULL)
			assert_memory_equal(found, token, strlen(token));
	}
	responder_tokens_done(&t);
}

/* -------- beside others */

static void a_drained_responder_leaves_new_clients_to_the_next(void **state)
{
	const struct bench *b = *state;
	struct bench next = *b;
	AUTO_FD int early = client(b, INADDR_LOOPBACK);
	AUTO_FREE char *late_text = NULL;
	AUTO_FREE char *early_text = NULL;
	struct err e;
	bool closed;

	say(early, "GET " PATH TOKEN " HT", 4 + 28 + 43 + 3);
	turn(b->responder);
	turn(b->responder);
	assert_int_equal(responder_drain(b->responder), 1);

	assert_int_equal(responder_new(&b->listener, 1, &next.responder, &e), 0);
	late_text = get(&next, "GET", PATH TOKEN);
	expect_status(late_text, "404", "the next, which has no tokens");

	say(early, "TP/1.1\r\nHost: a\r\n\r\n", 19);
	early_text = hear(b->responder, early, 2000, &closed);
	expect_status(early_text, "200", "the one that was there");
	assert_int_equal(responder_drain(b->responder), 0);
	responder_free(next.responder);
}

static void serve_inside(const struct bench *b)
{
	const struct sandbox box = { .kind = SANDBOX_RESPONDER,
				     .uid = (uid_t)-1,
				     .gid = (gid_t)-1 };
	struct responder *r;
	unsigned missing;
	struct err e;

	if (sandbox_enter(&box, &missing, &e) != 0 ||
	    responder_new(&b->listener, 1, &r, &e) != 0 ||
	    responder_add(r, TOKEN, TOKEN "." THUMB, &e) != 0)
		_exit(1);
	for (;;)
		turn(r);
}

static void it_works_inside_its_sandbox(void **state)
{
	const struct bench *b = *state;
	static const char good[] = "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char bad[] = "NONSENSE\r\n\r\n";
	pid_t pid;

	(void)responder_drain(b->responder);
	pid = fork();
	if (pid == 0)
		serve_inside(b);
	for (int i = 0; i < 40; i++) {
		AUTO_FD int fd = client(b, INADDR_LOOPBACK);
		char text[4096] = "";

		say(fd, i % 2 == 0 ? good : bad,
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_gets_its_key_authorization),
		TEST(head_is_get_without_the_body),
		TEST(a_request_as_cas_make_it_fits),
		TEST(everything_else_is_not_found),
		TEST(a_near_miss_cannot_be_told_from_a_stranger),
		TEST(other_methods_are_not_allowed),
		TEST(a_body_is_not_read),
		TEST(garbage_gets_nothing_and_harms_nothing),
		TEST(a_request_that_is_too_large_is_refused),
		TEST(a_connection_has_one_request),
		TEST(a_slow_client_is_cut_after_two_seconds),
		TEST(an_idle_responder_does_not_wake),
		TEST(one_address_has_sixteen_connections),
		TEST(many_slow_clients_do_not_keep_a_ca_out),
		TEST(a_removed_token_is_not_found),
		TEST(a_cleared_table_is_empty),
		cmocka_unit_test(only_key_authorizations_can_be_served),
		cmocka_unit_test(ten_thousand_tokens_are_kept_apart),
		TEST(a_drained_responder_leaves_new_clients_to_the_next),
		TEST(it_works_inside_its_sandbox),
	};

	return cmocka_run_group_tests_name("responder", tests, NULL, NULL);
}
