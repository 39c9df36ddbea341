/*
 * watch: told by the kernel when something changes in a folder (inotify(7)).
 *
 * Folders are watched, not files: whoever changes a file as one should puts another one in
 * its place. A folder is known to the caller by a number, `who`; the same folder may have
 * several (one path leads to it, and another), and each of them is told.
 *
 * What has been told of may have become something else since, and what happens while the
 * watch is being set up is not told of at all: add the folder first, look at it then.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>

struct err;

/* A file in it has come, gone, been written to the end, or has another owner or mode. What
 * is still open for writing is not told of. */
#define WATCH_FILES                                                           \
	(IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | \
	 IN_MOVED_TO)
/* Something in it has come. */
#define WATCH_COMING (IN_CREATE | IN_MOVED_TO)
/* The folder itself is not where it was; told of always. */
#define WATCH_GONE (IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT)

struct watch_entry {
	int wd;
	uint32_t who;
};

struct watch {
	int fd;                      /* owned, does not block; -1: none */
	struct watch_entry *entries; /* owned, by wd */
	size_t n;
	size_t room;
};

#define WATCH_NONE       \
	{                \
		.fd = -1 \
	}

/* ERR_SYS, ERR_LIMIT: this user has as many as the kernel lets him have. */
int watch_open(struct watch *w, struct err *e);
void watch_done(struct watch *w);

/*
 * Watch the folder at `path` (links are followed) for `events`, as `who`. *wd, if not NULL,
 * is what it is called here, and the same for the same folder. ERR_LIMIT: there can be no
 * more; ERR_SYS: e->sysno ENOENT or ENOTDIR, it is not there.
 */
int watch_add(struct watch *w, const char *path, uint32_t events, uint32_t who, int *wd,
	      struct err *e);

/* No more of it, for nobody. Harmless if it is gone. */
void watch_drop(struct watch *w, int wd);

/* `events` has WATCH_* bits; `name` is "" for the folder itself. With IN_Q_OVERFLOW and
 * nobody (UINT32_MAX) more has happened than was kept: all has to be looked at. */
#define WATCH_NOBODY UINT32_MAX
typedef void watch_told(void *arg, uint32_t who, uint32_t events, const char *name);

/* Tell what has come, a bounded part of it: the descriptor stays readable for the rest. */
void watch_read(struct watch *w, watch_told *told, void *arg);
