/*
 * alloc: every case with allocations that fail: of each role, of its own and of whatever
 * library, one, or one and all that follow.
 *
 * A point is {case, role, K, onward}. Which K there are is counted in an undisturbed run
 * that also notes who asked for each: the same code reached the same way is one place,
 * and its first allocation stands for all of it. The programs are those of alloc/ beside
 * the tests (tests/tools/linked/alloc.c).
 */
#pragma once

#include <stdbool.h>

#include "tests/crash/alloc_page.h"
#include "tests/crash/cases.h"
#include "tests/crash/world.h"

struct alloc_case {
	const struct crash_case *run; /* static */
	bool says; /* it changes nothing: what an undisturbed run says is its success */
};

struct alloc {
	struct world world;
	struct alloc_page *page; /* owned: a mapping, of the file `path` */
	char path[160];
	bool every;        /* number K, not only every place */
	unsigned per_case; /* points; 0: all there are */
	unsigned seed;
	unsigned part; /* of `parts`: every parts-th point is ours */
	unsigned parts;
	unsigned n_allocations; /* of the undisturbed run */
	unsigned n_places;
	unsigned n_points; /* that were reached */
	unsigned n_missed;
	unsigned n_whole; /* ... and the run succeeded all the same */
	unsigned n_failed;
};

/* False: it could not be prepared, or an undisturbed run is not as it should be. */
bool alloc_open(struct alloc *a, const struct alloc_case *c);
bool alloc_run(struct alloc *a, const struct alloc_case *c);
void alloc_done(struct alloc *a);
