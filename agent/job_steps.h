/*
 * job_steps: what the states of job.c's table do. Only job*.c look at it.
 *
 *     job.c          the table, what leads from one state to the next, ends
 *     job_prepare.c  what is on disk already, so that nothing has to be ordered
 *     job_issue.c    KEYING, VERIFYING, and ORDERING at the embedded CA
 *     job_order.c    ORDERING at an ACME CA; job_exec.h: at a program
 *     job_setback.c  another order, after names of the first have failed
 *     job_park.c     PARKED, what is not valid yet, and whom to ask after a failure
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/job.h"

struct msg;
struct name_set;

/* Ask; job_answered() is called with the job's number then. */
int keying_begin(struct agent *a, struct job *j, struct err *e);
int ordering_begin(struct agent *a, struct job *j, struct err *e);
int parking_begin(struct agent *a, struct job *j, struct err *e);
int verifying_begin(struct agent *a, struct job *j, struct err *e);
int installing_begin(struct agent *a, struct job *j, struct err *e);

/* The answer. */
int keying_end(struct agent *a, struct job *j, struct msg *m, struct err *e);
int ordering_end(struct agent *a, struct job *j, struct msg *m, struct err *e);
int verifying_end(struct agent *a, struct job *j, struct msg *m, struct err *e);

/* j->generation is in the store, with j->facts: remember it as what is to be installed. */
int job_stored(struct agent *a, struct job *j, struct err *e);

/* By this clock its generation does, while what is live still is. */
bool job_begins_later(const struct job *j);
/* It is held until then, and made live without another order; but what came by a clock
 * that was ahead is nothing to wait for. */
void job_hold_back(struct agent *a, struct job *j);
/* By the clock that there was when j->generation was stored it had begun, and that was
 * ahead. Whether anything is to be ordered is looked at by the one that there is. */
bool job_came_ahead(const struct job *j);
void job_give_up(struct agent *a, struct job *j);

/* A link_done: goes on from the state that job `number` is in. */
void job_answered(void *arg, uint32_t number, struct msg *m, const struct err *failed);

/* Begin the state `state`. The job may have ended when this returns. */
void job_enter(struct agent *a, struct job *j, enum job_state state);

/* -- job_order.c -- */

/* A worker orders it. */
bool job_by_worker(const struct agent *a, const struct job *j);
int order_begin(struct agent *a, struct job *j, struct err *e);
int order_end(struct agent *a, struct job *j, struct msg *m, struct err *e);

/* Take up the order of `j` that was under way when a run ended; one that is not what is
 * asked for now is forgotten. */
int order_resume(struct agent *a, struct job *j, struct err *e);

/* It has been asked for, and is not done; and that is as long as an ACME order is waited for. */
bool order_is_lost(const struct agent *a, const struct job *j);

/* The order is stored or dead: its row and its tokens go. */
void order_over(struct agent *a, struct job *j);

/* Remember how often and when to ask again. */
int order_keep(struct agent *a, const struct job *j, int64_t retry_at, struct err *e);

/* -- job_setback.c -- */

/* The CA has refused `name`, by `way` or ACME_ANY_WAY. What it has looked at is added to
 * *looked_at. ERR_PROTO: it has no such name or challenge. */
int job_refused(struct job *j, uint64_t way, const char *name, const char *why,
		struct name_set *looked_at, struct err *e);

/* A new order is about to be made: choose the names, and ask the ledger. */
int job_hold(struct agent *a, struct job *j, struct err *e);

/* Its order failed by `e`. True: there is another, or nothing would come of one. */
bool job_tries_again(struct agent *a, struct job *j, const struct err *e);

/* Its order has brought a certificate, which is stored. */
void job_worked(struct agent *a, struct job *j);

/* -- job_park.c -- */

/* The issuer to be asked: j->issuer. */
void issuer_choose(const struct agent *a, struct job *j);

/* The issuer failed by `e`. True: the job goes on, now or later, or has ended well. */
bool job_goes_on(struct agent *a, struct job *j, const struct err *e);
