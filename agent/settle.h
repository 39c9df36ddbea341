/*
 * settle: what a switch meant: judged, remembered and told.
 *
 * What is owed is written before the live link moves and taken out when it is done, so
 * that a crash in between repeats it. A generation that was taken back is *held*: it is
 * what the next attempt installs, without another order.
 */
#pragma once

#include <stdbool.h>

#include "agent/role/verdict.h"

struct agent;
struct batch;
struct batch_hook;
struct err;
struct job;
struct msg;

/* Remember, in one transaction, every hook that has to run because of this batch. */
int settle_owe(struct batch *b, struct err *e);

void settle_installed(struct agent *a, struct job *j, struct msg *m);
void settle_rolled_back(struct agent *a, struct job *j);

/* Hook `h` was run for the jobs that `which` chooses: it is owed no more if `ok`. */
void settle_ran(struct batch *b, const struct batch_hook *h, bool ok,
		bool (*which)(const struct job *j));

/* The test of `h` fails now: where it passed before, all that it serves go back. One that
 * did not come to run has said nothing: its hook waits. */
void settle_refused(struct batch *b, const struct batch_hook *h);

/* Whether the previous generation of `j` may be made live again. */
bool settle_can_go_back(const struct job *j);

/* Whether every service was told of `j`: no hook of it waits to be run. */
bool settle_all_ran(const struct batch *b, const struct job *j);

/* The worst of its endpoints' verdicts; NEW if it has none. */
enum probe_verdict settle_worst(const struct job *j);

/* What is wrong with `j`, in j->err; sets j->undo if an endpoint is down that was up. */
void settle_judge(const struct batch *b, struct job *j);

/* The last phase: remember everything, prune what is not needed any more. */
void settle_batch(struct batch *b);

/* Let the jobs go. */
void settle_end(struct batch *b);
