/* spawn: the one place that starts programs. Only the supervisor may call it. (A key is
 * made in a fork of the keeper, see child.h.) */
#pragma once

#include <sys/types.h>

struct err;

struct spawned {
	pid_t pid;
	int pidfd; /* owned; readable when the process has ended */
};

/*
 * Fork; in the child, with default and unblocked signals, call run(arg), which execs or
 * _exit()s and never returns. The parent reaps it with waitid(P_PIDFD), never with a
 * wait for any child: see agent/super/hookrun.h. SIGCHLD is taken off "ignored", or the end
 * of the child would be lost.
 */
int spawn(void (*run)(const void *arg), const void *arg, struct spawned *p,
	  struct err *e);
