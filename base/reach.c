#include "base/reach.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/acl.h"
#include "base/auto.h"
#include "base/err.h"

#define LINKS_MAX 40 /* as the kernel */
#define READ      4u
#define PASS      1u /* of a program: execute */

/* On the way. */
struct walk {
	const struct reach_user *user;
	int at; /* owned, O_PATH */
	unsigned links;
};

static void walk_done(struct walk *w)
{
	auto_fd_(&w->at);
}

#define AUTO_WALK __attribute__((cleanup(walk_done)))

static bool has_group(const struct reach_user *u, gid_t gid)
{
	for (size_t i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return true;
	return false;
}

static unsigned by_mode(const struct stat *st, const struct reach_user *u)
{
	if (u->uid == st->st_uid)
		return st->st_mode >> 6 & 7;
	return has_group(u, st->st_gid) ? st->st_mode >> 3 & 7 : st->st_mode & 7;
}

static unsigned perm_of(const struct acl *acl, enum acl_tag tag, unsigned otherwise)
{
	for (size_t i = 0; i < acl->n; i++)
		if (acl->entries[i].tag == tag)
			return acl->entries[i].perm;
	return otherwise;
}

/* acl(5), ACCESS CHECK ALGORITHM: the first kind of entry that fits decides; of several
 * groups the one that lets in. */
static bool acl_allows(const struct acl *acl, const struct stat *st,
		       const struct reach_user *u, unsigned want)
{
	unsigned mask = perm_of(acl, ACL_MASK, 7);
	bool in_group = false;

	if (u->uid == st->st_uid)
		return (perm_of(acl, ACL_OWNER, 0) & want) == want;
	for (size_t i = 0; i < acl->n; i++)
		if (acl->entries[i].tag == ACL_USER && acl->entries[i].id == u->uid)
			return (acl->entries[i].perm & mask & want) == want;
	for (size_t i = 0; i < acl->n; i++) {
		const struct acl_entry *g = &acl->entries[i];

		if (!(g->tag == ACL_GROUP_OF_FILE && has_group(u, st->st_gid)) &&
		    !(g->tag == ACL_GROUP && has_group(u, g->id)))
			continue;
		if ((g->perm & mask & want) == want)
			return true;
		in_group = true;
	}
	return !in_group && (perm_of(acl, ACL_OTHER, 0) & want) == want;
}

/* A descriptor of O_PATH has no attributes; what stands in its place in /proc has. */
static void proc_path(char path[32], int fd)
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static int check(const struct walk *w, unsigned want, struct err *e)
{
	char proc[32], name[PATH_MAX];
	struct stat st;
	struct acl acl = { .n = 0 };
	struct err why;
	ssize_t n;

	if (w->user->uid == 0)
		return 0;
	assert(w->at >= 0);
	if (fstat(w->at, &st) < 0)
		return err_sys(e, "look at it");
	proc_path(proc, w->at);
	/* With an empty mask Linux looks at the mode alone. */
	if ((st.st_mode & 0070) != 0 && acl_read_path(proc, &acl, &why) < 0)
		acl.n = 0;
	if (acl.n > 0 ? acl_allows(&acl, &st, w->user, want)
		      : (by_mode(&st, w->user) & want) == want)
		return 0;
	n = readlink(proc, name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = '\0';
	return err_set(e, ERR_CONFIG,
		       "%s is closed to it: mode %04o, user %u, group %u", name,
		       (unsigned)st.st_mode & 07777, st.st_uid, st.st_gid);
}

static int open_root(struct walk *w, struct err *e)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open /");
	auto_fd_(&w->at);
	w->at = fd;
	return 0;
}

/* The part of a path that `path` begins with, copied; what follows it. */
static const char *next_part(const char *path, char part[NAME_MAX + 1])
{
	size_t len = strcspn(path, "/");

	snprintf(part, NAME_MAX + 1, "%.*s", (int)(len > NAME_MAX ? NAME_MAX : len),
		 path);
	path += len;
	return path + strspn(path, "/");
}

static int go(struct walk *w, const char *path, struct err *e);

/* Into `part`, or where it leads. */
static int step(struct walk *w, const char *part, struct err *e)
{
	AUTO_FD int fd = -1;
	char to[PATH_MAX];
	struct stat st;
	ssize_t n;

	TRY(check(w, PASS, e));
	assert(w->at >= 0);
	fd = openat(w->at, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s", part);
	if (!S_ISLNK(st.st_mode)) {
		auto_fd_(&w->at);
		w->at = take_fd(&fd);
		return 0;
	}
	n = readlinkat(fd, "", to, sizeof(to) - 1);
	if (n < 0 || ++w->links > LINKS_MAX)
		return err_set(e, ERR_SYS, "%s: a link that leads nowhere", part);
	to[n] = '\0';
	return go(w, to, e);
}

static int go(struct walk *w, const char *path, struct err *e)
{
	char part[NAME_MAX + 1];

	if (path[0] == '/')
		TRY(open_root(w, e));
	path += strspn(path, "/");
	while (*path != '\0') {
		path = next_part(path, part);
		TRY(step(w, part, e));
	}
	return 0;
}

int reach_path(const char *path, enum reach_want want, const struct reach_user *user,
	       struct err *e)
{
	static const unsigned perms[] = {
		[REACH_PASS] = PASS,
		[REACH_READ] = READ,
		[REACH_RUN] = PASS,
	};
	AUTO_WALK struct walk w = { .user = user, .at = -1 };

	/* A role that somebody has taken over says what it likes. */
	if (path[0] != '/' || (unsigned)want > REACH_RUN)
		return err_set(e, ERR_SYS, "not a path from the root");
	TRY(go(&w, path, e));
	return check(&w, perms[want], e);
}
