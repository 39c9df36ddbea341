/* step: what a step-ca of ours says, right and wrong, and what comes of it. */
#include "ca/step.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/x509.h"
#include "tests/help/certs.h"
#include "tests/help/web.h"

/* See web_answer_json(): all is asked for the key of the server. */
#define ISSUED      "{\"crt\":PEM,\"ca\":OTHER,\"certChain\":[PEM,OTHER]}"
#define SAID(n, by) "{\"status\":" #n ",\"message\":\"" by "\"}"
#define JWE                                                                            \
	"eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJzIjoiWVdKaiJ9" \
	".AA.AA.AA.AA"
#define LISTED(of) "{\"provisioners\":[{\"type\":\"ACME\",\"name\":\"a\"}" of "]}"
#define OURS       ",{\"type\":\"JWK\",\"name\":\"admin\",\"encryptedKey\":\"" JWE "\"}"

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
	{ "no chain", "sign", 201, "", "{\"crt\":PEM,\"ca\":OTHER}", 0, "" },
	{ "a leaf alone", "sign", 201, "", "{\"crt\":PEM}", 0, "" },
	{ "the leaf last", "sign", 201, "", "{\"certChain\":[OTHER,OTHER,PEM]}", 0,
	  "" },
	{ "a page", "sign", 200, "", "<html>\x1b[2J hello", ERR_PROTO,
	  "/1.0/sign: there is no step-ca, look at url: the CA answers 200: "
	  "<html>\\x1b[2J hello" },
	{ "no such page", "provisioners", 404, "", "404 page not found\n", ERR_PROTO,
	  "/1.0/provisioners?limit=100: there is no step-ca, look at url: the CA "
	  "answers 404" },
	{ "elsewhere", "sign", 302, "Location: https://ca.example/\r\n", "x", ERR_PROTO,
	  "the CA answers 302" },
	{ "a proxy that finds nobody", "sign", 502, "", "<html>", ERR_NET,
	  "/1.0/sign: the CA answers 502" },
	{ "cut off", "sign", 201, "", "{\"crt\":\"-----BEG", ERR_PROTO, "/1.0/sign: " },
	{ "nothing", "sign", 201, "", "", ERR_PROTO, "there is no step-ca" },
	{ "no certificate", "sign", 201, "", "{}", ERR_PROTO,
	  "/1.0/sign: it sends no certificate" },
	{ "another type", "sign", 201, "", "{\"certChain\":{},\"crt\":7}", ERR_PROTO,
	  "it sends no certificate" },
	{ "base64 that is cut off", "sign", 201, "",
	  "{\"crt\":\"-----BEGIN CERTIFICATE-----\\nMIIB\\n"
	  "-----END CERTIFICATE-----\\n\"}",
	  ERR_PROTO, "/1.0/sign: " },
	{ "another's", "sign", 201, "", "{\"certChain\":[OTHER]}", ERR_TRUST,
	  "/1.0/sign: what it sends (1) has no certificate for the key that was asked "
	  "for" },
	{ "too many", "sign", 201, "",
	  "{\"certChain\":[OTHER,OTHER,OTHER,OTHER,OTHER,OTHER,OTHER,OTHER,OTHER,OTHER,"
	  "PEM]}",
	  ERR_LIMIT, "it sends 11 certificates" },
	{ "it does not know the token", "sign", 401, "", SAID(401, "lacked"),
	  ERR_REFUSED,
	  "/1.0/sign: it does not take the token: look whether the provisioner has "
	  "this "
	  "key, and whether the CA calls itself by the host in url (dnsNames): the CA "
	  "answers 401: lacked" },
	{ "nor does its clock", "sign", 401, "Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n",
	  SAID(401, "lacked"), ERR_REFUSED,
	  "goes by the clock of this host: set that right: the CA answers 401" },
	{ "its policy", "sign", 403, "", SAID(403, "not those names"), ERR_REFUSED,
	  "/1.0/sign: the CA answers 403: not those names" },
	{ "a conflict", "sign", 409, "", "", ERR_REFUSED, "the CA answers 409" },
	{ "it is ill", "sign", 500, "", SAID(500, "locked"), ERR_NET,
	  "/1.0/sign: the CA answers 500: locked" },
	{ "it is busy", "sign", 503, "Retry-After: 90\r\n", "later", ERR_LATER,
	  "the CA answers 503: later" },
	{ "it has had enough", "provisioners", 429, "", "", ERR_LATER,
	  "the CA answers 429" },
	{ "a body without end", "sign", 201, "", NULL, ERR_NET, "/1.0/sign: " },
	{ "no provisioners", "provisioners", 200, "", "{\"provisioners\":[]}",
	  ERR_CONFIG, "the CA has no provisioner \"admin\"; it has: none" },
	{ "other provisioners", "provisioners", 200, "",
	  LISTED(",{\"type\":\"JWK\",\"name\":\"\\u001b[2J\"}"), ERR_CONFIG,
	  "no provisioner \"admin\"; it has: a, \\x1b[2J" },
	{ "a cursor that leads on", "provisioners?limit=100 ", 200, "",
	  "{\"provisioners\":[],\"nextCursor\":\"00aF\"}", 0, "" },
	{ "a cursor that is none", "provisioners", 200, "",
	  "{\"provisioners\":[],\"nextCursor\":\"../x\"}", ERR_CONFIG, "it has: none" },
	{ "a cursor that leads nowhere", "provisioners", 200, "",
	  "{\"provisioners\":[],\"nextCursor\":\"00\"}", ERR_CONFIG, "it has: none" },
	{ "a provisioner of another type", "provisioners", 200, "",
	  LISTED(",{\"type\":\"X5C\",\"name\":\"admin\"}"), ERR_CONFIG,
	  "provisioner \"admin\": the CA has no key for it, which is of type X5C: set "
	  "key, and certificate if that is X5C" },
	{ "a key that is not given away", "provisioners", 200, "",
	  LISTED(",{\"type\":\"JWK\",\"name\":\"admin\"}"), ERR_CONFIG,
	  "which is of type JWK: set key" },
	{ "a key that is none", "provisioners", 200, "",
	  LISTED(",{\"type\":\"JWK\",\"name\":\"admin\",\"encryptedKey\":\"x\"}"),
	  ERR_PROTO, "provisioner \"admin\": no JWE" },
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

/* -- the server, which is told by the URL which row it is in -- */

static void say_well(struct web *w, const char *step)
{
	if (strncmp(step, "provisioners", 12) == 0)
		web_answer_json(w, 200, "", LISTED(OURS));
	else if (strncmp(step, "roots", 5) == 0)
		web_answer_json(w, 201, "", "{\"crts\":[OTHER,PEM]}");
	else if (strncmp(step, "revoke", 6) == 0)
		web_answer_json(w, 200, "", "{\"status\":\"ok\"}");
	else
		web_answer_json(w, 201, "", ISSUED);
}

static void serve(struct web *w)
{
	static const char api[] = "/1.0/";
	char head[8192];

	while (web_ask(w, head, sizeof(head))) {
		const char *step = strstr(head, api);
		const size_t n = (size_t)atoi(strchr(head, '/') + 1);

		assert_non_null(step);
		step += strlen(api);
		if (n >= N_ROWS ||
		    strncmp(step, rows[n].step, strlen(rows[n].step)) != 0)
			say_well(w, step);
		else if (rows[n].body == NULL)
			web_say(w, "HTTP/1.1 201 Created\r\n\r\n{");
		else
			web_answer_json(w, rows[n].status, rows[n].headers,
					rows[n].body);
	}
}

/* -- the host -- */

struct asking {
	const struct web *w;
	EVP_PKEY *key; /* of the request */
	X509 *live;
	const char *has; /* PEM of its key; "": elsewhere */
	bool refuses;
	struct buf did; /* "csr sign renew ..." */
};

static int request(void *arg, struct buf *der, struct err *e)
{
	struct asking *a = arg;
	char value[] = "a.example";
	struct name name = { .kind = NAME_DNS, .value = value };

	buf_puts(&a->did, "csr ");
	return csr_make(a->key, &name, 1, der, e);
}

static int token(void *arg, enum step_what what, const unsigned char root[32],
		 const struct step_jwe *jwe, struct step_told *told, struct err *e)
{
	static const char *const words[STEP_WHATS] = { "sign", "renew", "revoke",
						       "itself" };
	struct asking *a = arg;

	if (a->refuses)
		return err_set(e, ERR_CONFIG, "no password");
	buf_printf(&a->did, "%s%s%s ", words[what], root == NULL ? "-rootless" : "",
		   jwe->header.len > 0 ? "+jwe" : "");
	buf_puts(&told->serial, "7");
	told->reason = 4;
	if (what != STEP_ITSELF)
		buf_printf(&told->token, "token-%s", words[what]);
	return 0;
}

static int pair(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	struct asking *a = arg;

	buf_puts(&a->did, "pair ");
	if (a->has[0] == '\0')
		return 0;
	buf_puts(key, a->has);
	return x509_to_pem(a->live, chain, e);
}

struct stage {
	struct asking a;
	struct step_settings s;
	struct step_host host;
	struct buf key; /* PEM of the server's */
	char url[80];
};

static void begin(struct stage *st, const struct web *w, size_t row)
{
	struct err e;

	*st = (struct stage){ .key = { 0 } };
	assert_int_equal(key_to_pem(w->id.key, &st->key, &e), 0);
	snprintf(st->url, sizeof(st->url), "%s/%zu//", w->url, row);
	st->a = (struct asking){
		.w = w, .key = w->id.key, .live = w->id.cert, .has = st->key.data
	};
	st->host = (struct step_host){ &st->a, request, token, pair };
	st->s = (struct step_settings){
		.url = st->url,
		.provisioner = "admin",
		.fetch_key = true,
		.http = { .trust = w->trust,
			  .user_agent = "test",
			  .language = "en",
			  .deadline_ms =
			      row < N_ROWS && rows[row].body == NULL ? 500 : 20000 },
	};
}

static void end(struct stage *st)
{
	buf_done(&st->key);
	buf_done(&st->a.did);
}

struct came {
	struct enrolled r;
	struct err e;
	int rc;
};

static void enrol(const struct stage *st, bool renews, struct came *c)
{
	*c = (struct came){ .rc = 0 };
	c->rc = step_enrol(&st->s, &st->host, renews, &c->r, &c->e);
}

static void drop(struct came *c)
{
	buf_done(&c->r.chain);
	buf_done(&c->r.anchors);
	free(c->r.note);
}

static void what_a_server_says_is_read(void **state)
{
	struct web *w = *state;

	web_start(w, serve);
	for (size_t i = 0; i < N_ROWS; i++) {
		struct stage st;
		struct came c;

		begin(&st, w, i);
		enrol(&st, false, &c);
		if (c.rc != (int)rows[i].code ||
		    (c.rc < 0 && (strstr(c.e.text, rows[i].said) == NULL ||
				  strstr(c.e.text, w->url) == NULL)))
			fail_msg("%s: %d \"%s\"", rows[i].name, c.rc, c.e.text);
		if (c.rc == ERR_LATER && rows[i].headers[0] != '\0')
			assert_in_range(c.e.retry_at_ms, clock_now_ms() + 80000,
					clock_now_ms() + 91000);
		assert_true((c.rc == 0) == (c.r.chain.len > 0));
		assert_null(c.r.note);
		drop(&c);
		end(&st);
	}
}

/* What comes is leaf first, whatever the order. */
static void the_leaf_is_first_wherever_it_stood(void **state)
{
	struct web *w = *state;
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct stage st;
	struct came c;

	web_start(w, serve);
	begin(&st, w, 3);
	enrol(&st, false, &c);
	assert_int_equal(c.rc, 0);
	assert_int_equal(x509_chain_from_pem(c.r.chain.data, c.r.chain.len, &chain,
					     &c.e),
			 0);
	assert_int_equal(sk_X509_num(chain), 3);
	assert_int_equal(X509_cmp(sk_X509_value(chain, 0), w->id.cert), 0);
	assert_string_equal(st.a.did.data, "csr sign+jwe ");
	drop(&c);
	end(&st);
}

static void without_trust_the_roots_are_asked_for(void **state)
{
	struct web *w = *state;
	struct stage st;
	struct came c;

	web_start(w, serve);
	begin(&st, w, 0);
	assert_int_equal(setenv("SSL_CERT_FILE", w->trust, 1), 0);
	st.s.http.trust = NULL;
	st.s.fetch_key = false;
	enrol(&st, false, &c);
	if (c.rc == 0) {
		assert_non_null(strstr(w->heard, "/1.0/roots "));
		assert_null(strstr(w->heard, "/provisioners"));
		assert_string_equal(st.a.did.data, "csr sign ");
		assert_non_null(strstr(c.r.anchors.data, "BEGIN CERTIFICATE"));
	} else { /* a system that looks elsewhere */
		assert_int_equal(c.rc, ERR_TRUST);
	}
	unsetenv("SSL_CERT_FILE");
	drop(&c);
	end(&st);
}

/* Nothing but certificates is taken for a root. */
static const struct row named[] = {
	{ "two", "roots", 201, "", "{\"crts\":[OTHER,PEM]}", 0, "" },
	{ "none", "roots", 201, "", "{\"crts\":[]}", ERR_PROTO, ": it names no root" },
	{ "no certificate", "roots", 201, "", "{\"crts\":[\"x\"]}", ERR_PROTO,
	  ": its roots: " },
	{ "a page", "roots", 200, "", "<html>", ERR_PROTO,
	  "/1.0/roots: there is no step-ca" },
};

static void serve_roots(struct web *w)
{
	char head[8192];

	while (web_ask(w, head, sizeof(head))) {
		const struct row *r = &named[atoi(strchr(head, '/') + 1)];

		web_answer_json(w, r->status, r->headers, r->body);
	}
}

static void the_roots_are_those_that_it_names(void **state)
{
	struct web *w = *state;

	web_start(w, serve_roots);
	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
		AUTO_CHAIN STACK_OF(X509) *roots = NULL;
		AUTO_BUF struct buf pem = { 0 };
		struct err e = { .code = 0 };
		struct stage st;
		int rc;

		begin(&st, w, i);
		rc = step_roots(&st.s, &pem, &e);
		if (rc != (int)named[i].code || strstr(e.text, named[i].said) == NULL)
			fail_msg("%s: %d \"%s\"", named[i].name, rc, e.text);
		end(&st);
		if (rc < 0)
			continue;
		assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &roots, &e), 0);
		assert_int_equal(sk_X509_num(roots), 2);
	}
}

/* -- renewal -- */

static void the_same_key_is_renewed_and_another_rekeyed(void **state)
{
	struct web *w = *state;
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *live = certs_make(
	    &(struct cert_plan){ .key = key, .subject = "live", .to = 4102444800 });
	AUTO_BUF struct buf pem = { 0 };
	struct stage st;
	struct came c;

	web_start(w, serve);
	begin(&st, w, 0);
	enrol(&st, true, &c);
	assert_int_equal(c.rc, 0);
	assert_int_equal(web_heard(w, "/1.0/renew "), 1);
	drop(&c);
	assert_int_equal(key_to_pem(key, &pem, &c.e), 0);
	st.a.live = live;
	st.a.has = pem.data;
	enrol(&st, true, &c);
	assert_int_equal(c.rc, 0);
	assert_int_equal(web_heard(w, "/1.0/rekey "), 1);
	assert_int_equal(web_heard(w, "/1.0/renew "), 1);
	assert_int_equal(web_heard(w, "/1.0/sign "), 0);
	assert_string_equal(st.a.did.data, "csr pair csr pair ");
	drop(&c);
	end(&st);
}

static void what_has_ended_shows_a_token_and_nothing_in_the_handshake(void **state)
{
	struct web *w = *state;
	AUTO_X509 X509 *live = certs_make(
	    &(struct cert_plan){ .key = w->id.key, .subject = "live", .to = 1000 });
	struct stage st;
	struct came c;

	web_start(w, serve);
	begin(&st, w, 0);
	st.a.live = live;
	enrol(&st, true, &c);
	assert_int_equal(c.rc, 0);
	assert_non_null(strstr(w->heard, "Authorization: Bearer token-renew\r\n"));
	assert_int_equal(web_heard(w, "/1.0/renew "), 1);
	assert_null(c.r.note);
	assert_string_equal(st.a.did.data, "csr pair renew ");
	drop(&c);
	end(&st);
}

/* It answers so to /renew, be it in the handshake or by a token. */
static const struct row refusals[] = {
	{ "it is not known", "renew", 401, "", SAID(401, "lacked"), 0,
	  "/1.0/renew: it does not renew by the key of the live certificate: the "
	  "provisioner may not allow it (allowRenewalAfterExpiry): the CA answers 401: "
	  "lacked: asked by provisioner \"admin\" again" },
	{ "it may not", "renew", 403, "", SAID(403, "disabled"), 0,
	  "the CA answers 403: disabled: asked by provisioner \"admin\" again" },
	{ "it is ill", "renew", 500, "", SAID(500, "x"), ERR_NET, "answers 500" },
	{ "it is busy", "renew", 403, "Retry-After: 90\r\n", SAID(403, "x"), ERR_LATER,
	  "answers 403" },
	{ "a page", "renew", 200, "", "<html>", ERR_PROTO, "there is no step-ca" },
	{ "another's", "renew", 201, "", "{\"crt\":OTHER}", ERR_TRUST, "/1.0/renew: " },
};

static void serve_refusals(struct web *w)
{
	char head[8192];

	while (web_ask(w, head, sizeof(head))) {
		const struct row *r = &refusals[atoi(strchr(head, '/') + 1)];

		if (strstr(head, "/1.0/renew ") != NULL)
			web_answer_json(w, r->status, r->headers, r->body);
		else
			say_well(w, strstr(head, "/1.0/") + strlen("/1.0/"));
	}
}

static void where_a_renewal_is_refused_the_provisioner_is_asked(void **state)
{
	struct web *w = *state;

	web_start(w, serve_refusals);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		const struct row *r = &refusals[i];
		struct stage st;
		struct came c;

		begin(&st, w, i);
		enrol(&st, true, &c);
		if (c.rc != (int)r->code ||
		    strstr(c.rc == 0 ? c.r.note : c.e.text, r->said) == NULL)
			fail_msg("%s: %d \"%s\"", r->name, c.rc,
				 c.rc == 0 ? c.r.note : c.e.text);
		assert_string_equal(st.a.did.data, c.rc == 0
						       ? "csr pair renew sign+jwe "
						       : "csr pair ");
		drop(&c);
		end(&st);
	}
}

static void a_key_that_is_elsewhere_shows_nothing(void **state)
{
	struct web *w = *state;
	struct stage st;
	struct came c;

	web_start(w, serve);
	begin(&st, w, 0);
	st.a.has = "";
	enrol(&st, true, &c);
	assert_int_equal(c.rc, 0);
	assert_string_equal(st.a.did.data, "csr pair sign+jwe ");
	assert_int_equal(step_revoke(&st.s, &st.host, true, &c.e), ERR_CONFIG);
	drop(&c);
	end(&st);
}

static void what_the_host_does_not_sign_is_not_asked_for(void **state)
{
	struct web *w = *state;
	struct stage st;
	struct came c;

	web_start(w, serve);
	begin(&st, w, 0);
	st.a.refuses = true;
	enrol(&st, false, &c);
	assert_int_equal(c.rc, ERR_CONFIG);
	assert_int_equal(web_heard(w, "/1.0/sign "), 0);
	drop(&c);
	end(&st);
}

/* -- revocation -- */

static void it_is_revoked_by_a_token_or_by_itself(void **state)
{
	struct web *w = *state;
	struct stage st;
	struct err e;

	web_start(w, serve);
	begin(&st, w, 0);
	assert_int_equal(step_revoke(&st.s, &st.host, false, &e), 0);
	assert_non_null(strstr(w->heard, "{\"serial\":\"7\",\"ott\":\"token-revoke\","
					 "\"reasonCode\":4,\"passive\":true}"));
	assert_int_equal(step_revoke(&st.s, &st.host, true, &e), 0);
	assert_non_null(
	    strstr(w->heard, "{\"serial\":\"7\",\"reasonCode\":4,\"passive\":true}"));
	end(&st);
}

static void serve_revoked(struct web *w)
{
	char head[8192];

	while (web_ask(w, head, sizeof(head)))
		if (strstr(head, "/1.0/revoke ") == NULL)
			say_well(w, strstr(head, "/1.0/") + strlen("/1.0/"));
		else if (strstr(head, "/1/") != NULL)
			web_answer_json(w, 400, "", SAID(400, "7 is already revoked"));
		else
			web_answer_json(w, 501, "", SAID(501, "non-passive"));
}

static void what_is_revoked_already_is_no_failure(void **state)
{
	struct web *w = *state;
	struct stage st;
	struct err e;

	web_start(w, serve_revoked);
	begin(&st, w, 1);
	assert_int_equal(step_revoke(&st.s, &st.host, false, &e), 0);
	end(&st);
	begin(&st, w, 2);
	assert_int_equal(step_revoke(&st.s, &st.host, false, &e), ERR_NET);
	assert_non_null(strstr(e.text, "/1.0/revoke: the CA answers 501"));
	end(&st);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_a_server_says_is_read),
		CASE(the_leaf_is_first_wherever_it_stood),
		CASE(without_trust_the_roots_are_asked_for),
		CASE(the_roots_are_those_that_it_names),
		CASE(the_same_key_is_renewed_and_another_rekeyed),
		CASE(what_has_ended_shows_a_token_and_nothing_in_the_handshake),
		CASE(where_a_renewal_is_refused_the_provisioner_is_asked),
		CASE(a_key_that_is_elsewhere_shows_nothing),
		CASE(what_the_host_does_not_sign_is_not_asked_for),
		CASE(it_is_revoked_by_a_token_or_by_itself),
		CASE(what_is_revoked_already_is_no_failure),
	};

	return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
