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
#include "store/target.h"

struct err;
struct set;

struct publish_file {
	const char *path; /* absolute, borrowed; of a folder for CONTENT_HASHED */
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

/* Remove what a crash left of a file of that kind called `path` beside its place. */
int publish_sweep(const char *path, enum content_kind kind, struct err *e);

/* *differs: TARGET_* of target.h of what is there now. */
int publish_audit(const struct set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e);
