/* spawn: the one place that forks. Only the supervisor may call it. */
#pragma once

#include <sys/types.h>

struct err;

struct spawned {
	pid_t pid;
	int pidfd; /* owned; readable when the process has ended */
};

/* Fork; in the child call run(arg), which execs or _exit()s and never returns. */
int spawn(void (*run)(const void *arg), const void *arg, struct spawned *p,
	  struct err *e);
