/*
 * alarm: what goes wrong is told: once for each change, again each day as long as it stays
 * so, and no more often.
 *
 *     failed, not-served   by the job that has found it, when it ends
 *     not-revoked          as a failure; and what was revoked, see revoked.h
 *     drift                by that, or as long as it is left as it is
 *     expiring             as the end comes nearer, see alarm_rule.h; none of what is
 *                          renewed in time. Of what is not ours: strangers.h
 *     clock                of the host: it is wrong, or doubted
 *     root-refused         of an issuer that names a root nobody has vouched for: rootwatch.h
 *
 * What was told last, and when, or is still to be told, is a row of the state database for
 * each certificate and event. All being well takes it away, and a failure's that there is
 * nothing to be done about what has failed; not of drift: somebody who changes a file again
 * each minute is told of once a day.
 *
 * Hooks whose `on` has the event are run when nothing else is under way, one run for each
 * hook and event however many certificates. An agent may never be done, least of all where
 * most goes wrong: what has waited for half a minute is told meanwhile. A run that fails is
 * said and not repeated.
 * What no job will come across again is a moment of the agenda: nothing wakes for it else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/event.h"

struct agent;
struct job;

/* -- alarm_look.c: what there is to tell -- */

/* Whether `kind` of `what` is told now of `name` ("": the host), and remember it. *next, if
 * not NULL: when it is told again. */
bool alarm_admit(struct agent *a, const char *name, const char *what, uint64_t kind,
		 int64_t *next);

/* The same for words: other words are a change. */
bool alarm_admit_words(struct agent *a, const char *name, const char *what,
		       const char *words, int64_t *next);

/* What was told as `what` of `name`, if anything, is so no more: the next time is a change. */
void alarm_well(struct agent *a, const char *name, const char *what);

/* Tell what there is about certificate `i` that no job tells. Returns when to look
 * again, INT64_MAX: never. */
int64_t alarm_look(struct agent *a, uint32_t i, int64_t now);

/* Say what is wrong with the clock, if anything is, and have it told. a->clock_again_at
 * is when to do so again. */
void alarm_clock(struct agent *a);

/* -- alarm.c: telling it -- */

/* Keep a job that has ended, if a hook of it wants to know. False: it is the caller's. */
bool alarm_keep(struct agent *a, struct job *j);

/* Start the next run. True: one is under way, and agent_pass() is called when it has
 * ended; false: there is nothing to tell any more. */
bool alarm_next(struct agent *a);

/* The same for what has waited for long; called by the loop's tick. */
void alarm_check(struct agent *a);

void alarm_free(struct agent *a);
