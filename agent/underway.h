/*
 * underway: what is shown of the jobs that run. The agent decides by what was remembered
 * when the last job of a certificate ended; who asks meanwhile is shown what is being done,
 * and what has become live by it.
 */
#pragma once

#include <stddef.h>

struct agent;
struct cert;

struct underway {
	struct cert *before; /* owned; as they were, in the order of a->jobs */
};

/* Show it in a->certs until underway_hide(); nothing is decided between them. */
void underway_show(struct agent *a, struct underway *u);
void underway_hide(struct agent *a, struct underway *u);
