/*
 * hookrun: the hooks that run now. The supervisor's; a hook outlives the agent that
 * asked for it.
 *
 * A run has a deadline, an output that goes to the log line by line (hookrun_out.h),
 * and its own session, which is ended as a whole when the time is over: SIGTERM, 2 s
 * later SIGKILL, to the hook and to every process that it left behind
 * (hookrun_stray.h). After a good exit strays are left alone: a reload may rightly
 * start a daemon. What was re-parented to us is reaped when it ends.
 *
 * The supervisor polls hookrun_pollfds(), and calls hookrun_step() whenever one of them
 * is ready, hookrun_wake_ms() has come, or a child ended (SIGCHLD); then takes what
 * ended with hookrun_done(). It never waits for "any child": roles by their pidfd, all
 * else is reaped here. Roles stay in the supervisor's session.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/dialect.h"
#include "hooks/enrol.h"
#include "hooks/env.h"

struct err;
struct spec;

#define HOOKRUN_MAX 16 /* at the same time */
#define HOOKRUN_OTHERS \
	12 /* ... of them programs that are no hooks: those may take hours */
#define HOOKRUN_IDS_MAX 16 /* requests that wait for one run */
#define HOOKRUN_FDS     (3 * HOOKRUN_MAX)
#define HOOKRUN_ASKED   32      /* SHA-256 */
#define HOOKRUN_KEPT_MS 3600000 /* who asks again does so within minutes */

struct hookruns; /* opaque */

struct hookrun_start {
	uint32_t id;   /* of the request; comes back with the result */
	uint32_t hook; /* number in the snapshot */
	bool test;     /* its `test`, not its `run` */
	int in; /* memfd or file for its stdin; -1: /dev/null. Stays the caller's */
	struct hook_call call;
};

/* A program that shows a challenge, as that challenge of the snapshot has it. */
struct hookrun_program {
	uint32_t id;
	uint32_t challenge;       /* number in the snapshot */
	struct dialect_call call; /* but what the snapshot says */
};

/* A program that gets a certificate, as that issuer of the snapshot has it. */
struct hookrun_enrol {
	uint32_t id;
	uint32_t issuer;              /* number in the snapshot */
	int in;                       /* for its stdin; stays the caller's */
	uint8_t asked[HOOKRUN_ASKED]; /* the same for the same request */
	struct enrol_call call;       /* but what the snapshot says of the issuer */
};

struct hookrun_result {
	uint32_t id;
	bool is_program; /* of a hookrun_program(), with */
	enum dialect_outcome outcome;
	char *said;    /* owned by who takes it; what it said, if that is wanted */
	bool is_enrol; /* of a hookrun_enrol(), with `said` and */
	int status;    /* ... what it exited with; -1: it did not */
	uint32_t issuer;
	uint8_t asked[HOOKRUN_ASKED];
	int64_t ended_ms;
	bool has_more; /* ... it said more than that */
	uint32_t hook;
	bool test;
	bool ok;        /* exited 0 in time */
	bool unstarted; /* no program came to run */
	bool timed_out;
	bool joined; /* it ran before it was asked for: it may not have seen what was
			installed since, so what needs that has to ask again */
	int64_t ms;
	char text[256]; /* "exited with 7", "killed by signal 9", "ran longer than 30s",
			   and its last line of output; empty if ok */
};

struct hookruns *hookruns_new(const struct spec *spec); /* spec is borrowed */

/* Go on with another snapshot. A running hook that it lacks ends as SPEC_NOBODY. */
void hookruns_use(struct hookruns *h, const struct spec *spec);

/* Kill what still runs, wait for it (2 s at most), free. */
void hookruns_free(struct hookruns *h);

/* Start it, or, if that hook is already running, wait for that run: its result will be
 * given for the new id too. A hook that cannot be started is a result, not an err, and so
 * is the run of one that has nothing but a test. ERR_PROTO: there is no such hook; ERR_BUSY: too many run, or wait for this one. */
int hookrun_start(struct hookruns *h, const struct hookrun_start *s, struct err *e);

/* Start it. ERR_PROTO: there is no such program; ERR_BUSY: HOOKRUN_OTHERS run, or it does,
 * for who is gone. One that cannot be started is a result. */
int hookrun_program(struct hookruns *h, const struct hookrun_program *p, struct err *e);

/* The same; one at a time for each certificate. Where somebody who is gone has asked for the
 * same, its result is that of this request, whether it still runs or has ended: what is
 * submitted twice may be issued, and paid for, twice. */
int hookrun_enrol(struct hookruns *h, const struct hookrun_enrol *p, struct err *e);

/* Who asked is gone. What runs goes on, and its result comes with id 0, which nobody has;
 * a later request for the same hook joins it as ever. That of a hookrun_enrol() is kept for
 * who asks for the same. */
void hookruns_orphan(struct hookruns *h);

/* At most HOOKRUN_FDS. */
size_t hookrun_pollfds(const struct hookruns *h, struct pollfd *fds, size_t max);
/* As clock_awake_ms(), INT64_MAX: never. A result that nobody has taken is none to wait for. */
int64_t hookrun_wake_ms(const struct hookruns *h);
void hookrun_step(struct hookruns *h);
bool hookrun_done(struct hookruns *h, struct hookrun_result *out); /* false: none */
bool hookruns_idle(const struct hookruns *h); /* none runs, no result is to be told */
