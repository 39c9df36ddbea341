/*
 * batch: certificates that change together, and the hooks that serve them.
 *
 * A batch closes at once when nothing is on its way to it, else 2 s after the last and
 * 30 s after the first joined. On its way is a job, and what is due and waits for a
 * place among the jobs: a thousand that are due at once are one batch, and each hook is
 * run once for all of them. One batch runs at a time (switch.h); what comes meanwhile
 * joins the next.
 *
 * Before it is switched a batch is on disk, but for the last quarter of a second: each
 * generation is stored, and remembered as held. After a crash they are installed
 * together, and none is ordered again.
 *
 * A test that fails takes back the whole batch, for no one can tell which certificate it
 * was. So a held one that was taken back twice is a batch of its own: the good ones get
 * through, and only the bad one stays behind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct job;
struct batch_hook;

#define BATCH_QUIET_MS 2000
#define BATCH_OPEN_MS  30000
#define BATCH_ALONE    32 /* jobs on their way: with fewer, more are begun */

struct batch {
	struct agent *agent;
	/* being collected */
	struct job **joined; /* owned array, as the next */
	size_t n_joined;
	int64_t first_ms; /* clock_boot_ms() when the first joined, and the last */
	int64_t last_ms;
	/* being switched */
	struct job **jobs;
	size_t n_jobs;            /* 0: none */
	struct batch_hook *hooks; /* owned; those of the jobs, each once */
	size_t n_hooks;
	uint32_t event; /* what the hooks are told: enum hook_event */
	unsigned phase;
	size_t waiting; /* answers that the phase waits for */
	size_t next_hook;
	int64_t probing_ms; /* clock_boot_ms() when the phase began to probe */
	bool asking;        /* inside a phase's function: do not go on from an answer */
};

struct batch *batch_new(struct agent *a);
void batch_free(struct batch *b);

/* `j` is ready: its generation is on disk. What is due and waits for its place is begun
 * by the pass that this brings on, before the batch may close. */
void batch_join(struct agent *a, struct job *j);

/* Whether a batch whose first and last joined at these moments closes now. */
bool batch_closes(int64_t first_ms, int64_t last_ms, bool more_come, int64_t now_ms);

/* Remember what it has come to, while there is one; called by the loop's tick. */
void batch_keep(struct agent *a);

/* Begin the switch if the batch may close; called by the loop's tick and each pass. */
void batch_check(struct agent *a);

bool batch_idle(const struct agent *a);
