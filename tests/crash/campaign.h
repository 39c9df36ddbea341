/*
 * campaign: every case, cut at chosen calls of each role, and looked at afterwards.
 *
 * A point is {case, layout, what, role, K, errno}. It counts only if the K-th call was there, so
 * that a run in which nothing was cut proves nothing.
 */
#pragma once

#include <stdbool.h>

#include "tests/crash/cases.h"
#include "tests/crash/tracer.h"
#include "tests/crash/world.h"

struct campaign {
	struct world world;
	unsigned per_case; /* points; 0: all there are */
	unsigned seed;
	unsigned part; /* of `parts`: every parts-th point is ours */
	unsigned parts;
	unsigned n_points; /* that were reached */
	unsigned n_missed;
	unsigned n_failed;
	unsigned n_by_role[TRACER_ROLES];
	unsigned n_by_what[TRACER_WHATS];
};

/* False: it could not be prepared, or an undisturbed run is not as it should be. */
bool campaign_case(struct campaign *m, const struct crash_case *c);
