#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/role/log.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define LOCK "lock"
#define ID   "id" /* of this store, 16 digits: what the agent remembers is of it alone */

/* As DESIGN "The store": who may do what in each folder. */
static const struct folder {
	const char *name;
	mode_t mode;
	int owner; /* enum spec_role, -1: the supervisor's own */
} folders[] = {
	{ "live", 0711, -1 },
	{ "archive", 0755, -1 }, /* the agent lists it */
	{ "ca", 0755, -1 },
	{ "crl", 0755, -1 },
	{ "roots", 0755, -1 }, /* workers read them */
	{ "accounts", 0700, SPEC_USER_KEEPER },
	{ "agent", 0700, SPEC_USER_AGENT },
};

/* mkdir -p, for the default below a home that has no such folder yet. */
static int make_parents(const char *path, struct err *e)
{
	AUTO_FREE char *p = xstrdup(path);

	for (char *slash = strchr(p + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(p, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "make folder %s", p);
		*slash = '/';
	}
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "make folder %s", path);
	return 0;
}

/* The permissions are set on what was opened, not on a name. */
static int make_folder(struct super *s, int root, const struct folder *f, struct err *e)
{
	AUTO_FD int dir = -1;
	const struct spec_user *u;

	if (mkdirat(root, f->name, f->mode) < 0 && errno != EEXIST)
		return err_sys(e, "make folder %s", f->name);
	dir = openat(root, f->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, "open %s", f->name);
	if (fchmod(dir, f->mode) < 0)
		return err_sys(e, "chmod %s", f->name);
	if (!s->is_root || f->owner < 0)
		return 0;
	u = &s->spec.global->users[f->owner];
	if (u->uid != SPEC_NOBODY && fchown(dir, u->uid, u->gid) < 0)
		return err_sys(e, "chown %s", f->name);
	return 0;
}

/*
 * flock: the lock belongs to the open file, so the keeper and the agent that inherit
 * it go on holding it for the moment that they outlive a killed supervisor.
 */
static int take_lock(struct super *s, int root, struct err *e)
{
	AUTO_FD int fd =
	    openat(root, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	char pid[32] = "";

	if (fd < 0)
		return err_sys(e, "open the lock");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(e, "lock");
		if (pread(fd, pid, sizeof(pid) - 1, 0) < 0)
			pid[0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		return err_set(e, ERR_BUSY, "another run holds the lock (process %s)",
			       pid[0] == '\0' ? "unknown" : pid);
	}
	/* Who ends in good order takes its number out. It is synced, so that a power cut
	 * that leaves something lying about leaves the number, too. */
	s->cut = pread(fd, pid, sizeof(pid), 0) > 0;
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0 ||
	    fsync(fd) < 0)
		return err_sys(e, "write the lock");
	s->lock = take_fd(&fd);
	return 0;
}

void super_release(struct super *s)
{
	if (s->lock >= 0 && ftruncate(s->lock, 0) < 0)
		log_debug("lock: %s; the next run sweeps", strerror(errno));
}

/* 0: it is not known. *to_make: nor is there any; what only cannot be read stays. */
static uint64_t read_id(int root, bool *to_make)
{
	AUTO_BUF struct buf text = { 0 };
	struct err e = { .sysno = 0 };
	const bool ok = file_read(root, ID, 64, &text, &e) == 0;

	*to_make = ok ? text.len < 16 : e.sysno == ENOENT;
	return ok && text.len >= 16 ? strtoull(text.data, NULL, 16) : 0;
}

/* A store that cannot be given one does without: its disk is full, or worse. */
static uint64_t make_id(int root)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0644 };
	uint64_t drawn;
	char text[32];
	struct err e;

	if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
		return 0;
	snprintf(text, sizeof(text), "%016llx\n", (unsigned long long)drawn);
	return file_write(root, ID, text, strlen(text), &access, &e) < 0 ? 0 : drawn;
}

int super_store(struct super *s, struct err *e)
{
	const char *path = spec_text(&s->spec, s->spec.global->state_dir);
	AUTO_FD int root = -1;
	bool to_make;

	if (!request_writes(s->request)) {
		root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		s->store = root < 0 ? 0 : read_id(root, &to_make);
		return 0;
	}
	TRY(make_parents(path, e));
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, "open %s", path);
	if (take_lock(s, root, e) < 0)
		return err_wrap(e, "%s", path);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (make_folder(s, root, &folders[i], e) < 0)
			return err_wrap(e, "%s", path);
	s->store = read_id(root, &to_make);
	if (to_make)
		s->store = make_id(root);
	return 0;
}
