#include "agent/super/super_look.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "hooks/program.h"

#define STEPS_MAX   400  /* on the way, links included: more is a loop */
#define BLANK_BYTES 4096 /* no secret of white space alone is longer */

/* -- who can change it -- */

/* The permissions of a link mean nothing; who could replace it is a matter of its folder,
 * and in a sticky one, such as /tmp, of its owner. */
static bool is_open(const char *path, const struct stat *st, struct buf *why)
{
	const unsigned mode = (unsigned)st->st_mode & 07777;

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		buf_printf(why, "%s belongs to user %u", path, st->st_uid);
		return true;
	}
	if (S_ISLNK(st->st_mode) ||
	    (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
		return false;
	if ((st->st_mode & S_IWOTH) != 0)
		buf_printf(why, "everybody can write %s (mode %04o)", path, mode);
	else if ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0)
		buf_printf(why, "group %u can write %s (mode %04o)", st->st_gid, path,
			   mode);
	return why->len > 0;
}

/* What the link `path` says, as a path from the root; NULL: it cannot be read. */
static char *target_of(const char *path)
{
	char to[PATH_MAX];
	const ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0)
		return NULL;
	to[n] = '\0';
	return to[0] == '/'
		   ? xstrdup(to)
		   : xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, to);
}

/* Everything on the way to `path`, the links and where they lead. What cannot be looked at
 * is told otherwise. */
static bool is_open_way(const char *path, unsigned *left, struct buf *why)
{
	AUTO_FREE char *part = xstrdup(path);
	const size_t len = strlen(path);

	for (size_t n = 1; n <= len; n++) {
		AUTO_FREE char *target = NULL;
		struct stat st;

		if (n > 1 && path[n] != '/' && path[n] != '\0')
			continue;
		part[n] = '\0';
		if (*left == 0) {
			buf_puts(why, "its way is too long to be looked at");
			return true;
		}
		--*left;
		if (lstat(part, &st) < 0)
			return false;
		if (is_open(part, &st, why))
			return true;
		target = S_ISLNK(st.st_mode) ? target_of(part) : NULL;
		if (target != NULL && is_open_way(target, left, why))
			return true;
		part[n] = path[n];
	}
	return false;
}

/* Whoever runs it looks once more, and is stricter: of a program that everybody may execute
 * that is said now. */
static void look_at_program(const char *path, const struct stat *st, struct buf *why)
{
	AUTO_FREE char *found = NULL;
	struct err e;

	if (why->len == 0 && S_ISREG(st->st_mode) && (st->st_mode & S_IXOTH) != 0 &&
	    program_find(path, "", geteuid(), &found, &e) < 0)
		buf_puts(why, e.text);
}

/* -- what it holds -- */

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Only whether there is anything to be seen; nothing but a regular file is opened. */
static bool is_blank(const char *path, const struct stat *st)
{
	AUTO_FD int fd = -1;
	char text[BLANK_BYTES];
	struct stat again;
	ssize_t n;

	if (!S_ISREG(st->st_mode) || st->st_size > BLANK_BYTES)
		return false;
	if (st->st_size == 0)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &again) < 0 || !S_ISREG(again.st_mode))
		return false;
	n = read(fd, text, sizeof(text));
	for (ssize_t i = 0; i < n; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	return n >= 0;
}

/* Also as root: read-only, or the folder is immutable. */
static int write_error(const char *path, const struct stat *st)
{
	return S_ISDIR(st->st_mode) && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0
		   ? errno
		   : 0;
}

static bool no_program_runs(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC) != 0;
}

int super_look(void *role, struct msg *m, struct err *e)
{
	AUTO_FREE char *path = xstrdup(msg_get_str(m));
	AUTO_BUF struct buf why = { 0 };
	const uint32_t id = m->id;
	unsigned left = STEPS_MAX;
	struct stat st = { .st_mode = 0 };
	char real[PATH_MAX];
	int error;

	(void)role;
	TRY(msg_end(m, e));
	if (path[0] != '/') /* of a role that somebody has taken over */
		return err_set(e, ERR_PROTO, "not a path from the root");
	error = stat(path, &st) < 0 ? errno : 0;
	is_open_way(path, &left, &why);
	if (error == 0)
		look_at_program(path, &st, &why);
	msg_begin(m, CONFIG_LOOK, id);
	msg_put_u64(m, (uint64_t)error);
	msg_put_u64(m, st.st_mode);
	msg_put_u64(m, st.st_uid);
	msg_put_u64(m, st.st_gid);
	msg_put_u64(m, is_link(path));
	msg_put_u64(m, error == 0 && is_blank(path, &st));
	msg_put_u64(m, error == 0 ? (uint64_t)write_error(path, &st) : 0);
	msg_put_u64(m, error == 0 && no_program_runs(path));
	msg_put_str(m, why.len == 0 ? "" : why.data);
	msg_put_str(m, realpath(path, real) == NULL ? path : real);
	return 0;
}
