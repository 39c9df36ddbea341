/*
 * promise: what a run has said must still be so after the power is gone.
 *
 * From "www: installed generation 3" on, live/www leads to generation 3, or to one that
 * the same run says later; and what is configured for www is of it. What a hook was
 * called for is said, too: a server that has loaded a certificate finds it again. And of
 * what is said to be forgotten nothing comes back.
 */
#pragma once

#include <stddef.h>

#include "tests/crash/check.h"

/* How much the first `n_said` bytes of `all` promise. */
unsigned promise_count(const char *all, size_t n_said);

/* NULL, or what is wrong, in `why`. The run has said `all`, and the first `n_said` bytes
 * of it before the power went. If it came to its end, "ended" stands in the last line. */
const char *promise_check(const struct crash_case *c, const struct world *w,
			  const struct check_facts *before, const char *all,
			  size_t n_said, char why[CHECK_WHY]);
