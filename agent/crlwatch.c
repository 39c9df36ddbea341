#include "agent/crlwatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/state/state_alarm.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

/* -- what is known -- */

int64_t crlwatch_from(const struct crl *c)
{
	int64_t from = 0;

	for (uint32_t i = 0; i < c->n_cas; i++)
		if (c->cas[i].part.this_update > from)
			from = c->cas[i].part.this_update;
	return from;
}

int64_t crlwatch_until(const struct crl *c)
{
	int64_t until = 0;

	for (uint32_t i = 0; i < c->n_cas; i++) {
		const int64_t at = c->cas[i].part.next_update;

		if (at != 0 && (until == 0 || at < until))
			until = at;
	}
	return until;
}

uint64_t crlwatch_entries(const struct crl *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->n_cas; i++)
		n += c->cas[i].part.n_entries;
	return n;
}

/* They are told to read the newer one first, and only what fails is late. */
static enum crl_age loaded_age(const struct crl *c, int64_t now, int64_t *next)
{
	const struct crl_memory *m = &c->memory;
	const enum crl_age age = crl_loaded_age(m->loaded_until, crlwatch_from(c),
						crlwatch_until(c), now, next);

	return age == CRL_OLD && m->hook_failures == 0 ? CRL_FRESH : age;
}

enum crl_age crlwatch_age(const struct crl *c, int64_t now, int64_t *next)
{
	enum crl_age worst = CRL_FRESH, age;
	int64_t at;

	*next = INT64_MAX;
	for (uint32_t i = 0; i < c->n_cas; i++) {
		const struct crl_part *p = &c->cas[i].part;

		age = crl_age(p->this_update, p->next_update, now, &at);
		worst = age > worst ? age : worst;
		*next = clock_sooner(*next, at);
	}
	age = loaded_age(c, now, &at);
	*next = clock_sooner(*next, at);
	return age > worst ? age : worst;
}

void crlwatch_put(struct crl *c)
{
	struct agent *a = c->agent;
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_crl_put(a->state, c->name, &c->memory, &e) < 0)
		log_error("%s: remember: %s", c->name, e.text);
}

/* -- beginning and end -- */

static struct crl *crl_called(const struct agent *a, const char *name)
{
	for (size_t i = 0; i < a->crls->n; i++)
		if (strcmp(a->crls->crls[i].name, name) == 0)
			return &a->crls->crls[i];
	return NULL;
}

static int take_memory(void *arg, const char *name, const struct crl_memory *m)
{
	struct crl *c = crl_called(arg, name);

	if (c != NULL)
		c->memory = *m;
	else
		buf_add(&((struct agent *)arg)->crls->gone, name, strlen(name) + 1);
	return 0;
}

/* Which CAs there are is asked again with the next look. */
static int take_part(void *arg, const char *name, const struct crl_part *p)
{
	struct crl *c = crl_called(arg, name);

	if (c != NULL && c->n_cas < LIMIT_CHAIN_CERTS)
		c->cas[c->n_cas++].part = *p;
	return 0;
}

int crlwatch_choose(struct agent *a, struct err *e)
{
	const struct request *r = a->request;
	const bool named = r->command == COMMAND_CRL && r->n_names > 0;

	for (size_t i = 0; i < a->crls->n; i++)
		a->crls->crls[i].wanted = !named;
	for (size_t i = 0; named && i < r->n_names; i++) {
		struct crl *c = crl_called(a, r->names[i]);

		if (c == NULL) {
			a->status = EXIT_NO_NAME;
			return err_set(e, ERR_CONFIG,
				       "%s: no CRL has that name; `everleaf crl` lists "
				       "them",
				       r->names[i]);
		}
		c->wanted = true;
	}
	return 0;
}

int crlwatch_load(struct agent *a, struct err *e)
{
	a->crls = xcalloc(1, sizeof(*a->crls));
	a->crls->n = a->spec->n[SPEC_CRLS];
	a->crls->crls = xcalloc(a->crls->n, sizeof(*a->crls->crls));
	a->crls->called = xcalloc(a->crls->n, sizeof(struct crl *));
	for (uint32_t i = 0; i < a->crls->n; i++) {
		struct crl *c = &a->crls->crls[i];

		c->agent = a;
		c->spec = &a->spec->crls[i];
		c->name = spec_text(a->spec, c->spec->name);
		c->number = i;
		c->staging = -1;
		c->aged = true; /* as far as is known */
		c->hooked = xcalloc(c->spec->hooks.n, sizeof(*c->hooked));
	}
	TRY(state_crl_each(a->state, take_memory, a, e));
	TRY(state_crl_part_each(a->state, take_part, a, e));
	return crlwatch_choose(a, e);
}

void crlwatch_free(struct agent *a)
{
	if (a->crls == NULL)
		return;
	for (size_t i = 0; i < a->crls->n; i++) {
		struct crl *c = &a->crls->crls[i];

		for (size_t k = 0; k < LIMIT_CHAIN_CERTS; k++)
			crlwatch_ca_done(&c->cas[k]);
		auto_fd_(&c->staging);
		free(c->hooked);
		free(c->stale);
	}
	buf_done(&a->crls->gone);
	free(a->crls->crls);
	free(a->crls->called);
	free(a->crls);
	a->crls = NULL;
}

/* -- when -- */

/* Whom a person asks to look, looks at once; others do when it is time. */
static int64_t moment(const struct crl *c)
{
	const struct request *r = c->agent->request;

	if (r->command == COMMAND_CRL)
		return INT64_MIN;
	/* Nobody waits that long: the clock was wrong. */
	if (c->memory.look_at > clock_now() + 2 * CRL_LOOK_S + 86400)
		return INT64_MIN;
	return c->memory.look_at;
}

#define CA_LOOK_S 60

/* An embedded CA is made when it is first used: there is nothing to be verified by before.
 * One that was there and is gone is a failure. */
static bool is_ca_made(const struct crl *c)
{
	const struct spec *s = c->agent->spec;
	const char *path = spec_text(s, c->spec->ca);
	const char *state = spec_text(s, s->global->state_dir);
	struct stat st;

	return path == NULL || c->n_cas > 0 ||
	       strncmp(path, state, strlen(state)) != 0 || stat(path, &st) == 0 ||
	       errno != ENOENT;
}

/* Which commands are about CRLs at all. */
static bool looks(const struct agent *a)
{
	switch (a->request->command) {
	case COMMAND_AGENT:
	case COMMAND_CRL:
		return true;
	case COMMAND_RENEW:
		return a->request->n_names == 0;
	case COMMAND_STATUS:
	case COMMAND_PLAN:
	case COMMAND_CHECK:
	case COMMAND_HISTORY:
	case COMMAND_ROLLBACK:
	case COMMAND_FORGET:
	case COMMAND_CA_INIT:
	case COMMAND_CA_SIGN:
	case COMMAND_CA_REVOKE:
	case COMMAND_CA_CRL:
	case COMMAND_CA_ROLLOVER:
	case COMMAND_ACCOUNT:
	case COMMAND_REVOKE:
	case COMMAND_INSPECT:
	case COMMANDS:
		break;
	}
	return false;
}

static char *describe_age(const struct crl *c, enum crl_age age)
{
	static const char *const words[] = {
		[CRL_FRESH] = "",
		[CRL_LATE] = "half of its life is over, and no newer one has come",
		[CRL_OLD] = "a quarter of its life is left, and no newer one has come",
		[CRL_OVER] = "it has ended: servers may refuse every client",
	};
	const char *error = c->memory.last_error;
	char at[TEXT_TIME_MAX];
	const int64_t now = clock_now();
	int64_t next;

	if (loaded_age(c, now, &next) == age && crlwatch_until(c) > now &&
	    c->memory.loaded_until < crlwatch_until(c))
		return xasprintf("servers have loaded one that ends at %s, and not the "
				 "newer one%s%s",
				 text_time(at, c->memory.loaded_until),
				 error[0] == '\0' ? "" : ": ", error);
	return xasprintf("%s (until %s)%s%s", words[age],
			 text_time(at, crlwatch_until(c)), error[0] == '\0' ? "" : ": ",
			 error);
}

/* Its next time is a change. */
static void forget_age(struct crl *c, const char *key)
{
	struct agent *a = c->agent;
	struct err e;

	if (c->aged &&
	    (agent_write(a, &e) < 0 || state_alarm_over(a->state, key, &e) < 0))
		log_error("%s: remember: %s", c->name, e.text);
	c->aged = false;
}

/* Returns when there is something to tell again. */
static int64_t look_at_age(struct crl *c, int64_t now)
{
	struct agent *a = c->agent;
	AUTO_FREE char *key = xasprintf("crl:%s", c->name);
	int64_t next, again;
	const enum crl_age age = crlwatch_age(c, now, &next);

	if (age == CRL_FRESH) {
		forget_age(c, key);
		return next;
	}
	c->aged = true;
	if (alarm_admit(a, key, "crl-stale", age, &again)) {
		free(c->stale);
		c->stale = describe_age(c, age);
		agent_tell(a, c->name, "crl-stale", 0, c->stale);
	}
	return clock_sooner(next, again);
}

static void on_forgotten(void *arg, uint32_t at, struct msg *m,
			 const struct err *failed)
{
	struct agent *a = arg;
	const char *name = a->crls->gone.data + at;
	struct err e;

	(void)m;
	a->crls->n_going--;
	if (failed != NULL)
		log_error("%s: forget: %s", name, failed->text);
	else if (agent_write(a, &e) < 0 || state_crl_drop(a->state, name, &e) < 0)
		log_error("%s: forget: %s", name, e.text);
	agent_pass(a);
}

/* Who comes back begins anew. */
static void forget_gone(struct agent *a)
{
	const struct buf *gone = &a->crls->gone;

	a->crls->forgot = true;
	for (size_t at = 0; at < gone->len; at += strlen(gone->data + at) + 1) {
		AUTO_MSG struct msg m = MSG_NONE;

		msg_begin(&m, KEEPER_CRL_FORGET, 0);
		msg_put_str(&m, gone->data + at);
		a->crls->n_going++;
		link_call(&a->keeper, &m, on_forgotten, (uint32_t)at);
	}
}

int64_t crlwatch_turn(struct agent *a)
{
	const bool stays = a->request->command == COMMAND_AGENT;
	const int64_t now = clock_now();
	int64_t next = INT64_MAX;

	if (looks(a) && !a->crls->forgot && !agent_cut_off(a))
		forget_gone(a);
	for (size_t i = 0; looks(a) && !a->stopping && !agent_cut_off(a) &&
			   !a->clock.wrong && i < a->crls->n;
	     i++) {
		struct crl *c = &a->crls->crls[i];

		if (c->looking || !c->wanted)
			continue;
		if (!is_ca_made(c)) {
			next = clock_sooner(next, now + CA_LOOK_S);
			continue;
		}
		if (!c->tried && moment(c) <= now) {
			crlwatch_look(c);
			continue;
		}
		next = clock_sooner(next, look_at_age(c, now));
		if (!c->tried)
			next = clock_sooner(next, moment(c));
	}
	return stays ? next : INT64_MAX;
}

bool crlwatch_busy(const struct agent *a)
{
	if (a->stopping)
		return false;
	for (size_t i = 0; i < a->crls->n; i++)
		if (a->crls->crls[i].looking)
			return true;
	return a->crls->hooking || a->crls->n_going > 0;
}

static void tell_unlooked(struct agent *a, const struct crl *c)
{
	const unsigned n = c->memory.failures;
	char at[TEXT_TIME_MAX];

	a->n_failed++;
	log_error("%s: its CRL is not looked for again before %s, after %u failure%s "
		  "in a row, the last of which was: %s; `everleaf crl %s --update` "
		  "does it now",
		  c->name, text_time(at, c->memory.look_at), n, n == 1 ? "" : "s",
		  c->memory.last_error, c->name);
}

static void tell_unloaded(struct agent *a, const struct crl *c)
{
	const unsigned n = c->memory.hook_failures;
	char at[TEXT_TIME_MAX];

	a->n_failed++;
	log_error("%s: its hooks are not run again before %s, after %u failure%s in a "
		  "row (`everleaf history %s`); `everleaf crl %s --update` runs them "
		  "now",
		  c->name, text_time(at, c->memory.hook_at), n, n == 1 ? "" : "s",
		  c->name, c->name);
}

void crlwatch_tell_waiting(struct agent *a)
{
	for (size_t i = 0; looks(a) && i < a->crls->n; i++) {
		const struct crl *c = &a->crls->crls[i];

		if (!c->wanted)
			continue;
		if (!c->tried && c->memory.failures > 0)
			tell_unlooked(a, c);
		if (!c->given_up && c->memory.hook_failures > 0 && crlwatch_owes(c))
			tell_unloaded(a, c);
	}
}
