/*
 * status_view: one certificate as `status` shows it, to people, to programs and to
 * monitoring.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/rule/due.h"
#include "agent/state/state.h"

struct agent;

enum health {
	HEALTH_OK,
	HEALTH_WARNING,
	HEALTH_CRITICAL,
};

/* All that is known of it. */
struct view {
	const struct agent *agent;
	uint32_t i;
	const struct cert *cert;
	const struct memory *memory; /* borrowed, as all */
	struct due due;
	int64_t now;
};

struct view view_of(const struct agent *a, uint32_t i, const struct memory *m,
		    int64_t now);

/* Does what has failed still have to be done? A failed --force, or a hook that is not
 * configured any more, leaves nothing to do, and nothing that would ever succeed. */
bool view_failing(const struct view *v);

/* The word, and how bad it is: the worst that is true of it. Static. */
const char *view_state(const struct view *v, enum health *health);
