#include "store/webroot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"

/* = RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge." */
#define WELL_KNOWN ".well-known"
#define CHALLENGES "acme-challenge"

#define FOLDER_MODE 0755
#define TRIES       64 /* who has the same webroot may remove the folder as we enter it */

/* The way down. */
struct way {
	int webroot;
	int well_known;
	int challenges;
};

#define AUTO_WAY __attribute__((cleanup(way_done)))
#define WAY_NONE           \
	{                  \
		-1, -1, -1 \
	}

static void way_done(struct way *w)
{
	auto_fd_(&w->webroot);
	auto_fd_(&w->well_known);
	auto_fd_(&w->challenges);
	*w = (struct way)WAY_NONE;
}

/* No token could lead elsewhere, or hide a file. */
static int check_token(const char *token, struct err *e)
{
	if (token[0] == '\0' || strpbrk(token, "./") != NULL)
		return err_set(e, ERR_PROTO, "\"%.40s\" is not a token", token);
	return 0;
}

static int enter_webroot(const char *webroot, int *dir, struct err *e)
{
	*dir = open(webroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *dir < 0 ? err_sys(e, "open it") : 0;
}

static int enter(int at, const char *name, int *dir, struct err *e)
{
	if (file_enter_dir(at, name, dir, e) == 0)
		return 0;
	if (e->sysno != ELOOP)
		return e->code;
	err_set(e, ERR_SYS,
		"%s in it is a symbolic link, and none is followed there: make it a "
		"folder, or name as webroot what it stands in",
		name);
	e->sysno = ELOOP;
	return e->code;
}

/* The umask is set for the one call, so that no crash leaves a folder that the web
 * server cannot enter. */
static int make(int at, const char *name, struct err *e)
{
	mode_t before = umask(~FOLDER_MODE & 0777);
	int rc = mkdirat(at, name, FOLDER_MODE);
	int error = errno;

	(void)umask(before);
	errno = error;
	if (rc < 0 && errno != EEXIST)
		return err_sys(e, "make the folder %s in it", name);
	return 0;
}

static int enter_made(int at, const char *name, int *dir, struct err *e)
{
	if (enter(at, name, dir, e) == 0)
		return 0;
	if (e->sysno != ENOENT)
		return e->code;
	TRY(make(at, name, e));
	return enter(at, name, dir, e);
}

static int put(const char *webroot, const char *token, const char *content,
	       struct err *e)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0644 };
	AUTO_WAY struct way w = WAY_NONE;

	TRY(enter_webroot(webroot, &w.webroot, e));
	TRY(enter_made(w.webroot, WELL_KNOWN, &w.well_known, e));
	TRY(enter_made(w.well_known, CHALLENGES, &w.challenges, e));
	return file_write_unsynced(w.challenges, token, content, strlen(content),
				   &access, e);
}

int webroot_put(const char *webroot, const char *token, const char *content,
		struct err *e)
{
	int rc = ERR_SYS;

	TRY(check_token(token, e));
	e->sysno = ENOENT;
	for (int i = 0; rc < 0 && i < TRIES && e->sysno == ENOENT; i++)
		rc = put(webroot, token, content, e);
	return rc < 0 ? err_wrap(e, "webroot %s", webroot) : 0;
}

/* What we make is the keeper's own, and has this mode. */
static void remove_if_ours(int at, const char *name, int dir)
{
	struct stat st;

	if (fstat(dir, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & 0777) == FOLDER_MODE)
		(void)unlinkat(at, name, AT_REMOVEDIR); /* stays if not empty */
}

static int remove_file(int dir, const char *token, struct err *e)
{
	struct err ignored;

	(void)file_sweep(dir, token, &ignored); /* of a crash; or it is not ours */
	/* EISDIR: what stands there is not ours. */
	if (unlinkat(dir, token, 0) < 0 && errno != ENOENT && errno != EISDIR)
		return err_sys(e, "remove %s", token);
	return 0;
}

static int remove_token(const char *webroot, const char *token, struct err *e)
{
	AUTO_WAY struct way w = WAY_NONE;

	TRY(enter_webroot(webroot, &w.webroot, e));
	TRY(enter(w.webroot, WELL_KNOWN, &w.well_known, e));
	/* A crash may have come between the two folders. */
	if (enter(w.well_known, CHALLENGES, &w.challenges, e) == 0) {
		TRY(remove_file(w.challenges, token, e));
		remove_if_ours(w.well_known, CHALLENGES, w.challenges);
	} else if (e->sysno != ENOENT) {
		return e->code;
	}
	remove_if_ours(w.webroot, WELL_KNOWN, w.well_known);
	return 0;
}

int webroot_remove(const char *webroot, const char *token, struct err *e)
{
	TRY(check_token(token, e));
	if (remove_token(webroot, token, e) == 0)
		return 0;
	/* Where there is no folder any more, there is no file of ours in it. */
	if (e->sysno == ENOENT || e->sysno == ENOTDIR || e->sysno == ELOOP)
		return 0;
	return err_wrap(e, "webroot %s", webroot);
}
