/* inspect_lint: what the inspect role does for `check`: see lint.h. It asks the supervisor
 * for each file, and says what it finds on stderr. */
#pragma once

struct err;
struct role_start;

int inspect_lint(struct role_start *s, struct err *e);
