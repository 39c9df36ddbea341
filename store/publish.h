/*
 * publish: a generation's content in the shapes that servers want, outside the store.
 *
 * Each file is written beside its place, synced, and renamed over it; key and
 * certificate are checked against each other before the first. After a crash
 * publish_audit() tells which files are not what the live generation says, and
 * publishing again finishes the work: there is no journal to lose.
 *
 * Use: set_load() (or set_read()) once, then publish_write() or publish_audit() for each file.
 */
#pragma once

#include "base/file.h"
#include "store/content.h"

struct err;
struct set;

struct publish_file {
	const char *path; /* absolute, borrowed */
	struct content content;
	struct file_access access;
};

/*
 * Write `file` unless it is already exactly so; what a crash left of it beside its
 * place is removed in any case. Its folder must exist, and is reached over no link.
 * What is there and not a regular file with one name is not replaced: ERR_SYS.
 */
int publish_write(const struct set *set, const struct publish_file *file,
		  struct err *e);

/* Remove what a crash left of the file called `path` beside its place. */
int publish_sweep(const char *path, struct err *e);

#define PUBLISH_MISSING (1u << 0)
#define PUBLISH_CONTENT (1u << 1) /* other bytes than we would write, or unreadable */
#define PUBLISH_OWNER   (1u << 2)
#define PUBLISH_MODE    (1u << 3)
#define PUBLISH_STRANGE (1u << 4) /* not a regular file with one name */

/* *differs: PUBLISH_* of what is there now; with MISSING or STRANGE that alone. */
int publish_audit(const struct set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e);
