/* http: exchanges with a server of our own, well-behaved first, then not. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <openssl/err.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/http.h"
#include "base/key.h"
#include "base/sandbox_seccomp.h"
#include "base/text.h"
#include "base/x509.h"
#include "tests/help/web.h"

#define PATIENCE_MS 60000 /* the machine may be busy; no exchange needs it */
#define DEADLINE_MS 1000  /* of those that have no other end */

static struct http_settings settings(const struct web *w)
{
	return (struct http_settings){
		.origin = w->url,
		.trust = w->trust,
		.user_agent = "everleaf/test",
		.language = "en",
		.deadline_ms = PATIENCE_MS,
	};
}

/* A client of a server that serves so. */
struct talk {
	struct web *w; /* borrowed */
	struct http *h;
	struct http_reply reply;
	struct err e;
};

#define AUTO_TALK __attribute__((cleanup(talk_end)))

static struct talk talk_begin(void **state, web_fn *serve)
{
	struct talk t = { .w = *state };
	struct http_settings s;

	web_start(t.w, serve);
	s = settings(t.w);
	if (http_new(&s, &t.h, &t.e) != 0)
		fail_msg("%s", t.e.text);
	return t;
}

static void talk_end(struct talk *t)
{
	http_free(t->h);
	http_reply_done(&t->reply);
}

static int ask(struct talk *t, const char *target)
{
	char url[256];

	snprintf(url, sizeof(url), "%s%s", t->w->url, target);
	return http_exchange(t->h, &(struct http_request){ .url = url }, &t->reply,
			     &t->e);
}

/* One exchange, which ends by its deadline. */
static int try_one(const struct http_settings *s, const char *url, struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	int64_t begun = clock_boot_ms();
	struct http *h = NULL;
	int rc = http_new(s, &h, e);

	if (rc == 0)
		rc = http_exchange(h, &(struct http_request){ .url = url }, &reply, e);
	http_free(h);
	assert_true(clock_boot_ms() - begun < PATIENCE_MS / 2);
	return rc;
}

/* It must fail, for a reason that says so: in our words, for libcurl changes its own. */
static void expect_failure(const struct http_settings *s, const char *url, int code,
			   const char *says)
{
	struct err e;
	int rc = try_one(s, url, &e);

	if (rc != code || strstr(e.text, says) == NULL)
		fail_msg("%d \"%s\", not %d \"...%s...\"", rc, rc < 0 ? e.text : "",
			 code, says);
	assert_int_equal(ERR_peek_error(), 0); /* none is a reason of what comes next */
}

static void expect_web_failure(const struct web *w, int code, const char *says)
{
	const struct http_settings s = settings(w);

	expect_failure(&s, w->url, code, says);
}

/* -- a server as it should be -- */

static void serves_all(struct web *w)
{
	char head[4096];

	while (web_ask(w, head, sizeof(head)))
		if (strncmp(head, "HEAD", 4) == 0)
			web_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
				   "Replay-Nonce: n1\r\n\r\n");
		else
			web_answer(w, strncmp(head, "POST", 4) == 0 ? 201 : 200,
				   "X-Said: yes\r\n", "{\"a\":1}");
}

static void exchanges_share_one_connection(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, serves_all);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&t, "/dir"), 0);
		assert_int_equal(t.reply.status, 200);
		assert_string_equal(t.reply.body.data, "{\"a\":1}");
		assert_string_equal(http_header(&t.reply, "x-said", NULL), "yes");
	}
	assert_int_equal(*t.w->n_connections, 1);
	assert_int_equal(*t.w->n_requests, 3);
}

static void get_head_and_post_follow_one_another(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, serves_all);
	struct http_request post = { .content_type = "application/jose+json",
				     .accept = "application/json",
				     .body = "{\"x\":2}",
				     .body_len = 7 };
	struct http_request head = { .head = true };

	post.url = head.url = t.w->url;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(http_exchange(t.h, &post, &t.reply, &t.e), 0);
		assert_int_equal(t.reply.status, 201);
		assert_int_equal(http_exchange(t.h, &head, &t.reply, &t.e), 0);
		assert_string_equal(http_header(&t.reply, "replay-nonce", NULL), "n1");
		assert_int_equal(t.reply.body.len, 0);
		assert_int_equal(ask(&t, "/"), 0);
		assert_int_equal(t.reply.status, 200);
	}
	assert_int_equal(*t.w->n_connections, 1);
	assert_non_null(strstr(t.w->heard, "POST / HTTP/1.1\r\n"));
	assert_non_null(strstr(t.w->heard, "Content-Type: application/jose+json\r\n"));
	assert_non_null(strstr(t.w->heard, "Accept: application/json\r\n"));
	assert_non_null(strstr(t.w->heard, "\r\n\r\n{\"x\":2}HEAD / HTTP/1.1\r\n"));
	assert_non_null(strstr(t.w->heard, "GET / HTTP/1.1\r\n"));
}

/* = RFC 8555 6.1 "ACME clients MUST send a User-Agent header field" */
static void each_request_says_who_asks_and_nothing_else(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, serves_all);

	assert_int_equal(ask(&t, "/"), 0);
	assert_non_null(strstr(t.w->heard, "User-Agent: everleaf/test libcurl/"));
	assert_non_null(strstr(t.w->heard, "Accept-Language: en\r\n"));
	assert_null(strstr(t.w->heard, "Accept-Encoding"));
	assert_null(strstr(t.w->heard, "Cookie"));
	assert_null(strstr(t.w->heard, "Authorization"));
}

static void a_url_is_sent_byte_for_byte(void **state)
{
	static const struct {
		const char *target;
		const char *sent;
	} rows[] = {
		{ "", "GET / " },
		{ "/a/../b/./c", "GET /a/../b/./c " },
		{ "//a//b/", "GET //a//b/ " },
		{ "/%7e%2F%2f?x=a+b&y=%20", "GET /%7e%2F%2f?x=a+b&y=%20 " },
		{ "?x=/", "GET /?x=/ " },
		{ "/x#part", "GET /x " },
		{ "/@:;=,$!*'()[]", "GET /@:;=,$!*'()[] " },
	};
	AUTO_TALK struct talk t = talk_begin(state, serves_all);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memset(t.w->heard, 0, WEB_HEARD);
		assert_int_equal(ask(&t, rows[i].target), 0);
		if (strncmp(t.w->heard, rows[i].sent, strlen(rows[i].sent)) != 0)
			fail_msg("%s: %.60s", rows[i].target, t.w->heard);
	}
}

static void no_other_origin_is_spoken_to(void **state)
{
	static const char *const urls[] = { "https://127.0.0.1:1/",
					    "https://localhost/",
					    "http://127.0.0.1/",
					    "file:///etc/passwd",
					    "/dir",
					    "" };
	AUTO_TALK struct talk t = talk_begin(state, serves_all);

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
		assert_int_equal(http_exchange(t.h,
					       &(struct http_request){ .url = urls[i] },
					       &t.reply, &t.e),
				 ERR_PROTO);
	assert_non_null(strstr(t.e.text, "is not a URL of https://127.0.0.1:"));
	assert_int_equal(*t.w->n_connections, 0);
}

static void says_once(struct web *w)
{
	char head[4096];

	if (web_ask(w, head, sizeof(head)))
		web_answer(w, 200, "", "once");
}

/* A server that closes an idle connection, said or not, is asked on a new one. */
static void a_connection_that_is_gone_is_made_again(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, says_once);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&t, "/"), 0);
		assert_string_equal(t.reply.body.data, "once");
	}
	assert_int_equal(*t.w->n_connections, 3);
}

static void redirects(struct web *w)
{
	char head[4096];

	while (web_ask(w, head, sizeof(head)))
		web_answer(w, 302, "Location: /elsewhere\r\nSet-Cookie: a=b\r\n", "");
}

static void a_redirect_is_an_answer_and_no_cookie_is_kept(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, redirects);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(&t, "/"), 0);
		assert_int_equal(t.reply.status, 302);
	}
	assert_int_equal(*t.w->n_requests, 2);
	assert_null(strstr(t.w->heard, "Cookie"));
}

static void hints_early(struct web *w)
{
	char head[4096];

	while (web_ask(w, head, sizeof(head))) {
		web_say(w, "HTTP/1.1 103 Early Hints\r\nX-Said: early\r\n\r\n");
		web_answer(w, 200, "", "x");
	}
}

static void what_an_interim_answer_said_is_forgotten(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, hints_early);

	assert_int_equal(ask(&t, "/"), 0);
	assert_int_equal(t.reply.status, 200);
	assert_null(http_header(&t.reply, "x-said", NULL));
}

/* -- who it is -- */

static void a_server_that_is_not_verified_is_not_spoken_to(void **state)
{
	struct web *w = *state;
	struct http_settings s;

	web_start(w, serves_all);
	s = settings(w);
	s.trust = NULL; /* the system's: it does not know ours */
	expect_failure(
	    &s, w->url, ERR_TRUST,
	    "its root is not in the system's store: is trust the right file?");
	scratch_put(w->scratch, "root.pem", "no certificate\n");
	s.trust = w->trust;
	expect_failure(&s, w->url, ERR_CONFIG, "holds no certificate to trust");
	unlink(w->trust);
	expect_failure(&s, w->url, ERR_CONFIG, "holds no certificate to trust");
	assert_int_equal(*w->n_requests, 0);
}

/* Its certificate is of localhost and 127.0.0.1. */
static void a_server_with_another_name_is_not_spoken_to(void **state)
{
	struct web *w = *state;
	struct http_settings s = settings(w);
	char url[64];

	w->server.anywhere = true;
	web_start(w, serves_all);
	snprintf(url, sizeof(url), "https://127.0.0.2:%u", w->server.port);
	s.origin = url;
	expect_failure(&s, url, ERR_TRUST, "127.0.0.2");
	assert_int_equal(*w->n_requests, 0);
}

static void tls_below_1_2_is_not_spoken(void **state)
{
	struct web *w = *state;

	w->server.tls_max = TLS1_1_VERSION;
	web_start(w, serves_all);
	expect_web_failure(w, ERR_NET, "https://127.0.0.1:");
	assert_int_equal(*w->n_requests, 0);
}

/* Of a fatal alert (RFC 8446 6.2) the last octet says what it is. */
static void alerts(struct web *w, char what)
{
	const char record[] = { 21, 3, 3, 0, 2, 2, what };
	char hello[4096];

	if (read(w->fd, hello, sizeof(hello)) > 0)
		web_write(w, record, sizeof(record));
}

static void alerts_of_itself(struct web *w)
{
	alerts(w, 80); /* internal_error */
}

static void alerts_of_us(struct web *w)
{
	alerts(w, 42); /* bad_certificate */
}

static void a_server_that_is_ill_does_not_turn_us_away(void **state)
{
	struct web *w = *state;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf key = { 0 };
	struct http_settings s;
	struct err e;

	assert_int_equal(x509_to_pem(w->id.cert, &chain, &e), 0);
	assert_int_equal(key_to_pem(w->id.key, &key, &e), 0);
	web_start_plain(w, alerts_of_itself);
	s = settings(w);
	s.chain = chain.data;
	s.key = key.data;
	expect_failure(&s, w->url, ERR_NET, "hands (alert: internal error)");
	web_stop(w);
	web_start_plain(w, alerts_of_us);
	s.origin = w->url;
	expect_failure(&s, w->url, ERR_REFUSED, "it does not take our certificate");
}

static void only_https_is_an_origin(void **state)
{
	struct web *w = *state;
	struct http_settings s = settings(w);

	s.origin = "http://127.0.0.1/";
	expect_failure(&s, s.origin, ERR_CONFIG, "no https URL");
}

/* -- on the way -- */

static void nobody_listens_is_said(void **state)
{
	struct web *w = *state;

	web_start(w, serves_all);
	web_stop(w);
	expect_web_failure(w, ERR_NET, "127.0.0.1");
}

static void the_source_address_is_the_configured_one(void **state)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	struct web *w = *state;
	struct http_settings s;
	struct http *h = NULL;
	struct err e;

	web_start(w, serves_all);
	s = settings(w);
	s.source_address = "127.0.0.9";
	assert_int_equal(http_new(&s, &h, &e), 0);
	assert_int_equal(http_exchange(h, &(struct http_request){ .url = w->url },
				       &reply, &e),
			 0);
	http_free(h);
	assert_string_equal(w->peer, "127.0.0.9");
	s.source_address = "192.0.2.77";
	expect_failure(&s, w->url, ERR_NET,
		       "192.0.2.77 is not of this host, or not now");
}

/* A proxy that answers CONNECT and then is the server. */
static void tunnels(struct web *w)
{
	char head[4096];

	if (!web_ask(w, head, sizeof(head)))
		return;
	web_say(w, "HTTP/1.1 200 Connected\r\nX-Said: proxy\r\n\r\n");
	w->ssl = server_accept(&w->server, w->fd, &w->id);
	if (w->ssl != NULL)
		serves_all(w);
}

static void a_configured_proxy_is_asked_to_connect(void **state)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	struct web *w = *state;
	struct http_settings s;
	struct http *h = NULL;
	char proxy[64];
	struct err e;

	web_start_plain(w, tunnels);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w->server.port);
	s = settings(w);
	s.proxy = proxy;
	s.origin = "https://localhost:14000/dir";
	assert_int_equal(http_new(&s, &h, &e), 0);
	assert_int_equal(http_exchange(h, &(struct http_request){ .url = s.origin },
				       &reply, &e),
			 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(http_header(&reply, "x-said", NULL), "yes");
	assert_non_null(strstr(w->heard, "CONNECT localhost:14000 HTTP/1.1\r\n"));
	assert_non_null(strstr(w->heard, "GET /dir HTTP/1.1\r\n"));
	http_free(h);
}

static void refuses(struct web *w)
{
	char head[4096];

	while (web_ask(w, head, sizeof(head)))
		web_answer(w, 407, "", "");
}

/* `proxy` is one. */
static void expect_proxy_failure(const struct web *w, const char *proxy, int code,
				 const char *says)
{
	struct http_settings s = settings(w);

	s.proxy = proxy;
	s.origin = "https://ca.invalid/";
	expect_failure(&s, s.origin, code, says);
}

static void a_proxy_that_refuses_is_said(void **state)
{
	struct web *w = *state;
	char proxy[64];

	web_start_plain(w, refuses);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w->server.port);
	expect_proxy_failure(w, proxy, ERR_NET, "https://ca.invalid: proxy http://127");
	expect_proxy_failure(w, proxy, ERR_NET, "it answers 407: it wants to know");
	web_stop(w);
	expect_proxy_failure(w, proxy, ERR_NET, "https://ca.invalid: proxy http://127");
}

static void a_proxy_that_is_not_verified_is_said(void **state)
{
	struct web *w = *state;
	struct http_settings s = settings(w);
	char proxy[64];

	web_start(w, refuses);
	snprintf(proxy, sizeof(proxy), "https://127.0.0.1:%u", w->server.port);
	expect_proxy_failure(w, proxy, ERR_NET, "it answers 407");
	s.proxy = proxy;
	s.trust = NULL; /* the system's: it does not know ours */
	s.origin = "https://ca.invalid/";
	expect_failure(&s, s.origin, ERR_TRUST, "proxy https://127.0.0.1:");
	expect_failure(
	    &s, s.origin, ERR_TRUST,
	    "its root is not in the system's store: is trust the right file?");
}

/* Whoever it does let through is spoken of as without it. */
static void who_is_behind_a_proxy_is_not_taken_for_it(void **state)
{
	struct web *w = *state;
	char proxy[64];

	web_start_plain(w, tunnels);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w->server.port);
	expect_proxy_failure(w, proxy, ERR_TRUST,
			     "https://ca.invalid: its certificate is for another name");
}

/* RFC 9112 3.2.2 [absolute] */
static void what_is_not_secret_is_asked_of_a_proxy_by_its_whole_url(void **state)
{
	struct web *w = *state;
	struct http_settings s;
	char proxy[64];
	struct err e;

	web_start_plain(w, serves_all);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w->server.port);
	s = settings(w);
	s.proxy = proxy;
	s.plain = true;
	s.origin = "http://ca.invalid:8080/pkix?a#b";
	assert_int_equal(try_one(&s, s.origin, &e), 0);
	assert_non_null(
	    strstr(w->heard, "GET http://ca.invalid:8080/pkix?a HTTP/1.1\r\n"));
}

static void the_environment_has_no_say(void **state)
{
	AUTO_TALK struct talk t = { .h = NULL };

	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	t = talk_begin(state, serves_all);
	assert_int_equal(ask(&t, "/"), 0);
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
}

/* -- too much -- */

#define OK "HTTP/1.1 200 OK\r\n"

static bool is_asked(struct web *w)
{
	char head[4096];

	return web_ask(w, head, sizeof(head));
}

/* What the servers below say first, and again and again. */
static const char *first, *again;

static void says_again(struct web *w)
{
	if (!is_asked(w))
		return;
	web_say(w, first);
	while (web_say(w, again))
		;
}

static void sends_zeros(struct web *w)
{
	static const char zeros[4096];

	if (!is_asked(w))
		return;
	web_say(w, first);
	while (web_write(w, zeros, sizeof(zeros)))
		;
}

static void sends_zeros_in_chunks(struct web *w)
{
	static const char zeros[0x1000];

	if (!is_asked(w))
		return;
	web_say(w, first);
	while (web_say(w, "1000\r\n") && web_write(w, zeros, sizeof(zeros)) &&
	       web_say(w, "\r\n"))
		;
}

static void says_a_long_header(struct web *w)
{
	if (!is_asked(w))
		return;
	web_say(w, first);
	for (int i = 0; i < LIMIT_HTTP_LINE; i++)
		web_say(w, "x");
	web_say(w, "\r\n\r\n");
}

/* The bits of deflate (RFC 1951 3.1.1), lowest first. */
static void put_bits(unsigned char *out, size_t *at, unsigned bits, unsigned n)
{
	for (unsigned i = 0; i < n; i++, ++*at)
		if (bits >> i & 1u)
			out[*at / 8] |= (unsigned char)(1u << *at % 8);
}

/* Zeros without end: a literal one, then 258 at distance 1 again and again. Of 13 bits
 * each, 8 of them are 13 bytes; 1.9 MB make 300 MB. */
static void says_gzip(struct web *w, const char *header)
{
	static const unsigned char start[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	unsigned char block[2 + 13 * 256] = { 0 };
	size_t at = 0;

	if (!is_asked(w))
		return;
	put_bits(block, &at, 0x2, 3);  /* not the last block, fixed codes */
	put_bits(block, &at, 0x0c, 8); /* literal 0 */
	while (at / 8 < sizeof(block) - 2)
		put_bits(block, &at, 0xa3, 13); /* length 258, distance 1 */
	web_say(w, OK);
	web_say(w, header);
	web_say(w, "\r\n");
	web_write(w, start, sizeof(start));
	web_write(w, block, 2);
	/* What follows the first bits repeats itself every 13 bytes. */
	while (web_write(w, block + 2, 13 * 255))
		;
}

static void gzip_content(struct web *w)
{
	says_gzip(w, "Content-Encoding: gzip\r\n");
}

static void gzip_transfer(struct web *w)
{
	says_gzip(w, "Transfer-Encoding: gzip\r\n");
}

static void took_little_memory(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	assert_true(SANDBOX_SANITIZED || usage.ru_maxrss < 64 * 1024);
}

static void what_is_too_large_is_not_taken_in(void **state)
{
	static const struct {
		web_fn *serve;
		const char *first, *again;
		const char *says;
	} rows[] = {
		{ says_again, OK, "X-More: and more\r\n", "too large (headers)" },
		{ says_a_long_header, OK "X-More: ", "", "too large (headers)" },
		{ says_again, OK "X-More: ", "and more and more and more and more",
		  "too large (one header)" },
		{ says_again, "HTTP/1.1 103 Early Hints\r\n\r\n",
		  "HTTP/1.1 103 Early Hints\r\n\r\n", "too large (headers)" },
		{ sends_zeros_in_chunks, OK "Transfer-Encoding: chunked\r\n\r\n", "",
		  "too large (body)" },
		{ sends_zeros, OK "\r\n", "", "too large (body)" },
		{ sends_zeros, OK "Content-Length: 1125899906842624\r\n\r\n", "",
		  "too large (body)" },
		{ gzip_content, "", "", "too large (body)" },
	};
	struct web *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		first = rows[i].first;
		again = rows[i].again;
		web_start(w, rows[i].serve);
		expect_web_failure(w, ERR_LIMIT, rows[i].says);
		web_stop(w);
	}
	took_little_memory();
}

/* libcurl refuses to decode it since 8.14; those before it do, and it is too large. */
static void a_transfer_coding_nobody_asked_for_is_not_taken_in(void **state)
{
	struct web *w = *state;
	struct http_settings s;
	struct err e;
	int rc;

	web_start(w, gzip_transfer);
	s = settings(w);
	rc = try_one(&s, w->url, &e);
	if (rc != ERR_PROTO && rc != ERR_LIMIT)
		fail_msg("%d \"%s\"", rc, rc < 0 ? e.text : "");
	took_little_memory();
}

static void a_little_gzip(struct web *w)
{
	char head[4096];

	while (web_ask(w, head, sizeof(head)))
		web_answer(w, 200, "Content-Encoding: gzip\r\n", "\x1f\x8b raw");
}

static void what_is_coded_unasked_stays_coded(void **state)
{
	AUTO_TALK struct talk t = talk_begin(state, a_little_gzip);

	assert_int_equal(ask(&t, "/"), 0);
	assert_string_equal(t.reply.body.data, "\x1f\x8b raw");
}

/* -- too slow -- */

static void hangs(struct web *w)
{
	(void)w;
	poll(NULL, 0, -1);
}

static void says_and_hangs(struct web *w)
{
	if (is_asked(w) && first[0] != '\0')
		web_say(w, first);
	hangs(w);
}

static void trickles(struct web *w)
{
	if (is_asked(w))
		web_say(w, OK "Content-Length: 100000\r\n\r\n");
	while (web_say(w, "x"))
		poll(NULL, 0, 50);
}

static void what_is_too_slow_ends_by_the_deadline(void **state)
{
	static const struct {
		bool plain;
		web_fn *serve;
		const char *first;
		const char *says;
	} rows[] = {
		{ true, hangs, "", "s: it does not shake hands" },
		{ false, says_and_hangs, "", "it does not answer" },
		{ false, says_and_hangs,
		  OK "X-More: ", "headers of its answer do not end" },
		{ false, says_and_hangs, OK "Content-Length: 10\r\n\r\n",
		  "no body follows" },
		{ false, says_and_hangs, OK "Content-Length: 10\r\n\r\n123",
		  "its answer does not end" },
		{ false, trickles, "", "its answer does not end" },
	};
	struct web *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct http_settings s;

		w->plain = rows[i].plain;
		first = rows[i].first;
		web_start(w, rows[i].serve);
		s = settings(w);
		s.deadline_ms = DEADLINE_MS;
		expect_failure(&s, w->url, ERR_NET, rows[i].says);
		web_stop(w);
	}
}

/* In a child: libcurl cannot tell the system that its socket must not be waited for, and
 * does not mind. */
static void ask_where_sockets_stay_as_they_are(const struct web *w)
{
	const struct scmp_arg_cmp flags = { 1, SCMP_CMP_EQ, F_SETFL, 0 };
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	struct http_settings s = settings(w);
	struct err e;

	alarm(60);
	s.deadline_ms = DEADLINE_MS;
	seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EIO), SCMP_SYS(fcntl), 1, &flags);
	if (seccomp_load(f) < 0)
		_exit(77);
	_exit(try_one(&s, w->url, &e) != ERR_NET ||
	      strstr(e.text, "it does not answer") == NULL);
}

static void no_socket_is_waited_for_beyond_the_deadline(void **state)
{
	struct web *w = *state;
	int status;
	pid_t pid;

	first = "";
	web_start(w, says_and_hangs);
	pid = fork();
	if (pid == 0)
		ask_where_sockets_stay_as_they_are(w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* The queue of a listener that nobody accepts from is full: the next is not answered. */
static void a_host_that_does_not_answer_ends_by_the_deadline(void **state)
{
	struct web *w = *state;
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct http_settings s = settings(w);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int queued[8];
	char url[64];

	assert_return_code(bind(fd, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(fd, 0), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&a, &len), errno);
	for (int i = 0; i < 8; i++) {
		queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(queued[i], (struct sockaddr *)&a, len);
	}
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", ntohs(a.sin_port));
	s.origin = url;
	s.deadline_ms = DEADLINE_MS;
	expect_failure(&s, url, ERR_NET, "it does not accept a connection");
	for (int i = 0; i < 8; i++)
		close(queued[i]);
	close(fd);
}

/* -- no HTTP -- */

static void says_first(struct web *w)
{
	if (is_asked(w))
		web_say(w, first);
}

static void what_is_no_answer_is_said(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{ "", ERR_NET },
		{ "SSH-2.0-OpenSSH\r\n", ERR_PROTO },
		{ "hello\r\n\r\n", ERR_PROTO },
		{ "HTTP/9.9 200 OK\r\n\r\n", ERR_PROTO },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", ERR_NET },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\nshort", ERR_PROTO },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		  ERR_NET },
	};
	struct web *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		first = rows[i].text;
		web_start(w, says_first);
		expect_web_failure(w, rows[i].code, "127.0.0.1");
		web_stop(w);
	}
}

/* -- the binding of a connection -- */

/* By its own end of the connection: the client's Finished message, or the exporter. */
static void tells_its_binding(struct web *w)
{
	unsigned char mine[64];
	char head[1024], hex[2 * sizeof(mine) + 1] = "";
	size_t len = 32;

	if (SSL_version(w->ssl) == TLS1_3_VERSION)
		assert_int_equal(SSL_export_keying_material(w->ssl, mine, len,
							    "EXPORTER-Channel-Binding",
							    24, NULL, 0, 0),
				 1);
	else
		len = SSL_get_peer_finished(w->ssl, mine, sizeof(mine));
	text_hex(hex, mine, len);
	while (web_ask(w, head, sizeof(head)) && web_answer(w, 200, "", hex))
		;
}

/* The body that is sent, written over: BODY bytes. */
#define BODY 128

static int put_binding(void *arg, const void *binding, size_t len, struct err *e)
{
	(void)e;
	assert_true(2 * len < BODY);
	text_hex(arg, binding, len);
	((char *)arg)[2 * len] = ' ';
	return 0;
}

static int put_none(void *arg, const void *binding, size_t len, struct err *e)
{
	(void)arg, (void)binding, (void)len;
	return err_set(e, ERR_BUSY, "not now");
}

static int post_bound(struct talk *t, http_binder *bind, char body[BODY + 1])
{
	memset(body, ' ', BODY);
	body[BODY] = '\0';
	return http_exchange(t->h,
			     &(struct http_request){ .url = t->w->url,
						     .content_type = "text/plain",
						     .body = body,
						     .body_len = BODY,
						     .bind = bind,
						     .bind_arg = body },
			     &t->reply, &t->e);
}

static void a_body_may_hold_what_both_ends_of_its_connection_know(void **state)
{
	static const int latest[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct web *w = *state;

	for (size_t i = 0; i < sizeof(latest) / sizeof(*latest); i++) {
		AUTO_TALK struct talk t = { .h = NULL };
		char body[BODY + 1];

		w->server.tls_max = latest[i];
		t = talk_begin(state, tells_its_binding);
		assert_int_equal(post_bound(&t, put_none, body), ERR_BUSY);
		if (post_bound(&t, put_binding, body) != 0)
			fail_msg("%s", t.e.text);
		assert_int_equal(t.reply.body.len,
				 latest[i] == TLS1_2_VERSION ? 24 : 64);
		assert_memory_equal(t.reply.body.data, body, t.reply.body.len);
		assert_non_null(strstr(w->heard, body));
		web_stop(w);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)
	const struct CMUnitTest tests[] = {
		CASE(exchanges_share_one_connection),
		CASE(get_head_and_post_follow_one_another),
		CASE(each_request_says_who_asks_and_nothing_else),
		CASE(a_url_is_sent_byte_for_byte),
		CASE(no_other_origin_is_spoken_to),
		CASE(a_connection_that_is_gone_is_made_again),
		CASE(a_redirect_is_an_answer_and_no_cookie_is_kept),
		CASE(what_an_interim_answer_said_is_forgotten),
		CASE(a_server_that_is_not_verified_is_not_spoken_to),
		CASE(a_server_with_another_name_is_not_spoken_to),
		CASE(tls_below_1_2_is_not_spoken),
		CASE(a_server_that_is_ill_does_not_turn_us_away),
		CASE(only_https_is_an_origin),
		CASE(nobody_listens_is_said),
		CASE(the_source_address_is_the_configured_one),
		CASE(a_configured_proxy_is_asked_to_connect),
		CASE(a_proxy_that_refuses_is_said),
		CASE(a_proxy_that_is_not_verified_is_said),
		CASE(who_is_behind_a_proxy_is_not_taken_for_it),
		CASE(what_is_not_secret_is_asked_of_a_proxy_by_its_whole_url),
		CASE(the_environment_has_no_say),
		CASE(what_is_too_large_is_not_taken_in),
		CASE(a_transfer_coding_nobody_asked_for_is_not_taken_in),
		CASE(what_is_coded_unasked_stays_coded),
		CASE(what_is_too_slow_ends_by_the_deadline),
		CASE(no_socket_is_waited_for_beyond_the_deadline),
		CASE(a_host_that_does_not_answer_ends_by_the_deadline),
		CASE(what_is_no_answer_is_said),
		CASE(a_body_may_hold_what_both_ends_of_its_connection_know),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
