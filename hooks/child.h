/*
 * child: the last steps of a process on its way to being a hook.
 *
 * Runs between fork and exec: a new session, stdin, stdout and stderr set, everything
 * else closed, default signals, no core file, the hook's user, no shell. Never returns;
 * the exit status 126 or 127 and a line on stderr say what could not be done.
 */
#pragma once

#include <sys/types.h>

struct hook_child {
	char *const *argv; /* argv[0] absolute, or looked up in PATH of `env` */
	char *const *env;
	int in;    /* becomes stdin; -1: /dev/null */
	int out;   /* becomes stdout and stderr */
	uid_t uid; /* (uid_t)-1: keep */
	gid_t gid;
	const char *user; /* for its supplementary groups; NULL: none */
};

void hook_child(const struct hook_child *c) __attribute__((noreturn));
