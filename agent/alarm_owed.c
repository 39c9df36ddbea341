#include "agent/alarm_owed.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/job.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/state/state_alarm.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct debt {
	char *name; /* owned */
	const char *what;
	uint64_t kind;
	bool telling;
};

struct alarm_owed {
	int64_t mark; /* told_at of what this agent owes, below 0 */
	struct debt *all;
	size_t n, room;
};

static struct alarm_owed *of(struct agent *a)
{
	if (a->owed == NULL) {
		a->owed = xcalloc(1, sizeof(*a->owed));
		a->owed->mark = -clock_now_ms();
	}
	return a->owed;
}

static void add(struct alarm_owed *o, const char *name, const char *what, uint64_t kind)
{
	if (o->n == o->room) {
		o->room = o->room == 0 ? 16 : 2 * o->room;
		o->all = xrealloc(o->all, o->room, sizeof(*o->all));
	}
	o->all[o->n++] =
	    (struct debt){ .name = xstrdup(name), .what = what, .kind = kind };
}

void alarm_owe(struct agent *a, const char *name, const char *what, uint64_t kind)
{
	struct alarm_owed *o = of(a);
	const struct alarm_row row = { .kind = kind, .told_at = o->mark };
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_alarm_put(a->state, name, what, &row, &e) < 0)
		log_error("%s: remember: %s", name, e.text);
	add(o, name, what, kind);
}

bool alarm_is_owed(const struct agent *a, const struct alarm_row *row, uint64_t kind)
{
	return a->owed != NULL && row->kind == kind && row->told_at == a->owed->mark;
}

/* -- telling -- */

static bool is_on_its_way(const struct agent *a, const char *name)
{
	for (const struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->alarms != 0 && strcmp(j->name, name) == 0)
			return true;
	return false;
}

void alarm_owed_telling(struct agent *a)
{
	for (size_t i = 0; a->owed != NULL && i < a->owed->n; i++)
		a->owed->all[i].telling = !is_on_its_way(a, a->owed->all[i].name);
}

/* Unless all is well by now, or it is another matter. */
static void put_told(struct agent *a, const struct debt *d)
{
	struct alarm_row row = { .kind = 0 };
	struct err e;
	bool found;
	int rc = state_alarm_get(a->state, d->name, d->what, &row, &found, &e);

	if (rc == 0 && (!found || !alarm_is_owed(a, &row, d->kind)))
		return;
	row.told_at = clock_now();
	if (rc == 0)
		rc = agent_write(a, &e);
	if (rc == 0)
		rc = state_alarm_put(a->state, d->name, d->what, &row, &e);
	if (rc < 0)
		log_error("%s: what was told: %s", d->name, e.text);
}

/* But by one who is cut off: nobody knows. */
void alarm_owed_told(struct agent *a)
{
	struct alarm_owed *o = a->owed;
	size_t left = 0;

	if (o == NULL || agent_cut_off(a))
		return;
	for (size_t i = 0; i < o->n; i++) {
		if (!o->all[i].telling) {
			o->all[left++] = o->all[i];
			continue;
		}
		put_told(a, &o->all[i]);
		free(o->all[i].name);
	}
	o->n = left;
}

/* -- what another agent has left -- */

/* What it would be told of by nobody else before the next attempt, which may be a day away. */
static const enum hook_event agains[] = { EVENT_FAILED, EVENT_NOT_SERVED };

static int collect(void *arg, const char *name, const char *event, uint64_t kind)
{
	for (size_t k = 0; k < sizeof(agains) / sizeof(*agains); k++)
		if (strcmp(event, event_words[agains[k]]) == 0)
			add(arg, name, event_words[agains[k]], kind);
	return 0;
}

static void tell_again(struct agent *a, const struct debt *d)
{
	uint32_t event = EVENT_FAILED;
	const uint32_t i = spec_cert_called(a->spec, d->name);
	struct memory m;
	struct err e;
	bool found;

	if (i == SPEC_NOBODY)
		return;
	if (state_get(a->state, d->name, &m, &found, &e) < 0) {
		log_error("%s: what was not told: %s", d->name, e.text);
		return;
	}
	if (!found || m.last_error[0] == '\0')
		return;
	if (d->what == event_words[EVENT_NOT_SERVED])
		event = EVENT_NOT_SERVED;
	alarm_owe(a, d->name, d->what, d->kind);
	job_note(a, i, agent_due(a, i, clock_now()).why, event, m.last_error);
}

void alarm_owed_again(struct agent *a)
{
	struct alarm_owed left = { .n = 0 };
	struct err e;

	if (state_alarm_owed(a->state, collect, &left, &e) < 0)
		log_error("what hooks are still to be told: %s", e.text);
	for (size_t i = 0; i < left.n; i++) {
		tell_again(a, &left.all[i]);
		free(left.all[i].name);
	}
	free(left.all);
}

void alarm_owed_free(struct agent *a)
{
	struct alarm_owed *o = a->owed;

	if (o == NULL)
		return;
	for (size_t i = 0; i < o->n; i++)
		free(o->all[i].name);
	free(o->all);
	free(TAKE(a->owed));
}
