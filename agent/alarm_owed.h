/*
 * alarm_owed: what hooks are to be told of is not lost with the agent.
 *
 * What alarm_admit() admits is a row of the state database that is owed: told_at is -1 times
 * the moment at which this agent began. Once hooks were told, at the end of alarm_next(), it
 * is the time of that. In between it is not admitted again; by an agent that begins later it
 * is, and what only a failed attempt has told is noted for its hooks at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct alarm_row;

/* Remember that `kind` of `what` (static) is to be told of `name`. */
void alarm_owe(struct agent *a, const char *name, const char *what, uint64_t kind);

/* Whether it is, by this agent. */
bool alarm_is_owed(const struct agent *a, const struct alarm_row *row, uint64_t kind);

/* Hooks are told of what is owed by now, but of jobs that have not ended; they were told. */
void alarm_owed_telling(struct agent *a);
void alarm_owed_told(struct agent *a);

/* Note what the agent before this one has not told; the loop must be open. */
void alarm_owed_again(struct agent *a);

void alarm_owed_free(struct agent *a);
