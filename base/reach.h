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

/* 0: the user may pass the folder `path` and all on the way to it, and so open by name
 * what is in it. ERR_CONFIG: not, and which folder is closed. ERR_SYS: it is not there,
 * or cannot be looked at by us, or the path does not begin at "/". */
int reach_folder(const char *path, const struct reach_user *user, struct err *e);

/* The same, and may read the file `path`. */
int reach_file(const char *path, const struct reach_user *user, struct err *e);
