/*
 * roles: what a process of this program can be, and how it begins.
 *
 *     role        user              talks to
 *     supervisor  root or caller    all
 *     config      everleaf          supervisor
 *     agent       everleaf          supervisor, keeper, workers
 *     keeper      everleaf-keeper   supervisor, agent
 *     worker      everleaf-net      agent, keeper
 *     probe       everleaf-net      agent
 *     responder   everleaf-net      supervisor, agent
 *     alpn        everleaf-net      supervisor, agent
 *     inspect     everleaf          supervisor
 *
 * A role is a program of its own, "everleaf-" and its name; the supervisor's is
 * "everleaf". So each starts with the libraries that it needs and no others, and the
 * one that is root has neither a parser nor a library in it.
 *
 * The supervisor execs a role with its descriptors at fixed numbers. The role checks
 * them (a person who types the name gets a refusal), reads ROLE_START, maps the
 * snapshot, enters its sandbox, and only then looks at anything else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/request.h"
#include "agent/role/spec.h"
#include "base/msg.h"

struct err;
struct responder_tls;
struct sandbox_path;

enum role {
	ROLE_CONFIG,
	ROLE_AGENT,
	ROLE_KEEPER,
	ROLE_WORKER, /* at a CA */
	ROLE_PROBE,
	ROLE_RESPONDER,
	ROLE_ALPN, /* in its place while it takes TLS to answer */
	ROLE_INSPECT,
	ROLES,
};

/* Descriptors at exec; one that a role does not get is closed. */
#define ROLE_FD_SUPERVISOR 3
#define ROLE_FD_SNAPSHOT   4 /* config: the main configuration file */
#define ROLE_FD_PEER       5 /* agent and keeper: each other; worker: the agent */
#define ROLE_FD_LOCK       6 /* held by who writes, so that it outlives the supervisor */
#define ROLE_FD_CONTROL    7 /* agent: the control socket, listening, see control.h */
#define ROLE_FD_LAST       7

#define ROLE_QUIET_MS 60000 /* after which restarts are forgotten */

#define EXIT_USAGE   2 /* usage or configuration */
#define EXIT_LOCKED  3
#define EXIT_UNKNOWN 3 /* of status --check: 0 to 2 are what monitoring is told */
#define EXIT_NO_NAME 4
#define EXIT_SANDBOX 70 /* a role could not begin */
#define EXIT_OTHER   71 /* ... for its supervisor is of another version */
#define EXIT_AGAIN   75 /* a role lost its peer: start both again */
#define EXIT_CUT     76 /* it was to end, and had to cut what was in flight */

struct role_start {
	enum role role;
	struct msg msg; /* owned; the request's strings point into it */
	struct request request;
	const char *host_id;
	uint64_t store; /* which it is, see state_claim(); 0: not known */
	uint32_t uid;   /* to become; SPEC_NOBODY: stay who we are */
	uint32_t gid;
	bool is_root;           /* the caller is */
	const char *home_state; /* defaults, for config */
	const char *home_runtime;
	const char *hooks_dir;
	const char *config_path;
	uint32_t log_form; /* for config: enum log_form of the one that is in force */
	int64_t agent_pid; /* of an agent that runs beside this one; 0: none does */
	int64_t agent_since;
	struct spec spec; /* not mapped for config */
	unsigned missing; /* SANDBOX_NO_* of this kernel */
};

/* roles.c: what the supervisor has, too. */
const char *role_name(enum role role); /* ROLES: "supervisor" */

/* Its program: the folder of all, its name. */
#define ROLE_PROGRAM "%s/everleaf-%s"

/* Set up the log as request and configuration have it; ROLES: of the supervisor. */
void role_log(enum role role, const struct request *r, const struct spec *s);

/* Say why nothing is done of what `r` asks for; with --json as a document, too:
 *     {"version":1,"error":"www: no certificate has that name"}
 * and with status --check as the line that monitoring reads. Returns the exit status, which
 * is `status` but where that would be a verdict. */
int role_fail(const struct request *r, const struct err *e, int status);

/* The end of a process that has ended with `status`: what it has printed is written, or
 * that is said, and is a failure where it was asked for. Who reads no more has had enough. */
int role_printed(int status, bool was_asked_for);

/* The same once something that was printed is known to be lost, for `error`; 0: for a reason
 * that stdio has not kept. */
int role_unprinted(int status, bool was_asked_for, int error);

/* A new version was installed while an old one runs: by the other a number may stand for
 * something else. ERR_CONFIG: `version` of `whose` is not that of `ours`. */
int role_same_version(const char *version, const char *whose, const char *ours,
		      struct err *e);

/* Put what `s` says into ROLE_START. */
void role_start_put(struct msg *m, const struct role_start *s);

/* role_begin.c: the roles alone. Check the descriptors, take ROLE_START, map the snapshot, set up the log. */
int role_begin(enum role role, struct role_start *s, struct err *e);

/* Enter the sandbox of the role as the snapshot's user. `paths` as in sandbox.h. */
int role_confine(struct role_start *s, const struct sandbox_path *paths, size_t n,
		 struct err *e);

/* Take one request from `sock` and answer it, by `rules` in `state`. ERR_NET: the peer
 * is gone. A request that fails is answered with MSG_FAILED; one that leaves MSG_LATER
 * in the message is answered by whoever took it. */
int role_answer(int sock, const struct msg_rule *rules, size_t n, unsigned state,
		void *role, struct err *e);

/* Answer what the peer asks, by `rules` in `state`, until it or the supervisor lets go. */
int role_serve(const struct msg_rule *rules, size_t n, unsigned state, void *role,
	       struct err *e);
void role_end(struct role_start *s);

/* The roles' mains: exit status. */
int config_role(void);
int agent_role(void);
int keeper_role(void);
int worker_role(void);
int probe_role(void);
int responder_role(const struct responder_tls *tls);
int inspect_role(void);
