/* pool_queue: the tasks that wait for a worker; first come, first served. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/pool.h"

struct pool_waiting;

struct pool_queue {
	struct pool_waiting *first; /* owned, as all behind it */
	struct pool_waiting *last;
	unsigned n;
};

void pool_queue_add(struct pool_queue *q, const struct pool_task *task);

/* Take the first out into *task; false: there is none. */
bool pool_queue_next(struct pool_queue *q, struct pool_task *task);

/* Take that one out; false: it is not there. */
bool pool_queue_take_back(struct pool_queue *q, uint32_t number, link_done *done);

/* For how long the first has waited; 0: there is none. */
int64_t pool_queue_waits_ms(const struct pool_queue *q, int64_t now_ms);
