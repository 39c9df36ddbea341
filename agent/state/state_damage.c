#include "agent/state/state_damage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/state/state_db.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

static void copy(const char *from, const char *to)
{
	AUTO_FD int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_FD int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char bytes[8192];
	ssize_t n = 1;

	if (in < 0 || out < 0)
		return;
	while (n > 0) {
		n = read(in, bytes, sizeof(bytes));
		if (n > 0 && write(out, bytes, (size_t)n) != n)
			return;
	}
}

static int is_copy(const struct dirent *f)
{
	return strncmp(f->d_name, STATE_BAD_PREFIX, strlen(STATE_BAD_PREFIX)) == 0;
}

/* The names sort by time. */
static void prune(const char *dir)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_copy, alphasort);

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, list[i]->d_name);

		if (i < n - STATE_BAD_KEPT)
			unlink(path);
		free(list[i]);
	}
	free(list);
}

static int take_away(const char *path, struct err *e)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", path);
	return 0;
}

int state_set_aside(const char *dir, int64_t at, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", dir);
	AUTO_FREE char *wal = xasprintf("%s-wal", path);
	AUTO_FREE char *shm = xasprintf("%s-shm", path);
	AUTO_FREE char *bad =
	    xasprintf("%s/" STATE_BAD_PREFIX "%lld", dir, (long long)at);

	copy(path, bad);
	prune(dir);
	/* The log first: one that outlived its database would be played into the next. */
	TRY(take_away(wal, e));
	TRY(take_away(shm, e));
	return take_away(path, e);
}

void state_tell(struct state *s, const char *what, const char *why)
{
	const char *open = why == NULL ? "" : " (", *close = why == NULL ? "" : ")";

	why = why == NULL ? "" : why;
	if (s->read_only)
		snprintf(s->news, sizeof(s->news),
			 "state.db %s%s%s%s: only what the store holds is shown; the "
			 "next run begins it anew",
			 what, open, why, close);
	else
		snprintf(s->news, sizeof(s->news),
			 "state.db %s%s%s%s: begun anew from what the store holds; the "
			 "old one is %s/" STATE_BAD_PREFIX "%lld",
			 what, open, why, close, s->dir, (long long)s->bad_at);
}
