#include "agent/pool_queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct pool_waiting {
	struct pool_waiting *next;
	struct pool_task task;
	int64_t since_ms;
};

void pool_queue_add(struct pool_queue *q, const struct pool_task *task)
{
	struct pool_waiting *w = xcalloc(1, sizeof(*w));

	w->task = *task;
	w->since_ms = clock_awake_ms();
	if (q->last == NULL)
		q->first = w;
	else
		q->last->next = w;
	q->last = w;
	q->n++;
}

/* The one behind `before`; NULL: the first. */
static void take_out(struct pool_queue *q, struct pool_waiting *before)
{
	struct pool_waiting **at = before == NULL ? &q->first : &before->next;
	struct pool_waiting *w = *at;

	*at = w->next;
	if (q->last == w)
		q->last = before;
	q->n--;
	free(w);
}

bool pool_queue_next(struct pool_queue *q, struct pool_task *task)
{
	if (q->first == NULL)
		return false;
	*task = q->first->task;
	take_out(q, NULL);
	return true;
}

bool pool_queue_take_back(struct pool_queue *q, uint32_t number, link_done *done)
{
	struct pool_waiting *before = NULL;

	for (struct pool_waiting *w = q->first; w != NULL; before = w, w = w->next) {
		if (w->task.number != number || w->task.done != done)
			continue;
		take_out(q, before);
		return true;
	}
	return false;
}

int64_t pool_queue_waits_ms(const struct pool_queue *q, int64_t now_ms)
{
	return q->first == NULL ? 0 : now_ms - q->first->since_ms;
}
