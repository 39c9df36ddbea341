#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/alarm_owed.h"
#include "agent/alarm_rule.h"
#include "agent/drift.h"
#include "agent/job.h"
#include "agent/role/log.h"
#include "agent/rule/schedule.h"
#include "agent/state/state_alarm.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

/* -- once for each change, and each day -- */

/* Not at once on all hosts that something has befallen at once. */
static int64_t repeat_at(const struct agent *a, const char *name, const char *what,
			 int64_t told_at)
{
	AUTO_FREE char *about = xasprintf("%s %s", name, what);

	return schedule_spread(told_at + ALARM_REPEAT_S, agent_draw(a, about), told_at);
}

bool alarm_admit(struct agent *a, const char *name, const char *what, uint64_t kind,
		 int64_t *next)
{
	const int64_t now = clock_now();
	struct alarm_row last = { .told_at = 0 };
	bool found, due;
	struct err e;

	if (state_alarm_get(a->state, name, what, &last, &found, &e) < 0)
		log_error("%s: what was told: %s", name, e.text);
	due = alarm_is_due(found ? &last : NULL, kind, now) &&
	      !(found && alarm_is_owed(a, &last, kind));
	if (next != NULL)
		*next = repeat_at(a, name, what,
				  last.told_at < 0 || due ? now : last.told_at);
	if (due)
		alarm_owe(a, name, what, kind);
	return due;
}

void alarm_well(struct agent *a, const char *name, const char *what)
{
	const struct alarm_row well = { .kind = 0, .told_at = clock_now() };
	struct alarm_row last;
	bool found;
	struct err e;
	int rc = state_alarm_get(a->state, name, what, &last, &found, &e);

	if (rc < 0 || !found || last.kind == 0)
		; /* nothing was told */
	else if ((rc = agent_write(a, &e)) == 0)
		rc = state_alarm_put(a->state, name, what, &well, &e);
	if (rc < 0)
		log_error("%s: remember: %s", name, e.text);
}

bool alarm_admit_words(struct agent *a, const char *name, const char *what,
		       const char *words, int64_t *next)
{
	uint8_t sum[HASH_LEN];
	uint64_t kind;

	hash_all(words, strlen(words), sum);
	memcpy(&kind, sum, sizeof(kind));
	return alarm_admit(a, name, what, kind, next);
}

/* -- of a certificate -- */

static char *describe_end(const struct agent *a, uint32_t i, int64_t now)
{
	const struct cert *c = &a->certs[i];
	char span[TEXT_SPAN_MAX], at[TEXT_TIME_MAX];
	struct memory m;
	struct err e;
	bool found;

	if (state_get(a->state, agent_cert_name(a, i), &m, &found, &e) < 0)
		m.last_error[0] = '\0';
	text_time(at, c->not_after);
	return c->not_after > now
		   ? xasprintf("it ends in %s (%s), and is not renewed yet%s%s",
			       text_span_of(span, c->not_after - now), at,
			       m.last_error[0] == '\0' ? "" : ": ", m.last_error)
		   : xasprintf("it ended at %s, and is not renewed%s%s", at,
			       m.last_error[0] == '\0' ? "" : ": ", m.last_error);
}

static int64_t look_at_end(struct agent *a, uint32_t i, int64_t now)
{
	const struct cert *c = &a->certs[i];
	const char *name = agent_cert_name(a, i);
	AUTO_FREE char *words = NULL;
	int64_t next, again;
	unsigned step;

	if (c->not_after == 0 || a->clock.wrong || a->clock.doubted)
		return INT64_MAX;
	step = alarm_step(c->not_before, c->not_after,
			  due_moment(&a->spec->certs[i], c), now, &next);
	if (step == 0)
		return next;
	if (!alarm_admit(a, name, "expiring", step, &again))
		return clock_sooner(next, again);
	words = describe_end(a, i, now);
	agent_tell(a, name, "expiring", c->generation, words);
	job_note(a, i, WHY_EXPIRING, EVENT_EXPIRING, words);
	return clock_sooner(next, again);
}

static int64_t look_at_drift(struct agent *a, uint32_t i)
{
	AUTO_FREE char *words = drift_stays(a, i) ? drift_words(a, i) : NULL;
	int64_t again;

	if (words == NULL)
		return INT64_MAX;
	if (alarm_admit_words(a, agent_cert_name(a, i), "drift", words, &again))
		job_note(a, i, WHY_FILES_DIFFER, EVENT_DRIFT, words);
	return again;
}

/* What has failed before this run need not be done any more: mended by somebody. */
static void look_at_failure(struct agent *a, uint32_t i, int64_t now)
{
	const struct spec_cert *spec = &a->spec->certs[i];
	struct cert c = a->certs[i];

	c.retry_at = 0;
	if (c.failures > 0 && !a->tried[i] &&
	    due(spec, a->spec->numbers + spec->issuers.first, &c, now).at > now)
		alarm_well(a, agent_cert_name(a, i), "failed");
}

int64_t alarm_look(struct agent *a, uint32_t i, int64_t now)
{
	if (a->request->command != COMMAND_AGENT &&
	    a->request->command != COMMAND_RENEW)
		return INT64_MAX; /* a person is about something else */
	if (agent_cut_off(a) || a->stopping)
		return INT64_MAX;
	look_at_failure(a, i, now);
	return clock_sooner(look_at_end(a, i, now), look_at_drift(a, i));
}

/* -- of the host -- */

enum { CLOCK_WRONG = 1, CLOCK_OFF, CLOCK_DOUBTED };

static const char all_else[] = "what is due is done one by one until a CA agrees";

static char *describe_clock(const struct clockwatch *w)
{
	char span[TEXT_SPAN_MAX], now[TEXT_TIME_MAX];

	text_time(now, clock_now());
	if (w->wrong)
		return xasprintf("the clock says %s, which cannot be: nothing is begun "
				 "until it is set",
				 now);
	if (w->off_s != 0)
		return xasprintf("the clock says %s, which is %s %s what a CA says: %s",
				 now,
				 text_span_of(span, w->off_s < 0 ? -(w->off_s + 1)
								 : w->off_s),
				 w->off_s < 0 ? "ahead of" : "behind", all_else);
	return w->doubted ? xasprintf("the clock says %s, which is doubtful: %s", now,
				      all_else)
			  : NULL;
}

/* That a CA says another day is true until one says otherwise. */
static void forget_clock(struct agent *a)
{
	struct alarm_row row;
	bool found;
	struct err e;
	int rc = state_alarm_get(a->state, "", "clock", &row, &found, &e);

	if (rc == 0 && found && (row.kind != CLOCK_OFF || a->clock.heard))
		rc = agent_write(a, &e) < 0 ? e.code
					    : state_alarm_over(a->state, "", &e);
	if (rc < 0)
		log_error("the clock: %s", e.text);
}

void alarm_clock(struct agent *a)
{
	const struct clockwatch *w = &a->clock;
	char *words = describe_clock(w);
	const uint64_t kind = w->wrong        ? CLOCK_WRONG
			      : w->off_s != 0 ? CLOCK_OFF
					      : CLOCK_DOUBTED;

	a->clock_again_at = INT64_MAX;
	if (words == NULL) {
		forget_clock(a);
		return;
	}
	log_error("%s", words);
	if (!alarm_admit(a, "", "clock", kind, &a->clock_again_at)) {
		free(words);
		return;
	}
	free(a->clock_words);
	a->clock_words = words;
}
