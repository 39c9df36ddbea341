/*
 * stranger_walk: the files that a pattern finds, and the folders that it looks into.
 *
 * As of glob(7), but with a bound on the work: of folders that others may fill so many
 * entries are looked at, and no more. A wildcard finds no name that begins with a dot,
 * and stops at a slash; a backslash is a backslash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct stranger_walk {
	void *arg;
	/* A folder that names are looked for in; `error`: an errno, it cannot be read. */
	void (*folder)(void *arg, const char *path, int error);
	/* A name that was found; NULL: only folders count. */
	void (*file)(void *arg, const char *path);
	unsigned left; /* entries that may still be looked at */
};

/* `pattern` is absolute. */
void stranger_walk(struct stranger_walk *w, const char *pattern);

/* Whether there is a wildcard in it: else it is one path. */
bool stranger_is_pattern(const char *pattern);

/* How much of `pattern` leads to the first folder that names are looked for in. */
size_t stranger_root(const char *pattern);
