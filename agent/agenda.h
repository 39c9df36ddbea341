/*
 * agenda: which certificate is to be looked at when, and which are due.
 *
 * Every certificate that this run has to do with is in one place:
 *
 *     the agenda   until due(), or the CA that is asked when to renew it, has something
 *                  new to say: one heap on the wall-clock moment, one timer for its first
 *     ready        it is due, and waits for a place among the jobs: least time left first,
 *                  and what has failed behind what has not
 *     a job, or a question to its CA or about its next key: when that has ended it is looked at again
 *
 * So a turn costs as much as what has happened in it, however many certificates there are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/rule/due.h"

struct agent;

/* Look at all of them with the next agenda_decide(): at the start, and after the clock
 * has jumped. */
void agenda_all(struct agent *a);

/* Something about certificate `i` is not as it was: look at it with the next one. */
void agenda_look(struct agent *a, uint32_t i);

/* Look at what has to be looked at by now; nothing is begun. */
void agenda_decide(struct agent *a);

/* How long, in seconds, what `issuer` has given is not renewed though it is time: see
 * clockwatch.h. 0: it may be. */
int64_t agenda_hold_s(const struct agent *a, uint32_t issuer);

/* The most urgent that is due: false, there is none. It is in no place then. */
bool agenda_take(struct agent *a, uint32_t *cert, enum why *why);

/* When to decide again, Unix seconds, and about which; INT64_MAX: never in this run. */
int64_t agenda_next(const struct agent *a, uint32_t *cert);
