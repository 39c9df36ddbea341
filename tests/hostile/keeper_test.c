/*
 * hostile/keeper: the keeper as it is exec'd, in its sandbox, and an agent and workers that
 * somebody has taken over. Each message there is for it is sent as it should be, and with its
 * fields changed (mutant.h), to a keeper of each kind of command. It answers each, or says
 * why it ends; what it signs is what the configuration has (signed.h); and nothing changes
 * but what it is there to write.
 */
#include "tests/hostile/keeper_asks.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#define SAMPLE  20000
#define ENOUGH  100000 /* for each kind to be taken, whatever the seed */
#define SESSION 2000   /* messages, then another keeper, of another command */
#define LOOK    500
#define SHORT   60000 /* ms, for an answer: the host may be busy */

/* -- what is answered -- */

static void keep_text(char **to, const char *from, size_t len)
{
	free(*to);
	*to = xstrndup(from, len);
}

static void issued(struct stage *s, uint32_t cert, struct msg *m)
{
	static const char begin[] = "-----BEGIN";
	const char *chain = msg_get_str(m);
	const char *rest = strstr(chain + 1, begin);
	const struct buf *spki = &s->keys[cert];

	signed_leaf(&s->spec, cert, chain, spki->data, spki->len);
	if (rest == NULL)
		rest = chain + strlen(chain);
	keep_text(&s->leaves[cert], chain, (size_t)(rest - chain));
	keep_text(&s->chains[cert], rest, strlen(rest));
}

/* The first field of what was sent, which was taken. */
static uint64_t first_number(const struct stage *s)
{
	uint64_t n;

	memcpy(&n, s->u.data + 13, sizeof(n));
	return n;
}

static uint32_t first_cert(const struct stage *s)
{
	const uint64_t n = first_number(s);

	if (n >= s->spec.n[SPEC_CERTS])
		fail_msg("something was done for certificate %llu",
			 (unsigned long long)n);
	return (uint32_t)n;
}

static void hold_lent(struct stage *s, struct asked *q)
{
	struct lent *l = &s->lent[mutant_draw(&s->u, LENT)];
	const struct timeval patience = { .tv_sec = SHORT / 1000 };
	struct msg m = { .data = s->u.data, .len = s->u.len, .at = 8, .fd = -1 };
	const uint64_t what = msg_get_u64(&m), issuer = msg_get_u64(&m);

	if (l->fd >= 0)
		close(l->fd);
	q->ticket.what = (enum lend)what; /* as it was taken */
	q->ticket.issuer = (uint32_t)issuer;
	q->ticket.cert = (uint32_t)msg_get_u64(&m);
	q->ticket.generation = msg_get_u64(&m);
	*l = (struct lent){ q->fd, q->ticket };
	q->fd = -1;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* Behind a name that is not compressed. */
static const unsigned char *skip_name(const unsigned char *at, const unsigned char *end)
{
	while (at < end && *at != 0)
		at += *at + 1;
	return at + 1;
}

/* It is about example.org, and every record in it a TXT of the length of a digest; the last
 * is the signature. RFC 2136 2, RFC 8945 4.2. */
static void txt_is_a_challenge(struct msg *m)
{
	static const char zone[] = "\7example\3org";
	size_t len = 0;
	const unsigned char *at = msg_get_bytes(m, &len), *end = at + len;
	const unsigned n = (unsigned)(at[8] << 8 | at[9]);

	assert_true(len > 12 + sizeof(zone) + 4 && n > 0);
	assert_memory_equal(at + 12, zone, sizeof(zone));
	at += 12 + sizeof(zone) + 4;
	for (unsigned i = 0; i < n; i++) {
		at = skip_name(at, end);
		assert_true(end - at > 54);
		assert_int_equal(at[0] << 8 | at[1], 16);
		assert_int_equal(at[8] << 8 | at[9], 44);
		at += 10 + 44;
	}
}

static void look_at_answer(struct stage *s, struct asked *q, struct msg *m)
{
	size_t len = 0;
	const void *bytes;

	switch (m->type) {
	case KEEPER_KEY:
		bytes = msg_get_bytes(m, &len);
		buf_done(&s->keys[first_cert(s)]);
		buf_add(&s->keys[first_cert(s)], bytes, len);
		break;
	case KEEPER_ISSUE:
		issued(s, first_cert(s), m);
		break;
	case KEEPER_CSR:
		bytes = msg_get_bytes(m, &len);
		signed_request(&s->spec, first_cert(s), bytes, len);
		break;
	case KEEPER_STORE:
		s->generations[first_cert(s)] = msg_get_u64(m);
		break;
	case KEEPER_CA_SIGN:
		if (s->spec.issuers[first_number(s)].permitted.n > 0)
			signed_within("example.org", msg_get_str(m));
		break;
	case KEEPER_LEND:
		if (q->fd >= 0 && s->u.fd == q->theirs && !s->u.two)
			hold_lent(s, q);
		break;
	case KEEPER_TXT:
		txt_is_a_challenge(m);
		break;
	case SIGN_JWS:
		signed_jws(&s->spec, s->root, &q->ticket, msg_get_str(m));
		break;
	case SIGN_EST:
		bytes = msg_get_bytes(m, &len);
		signed_request(&s->spec, q->ticket.cert, bytes, len);
		break;
	default:
		break;
	}
}

/* It is there, and whole: of the same type, or an err with a reason. */
static void answered(struct stage *s, struct asked *q, struct msg *m)
{
	struct err e;

	if (m->type == MSG_FAILED) {
		msg_get_err(m, &e);
		if (msg_end(m, &(struct err){ 0 }) != 0 || e.text[0] == '\0')
			fail_msg("message %u was refused without a reason", s->u.type);
		s->n_refused++;
		return;
	}
	if (m->type != s->u.type)
		fail_msg("message %u was answered by %u", s->u.type, m->type);
	s->n_done[m->type]++;
	look_at_answer(s, q, m);
}

/* -- a keeper -- */

static void end_lent(struct stage *s)
{
	for (size_t i = 0; i < LENT; i++)
		if (s->lent[i].fd >= 0) {
			close(s->lent[i].fd);
			s->lent[i].fd = -1;
		}
}

static void begin(struct stage *s, uint32_t session)
{
	static const enum command commands[] = { COMMAND_AGENT,   COMMAND_RENEW,
						 COMMAND_CA_SIGN, COMMAND_RENEW,
						 COMMAND_ACCOUNT, COMMAND_CHECK,
						 COMMAND_FORGET,  COMMAND_PLAN };
	const char *name = "near";
	struct request r = { .names = &name,
			     .n_names = 1,
			     .step = mutant_draw(&s->u, ACCOUNT_STEPS) };

	s->command = r.command = commands[session % 8];
	alone_start(&s->keeper, ROLE_KEEPER, &r, s->home.snapshot);
	fcntl(s->keeper.said, F_SETFL, O_NONBLOCK);
	buf_done(&s->said);
}

static void expect_no_fault(const struct stage *s, int status)
{
	const bool is_right = status == 0 ||
			      (s->said.len > 0 && status == EXIT_AGAIN) ||
			      (s->u.is_none && status == EXIT_SANDBOX);

	if (hostile_is_fault(&s->said) || !is_right)
		fail_msg("the keeper ended with %d:\n%s", status,
			 s->said.len == 0 ? "" : s->said.data);
}

static void end(struct stage *s)
{
	int status;

	close(s->keeper.super);
	close(s->keeper.peer);
	end_lent(s);
	fcntl(s->keeper.said, F_SETFL, O_NONBLOCK);
	status = alone_wait(s->keeper.pid, SHORT);
	hostile_hear(s->keeper.said, &s->said);
	close(s->keeper.said);
	expect_no_fault(s, status);
	look(s);
}

/* True: the keeper has let go, and may only if what it was sent is no message, or it was
 * shut out and says so. */
static bool has_ended(struct stage *s, const struct lent *l, struct err *e)
{
	if (e->code != ERR_NET)
		fail_msg("message %u: no answer: %s", s->u.type, e->text);
	if (l != NULL) {
		if (!s->u.is_none)
			fail_msg("message %u of a worker cost it its socket",
				 s->u.type);
		return false;
	}
	s->n_ended++;
	return true;
}

/* Send what is in s->u, take the answer. False: the keeper has ended. */
static bool exchange(struct stage *s, struct lent *l, struct asked *q, uint32_t id)
{
	const int sock = l != NULL ? l->fd : s->keeper.peer;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	s->n_sent++;
	(void)mutant_send(&s->u, sock);
	do
		if (msg_recv(sock, &m, &e) < 0) {
			const bool ended = has_ended(s, l, &e);

			if (l != NULL) {
				close(l->fd);
				l->fd = -1;
			}
			return !ended;
		}
	while (m.type == KEEPER_CHANGED && m.id == 0);
	hostile_hear(s->keeper.said, &s->said);
	if (m.id != id)
		fail_msg("message %u of id %u: the answer, %u, is to %u", s->u.type, id,
			 m.type, m.id);
	answered(s, q, &m);
	return true;
}

/* All on the list; and sockets for workers, which are asked on as well. */
static uint32_t draw_type(struct stage *s)
{
	if (mutant_draw(&s->u, 6) == 0)
		return KEEPER_LEND;
	return KEEPER_STAMP + mutant_draw(&s->u, KEEPER_CRL_FORGET - KEEPER_STAMP + 1);
}

static bool ask_one(struct stage *s, uint32_t id)
{
	struct lent *l = &s->lent[mutant_draw(&s->u, LENT)];
	AUTO_MSG struct msg m = MSG_NONE;
	struct asked q = { .cert = mutant_draw(&s->u, CERTS), .fd = -1 };
	const struct list issuers = s->spec.certs[q.cert].issuers;
	bool lives;

	q.issuer = s->spec.numbers[issuers.first + mutant_draw(&s->u, issuers.n)];
	if (l->fd >= 0 && mutant_draw(&s->u, 2) == 0) {
		q.ticket = l->ticket;
		q.issuer = q.ticket.issuer;
		put_of_worker(s, &q, &m);
	} else {
		l = NULL;
		msg_begin(&m, draw_type(s), 0);
		put_asked(s, &q, &m);
	}
	m.id = id;
	mutant_of(&s->u, &m);
	lives = exchange(s, l, &q, id);
	if (q.fd >= 0)
		close(q.fd);
	return lives;
}

/* Or a refusal would show nothing. (A reply that nobody has signed is never taken.) */
static void each_was_done(const struct stage *s)
{
	uint32_t sum = 0, least = UINT32_MAX;

	for (uint32_t type = KEEPER_STAMP; type <= SIGN_EST_FIRST; type++) {
		const bool is_asked = type <= KEEPER_CRL_FORGET ||
				      (type >= SIGN_ACCOUNT && type <= SIGN_CFSSL) ||
				      type >= SIGN_EST;

		sum += s->n_done[type];
		if (is_asked && type != KEEPER_TXT_REPLY && s->n_done[type] < least)
			least = s->n_done[type];
	}
	print_message(
	    "%u messages: %u done, each kind %u times or more, %u refused; %u "
	    "keepers ended\n",
	    s->n_sent, sum, least, s->n_refused, s->n_ended);
	assert_true(least > 0 || s->n_sent < (hostile_seed() == 1 ? SAMPLE : ENOUGH));
}

static void a_keeper_does_what_is_on_its_list_and_nothing_else(void **state)
{
	struct stage *s = *state;
	const uint32_t n = hostile_messages(SAMPLE);
	bool lives;

	for (uint32_t session = 0; s->n_sent < n; session++) {
		const uint32_t until = s->n_sent + SESSION;

		begin(s, session);
		do {
			lives = ask_one(s, s->n_sent + 1);
			if (s->n_sent % LOOK == 0)
				look(s);
		} while (lives && s->n_sent < until && s->n_sent < n);
		end(s);
	}
	each_was_done(s);
}

static int begin_all(void **state)
{
	static const char *words[8];
	struct stage *s;

	if (stage_in(state) < 0)
		return -1;
	s = *state;
	words[0] = xasprintf("%s/victim", top(s)->path);
	words[1] = xasprintf("%s/outside/a", top(s)->path);
	words[2] = s->authorization;
	words[3] = "../../outside/a";
	words[4] = "https://near.example/acct/2";
	words[5] = TOKEN;
	words[6] = "example.org";
	mutant_begin(&s->u, hostile_seed());
	s->u.words = words;
	return 0;
}

static int end_all(void **state)
{
	struct stage *s = *state;

	print_message("seed %llu, after message %u\n",
		      (unsigned long long)hostile_seed(), s->n_sent);
	free((void *)(uintptr_t)s->u.words[0]);
	free((void *)(uintptr_t)s->u.words[1]);
	mutant_end(&s->u);
	return stage_out(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_keeper_does_what_is_on_its_list_and_nothing_else, begin_all,
		    end_all),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("hostile keeper", tests, NULL, NULL);
}
