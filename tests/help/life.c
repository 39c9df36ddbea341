#include "tests/help/life.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "tests/help/certs.h"
#include "tests/help/lab.h"
#include "tests/help/life_steps.h"

#define H LIFE_H
#define D LIFE_D

#define OUR_FDS 64 /* from here on: the agent's own are fixed, and low */

int64_t life_now(const struct life *l)
{
	return l->true_ms / 1000;
}

int64_t life_host(const struct life *l)
{
	return life_now(l) + l->ahead_s;
}

uint32_t life_draw(struct life *l, uint32_t below)
{
	l->random = l->random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)l->random * below >> 32);
}

/* -- what is to happen -- */

void life_put_span(struct life_spans *s, int64_t from, int64_t until)
{
	if (s->n == LIFE_OUTAGES)
		abort();
	s->at[s->n++] = (struct life_span){ from, until };
}

/* For an hour, for three days, and once for two months; up for half a day at least. */
static void plan_outages(struct life *l, enum life_ca ca)
{
	const uint32_t longest = life_draw(l, 16);
	int64_t at = LIFE_START + 2 * H;

	for (uint32_t k = 0; at < LIFE_START + l->plan.days * D; k++) {
		const int64_t span = k == longest           ? 60 * D
				     : life_draw(l, 2) == 0 ? H
							    : 3 * D;

		at += 12 * H + life_draw(l, (uint32_t)(20 * D));
		life_put_span(&l->down[ca], at, at + span);
		at += span;
	}
}

static void plan_event(struct life *l, int64_t at, enum life_event_kind kind,
		       int64_t value)
{
	if (l->n_events == LIFE_EVENTS)
		abort();
	l->events[l->n_events++] =
	    (struct life_event){ .at = at, .kind = kind, .value = value };
}

static void plan_set(struct life *l, int64_t at)
{
	static const int64_t spans[] = { 60, 20 * 60, 50 * 60, 3 * H, 36 * H };
	const int64_t steps[] = { H, -H, D, -D, 90 * D, -at, 2147483648 - at };
	const int64_t span = spans[life_draw(l, 5)], step = steps[life_draw(l, 7)];

	plan_event(l, at, LIFE_SET, step);
	plan_event(l, at + span, LIFE_SET, 0);
	if (step > H || step < -H) /* and what has been begun by it is ended */
		life_put_span(&l->lame, at, at + span + 60);
}

static void plan_sleep(struct life *l, int64_t at)
{
	static const int64_t spans[] = { 60, H, 8 * H, 2 * D };
	const int64_t span = spans[life_draw(l, 4)];

	plan_event(l, at, LIFE_SLEEP, span);
	life_put_span(&l->lame, at, at + span);
}

/* One every few days, one after the other. */
static void plan_events(struct life *l)
{
	int64_t at = LIFE_START + 2 * D;

	for (;;) {
		at += 3 * D + life_draw(l, (uint32_t)(6 * D));
		if (at > LIFE_START + (l->plan.days - 3) * D)
			return;
		switch (life_draw(l, 3)) {
		case 0:
			plan_set(l, at);
			break;
		case 1:
			plan_sleep(l, at);
			break;
		default:
			plan_event(l, at, LIFE_RESTART, 0);
		}
	}
}

/* -- beginning -- */

unsigned life_kind(const struct life *l, unsigned i)
{
	return l->plan.steps != 0 ? 4 + i % 4 : i % 8;
}

static void name_cert(struct life *l, unsigned i)
{
	struct life_cert *c = &l->certs[i];
	const unsigned kind = life_kind(l, i);
	const int64_t longest = l->plan.steps != 0 ? 60 : 398;

	c->life_s = 6 * D + i * (longest - 6) * D / (int64_t)(l->n_certs - 1);
	snprintf(c->name, sizeof(c->name), "c%03u", i);
	snprintf(c->names, sizeof(c->names), "c%03u.example.org", i);
	c->by[LIFE_OWN] = kind < 5;
	c->by[LIFE_PLAIN] = kind == 5 || kind == 6;
	c->by[LIFE_ARI] = kind >= 6;
}

static void make_ca(struct life *l)
{
	struct err e;

	l->profile = lab_profile();
	l->profile.intermediate = true;
	l->profile.lifetime_s = 400 * D;
	lab_make(&l->profile, LIFE_START - 400 * D, &l->ca);
	l->key = certs_key(KEY_ECDSA_P256);
	if (key_to_spki(l->key, &l->spki, &e) < 0 ||
	    x509_to_pem(l->ca.root, &l->root, &e) < 0)
		fail_msg("%s", e.text);
}

void life_begin(struct life *l, const struct life_plan *plan, int dir)
{
	*l = (struct life){ .plan = *plan,
			    .dir = dir,
			    .true_ms = LIFE_START * 1000,
			    .ahead_s = plan->ahead_s,
			    .random = plan->seed * 7919,
			    .keeper = -1,
			    .super = -1,
			    .in = MSG_NONE };
	l->end_ms = l->true_ms + plan->days * D * 1000;
	l->n_certs = plan->steps != 0 ? LIFE_STEPS_CERTS : LIFE_CERTS;
	if (plan->steps != 0) {
		life_steps_plan(l);
	} else {
		plan_outages(l, LIFE_PLAIN);
		plan_outages(l, LIFE_ARI);
	}
	if (plan->moves)
		plan_events(l);
	for (unsigned i = 0; i < l->n_certs; i++)
		name_cert(l, i);
	for (int i = 0; i < LIFE_WORKERS; i++)
		l->workers[i].fd = -1;
	make_ca(l);
	if (mkdirat(dir, "agent", 0700) < 0)
		abort();
}

void life_end(struct life *l)
{
	local_done(&l->ca);
	EVP_PKEY_free(l->key);
	buf_done(&l->spki);
	buf_done(&l->root);
	msg_done(&l->in);
}

/* The agent's end becomes `theirs`. */
static int open_pair(int theirs)
{
	int sv[2], ours;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		abort();
	ours = fcntl(sv[0], F_DUPFD_CLOEXEC, OUR_FDS);
	fcntl(ours, F_SETFL, O_NONBLOCK);
	close(sv[0]);
	if (sv[1] != theirs) {
		dup2(sv[1], theirs);
		close(sv[1]);
	}
	return ours;
}

static void leave(struct life *l)
{
	close(l->keeper);
	close(l->super);
	for (int i = 0; i < LIFE_WORKERS; i++)
		if (l->workers[i].fd >= 0)
			close(l->workers[i].fd);
	for (int i = 0; i < LIFE_WORKERS; i++)
		l->workers[i].fd = -1;
	l->keeper = l->super = -1;
}

bool life_start(struct life *l)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const char *name;
	struct role_start s = { .request = { .command = COMMAND_AGENT,
					     .warn_s = -1,
					     .crit_s = -1,
					     .run = 1 + l->n_starts },
				.host_id = "host",
				.uid = SPEC_NOBODY,
				.gid = SPEC_NOBODY,
				.home_state = "",
				.home_runtime = "",
				.hooks_dir = "",
				.config_path = "" };
	struct err e;

	if (l->keeper >= 0)
		leave(l);
	if (l->true_ms >= l->end_ms)
		return false;
	if (l->plan.steps != 0)
		life_steps_ask(l, &s.request, &name);
	l->stopping = false;
	l->asked = true;
	l->n_starts++;
	l->told_watch = false;
	l->super = open_pair(ROLE_FD_SUPERVISOR);
	l->keeper = open_pair(ROLE_FD_PEER);
	dup2(l->snapshot, ROLE_FD_SNAPSHOT);
	role_start_put(&m, &s);
	if (msg_send(l->super, &m, &e) < 0)
		abort();
	return true;
}

/* -- time -- */

void life_stop(struct life *l)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (l->stopping || l->super < 0)
		return;
	l->stopping = true;
	msg_begin(&m, ROLE_STOP, 0);
	(void)msg_send(l->super, &m, &e);
}

void life_turn(struct life *l)
{
	if (l->busy || l->keeper < 0 || (!l->asked && life_work_at(l) > l->true_ms))
		return;
	l->busy = true;
	l->asked = false;
	life_keep(l);
	life_supervise(l);
	life_work(l);
	l->busy = false;
}

static int64_t sooner(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

/* Whoever waits for the clock to be set is woken then, and when the host wakes. */
static bool happen(struct life *l, const struct life_event *ev)
{
	l->next_event++;
	life_settled(l);
	switch (ev->kind) {
	case LIFE_SET:
		l->ahead_s = l->plan.ahead_s + ev->value;
		l->n_early = 0;
		l->set_at = life_now(l);
		l->true_ms += 1000;
		l->mono_ms += 1000;
		return false;
	case LIFE_SLEEP:
		l->true_ms += ev->value * 1000;
		return false;
	case LIFE_RESTART:
		life_stop(l);
		break;
	case LIFE_STEP:
		return life_step(l, ev);
	}
	return true;
}

static void pass(struct life *l, int64_t until_ms)
{
	if (until_ms <= l->true_ms)
		return;
	l->mono_ms += until_ms - l->true_ms;
	l->true_ms = until_ms;
}

void life_idle(struct life *l, int64_t until_ms)
{
	while (l->next_event < l->n_events &&
	       l->events[l->next_event].at * 1000 <= until_ms) {
		pass(l, l->events[l->next_event].at * 1000);
		(void)happen(l, &l->events[l->next_event]);
	}
	pass(l, until_ms);
}

bool life_wait(struct life *l, int64_t *timeout_ms)
{
	const struct life_event *ev = &l->events[l->next_event];
	const int64_t event_ms =
	    l->next_event < l->n_events ? ev->at * 1000 : INT64_MAX;
	const int64_t over_ms = *timeout_ms < 0 ? INT64_MAX : l->true_ms + *timeout_ms;
	const int64_t end_ms = l->stopping ? INT64_MAX : l->end_ms;
	const int64_t next_ms = sooner(sooner(event_ms, life_work_at(l)), end_ms);

	if (next_ms > over_ms) {
		pass(l, over_ms);
		return false;
	}
	if (next_ms == INT64_MAX)
		life_wrong(l, NULL, "everybody waits for ever");
	pass(l, next_ms);
	*timeout_ms = over_ms == INT64_MAX ? -1 : over_ms - l->true_ms;
	if (next_ms == event_ms)
		return happen(l, ev);
	if (next_ms == end_ms)
		life_stop(l);
	return true;
}

void life_clock(const struct life *l, clockid_t id, struct timespec *t)
{
	const int64_t ms = id == CLOCK_MONOTONIC  ? l->mono_ms
			   : id == CLOCK_BOOTTIME ? l->true_ms - LIFE_START * 1000
						  : l->true_ms + l->ahead_s * 1000;
	const int64_t since_boot = id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME;
	const int64_t at = ms + since_boot * 1000000;

	t->tv_sec = at / 1000;
	t->tv_nsec = at % 1000 * 1000000;
}

void life_put_head(struct buf *text)
{
	buf_puts(
	    text,
	    "state_dir = \"$\"; agree_terms = true; "
	    "contact = \"mailto:ops@example.org\";\n"
	    "log = { level = \"debug\"; };\n"
	    "issuers = (\n"
	    " { name = \"own\"; type = \"local\"; subject = \"CN=Own\"; },\n"
	    " { name = \"plain\"; type = \"acme\"; url = \"https://a.example/dir\"; "
	    "ari = false; },\n"
	    " { name = \"suggests\"; type = \"acme\"; "
	    "url = \"https://b.example/dir\"; } );\n"
	    "defaults = { challenge = { type = \"http-01\"; "
	    "webroot = \"/srv/app\"; }; };\n");
}
