/*
 * challenge: tokens are remembered, presented, and withdrawn, whatever dies. The test
 * plays keeper, supervisor and responder, and writes down what they are asked.
 */
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent/agent.h"
#include "agent/challenge.h"
#include "agent/commit.h"
#include "agent/responder/responder.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/state/state_order.h"
#include "agent/state/state_token.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tests/agent/config_fake.h"
#include "tests/scratch.h"

#define A     "AAAAAAAAAAAAAAAAAAAAAA"
#define B     "BBBBBBBBBBBBBBBBBBBBBB"
#define C     "CCCCCCCCCCCCCCCCCCCCCC"
#define NAME  "www.example"
#define PRINT ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

static const char config[] =
    "state_dir = \"%s\"; agree_terms = true;"
    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; } );"
    "certificates = ("
    " { name = \"api\"; names = \"api.example\"; issuer = \"lab\"; challenge ="
    "   { type = \"http-01\"; listen = \"[::]:8080\"; }; },"
    " { name = \"other\"; names = \"other.example\"; issuer = \"lab\"; challenge ="
    "   { type = \"http-01\"; listen = \"[::]:8081\"; }; },"
    " { name = \"www\"; names = \"www.example\"; issuer = \"lab\"; challenge ="
    "   { type = \"http-01\"; webroot = \"/var/www/html\"; }; },"
    " { name = \"tls\"; names = \"tls.example\"; issuer = \"lab\"; challenge ="
    "   { type = \"tls-alpn-01\"; listen = \"[::]:8443\"; }; } );";

/* The agent, and the other ends of what it is connected to. */
struct stage {
	void *scratch;
	int snapshot;
	struct spec spec;
	uint32_t www; /* challenges, by number */
	uint32_t api;
	uint32_t other;
	uint32_t tls;
	struct agent agent;
	int keeper;
	int super;
	int responder;      /* -1: none */
	struct buf asked;   /* what they were asked, in order */
	struct buf told;    /* what the agent was told */
	const char *fail;   /* the keeper and the responder refuse that token */
	const char *in_use; /* the supervisor cannot bind that */
	bool dead;          /* a responder that comes dies at once */
	bool silent;        /* nobody answers */
	bool deaf;          /* the responder does not */
};

static uint32_t challenge_at(const struct spec *s, const char *where)
{
	for (uint32_t i = 0; i < s->n[SPEC_CHALLENGES]; i++) {
		const struct spec_challenge *c = &s->challenges[i];
		const char *place =
		    spec_text(s, c->webroot.at != 0 ? c->webroot : c->listen);

		if (strcmp(place, where) == 0)
			return i;
	}
	fail_msg("no challenge at %s", where);
	return 0;
}

static void compile(struct stage *s)
{
	AUTO_FREE char *text = xasprintf(config, ((struct scratch *)s->scratch)->path);
	struct fake f = { .at = 0 };
	struct err e;

	if (fake_compile(&f, false, text, strlen(text), &s->snapshot) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	assert_int_equal(spec_map(s->snapshot, &s->spec, &e), 0);
	s->www = challenge_at(&s->spec, "/var/www/html");
	s->api = challenge_at(&s->spec, "[::]:8080");
	s->other = challenge_at(&s->spec, "[::]:8081");
	s->tls = challenge_at(&s->spec, "[::]:8443");
}

static void connect_to(struct stage *s, struct link *l, int *theirs)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(fcntl(sv[1], F_SETFL, O_NONBLOCK), 0);
	link_open(l, s->agent.loop, sv[0], 2, &s->agent);
	*theirs = sv[1];
}

/* As agent_renew() begins, on what is on disk. */
static void begin(struct stage *s)
{
	struct agent *a = &s->agent;
	struct err e;

	*a = (struct agent){ .root = -1, .spec = &s->spec };
	if (state_open(((struct scratch *)s->scratch)->path, false, &a->state, &e) < 0)
		fail_msg("%s", e.text);
	a->wanted = xcalloc(s->spec.n[SPEC_CERTS], sizeof(*a->wanted));
	for (uint32_t i = 0; i < s->spec.n[SPEC_CERTS]; i++)
		a->wanted[i] = true;
	a->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	connect_to(s, &a->keeper, &s->keeper);
	connect_to(s, &a->super, &s->super);
	s->responder = -1;
	s->asked.len = s->told.len = 0;
}

/* As if it had been killed: what is not committed never was. */
static void die(struct stage *s)
{
	struct agent *a = &s->agent;

	commit_free(a);
	challenge_free(a);
	link_close(&a->keeper);
	link_close(&a->super);
	ev_loop_destroy(a->loop);
	state_close(a->state);
	free(a->wanted);
	close(s->keeper);
	close(s->super);
	auto_fd_(&s->responder);
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	if (scratch_in(&s->scratch) < 0)
		return -1;
	compile(s);
	begin(s);
	challenge_begin(&s->agent);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc;

	die(s);
	spec_done(&s->spec);
	close(s->snapshot);
	buf_done(&s->asked);
	buf_done(&s->told);
	rc = scratch_out(&s->scratch);
	test_free(s);
	return rc;
}

/* It is killed, and begins again, for `request`. */
static void crash(struct stage *s, const struct request *request)
{
	die(s);
	begin(s);
	s->agent.request = request;
	challenge_begin(&s->agent);
}

static void responder_dies(struct stage *s)
{
	close(s->responder);
	s->responder = -1;
}

/* -- the others -- */

static void answer(const struct stage *s, int fd, struct msg *m, const char *token)
{
	uint32_t type = m->type, id = m->id;
	bool refuse = s->fail != NULL && strcmp(s->fail, token) == 0;
	struct err e;

	msg_begin(m, refuse ? MSG_FAILED : type, id);
	if (refuse) {
		err_set(&e, ERR_SYS, "no room");
		msg_put_err(m, &e);
	}
	assert_int_equal(msg_send(fd, m, &e), 0);
}

/* Who is asked for by TLS. */
static void play_name(struct stage *s, const char *name)
{
	if (name[0] != '\0')
		buf_printf(&s->asked, " %s", name);
}

/* "put A": which of them by its first letter. */
static void play_token(struct stage *s, int fd, struct msg *m)
{
	static const char *const words[] = {
		[KEEPER_PRESENT] = "put",
		[KEEPER_WITHDRAW] = "take",
		[RESPONDER_ADD] = "add",
		[RESPONDER_REMOVE] = "remove",
	};
	AUTO_FREE char *token = NULL;
	const char *word;
	struct err e;

	if (m->type == RESPONDER_OPEN) {
		buf_puts(&s->asked, "open;");
		answer(s, fd, m, "");
		return;
	}
	word = words[m->type];
	if (m->type == KEEPER_WITHDRAW)
		assert_int_equal(msg_get_u64(m), s->www);
	if (m->type == KEEPER_PRESENT && msg_get_u64(m) != s->www)
		word = "look at";
	buf_puts(&s->asked, word);
	token = xstrdup(msg_get_str(m));
	if (m->type == KEEPER_PRESENT || m->type == RESPONDER_ADD)
		assert_memory_equal(msg_get_str(m), token, strlen(token));
	buf_printf(&s->asked, " %.1s", token);
	if (m->type == RESPONDER_ADD)
		play_name(s, msg_get_str(m));
	buf_puts(&s->asked, ";");
	assert_int_equal(msg_end(m, &e), 0);
	answer(s, fd, m, token);
}

static void play_super(struct stage *s, struct msg *m)
{
	uint32_t id = m->id;
	struct err e;
	int sv[2];

	assert_int_equal(m->type, SUP_RESPONDER);
	buf_puts(&s->asked,
		 (msg_get_u64(m) & SERVES_ALPN) != 0 ? "start tls;" : "start;");
	auto_fd_(&s->responder);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(fcntl(sv[1], F_SETFL, O_NONBLOCK), 0);
	s->responder = s->dead ? -1 : sv[1];
	if (s->dead)
		close(sv[1]);
	msg_begin(m, SUP_RESPONDER, id);
	msg_put_u64(m, s->in_use != NULL);
	if (s->in_use != NULL) {
		msg_put_str(m, s->in_use);
		msg_put_str(m, "in use");
	}
	m->fd = sv[0];
	assert_int_equal(msg_send(s->super, m, &e), 0);
}

/* One message of each of them, if there is one. */
static bool play(struct stage *s)
{
	AUTO_MSG struct msg m = MSG_NONE;
	bool any = false;
	struct err e;

	if (s->silent)
		return false;
	while (msg_recv(s->keeper, &m, &e) == 0 && (any = true))
		play_token(s, s->keeper, &m);
	while (msg_recv(s->super, &m, &e) == 0 && (any = true))
		play_super(s, &m);
	if (s->responder < 0 || s->deaf)
		return any;
	while (msg_recv(s->responder, &m, &e) == 0 && (any = true))
		play_token(s, s->responder, &m);
	if (e.code == ERR_NET) { /* the agent has let go */
		buf_puts(&s->asked, "let go;");
		auto_fd_(&s->responder);
		s->responder = -1;
	}
	return any;
}

/* Until nobody has anything to say any more. */
static void run(struct stage *s)
{
	for (int quiet = 0; quiet < 5; quiet++) {
		ev_run(s->agent.loop, EVRUN_NOWAIT);
		while (commit_turn(&s->agent))
			quiet = 0;
		if (play(s))
			quiet = 0;
	}
}

static void expect_asked(struct stage *s, const char *asked)
{
	assert_string_equal(s->asked.len == 0 ? "" : s->asked.data, asked);
	s->asked.len = 0;
}

static struct stage *stage_of(struct agent *a)
{
	return (struct stage *)(void *)((char *)a - offsetof(struct stage, agent));
}

static void done(struct agent *a, uint32_t number, const struct err *e)
{
	buf_printf(&stage_of(a)->told, "%u: %s;", number, e == NULL ? "ok" : e->text);
}

static void expect_told(struct stage *s, const char *told)
{
	assert_string_equal(s->told.len == 0 ? "" : s->told.data, told);
	s->told.len = 0;
}

static void present(struct stage *s, const char *name, uint32_t challenge,
		    const char *token, uint32_t number)
{
	AUTO_FREE char *authorization = xasprintf("%s" PRINT, token);
	const struct challenge_token t = { challenge, "www.example", token,
					   authorization };

	challenge_present(&s->agent, name, &t, 1, done, number);
}

/* -- rows, as another process sees them -- */

static int write_row(void *arg, const struct token_row *t)
{
	buf_printf(arg, "%s %.1s;", t->name, t->token);
	return 0;
}

static void expect_rows(const struct stage *s, const char *rows)
{
	AUTO_BUF struct buf got = { 0 };
	AUTO_STATE struct state *st = NULL;
	struct err e;

	assert_int_equal(state_open(((struct scratch *)s->scratch)->path, true, &st,
				    &e),
			 0);
	assert_int_equal(state_token_each(st, NULL, write_row, &got, &e), 0);
	assert_string_equal(got.data == NULL ? "" : got.data, rows);
}

static void commit(struct stage *s)
{
	struct err e;

	assert_int_equal(agent_commit(&s->agent, &e), 0);
}

/* What `name` has is withdrawn, and that is on disk. */
static void withdrawn(struct stage *s, const char *name)
{
	challenge_withdraw(&s->agent, name, false);
	run(s);
	commit(s);
}

static void put_order(struct stage *s, const char *name)
{
	const struct order_row o = { .name = name,
				     .issuer = "lab",
				     .url = "https://x" };
	struct err e;

	assert_int_equal(agent_write(&s->agent, &e), 0);
	assert_int_equal(state_order_put(s->agent.state, &o, &e), 0);
	commit(s);
}

/* -- presenting and withdrawing -- */

static void a_token_is_committed_before_it_is_presented(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	expect_rows(s, "");
	run(s);
	expect_asked(s, "put A;");
	expect_rows(s, "www A;");
	expect_told(s, "7: ok;");
	assert_false(challenge_busy(&s->agent));
}

static void a_withdrawn_token_is_forgotten_when_it_is_gone(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	run(s);
	challenge_withdraw(&s->agent, "www", false);
	assert_true(challenge_busy(&s->agent));
	commit(s);
	expect_rows(s, "www A;");
	run(s);
	commit(s);
	expect_asked(s, "put A;take A;");
	expect_rows(s, "");
	assert_false(challenge_busy(&s->agent));
}

static void all_tokens_of_an_order_are_told_of_once(void **state)
{
	struct stage *s = *state;
	const struct challenge_token tokens[] = {
		{ s->www, NAME, A, A PRINT },
		{ s->api, NAME, B, B PRINT },
		{ s->www, NAME, C, C PRINT },
	};

	challenge_present(&s->agent, "www", tokens, 3, done, 7);
	run(s);
	expect_told(s, "7: ok;");
	expect_rows(s, "www A;www B;www C;");
	withdrawn(s, "www");
	expect_rows(s, "");
}

static void no_tokens_are_presented_at_once(void **state)
{
	struct stage *s = *state;

	challenge_present(&s->agent, "www", NULL, 0, done, 7);
	expect_told(s, "");
	run(s);
	expect_told(s, "7: ok;");
	assert_false(challenge_busy(&s->agent));
}

static void one_that_cannot_be_presented_fails_them_all(void **state)
{
	struct stage *s = *state;
	const struct challenge_token tokens[] = {
		{ s->www, NAME, A, A PRINT },
		{ s->www, NAME, B, B PRINT },
	};

	s->fail = B;
	challenge_present(&s->agent, "www", tokens, 2, done, 7);
	run(s);
	expect_told(s, "7: no room;");
	s->fail = NULL;
	s->asked.len = 0;
	withdrawn(s, "www");
	expect_rows(s, "");
}

static void what_is_no_token_is_neither_kept_nor_presented(void **state)
{
	struct stage *s = *state;
	const struct challenge_token wrong[] = {
		{ s->www, NAME, "../../etc/passwd", "../../etc/passwd" PRINT },
		{ s->www, NAME, A, B PRINT },
		{ s->www, NAME, A, A ".short" },
		{ 4, NAME, A, A PRINT },
		{ UINT32_MAX, NAME, A, A PRINT },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		challenge_present(&s->agent, "www", &wrong[i], 1, done, 7);
		run(s);
		if (strstr(s->told.data, "7: ok") != NULL || s->told.len == 0)
			fail_msg("row %zu", i);
		s->told.len = 0;
	}
	expect_asked(s, "");
	commit(s);
	expect_rows(s, "");
}

static void who_withdraws_is_not_told_any_more(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	challenge_withdraw(&s->agent, "www", false); /* not even committed */
	run(s);
	expect_asked(s, "");
	present(s, "www", s->www, B, 8);
	s->silent = true;
	run(s);
	challenge_withdraw(&s->agent, "www", false); /* on its way */
	s->silent = false;
	run(s);
	expect_asked(s, "put B;take B;");
	expect_told(s, "");
	assert_false(challenge_busy(&s->agent));
	commit(s);
	expect_rows(s, "");
}

/* As after a crash between the commit and the answer to the worker. */
static void a_token_that_comes_again_is_put_again(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	run(s);
	present(s, "www", s->www, A, 8);
	run(s);
	expect_told(s, "7: ok;8: ok;");
	expect_asked(s, "put A;put A;");
	challenge_withdraw(&s->agent, "www", false);
	present(s, "www", s->www, A, 9); /* while it leaves */
	run(s);
	commit(s);
	expect_asked(s, "take A;put A;");
	expect_rows(s, "www A;");
	expect_told(s, "9: ok;");
	withdrawn(s, "www");
	expect_asked(s, "take A;");
	expect_rows(s, "");
}

static void a_token_of_two_orders_stays_until_both_are_done(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	present(s, "api", s->www, A, 8);
	run(s);
	s->asked.len = 0;
	withdrawn(s, "www");
	expect_asked(s, "");
	expect_rows(s, "api A;");
	withdrawn(s, "api");
	expect_asked(s, "take A;");
	expect_rows(s, "");
}

/* -- the responder -- */

static void the_responder_comes_with_the_first_token_and_goes_when_all_is_quiet(
    void **state)
{
	struct stage *s = *state;

	challenge_rest(&s->agent);
	present(s, "api", s->api, A, 7);
	present(s, "other", s->other, B, 8);
	run(s);
	expect_asked(s, "look at A;look at B;start;add A;open;add B;");
	expect_told(s, "7: ok;8: ok;");
	challenge_withdraw(&s->agent, "api", false);
	run(s);
	challenge_rest(&s->agent);
	run(s);
	expect_asked(s, "remove A;"); /* B is still to be answered */
	challenge_withdraw(&s->agent, "other", false);
	run(s);
	challenge_rest(&s->agent);
	run(s);
	expect_asked(s, "remove B;let go;");
	present(s, "api", s->api, C, 9);
	run(s);
	expect_asked(s, "look at C;start;add C;open;");
	expect_told(s, "9: ok;");
}

/* -- by TLS -- */

static void present_for(struct stage *s, const char *name, const char *domain,
			const char *token, uint32_t number)
{
	AUTO_FREE char *authorization = xasprintf("%s" PRINT, token);
	const struct challenge_token t = { s->tls, domain, token, authorization };

	challenge_present(&s->agent, name, &t, 1, done, number);
}

static void a_name_is_shown_by_one_that_has_tls(void **state)
{
	struct stage *s = *state;

	present_for(s, "tls", "tls.example", A, 7);
	run(s);
	expect_asked(s, "look at A;start tls;add A tls.example;open;");
	expect_told(s, "7: ok;");
	challenge_withdraw(&s->agent, "tls", false);
	run(s);
	challenge_rest(&s->agent);
	run(s);
	expect_asked(s, "remove A;let go;");
}

/* The one before it had to be without. */
static void who_needs_tls_gets_another_responder_and_all_are_in_it(void **state)
{
	struct stage *s = *state;

	present(s, "api", s->api, A, 7);
	run(s);
	s->asked.len = 0;
	present_for(s, "tls", "tls.example", B, 8);
	run(s);
	expect_asked(s, "look at B;start tls;add A;add B tls.example;open;");
	expect_told(s, "7: ok;8: ok;");
	present(s, "other", s->other, C, 9);
	run(s);
	expect_asked(s, "look at C;add C;");
}

/* There is one certificate for a name. */
static void of_two_orders_for_a_name_the_second_comes_back(void **state)
{
	struct stage *s = *state;

	present_for(s, "tls", "tls.example", A, 7);
	present_for(s, "www", "tls.example", B, 8);
	present_for(s, "api", "other.example", C, 9);
	run(s);
	expect_told(s, "8: tls.example is being shown for tls;7: ok;9: ok;");
	assert_false(challenge_busy(&s->agent));
	s->asked.len = 0;
	present_for(s, "www", "tls.example", B, 10);
	run(s);
	expect_told(s, "10: tls.example is being shown for tls;");
	challenge_withdraw(&s->agent, "tls", false);
	run(s);
	s->asked.len = 0;
	present_for(s, "www", "tls.example", B, 11);
	run(s);
	expect_asked(s, "look at B;add B tls.example;");
	expect_told(s, "11: ok;");
}

/* Who was there first is, after each return, too: nobody waits for each other. */
static void who_came_first_is_the_first_to_have_a_name(void **state)
{
	struct stage *s = *state;

	present_for(s, "tls", "tls.example", A, 7);
	present_for(s, "www", "tls.example", B, 8);
	present_for(s, "api", "tls.example", C, 9);
	run(s);
	present_for(s, "www", "tls.example", B, 10);
	run(s);
	challenge_withdraw(&s->agent, "tls", false);
	run(s);
	s->told.len = 0;
	present_for(s, "api", "tls.example", C, 11);
	run(s);
	expect_told(s, "11: tls.example is being shown for www;");
	present_for(s, "www", "tls.example", B, 12);
	run(s);
	expect_told(s, "12: ok;");
}

static void a_name_is_shown_again_after_a_crash(void **state)
{
	const struct request stays = { .command = COMMAND_AGENT };
	struct stage *s = *state;

	put_order(s, "tls");
	present_for(s, "tls", "tls.example", A, 7);
	run(s);
	commit(s);
	crash(s, &stays);
	run(s);
	expect_asked(s, "look at A;start tls;add A tls.example;open;");
}

/* Its order has gone on before the responder had it: nobody else makes that open. */
static void one_that_comes_again_on_its_way_does_not_keep_the_responder_shut(
    void **state)
{
	const struct request stays = { .command = COMMAND_AGENT };
	struct stage *s = *state;

	put_order(s, "api");
	present(s, "api", s->api, A, 7);
	run(s);
	commit(s);
	crash(s, &stays);
	s->deaf = true;
	run(s);
	present(s, "api", s->api, A, 8);
	s->deaf = false;
	run(s);
	expect_told(s, "8: ok;");
	expect_asked(s, "look at A;start;look at A;add A;add A;open;");
}

/* What a worker that was taken over would have it say. */
static void what_the_keeper_would_not_show_the_responder_does_not(void **state)
{
	struct stage *s = *state;

	s->fail = A;
	present(s, "api", s->api, A, 7);
	run(s);
	expect_asked(s, "look at A;");
	expect_told(s, "7: no room;");
	assert_false(challenge_busy(&s->agent));
}

static void one_that_is_withdrawn_while_it_is_looked_at_is_not_shown(void **state)
{
	struct stage *s = *state;

	s->silent = true;
	present(s, "api", s->api, A, 7);
	run(s);
	challenge_withdraw(&s->agent, "api", false);
	s->silent = false;
	run(s);
	commit(s);
	expect_asked(s, "look at A;");
	expect_told(s, "");
	expect_rows(s, "");
}

static void an_address_in_use_fails_its_own_tokens_only(void **state)
{
	struct stage *s = *state;

	s->in_use = "[::]:8080";
	present(s, "api", s->api, A, 7);
	present(s, "other", s->other, B, 8);
	run(s);
	expect_told(s, "7: in use;8: ok;");
	expect_asked(s, "look at A;look at B;start;open;add B;");
	present(s, "api", s->api, A, 9);
	run(s);
	expect_told(s, "9: in use;");
}

static void a_responder_that_dies_is_started_again_with_all_it_had(void **state)
{
	struct stage *s = *state;

	present(s, "api", s->api, A, 7);
	run(s);
	s->deaf = true;
	present(s, "other", s->other, B, 8);
	run(s);
	responder_dies(s); /* one is shown, the other is on its way */
	s->deaf = false;
	s->asked.len = 0;
	run(s);
	expect_asked(s, "start;add A;add B;open;");
	expect_told(s, "7: ok;8: ok;");
	assert_false(challenge_busy(&s->agent));
}

static void a_responder_that_dies_with_nothing_to_do_is_let_be(void **state)
{
	struct stage *s = *state;

	present(s, "api", s->api, A, 7);
	run(s);
	challenge_withdraw(&s->agent, "api", false);
	run(s);
	responder_dies(s);
	s->asked.len = 0;
	run(s);
	expect_asked(s, "");
	present(s, "api", s->api, B, 8);
	run(s);
	expect_asked(s, "look at B;start;add B;open;");
}

static void a_token_is_gone_with_its_responder(void **state)
{
	struct stage *s = *state;

	present(s, "api", s->api, A, 7);
	run(s);
	s->silent = true;
	challenge_withdraw(&s->agent, "api", false);
	run(s);
	responder_dies(s);
	s->silent = false;
	run(s);
	commit(s);
	expect_rows(s, "");
	assert_false(challenge_busy(&s->agent));
}

static void a_responder_that_always_dies_is_given_up(void **state)
{
	struct stage *s = *state;

	s->dead = true;
	present(s, "api", s->api, A, 7);
	for (int i = 0; i < 10; i++)
		run(s);
	expect_asked(s, "look at A;start;start;start;start;start;");
	expect_told(s, "7: the responder died 5 times;");
	assert_false(challenge_busy(&s->agent));
	challenge_withdraw(&s->agent, "api", false);
	run(s);
	challenge_rest(&s->agent);
	s->dead = false;
	present(s, "api", s->api, B, 8);
	run(s);
	expect_told(s, "8: ok;");
}

/* -- after a crash -- */

static void a_token_without_an_order_is_withdrawn_at_the_next_start(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	present(s, "api", s->api, B, 8);
	run(s);
	crash(s, NULL);
	assert_true(challenge_busy(&s->agent));
	run(s);
	commit(s);
	expect_asked(s, "take A;"); /* the other went with its responder */
	expect_rows(s, "");
	assert_false(challenge_busy(&s->agent));
}

/* With tokens of two orders that are under way; it does `request`. */
static void begin_after_crash(struct stage *s, const struct request *request)
{
	put_order(s, "www");
	put_order(s, "api");
	present(s, "www", s->www, A, 7);
	present(s, "api", s->api, B, 8);
	run(s);
	crash(s, request);
}

static void a_token_with_an_order_is_presented_again_by_the_agent(void **state)
{
	struct request stays = { .command = COMMAND_AGENT };
	struct stage *s = *state;

	begin_after_crash(s, &stays);
	assert_true(challenge_busy(&s->agent));
	run(s);
	expect_asked(s, "look at B;put A;start;add B;open;");
	expect_told(s, "");
	expect_rows(s, "api B;www A;");
	assert_false(challenge_busy(&s->agent));
	challenge_withdraw(&s->agent, "www", false);
	withdrawn(s, "api");
	expect_asked(s, "take A;remove B;");
	expect_rows(s, "");
}

/* A run that ends does not do for a parked order what nobody looks at. */
static void a_token_is_presented_again_when_its_order_goes_on(void **state)
{
	struct request renew = { .command = COMMAND_RENEW };
	struct stage *s = *state;

	begin_after_crash(s, &renew);
	assert_false(challenge_busy(&s->agent));
	run(s);
	expect_asked(s, "");
	challenge_resume(&s->agent, "api");
	run(s);
	challenge_resume(&s->agent, "api");
	run(s);
	expect_asked(s, "look at B;start;add B;open;");
	challenge_resume(&s->agent, "www");
	run(s);
	expect_asked(s, "put A;");
	/* What is over is taken back, shown again or not. */
	crash(s, &renew);
	challenge_withdraw(&s->agent, "www", false);
	withdrawn(s, "api");
	expect_asked(s, "take A;");
	expect_rows(s, "");
}

static void an_order_that_is_not_asked_for_is_left_alone(void **state)
{
	struct stage *s = *state;

	put_order(s, "www");
	present(s, "www", s->www, A, 7);
	run(s);
	die(s);
	begin(s);
	s->agent.wanted[spec_cert_called(&s->spec, "www")] = false;
	challenge_begin(&s->agent);
	run(s);
	commit(s);
	expect_asked(s, "");
	expect_rows(s, "www A;");
}

static void put_row(struct stage *s, const char *name, const char *where)
{
	const struct token_row t = { name, where, C, C PRINT };
	struct err e;

	assert_int_equal(agent_write(&s->agent, &e), 0);
	assert_int_equal(state_token_put(s->agent.state, &t, &e), 0);
	commit(s);
}

static void what_the_configuration_does_not_know_is_forgotten(void **state)
{
	struct stage *s = *state;

	put_order(s, "www");
	put_order(s, "gone");
	put_row(s, "www", "/srv/former");
	put_row(s, "gone", "/var/www/html"); /* the certificate is not there any more */
	crash(s, NULL);
	run(s);
	commit(s);
	expect_asked(s, "take C;");
	expect_rows(s, "");
}

static void what_could_not_be_withdrawn_is_tried_again_at_the_next_start(void **state)
{
	struct stage *s = *state;

	present(s, "www", s->www, A, 7);
	run(s);
	s->fail = A;
	withdrawn(s, "www");
	assert_false(challenge_busy(&s->agent));
	expect_rows(s, "www A;");
	s->fail = NULL;
	crash(s, NULL);
	run(s);
	commit(s);
	expect_asked(s, "take A;");
	expect_rows(s, "");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_committed_before_it_is_presented),
		CASE(a_withdrawn_token_is_forgotten_when_it_is_gone),
		CASE(all_tokens_of_an_order_are_told_of_once),
		CASE(no_tokens_are_presented_at_once),
		CASE(one_that_cannot_be_presented_fails_them_all),
		CASE(what_is_no_token_is_neither_kept_nor_presented),
		CASE(who_withdraws_is_not_told_any_more),
		CASE(a_token_that_comes_again_is_put_again),
		CASE(a_token_of_two_orders_stays_until_both_are_done),
		CASE(
		    the_responder_comes_with_the_first_token_and_goes_when_all_is_quiet),
		CASE(a_name_is_shown_by_one_that_has_tls),
		CASE(who_needs_tls_gets_another_responder_and_all_are_in_it),
		CASE(of_two_orders_for_a_name_the_second_comes_back),
		CASE(who_came_first_is_the_first_to_have_a_name),
		CASE(a_name_is_shown_again_after_a_crash),
		CASE(one_that_comes_again_on_its_way_does_not_keep_the_responder_shut),
		CASE(what_the_keeper_would_not_show_the_responder_does_not),
		CASE(one_that_is_withdrawn_while_it_is_looked_at_is_not_shown),
		CASE(an_address_in_use_fails_its_own_tokens_only),
		CASE(a_responder_that_dies_is_started_again_with_all_it_had),
		CASE(a_responder_that_dies_with_nothing_to_do_is_let_be),
		CASE(a_token_is_gone_with_its_responder),
		CASE(a_responder_that_always_dies_is_given_up),
		CASE(a_token_without_an_order_is_withdrawn_at_the_next_start),
		CASE(a_token_with_an_order_is_presented_again_by_the_agent),
		CASE(a_token_is_presented_again_when_its_order_goes_on),
		CASE(an_order_that_is_not_asked_for_is_left_alone),
		CASE(what_the_configuration_does_not_know_is_forgotten),
		CASE(what_could_not_be_withdrawn_is_tried_again_at_the_next_start),
	};

	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_TEXT, LEVEL_ERROR, "test");
	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
