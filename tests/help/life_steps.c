#include "tests/help/life_steps.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/lend.h"
#include "agent/messages.h"
#include "agent/roles.h"
#include "base/err.h"
#include "base/text.h"
#include "store/generation.h"

#define H LIFE_H
#define D LIFE_D

/* In which nothing happens, in the end: longer than anything is put off. */
#define QUIET_S (5 * D)

/* Who begins an agent again that ended by itself waits. */
#define ANEW_MS 3600000

/* -- what is to happen -- */

struct kind {
	const char *word;
	unsigned weight;
};

static const struct kind kinds[LIFE_STEP_KINDS] = {
	[STEP_DOWN] = { "a CA fails", 6 },
	[STEP_CLOCK] = { "the clock is set", 4 },
	[STEP_SLEEP] = { "the host sleeps", 3 },
	[STEP_KILL] = { "kill -9", 24 },
	[STEP_FULL] = { "the disk is full", 5 },
	[STEP_ROOM] = { "the disk is not full any more", 0 },
	[STEP_MEMBER] = { "taken out of the configuration, or back in", 6 },
	[STEP_NAMES] = { "another name", 6 },
	[STEP_ANEW] = { "the agent is begun anew", 3 },
	[STEP_RENEW] = { "renew --force", 10 },
	[STEP_REVOKE] = { "revoke", 6 },
	[STEP_ROLLBACK] = { "rollback", 6 },
	[STEP_FORGET] = { "forget", 4 },
	[STEP_STATUS] = { "status", 8 },
	[STEP_EDIT] = { "somebody changes a file", 6 },
	[STEP_HOOK_BAD] = { "a hook fails", 5 },
	[STEP_HOOK_WELL] = { "the hook does not fail any more", 0 },
};

static enum life_step draw_kind(struct life *l)
{
	unsigned all = 0, at = 0;

	for (size_t i = 0; i < LIFE_STEP_KINDS; i++)
		all += kinds[i].weight;
	all = life_draw(l, all);
	while (all >= kinds[at].weight)
		all -= kinds[at++].weight;
	return (enum life_step)at;
}

static void put(struct life *l, const struct life_event *ev, int64_t at,
		enum life_event_kind kind, int64_t value)
{
	if (l->n_events == LIFE_EVENTS)
		abort();
	l->events[l->n_events] = *ev;
	l->events[l->n_events].at = at;
	l->events[l->n_events].kind = kind;
	l->events[l->n_events++].value = value;
}

/* Of the clock, of the disk, of a hook: it ends, too. *until: when all of it is over. */
static void put_step(struct life *l, const struct life_event *ev, int64_t *until)
{
	static const int64_t spans[] = { 60, 20 * 60, 3 * H, 12 * H, 36 * H };
	const int64_t at = ev->at, span = spans[ev->drawn % 5];
	const int64_t clocks[] = { H, -H, D, -D, 90 * D, -at, 2147483648 - at };
	const int64_t clock = clocks[ev->drawn / 5 % 7];

	*until = at + span;
	switch (ev->value) {
	case STEP_DOWN:
		*until = at + (ev->drawn % 16 == 0 ? 20 * D : span);
		life_put_span(&l->down[LIFE_PLAIN + ev->drawn / 16 % 2], at, *until);
		return;
	case STEP_CLOCK:
		put(l, ev, at, LIFE_SET, clock);
		put(l, ev, *until, LIFE_SET, 0);
		life_put_span(&l->lame, at, *until + 60);
		return;
	case STEP_SLEEP:
		put(l, ev, at, LIFE_SLEEP, span);
		life_put_span(&l->lame, at, *until);
		return;
	case STEP_FULL:
		put(l, ev, at, LIFE_STEP, STEP_FULL);
		put(l, ev, *until, LIFE_STEP, STEP_ROOM);
		life_put_span(&l->lame, at, *until + 2 * H);
		return;
	case STEP_HOOK_BAD:
		put(l, ev, at, LIFE_STEP, STEP_HOOK_BAD);
		put(l, ev, *until, LIFE_STEP, STEP_HOOK_WELL);
		return;
	default:
		put(l, ev, at, LIFE_STEP, ev->value);
	}
}

static int by_time(const void *x, const void *y)
{
	const struct life_event *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->step < b->step ? -1 : a->step > b->step;
}

static void plan_script(struct life *l)
{
	int64_t over = 0, until;

	for (unsigned i = 0; i < l->plan.steps; i++) {
		struct life_event ev = l->plan.script[i];

		ev.at += LIFE_START;
		ev.step = i;
		put_step(l, &ev, &until);
		over = until > over ? until : over;
	}
	qsort(l->events, l->n_events, sizeof(*l->events), by_time);
	l->end_ms = (over + QUIET_S) * 1000;
}

void life_steps_plan(struct life *l)
{
	int64_t at = LIFE_START + 2 * D, over = at, until;

	if (l->plan.steps > LIFE_STEPS)
		abort();
	if (l->plan.script != NULL) {
		plan_script(l);
		return;
	}
	for (unsigned i = 0; i < l->plan.steps; i++) {
		/* Much of it at once, or hours in between. */
		const int64_t span = life_draw(l, 3) == 0 ? 8 : 16 * H;
		struct life_event ev = { .at = at + life_draw(l, (uint32_t)span) };

		at = ev.at;
		ev.step = i;
		ev.value = draw_kind(l);
		ev.cert = life_draw(l, LIFE_STEPS_CERTS);
		ev.drawn = life_draw(l, 1u << 30);
		if (l->plan.without[i])
			continue;
		put_step(l, &ev, &until);
		over = until > over ? until : over;
	}
	qsort(l->events, l->n_events, sizeof(*l->events), by_time);
	l->end_ms = ((at > over ? at : over) + QUIET_S) * 1000;
}

void life_steps_tell(const struct life *l, int fd)
{
	char at[TEXT_TIME_MAX];

	for (int ca = LIFE_PLAIN; ca < LIFE_CAS; ca++)
		for (size_t i = 0; i < l->down[ca].n; i++)
			dprintf(fd, "  %s: CA %d fails for %lld s\n",
				text_time(at, l->down[ca].at[i].from), ca,
				(long long)(l->down[ca].at[i].until -
					    l->down[ca].at[i].from));
	for (size_t i = 0; i < l->n_events; i++) {
		const struct life_event *ev = &l->events[i];

		dprintf(fd, "  %s: ", text_time(at, ev->at));
		if (ev->kind == LIFE_STEP)
			dprintf(fd, "%s, c%03u, %u\n", kinds[ev->value].word, ev->cert,
				ev->drawn);
		else
			dprintf(
			    fd, "%s, %lld s\n",
			    kinds[ev->kind == LIFE_SET ? STEP_CLOCK : STEP_SLEEP].word,
			    (long long)ev->value);
	}
}

/* -- what happens -- */

/* Who comes while another command runs is told so, and goes. */
static bool ask(struct life *l, enum command command, unsigned flags, unsigned cert)
{
	if (l->has_next || l->stopping || l->asked_for.command != COMMAND_AGENT)
		return false;
	l->next = (struct life_ask){ command, flags, cert };
	l->has_next = true;
	life_stop(l);
	return true;
}

static void tell_changed(struct life *l, struct life_cert *c)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint64_t number = 0;

	if (!l->told_watch || c->absent)
		return;
	for (const struct life_cert *other = l->certs; other < c; other++)
		number += !other->absent;
	msg_begin(&m, KEEPER_CHANGED, 0);
	msg_put_u64(&m, 1); /* KEEPER_WATCHES */
	msg_put_u64(&m, 0);
	msg_put_u64(&m, 1);
	msg_put_u64(&m, number);
	msg_put_u64(&m, life_stamp(c));
	l->told_watch = false;
	life_answer(l->keeper, &m);
}

static void edit(struct life *l, struct life_cert *c, uint32_t drawn)
{
	if (c->live.number == 0)
		return;
	c->changes++;
	if (drawn % 3 == 0)
		c->broken = c->excused = true;
	else
		c->edited = true;
	tell_changed(l, c);
}

static const struct {
	enum life_step step;
	enum command command;
	unsigned flags;
} asked[] = {
	{ STEP_ANEW, COMMAND_AGENT, 0 },
	{ STEP_RENEW, COMMAND_RENEW, REQUEST_FORCE },
	{ STEP_REVOKE, COMMAND_REVOKE, REQUEST_YES },
	{ STEP_ROLLBACK, COMMAND_ROLLBACK, 0 },
	{ STEP_FORGET, COMMAND_FORGET, REQUEST_YES },
	{ STEP_STATUS, COMMAND_STATUS, REQUEST_JSON },
};

bool life_step(struct life *l, const struct life_event *ev)
{
	struct life_cert *c = &l->certs[ev->cert];
	const unsigned replace =
	    ev->value == STEP_REVOKE && ev->drawn % 2 == 0 ? REQUEST_REPLACE : 0;

	l->n_steps++;
	switch (ev->value) {
	case STEP_KILL:
		l->kill_in = 1 + (int)(ev->drawn / 2 % (ev->drawn % 3 == 0 ? 10 : 200));
		l->kill_all = ev->drawn % 2 == 0;
		return true;
	case STEP_FULL:
	case STEP_ROOM:
		l->full = ev->value == STEP_FULL;
		l->was_full = l->was_full || l->full;
		return true;
	case STEP_HOOK_BAD:
	case STEP_HOOK_WELL:
		l->bad[ev->cert % LIFE_HOOKS] = ev->value == STEP_HOOK_BAD;
		return true;
	case STEP_EDIT:
		edit(l, c, ev->drawn);
		return true;
	case STEP_MEMBER:
	case STEP_NAMES:
		if (ask(l, COMMAND_AGENT, 0, ev->cert)) {
			l->anew = true;
			l->new_member = ev->value == STEP_MEMBER;
		}
		return true;
	default:
		for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++)
			if (asked[i].step == (enum life_step)ev->value)
				(void)ask(l, asked[i].command, asked[i].flags | replace,
					  ev->cert);
		return true;
	}
}

/* -- the agent -- */

static void put_config(const struct life *l, struct buf *text)
{
	static const char *const issuers[] = { "\"own\"", "\"plain\"",
					       "[ \"plain\", \"suggests\" ]",
					       "\"suggests\"" };
	const char *between = "";

	buf_puts(text, "hooks = ( { name = \"h0\"; run = [ \"/bin/true\" ]; },\n"
		       " { name = \"h1\"; run = [ \"/bin/true\" ]; "
		       "test = [ \"/bin/true\" ]; } );\ncertificates = (");
	for (unsigned i = 0; i < l->n_certs; i++) {
		const struct life_cert *c = &l->certs[i];

		if (c->absent)
			continue;
		buf_printf(text,
			   "%s { name = \"%s\"; names = [ \"%s\"%s%s%s ]; issuer = %s; "
			   "hooks = [ \"h0\", \"h1\" ]; }",
			   between, c->name, c->names, c->wide ? ", \"w-" : "",
			   c->wide ? c->names : "", c->wide ? "\"" : "",
			   issuers[life_kind(l, i) - 4]);
		between = ",\n";
	}
	buf_puts(text, " );\n");
}

static void change_config(struct life *l, struct life_cert *c)
{
	if (l->new_member)
		c->absent = !c->absent;
	else
		c->wide = !c->wide;
	c->excused = true;
	c->since = life_now(l);
}

/* What the one before has left behind is nobody's. */
static void clear(struct life *l)
{
	l->keeper = l->super = -1;
	l->in = (struct msg)MSG_NONE;
	l->busy = l->told_watch = false;
	for (int i = 0; i < LIFE_WORKERS; i++)
		l->workers[i] = (struct life_worker){ .fd = -1, .at = INT64_MAX };
}

bool life_steps_next(struct life *l, struct buf *config)
{
	clear(l);
	l->was_full = l->full;
	if (life_host(l) > l->latest)
		l->latest = life_host(l);
	if (l->true_ms >= l->end_ms)
		return false;
	if (!l->again)
		l->run++;
	if (!l->again && l->has_next)
		l->asked_for = l->next;
	else if (!l->again)
		l->asked_for = (struct life_ask){ .command = COMMAND_AGENT };
	if (!l->again && l->has_next && l->anew)
		change_config(l, &l->certs[l->asked_for.cert]);
	if (l->n_starts == 0 || (!l->again && l->has_next && l->anew))
		put_config(l, config);
	if (!l->again)
		l->has_next = l->anew = false;
	if (!l->again)
		l->number_before = l->certs[l->asked_for.cert].live.number;
	return true;
}

void life_steps_ask(struct life *l, struct request *r, const char **name)
{
	const struct life_ask *ask = &l->asked_for;
	struct life_cert *c = &l->certs[ask->cert];

	r->command = ask->command;
	r->flags = ask->flags | (l->again ? REQUEST_AGAIN : 0) |
		   (l->swept ? REQUEST_SWEEP : 0);
	r->run = l->run;
	r->reason = ask->command == COMMAND_REVOKE ? 4 : 0;
	*name = c->name;
	if (ask->command == COMMAND_AGENT || ask->command == COMMAND_STATUS)
		return;
	r->names = name;
	r->n_names = 1;
	c->excused = true;
}

bool life_steps_call(struct life *l)
{
	if (l->kill_in == 0 || --l->kill_in > 0)
		return !l->full;
	l->killed = true;
	raise(SIGKILL);
	return false;
}

static bool may_end(const struct life *l, int status)
{
	return l->asked_for.command != COMMAND_AGENT
		   ? status < EXIT_SANDBOX || status == EXIT_AGAIN
	       : l->stopping ? status <= 1
			     : l->was_full;
}

void life_steps_ended(struct life *l, int status, const char *text)
{
	const bool killed =
	    WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && l->killed;
	const bool daemon = l->asked_for.command == COMMAND_AGENT;

	if (!killed && (!WIFEXITED(status) || !may_end(l, WEXITSTATUS(status))))
		life_wrong(l, NULL, "the agent ended badly");
	l->n_kills += killed;
	l->again = (killed && !l->kill_all) ||
		   (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_AGAIN);
	l->swept = killed || l->again;
	l->killed = false;
	life_model_look(l);
	if (l->asked_for.command == COMMAND_STATUS && !killed && !l->was_full)
		life_model_status(l, text);
	if (!daemon && !killed && !l->again)
		life_model_done(l, WEXITSTATUS(status));
	clear(l);
	if (!killed && !l->stopping && daemon)
		life_idle(l, l->true_ms + ANEW_MS);
}

/* -- its peers -- */

static bool no_room(const struct life *l, struct msg *in)
{
	struct err e;

	if (!l->full || (in->type != KEEPER_KEY && in->type != KEEPER_STORE &&
			 in->type != KEEPER_LIVE && in->type != KEEPER_FORGET &&
			 in->type != KEEPER_CA_REVOKE && in->type != KEEPER_ISSUE))
		return false;
	errno = ENOSPC;
	err_sys(&e, "write");
	life_fail(l->keeper, in->id, &e);
	return true;
}

static void forget(struct life *l, const char *name)
{
	struct err e;

	for (size_t i = 0; i < l->n_certs; i++) {
		struct life_cert *c = &l->certs[i];

		if (strcmp(c->name, name) != 0)
			continue;
		if (!c->absent)
			life_wrong(l, c, "is forgotten, and is in the configuration");
		c->live = (struct life_set){ .number = 0 }; /* what goes first */
		if (generation_forget(l->dir, name, &e) < 0)
			abort();
		c->stored = c->to_revoke = c->revoked = c->read = 0;
		c->edited = c->broken = false;
		memset(c->hooked, 0, sizeof(c->hooked));
		memset(c->ordered_at, 0, sizeof(c->ordered_at));
		c->window.until = 0;
		c->id[0] = '\0';
	}
}

static void lend(struct life *l, struct msg *in)
{
	const uint64_t what = msg_get_u64(in);

	if (what >= LENDS || !lend_revokes((enum lend)what))
		return;
	(void)msg_get_u64(in);
	l->revoking = (unsigned)(life_cert_at(l, msg_get_u64(in)) - l->certs);
	l->revoking_number = msg_get_u64(in);
}

int life_steps_keep(struct life *l, struct msg *in)
{
	if (no_room(l, in))
		return -1;
	switch (in->type) {
	case KEEPER_WATCH:
		l->told_watch = true;
		return 1;
	case KEEPER_FORGET:
		forget(l, msg_get_str(in));
		return 1;
	case KEEPER_LEND:
		lend(l, in);
		return 1;
	case KEEPER_CA_REVOKE:
		(void)msg_get_u64(in);
		life_model_revoked(l, msg_get_str(in));
		return 1;
	}
	return 0;
}

/* Which certificates, as their names in a line. */
static bool is_named(const char *names, const char *name)
{
	return strstr(names, name) != NULL;
}

void life_steps_hook(struct life *l, struct msg *in)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const uint64_t hook = msg_get_u64(in), is_test = msg_get_u64(in);
	const char *event = msg_get_str(in);
	const int fd = msg_take_fd(in);
	bool ok = !l->bad[hook % LIFE_HOOKS];
	const char *names;

	if (fd >= 0)
		close(fd);
	(void)msg_get_u64(in);
	names = msg_get_str(in);
	ok = ok && !(is_test && life_draw(l, 20) == 0);
	for (size_t i = 0; ok && !is_test && i < l->n_certs; i++)
		if (is_named(names, l->certs[i].name) &&
		    (strcmp(event, "installed") == 0 ||
		     strcmp(event, "rolled-back") == 0))
			l->certs[i].hooked[hook] = l->certs[i].live.number;
	msg_begin(&m, SUP_HOOK, in->id);
	msg_put_u64(&m, ok);
	msg_put_u64(&m, 0);
	msg_put_i64(&m, 10);
	msg_put_str(&m, ok ? "" : "exit status 1");
	life_answer(l->super, &m);
}

void life_steps_revoke(struct life *l, struct life_worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;

	w->at = INT64_MAX;
	if (!life_ca_is_there(l, w->ca)) {
		life_be_away(l, w);
		return;
	}
	l->certs[l->revoking].revoked = l->revoking_number;
	msg_begin(&m, WORKER_REVOKE, w->id);
	life_answer(w->fd, &m);
}
