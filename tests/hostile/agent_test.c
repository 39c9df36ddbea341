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

#include "agent/role/messages.h"
#include "tests/agent/home.h"
#include "tests/help/hostile.h"
#include "tests/help/mutant.h"
#include "tests/help/peers.h"

#define SAMPLE   4000
#define CERTS    20
#define WORKERS  40
#define PATIENT  60000 /* ms: the host may be busy */
#define ONE_DIES 64

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
	struct buf said, before;
	struct peers peers;
	bool over; /* the agent has let go */
	uint32_t n_sent, n_sessions, n_tasks[MESSAGES];
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
	peers_begin(&s->peers);
	scratch_put(top(s), "root.pem", s->peers.root.data);
	home_secret(&s->home, "tsig", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
	scratch_put(top(s), "victim", "untouched");
	compile(s);
	peers_know(&s->peers, &s->spec);
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
	mutant_end(&s->u);
	peers_end(&s->peers);
	buf_done(&s->said);
	buf_done(&s->before);
	spec_done(&s->spec);
	return home_out(state);
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
	if (in.type == SUP_HOOK || in.type == SUP_PROGRAM || in.type == SUP_ENROL)
		fail_msg("the supervisor is asked message %u: there is no program",
			 in.type);
	if (sock == s->agent.peer)
		peers_keep(&s->peers, &in, &out);
	else if (in.type == SUP_WORKER || in.type == SUP_PROBE)
		bring_worker(s, &out);
	else
		peers_supervise(&s->peers, &in, &out);
	if (in.type != SUP_READY)
		(void)msg_send(sock, &out, &e);
}

/* -- workers -- */

/* What it should be answered; one in eight orders gets what is for another. */
static void put_answer(struct stage *s, const struct msg *asked, struct msg *m)
{
	const uint32_t cert = mutant_draw(&s->u, 8) == 0
				  ? mutant_draw(&s->u, CERTS)
				  : peers_ordered(&s->peers, asked);

	msg_begin(m, asked->type, asked->id);
	peers_work(&s->peers, asked, cert, m);
}

/* One in four: it is over. */
static void put_checkpoint(struct stage *s, const struct msg *order, struct msg *m)
{
	msg_begin(m, WORKER_CHECKPOINT, 1 + mutant_draw(&s->u, 1000));
	peers_checkpoint(&s->peers, order, mutant_draw(&s->u, 4) == 0, m);
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
	peers_refuse(&m, w->asked.id);
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
		      s->n_sessions, s->peers.n_stored);
	assert_true(s->peers.n_stored > 0 && s->n_tasks[WORKER_CRL] > 0 &&
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
