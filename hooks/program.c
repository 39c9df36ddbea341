#include "hooks/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define LINKS_MAX 40 /* as the kernel: more is a loop */

struct walk {
	const char *path; /* borrowed: what is looked at, for messages */
	char *rest;       /* owned: what is still to be walked */
	int dir;          /* owned: where we are, opened as O_PATH */
	uid_t user;
	unsigned links;
};

static void walk_done(struct walk *w)
{
	auto_free_(&w->rest);
	auto_fd_(&w->dir);
}

/* The permissions of a link mean nothing; who could replace it is a matter of its
 * folder, and in a sticky one of its owner. */
static int safe(const struct walk *w, const char *what, const struct stat *st,
		struct err *e)
{
	bool shared = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

	if (st->st_uid != 0 && st->st_uid != w->user)
		return err_set(e, ERR_CONFIG, "%s: %s belongs to user %u", w->path,
			       what, st->st_uid);
	if (S_ISLNK(st->st_mode) || shared)
		return 0;
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, ERR_CONFIG, "%s: others can write %s (mode %04o)",
			       w->path, what, st->st_mode & 07777);
	return 0;
}

static int to_root(struct walk *w, struct err *e)
{
	struct stat st;

	auto_fd_(&w->dir);
	w->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->dir < 0 || fstat(w->dir, &st) != 0)
		return err_sys(e, "open /");
	return safe(w, "/", &st, e);
}

/* What the link `fd` says comes before what was left to walk. */
static int follow(struct walk *w, int fd, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	char *rest;

	if (n < 0)
		return err_sys(e, "%s: read link", w->path);
	if (++w->links > LINKS_MAX)
		return err_set(e, ERR_CONFIG, "%s: too many links", w->path);
	target[n] = '\0';
	rest = xasprintf("%s/%s", target, w->rest);
	auto_free_(&w->rest);
	w->rest = rest;
	return target[0] == '/' ? to_root(w, e) : 0;
}

/* Cut the first name off w->rest: an owned string, or NULL at the end. */
static char *next_name(struct walk *w)
{
	char *start = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(start, "/");
	char *name = len > 0 ? xstrndup(start, len) : NULL;

	memmove(w->rest, start + len, strlen(start + len) + 1);
	return name;
}

/* Go one name on. *found: it is a regular file, and the last one. */
static int step(struct walk *w, const char *name, bool *found, struct err *e)
{
	AUTO_FD int fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_set(e, ERR_CONFIG, "%s: %s", w->path, strerror(errno));
	TRY(safe(w, name, &st, e));
	if (S_ISLNK(st.st_mode))
		return follow(w, fd, e);
	if (S_ISDIR(st.st_mode)) {
		auto_fd_(&w->dir);
		w->dir = take_fd(&fd);
		return 0;
	}
	*found = S_ISREG(st.st_mode) && w->rest[strspn(w->rest, "/")] == '\0';
	return *found ? 0 : err_set(e, ERR_CONFIG, "%s: not a program", w->path);
}

static int walk(struct walk *w, struct err *e)
{
	bool found = false;

	TRY(to_root(w, e));
	while (!found) {
		AUTO_FREE char *name = next_name(w);

		if (name == NULL)
			return err_set(e, ERR_CONFIG, "%s: not a program", w->path);
		TRY(step(w, name, &found, e));
	}
	return 0;
}

static int check(const char *path, uid_t user, struct err *e)
{
	struct walk w = {
		.path = path,
		.rest = xstrdup(path),
		.dir = -1,
		.user = user,
	};
	int rc = walk(&w, e);

	walk_done(&w);
	return rc;
}

/* As a shell would: the first that may be executed. NULL: none. */
static char *look_up(const char *name, const char *path)
{
	while (*path != '\0') {
		size_t len = strcspn(path, ":");
		AUTO_FREE char *at = xasprintf("%.*s/%s", (int)len, path, name);
		struct stat st;

		if (stat(at, &st) == 0 && S_ISREG(st.st_mode) &&
		    faccessat(AT_FDCWD, at, X_OK, AT_EACCESS) == 0)
			return TAKE(at);
		path += len + (path[len] == ':');
	}
	return NULL;
}

int program_find(const char *name, const char *path, uid_t user, char **found,
		 struct err *e)
{
	AUTO_FREE char *at = NULL;

	if (name[0] == '/')
		at = xstrdup(name);
	else if (strchr(name, '/') != NULL || name[0] == '\0')
		return err_set(e, ERR_CONFIG,
			       "\"%s\": neither an absolute path nor a name", name);
	else
		at = look_up(name, path);
	if (at == NULL)
		return err_set(e, ERR_CONFIG, "%s: not found in %s", name, path);
	TRY(check(at, user, e));
	*found = TAKE(at);
	return 0;
}
