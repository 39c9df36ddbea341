#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/acl.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

#define LABEL_MAX 1024 /* bytes; what the tools of SELinux print has 60 */

/* A file on its way to the disk. */
struct draft {
	int dir;
	const char *name; /* below dir */
	int older;        /* directory of the file that it comes after, or -1 */
	const char *older_name;
	const void *data; /* NULL: the first `len` bytes of `from` */
	size_t len;
	const struct file_access *access;
	bool unsynced;
	int from;
};

/* The C library has no openat2(). `links`: RESOLVE_NO_SYMLINKS, or 0. */
static int open_over(int at, const char *path, int flags, mode_t mode, unsigned links)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = links | RESOLVE_NO_MAGICLINKS |
			   (path[0] == '/' ? 0u : RESOLVE_BENEATH),
	};

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
	return open_over(at, path, flags, mode, RESOLVE_NO_SYMLINKS);
}

/* errno of open_at() in words: the kernel's own for ELOOP would mislead. */
static int open_err(const char *path, struct err *e)
{
	if (errno != ELOOP)
		return err_sys(e, "open %s", path);
	err_set(e, ERR_SYS, "open %s: it is, or leads over, a symbolic link", path);
	e->sysno = ELOOP;
	return ERR_SYS;
}

static int temp_name(char out[NAME_MAX + 1], const char *name, struct err *e)
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.everleaf", name);

	if (n < 0 || n > NAME_MAX)
		return err_set(e, ERR_CONFIG, "the file name %.40s... is too long",
			       name);
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A server that compares seconds must see that this is not the file it has loaded. */
static int move_mtime(int fd, const struct draft *d)
{
	struct stat old, now;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

	if (d->older < 0)
		return 0;
	if (fstatat(d->older, d->older_name, &old, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &now) < 0)
		return -1;
	times[1] = old.st_mtim;
	if (__builtin_add_overflow(times[1].tv_sec, 1, &times[1].tv_sec) ||
	    now.st_mtim.tv_sec > times[1].tv_sec ||
	    (now.st_mtim.tv_sec == times[1].tv_sec &&
	     now.st_mtim.tv_nsec >= times[1].tv_nsec))
		return 0;
	return futimens(fd, times);
}

static int open_regular(int at, const char *path, unsigned links, int *file,
			struct err *e)
{
	/* O_NONBLOCK: a FIFO would have us wait for whoever planted it. */
	AUTO_FD int fd =
	    open_over(at, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, links);
	struct stat st;

	if (fd < 0)
		return open_err(path, e);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_SYS, "%s is not a regular file", path);
	*file = take_fd(&fd);
	return 0;
}

int file_open(int at, const char *path, int *file, struct err *e)
{
	return open_regular(at, path, RESOLVE_NO_SYMLINKS, file, e);
}

/* Only what differs is asked for, so that an ordinary user's own files pass. */
static int give(int fd, const struct file_access *access)
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (fstat(fd, &st) < 0)
		return -1;
	uid = access->uid == st.st_uid ? FILE_KEEP : access->uid;
	gid = access->gid == st.st_gid ? FILE_KEEP : access->gid;
	if (uid == FILE_KEEP && gid == FILE_KEEP)
		return 0;
	return fchown(fd, uid, gid);
}

/* Where SELinux does not run nobody but root may set a label, and nobody needs it;
 * where it does, the kernel has given a new file the label of its folder. */
static void keep_label(int fd, int old)
{
	static const char name[] = "security.selinux";
	char was[LABEL_MAX], is[LABEL_MAX];
	ssize_t n = fgetxattr(old, name, was, sizeof(was));

	if (n > 0 && (fgetxattr(fd, name, is, sizeof(is)) != n ||
		      memcmp(was, is, (size_t)n) != 0))
		(void)fsetxattr(fd, name, was, (size_t)n, 0);
}

/* Who was let in to the file that this one takes the place of, by those that it belongs
 * to. A new owner begins anew. */
static int older_access(int fd, const struct draft *d, struct acl *acl, struct err *e)
{
	AUTO_FD int old = -1;
	struct stat was, is;
	struct err why;

	if (d->older < 0 || file_open(d->older, d->older_name, &old, &why) < 0)
		return 0;
	if (fstat(old, &was) < 0 || fstat(fd, &is) < 0)
		return err_sys(e, "look at %s", d->name);
	if (was.st_uid != is.st_uid)
		return 0;
	keep_label(fd, old);
	return acl_read(old, acl, e);
}

/* A list that the folder gives to each new file would take from its group what the mode
 * says. */
static int keep_access(int fd, const struct draft *d, struct err *e)
{
	struct acl acl = { .n = 0 };

	TRY(older_access(fd, d, &acl, e));
	if (acl.n == 0)
		TRY(acl_read(fd, &acl, e));
	if (acl.n == 0)
		return 0;
	acl_put_mode(&acl, d->access->mode);
	return acl_write(fd, &acl, e);
}

static int copy_all(int fd, const struct draft *d, struct err *e)
{
	char part[8192];

	for (size_t at = 0; at < d->len;) {
		const size_t left = d->len - at;
		const ssize_t n =
		    pread(d->from, part, left < sizeof(part) ? left : sizeof(part),
			  (off_t)at);

		if (n < 0)
			return err_sys(e, "read what is to be %s", d->name);
		if (n == 0)
			return err_set(e, ERR_PROTO, "%s: %zu of %zu bytes are there",
				       d->name, at, d->len);
		if (write_all(fd, part, (size_t)n) < 0)
			return err_sys(e, "write %s", d->name);
		at += (size_t)n;
	}
	return 0;
}

static int fill(int *fd, const struct draft *d, struct err *e)
{
	if (d->from >= 0)
		TRY(copy_all(*fd, d, e));
	else if (write_all(*fd, d->data, d->len) < 0)
		return err_sys(e, "write %s", d->name);
	if (move_mtime(*fd, d) < 0)
		return err_sys(e, "set the time of %s", d->name);
	if (give(*fd, d->access) < 0)
		return err_sys(e, "give %s to user %d, group %d", d->name,
			       (int)d->access->uid, (int)d->access->gid);
	if (fchmod(*fd, d->access->mode & 0777) < 0)
		return err_sys(e, "set the mode of %s", d->name);
	if (keep_access(*fd, d, e) < 0)
		return err_wrap(e, "%s", d->name);
	return 0;
}

static int settle(int *fd, const struct draft *d, struct err *e)
{
	if (!d->unsynced && fsync(*fd) < 0)
		return err_sys(e, "sync %s", d->name);
	/* Some network file systems say only now that there was no room. */
	if (close(take_fd(fd)) < 0)
		return err_sys(e, "close %s", d->name);
	return 0;
}

/* With `left` the rest is the caller's: file_settle(). */
static int put(const struct draft *d, int *left, struct err *e)
{
	/* Closed to everyone else: a key must never be readable, not even for the
	 * moment before fchmod(). */
	AUTO_FD int fd =
	    open_at(d->dir, d->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return err_sys(e, "create %s", d->name);
	/* What could not be synced once is never tried again on the same file: the
	 * kernel may have dropped its pages and would say yes. */
	rc = fill(&fd, d, e);
	if (rc == 0 && left == NULL)
		rc = settle(&fd, d, e);
	if (rc < 0)
		(void)unlinkat(d->dir, d->name, 0);
	else if (left != NULL)
		*left = take_fd(&fd);
	return rc;
}

static int read_all(int fd, const char *path, size_t max, struct buf *out,
		    struct err *e)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read %s", path);
		if ((size_t)n > max - out->len) {
			explicit_bzero(part, sizeof(part));
			return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes",
				       path, max);
		}
		buf_add(out, part, (size_t)n);
	}
	explicit_bzero(part, sizeof(part));
	return 0;
}

static int remove_entries(DIR *d, const char *name, struct err *e)
{
	const struct dirent *f;
	int rc = 0;

	while ((errno = 0, f = readdir(d)) != NULL) {
		if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), f->d_name, 0) < 0 && errno != ENOENT && rc == 0)
			rc = err_sys(e, "remove %s/%s", name, f->d_name);
	}
	return errno == 0 || rc < 0 ? rc : err_sys(e, "list %s", name);
}

int file_open_dir(int at, const char *path, int *dir, struct err *e)
{
	int fd = open_at(at, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return open_err(path, e);
	*dir = fd;
	return 0;
}

int file_enter_dir(int at, const char *path, int *dir, struct err *e)
{
	int fd = open_at(at, path, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return open_err(path, e);
	*dir = fd;
	return 0;
}

static int read_regular(int at, const char *path, unsigned links, size_t max,
			struct buf *out, struct err *e)
{
	AUTO_FD int fd = -1;
	AUTO_BUF struct buf got = { 0 };

	TRY(open_regular(at, path, links, &fd, e));
	TRY(read_all(fd, path, max, &got, e));
	buf_done(out);
	*out = got;
	got = (struct buf){ 0 };
	return 0;
}

int file_read(int at, const char *path, size_t max, struct buf *out, struct err *e)
{
	return read_regular(at, path, RESOLVE_NO_SYMLINKS, max, out, e);
}

int file_read_linked(const char *path, size_t max, struct buf *out, struct err *e)
{
	return read_regular(AT_FDCWD, path, 0, max, out, e);
}

bool file_exists(int at, const char *path)
{
	struct stat st;

	return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       (errno != ENOENT && errno != ENOTDIR);
}

/* Sweep, write beside `name`, rename. */
static int replace(const struct draft *d, const char *name, struct err *e)
{
	struct draft beside = *d;
	char temp[NAME_MAX + 1];

	TRY(temp_name(temp, name, e));
	TRY(file_sweep(d->dir, name, e));
	beside.name = temp;
	TRY(put(&beside, NULL, e));
	if (renameat(d->dir, temp, d->dir, name) == 0)
		return 0;
	err_sys(e, "rename %s to %s", temp, name);
	(void)unlinkat(d->dir, temp, 0);
	return ERR_SYS;
}

static int replace_synced(const struct draft *d, struct err *e)
{
	TRY(replace(d, d->name, e));
	if (fsync(d->dir) < 0)
		return err_sys(e, "sync the directory of %s", d->name);
	return 0;
}

int file_write(int dir, const char *name, const void *data, size_t len,
	       const struct file_access *access, struct err *e)
{
	const struct draft d = { dir, name, dir, name, data, len, access, false, -1 };

	return replace_synced(&d, e);
}

int file_write_copy(int dir, const char *name, int from, size_t len,
		    const struct file_access *access, struct err *e)
{
	const struct draft d = { dir, name, dir, name, NULL, len, access, false, from };

	return replace_synced(&d, e);
}

int file_write_unsynced(int dir, const char *name, const void *data, size_t len,
			const struct file_access *access, struct err *e)
{
	const struct draft d = { dir, name, -1, name, data, len, access, true, -1 };

	return replace(&d, name, e);
}

int file_create(int dir, const char *name, const void *data, size_t len,
		const struct file_access *access, int older, int *fd, struct err *e)
{
	const struct draft d = { dir, name, older, name, data, len, access, false, -1 };

	TRY(put(&d, fd, e));
	/* A hint: what comes of it file_settle() is told. */
	(void)sync_file_range(*fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int file_settle(int *fd, const char *name, struct err *e)
{
	const struct draft d = { .name = name, .from = -1 };

	return settle(fd, &d, e);
}

int file_sweep(int dir, const char *name, struct err *e)
{
	char temp[NAME_MAX + 1];
	struct stat st;

	TRY(temp_name(temp, name, e));
	if (fstatat(dir, temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "look at %s", temp);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(e, ERR_SYS, "%s is in the way and not a file of ours",
			       temp);
	if (unlinkat(dir, temp, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", temp);
	return 0;
}

int file_remove_dir(int dir, const char *name, struct err *e)
{
	AUTO_FD int fd = open_at(dir, name, O_RDONLY | O_DIRECTORY, 0);
	AUTO_DIR DIR *d = NULL;

	if (fd < 0)
		return errno == ENOENT ? 0 : open_err(name, e);
	d = fdopendir(fd);
	if (d == NULL)
		return err_sys(e, "list %s", name);
	(void)take_fd(&fd);
	TRY(remove_entries(d, name, e));
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return err_sys(e, "remove %s", name);
	return 0;
}

int file_make_dir(int dir, const char *name, mode_t mode, int *made, struct err *e)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return err_sys(e, "make the directory %s", name);
	TRY(file_open_dir(dir, name, &fd, e));
	/* The umask may have taken bits, of this mkdirat() or of one before a crash. */
	if (fstat(fd, &st) < 0 || ((st.st_mode & 0777) != mode && fchmod(fd, mode) < 0))
		return err_sys(e, "set the mode of %s", name);
	*made = take_fd(&fd);
	return 0;
}

int file_room(int dir, uint64_t bytes, uint64_t files, struct err *e)
{
	struct statvfs v;
	uint64_t blocks;

	if (fstatvfs(dir, &v) < 0)
		return err_sys(e, "ask for the free space");
	if (v.f_frsize == 0 || v.f_blocks == 0)
		return 0; /* it does not say */
	/* Every file begins a block of its own. */
	blocks = bytes / v.f_frsize + 1 + files;
	if (blocks < files || blocks > v.f_bavail / 2)
		return err_set(e, ERR_SYS,
			       "the disk is full: %" PRIu64 " KiB free, %" PRIu64
			       " KiB needed",
			       v.f_bavail * (v.f_frsize / 512) / 2,
			       blocks * (v.f_frsize / 512));
	/* Where inodes are made as they are needed (btrfs), both numbers are 0. */
	if (v.f_files > 0 && files > v.f_favail / 2)
		return err_set(e, ERR_SYS,
			       "the disk is full: %" PRIu64 " inodes free, %" PRIu64
			       " needed",
			       (uint64_t)v.f_favail, 2 * files);
	return 0;
}
