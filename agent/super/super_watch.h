/*
 * super_watch: a configuration that has been edited is taken up.
 *
 * The supervisor is the one who may open it, and watches where it is read from: the main
 * file, each pattern of `include` and what was found by it; folders, for editors put a new
 * file in the place of the old one (base/watch.h). Where a folder is not there yet, or not
 * any more, the one above is.
 *
 * SUPER_EDIT_MS after the last change, or before what somebody asks for is done, it is as
 * if a SIGHUP had come. What is not valid is
 * refused by that, said once, and the next change is another try. What lies beside it and
 * is not read (a draft of an editor) counts for nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/watch.h"

struct super;

#define SUPER_EDIT_MS 10000
#define SUPER_ONE_MS  1000
#define SUPER_EDITS \
	10000 /* names, 64 octets each: what else is included is not watched */

/* Which names in a folder count. */
struct super_edit {
	char *pattern; /* owned; as of glob(7) */
	bool has_wildcard;
};

struct super_watch {
	struct watch watch;
	struct super_edit *edits; /* owned */
	size_t n;
	int64_t edited_ms; /* clock_awake_ms() of the last change; 0: none waits */
	int64_t heeded_ms; /* ... when it was last looked for one */
	bool said;         /* that not all is watched */
};

/* A configuration is about to be read: watch from the beginning. Nothing but the daemon
 * does, and where it cannot be, SIGHUP is still heard. */
void super_watch_begin(struct super *s);
void super_watch_end(struct super *s);

/* It is read from the files that `path` is, a pattern or one of them. */
void super_watch_path(struct super *s, const char *path);

/* The same for `path` that was found by `pattern`, which is watched: only where that does not
 * tell of it already. */
void super_watch_found(struct super *s, const char *pattern, const char *path);

/* Take what has come; wish for what a SIGHUP wishes for, if it is time. */
void super_watch_heed(struct super *s);
void super_watch_check(struct super *s);
/* The same at once, for somebody asks. */
void super_watch_now(struct super *s);
int64_t super_watch_ms(const struct super *s); /* when it is; INT64_MAX: never */
