/*
 * tracer: run a command with all its descendants under ptrace, count the file system
 * calls of each role, or all the others that may fail, and at the K-th of one role kill it, kill all, or let that call
 * fail, alone or with all that follow.
 *
 * strace counts per process and applies to all of them alike; here the role is known
 * from what was exec'd ("everleaf-keeper"), and a call is counted before it is
 * carried out: a process killed at its K-th call has made K - 1 of them.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum tracer_role {
	TRACER_SUPERVISOR,
	TRACER_CONFIG,
	TRACER_AGENT,
	TRACER_KEEPER,
	TRACER_WORKER,
	TRACER_PROBE,
	TRACER_RESPONDER,
	TRACER_SPAWN, /* between fork and exec */
	TRACER_OTHER, /* hooks */
	TRACER_ROLES,
};

enum tracer_what {
	TRACER_COUNT,  /* only count */
	TRACER_KILL,   /* the process */
	TRACER_TREE,   /* every process, as if the machine had stopped */
	TRACER_ERRNO,  /* the call is not made and fails; close() is made, and fails */
	TRACER_ONWARD, /* ... and so does each after it that may change the disk; of
			* `others`, each that is the same call */
	TRACER_CUT,    /* every process, once the file system of `handle` is cut off */
	TRACER_WHATS,
};

#define TRACER_CALLS 4096 /* of one role that are told apart */

struct tracer_plan {
	enum tracer_what what;
	enum tracer_role role;
	unsigned at; /* the first call is 1 */
	int error;   /* errno */
	short
	    number; /* of the call, if `others`: where it is another, nothing is done */
	bool others; /* what is counted are calls that no file is the matter of */
	int handle;  /* of a volume */
	/* Runs beside it in a process of its own, and ends soon after it. */
	void (*beside)(const void *arg, pid_t pid);
	const void *arg; /* borrowed */
};

struct tracer_result {
	int status;   /* exit status of the command, 128 + signal if killed */
	bool reached; /* the K-th call was there */
	bool hung;    /* not all processes had ended after TRACER_SECONDS: killed */
	char call[32];
	double cpu_s; /* of all processes */
	unsigned n[TRACER_ROLES];
	short number[TRACER_ROLES][TRACER_CALLS]; /* of the call, if `others` */
	bool changes[TRACER_ROLES][TRACER_CALLS]; /* may change what is on the disk */
};

/* Longer than a daemon that is traced takes beside thirty other processes. */
#define TRACER_SECONDS 180

const char *tracer_role_word(enum tracer_role role);
const char *tracer_what_word(enum tracer_what what);

/* Run argv with stdout and stderr in the file `out`; returns when the last process of
 * the tree has ended. False: it could not be traced. */
bool tracer_run(char *const argv[], const char *out, const struct tracer_plan *plan,
		struct tracer_result *r);
