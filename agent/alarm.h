/*
 * alarm: hooks that are told of what went wrong (failed, not-served, drift), one run for
 * each hook and event however many certificates, when nothing else is under way.
 *
 * A job that has something to tell is kept here when it ends. A run that fails is said
 * and not repeated: the next attempt at the certificate has its own.
 */
#pragma once

#include <stdbool.h>

struct agent;
struct job;

/* Keep a job that has ended, if a hook of it wants to know. False: it is the caller's. */
bool alarm_keep(struct agent *a, struct job *j);

/* Start the next run. True: one is under way, and agent_pass() is called when it has
 * ended; false: there is nothing to tell any more. */
bool alarm_next(struct agent *a);

void alarm_free(struct agent *a);
