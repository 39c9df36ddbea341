/*
 * hookrun: the hooks that run now. The supervisor's; a hook outlives the agent that
 * asked for it.
 *
 * A run has a deadline, an output that goes to the log line by line (at most 64 KiB,
 * the rest is counted), and its own process group, which is killed as a whole when the
 * time is over: SIGTERM, 2 s later SIGKILL, and with it every process that the hook
 * left behind in its session or that was re-parented to us. After a good exit strays
 * are left alone: a reload may rightly start a daemon.
 *
 * The supervisor polls hookrun_pollfds(), and calls hookrun_step() whenever one of them
 * is ready or hookrun_wake_ms() has come; then takes what ended with hookrun_done().
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/env.h"

struct err;
struct spec;

#define HOOKRUN_MAX    16 /* at the same time */
#define LIMIT_HOOK_OUT (64 * 1024)

struct hookruns; /* opaque */

struct hookrun_start {
	uint32_t id;   /* of the request; comes back with the result */
	uint32_t hook; /* number in the snapshot */
	bool test;     /* its `test`, not its `run` */
	int in;        /* descriptor for its stdin; -1: /dev/null. Stays the caller's */
	struct hook_call call;
};

struct hookrun_result {
	uint32_t id;
	uint32_t hook;
	bool test;
	bool ok; /* exited 0 in time */
	bool timed_out;
	int64_t ms;
	char text
	    [256]; /* "exited with 7", "killed by signal 9", "ran longer than 30s" and
			   its last line of output */
};

struct hookruns *hookruns_new(const struct spec *spec); /* spec is borrowed */

/* Kill what still runs, wait for it, free. */
void hookruns_free(struct hookruns *h);

/* Start it, or, if that hook is already running, wait for that run: its result will be
 * given for the new id too. A hook that cannot be started is a result, not an err. */
int hookrun_start(struct hookruns *h, const struct hookrun_start *s, struct err *e);

size_t hookrun_pollfds(const struct hookruns *h, struct pollfd *fds, size_t max);
int64_t hookrun_wake_ms(
    const struct hookruns *h); /* clock_boot_ms(); INT64_MAX: never */
void hookrun_step(struct hookruns *h);
bool hookrun_done(struct hookruns *h, struct hookrun_result *out); /* false: none */
bool hookruns_idle(const struct hookruns *h);
