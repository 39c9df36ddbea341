/*
 * pool: workers, started when there is something to do on the network and let go after
 * 30 s without. Each does one thing at a time; a worker that dies fails what it was
 * doing, and nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/link.h"

struct agent;
struct pool;

#define POOL_MAX     4
#define POOL_IDLE_MS 30000

/* A worker that says nothing for so long is given up: twice what a probe can take. */
#define POOL_SILENT_MS 120000

struct pool *pool_new(struct agent *a);
void pool_free(struct pool *p);

/* Ask a worker; a new one is started if all are busy and there may be more. */
void pool_call(struct pool *p, struct msg *m, link_done *done, uint32_t number);

/* Let go of workers that have been idle or silent for long; called by the loop's tick. */
void pool_check(struct pool *p);

/* Whether there is a worker, or one is on its way: the tick must go on. */
bool pool_any(const struct pool *p);
