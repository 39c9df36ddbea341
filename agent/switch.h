/*
 * switch: the batch that is being installed, phase by phase.
 *
 *     LOOK     probe each endpoint once: was it up?
 *     TEST     each hook's test: did it pass before?
 *     INSTALL  what is owed is remembered, then each live link is moved
 *     RETEST   each hook's test: where it passed before and fails now, its jobs go back
 *     GO_BACK  ... their previous generation is made live again
 *     RUN      each hook once
 *     PROBE    until NEW, or 30 s
 *     RERUN    where the old certificate is still served, the hooks once more, and PROBE
 *     GO_BACK  where an endpoint is DOWN that was up
 *     UNRUN    their hooks again, with the previous generation
 *     REPROBE  what is served now
 *     SETTLE   remember, tell, prune (settle.h)
 *
 * A crash in any phase leaves in the state database what is owed; it is done again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct batch;
struct job;

struct batch_hook {
	uint32_t hook; /* number in the snapshot */
	bool has_test;
	bool passed_before; /* its test; true if it has none */
	bool passed_after;
	bool ran;       /* for what is live now, and exited 0 */
	char text[256]; /* why not */
};

/* Begin with b->jobs. Goes on by itself; ends in settle_batch(). */
void switch_begin(struct batch *b);

/* Whether job `j` is served by hook number `hook`. */
bool switch_uses(const struct job *j, uint32_t hook);

/* An answer came: on to the next phase if it was the last. */
void switch_go_on(struct batch *b);
