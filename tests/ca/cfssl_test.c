/* cfssl: what a server of ours says, right and wrong, and what comes of it. */
#include "ca/cfssl.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/web.h"

#define PLAIN_REQUEST "{\"certificate_request\":\"x\"}"

/* See web_answer_json(). */
#define DONE(result) \
	"{\"success\":true,\"result\":" result ",\"errors\":[],\"messages\":[]}"
#define FAILED(message)                                                           \
	"{\"success\":false,\"result\":null,\"errors\":[{\"code\":1,\"message\":" \
	"\"" message "\"}],\"messages\":[]}"
#define INFO(expiry) \
	DONE("{\"certificate\":PEM,\"usages\":[\"a\"],\"expiry\":\"" expiry "\"}")
#define SIGNED DONE("{\"certificate\":PEM}")

/* The server answers `step` by this, all else as it should. */
static const struct row {
	const char *name;
	const char *step;
	int status;
	const char *headers;
	const char *body; /* NULL: one that does not end */
	enum err_code code;
	const char *said;
} rows[] = {
	{ "all is well", "none", 0, "", "", 0, "" },
	{ "a page", "sign", 200, "", "<html>\x1b[2J hello", ERR_PROTO,
	  "/api/v1/cfssl/sign: there is no CFSSL API, look at url: the CA answers 200: "
	  "<html>\\x1b[2J hello" },
	{ "a page for info", "info", 200, "", "<html>", ERR_PROTO,
	  "/api/v1/cfssl/info" },
	{ "no such page", "info", 404, "", "404 page not found\n", ERR_PROTO,
	  "look at url: the CA answers 404: 404 page not found" },
	{ "elsewhere", "info", 302, "Location: https://ca.example/\r\n", "x", ERR_PROTO,
	  "the CA answers 302" },
	{ "cut off", "sign", 200, "", "{\"success\":true,\"result\":{\"cert", ERR_PROTO,
	  "/api/v1/cfssl/sign: " },
	{ "nothing", "sign", 200, "", "\n", ERR_PROTO, "look at url" },
	{ "no result", "sign", 200, "", "{\"success\":true}", ERR_PROTO,
	  "what it has signed: it sends no certificate" },
	{ "a result that is none", "sign", 200, "", DONE("[]"), ERR_PROTO,
	  "it sends no certificate" },
	{ "a certificate that is none", "sign", 200, "", DONE("{\"certificate\":7}"),
	  ERR_PROTO, "it sends no certificate" },
	{ "base64 that is cut off", "sign", 200, "",
	  DONE("{\"certificate\":\"-----BEGIN CERTIFICATE-----\\nMIIB\\n"
	       "-----END CERTIFICATE-----\\n\"}"),
	  ERR_PROTO, "what it has signed: " },
	{ "no certificate in it", "sign", 200, "", DONE("{\"certificate\":\"x\"}"),
	  ERR_PROTO, "no certificate in it" },
	{ "no certificate of the CA", "info", 200, "",
	  DONE("{\"usages\":[],\"expiry\":\"1h\"}"), ERR_PROTO,
	  "it names no certificate of the CA" },
	{ "another thing for the CA", "info", 200, "",
	  DONE("{\"certificate\":\"x\",\"usages\":[],\"expiry\":\"1h\"}"), ERR_PROTO,
	  "the CA's certificate: no certificate in it" },
	{ "not a success, and yet", "sign", 200, "", FAILED("no"), ERR_PROTO,
	  "the CA answers 200: no" },
	{ "a refusal", "sign", 400, "Content-Type: text/plain\r\n",
	  FAILED("CSR Decode failed"), ERR_REFUSED,
	  "the CA answers 400: CSR Decode failed" },
	{ "a refusal of a proxy", "sign", 401, "", "who are you", ERR_REFUSED,
	  "the CA answers 401: who are you" },
	{ "forbidden", "sign", 403, "", FAILED("policy"), ERR_REFUSED,
	  "the CA answers 403: policy" },
	{ "a conflict", "sign", 409, "", "", ERR_REFUSED, "the CA answers 409" },
	{ "it wants the key", "sign", 400, "", FAILED("authentication required"),
	  ERR_REFUSED, "wants auth_key_file" },
	{ "it is ill", "sign", 500, "", FAILED("database is locked"), ERR_NET,
	  "the CA answers 500: database is locked" },
	{ "it is ill, and says half of it", "sign", 500, "", "{\"succ", ERR_NET,
	  "the CA answers 500: {" },
	{ "it was too slow for it", "sign", 408, "", "no", ERR_NET,
	  "the CA answers 408: no" },
	{ "it is busy", "sign", 503, "Retry-After: 90\r\n", "later", ERR_LATER,
	  "the CA answers 503: later" },
	{ "it has had enough", "info", 429, "", "", ERR_LATER, "the CA answers 429" },
	{ "a time on a refusal", "sign", 403, "Retry-After: 90\r\n", "later", ERR_LATER,
	  "later" },
	{ "a body without end", "sign", 200, "", NULL, ERR_NET, "does not end" },
	{ "a profile that is the default", "info", 200, "", INFO("24h"), ERR_CONFIG,
	  "profile \"server\": " },
	{ "a CA that says nothing of what it grants", "info", 200, "",
	  DONE("{\"certificate\":PEM}"), 0, "" },
	{ "more certificates", "sign", 200, "",
	  DONE("{\"certificate\":PEM,\"more\":[PEM,PEM]}"), 0, "" },
	{ "more members", "sign", 200, "",
	  "{\"x\":{},\"success\":true,\"result\":{\"certificate\":PEM,\"y\":[]}}", 0,
	  "" },
};

/* -- the server, which is told by the URL which row it is in -- */

static void say_well(struct web *w, const char *step, const char *body)
{
	if (strncmp(step, "info", 4) == 0)
		web_answer_json(w, 200, "",
				strstr(body, "\"server\"") != NULL ? INFO("72h")
								   : INFO("24h"));
	else if (strncmp(step, "sign", 4) == 0 || strncmp(step, "authsign", 8) == 0)
		web_answer_json(w, 200, "", SIGNED);
	else
		web_answer_json(w, 404, "", "404 page not found\n");
}

static bool is_told(const struct row *r, const char *step, const char *body)
{
	return strncmp(step, r->step, strlen(r->step)) == 0 &&
	       (strcmp(r->step, "info") != 0 || strstr(body, "\"server\"") != NULL);
}

static void serve(struct web *w)
{
	static const char api[] = "/api/v1/cfssl/";
	char head[8192];

	for (size_t at = 0; web_ask(w, head, sizeof(head)); at = strlen(w->heard)) {
		const char *step = strstr(head, api), *body = w->heard + at;
		const size_t n = (size_t)atoi(head + strlen("POST /"));

		assert_non_null(step);
		step += strlen(api);
		if (n >= sizeof(rows) / sizeof(*rows) || !is_told(&rows[n], step, body))
			say_well(w, step, body);
		else if (rows[n].body == NULL)
			web_say(w, "HTTP/1.1 200 OK\r\n\r\n{");
		else
			web_answer_json(w, rows[n].status, rows[n].headers,
					rows[n].body);
	}
}

/* -- the host -- */

struct asking {
	const char *mac;
	bool refuses;
	unsigned n;
};

static int request(void *arg, struct buf *json, struct buf *mac, struct err *e)
{
	struct asking *a = arg;

	if (a->refuses)
		return err_set(e, ERR_CONFIG, "no key");
	a->n++;
	buf_puts(json, PLAIN_REQUEST);
	buf_puts(mac, a->mac == NULL ? "" : a->mac);
	return 0;
}

static void begin(struct cfssl *c, const struct web *w, struct asking *a,
		  const char *profile, size_t row, char url[80])
{
	const struct cfssl_host host = { a, request };
	const struct cfssl_settings s = {
		.url = url,
		.profile = profile,
		.http = { .trust = w->trust,
			  .user_agent = "test",
			  .deadline_ms = rows[row].body == NULL ? 500 : 20000 },
	};
	struct err e;

	snprintf(url, 80, "%s/%zu/", w->url, row);
	assert_int_equal(cfssl_open(c, &s, &host, &e), 0);
}

static void what_a_server_says_is_read(void **state)
{
	struct web *w = *state;

	web_start(w, serve);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf chain = { 0 };
		AUTO_BUF struct buf anchors = { 0 };
		struct asking a = { .n = 0 };
		struct err e = { .code = 0 };
		struct cfssl c;
		char url[80];
		int rc;

		begin(&c, w, &a, "server", i, url);
		rc = cfssl_sign(&c, &chain, &anchors, &e);
		cfssl_close(&c);
		if (rc != (int)rows[i].code ||
		    (rc < 0 && (strstr(e.text, rows[i].said) == NULL ||
				strstr(e.text, w->url) == NULL)))
			fail_msg("%s: %d \"%s\"", rows[i].name, rc, e.text);
		if (rc == ERR_LATER && rows[i].headers[0] != '\0')
			assert_in_range(e.retry_at_ms, clock_now_ms() + 80000,
					clock_now_ms() + 91000);
		if (rc == 0)
			assert_non_null(strstr(chain.data, "BEGIN CERTIFICATE"));
		if (rc < 0)
			assert_int_equal(chain.len, 0);
	}
}

/* -- what is sent -- */

/* The very bytes are what the MAC is over. */
static void what_is_authenticated_is_sent_as_it_is(void **state)
{
	struct web *w = *state;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf anchors = { 0 };
	struct asking a = { .mac = "a MAC?>" };
	struct cfssl c;
	char url[80];
	struct err e;

	web_start(w, serve);
	begin(&c, w, &a, NULL, 0, url);
	if (cfssl_sign(&c, &chain, &anchors, &e) != 0)
		fail_msg("%s", e.text);
	assert_non_null(strstr(w->heard, "\"token\":\"YSBNQUM/Pg==\""));
	assert_non_null(
	    strstr(w->heard, "\"request\":\"eyJjZXJ0aWZpY2F0ZV9yZXF1ZXN0IjoieCJ9\""));
	assert_int_equal(web_heard(w, "/authsign "), 1);
	assert_int_equal(web_heard(w, "/sign "), 0);
	cfssl_close(&c);
}

static void what_a_profile_grants_is_asked_for_once_in_a_while(void **state)
{
	struct web *w = *state;
	struct asking a = { .n = 0 };
	struct cfssl c;
	char url[80];
	struct err e;

	web_start(w, serve);
	begin(&c, w, &a, "server", 0, url);
	for (int i = 0; i < 3; i++) {
		AUTO_BUF struct buf chain = { 0 };
		AUTO_BUF struct buf anchors = { 0 };

		assert_int_equal(cfssl_sign(&c, &chain, &anchors, &e), 0);
	}
	assert_int_equal(web_heard(w, "/info "), 2); /* by name, and by none */
	assert_int_equal(web_heard(w, "/sign "), 3);
	assert_int_equal(a.n, 3);
	c.asked_ms -= CFSSL_INFO_MS;
	{
		AUTO_BUF struct buf chain = { 0 };
		AUTO_BUF struct buf anchors = { 0 };

		assert_int_equal(cfssl_sign(&c, &chain, &anchors, &e), 0);
	}
	assert_int_equal(web_heard(w, "/info "), 4);
	cfssl_close(&c);
}

static void what_the_host_does_not_say_is_not_asked_for(void **state)
{
	struct web *w = *state;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf anchors = { 0 };
	struct asking a = { .refuses = true };
	struct cfssl c;
	char url[80];
	struct err e;

	web_start(w, serve);
	begin(&c, w, &a, NULL, 0, url);
	assert_int_equal(cfssl_sign(&c, &chain, &anchors, &e), ERR_CONFIG);
	assert_int_equal(cfssl_revoke(&c, &e), ERR_CONFIG);
	assert_int_equal(web_heard(w, "/sign "), 0);
	a.refuses = false;
	assert_int_equal(cfssl_revoke(&c, &e), ERR_REFUSED);
	assert_non_null(strstr(e.text, "has no revoke"));
	cfssl_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_server_says_is_read, web_in,
						web_out),
		cmocka_unit_test_setup_teardown(what_is_authenticated_is_sent_as_it_is,
						web_in, web_out),
		cmocka_unit_test_setup_teardown(
		    what_a_profile_grants_is_asked_for_once_in_a_while, web_in,
		    web_out),
		cmocka_unit_test_setup_teardown(
		    what_the_host_does_not_say_is_not_asked_for, web_in, web_out),
	};

	return cmocka_run_group_tests_name("cfssl", tests, NULL, NULL);
}
