/* crl_fetch: a CRL from a server of our own, well-behaved first, then not. */
#include "ca/crl_fetch.h"

#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/web.h"

#define LARGE (3 << 20)

static bool is_asked(const char *head, const char *path)
{
	const size_t n = strlen(path);

	return strncmp(head, "GET ", 4) == 0 && strncmp(head + 4, path, n) == 0 &&
	       head[4 + n] == ' ';
}

static void send_on(struct web *w, const char *to)
{
	char header[4096];

	snprintf(header, sizeof(header), "Location: %s\r\n", to);
	web_answer(w, 302, header, "elsewhere");
}

/* To the https server on the port that `head` begins with. */
static void send_up(struct web *w, const char *head)
{
	char to[64];

	snprintf(to, sizeof(to), "https://127.0.0.1:%.*s/list",
		 (int)strspn(head, "0123456789"), head);
	send_on(w, to);
}

/* To the host and port that `head` begins with, by http. */
static void send_to(struct web *w, const char *head)
{
	char to[64];

	snprintf(to, sizeof(to), "http://%.*s/list", (int)strcspn(head, " "), head);
	send_on(w, to);
}

static void say_large(struct web *w)
{
	static const char piece[4096];

	web_say(w, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < LARGE / (int)sizeof(piece); i++)
		if (!web_write(w, piece, sizeof(piece)))
			return;
}

static void answer(struct web *w, const char *head)
{
	static const struct row {
		const char *path;
		int status;
		const char *headers;
	} rows[] = {
		{ "/none", 404, "" },
		{ "/gone", 410, "" },
		{ "/secret", 403, "" },
		{ "/ill", 500, "" },
		{ "/late", 408, "" },
		{ "/odd", 204, "" },
		{ "/busy", 503, "Retry-After: 60\r\n" },
		{ "/same", 304, "" },
		{ "/nowhere", 301, "" },
	};
	static const struct turn {
		const char *path;
		const char *to;
	} turns[] = {
		{ "/1", "/2" },
		{ "/2", "/d/3?a/b" },
		{ "/d/3?a/b", "4" },
		{ "/d/4", "/list" },
		{ "/d/x", "../list" },
		{ "/loop", "/loop" },
		{ "/file", "file:///x" },
		{ "/ldap", "ldap://x/" },
		{ "/down", "http://127.0.0.1:1/" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (is_asked(head, rows[i].path))
			web_answer(w, rows[i].status, rows[i].headers, "");
	for (size_t i = 0; i < sizeof(turns) / sizeof(*turns); i++)
		if (is_asked(head, turns[i].path))
			send_on(w, turns[i].to);
	if (is_asked(head, "/large"))
		say_large(w);
	if (strncmp(head, "GET /up/", 8) == 0)
		send_up(w, head + 8);
	if (strncmp(head, "GET /to/", 8) == 0)
		send_to(w, head + 8);
	if (is_asked(head, "/list") || is_asked(head, "/d/../list"))
		web_answer(w, 200,
			   "ETag: \"v1\"\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 "
			   "GMT\r\n",
			   "the list");
	if (is_asked(head, "/version"))
		web_answer(w,
			   strstr(head, "If-None-Match: \"v1\"\r\n") != NULL ? 304
									     : 200,
			   "ETag: \"v2\"\r\n", "new");
	if (is_asked(head, "/date"))
		web_answer(w,
			   strstr(head, "If-Modified-Since: yesterday\r\n") != NULL
			       ? 304
			       : 200,
			   "", "new");
	if (is_asked(head, "/slow"))
		web_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe");
}

static void serve(struct web *w)
{
	char head[8192];

	/* What has no length ends with its connection. */
	while (web_ask(w, head, sizeof(head))) {
		answer(w, head);
		if (is_asked(head, "/large"))
			return;
	}
}

/* What has come, or an err of the sink. */
struct sink {
	struct buf got;
	size_t max;
};

static int take(void *arg, const void *data, size_t len, struct err *e)
{
	struct sink *s = arg;

	buf_add(&s->got, data, len);
	if (s->got.len > s->max)
		return err_set(e, ERR_TRUST, "the sink is full");
	return 0;
}

/* Fetch `path`; *got has what came. */
static int fetch_as(const struct web *w, const char *scheme, const char *path,
		    struct crl_fetch f, struct sink *sink, struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	AUTO_FREE char *url = xasprintf("%s%s%s", scheme, strchr(w->url, ':'), path);

	f.url = url;
	f.trust = w->trust;
	f.user_agent = "everleaf/test";
	f.sink = take;
	f.sink_arg = sink;
	if (f.max_size == 0)
		f.max_size = 1 << 20;
	if (f.deadline_ms == 0)
		f.deadline_ms = 60000;
	if (sink->max == 0)
		sink->max = SIZE_MAX;
	if (crl_fetch(&f, &reply, e) < 0)
		return e->code;
	return (int)reply.status;
}

static int fetch(const struct web *w, const char *path, struct sink *sink,
		 struct err *e)
{
	return fetch_as(w, "http", path, (struct crl_fetch){ .local = CRL_LOCAL_ANY },
			sink, e);
}

static void what_is_there_goes_to_the_sink(void **state)
{
	struct web *w = *state;
	struct sink sink = { 0 };
	struct err e;

	web_start_plain(w, serve);
	assert_int_equal(fetch(w, "/list", &sink, &e), 200);
	assert_string_equal(sink.got.data, "the list");
	assert_null(strstr(w->heard, "Accept-Encoding"));
	assert_null(strstr(w->heard, "If-"));
	buf_done(&sink.got);
}

static void https_is_verified(void **state)
{
	struct web *w = *state;
	struct crl_fetch f = { .local = CRL_LOCAL_ANY };
	struct sink sink = { 0 };
	struct err e;

	web_start(w, serve);
	assert_int_equal(fetch_as(w, "https", "/list", f, &sink, &e), 200);
	assert_string_equal(sink.got.data, "the list");
	buf_done(&sink.got);
}

static void what_we_have_need_not_come_again(void **state)
{
	struct web *w = *state;
	struct crl_fetch f = { .local = CRL_LOCAL_ANY, .etag = "\"v1\"" };
	struct sink sink = { 0 };
	struct err e;

	web_start_plain(w, serve);
	assert_int_equal(fetch_as(w, "http", "/version", f, &sink, &e), 304);
	f.etag = "\"v0\"";
	assert_int_equal(fetch_as(w, "http", "/version", f, &sink, &e), 200);
	f.etag = "";
	f.last_modified = "yesterday";
	assert_int_equal(fetch_as(w, "http", "/date", f, &sink, &e), 304);
	assert_string_equal(sink.got.data, "new");
	/* Who has nothing cannot be told that it has not changed. */
	assert_int_equal(fetch(w, "/same", &sink, &e), ERR_PROTO);
	assert_string_equal(e.text, "its server says 304");
	buf_done(&sink.got);
}

static void a_server_sends_on_three_times_and_no_more(void **state)
{
	struct web *w = *state;
	struct sink sink = { 0 };
	struct err e;

	web_start_plain(w, serve);
	assert_int_equal(fetch(w, "/2", &sink, &e), 200);
	assert_int_equal(fetch(w, "/d/x", &sink, &e), 200);
	assert_string_equal(sink.got.data, "the listthe list");
	assert_int_equal(fetch(w, "/1", &sink, &e), ERR_PROTO);
	assert_string_equal(e.text, "it sends us on more than 3 times");
	assert_int_equal(fetch(w, "/loop", &sink, &e), ERR_PROTO);
	assert_int_equal(fetch(w, "/nowhere", &sink, &e), ERR_PROTO);
	assert_string_equal(e.text, "it sends us on (301), but not where to");
	assert_int_equal(fetch(w, "/file", &sink, &e), ERR_REFUSED);
	assert_string_equal(e.text, "it sends us on: its URL is none of http or https");
	assert_int_equal(fetch(w, "/ldap", &sink, &e), ERR_REFUSED);
	buf_done(&sink.got);
}

static void nobody_is_sent_on_from_https_to_http(void **state)
{
	struct web *w = *state;
	struct crl_fetch f = { .local = CRL_LOCAL_ANY };
	struct sink sink = { 0 };
	struct err e;

	web_start(w, serve);
	assert_int_equal(fetch_as(w, "https", "/down", f, &sink, &e), ERR_REFUSED);
	assert_string_equal(e.text, "it sends us on from https to http");
}

static void from_http_one_may_be_sent_on_to_https(void **state)
{
	struct web *w = *state, *up;
	void *second = NULL;
	struct sink sink = { 0 };
	char path[32];
	struct err e;

	assert_int_equal(web_in(&second), 0);
	up = second;
	web_start(up, serve);
	snprintf(w->trust, sizeof(w->trust), "%s", up->trust);
	web_start_plain(w, serve);
	snprintf(path, sizeof(path), "/up/%u", up->server.port);
	assert_int_equal(fetch(w, path, &sink, &e), 200);
	assert_string_equal(sink.got.data, "the list");
	assert_int_equal(*up->n_connections, 1);
	buf_done(&sink.got);
	web_out(&second);
}

static void a_local_origin_that_is_known_sends_nobody_to_another(void **state)
{
	struct web *w = *state, *other;
	struct crl_fetch f = { .local = CRL_LOCAL_ORIGIN };
	void *second = NULL;
	struct sink sink = { 0 };
	char path[64];
	struct err e;

	assert_int_equal(web_in(&second), 0);
	other = second;
	web_start_plain(other, serve);
	web_start_plain(w, serve);
	assert_int_equal(fetch_as(w, "http", "/2", f, &sink, &e), 200); /* on itself */
	snprintf(path, sizeof(path), "/to/127.0.0.1:%u", other->server.port);
	assert_int_equal(fetch_as(w, "http", path, f, &sink, &e), ERR_REFUSED);
	assert_non_null(strstr(e.text, "its address is of this host"));
	snprintf(path, sizeof(path), "/to/localhost:%u", w->server.port);
	assert_int_equal(fetch_as(w, "http", path, f, &sink, &e), ERR_REFUSED);
	assert_int_equal(*other->n_connections, 0);
	f.local = CRL_LOCAL_ANY;
	snprintf(path, sizeof(path), "/to/127.0.0.1:%u", other->server.port);
	assert_int_equal(fetch_as(w, "http", path, f, &sink, &e), 200);
	assert_string_equal(sink.got.data, "the listthe list");
	buf_done(&sink.got);
	web_out(&second);
}

static void each_status_says_when_to_come_back(void **state)
{
	static const struct row {
		const char *path;
		int code;
		const char *text;
	} rows[] = {
		{ "/none", ERR_REFUSED, "its server says 404, there is none" },
		{ "/gone", ERR_REFUSED, "its server says 410, there is none" },
		{ "/secret", ERR_REFUSED, "its server says 403" },
		{ "/ill", ERR_NET, "its server says 500" },
		{ "/late", ERR_NET, "its server says 408" },
		{ "/odd", ERR_PROTO, "its server says 204" },
		{ "/busy", ERR_LATER, "its server says 503, and when to come back" },
	};
	struct web *w = *state;

	web_start_plain(w, serve);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sink sink = { 0 };
		struct err e;

		assert_int_equal(fetch(w, rows[i].path, &sink, &e), rows[i].code);
		assert_string_equal(e.text, rows[i].text);
		assert_null(sink.got.data);
	}
}

static void more_than_max_size_is_not_taken(void **state)
{
	struct web *w = *state;
	struct crl_fetch f = { .local = CRL_LOCAL_ANY, .max_size = LARGE };
	struct sink sink = { 0 };
	struct err e;

	web_start_plain(w, serve);
	assert_int_equal(fetch_as(w, "http", "/large", f, &sink, &e), 200);
	assert_int_equal(sink.got.len, LARGE);
	buf_done(&sink.got);
	f.max_size = LARGE - 1;
	assert_int_equal(fetch_as(w, "http", "/large", f, &sink, &e), ERR_LIMIT);
	assert_string_equal(e.text, "it is larger than max_size, 3145727 octets");
	assert_true(sink.got.len < LARGE);
	buf_done(&sink.got);
}

static void what_the_sink_says_ends_it(void **state)
{
	struct web *w = *state;
	struct crl_fetch f = { .local = CRL_LOCAL_ANY, .max_size = LARGE };
	struct sink sink = { .max = 1000 };
	struct err e;

	web_start_plain(w, serve);
	assert_int_equal(fetch_as(w, "http", "/large", f, &sink, &e), ERR_TRUST);
	assert_string_equal(e.text, "the sink is full");
	assert_true(sink.got.len < LARGE);
	buf_done(&sink.got);
}

static void a_server_that_does_not_end_is_given_up(void **state)
{
	struct web *w = *state;
	struct crl_fetch f = { .local = CRL_LOCAL_ANY, .deadline_ms = 300 };
	struct sink sink = { 0 };
	struct err e;

	web_start_plain(w, serve);
	assert_int_equal(fetch_as(w, "http", "/slow", f, &sink, &e), ERR_NET);
	assert_non_null(strstr(e.text, "given up after"));
	buf_done(&sink.got);
}

static void an_address_of_this_host_is_not_asked(void **state)
{
	struct web *w = *state;
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]",
					     "[::ffff:127.0.0.1]", "2130706433" };

	web_start_plain(w, serve);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		AUTO_HTTP_REPLY struct http_reply reply = { 0 };
		AUTO_FREE char *url =
		    xasprintf("http://%s:%u/list", hosts[i], w->server.port);
		const struct crl_fetch f = { .url = url,
					     .user_agent = "t",
					     .max_size = 1,
					     .deadline_ms = 60000 };
		struct err e;

		if (crl_fetch(&f, &reply, &e) != ERR_REFUSED ||
		    strstr(e.text, "its address is of this host") == NULL)
			fail_msg("%s: %d, %s", hosts[i], e.code, e.text);
	}
	assert_int_equal(*w->n_connections, 0);
}

static void only_http_and_https_lead_to_a_list(void **state)
{
	static const char *const rows[][2] = {
		{ "ldap://ca.example/cn=x", "ldap is not supported: give an http URL" },
		{ "ftp://ca.example/x", "its URL is none of http or https" },
		{ "file:///etc/passwd", "its URL is none of http or https" },
		{ "http://user@ca.example/x", "its URL is none of http or https" },
		{ "http://ca.example/a b", "its URL is none of http or https" },
		{ "", "its URL is none of http or https" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_HTTP_REPLY struct http_reply reply = { 0 };
		const struct crl_fetch f = { .url = rows[i][0], .max_size = 1 };
		struct err e;

		assert_int_equal(crl_fetch(&f, &reply, &e), ERR_REFUSED);
		assert_string_equal(e.text, rows[i][1]);
	}
}

#define WEB(name) cmocka_unit_test_setup_teardown(name, web_in, web_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEB(what_is_there_goes_to_the_sink),
		WEB(https_is_verified),
		WEB(what_we_have_need_not_come_again),
		WEB(a_server_sends_on_three_times_and_no_more),
		WEB(nobody_is_sent_on_from_https_to_http),
		WEB(from_http_one_may_be_sent_on_to_https),
		WEB(a_local_origin_that_is_known_sends_nobody_to_another),
		WEB(each_status_says_when_to_come_back),
		WEB(more_than_max_size_is_not_taken),
		WEB(what_the_sink_says_ends_it),
		WEB(a_server_that_does_not_end_is_given_up),
		WEB(an_address_of_this_host_is_not_asked),
		cmocka_unit_test(only_http_and_https_lead_to_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
