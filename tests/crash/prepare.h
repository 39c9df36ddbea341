/*
 * prepare: the world as it is before a case's command, and what is configured there.
 */
#pragma once

#include <stdbool.h>

struct crash_case;
struct world;

/* Make w/ as it is before the command of `c`, and keep it. False: that failed. */
bool case_prepare(const struct crash_case *c, const struct world *w);

/* Whether the next run may end with `status`. */
bool case_accepts(const struct crash_case *c, int status);

/* Take up what is configured in the end. */
void case_configure(const struct crash_case *c, const struct world *w);
