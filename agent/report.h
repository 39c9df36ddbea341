/*
 * report: what a run of `renew` or `rollback` has done, on stdout: a line for each
 * certificate that was brought to what was asked for (what failed is on stderr), or with
 * --json one document of all that something was done about. Nothing done, no lines.
 *
 *     "www: renewed, generation 3, until 2027-02-19"
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/rule/due.h"
#include "base/buf.h"
#include "base/json.h"

struct agent;
struct job;

struct report {
	bool lines; /* neither quiet nor JSON, nor the agent that never ends */
	bool as_json;
	bool in_progress; /* the line of progress.h stands there */
	struct buf document;
	struct json json;
};

void report_begin(struct agent *a);

/* `j` has ended: j->err tells how. */
void report_job(struct agent *a, const struct job *j);

/* Certificate `i` should be done something about, and waits for its next attempt:
 * `result` is "waiting" or "parked", `error` why, or NULL. */
void report_waiting(struct agent *a, uint32_t i, const char *result, enum why why,
		    const char *error);

/* Print the document, if one is asked for and the run was not cut off. */
void report_end(struct agent *a);
