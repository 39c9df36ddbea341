#include "agent/role/stranger_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"

static const char wildcards[] = "*?[";

bool stranger_is_pattern(const char *pattern)
{
	return strpbrk(pattern, wildcards) != NULL;
}

static void walk(struct stranger_walk *w, const char *at, const char *rest);

/* `name` in the folder `at`, and what comes behind it. */
static void enter(struct stranger_walk *w, const char *at, const char *name,
		  const char *rest)
{
	AUTO_FREE char *path = xasprintf("%s/%s", at, name);

	if (rest != NULL)
		walk(w, path, rest);
	else if (w->file != NULL)
		w->file(w->arg, path);
}

static void list(struct stranger_walk *w, const char *at, const char *part,
		 const char *rest)
{
	AUTO_DIR DIR *dir = opendir(at[0] == '\0' ? "/" : at);
	const struct dirent *d;

	w->folder(w->arg, at, dir == NULL ? errno : 0);
	if (dir == NULL || (rest == NULL && w->file == NULL))
		return;
	while (w->left > 0 && (d = readdir(dir)) != NULL) {
		w->left--;
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    fnmatch(part, d->d_name, FNM_PERIOD | FNM_NOESCAPE) == 0)
			enter(w, at, d->d_name, rest);
	}
}

static void walk(struct stranger_walk *w, const char *at, const char *rest)
{
	const size_t len = strcspn(rest, "/");
	AUTO_FREE char *part = xstrndup(rest, len);
	const char *behind = rest[len] == '\0' ? NULL : rest + len + 1;

	if (stranger_is_pattern(part)) {
		list(w, at, part, behind);
		return;
	}
	if (behind == NULL)
		w->folder(w->arg, at, 0);
	enter(w, at, part, behind);
}

void stranger_walk(struct stranger_walk *w, const char *pattern)
{
	walk(w, "", pattern + 1);
}

size_t stranger_root(const char *pattern)
{
	size_t len = strcspn(pattern, wildcards);

	while (len > 1 && pattern[--len] != '/')
		;
	return len == 0 ? 1 : len;
}
