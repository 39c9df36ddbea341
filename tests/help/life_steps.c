#include "tests/help/life_steps.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/role/lend.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/err.h"
#include "store/generation.h"

/* Who begins an agent again that ended by itself waits. */
#define ANEW_MS 3600000

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

/* Who is killed after the last hook, and before that is remembered, has not switched yet. */
static void look_before(struct life *l, const struct life_cert *c)
{
	l->number_before = c->live.number;
	l->was_cut = l->was_killed && c->since >= l->begun_at;
	for (int h = 0; h < LIFE_HOOKS; h++)
		l->was_cut = l->was_cut || c->hooked[h] != c->live.number;
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
		look_before(l, &l->certs[l->asked_for.cert]);
	l->begun_at = life_now(l);
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
	       : l->stopping ? status <= 1 || status == EXIT_CUT
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
	l->was_killed = killed;
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
		c->before = 0;
		c->was_back = false;
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
		life_model_revoked_serial(l, msg_get_str(in));
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
	msg_put_u64(&m, 0);
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
	life_model_revoked(&l->certs[l->revoking], l->revoking_number);
	msg_begin(&m, WORKER_REVOKE, w->id);
	life_answer(w->fd, &m);
}
