/*
 * target: a file outside the store: what is in its place, compared with what should be,
 * and replaced where it differs.
 */
#pragma once

struct buf;
struct err;
struct file_access;

/* A folder, opened, and a name in it. */
struct target {
	int dir;          /* owned */
	const char *name; /* borrowed */
};

#define AUTO_TARGET __attribute__((cleanup(target_done)))

/* The folder must exist, and is reached over no link. ERR_CONFIG: `path` is not the
 * absolute path of a file. */
int target_open(struct target *t, const char *path, struct err *e);
void target_done(struct target *t);

#define TARGET_MISSING (1u << 0)
#define TARGET_CONTENT (1u << 1) /* other bytes than we would write, or unreadable */
#define TARGET_OWNER   (1u << 2)
#define TARGET_MODE    (1u << 3)
#define TARGET_STRANGE (1u << 4) /* not a regular file with one name */

/* *differs: TARGET_* of what is there now; with MISSING or STRANGE that alone. */
int target_audit(const struct target *t, const struct buf *want,
		 const struct file_access *access, unsigned *differs, struct err *e);

/* Give what is there owner and mode, if it is a regular file; durable. Its content stays. */
int target_mend(const struct target *t, const struct file_access *access,
		struct err *e);

/* Write it unless it is already exactly so; what a crash left of it beside its place is
 * removed in any case. What is there and STRANGE is not replaced: ERR_SYS. */
int target_write(const struct target *t, const struct buf *want,
		 const struct file_access *access, struct err *e);
