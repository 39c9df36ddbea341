/*
 * child: the last steps of a process on its way to being a hook.
 *
 * Runs between fork and exec: a new session, stdin, stdout and stderr set, everything
 * else closed, no core file, the hook's user, no shell. (Signals are as spawn() leaves
 * them: default and unblocked.) It is not tied to its parent's life: a reload that has
 * begun is finished. Never returns; the exit status 126 (it could not be run) or 127
 * (no such program) and a line on stderr say what went wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct hook_child {
	const char *const *argv; /* argv[0] absolute, or looked up in PATH of `env` */
	char *const *env;
	int in;    /* becomes stdin, read from its start; -1: /dev/null */
	int out;   /* becomes stdout and stderr; */
	int kept;  /* ... this one stdout; -1: not */
	uid_t uid; /* (uid_t)-1: keep */
	gid_t gid;
	const char *user;         /* for its supplementary groups; NULL: none */
	const char *const *files; /* what it reads as programs, absolute, */
	size_t n_files;           /* so many; looked at as the program is */
	volatile bool *unstarted; /* in memory shared with who asks, or NULL: set where
				     no program came to run */
};

void hook_child(const struct hook_child *c) __attribute__((noreturn));
