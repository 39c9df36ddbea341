/* litter: what lies in the world and belongs to nothing. */
#pragma once

#include "tests/crash/check.h"

/* Anything in w/BELOW that everleaf does not leave in good order: NULL, or what is wrong.
 * `how`: see check_next(). */
const char *litter_find(const struct crash_case *c, const struct world *w,
			const char *below, unsigned how, char why[CHECK_WHY]);
