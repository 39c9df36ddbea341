/*
 * reach: can a user get at a path? Asked before a file is written for somebody, because
 * a server that may not read its key says so only when it is started anew.
 *
 * Decided as the kernel does: each folder on the way must let the user pass, also those
 * that a link leads over, by its owner, its group, the user's other groups, its access
 * control list. Not known here is what else may forbid it: SELinux, AppArmor, a service
 * that sees other mounts.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;

#define REACH_ANYONE ((uid_t)-1) /* whoever is in the groups, and no more is known */

struct reach_user {
	uid_t uid; /* 0 may all */
	const gid_t *groups;
	size_t n_groups;
};

/* What for. */
enum reach_want {
	REACH_PASS, /* a folder */
	REACH_READ, /* a file */
	REACH_RUN,  /* a program */
};

/* 0: the user may do `want` with `path`, and pass all folders on the way to it. ERR_CONFIG:
 * not, and which of them is closed. ERR_SYS: it is not there, or cannot be looked at by
 * us, or the path does not begin at "/". */
int reach_path(const char *path, enum reach_want want, const struct reach_user *user,
	       struct err *e);
