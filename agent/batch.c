#include "agent/batch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/job.h"
#include "agent/job_steps.h"
#include "agent/role/log.h"
#include "agent/switch.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct batch *batch_new(struct agent *a)
{
	struct batch *b = xcalloc(1, sizeof(*b));

	b->agent = a;
	return b;
}

void batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	free(b->joined);
	free(b->jobs);
	free(b->hooks);
	free(b);
}

bool batch_idle(const struct agent *a)
{
	return a->batch->n_joined == 0 && a->batch->n_jobs == 0;
}

void batch_join(struct agent *a, struct job *j)
{
	struct batch *b = a->batch;

	b->last_ms = clock_boot_ms();
	if (b->n_joined == 0)
		b->first_ms = b->last_ms;
	b->joined = xrealloc(b->joined, b->n_joined + 1, sizeof(struct job *));
	b->joined[b->n_joined++] = j;
	if (a->due.n > 0 && a->count.alone < BATCH_ALONE)
		agent_pass(a);
	else
		batch_check(a);
}

bool batch_closes(int64_t first_ms, int64_t last_ms, bool more_come, int64_t now_ms)
{
	return !more_come || now_ms - last_ms >= BATCH_QUIET_MS ||
	       now_ms - first_ms >= BATCH_OPEN_MS;
}

/* What is due has been given the places that there were for it. */
static bool may_close(const struct agent *a)
{
	const struct batch *b = a->batch;

	return !a->passing && !a->look &&
	       batch_closes(b->first_ms, b->last_ms, job_any_alone(a), clock_boot_ms());
}

/* Taken back before, and again: perhaps for another's sake. */
static bool goes_alone(const struct job *j)
{
	return j->memory.held == j->generation && j->spki.len == 0 &&
	       j->memory.failures > 1;
}

static void take_joined(struct batch *b)
{
	bool alone = goes_alone(b->joined[0]);
	size_t left = 0;

	free(b->jobs);
	b->jobs = xcalloc(b->n_joined, sizeof(struct job *));
	for (size_t i = 0; i < b->n_joined; i++) {
		struct job *j = b->joined[i];

		if (i == 0 || (!alone && !goes_alone(j)))
			b->jobs[b->n_jobs++] = j;
		else
			b->joined[left++] = j;
	}
	b->n_joined = left;
}

/* NULL: there is none. Now, not when it joined: the clock may have been set. */
static struct job *take_early(struct batch *b)
{
	for (size_t i = 0; i < b->n_joined; i++) {
		struct job *j = b->joined[i];

		if (!job_begins_later(j))
			continue;
		b->n_joined--;
		memmove(&b->joined[i], &b->joined[i + 1],
			(b->n_joined - i) * sizeof(struct job *));
		return j;
	}
	return NULL;
}

void batch_keep(struct agent *a)
{
	struct err e;

	if (!batch_idle(a))
		(void)agent_commit(a, &e); /* it has said so */
}

void batch_check(struct agent *a)
{
	struct batch *b = a->batch;
	struct job *early;

	if (b->n_joined == 0 || b->n_jobs != 0 || !may_close(a))
		return;
	while ((early = take_early(b)) != NULL)
		job_hold_back(a, early);
	if (b->n_joined == 0 || b->n_jobs != 0)
		return;
	take_joined(b);
	switch_begin(b);
}
