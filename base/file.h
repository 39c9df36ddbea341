/*
 * file: opening, reading and placing files without being led astray.
 *
 * Names are taken below a directory descriptor and links are never followed (openat2
 * with RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, and RESOLVE_BENEATH for relative
 * names), so what a service user plants in a folder stays there. A `path` may have
 * slashes in it, a `name` has none.
 *
 * A directory that is written to, listed or synced comes from file_open_dir() or
 * file_make_dir(); one from file_enter_dir() only leads to what is below it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;

#define FILE_KEEP ((uid_t)-1) /* owner or group: what a file that we make gets anyway */

/* Who may have a file, and how. */
struct file_access {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* permission bits; others are never set */
};

/* Open the directory `path` (absolute: no link on the way; relative: below `at`). */
int file_open_dir(int at, const char *path, int *dir, struct err *e);

/* As file_open_dir(), where we may pass but need not be allowed to list (O_PATH). */
int file_enter_dir(int at, const char *path, int *dir, struct err *e);

/* Open the regular file `path` for reading. What is not one is refused (ERR_SYS) and
 * never waited for. */
int file_open(int at, const char *path, int *file, struct err *e);

/* Read the regular file `path` of at most `max` bytes; `out` is replaced. ERR_LIMIT if
 * it is larger; else as file_open(). */
int file_read(int at, const char *path, size_t max, struct buf *out, struct err *e);

/* The same over links, but for those of /proc: what is read this way decides nothing, and
 * the sandbox says how far links may lead. */
int file_read_linked(const char *path, size_t max, struct buf *out, struct err *e);

/* False if there is nothing there; a link counts as something. */
bool file_exists(int at, const char *path);

/*
 * Write `name` below `dir`: created O_EXCL as 0600 under a temporary name that is
 * always the same for that name (a leftover of a crash is removed), written, owned,
 * moded, fsynced; mtime at least one second after that of the file it replaces; then
 * renamed over `name`, whatever that is short of a directory, and `dir` fsynced.
 * From a file of the same owner it takes over the access control list, as far as that
 * names users and groups, and the SELinux label where the kernel lets us. Where `dir`
 * has a list for new files, that says of owner, group and others what the mode does.
 * ERR_SYS; then `name` is as before, unless it was the last fsync that failed: then it
 * is new, and may be the old one again after a power cut.
 */
int file_write(int dir, const char *name, const void *data, size_t len,
	       const struct file_access *access, struct err *e);

/* As file_write(), of the first `len` bytes of the file `from`. ERR_PROTO: there are not
 * so many. */
int file_write_copy(int dir, const char *name, int from, size_t len,
		    const struct file_access *access, struct err *e);

/* As file_write(), for what need not outlive a power cut: nothing is synced, and the
 * mtime is the moment. */
int file_write_unsynced(int dir, const char *name, const void *data, size_t len,
			const struct file_access *access, struct err *e);

/* As file_write(), for a new name in a directory that no one reads yet: no temporary
 * name, no rename, and the directory is not synced. The file of that name below `older`
 * (-1: there is none) is what the mtime moves against, and whose access control list and
 * label it takes over. Its bytes are on their way to the disk, and there when
 * file_settle() has ended *fd, the caller's: so the disk is waited for once for many
 * files. */
int file_create(int dir, const char *name, const void *data, size_t len,
		const struct file_access *access, int older, int *fd, struct err *e);

/* Sync and close *fd, of `name`; it is -1 if it was closed. ERR_SYS: it may be on disk or
 * not, and asking again would not tell. */
int file_settle(int *fd, const char *name, struct err *e);

/* Remove what a crash of file_write() can leave of `name` below `dir`. What stands
 * there and cannot be a file of ours is left alone: ERR_SYS. */
int file_sweep(int dir, const char *name, struct err *e);

/* Remove the directory `name` below `dir` and what is in it; ERR_SYS if that has
 * directories of its own, or anything that cannot be removed: all else is. Fine if there is
 * none. */
int file_remove_dir(int dir, const char *name, struct err *e);

/* Open the directory `name` below `dir`, made if it is not there. It has `mode`
 * afterwards in any case. `dir` is not synced. */
int file_make_dir(int dir, const char *name, mode_t mode, int *made, struct err *e);

/* ERR_SYS unless the file system of `dir` has room for `bytes` in `files` files, twice:
 * asked before an order is finalized, so that a full disk costs no issuance. */
int file_room(int dir, uint64_t bytes, uint64_t files, struct err *e);
