#include "agent/revoked.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/job.h"
#include "agent/role/log.h"
#include "agent/state/state_alarm.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* The issuer that it did not come from: a chain of that one leads to the same CA. */
static void ask_next(const struct agent *a, uint32_t i, struct memory *m)
{
	const struct list issuers = a->spec->certs[i].issuers;
	const uint32_t from = a->certs[i].issuer;

	for (uint32_t k = 0; k < issuers.n; k++)
		if (a->spec->numbers[issuers.first + k] == from)
			m->fallback = (struct fallback){ .asked = (k + 1) % issuers.n };
}

static void apply(const struct agent *a, uint32_t i, uint32_t flag, struct memory *m)
{
	m->flags |= flag;
	if (m->state != JOB_PARKED)
		m->retry_at = 0;
	if (flag == CERT_CA_REVOKED)
		ask_next(a, i, m);
}

/* A job that is under way has its own copy of what is remembered. */
static void mark(struct agent *a, uint32_t i, uint32_t flag, const struct memory *m)
{
	struct job *j = job_of_cert(a, i);
	struct cert *c = &a->certs[i];

	if (j != NULL)
		j->memory.flags |= flag;
	c->flags |= flag;
	c->asked = (uint8_t)m->fallback.asked;
	if (c->state != JOB_PARKED)
		c->retry_at = 0;
	agenda_look(a, i);
}

int revoked_remember(struct agent *a, uint32_t i, uint32_t flag, struct err *e)
{
	const char *name = agent_cert_name(a, i);
	struct memory m;
	bool found;

	TRY(agent_write(a, e));
	TRY(state_get(a->state, name, &m, &found, e));
	apply(a, i, flag, &m);
	TRY(state_put(a->state, name, &m, e));
	mark(a, i, flag, &m);
	return 0;
}

/* -- telling -- */

#define WORD event_words[EVENT_REVOKED]

static bool is_known(struct agent *a, const char *name, uint64_t generation,
		     bool *is_owed)
{
	struct alarm_row row = { .kind = 0 };
	struct err e;
	bool found;

	if (state_alarm_get(a->state, name, WORD, &row, &found, &e) < 0)
		log_error("%s: what was told: %s", name, e.text);
	found = found && row.kind == generation;
	*is_owed = found && row.told_at == 0;
	return found;
}

static void put(struct agent *a, const char *name, uint64_t generation, int64_t told_at)
{
	const struct alarm_row row = { .kind = generation, .told_at = told_at };
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_alarm_put(a->state, name, WORD, &row, &e) < 0)
		log_error("%s: remember: %s", name, e.text);
}

static void note(struct agent *a, uint32_t i, uint64_t generation, const char *text)
{
	AUTO_FREE char *words = xasprintf("generation %llu is revoked: %s",
					  (unsigned long long)generation, text);

	job_note_of(a, i, generation, WHY_REVOKED, EVENT_REVOKED, words);
}

static bool is_told(const struct agent *a, uint32_t i)
{
	const struct list hooks = a->spec->certs[i].hooks;

	for (uint32_t k = 0; k < hooks.n; k++)
		if ((a->spec->hooks[a->spec->numbers[hooks.first + k]].on &
		     1u << EVENT_REVOKED) != 0)
			return true;
	return false;
}

void revoked_tell(struct agent *a, uint32_t i, uint64_t generation, const char *text)
{
	const char *name = agent_cert_name(a, i);
	bool is_owed;

	agent_tell(a, name, WORD, generation, text);
	if (!is_told(a, i) || is_known(a, name, generation, &is_owed))
		return;
	put(a, name, generation, 0);
	note(a, i, generation, text);
}

void revoked_told(struct agent *a, const char *name, uint64_t generation)
{
	bool is_owed;

	if (is_known(a, name, generation, &is_owed) && is_owed)
		put(a, name, generation, clock_now());
}

struct owed {
	struct agent *agent;
	uint64_t generation;
	char *text; /* owned */
};

static int take_text(void *arg, const struct event *ev)
{
	struct owed *o = arg;

	if (strcmp(ev->what, WORD) != 0 || ev->generation != o->generation)
		return 0;
	free(o->text);
	o->text = xstrdup(ev->text);
	return 0;
}

/* What was said of it stands in the history. */
static int tell_again(void *arg, const char *name, const char *event,
		      uint64_t generation)
{
	struct owed o = { arg, generation, NULL };
	const uint32_t i = spec_cert_called(o.agent->spec, name);
	struct err e;

	if (strcmp(event, WORD) != 0 || i == SPEC_NOBODY)
		return 0;
	if (history_each(o.agent->state, name, take_text, &o, &e) < 0)
		log_error("%s: what was told: %s", name, e.text);
	note(o.agent, i, generation, o.text == NULL ? "" : o.text);
	free(o.text);
	return 0;
}

void revoked_again(struct agent *a)
{
	struct err e;

	if (state_alarm_owed(a->state, tell_again, a, &e) < 0)
		log_error("what hooks are still to be told: %s", e.text);
}
