#include "store/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/acl.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* With an access control list the mode shows what is named in it at most, in the place
 * of what the group may. */
static mode_t mode_of(const struct target *t, const struct stat *st)
{
	AUTO_FD int fd = -1;
	struct acl acl;
	struct err e;

	if (file_open(t->dir, t->name, &fd, &e) < 0 || acl_read(fd, &acl, &e) < 0 ||
	    acl.n == 0)
		return st->st_mode & 07777;
	return (st->st_mode & 07707) | (mode_t)acl_group(&acl) << 3;
}

static unsigned compare_stat(const struct target *t, const struct stat *st,
			     const struct file_access *access)
{
	unsigned differs = 0;

	if ((access->uid != FILE_KEEP && access->uid != st->st_uid) ||
	    (access->gid != FILE_KEEP && access->gid != st->st_gid))
		differs |= TARGET_OWNER;
	if (mode_of(t, st) != (access->mode & 0777))
		differs |= TARGET_MODE;
	return differs;
}

static int compare_bytes(const struct target *t, const struct buf *want,
			 unsigned *differs, struct err *e)
{
	AUTO_BUF struct buf got = { 0 };
	int rc = file_read(t->dir, t->name, want->len, &got, e);

	if (rc == ERR_LIMIT || (rc < 0 && e->sysno == EACCES))
		*differs |= TARGET_CONTENT;
	else if (rc < 0)
		return rc;
	else if (got.len != want->len ||
		 (want->len > 0 && memcmp(got.data, want->data, want->len) != 0))
		*differs |= TARGET_CONTENT;
	return 0;
}

void target_done(struct target *t)
{
	auto_fd_(&t->dir);
}

int target_open(struct target *t, const char *path, struct err *e)
{
	AUTO_FREE char *folder = NULL;
	const char *slash = strrchr(path, '/');

	if (path[0] != '/' || slash[1] == '\0')
		return err_set(e, ERR_CONFIG, "%s is not the absolute path of a file",
			       path);
	folder = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	t->name = slash + 1;
	return file_open_dir(AT_FDCWD, folder, &t->dir, e);
}

int target_audit(const struct target *t, const struct buf *want,
		 const struct file_access *access, unsigned *differs, struct err *e)
{
	struct stat st;

	if (fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		*differs = TARGET_MISSING;
		return errno == ENOENT ? 0 : err_sys(e, "look at it");
	}
	*differs = TARGET_STRANGE;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return 0;
	*differs = compare_stat(t, &st, access);
	return compare_bytes(t, want, differs, e);
}

int target_mend(const struct target *t, const struct file_access *access, struct err *e)
{
	AUTO_FD int fd = -1;

	TRY(file_open(t->dir, t->name, &fd, e));
	/* Closed before it is another's, opened when it is. */
	if (fchmod(fd, access->mode & 0700) < 0 ||
	    fchown(fd, access->uid == FILE_KEEP ? (uid_t)-1 : access->uid,
		   access->gid == FILE_KEEP ? (gid_t)-1 : access->gid) < 0 ||
	    fchmod(fd, access->mode & 0777) < 0 || fsync(fd) < 0)
		return err_sys(e, "change owner and mode of %s", t->name);
	return 0;
}

int target_write(const struct target *t, const struct buf *want,
		 const struct file_access *access, struct err *e)
{
	unsigned differs = 0;

	/* Also where nothing is to be written: it may hold a key. */
	TRY(file_sweep(t->dir, t->name, e));
	TRY(target_audit(t, want, access, &differs, e));
	if (differs == TARGET_STRANGE)
		return err_set(e, ERR_SYS,
			       "it is a link, a folder, a device or has "
			       "two names: not replaced; remove it, or name "
			       "another path");
	if (differs == 0)
		return 0;
	return file_write(t->dir, t->name, want->data, want->len, access, e);
}
