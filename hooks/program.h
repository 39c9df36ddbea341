/*
 * program: finding what a hook runs, and refusing what others could have changed.
 *
 * The way to the program is walked entry by entry, each opened below the one before it,
 * links followed by hand. Every folder, link and file on it must belong to root or to
 * `user` and be writable by nobody else; a sticky folder (/tmp) passes, as what stands
 * in it has to pass too. Whoever could still put something else there after the look
 * could have changed the program itself. So it is exec'd by its name, not by the
 * descriptor: a script exec'd by descriptor needs that descriptor to stay open, and
 * would be told that it is called /dev/fd/3.
 */
#pragma once

#include <sys/types.h>

struct err;

/*
 * The absolute path of `name`, owned: `name` itself, or where it stands in the folders
 * of `path` (as in $PATH). ERR_CONFIG: there is none, it is relative, no regular file,
 * or others can write it or something on the way to it.
 */
int program_find(const char *name, const char *path, uid_t user, char **found,
		 struct err *e);
