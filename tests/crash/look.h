/* look: what is looked at after a run that was disturbed, whatever disturbed it. */
#pragma once

#include "tests/crash/check.h"

/* Whether the run that was disturbed has said `text`. */
bool look_said(const struct world *w, const char *text);

/* By what it has said of a process that crashed; NULL: none did. */
const char *look_crashed(const struct world *w);

/* Run what is run next, and look at what is there then; `failed`: the run before has said
 * that it failed. `how`: see check_next(). NULL, or what is wrong. */
const char *look_next(const struct crash_case *c, const struct world *w,
		      const struct check_facts *before, bool failed, unsigned how,
		      char why[CHECK_WHY]);

/* Print what was said by the last runs. */
void look_print(const struct world *w);
