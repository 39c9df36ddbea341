/*
 * switch: the batch that is being installed, phase by phase.
 *
 *     LOOK     probe each endpoint once: was it up?
 *     TEST     each hook's test: did it pass before?
 *     INSTALL  what is owed is remembered, then each live link is moved
 *     RETEST   each hook's test: where it passed before and fails now, its jobs go back
 *     GO_BACK  ... their previous generation is made live again
 *     RUN      each hook once; one whose test fails waits, the others do not
 *     PROBE    until NEW, or 30 s for all endpoints together
 *     RERUN    where the old certificate is still served, the hooks once more, and PROBE
 *     GO_BACK  where an endpoint is DOWN that was up (one that no worker could look at
 *              was neither)
 *     UNRUN    their hooks again, with the previous generation
 *     REPROBE  what is served now
 *     SETTLE   remember, tell, prune (settle.h)
 *
 * A crash in any phase leaves in the state database what is owed; it is done again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct job;
struct job_hook;

struct batch_hook {
	uint32_t hook; /* number in the snapshot */
	bool told;     /* of this switch, by its `on` */
	bool has_test;
	bool passed_before; /* its test; true if it has none */
	bool passed_after;
	bool ran;       /* for the new generation, and exited 0; true if not told */
	bool ran_back;  /* ... for the previous one, after going back */
	bool unstarted; /* last time no program came to run: that is no verdict */
	char text[256]; /* why not */
};

/* Begin with b->jobs. Goes on by itself; ends in settle_batch(). */
void switch_begin(struct batch *b);

/* Whether hook number `hook` has to run for `j`, and as which of its hooks; or NULL. */
struct job_hook *switch_uses(const struct job *j, uint32_t hook);

/* Whether the new generation of `j` is live and may stay. */
bool switch_in_place(const struct job *j);

/* switch_probe.c: look at the endpoints of job number `i` of the batch, which have so long
 * (0: one look). */
void switch_probe(struct batch *b, size_t i, int64_t deadline_ms);

/* An answer came: on to the next phase if it was the last. */
void switch_go_on(struct batch *b);
