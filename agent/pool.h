/*
 * pool: workers. Each serves one issuer, whose connection it keeps, or it probes, or it
 * fetches CRLs. They are started when there is something to do on the network and let go after 30 s
 * without. Each does one thing at a time; a worker that dies fails what it was doing,
 * and nothing else.
 *
 * A worker is not free: a process, a handshake, a directory. The first comes with the
 * first task, or while the key for that is made (pool_expect()); another only when it pays:
 * when those that are there, going on as fast as the fastest task so far, would take longer
 * for what waits than one more takes to come and begin. So many short orders at a CA
 * nearby are cleared by a few workers, and a CA that is far away is asked by as many at
 * once as it may be (`parallel`). One that has become slow is found out by how long each of
 * its tasks takes; that something waits for long says nothing: a busy host is not helped by
 * more processes. Nor are those who wait for a disk: what a task takes is counted without
 * agent_disk_ms().
 *
 * One that is given a private key (spec_issuer_by_live()) has done nothing before, and does
 * nothing after: each task there is a worker's only one.
 *
 * Until a worker has got somewhere at an issuer it stays alone there: it may be finding
 * or making the account, which is one thing and not eight at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/link.h"
#include "agent/role/spec_issuer.h"

struct agent;
struct pool;

#define POOL_MAX      36 /* in all; SUPER_PROCS leaves room for the other roles */
#define POOL_PROBES   4  /* of them probe; no issuer takes their place */
#define POOL_IDLE_MS  30000
#define POOL_START_MS 100   /* until a worker is at its second task, on a busy host */
#define POOL_PACE_MS  1     /* of a task, before any has told more */
#define POOL_LONG_MS  200   /* each is at one task for so long: one more helps */
#define POOL_ALONE_MS 10000 /* an issuer that says nothing is asked by others, too */

/* Longer than a probe can take, and longer than what is done once for an order takes at a
 * slow CA. For each name of it there are two requests more, its authorization and the answer
 * to a challenge, and each may take HTTP_DEADLINE_MS: an order of a hundred names at a CA
 * that takes six seconds for an answer is given its time, or it is begun anew for ever. A
 * worker that is not done by then is given up. */
#define POOL_PROBE_MS 120000
#define POOL_ORDER_MS 600000

#define POOL_PROBE SPEC_NOBODY /* in the place of an issuer */
#define POOL_CRL   (SPEC_NOBODY - 1)
#define POOL_CRLS  4 /* workers that fetch CRLs */

/* What a worker is to do. Nothing of it is asked for before a worker takes it up. */
struct pool_task {
	uint32_t issuer; /* number in the snapshot, or POOL_PROBE or POOL_CRL */
	uint32_t number; /* given back to the functions */
	uint32_t names;  /* of an order; 0: it is none */
	int (*make)(struct agent *a, uint32_t number, struct msg *m, struct err *e);
	link_done *done; /* told once, also where `make` fails */
	/* The worker asks something of its own; to be answered by pool_answer(). Its
	 * connection is closed on an err. NULL: it may not. */
	int (*asked)(struct agent *a, uint32_t number, struct msg *m, struct err *e);
};

/* How long a worker may be at it. */
int64_t pool_limit_ms(const struct pool_task *task);

struct pool *pool_new(struct agent *a);
void pool_free(struct pool *p);

/* A task of `issuer` is about to come: the first worker there starts meanwhile. */
void pool_expect(struct pool *p, uint32_t issuer);

void pool_call(struct pool *p, const struct pool_task *task);

/* Take back a task that no worker has taken up: true, and it is as if it had never been
 * asked for. */
bool pool_take_back(struct pool *p, uint32_t number, link_done *done);

/* Answer what the worker that does task `number` of an issuer has asked. */
void pool_answer(struct pool *p, uint32_t number, struct msg *m);

/* Start what pays by now, let go of workers that have been idle or busy for too long;
 * called by the loop's tick. */
void pool_check(struct pool *p);

/* Let go of those that probe and have nothing to do: nobody is about to ask. */
void pool_rest(struct pool *p);

/* Whether there is a worker, or one is on its way: the tick must go on. */
bool pool_any(const struct pool *p);
