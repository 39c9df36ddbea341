/*
 * calls: every case with system calls that fail of which no file is the matter: sockets,
 * processes, timers, memory, descriptors.
 *
 * A point is {case, role, K, errno, onward}: the K-th of them that the role makes fails,
 * or it and each later one that is the same call.
 */
#pragma once

#include <stdbool.h>

#include "tests/crash/cases.h"
#include "tests/crash/world.h"

#define CALLS_CPU_S \
	8 /* of all roles; undisturbed they need some tenths: more is a spin */

struct calls {
	struct world world;
	unsigned per_case; /* points; 0: all there are */
	unsigned seed;
	unsigned part; /* of `parts`: every parts-th point is ours */
	unsigned parts;
	unsigned n_all;    /* points that there are */
	unsigned n_points; /* that were reached */
	unsigned n_missed;
	unsigned n_whole; /* ... and the run succeeded all the same */
	unsigned n_failed;
	double cpu_s; /* the most that a run took */
};

/* False: it could not be prepared, or an undisturbed run is not as it should be. */
bool calls_run(struct calls *m, const struct crash_case *c);
