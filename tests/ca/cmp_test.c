/* cmp: what a server says that is no message, and handles that are none of ours. */
#include "ca/cmp.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/x509.h"
#include "ca/cmp_link.h"
#include "tests/help/certs.h"
#include "tests/help/web.h"

static char too_long[LIMIT_CMP_BODY + 2]; /* with a NUL */

static const struct row {
	const char *name;
	int status;
	const char *headers;
	const char *body; /* NULL: one that does not end */
	enum err_code code;
	const char *said;
} rows[] = {
	{ "a page", 200, "Content-Type: text/html\r\n", "<html>\x1b[2J hello",
	  ERR_PROTO,
	  "p10cr: it sends no CMP message, or not all of it, but \"<html>\\x1b[2J "
	  "hello\": "
	  "look at url" },
	{ "nothing", 200, "Content-Type: application/pkixcmp\r\n", "", ERR_PROTO,
	  "look at url" },
	{ "a sequence of nothing", 200, "", "0\x01", ERR_PROTO,
	  "its CMP message, of 2 bytes, is not whole" },
	{ "elsewhere", 302, "Location: https://ca.example/\r\n", "x", ERR_PROTO,
	  "the CA answers 302" },
	{ "no such page", 404, "", "404 page not found\n", ERR_PROTO,
	  "there is no CMP server: look at url: the CA answers 404" },
	{ "bad", 400, "", "no", ERR_REFUSED, "the CA answers 400: no" },
	{ "who are you", 401, "", "no", ERR_REFUSED,
	  "the server shuts us out before it looks at the message: the CA answers "
	  "401" },
	{ "forbidden", 403, "", "no", ERR_REFUSED, "the CA answers 403: no" },
	{ "a conflict", 409, "", "", ERR_REFUSED, "the CA answers 409" },
	{ "it is ill", 500, "", "0", ERR_NET, "the CA answers 500: 0" },
	{ "it was too slow for it", 408, "", "no", ERR_NET, "the CA answers 408: no" },
	{ "too early", 425, "", "", ERR_NET, "the CA answers 425" },
	{ "it is busy", 503, "Retry-After: 90\r\n", "later", ERR_LATER,
	  "the CA answers 503: later" },
	{ "it has had enough", 429, "", "", ERR_LATER, "the CA answers 429" },
	{ "more than a message may have", 200, "", too_long, ERR_LIMIT,
	  "its answer has 262145 bytes" },
	{ "a body without end", 200, "", NULL, ERR_NET, "127.0.0.1" },
};

/* The server is told by the URL which row it is in. */
static void serve(struct web *w)
{
	char head[8192];

	while (web_ask(w, head, sizeof(head))) {
		const struct row *r = &rows[atoi(head + strlen("POST /"))];

		if (r->body == NULL)
			web_say(w, "HTTP/1.1 200 OK\r\n\r\n0");
		else
			web_answer(w, r->status, r->headers, r->body);
	}
}

/* -- the host -- */

struct asking {
	struct buf csr;
	struct buf spki;
	unsigned n_over;
	bool has_secret;
};

static int request(void *arg, bool by_live, struct cmp_ask *ask, struct err *e)
{
	const struct asking *a = arg;

	(void)by_live;
	(void)e;
	ask->what = CMP_P10CR;
	buf_add(&ask->der, a->csr.data, a->csr.len);
	buf_add(&ask->spki, a->spki.data, a->spki.len);
	return 0;
}

static int first(void *arg, struct cmp_first *f, struct err *e)
{
	const struct asking *a = arg;

	(void)e;
	if (a->has_secret) {
		buf_puts(&f->reference, "web");
		buf_puts(&f->secret, "s3cret");
	}
	return 0;
}

static int live(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	(void)arg;
	(void)chain;
	(void)key;
	return err_set(e, ERR_PROTO, "nobody asks for that");
}

static int waits(void *arg, const char *handle, struct err *e)
{
	struct asking *a = arg;

	(void)e;
	if (handle[0] == '\0')
		a->n_over++;
	return 0;
}

static void ask_in(struct asking *a)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	const struct name name = { .kind = NAME_DNS, .value = "www.example.org" };
	struct err e;

	*a = (struct asking){ .has_secret = true };
	assert_int_equal(csr_make(key, &name, 1, &a->csr, &e), 0);
	assert_int_equal(key_to_spki(key, &a->spki, &e), 0);
}

static void ask_out(struct asking *a)
{
	buf_done(&a->csr);
	buf_done(&a->spki);
}

static int enrol(const struct web *w, struct asking *a, size_t row, const char *handle,
		 struct err *e)
{
	AUTO_FREE char *url = xasprintf("%s/%zu", w->url, row);
	const struct cmp_host host = { a, request, first, live, waits };
	const struct cmp_settings s = {
		.url = url,
		.http = { .trust = w->trust,
			  .user_agent = "test",
			  .deadline_ms = rows[row].body == NULL ? 500 : 20000 },
	};
	struct enrolled r = { .note = NULL };
	int rc = cmp_enrol(&s, &host, false, handle, &r, e);

	if (rc < 0 && (r.chain.len != 0 || strstr(e->text, w->url) == NULL))
		fail_msg("row %zu: \"%s\"", row, e->text);
	buf_done(&r.chain);
	buf_done(&r.anchors);
	free(r.note);
	return rc;
}

static void what_is_no_message_is_told(void **state)
{
	struct web *w = *state;
	struct asking a;

	memset(too_long, 'a', sizeof(too_long) - 1);
	ask_in(&a);
	web_start(w, serve);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err e = { .code = 0 };
		const int rc = enrol(w, &a, i, NULL, &e);

		if (rc != (int)rows[i].code || strstr(e.text, rows[i].said) == NULL)
			fail_msg("%s: %d \"%s\"", rows[i].name, rc, e.text);
		if (strstr(rows[i].headers, "90") != NULL)
			assert_in_range(e.retry_at_ms, clock_now_ms() + 80000,
					clock_now_ms() + 91000);
	}
	assert_int_equal(a.n_over, 0);
	ask_out(&a);
}

static void nobody_asks_who_is_not_configured(void **state)
{
	struct web *w = *state;
	struct asking a;
	struct err e = { .code = 0 };

	ask_in(&a);
	a.has_secret = false;
	web_start(w, serve);
	{
		const struct cmp_host host = { &a, request, first, live, waits };
		const struct cmp_settings s = { .url = w->url,
						.http = { .trust = w->trust,
							  .user_agent = "test" } };
		struct enrolled r = { .note = NULL };

		assert_int_equal(cmp_enrol(&s, &host, false, NULL, &r, &e), ERR_CONFIG);
		buf_done(&r.anchors);
	}
	assert_non_null(strstr(e.text, "set reference and secret_file"));
	assert_int_equal(*w->n_requests, 0);
	ask_out(&a);
}

/* RFC 5280 lets a leaf be without both; the message would say nobody sends it. */
static int live_nameless(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	AUTO_KEY EVP_PKEY *private = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert =
	    certs_make(&(struct cert_plan){ .key = private,
					    .from = clock_now(),
					    .to = clock_now() + 86400,
					    .version_1 = true });

	(void)arg;
	TRY(x509_to_pem(cert, chain, e));
	return key_to_pem(private, key, e);
}

static void who_cannot_be_named_signs_nothing(void **state)
{
	struct web *w = *state;
	struct asking a;
	struct err e = { .code = 0 };
	struct enrolled r = { .note = NULL };

	ask_in(&a);
	a.has_secret = false;
	web_start(w, serve);
	{
		const struct cmp_host host = { &a, request, first, live_nameless,
					       waits };
		const struct cmp_settings s = { .url = w->url,
						.http = { .trust = w->trust,
							  .user_agent = "test" } };

		if (cmp_enrol(&s, &host, true, NULL, &r, &e) != ERR_REFUSED)
			fail_msg("%s", e.text);
		assert_non_null(strstr(e.text, "neither a subject nor a key ident"));
		assert_non_null(strstr(e.text, "no first credential to enrol by"));
		/* Where there is one, it asks. */
		a.has_secret = true;
		assert_int_equal(*w->n_requests, 0);
		assert_true(cmp_enrol(&s, &host, true, NULL, &r, &e) < 0);
		assert_non_null(r.note);
	}
	assert_int_equal(*w->n_requests, 1);
	free(r.note);
	ask_out(&a);
}

/* It is over: nobody can go on with that. */
static void a_handle_that_is_damaged_is_given_up(void **state)
{
	static const char damaged[] = "what is kept of its request is damaged";
	/* The last begins with a message, that answers nobody: it has no nonce. */
	static const struct {
		const char *tail;
		const char *said;
	} kept[] = {
		{ "x", damaged },
		{ "x#", damaged },
		{ "x#!.!", damaged },
		{ "x#MAA.MAA", damaged },
		{ "x#AAAA.AAAA", damaged },
		{ "x#MBYwEAIBAqQCMACkAjAApAMEAVSzAgUA.MAA",
		  "what it had said cannot be read" },
	};
	struct web *w = *state;
	struct asking a;

	ask_in(&a);
	web_start(w, serve);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		AUTO_FREE char *handle =
		    xasprintf("%s/0 p10cr %s", w->url, kept[i].tail);
		AUTO_FREE char *url = xasprintf("%s/0", w->url);
		const struct cmp_host host = { &a, request, first, live, waits };
		const struct cmp_settings s = {
			.url = url, .http = { .trust = w->trust, .user_agent = "test" }
		};
		struct enrolled r = { .note = NULL };
		struct err e = { .code = 0 };

		assert_int_equal(cmp_enrol(&s, &host, false, handle, &r, &e),
				 ERR_PROTO);
		assert_non_null(strstr(e.text, kept[i].said));
		assert_int_equal(a.n_over, i + 1);
		buf_done(&r.anchors);
	}
	assert_int_equal(*w->n_requests, 0);
	ask_out(&a);
}

static void a_handle_is_of_its_server_and_its_request(void **state)
{
	(void)state;
	assert_true(cmp_link_is("https://a/b ir ID#x.y", "https://a/b", "ir"));
	assert_false(cmp_link_is("https://a/b ir ID#x.y", "https://a/", "ir"));
	assert_false(cmp_link_is("https://a/b ir ID#x.y", "https://a/b", "i"));
	assert_false(cmp_link_is("https://a/b ir ID#x.y", "https://a/b", "kur"));
	assert_false(cmp_link_is("https://a/b", "https://a/b", "ir"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_no_message_is_told, web_in,
						web_out),
		cmocka_unit_test_setup_teardown(nobody_asks_who_is_not_configured,
						web_in, web_out),
		cmocka_unit_test_setup_teardown(who_cannot_be_named_signs_nothing,
						web_in, web_out),
		cmocka_unit_test_setup_teardown(a_handle_that_is_damaged_is_given_up,
						web_in, web_out),
		cmocka_unit_test(a_handle_is_of_its_server_and_its_request),
	};

	return cmocka_run_group_tests_name("cmp", tests, NULL, NULL);
}
