#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/crlwatch.h"
#include "agent/hookcall.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/rule/schedule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"

static bool is_told(const struct agent *a, uint32_t hook, uint32_t event)
{
	return (a->spec->hooks[hook].on & 1u << event) != 0;
}

void crlwatch_owe(struct crl *c)
{
	for (uint32_t i = 0; i < c->spec->hooks.n; i++)
		c->hooked[i] = false;
	c->memory.loaded = 0;
	c->memory.hook_at = 0;
	c->memory.hook_failures = 0;
	crlwatch_put(c);
}

/* -- whether it is loaded -- */

bool crlwatch_owes(const struct crl *c)
{
	return c->memory.written != 0 && c->memory.loaded != c->memory.written;
}

/* When what is loaded has to be loaded anew although nobody else is revoked. */
static int64_t load_at(const struct crl *c)
{
	const struct crl_memory *m = &c->memory;

	return !c->wanted || crlwatch_owes(c)
		   ? INT64_MAX
		   : crl_load_at(m->loaded_until, crlwatch_from(c), m->written_until);
}

static void see_whether_loaded(struct crl *c)
{
	const uint32_t *hooks = c->agent->spec->numbers + c->spec->hooks.first;

	if (!crlwatch_owes(c))
		return;
	for (uint32_t i = 0; i < c->spec->hooks.n; i++)
		if (!c->hooked[i] && is_told(c->agent, hooks[i], EVENT_CRL_UPDATED))
			return;
	c->memory.loaded = c->memory.written;
	c->memory.loaded_until = c->memory.written_until;
	c->memory.hook_failures = 0;
	crlwatch_put(c);
}

/* The place of `hook` in the list of `c`, or its length. */
static uint32_t place_of(const struct crl *c, uint32_t hook)
{
	const uint32_t *numbers = c->agent->spec->numbers + c->spec->hooks.first;
	uint32_t i = 0;

	while (i < c->spec->hooks.n && numbers[i] != hook)
		i++;
	return i;
}

static void mark(struct crl *c, uint32_t hook, const char *failed)
{
	struct crl_memory *m = &c->memory;
	const int64_t now = clock_now();

	if (failed == NULL) {
		c->hooked[place_of(c, hook)] = true;
		see_whether_loaded(c);
		return;
	}
	c->given_up = c->agent->request->command != COMMAND_AGENT;
	m->hook_failures++;
	m->hook_at = schedule_retry_at(ERR_HOOK, m->hook_failures, now, m->loaded_until,
				       agent_draw(c->agent, c->name));
	agent_tell(c->agent, c->name, "hook-failed", 0, failed);
	c->agent->n_failed++;
	crlwatch_put(c);
}

/* -- running them -- */

enum begun { BEGUN, NOTHING_TO_RUN, NOT_BEGUN };

static enum begun start(struct agent *a, char **why);

static void on_ended(void *arg, uint32_t number, struct msg *m,
		     const struct err *failed)
{
	struct agent *a = arg;
	struct crlwatch *w = a->crls;
	const char *hook = spec_text(a->spec, a->spec->hooks[number].name);
	AUTO_FREE char *why = NULL;
	bool joined = false;

	w->hooking = false;
	if (failed != NULL) {
		why = xasprintf("hook %s: %s", hook, failed->text);
	} else {
		const bool ok = msg_get_u64(m) != 0;

		joined = msg_get_u64(m) != 0;
		(void)msg_get_i64(m);
		if (!ok)
			why = xasprintf("hook %s: %s", hook, msg_get_str(m));
	}
	if (!w->testing)
		why == NULL ? a->hooked[number].ok++ : a->hooked[number].failed++;
	agent_pass(a);
	/* What ran before it was asked for may have read what was there before. */
	if (why == NULL && (w->testing || joined)) {
		w->testing = w->testing && joined;
		if (start(a, &why) == BEGUN)
			return;
	}
	for (size_t i = 0; w->event == EVENT_CRL_UPDATED && i < w->n_called; i++)
		mark(w->called[i], number, why);
	if (w->event == EVENT_CRL_STALE && why != NULL)
		log_error("%s", why);
}

/* *why, owned: why not, where it should. */
static enum begun start(struct agent *a, char **why)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct crlwatch *w = a->crls;
	const struct spec_hook *h = &a->spec->hooks[w->hook];
	const struct hookcall call = { .hook = w->hook,
				       .test = w->testing,
				       .event = w->event,
				       .crls = w->called,
				       .n_crls = w->n_called };
	struct err e;

	if ((w->testing ? h->test.n : h->run.n) == 0)
		return NOTHING_TO_RUN;
	if (hookcall_put(a, &call, &m, &e) < 0) {
		*why = xasprintf("hook %s: it could not be started: %s",
				 spec_text(a->spec, h->name), e.text);
		return NOT_BEGUN;
	}
	w->hooking = true;
	link_call(&a->super, &m, on_ended, w->hook);
	return BEGUN;
}

/* With its test first, where it has one. */
static bool run(struct agent *a, uint32_t hook, uint32_t event)
{
	struct crlwatch *w = a->crls;
	AUTO_FREE char *why = NULL; /* NULL: it has nothing to run */

	w->hook = hook;
	w->event = event;
	w->testing = event == EVENT_CRL_UPDATED && a->spec->hooks[hook].test.n > 0;
	if (start(a, &why) == BEGUN)
		return true;
	for (size_t i = 0; event == EVENT_CRL_UPDATED && i < w->n_called; i++)
		mark(w->called[i], hook, why);
	if (event == EVENT_CRL_STALE && why != NULL)
		log_error("%s", why);
	return false;
}

static bool is_owed(const struct crl *c, uint32_t hook, int64_t now)
{
	const uint32_t place = place_of(c, hook);
	const bool asked = c->agent->request->command == COMMAND_CRL;

	return c->wanted && !c->given_up && crlwatch_owes(c) &&
	       (asked || c->memory.hook_at <= now) && place < c->spec->hooks.n &&
	       !c->hooked[place] && is_told(c->agent, hook, EVENT_CRL_UPDATED);
}

static bool run_owed(struct agent *a, int64_t now)
{
	struct crlwatch *w = a->crls;

	for (uint32_t hook = 0; hook < a->spec->n[SPEC_HOOKS]; hook++) {
		w->n_called = 0;
		for (size_t i = 0; i < w->n; i++)
			if (is_owed(&w->crls[i], hook, now))
				w->called[w->n_called++] = &w->crls[i];
		if (w->n_called > 0 && run(a, hook, EVENT_CRL_UPDATED))
			return true;
	}
	return false;
}

/* Each hook is told once. */
static bool run_stale(struct agent *a)
{
	struct crlwatch *w = a->crls;

	for (; w->stale_at < a->spec->n[SPEC_HOOKS]; w->stale_at++) {
		const uint32_t hook = w->stale_at;

		w->n_called = 0;
		for (size_t i = 0; i < w->n && is_told(a, hook, EVENT_CRL_STALE); i++)
			if (w->crls[i].stale != NULL &&
			    place_of(&w->crls[i], hook) < w->crls[i].spec->hooks.n)
				w->called[w->n_called++] = &w->crls[i];
		if (w->n_called > 0 && run(a, hook, EVENT_CRL_STALE)) {
			w->stale_at++;
			return true;
		}
	}
	for (size_t i = 0; i < w->n; i++) {
		free(w->crls[i].stale);
		w->crls[i].stale = NULL;
	}
	w->stale_at = 0;
	return false;
}

bool crlwatch_hooks(struct agent *a, int64_t *next)
{
	struct crlwatch *w = a->crls;
	const int64_t now = clock_now();
	bool any = false;

	*next = INT64_MAX;
	if (w->hooking || a->stopping || agent_cut_off(a))
		return w->hooking;
	for (size_t i = 0; i < w->n; i++) {
		struct crl *c = &w->crls[i];

		if (c->looking)
			return false;
		if (load_at(c) <= now)
			crlwatch_owe(c);
		see_whether_loaded(c);
		*next = clock_sooner(*next, load_at(c));
		any = any || (c->wanted && crlwatch_owes(c)) || c->stale != NULL;
	}
	if (!any)
		return false;
	if (run_owed(a, now) || run_stale(a))
		return true;
	for (size_t i = 0; i < w->n; i++)
		if (w->crls[i].wanted && crlwatch_owes(&w->crls[i]))
			*next = clock_sooner(*next, w->crls[i].memory.hook_at);
	return false;
}
