/*
 * super: the supervisor. Starts the roles, holds the lock, passes descriptors, runs
 * hooks by number. It parses nothing but the sealed snapshot and messages of fixed
 * form, and is the only process that forks.
 *
 *     supervise(request, config path)
 *       super_inspect.c  for `inspect`: hand over what is named, super_served.c: and shown
 *       super_config.c   start the config role, answer what it asks, get the snapshot
 *       super_store.c    make the state directory, take the lock
 *       super_role.c     start and end roles
 *       super_reach.c    who can read what is written
 *       super_responder.c  bind sockets, start the responder on them
 *       super.c          one loop: signals, roles, hooks, until the agent has ended
 *       super_daemon.c   for `agent`: what is wished while it runs, and the next tree
 *       super_notify.c   ... what the service manager is told of it
 *       super_watch.c    ... a configuration that is edited
 *       super_asked.c    ... what a person asks of it, and the control socket
 *
 * The daemon is tree after tree: whatever is to be another (the configuration, what there
 * is on disk) begins with other roles, as at the first start, and what a person asks for
 * is done by a tree of its own (control.h). The agent that is there takes no new job and
 * has SUPER_ASK_MS for those it has; lock, sockets and hooks that run stay with us.
 *
 * An agent or keeper that dies is started again with the other one, from disk, at most
 * SUPER_RESTARTS times; a worker that dies is one failed job, which the agent sees.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/role/listen.h"
#include "agent/role/request.h"
#include "agent/role/roles.h"
#include "agent/role/spec.h"
#include "agent/super/spawn.h"
#include "agent/super/super_watch.h"

struct err;
struct hookruns;
struct super;

#define SUPER_RESTARTS 3  /* in a row */
#define SUPER_PROCS    80 /* agent, keeper, responder, workers, and some that end */
#define SUPER_STOP_MS  10000
#define SUPER_ASK_MS   5500 /* of them: for what must not be cut, */
#define SUPER_LAST_MS  2200 /* for connections to be answered; hooks need 2 s to die */

/* A tree is left in peace for so long after it has begun to decide, or a storm of signals
 * would keep it from its work. One that does not come so far is not waited for. */
#define SUPER_PEACE_MS 1000
#define SUPER_BEGIN_MS 60000
#define SUPER_ASKED_MS 900000 /* a tree that a person waits for, see super_alive() */

/* What the supervisor is asked for while it runs. */
enum super_wish {
	WISH_LOOK = 1,   /* look at everything now */
	WISH_RELOAD = 2, /* ... with another configuration, if it is valid */
	WISH_ASKED = 4,  /* do s->asked */
	WISH_END = 8,
};

struct super_proc {
	enum role role;
	struct super *super;    /* borrowed */
	struct spawned process; /* pidfd -1: free */
	int sock;               /* owned */
};

/* What a person has asked of the agent, see control.h. */
struct super_asked {
	int listener; /* the control socket; -1: there is none */
	ino_t inode;  /* ... and what it is in runtime_dir */
	dev_t device;
	int conn; /* owned; who asked; -1: nobody */
	uid_t uid;
	struct msg msg; /* owned; of the request */
	struct request request;
	const struct request *own; /* ours, meanwhile */
	int out[2]; /* owned; what the tree says, or while it runs our own streams */
	bool begun; /* its tree is the one that runs */
	bool gone;  /* who asked does not wait any more */
};

struct super {
	const struct request *request; /* borrowed */
	bool is_root;
	char *home_state; /* owned, as the next four */
	char *home_runtime;
	char *hooks_dir;
	char *programs; /* the folder of the roles */
	char *host_id;
	int config;       /* the main file, open */
	const char *path; /* its name, borrowed */
	int snapshot;
	int lock;
	struct spec spec;
	struct hookruns *hooks;
	struct listen *given;    /* owned; sockets of the service manager; NULL: none */
	struct listen listen;    /* kept while the agent wants a responder */
	int64_t listen_until_ms; /* clock_awake_ms(); 0: as long as there is one */
	struct super_proc procs[SUPER_PROCS];
	uint64_t run;            /* this one, as struct request has it */
	uint64_t store;          /* which it is, 0: not known */
	unsigned restarts, deaf; /* polls that failed, one after the other */
	int64_t restarted_ms;    /* clock_awake_ms() of the last */
	bool cut; /* begun again, or the run before did not end in good order */
	bool is_daemon;
	bool is_agents;   /* the lock, which is held */
	bool replaced;    /* by programs of another version: see super_not_begun() */
	bool look;        /* WISH_LOOK was granted last, among others */
	unsigned wishes;  /* enum super_wish, not granted yet */
	int64_t peace_ms; /* until then nothing but WISH_END is granted */
	bool stopping;
	int64_t stop_ms;   /* when patience ends */
	bool again;        /* another tree follows the one that stops, */
	int next_snapshot; /* on this; -1: on the one that there is */
	struct spec next_spec;
	struct super_asked asked;
	struct super_watch watch;
	int64_t watchdog_ms; /* of the service manager; 0: it has none */
	int64_t feed_ms;     /* when to feed it next; 0: never */
	int64_t alive_ms;    /* until then the agent counts as alive */
	int64_t agent_pid;   /* for `status`, as in struct role_start */
	int64_t agent_since;
	struct msg msg;
};

/* Do `request` with the configuration at `path`: an exit status of everleaf(8). */
int supervise(const struct request *request, const char *path);

/* super_config.c: 0 with a snapshot, mapped; ERR_CONFIG: the configuration is not valid,
 * and why has been said on stderr. */
int super_configure(struct super *s, int *snapshot, struct spec *spec, struct err *e);

/* super_inspect.c: its exit status. super_served.c: have a probe look at `endpoint`, and
 * tell the role at `sock` what it sees, and what is live here that is kept for it. */
int super_inspect(struct super *s, int sigfd, struct err *e);
int super_served(struct super *s, const char *endpoint, int sock, int sigfd,
		 struct err *e);

/* super_places.c: where this installation, this user and this host have their things;
 * the folder of the roles' programs, owned by the caller; who the config role becomes as
 * root, before `users` is known. */
void super_places(struct super *s);
char *super_programs(void);
void super_config_user(uint32_t *uid, uint32_t *gid);

/* super_store.c: the folders of the state directory, its id, and the lock (ERR_BUSY); and
 * to say in the lock that this run has ended in good order. */
int super_store(struct super *s, struct err *e);
void super_release(struct super *s);

/*
 * super_role.c. Start `role` with what is in `fds` at ROLE_FD_SNAPSHOT, _PEER, _LOCK and
 * _CONTROL (-1: closed; all stay the caller's) and send it ROLE_START. Returns its slot.
 */
struct super_fds {
	int snapshot, peer, lock, control;
};
int super_start(struct super *s, enum role role, const struct super_fds *fds,
		struct super_proc **proc, struct err *e);

/* The same with `snapshot` and one end of a new connection; *peer is the other. */
int super_start_peer(struct super *s, enum role role, int snapshot,
		     struct super_proc **proc, int *peer, struct err *e);

/* Its exit status if it has ended (128 + signal if killed), -1 if it still runs. The
 * slot is free afterwards. */
int super_reap(struct super_proc *p);

/* The first that runs as `role`, or NULL. */
struct super_proc *super_role(struct super *s, enum role role);

/* Let go of its socket: it ends. ... wait until `until_ms` (clock_awake_ms()), kill it then.
 * The same of all roles, waiting at most `patience_ms`. */
void super_let_go(struct super_proc *p);
void super_end_role(struct super_proc *p, int64_t until_ms);
void super_end_roles(struct super *s, int patience_ms);

/* super_reach.c: ERR_CONFIG if the agent cannot get at state_dir; what roles ask. */
int super_reach_state(const struct super *s, struct err *e);
int super_reach_config(void *role, struct msg *m, struct err *e);
int super_reach(void *role, struct msg *m, struct err *e);
