/*
 * batch: certificates that change together, and the hooks that serve them.
 *
 * A batch closes at once when no job is on its way to it, else 2 s after the last and
 * 30 s after the first joined. One batch runs at a time (switch.h); what comes
 * meanwhile joins the next.
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
	int64_t probe_ms; /* how long the probes of the phase may take */
	bool asking;      /* inside a phase's function: do not go on from an answer */
};

struct batch *batch_new(struct agent *a);
void batch_free(struct batch *b);

/* `j` is ready: its generation is on disk. */
void batch_join(struct agent *a, struct job *j);

/* Begin the switch if the batch may close; called by the loop's tick and by job ends. */
void batch_check(struct agent *a);

bool batch_idle(const struct agent *a);
