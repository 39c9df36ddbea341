/*
 * worker: an order in the worker as it is exec'd, in its sandbox. The CA follows a script;
 * the test is agent and keeper.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "acme/account.h"
#include "acme/ask.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/config_fake.h"
#include "tests/help/alone.h"
#include "tests/help/ca.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

/* The certificates, sorted by name. */
enum { OWN_WAY, PLAIN, THREE_WAYS };

struct stage {
	struct web *web;
	struct ca ca;
	struct alone worker;
	int snapshot;
	uint32_t issuer, other, lab;
	struct buf asked; /* of keeper and agent, in words */
	int refuse;       /* this message is refused; 0: none */
	bool leave;       /* the keeper goes away at the first question */
};

static const char config[] =
    "state_dir = \"/var/lib/everleaf\"; agree_terms = true;"
    "issuers = ("
    " { name = \"ca\"; type = \"acme\"; url = \"%s/dir\"; trust = \"%s\";"
    "   source_address = \"127.0.0.9\"; challenge = ("
    "   { type = \"dns-01\"; hook = [ \"/bin/true\" ]; only = \"b.test\"; },"
    "   { type = \"http-01\"; webroot = \"/srv/app\"; } ); },"
    " { name = \"other\"; type = \"acme\"; url = \"https://127.0.0.1:1/dir\"; },"
    " { name = \"lab\"; type = \"local\"; } );"
    "certificates = ("
    " { name = \"a\"; names = \"a.test\"; issuer = \"ca\";"
    "   challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; },"
    " { name = \"b\"; names = \"a.test\"; issuer = \"ca\"; },"
    " { name = \"c\"; names = [ \"a.test\", \"b.test\" ]; issuer = \"ca\";"
    "   challenge = ( { type = \"http-01\"; webroot = \"/srv/app\"; only = \"b.test\"; "
    "},"
    "   { type = \"http-01\"; webroot = \"/srv/app\"; only = \"a.test\"; } ); } );";

static void compile(struct stage *s)
{
	AUTO_FREE char *text = xasprintf(config, s->web->url, s->web->trust);
	struct fake f = { .secret = s->web->trust };
	AUTO_SPEC struct spec spec = { 0 };
	struct err e;

	if (fake_compile(&f, false, text, strlen(text), &s->snapshot) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	assert_int_equal(spec_map(s->snapshot, &spec, &e), 0);
	s->issuer = spec_issuer_called(&spec, "ca");
	s->other = spec_issuer_called(&spec, "other");
	s->lab = spec_issuer_called(&spec, "lab");
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));
	void *web = NULL;

	if (web_in(&web) < 0)
		return -1;
	s->web = web;
	s->snapshot = -1;
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	void *web = s->web;

	buf_done(&s->asked);
	test_free(s);
	return web_out(&web);
}

static void begin(struct stage *s, const struct ca_step *steps, size_t n)
{
	const struct request r = { .command = COMMAND_RENEW };

	ca_start(&s->ca, s->web, steps, n);
	compile(s);
	alone_start(&s->worker, ROLE_WORKER, &r, s->snapshot);
}

static void end(struct stage *s)
{
	char said[512];
	int status = alone_end(&s->worker, said, sizeof(said));

	if ((status != 0 && status != 128 + SIGIO) || said[0] != '\0')
		fail_msg("%d: %s", status, said);
	close(s->snapshot);
	ca_end(&s->ca);
}

/* -- the keeper -- */

static void sign_account(struct stage *s, struct msg *m)
{
	buf_puts(&s->asked, "account;");
	msg_put_str(m, ca_text(&s->ca, "@/a/1"));
	msg_put_str(m, "THUMB");
	msg_put_u64(m, 0);
}

static void sign_jws(struct stage *s, struct msg *in, struct msg *m)
{
	static const char *const words[ASK_KINDS] = {
		[ASK_NEW_ORDER] = "new order", [ASK_FETCH] = "fetch",
		[ASK_ANSWER] = "answer",       [ASK_FINALIZE] = "finalize",
		[ASK_REVOKE] = "revoke",
	};
	uint64_t kind = msg_get_u64(in);
	const char *url = msg_get_str(in), *nonce = msg_get_str(in);

	assert_true(kind < ASK_KINDS && words[kind] != NULL);
	buf_printf(&s->asked, "%s %s;", words[kind], url + strlen(s->web->url));
	(void)msg_get_str(in);
	(void)msg_get_u64(in);
	if (msg_get_u64(in) != 0)
		buf_puts(&s->asked, "replaces;");
	msg_put_str(m, nonce);
}

/* False: it is given back. */
static bool answer_keeper(struct stage *s, int fd)
{
	AUTO_MSG struct msg in = MSG_NONE;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (msg_recv(fd, &in, &e) == ERR_NET)
		return false;
	msg_begin(&m, in.type, in.id);
	if (in.type == SIGN_ACCOUNT)
		sign_account(s, &m);
	else if (in.type == SIGN_JWS)
		sign_jws(s, &in, &m);
	else
		fail_msg("the keeper is asked %u", in.type);
	assert_int_equal(msg_end(&in, &e), 0);
	assert_int_equal(msg_send(fd, &m, &e), 0);
	return true;
}

/* -- the agent -- */

static void take_checkpoint(struct stage *s, struct msg *in)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint64_t n;
	struct err e;

	assert_int_equal(msg_get_u64(in), 42);
	buf_printf(&s->asked, "order %s", msg_get_str(in) + strlen(s->web->url));
	for (n = msg_get_u64(in); n > 0; n--) {
		buf_printf(&s->asked, ", way %u", (unsigned)msg_get_u64(in));
		buf_printf(&s->asked, " of %s", msg_get_str(in));
		assert_string_equal(msg_get_str(in), CA_TOKEN);
		assert_string_equal(msg_get_str(in), CA_TOKEN ".THUMB");
	}
	buf_puts(&s->asked, ";");
	assert_int_equal(msg_end(in, &e), 0);
	msg_begin(&m, s->refuse == WORKER_CHECKPOINT ? MSG_FAILED : WORKER_CHECKPOINT,
		  in->id);
	err_set(&e, ERR_SYS, "the disk is full");
	if (s->refuse == WORKER_CHECKPOINT)
		msg_put_err(&m, &e);
	assert_int_equal(msg_send(s->worker.peer, &m, &e), 0);
}

/* Ask `m` with a keeper; the answer is left in it. True: it was answered, false: refused,
 * as *e says. */
static bool ask(struct stage *s, struct msg *m, struct err *e)
{
	uint32_t type = m->type;
	int sv[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv),
			   errno);
	m->fd = sv[1];
	assert_int_equal(msg_send(s->worker.peer, m, e), 0);
	close(sv[1]);
	m->fd = -1;
	for (;;) {
		struct pollfd p[] = { { .fd = sv[0], .events = POLLIN },
				      { .fd = s->worker.peer, .events = POLLIN } };

		assert_true(poll(p, 2, 10000) > 0);
		if ((p[1].revents & POLLIN) != 0) {
			assert_int_equal(msg_recv(s->worker.peer, m, e), 0);
			if (m->type != WORKER_CHECKPOINT)
				break;
			take_checkpoint(s, m);
		} else if (s->leave || !answer_keeper(s, sv[0])) {
			close(sv[0]);
			sv[0] = -1;
		}
	}
	if (sv[0] >= 0) { /* what was lent is given back */
		assert_false(answer_keeper(s, sv[0]));
		close(sv[0]);
	}
	if (m->type == type)
		return true;
	assert_int_equal(m->type, MSG_FAILED);
	msg_get_err(m, e);
	return false;
}

static bool ask_order(struct stage *s, uint64_t issuer, uint64_t cert, const char *url,
		      struct msg *m, struct err *e)
{
	buf_done(&s->asked);
	msg_begin(m, WORKER_ORDER, 7);
	msg_put_u64(m, 42);
	msg_put_u64(m, issuer);
	msg_put_u64(m, cert);
	msg_put_str(m, url);
	msg_put_u64(m, 0);
	msg_put_u64(m, 1);
	msg_put_u64(m, 0); /* nor is it new */
	msg_put_u64(m, 0); /* no name is left out */
	msg_put_u64(m, 0);
	msg_put_u64(m, 0);
	return ask(s, m, e);
}

/* Whether the CA is one that says when it would have a certificate renewed. */
static bool expect_order(struct stage *s, uint64_t cert, const char *url)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;
	bool has_ari;

	if (!ask_order(s, s->issuer, cert, url, &m, &e))
		fail_msg("%s", e.text);
	assert_string_equal(msg_get_str(&m), "PEM");
	assert_string_equal(msg_get_str(&m), ""); /* it is trusted for its TLS */
	assert_string_equal(msg_get_str(&m), "");
	assert_int_equal(msg_get_i64(&m), 0); /* it has not said what time it is */
	has_ari = msg_get_u64(&m) != 0;
	assert_int_equal(msg_end(&m, &e), 0);
	return has_ari;
}

static void expect_refused(struct stage *s, uint64_t issuer, uint64_t cert, int code,
			   const char *says)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (ask_order(s, issuer, cert, "", &m, &e))
		fail_msg("it was done");
	if (e.code != code || strstr(e.text, says) == NULL)
		fail_msg("%d \"%s\", not %d \"%s\"", e.code, e.text, code, says);
}

/* -- what the CA says -- */

#define HTTP_AT(n)                                                             \
	"{\"type\":\"http-01\",\"url\":\"@/ch/" n "\",\"status\":\"pending\"," \
	"\"token\":\"" CA_TOKEN "\"}"
#define AUTHZ(n, name)                                                           \
	{                                                                        \
		"POST /z/" n " ", 200, "",                                       \
		    "{\"status\":\"pending\",\"identifier\":{\"value\":\"" name  \
		    "\"},\"challenges\":[{\"type\":\"dns-01\"}," HTTP_AT(n) "]}" \
	}
#define NEW(authorizations)                                                            \
	{                                                                              \
		"POST /new-order", 201, "Location: @/o/1\r\n",                         \
		    "{\"status\":\"pending\",\"authorizations\":[" authorizations "]}" \
	}
#define VALID                                                          \
	{                                                              \
		"POST /o/1 ", 200, "",                                 \
		    "{\"status\":\"valid\",\"certificate\":\"@/c/1\"}" \
	}
#define DOWNLOAD                             \
	{                                    \
		"POST /c/1 ", 200, "", "PEM" \
	}

static void a_worker_takes_an_order_to_its_end(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("\"@/z/1\""),
		AUTHZ("1", "a.test"),
		{ "POST /ch/1", 200, "", "{}" },
		VALID,
		DOWNLOAD,
		VALID,
		DOWNLOAD,
	};
	struct stage *s = *state;
	AUTO_FREE char *url = NULL;

	begin(s, steps, N(steps));
	assert_false(expect_order(s, PLAIN, ""));
	/* Way 1 of the issuer's: the other is none that this version serves. */
	assert_non_null(strstr(
	    s->asked.data,
	    "account;new order /new-order;order /o/1;fetch /z/1;order /o/1, way "));
	assert_non_null(
	    strstr(s->asked.data, " of a.test;answer /ch/1;fetch /o/1;fetch /c/1;"));
	/* Another of the same issuer, on the same connection, is gone on with. */
	url = xasprintf("%s/o/1", s->web->url);
	(void)expect_order(s, OWN_WAY, url);
	assert_string_equal(s->asked.data, "fetch /o/1;fetch /c/1;");
	assert_int_equal(*s->web->n_connections, 1);
	assert_string_equal(s->web->peer, "127.0.0.9");
	end(s);
}

static void each_name_is_shown_in_its_own_way(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("\"@/z/1\",\"@/z/2\""),
		AUTHZ("1", "a.test"),
		AUTHZ("2", "b.test"),
		{ "POST /ch/1", 200, "", "{}" },
		{ "POST /ch/2", 200, "", "{}" },
		VALID,
		DOWNLOAD,
	};
	struct stage *s = *state;
	AUTO_FREE char *expected = NULL;
	AUTO_SPEC struct spec spec = { 0 };
	unsigned first;
	struct err e;

	begin(s, steps, N(steps));
	assert_int_equal(spec_map(s->snapshot, &spec, &e), 0);
	first = spec.certs[THREE_WAYS].challenges.first;
	(void)expect_order(s, THREE_WAYS, "");
	expected = xasprintf(", way %u of a.test, way %u of b.test;", first + 1, first);
	assert_non_null(strstr(s->asked.data, expected));
	end(s);
}

static void a_worker_serves_one_issuer(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /new-order", 201, "Location: @/o/1\r\n",
		  "{\"status\":\"valid\",\"certificate\":\"@/c/1\"}" },
		DOWNLOAD,
	};
	struct stage *s = *state;

	begin(s, steps, N(steps));
	expect_refused(s, s->lab, PLAIN, ERR_PROTO, "is not asked that");
	expect_refused(s, 99, PLAIN, ERR_PROTO, "is not asked that");
	expect_refused(s, s->issuer, 99, ERR_PROTO, "there is no certificate 99");
	(void)expect_order(s, PLAIN, "");
	expect_refused(s, s->other, PLAIN, ERR_PROTO, "serves another issuer");
	end(s);
}

static void what_the_agent_cannot_keep_is_not_gone_on_with(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY, NEW("\"@/z/1\"") };
	struct stage *s = *state;

	begin(s, steps, N(steps));
	s->refuse = WORKER_CHECKPOINT;
	expect_refused(s, s->issuer, PLAIN, ERR_SYS, "/o/1: the disk is full");
	end(s);
}

static void a_worker_outlives_its_keeper(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY, VALID, DOWNLOAD };
	struct stage *s = *state;
	AUTO_FREE char *url = NULL;

	begin(s, steps, N(steps));
	s->leave = true;
	expect_refused(s, s->issuer, PLAIN, ERR_NET, "the other role is gone");
	s->leave = false;
	url = xasprintf("%s/o/1", s->web->url);
	(void)expect_order(s, PLAIN, url);
	end(s);
}

static void a_task_without_a_keeper_is_none(void **state)
{
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];

	begin(s, NULL, 0);
	msg_begin(&m, WORKER_REVOKE, 1);
	msg_put_u64(&m, s->issuer);
	msg_put_u64(&m, 0);
	assert_int_equal(alone_ask(&s->worker, &m, text, sizeof(text)), ERR_PROTO);
	assert_string_equal(text, "nobody who signs for it");
	msg_begin(&m, WORKER_ACCOUNT, 2);
	msg_put_u64(&m, s->issuer);
	msg_put_u64(&m, ACCOUNT_STEPS);
	assert_int_equal(alone_ask(&s->worker, &m, text, sizeof(text)), ERR_PROTO);
	assert_string_equal(text, "there is no step 5 of an account");
	end(s);
}

static void accounts_are_shown_and_certificates_revoked(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /a/1", 200, "", "{\"status\":\"valid\"}" },
		{ "POST /revoke", 200, "", "" },
	};
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	begin(s, steps, N(steps));
	msg_begin(&m, WORKER_ACCOUNT, 1);
	msg_put_u64(&m, s->issuer);
	msg_put_u64(&m, ACCOUNT_SHOW);
	assert_true(ask(s, &m, &e));
	assert_non_null(strstr(msg_get_str(&m), "status     valid\n"));
	msg_begin(&m, WORKER_REVOKE, 2);
	msg_put_u64(&m, s->issuer);
	msg_put_u64(&m, 0);
	assert_true(ask(s, &m, &e));
	assert_string_equal(s->asked.data,
			    "account;fetch /a/1;account;revoke /revoke;");
	end(s);
}

#define ARI_DIRECTORY                                                         \
	{                                                                     \
		"GET /dir", 200, "",                                          \
		    "{\"newNonce\":\"@/nonce\",\"newAccount\":\"@/account\"," \
		    "\"newOrder\":\"@/new-order\",\"renewalInfo\":\"@/ari\"}" \
	}

/* No keeper is lent: there is nothing to sign. */
static void what_a_ca_says_of_renewals_is_told(void **state)
{
	static const struct ca_step steps[] = {
		ARI_DIRECTORY,
		{ "GET /ari/AB.CD ", 200, "Retry-After: 60\r\n",
		  "{\"suggestedWindow\":{\"start\":\"2026-11-21T00:00:00Z\","
		  "\"end\":\"2026-11-22T00:00:00Z\"},"
		  "\"explanationURL\":\"https://ca.example/why\"}" },
		{ "GET /ari/AB.CD ", 404, "", "" },
	};
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];
	struct err e;

	begin(s, steps, N(steps));
	for (int i = 0; i < 2; i++) {
		msg_begin(&m, WORKER_ARI, 3);
		msg_put_u64(&m, s->issuer);
		msg_put_str(&m, "AB.CD");
		assert_int_equal(alone_ask(&s->worker, &m, text, sizeof(text)) == 0,
				 i == 0);
		if (i > 0)
			break;
		assert_int_equal(msg_get_u64(&m), 1);
		assert_true(msg_get_i64(&m) == 1795219200);
		assert_true(msg_get_i64(&m) == 1795305600);
		assert_true(msg_get_i64(&m) >= clock_now());
		assert_string_equal(msg_get_str(&m), "https://ca.example/why");
		assert_int_equal(msg_end(&m, &e), 0);
	}
	end(s);
}

static void a_new_order_says_what_it_replaces(void **state)
{
	static const struct ca_step steps[] = {
		ARI_DIRECTORY,
		NEW("\"@/z/1\""),
		AUTHZ("1", "a.test"),
		{ "POST /ch/1", 200, "", "{}" },
		VALID,
		DOWNLOAD,
	};
	struct stage *s = *state;

	begin(s, steps, N(steps));
	assert_true(expect_order(s, PLAIN, ""));
	assert_non_null(
	    strstr(s->asked.data, "account;new order /new-order;replaces;"));
	end(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_worker_takes_an_order_to_its_end),
		CASE(each_name_is_shown_in_its_own_way),
		CASE(a_worker_serves_one_issuer),
		CASE(what_the_agent_cannot_keep_is_not_gone_on_with),
		CASE(a_worker_outlives_its_keeper),
		CASE(a_task_without_a_keeper_is_none),
		CASE(what_a_ca_says_of_renewals_is_told),
		CASE(a_new_order_says_what_it_replaces),
		CASE(accounts_are_shown_and_certificates_revoked),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
