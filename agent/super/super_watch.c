#include "agent/super/super_watch.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/role/log.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* Owned; of one in the current folder ".". */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* `events` of what is called like `path` in its folder. */
static int watch_name(struct super_watch *w, const char *path, uint32_t events,
		      struct err *e)
{
	AUTO_FREE char *folder = folder_of(path);

	TRY(watch_add(&w->watch, folder, events, (uint32_t)w->n, NULL, e));
	w->edits = xrealloc(w->edits, w->n + 1, sizeof(*w->edits));
	w->edits[w->n++] = (struct super_edit){
		.pattern = xstrdup(name_of(path)),
		.has_wildcard = strpbrk(name_of(path), "*?[\\") != NULL,
	};
	return 0;
}

/* Once: what comes after it is not watched either. */
static void say_unwatched(struct super_watch *w, const char *path, const char *why)
{
	if (!w->said)
		log_warn("%s: not watched: %s; when it, or what is included after it, "
			 "is edited, a SIGHUP is needed",
			 path, why);
	w->said = true;
}

/* Where there is no such folder yet the one above tells when it comes. */
static void watch_path(struct super_watch *w, const char *path)
{
	AUTO_FREE char *folder = folder_of(path);
	struct err e;

	if (w->n >= SUPER_EDITS) {
		err_set(&e, ERR_LIMIT, "there are more than %d files", SUPER_EDITS);
		say_unwatched(w, path, e.text);
		return;
	}
	if (watch_name(w, path, WATCH_FILES, &e) == 0 ||
	    watch_name(w, folder, WATCH_COMING, &e) == 0)
		return;
	if (e.code == ERR_LIMIT)
		say_unwatched(w, path, e.text);
	else
		log_debug("%s", e.text);
}

static void watch_real(struct super_watch *w, const char *path)
{
	char real[PATH_MAX];

	if (realpath(path, real) != NULL && strcmp(real, path) != 0)
		watch_path(w, real);
}

void super_watch_path(struct super *s, const char *path)
{
	if (s->watch.watch.fd < 0)
		return;
	watch_path(&s->watch, path);
	watch_real(&s->watch, path);
}

/* In the folder of the pattern that counts for all of them. */
static bool is_covered(const char *pattern, const char *path)
{
	AUTO_FREE char *of_all = folder_of(pattern);
	AUTO_FREE char *of_one = folder_of(path);

	return strcmp(of_all, of_one) == 0;
}

void super_watch_found(struct super *s, const char *pattern, const char *path)
{
	if (s->watch.watch.fd < 0)
		return;
	if (!is_covered(pattern, path))
		watch_path(&s->watch, path);
	watch_real(&s->watch, path);
}

void super_watch_end(struct super *s)
{
	struct super_watch *w = &s->watch;

	for (size_t i = 0; i < w->n; i++)
		free(w->edits[i].pattern);
	free(w->edits);
	watch_done(&w->watch);
	*w = (struct super_watch){ .watch = WATCH_NONE };
}

void super_watch_begin(struct super *s)
{
	struct err e;

	super_watch_end(s);
	if (s->is_daemon && watch_open(&s->watch.watch, &e) < 0)
		log_warn("%s: a configuration that is edited is taken up on SIGHUP "
			 "only",
			 e.text);
}

/* Of a link that leads to the folder of a version, "..data", its own name says nothing. */
static bool counts(const struct super_edit *edit, uint32_t events, const char *name)
{
	return (events & WATCH_GONE) != 0 || strncmp(name, "..", 2) == 0 ||
	       strcmp(edit->pattern, name) == 0 ||
	       (edit->has_wildcard && fnmatch(edit->pattern, name, FNM_PERIOD) == 0);
}

/* Thousands of names may lie in one folder, and thousands of them change at once: what comes
 * with a change, or soon after it, is one with it. */
static void on_event(void *arg, uint32_t who, uint32_t events, const char *name)
{
	struct super_watch *w = arg;

	if (w->heeded_ms - w->edited_ms < SUPER_ONE_MS && w->edited_ms != 0)
		return;
	if (who == WATCH_NOBODY || counts(&w->edits[who], events, name))
		w->edited_ms = w->heeded_ms;
}

void super_watch_heed(struct super *s)
{
	s->watch.heeded_ms = clock_awake_ms();
	watch_read(&s->watch.watch, on_event, &s->watch);
}

int64_t super_watch_ms(const struct super *s)
{
	return s->watch.edited_ms == 0 ? INT64_MAX : s->watch.edited_ms + SUPER_EDIT_MS;
}

static void take_up(struct super *s)
{
	s->watch.edited_ms = 0;
	log_info("%s: changed", s->path);
	s->wishes |= WISH_RELOAD;
}

void super_watch_check(struct super *s)
{
	if (clock_awake_ms() >= super_watch_ms(s))
		take_up(s);
}

void super_watch_now(struct super *s)
{
	super_watch_heed(s);
	if (s->watch.edited_ms != 0)
		take_up(s);
}
