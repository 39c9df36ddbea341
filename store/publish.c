#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* The folder of a configured path, opened, and the name in it. */
struct target {
	int dir; /* owned */
	const char *name;
};

#define AUTO_TARGET __attribute__((cleanup(target_done)))

static void target_done(struct target *t)
{
	auto_fd_(&t->dir);
}

static int target_open(struct target *t, const char *path, struct err *e)
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

static unsigned compare_stat(const struct stat *st, const struct file_access *access)
{
	unsigned differs = 0;

	if ((access->uid != FILE_KEEP && access->uid != st->st_uid) ||
	    (access->gid != FILE_KEEP && access->gid != st->st_gid))
		differs |= PUBLISH_OWNER;
	if ((st->st_mode & 07777) != (access->mode & 0777))
		differs |= PUBLISH_MODE;
	return differs;
}

static int compare_bytes(const struct target *t, const struct buf *want,
			 unsigned *differs, struct err *e)
{
	AUTO_BUF struct buf got = { 0 };
	int rc = file_read(t->dir, t->name, want->len, &got, e);

	if (rc == ERR_LIMIT || (rc < 0 && e->sysno == EACCES))
		*differs |= PUBLISH_CONTENT;
	else if (rc < 0)
		return rc;
	else if (got.len != want->len ||
		 (want->len > 0 && memcmp(got.data, want->data, want->len) != 0))
		*differs |= PUBLISH_CONTENT;
	return 0;
}

static int audit(const struct target *t, const struct publish_file *file,
		 const struct buf *want, unsigned *differs, struct err *e)
{
	struct stat st;

	if (fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		*differs = PUBLISH_MISSING;
		return errno == ENOENT ? 0 : err_sys(e, "look at it");
	}
	*differs = PUBLISH_STRANGE;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return 0;
	*differs = compare_stat(&st, &file->access);
	return compare_bytes(t, want, differs, e);
}

static int write_if_needed(const struct set *set, const struct publish_file *file,
			   struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	AUTO_BUF struct buf want = { 0 };
	unsigned differs = 0;

	TRY(content_render(set, &file->content, &want, e));
	TRY(target_open(&t, file->path, e));
	/* Also where nothing is to be written: it may hold a key. */
	TRY(file_sweep(t.dir, t.name, e));
	TRY(audit(&t, file, &want, &differs, e));
	if (differs == PUBLISH_STRANGE)
		return err_set(e, ERR_SYS,
			       "it is a link, a folder, a device or has "
			       "two names: not replaced");
	if (differs == 0)
		return 0;
	return file_write(t.dir, t.name, want.data, want.len, &file->access, e);
}

static int audit_file(const struct set *set, const struct publish_file *file,
		      unsigned *differs, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	AUTO_BUF struct buf want = { 0 };
	unsigned found = 0;

	TRY(content_render(set, &file->content, &want, e));
	TRY(target_open(&t, file->path, e));
	TRY(audit(&t, file, &want, &found, e));
	*differs = found;
	return 0;
}

int publish_write(const struct set *set, const struct publish_file *file, struct err *e)
{
	if (write_if_needed(set, file, e) < 0)
		return err_wrap(e, "write %s", file->path);
	return 0;
}

int publish_sweep(const char *path, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };

	if (target_open(&t, path, e) < 0 || file_sweep(t.dir, t.name, e) < 0)
		return err_wrap(e, "sweep %s", path);
	return 0;
}

int publish_audit(const struct set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e)
{
	if (audit_file(set, file, differs, e) < 0)
		return err_wrap(e, "look at %s", file->path);
	return 0;
}
