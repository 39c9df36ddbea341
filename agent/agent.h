/*
 * agent: the role that decides. It has no network, no keys and runs no program; it asks
 * the keeper, the supervisor and workers to do what it has decided.
 *
 *     agent_role.c   begin, choose by command, the event loop
 *     inventory.c    what is: facts, memory -> struct cert; inventory_load.h
 *     audit.c        ... where the keeper's stamps differ
 *     job.c          one certificate on its way: eight states
 *     batch.c        the switch: test, install, test, run, probe, roll back
 *     drift.c        what somebody has changed of ours
 *     notice.c       ... while this runs
 *     proof.c        what is served, again and again
 *     strangers.c    certificates that are not ours
 *     alarm.c        hooks that are told of what goes wrong
 *     pool.c         workers
 *     ledger.c       what issuers count
 *     revoke.c       what is to be revoked
 *     crlwatch.c     CRLs that servers need; owncrl.c: that ours may be on
 *     rootwatch.c    roots of issuers that name them themselves
 *     ari.c          when CAs would have certificates renewed
 *     challenge.c    tokens on their way to where a CA looks
 *     commit.c       one commit for all that a turn of the loop has written
 *     print_*.c      what people see
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "agent/clockwatch.h"
#include "agent/notice.h"
#include "agent/report.h"
#include "agent/role/link.h"
#include "agent/role/roles.h"
#include "agent/rule/due.h"
#include "agent/state/state.h"
#include "base/err.h"
#include "base/heap.h"

struct alarm_owed;
struct ari_ask;
struct batch;
struct challenges;
struct commit;
struct drift;
struct control;
struct crlwatch;
struct job;
struct ledger_line;
struct own;
struct pool;
struct proof;
struct revoking;
struct rootwatch;
struct strangers;

/* How something has ended so far, since this agent began. */
struct outcome {
	uint64_t ok, failed;
};

struct agent {
	struct role_start start;
	const struct spec *spec;       /* of start */
	const struct request *request; /* of start */
	const char *state_dir;         /* its path */
	int root;                      /* it, opened; -1: there is none yet */
	struct state *state;           /* NULL: nothing is remembered */
	struct cert *certs;            /* one per certificate of the snapshot */
	struct memory *memories;       /* beside each; NULL but for `status`: large */
	struct crlwatch *crls;         /* see crlwatch.h */
	struct own *own;               /* see owncrl.h */
	struct rootwatch *roots;       /* see rootwatch.h; NULL: no loop */
	struct drift *drift; /* beside each: what somebody has changed of it */
	struct notice notice;
	struct proof *proofs;        /* owned; see proof.h */
	struct strangers *strangers; /* owned; see strangers.h */
	bool *wanted;                /* named on the command line, or all */
	bool *tried;                 /* in this run */
	struct ev_loop *loop;
	ev_timer tick;     /* while something is under way */
	ev_periodic alarm; /* the next moment at which something is due */
	struct link keeper;
	struct link super;
	struct pool *pool;
	struct ledger_line *ledger_lines; /* owned, by issuer; see ledger.h */
	struct revoking *revoking;        /* see revoke.h */
	int64_t revoke_at;                /* when to look at what is to be revoked */
	struct job *jobs;                 /* list, newest first */
	struct job_count {
		unsigned jobs, alone, parked; /* all, those in no batch, of these */
	} count;
	struct batch *batch;
	struct ari_ask *ari; /* list of what CAs are being asked, see ari.h */
	unsigned n_ari;
	int64_t *silent; /* by issuer: until when its CA is known to offer none */
	struct challenges *challenges; /* see challenge.h */
	struct job *alarms, *telling; /* ended jobs that hooks are, are being told of */
	struct alarm_owed *owed;      /* see alarm.h, alarm_owed.h; NULL: nothing is */
	char *clock_words; /* owned; what they are told of the clock; NULL: nothing */
	int64_t clock_again_at;
	uint32_t alarm_at; /* what they are told next */
	bool alarming;     /* a hook is being told */
	uint32_t last_job;
	struct report report;
	int64_t wait_until_ms;  /* Unix; a CA is not waited for longer in this run */
	unsigned n_ended;       /* jobs of this run */
	struct outcome *orders; /* one per issuer of the snapshot */
	struct outcome *hooked; /* one per hook of the snapshot: its runs */
	unsigned n_failed;      /* not brought to what was asked for, in this run */
	ev_prepare turn;        /* the end of each turn of the loop */
	unsigned n_reaching; /* questions without an answer: reachcall.h, nextkey.h */
	struct heap agenda;  /* see agenda.h, as the next */
	struct heap due;
	struct heap unasked;    /* see ari.h */
	int64_t passed_at;      /* when it was last looked for what is due; 0: never */
	bool passing;           /* ... and is now */
	bool look;              /* to be done at the end of this turn */
	bool writing, full;     /* a transaction is open; the last was lost, and said */
	struct err lost;        /* why one was not committed; code 0: none was lost */
	int64_t committing_ms;  /* while the keeper was not at work */
	struct commit *commits; /* see commit.h */
	struct control *control; /* see control.h; NULL: nobody can ask */
	char ready[256];         /* what the supervisor was told last, see SUP_READY */
	struct clockwatch clock;
	struct x509_memo behind;  /* the CA certificates that came last with a leaf */
	struct x509_memo anchors; /* and what the last one was verified by */
	bool clock_told;          /* that this host's clock is not a CA's */
	bool stopping;
	int64_t patience_ms; /* ... clock_awake_ms(): no longer than this */
	bool over;           /* all is done that was to be: the loop ends */
	int status;          /* exit status once the loop ends */
};

/* The name of certificate number `i`. */
const char *agent_cert_name(const struct agent *a, uint32_t i);

/* Which configuration this is, never 0: what failed under another one is tried now. */
uint64_t agent_config_id(const struct agent *a);

/* Whether keeper or supervisor are gone, or what is remembered has met damage: what fails
 * now fails for that reason alone, and is begun again from disk. */
bool agent_cut_off(const struct agent *a);

/* The same, where `e` is what came of it: a worker's keeper is ours. */
bool agent_cut_off_by(const struct agent *a, const struct err *e);

/* What due() says of certificate `i` now. */
struct due agent_due(const struct agent *a, uint32_t i, int64_t now);

/* The issuer that it is asked of next, and its name. */
uint32_t agent_issuer_number(const struct agent *a, uint32_t i);
const char *agent_issuer(const struct agent *a, uint32_t i);

/* The issuer that the request names first, which has to be of `type` (ERR_CONFIG: what it
 * is `otherwise`). */
int agent_asked_issuer(struct agent *a, uint32_t type, const char *otherwise,
		       uint32_t *issuer, struct err *e);

/* Anything has changed: at the end of this turn of the loop look for what is due and
 * begin it. */
void agent_pass(struct agent *a);

/* What is remembered is written in one transaction from the first agent_write() to the
 * next agent_commit(): before a live link moves, after a switch, when all is quiet. */
int agent_write(struct agent *a, struct err *e);
int agent_commit(struct agent *a, struct err *e);

/* For how long until `now` (clock_awake_ms()) the keeper or a commit was at work. */
int64_t agent_disk_ms(const struct agent *a, int64_t now);

/* Tell the history, and the log at level info (or error for "failed"). */
void agent_tell(struct agent *a, const char *name, const char *what,
		uint64_t generation, const char *text);

/* schedule_draw() of this host and what `text` names. */
uint32_t agent_draw(const struct agent *a, const char *text);

/* Mark the certificates that the request names, all if it names none; ERR_CONFIG with exit
 * status 4: one is not in the configuration. */
int agent_choose(struct agent *a, struct err *e);

/* Print what is known, for `status`, `plan` or `history`: exit status. */
int agent_show(struct agent *a, struct err *e);

/* What a command that failed ends with. */
int agent_exit_status(const struct agent *a, const struct err *e);

/* The commands that end without a loop: exit status. */
int agent_plan(struct agent *a, struct err *e);
int agent_status(struct agent *a, struct err *e);
int agent_history(struct agent *a, struct err *e);
int agent_forget(struct agent *a, struct err *e);
int agent_ca(struct agent *a, struct err *e);
int agent_account(struct agent *a, struct err *e);
int agent_check_online(struct agent *a, struct err *e);
int agent_dry_run(struct agent *a, struct err *e);
