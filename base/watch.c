#include "base/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define READ_MOST 8192 /* bytes at a time: 500 events of short names */

static int failed(struct err *e, const char *what)
{
	/* EMFILE: too many instances. ENOSPC, ENOMEM: too many watches. */
	if (errno == EMFILE || errno == ENOSPC || errno == ENOMEM)
		return err_set(e, ERR_LIMIT, "watch %s: %s", what, strerror(errno));
	return err_sys(e, "watch %s", what);
}

int watch_open(struct watch *w, struct err *e)
{
	*w = (struct watch)WATCH_NONE;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return w->fd < 0 ? failed(e, "folders") : 0;
}

void watch_done(struct watch *w)
{
	auto_fd_(&w->fd);
	free(w->entries);
	*w = (struct watch)WATCH_NONE;
}

/* The first entry of `wd`, or where it would be. */
static size_t place_of(const struct watch *w, int wd)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (w->entries[mid].wd < wd)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void note(struct watch *w, int wd, uint32_t who)
{
	size_t at = place_of(w, wd);

	for (; at < w->n && w->entries[at].wd == wd; at++)
		if (w->entries[at].who == who)
			return;
	if (w->n == w->room) {
		w->room = w->room == 0 ? 16 : w->room * 2;
		w->entries = xrealloc(w->entries, w->room, sizeof(*w->entries));
	}
	memmove(w->entries + at + 1, w->entries + at,
		(w->n - at) * sizeof(*w->entries));
	w->entries[at] = (struct watch_entry){ wd, who };
	w->n++;
}

static void forget(struct watch *w, int wd)
{
	const size_t at = place_of(w, wd);
	size_t end = at;

	while (end < w->n && w->entries[end].wd == wd)
		end++;
	memmove(w->entries + at, w->entries + end, (w->n - end) * sizeof(*w->entries));
	w->n -= end - at;
}

int watch_add(struct watch *w, const char *path, uint32_t events, uint32_t who, int *wd,
	      struct err *e)
{
	const int n = inotify_add_watch(w->fd, path,
					events | WATCH_GONE | IN_ONLYDIR | IN_MASK_ADD);

	if (n < 0)
		return failed(e, path);
	note(w, n, who);
	if (wd != NULL)
		*wd = n;
	return 0;
}

/* Its entries go with the kernel's last word on it, IN_IGNORED. */
void watch_drop(struct watch *w, int wd)
{
	(void)inotify_rm_watch(w->fd, wd);
}

static void tell(struct watch *w, const struct inotify_event *ev, watch_told *told,
		 void *arg)
{
	const char *name = ev->len > 0 ? ev->name : "";

	if ((ev->mask & IN_Q_OVERFLOW) != 0) {
		told(arg, WATCH_NOBODY, IN_Q_OVERFLOW, "");
		return;
	}
	if ((ev->mask & IN_IGNORED) != 0) {
		forget(w, ev->wd);
		return;
	}
	for (size_t i = place_of(w, ev->wd); i < w->n && w->entries[i].wd == ev->wd;
	     i++)
		told(arg, w->entries[i].who, ev->mask, name);
}

void watch_read(struct watch *w, watch_told *told, void *arg)
{
	_Alignas(struct inotify_event) char bytes[READ_MOST];
	const ssize_t n = read(w->fd, bytes, sizeof(bytes));
	size_t at = 0;

	while (n > 0 && at < (size_t)n) {
		const struct inotify_event *ev = (const void *)(bytes + at);

		at += sizeof(*ev) + ev->len;
		tell(w, ev, told, arg);
	}
}
