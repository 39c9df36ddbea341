#include <dirent.h>
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

#define LOCK   "lock"
#define AGENTS "agent\n" /* in it, after the number of the process: it is a daemon */
#define ID     "id" /* of this store, 16 digits: what the agent remembers is of it alone */

/* As DESIGN "The store": who may do what in each folder. */
static const struct folder {
	const char *name;
	mode_t mode;
	int owner; /* enum spec_role, -1: the supervisor's own */
	int below; /* whose all is that is in it; -1: of who the configuration says */
} folders[] = {
	{ "live", 0711, -1, -1 },
	{ "archive", 0755, -1, -1 }, /* the agent lists it */
	{ "ca", 0755, -1, SPEC_USER_KEEPER },
	{ "crl", 0755, -1, -1 },
	{ "roots", 0755, -1, -1 }, /* workers read them */
	{ "accounts", 0700, SPEC_USER_KEEPER, SPEC_USER_KEEPER },
	{ "agent", 0700, SPEC_USER_AGENT, SPEC_USER_AGENT },
};

#define DEPTH 1 /* folders below those: of an issuer, of a CA */

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

/*
 * A store that was copied from a host where our users have other numbers, or a file of it
 * that root has put back, is of somebody else here: whoever has that number now, and the
 * agent could not write to it. What is in the folders that are one role's alone is given to
 * it again. The agent may write to its own, so no link is followed, and what has another
 * name elsewhere is not touched.
 */
static int give_below(int dir, const struct spec_user *to, unsigned deep, unsigned *n,
		      struct err *e);

static int give(int dir, const char *name, const struct spec_user *to, unsigned deep,
		unsigned *n, struct err *e)
{
	AUTO_FD int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int folder = -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", name);
	if (S_ISDIR(st.st_mode) && deep > 0) {
		folder =
		    openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder < 0)
			return err_sys(e, "open %s", name);
		TRY(give_below(folder, to, deep - 1, n, e));
	} else if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		return 0;
	}
	if (st.st_uid == to->uid)
		return 0;
	if (fchownat(fd, "", to->uid, to->gid, AT_EMPTY_PATH) < 0)
		return err_sys(e, "chown %s", name);
	++*n;
	return 0;
}

static int give_below(int dir, const struct spec_user *to, unsigned deep, unsigned *n,
		      struct err *e)
{
	AUTO_DIR DIR *list = NULL;
	AUTO_FD int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *d;

	list = again < 0 ? NULL : fdopendir(again);
	if (list == NULL)
		return err_sys(e, "list a folder");
	(void)take_fd(&again); /* it is the list's */
	while ((d = readdir(list)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			TRY(give(dir, d->d_name, to, deep, n, e));
	return 0;
}

static int give_state(const struct super *s, int dir, const struct folder *f,
		      struct err *e)
{
	const struct spec_user *to;
	unsigned n = 0;

	if (!s->is_root || f->below < 0)
		return 0;
	to = &s->spec.global->users[f->below];
	if (to->uid == SPEC_NOBODY)
		return 0;
	if (give_below(dir, to, DEPTH, &n, e) < 0)
		return err_wrap(e, "%s", f->name);
	if (n > 0)
		log_warn("%s: %u of the files in it were of other users, as those of "
			 "another host are: given to user %u",
			 f->name, n, to->uid);
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
	TRY(give_state(s, dir, f, e));
	if (!s->is_root)
		return 0;
	if (f->owner < 0)
		return fchown(dir, 0, (gid_t)-1) < 0 ? err_sys(e, "chown %s", f->name)
						     : 0;
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
		s->is_agents = strstr(pid, "\n" AGENTS) != NULL;
		pid[strcspn(pid, "\n")] = '\0';
		return err_set(e, ERR_BUSY, "another run holds the lock (process %s)",
			       pid[0] == '\0' ? "unknown" : pid);
	}
	/* Who ends in good order takes its number out. It is synced, so that a power cut
	 * that leaves something lying about leaves the number, too. */
	s->cut = pread(fd, pid, sizeof(pid), 0) > 0;
	snprintf(pid, sizeof(pid), "%d\n%s", getpid(), s->is_daemon ? AGENTS : "");
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
