#include "agent/alarm.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/alarm_owed.h"
#include "agent/hookcall.h"
#include "agent/job.h"
#include "agent/revoked.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/rootwatch.h"
#include "agent/strangers.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"

#define ALARM_WAIT_MS 30000

/* In this order; the last two are of no certificate. */
static const uint32_t events[] = { EVENT_DRIFT,       EVENT_FAILED,  EVENT_NOT_SERVED,
				   EVENT_EXPIRING,    EVENT_REVOKED, EVENT_CLOCK,
				   EVENT_ROOT_REFUSED };

#define N_EVENTS (sizeof(events) / sizeof(*events))

static bool has_hook(const struct job *j, uint32_t hook)
{
	for (uint32_t k = 0; k < j->spec->hooks.n; k++)
		if (j->hooks[k].number == hook)
			return true;
	return false;
}

bool alarm_keep(struct agent *a, struct job *j)
{
	for (uint32_t k = 0; k < j->spec->hooks.n; k++) {
		if ((a->spec->hooks[j->hooks[k].number].on & j->alarms) == 0)
			continue;
		j->since_ms = clock_boot_ms();
		j->next = a->alarms;
		a->alarms = j;
		return true;
	}
	return false;
}

/* Each event to each hook, one after the other. */
static uint32_t event_at(const struct agent *a, uint32_t at)
{
	return events[at / a->spec->n[SPEC_HOOKS]];
}

static bool tell(struct agent *a, uint32_t hook, uint32_t event);

static void on_told(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	const char *hook = spec_text(a->spec, a->spec->hooks[number].name);
	const bool ok = failed == NULL && msg_get_u64(m) != 0;
	const bool joined = failed == NULL && msg_get_u64(m) != 0;

	a->alarming = false;
	if (joined && tell(a, number, event_at(a, a->alarm_at - 1)))
		return; /* what ran was about something else */
	if (failed != NULL) {
		log_error("hook %s: %s", hook, failed->text);
	} else if (ok) {
		a->hooked[number].ok++;
	} else {
		a->hooked[number].failed++;
		(void)msg_get_i64(m);
		log_error("hook %s: %s", hook, msg_get_str(m));
	}
	agent_pass(a);
}

/* False: it is not told of that, or there is nothing to tell. */
static bool tell(struct agent *a, uint32_t hook, uint32_t event)
{
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FREE struct job **jobs = NULL;
	struct hookcall call = { .hook = hook, .event = event };
	size_t n = 0;
	struct err e;

	if ((a->spec->hooks[hook].on & 1u << event) == 0)
		return false;
	if (event == EVENT_CLOCK)
		call.error = a->clock_words;
	if (event == EVENT_ROOT_REFUSED)
		call.error = rootwatch_words(a);
	if (event == EVENT_EXPIRING)
		call.strangers = &a->strangers->telling;
	for (const struct job *j = a->telling; j != NULL; j = j->next)
		n++;
	jobs = xcalloc(n, sizeof(struct job *));
	for (struct job *j = a->telling; j != NULL; j = j->next)
		if ((j->alarms & 1u << event) != 0 && has_hook(j, hook))
			jobs[call.n_jobs++] = j;
	call.jobs = jobs;
	if (call.n_jobs == 0 && call.error == NULL &&
	    (call.strangers == NULL || call.strangers->n == 0))
		return false;
	if (hookcall_put(a, &call, &m, &e) < 0) {
		log_error("hook: %s", e.text);
		return false;
	}
	a->alarming = true;
	link_call(&a->super, &m, on_told, hook);
	return true;
}

static void free_list(struct job **list)
{
	while (*list != NULL) {
		struct job *j = *list;

		*list = j->next;
		job_free(j);
	}
}

/* But by one who is cut off: nobody knows. */
static void remember_told(struct agent *a)
{
	for (const struct job *j = a->telling; j != NULL && !agent_cut_off(a);
	     j = j->next)
		if ((j->alarms & 1u << EVENT_REVOKED) != 0)
			revoked_told(a, j->name, j->generation);
}

static bool is_telling(const struct agent *a)
{
	return a->telling != NULL || a->clock_words != NULL ||
	       rootwatch_words(a) != NULL || a->strangers->telling.n > 0;
}

bool alarm_next(struct agent *a)
{
	const uint32_t n = a->spec->n[SPEC_HOOKS];

	if (a->alarming)
		return true;
	if (a->alarm_at == 0) { /* what comes from now on is told afterwards */
		a->telling = a->alarms;
		a->alarms = NULL;
		strangers_telling(a);
		alarm_owed_telling(a);
	}
	while (is_telling(a) && a->alarm_at < N_EVENTS * n) {
		uint32_t at = a->alarm_at++;

		if (tell(a, at % n, event_at(a, at)))
			return true;
	}
	remember_told(a);
	alarm_owed_told(a);
	free_list(&a->telling);
	strangers_told(a);
	free(a->clock_words);
	a->clock_words = NULL;
	rootwatch_told(a);
	a->alarm_at = 0;
	return (a->alarms != NULL || a->strangers->alarms.n > 0) && alarm_next(a);
}

void alarm_check(struct agent *a)
{
	const struct job *first = a->alarms;

	if (a->request->command != COMMAND_AGENT || a->stopping || agent_cut_off(a))
		return;
	while (first != NULL && first->next != NULL)
		first = first->next;
	if (a->alarm_at != 0 ||
	    (first != NULL && clock_boot_ms() - first->since_ms > ALARM_WAIT_MS))
		(void)alarm_next(a);
}

void alarm_free(struct agent *a)
{
	free_list(&a->telling);
	free_list(&a->alarms);
	alarm_owed_free(a);
	free(a->clock_words);
	a->clock_words = NULL;
}
