/*
 * hostile/agent: the agent as it is exec'd, in its sandbox, and workers and probes that
 * somebody has taken over. Whatever it asks of them is answered as it should be, and with
 * fields changed (mutant.h), once and more than once, with and without what a worker may
 * ask meanwhile. It goes on to its end, or says why it ends; what it has stored is of the
 * right names and key; and it writes nothing but its own database.
 *
 * Keeper and supervisor, which it talks to as well, are played here and behave.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/crlcall.h"
#include "agent/lend.h"
#include "agent/messages.h"
#include "base/clock.h"
#include "base/x509.h"
#include "tests/agent/home.h"
#include "tests/help/certs.h"
#include "tests/help/hostile.h"
#include "tests/help/lab.h"
#include "tests/help/mutant.h"
#include "tests/help/signed.h"

#define SAMPLE   4000
#define CERTS    20
#define WORKERS  40
#define PATIENT  60000 /* ms: the host may be busy */
#define DAY      86400
#define ONE_DIES 64
#define TOKEN    "DGyRejmCefe7v4NfDGDKfA"

struct worker {
	int fd; /* -1: there is none */
	struct msg asked;
	bool waits; /* for what it has asked */
};

struct stage {
	struct home home;
	struct spec spec;
	struct mutant u;
	struct alone agent;
	struct worker workers[WORKERS];
	struct buf said, before, spki, root;
	char *leaves[CERTS];
	struct local_profile profile;
	struct local_ca ca;
	bool over; /* the agent has let go */
	uint32_t n_sent, n_sessions, n_stored, n_tasks[MESSAGES];
};

static const struct scratch *top(const struct stage *s)
{
	return s->home.scratch;
}

/* -- the stage -- */

static void put_certs(struct buf *text)
{
	for (int i = 0; i < CERTS; i++)
		buf_printf(text,
			   "%s { name = \"c%02d\"; names = \"c%02d.example\"; issuer = "
			   "\"far\"; %s }",
			   i == 0 ? "" : ",", i, i,
			   i % 4 == 3 ? "challenge = { type = \"dns-01\"; rfc2136 = { "
					"server = \"192.0.2.1\"; key_name = \"k\"; "
					"key_file = \"$/tsig\"; }; };"
			   : i % 4 == 2 ? "probe = \"c.example:443\";"
					: "");
}

static void compile(struct stage *s)
{
	AUTO_BUF struct buf text = { 0 };
	struct err e;

	buf_puts(
	    &text,
	    "state_dir = \"$/state\"; agree_terms = true;"
	    "contact = \"mailto:a@a.example\";"
	    "issuers = { name = \"far\"; type = \"acme\"; parallel = 8;"
	    "  url = \"https://far.example/d\"; };"
	    "defaults = { challenge = { type = \"http-01\"; webroot = \"$/web\"; }; "
	    "};"
	    "crls = { name = \"list\"; url = \"http://ca.example/crl\";"
	    "  ca = \"$/root.pem\"; files = { path = \"$/files/list.pem\"; }; };"
	    "certificates = (");
	put_certs(&text);
	buf_puts(&text, " );");
	home_compile(&s->home, text.data);
	assert_int_equal(spec_map(s->home.snapshot, &s->spec, &e), 0);
}

static void make_leaves(struct stage *s)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct err e;

	s->profile = lab_profile();
	lab_make(&s->profile, clock_now() - DAY, &s->ca);
	assert_int_equal(key_to_spki(key, &s->spki, &e), 0);
	assert_int_equal(x509_to_pem(s->ca.root, &s->root, &e), 0);
	for (int i = 0; i < CERTS; i++) {
		AUTO_FREE char *value = xasprintf("c%02d.example", i);
		const struct name name = { NAME_DNS, value };
		const struct local_request r = { &name,        1,        key,
						 USAGE_SERVER, 90 * DAY, NULL };
		AUTO_BUF struct buf chain = { 0 };

		if (local_issue(&s->profile, &s->ca, &r, clock_now(), &chain, &e) < 0)
			fail_msg("%s", e.text);
		s->leaves[i] = buf_take(&chain);
	}
}

static bool is_agents(const char *path)
{
	return strcmp(path, "state") == 0 || strcmp(path, "state/agent") == 0 ||
	       strncmp(path, "state/agent/", 12) == 0;
}

static int stage_in(void **state)
{
	static const char *const folders[] = { "state",      "state/archive",
					       "state/live", "state/crl",
					       "files",      "web" };
	struct stage *s = test_calloc(1, sizeof(*s));

	if (scratch_in(&s->home.scratch) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		scratch_mkdir(top(s), folders[i]);
	make_leaves(s);
	scratch_put(top(s), "root.pem", s->root.data);
	scratch_put(top(s), "tsig", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
	assert_int_equal(fchmodat(top(s)->fd, "tsig", 0600, 0), 0);
	scratch_put(top(s), "victim", "untouched");
	compile(s);
	for (size_t i = 0; i < WORKERS; i++)
		s->workers[i] = (struct worker){ .fd = -1, .asked = MSG_NONE };
	mutant_begin(&s->u, hostile_seed());
	hostile_look(top(s)->path, is_agents, &s->before);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;

	print_message("seed %llu, after message %u\n",
		      (unsigned long long)hostile_seed(), s->n_sent);
	for (size_t i = 0; i < CERTS; i++)
		free(s->leaves[i]);
	mutant_end(&s->u);
	local_done(&s->ca);
	buf_done(&s->said);
	buf_done(&s->before);
	buf_done(&s->spki);
	buf_done(&s->root);
	spec_done(&s->spec);
	return home_out(state);
}

/* -- the keeper -- */

static uint32_t cert_of(const struct stage *s, struct msg *m)
{
	const uint64_t cert = msg_get_u64(m);

	if (m->broken || cert >= s->spec.n[SPEC_CERTS])
		fail_msg("the keeper is asked about certificate %llu",
			 (unsigned long long)cert);
	return (uint32_t)cert;
}

/* That a CA has given it is a worker's word, where the issuer has no anchors (verify.h). */
static void stored(struct stage *s, struct msg *in)
{
	const uint32_t cert = cert_of(s, in);
	const char *leaf = msg_get_str(in);

	signed_leaf(&s->spec, cert, leaf, s->spki.data, s->spki.len);
	s->n_stored++;
}

static void keep_number(struct msg *out, uint64_t n)
{
	msg_put_u64(out, n);
}

static void put_cas(const struct stage *s, struct msg *out)
{
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	assert_int_equal(x509_to_der(s->ca.root, &der, &e), 0);
	msg_put_u64(out, 1);
	msg_put_bytes(out, der.data, der.len);
}

static void keep(struct stage *s, struct msg *in, struct msg *out)
{
	static const uint64_t none[CERTS];
	static const uint64_t whole[3];

	if (in->type < KEEPER_STAMP || in->type > KEEPER_CRL_FORGET)
		fail_msg("the keeper is asked message %u", in->type);
	if (in->type == KEEPER_STAMP)
		msg_put_bytes(out, none, sizeof(none));
	if (in->type == KEEPER_AUDIT)
		for (int i = 0; i < 5; i++)
			i == 3 ? msg_put_i64(out, 0) : msg_put_u64(out, 0);
	if (in->type == KEEPER_KEY)
		msg_put_bytes(out, s->spki.data, s->spki.len);
	if (in->type == KEEPER_STORE) {
		stored(s, in);
		keep_number(out, 1);
	}
	if (in->type == KEEPER_LIVE) {
		(void)cert_of(s, in);
		keep_number(out, 1);
		keep_number(out, 0);
		msg_put_i64(out, 0);
	}
	if (in->type == KEEPER_TXT)
		for (int i = 0; i < 2; i++)
			msg_put_bytes(out, whole, sizeof(whole));
	if (in->type == KEEPER_CRL_CAS)
		put_cas(s, out);
	if (in->type == KEEPER_CRL_STAGE)
		out->fd = memfd_create("staged", MFD_CLOEXEC);
	if (in->type == KEEPER_CRL_WRITE)
		keep_number(out, 0);
}

/* -- the supervisor -- */

static void bring_worker(struct stage *s, struct msg *out)
{
	const struct timeval patience = { .tv_sec = PATIENT / 1000 };
	struct err e;
	int ours;

	for (size_t i = 0; i < WORKERS; i++) {
		if (s->workers[i].fd >= 0)
			continue;
		assert_int_equal(msg_pair(&ours, &out->fd, &e), 0);
		setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		s->workers[i].fd = ours;
		s->workers[i].waits = false;
		return;
	}
	fail_msg("more than %d workers are wanted", WORKERS);
}

static void refuse(struct msg *out, uint32_t id)
{
	struct err e;

	err_set(&e, ERR_SYS, "there is none");
	msg_begin(out, MSG_FAILED, id);
	msg_put_err(out, &e);
}

static void supervise_it(struct stage *s, const struct msg *in, struct msg *out)
{
	if (in->type == SUP_WORKER || in->type == SUP_PROBE)
		bring_worker(s, out);
	else if (in->type == SUP_REACH)
		msg_put_str(out, "");
	else if (in->type == SUP_RESPONDER)
		refuse(out, in->id);
	else if (in->type != SUP_READY)
		fail_msg("the supervisor is asked message %u: there is no program",
			 in->type);
}

/* One message of the agent on `sock`. */
static void serve(struct stage *s, int sock)
{
	AUTO_MSG struct msg in = MSG_NONE;
	AUTO_MSG struct msg out = MSG_NONE;
	struct err e;

	if (msg_recv(sock, &in, &e) < 0) {
		assert_int_equal(e.code, ERR_NET);
		s->over = true;
		return;
	}
	msg_begin(&out, in.type, in.id);
	if (sock == s->agent.super)
		supervise_it(s, &in, &out);
	else
		keep(s, &in, &out);
	if (in.type != SUP_READY)
		(void)msg_send(sock, &out, &e);
}

/* -- workers -- */

static uint32_t certificate_of(const struct msg *order)
{
	struct msg m = *order;
	uint64_t cert;

	(void)msg_get_u64(&m);
	(void)msg_get_u64(&m);
	cert = msg_get_u64(&m);
	return cert < CERTS ? (uint32_t)cert : 0;
}

static void put_checkpoint(struct stage *s, const struct msg *order, struct msg *m)
{
	struct msg of = *order;
	const uint32_t cert = certificate_of(order);
	AUTO_FREE char *name = xasprintf("c%02u.example", cert);

	msg_begin(m, WORKER_CHECKPOINT, 1 + mutant_draw(&s->u, 1000));
	msg_put_u64(m, msg_get_u64(&of));
	if (mutant_draw(&s->u, 4) == 0) { /* it is over: this name is refused */
		msg_put_str(m, "");
		msg_put_u64(m, 0);
		msg_put_u64(m, 1);
		msg_put_u64(m, s->spec.certs[cert].challenges.first);
		msg_put_str(m, name);
		msg_put_str(m, "why");
		return;
	}
	msg_put_str(m, "https://far.example/order/1");
	msg_put_u64(m, 1);
	msg_put_u64(m, s->spec.certs[cert].challenges.first);
	msg_put_str(m, name);
	msg_put_str(m, TOKEN);
	msg_put_str(m, TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI");
}

static void put_crl(const struct stage *s, struct msg *m)
{
	struct crl_answer a = { .verdict = CRL_GOOD, .etag = "", .last_modified = "" };

	(void)s;
	a.facts.this_update = clock_now() - DAY;
	a.facts.next_update = clock_now() + DAY;
	a.facts.size = 300;
	crlcall_answer(m, &a);
}

static void put_texts(struct msg *m, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		msg_put_str(m, texts[i]);
}

/* What it should be answered; one in eight orders gets what is for another. */
static void put_answer(struct stage *s, const struct msg *asked, struct msg *m)
{
	static const char octets[40];
	const uint32_t cert = mutant_draw(&s->u, 8) == 0 ? mutant_draw(&s->u, CERTS)
							 : certificate_of(asked);

	msg_begin(m, asked->type, asked->id);
	switch (asked->type) {
	case WORKER_ORDER:
		put_texts(m, (const char *[]){ s->leaves[cert], s->root.data, "note" },
			  3);
		msg_put_i64(m, 0);
		msg_put_u64(m, 0);
		break;
	case WORKER_CRL:
		put_crl(s, m);
		break;
	case WORKER_ACCOUNT:
		msg_put_str(m, "url: https://far.example/acct/1\n");
		break;
	case WORKER_CA:
		msg_put_str(m, "https://far.example/acct/1");
		msg_put_u64(m, 1);
		msg_put_str(m, "far.example");
		break;
	case DNS_FIND:
		msg_put_u64(m, 1);
		put_texts(m,
			  (const char *[]){ "_acme-challenge.c03.example", "example" },
			  2);
		break;
	case DNS_SEND:
		msg_put_bytes(m, octets, 12);
		msg_put_u64(m, (uint64_t)clock_now());
		msg_put_u64(m, 300);
		msg_put_u64(m, 0);
		msg_put_bytes(m, "", 0);
		msg_put_bytes(m, octets, 32);
		msg_put_u64(m, 0);
		break;
	case DNS_LOOK:
		msg_put_u64(m, 1);
		msg_put_u64(m, 0);
		msg_put_u64(m, 0);
		put_texts(m, (const char *[]){ "", "" }, 2);
		break;
	case DNS_AHEAD:
		msg_put_u64(m, 0);
		break;
	case PROBE_LOOK:
		msg_put_u64(m, 0);
		put_texts(m, (const char *[]){ "", "" }, 2);
		break;
	default:
		refuse(m, asked->id);
	}
}

static void end_worker(struct worker *w)
{
	close(w->fd);
	msg_done(&w->asked);
	*w = (struct worker){ .fd = -1, .asked = MSG_NONE };
}

static void send_mutant(struct stage *s, const struct worker *w, struct msg *m)
{
	mutant_of(&s->u, m);
	(void)mutant_send(&s->u, w->fd); /* it may be given up already */
	s->n_sent++;
}

/* What was wrong may have been passed over: the agent is to have an answer all the same. One
 * that dies instead costs it some time: whether the keeper has, too. */
static void give_up(struct stage *s, struct worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (mutant_draw(&s->u, ONE_DIES) == 0) {
		end_worker(w);
		return;
	}
	refuse(&m, w->asked.id);
	(void)msg_send(w->fd, &m, &e);
}

/* Until something is to be waited for, or it is over. What was right leaves it as it was. */
static void work(struct stage *s, struct worker *w)
{
	bool was_right = true;

	w->waits = false;
	for (uint32_t n = mutant_draw(&s->u, 4); n > 0 && w->asked.type == WORKER_ORDER;
	     n--) {
		AUTO_MSG struct msg m = MSG_NONE;

		put_checkpoint(s, &w->asked, &m);
		send_mutant(s, w, &m);
		if (!s->u.changed && was_right) {
			w->waits = true;
			return;
		}
		was_right = false;
	}
	for (uint32_t n = 1 + mutant_draw(&s->u, 2); n > 0; n--) {
		AUTO_MSG struct msg m = MSG_NONE;

		put_answer(s, &w->asked, &m);
		send_mutant(s, w, &m);
		was_right = was_right && n == 1 && !s->u.changed;
	}
	if (!was_right)
		give_up(s, w);
}

static void hear_worker(struct stage *s, struct worker *w)
{
	AUTO_MSG struct msg in = MSG_NONE;
	struct err e;

	if (msg_recv(w->fd, &in, &e) < 0) {
		end_worker(w);
		return;
	}
	if (in.type == WORKER_CHECKPOINT || in.type == MSG_FAILED) {
		if (w->waits)
			work(s, w);
		return;
	}
	assert_true(in.type < MESSAGES);
	s->n_tasks[in.type]++;
	msg_done(&w->asked);
	msg_move(&w->asked, &in);
	work(s, w);
}

/* -- the agent -- */

/* Whatever is there to be done; nothing for so long: it hangs. */
static void turn(struct stage *s)
{
	struct pollfd p[3 + WORKERS] = { { s->agent.super, POLLIN, 0 },
					 { s->agent.peer, POLLIN, 0 },
					 { s->agent.said, POLLIN, 0 } };

	for (size_t i = 0; i < WORKERS; i++)
		p[3 + i] = (struct pollfd){ s->workers[i].fd, POLLIN, 0 };
	if (poll(p, 3 + WORKERS, PATIENT) <= 0)
		fail_msg("the agent does nothing any more:\n%s", s->said.data);
	if (p[2].revents != 0)
		hostile_hear(s->agent.said, &s->said);
	if (p[0].revents != 0)
		serve(s, s->agent.super);
	if (p[1].revents != 0 && !s->over)
		serve(s, s->agent.peer);
	for (size_t i = 0; i < WORKERS; i++)
		if (p[3 + i].revents != 0 && s->workers[i].fd >= 0)
			hear_worker(s, &s->workers[i]);
}

static void begin(struct stage *s)
{
	static const enum command commands[] = { COMMAND_RENEW,   COMMAND_CRL,
						 COMMAND_RENEW,   COMMAND_CHECK,
						 COMMAND_ACCOUNT, COMMAND_RENEW };
	const char *far = "far";
	struct request r = { .command = commands[s->n_sessions++ % 6],
			     .warn_s = -1,
			     .crit_s = -1 };
	AUTO_FREE char *own = xasprintf("%s/state/agent", top(s)->path);

	(void)nftw(own, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
	scratch_mkdir(top(s), "state/agent");
	if (r.command == COMMAND_CRL)
		r.flags = REQUEST_UPDATE;
	if (r.command == COMMAND_CHECK)
		r.flags = REQUEST_ONLINE;
	if (r.command == COMMAND_ACCOUNT) {
		r.names = &far;
		r.n_names = 1;
	}
	buf_done(&s->said);
	s->over = false;
	alone_start(&s->agent, ROLE_AGENT, &r, s->home.snapshot);
	fcntl(s->agent.said, F_SETFL, O_NONBLOCK);
}

static void end(struct stage *s)
{
	AUTO_BUF struct buf now = { 0 };
	int status;

	close(s->agent.super);
	close(s->agent.peer);
	for (size_t i = 0; i < WORKERS; i++)
		if (s->workers[i].fd >= 0)
			end_worker(&s->workers[i]);
	status = alone_wait(s->agent.pid, PATIENT);
	hostile_hear(s->agent.said, &s->said);
	close(s->agent.said);
	if (hostile_is_fault(&s->said) || status > 1)
		fail_msg("the agent ended with %d:\n%s", status, s->said.data);
	hostile_look(top(s)->path, is_agents, &now);
	assert_string_equal(now.data, s->before.data);
}

static void an_agent_believes_only_what_it_has_checked(void **state)
{
	struct stage *s = *state;
	const uint32_t n = hostile_messages(SAMPLE);

	while (s->n_sent < n) {
		begin(s);
		while (!s->over)
			turn(s);
		end(s);
	}
	print_message("%u messages in %u sessions, %u certificates stored\n", s->n_sent,
		      s->n_sessions, s->n_stored);
	assert_true(s->n_stored > 0 && s->n_tasks[WORKER_CRL] > 0 &&
		    s->n_tasks[WORKER_ACCOUNT] > 0 && s->n_tasks[DNS_FIND] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_agent_believes_only_what_it_has_checked, stage_in, stage_out),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("hostile agent", tests, NULL, NULL);
}
