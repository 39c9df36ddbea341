/*
 * life: 400 days of one agent, in one process, in seconds: all that is around it, and what
 * time it is.
 *
 * The agent is the true one, from agent_role() to its state database; nothing of it is
 * replaced. Around it are a keeper that writes sets without keys, workers, two ACME CAs
 * that fail for an hour, three days or two months, and a host that sleeps, whose clock is
 * set, and on which the agent is started anew. Time stands still while anybody has
 * something to do.
 *
 * What must come of it is found here by what the keeper is told to make live and by what
 * the CAs are asked, and without due(): see life_check.c. What is not so ends the process
 * with a line that says when.
 *
 * In a life of steps (life_steps.h) more happens to it, and more is looked at.
 *
 * A test that uses this has to give the calls that ask what time it is, and wait, to
 * life_clock() and life_wait(): they are its own, for a library must not replace them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/role/request.h"
#include "base/buf.h"
#include "base/key.h"
#include "base/msg.h"
#include "ca/local.h"

#define LIFE_H     INT64_C(3600)
#define LIFE_D     (24 * LIFE_H)
#define LIFE_START INT64_C(1795235000) /* 2026-11-21 */

enum {
	LIFE_CERTS = 200,
	LIFE_OUTAGES = 512,
	LIFE_EVENTS = 1024,
	LIFE_WORKERS = 64,
	LIFE_STEPS = 512,
	LIFE_HOOKS = 2,
	LIFE_WRONG = 99, /* the status of a process that found what does not hold */
};

/* Who gives certificates: the embedded CA, an ACME CA by whose certificate nobody can
 * come whose clock is far off, and one that suggests when to renew. */
enum life_ca { LIFE_OWN, LIFE_PLAIN, LIFE_ARI, LIFE_CAS };

struct life_span {
	int64_t from, until;
};

struct life_spans {
	struct life_span at[LIFE_OUTAGES]; /* one after the other */
	size_t n;
};

enum life_event_kind {
	LIFE_SET,
	LIFE_SLEEP,
	LIFE_RESTART,
	LIFE_STEP, /* see life_steps.h */
};

struct life_event {
	int64_t at;
	enum life_event_kind kind;
	int64_t value; /* what is added to the true time; how long; enum life_step */
	unsigned step;
	unsigned cert;
	uint32_t drawn; /* for whatever the step leaves open */
};

/* What happens in one life; all lives with the same seed are the same. */
struct life_plan {
	uint32_t seed;
	int64_t days;
	int64_t ahead_s; /* the clock, all the time */
	bool moves; /* the clock is set, the host sleeps, the agent is started anew */
	unsigned steps;                  /* 0: it is no life of steps */
	bool without[LIFE_STEPS];        /* ... those are left out */
	const struct life_event *script; /* those, in place of any that are drawn */
};

/* What a person asks for, or what the daemon is started for. */
struct life_ask {
	enum command command;
	unsigned flags;
	unsigned cert;
};

/* One set that the keeper has. */
struct life_set {
	uint64_t number; /* 0: none */
	int64_t not_before, not_after;
};

struct life_cert {
	char name[16];
	char names[32];
	int64_t life_s;
	bool by[LIFE_CAS]; /* who is asked for it */
	struct life_set live;
	uint64_t stored;              /* the number of the last */
	uint64_t before;              /* of what was live before */
	int64_t ordered_at[LIFE_CAS]; /* for the next set; 0: not */
	unsigned n_issued;
	int64_t day; /* and how often a CA was asked for it in that */
	unsigned n_tried;
	char id[128];            /* as its CA calls what is live */
	struct life_span window; /* that its CA has told of it; until 0: none */
	int64_t told_at;         /* ... first */
	bool hurried;            /* ... and that was over */
	/* In a life of steps. */
	bool absent; /* not in the configuration */
	bool wide;   /* has a second name there */
	bool ordered_wide[LIFE_CAS];
	bool excused;                /* somebody has asked for something */
	bool is_back;                /* an earlier set was made live again */
	bool was_back;               /* ... so was the one that was live before */
	int64_t since;               /* when it came to be as it is now */
	uint64_t changes;            /* by somebody else */
	bool edited, broken;         /* its file, its pair, and not yet mended */
	uint64_t hooked[LIFE_HOOKS]; /* what they were told of last, and succeeded */
	uint64_t to_revoke;          /* sets, by bits: was said to be noted */
	uint64_t revoked;            /* ... and its CA knows */
	uint64_t read;               /* was in the store, and is a certificate */
};

/* One worker, and what it is at. */
struct life_worker {
	int fd;     /* ours; -1: there is none */
	int64_t at; /* when it says something; INT64_MAX: it is not its turn */
	uint32_t type;
	uint32_t id;
	uint64_t job;
	struct life_cert *cert; /* NULL: none that is live */
	enum life_ca ca;
	bool acknowledged;
	bool by_wrong; /* clock: it was asked by one */
};

struct life {
	struct life_plan plan;
	int64_t true_ms; /* Unix */
	int64_t mono_ms; /* without sleep */
	int64_t ahead_s; /* the host's clock */
	int64_t end_ms;
	struct life_event events[LIFE_EVENTS];
	size_t n_events, next_event;
	struct life_spans down[LIFE_CAS];
	struct life_spans lame; /* the host sleeps, or its clock is off */
	struct life_cert certs[LIFE_CERTS];
	struct life_worker workers[LIFE_WORKERS];
	int keeper, super; /* our ends; -1: no agent runs */
	struct msg in;
	struct local_profile profile;
	struct local_ca ca;
	EVP_PKEY *key;
	struct buf spki, root;
	int dir, snapshot;
	int said; /* where to say what is wrong */
	uint32_t random;
	bool stopping;
	bool asked; /* the agent has said something since the last turn */
	bool busy;  /* somebody is being answered */
	/* What it was worth looking for. */
	unsigned n_issued, n_failed, n_asked, n_starts;
	unsigned n_early; /* renewed before it was time, since the clock was set */
	int64_t set_at;
	int64_t dated_at; /* a CA has said last what time it is */
	size_t n_certs;
	/* In a life of steps. */
	struct life_ask asked_for,
	    next; /* of the agent that runs; of the one after it */
	bool has_next, anew, new_member, again, swept;
	uint64_t run;
	bool told_watch; /* it waits for what changes */
	bool full;       /* the disk */
	bool was_full;   /* ... while this agent ran */
	int64_t
	    latest; /* by the host's clock, when an agent was begun: it cannot doubt */
	bool bad[LIFE_HOOKS];
	int kill_in; /* calls; 0: not to be */
	bool kill_all, killed;
	unsigned revoking; /* the certificate; and its set */
	uint64_t revoking_number;
	uint64_t number_before;
	bool was_cut;     /* ... and the switch to that was not over */
	int64_t begun_at; /* the tree that there is */
	bool was_killed;  /* the tree before */
	unsigned n_steps, n_kills;
	int output;
};

/* All of it, in the folder `dir`; then the agent as often as it is started. */
void life_begin(struct life *l, const struct life_plan *plan, int dir);
bool life_start(struct life *l);
void life_end(struct life *l);

/* Between two moments: answer what was asked. */
void life_turn(struct life *l);

/* Nobody has anything to do for `timeout_ms` (-1: for ever), unless something happens. True:
 * to be looked at again; false: the time is over, or the clock is another one. */
bool life_wait(struct life *l, int64_t *timeout_ms);

/* No agent runs until then. */
void life_idle(struct life *l, int64_t until_ms);

/* What that clock says. */
void life_clock(const struct life *l, clockid_t id, struct timespec *t);

/* By whom certificate `i` is: 0 to 4 the embedded CA, 5 one ACME CA, 7 the other, 6 both. */
unsigned life_kind(const struct life *l, unsigned i);

/* Have the agent end in good order. */
void life_stop(struct life *l);
void life_put_span(struct life_spans *s, int64_t from, int64_t until);

/* -- life_peers.c -- */

void life_answer(int fd, struct msg *m);
void life_fail(int fd, uint32_t id, const struct err *why);
bool life_ca_is_there(const struct life *l, enum life_ca ca);
void life_be_away(struct life *l, struct life_worker *w);
uint64_t life_stamp(const struct life_cert *c); /* what the keeper says of it */
/* By its number in the snapshot. */
struct life_cert *life_cert_at(struct life *l, uint64_t i);

void life_keep(struct life *l); /* the keeper answers */
void life_work(struct life *l); /* workers do */
void life_supervise(struct life *l);
int64_t life_work_at(const struct life *l); /* milliseconds; INT64_MAX: never */

/* -- life_check.c -- */

int64_t life_now(const struct life *l);  /* Unix seconds, as it is */
int64_t life_host(const struct life *l); /* as the host has it */
bool life_is_in(const struct life_spans *s, int64_t at);
uint32_t life_draw(struct life *l, uint32_t below);

/* Whether there was an hour between these in which it could have been renewed. */
bool life_could(const struct life *l, const struct life_cert *c, int64_t from,
		int64_t until);

void life_tried(const struct life *l, struct life_cert *c);
void life_ordered(struct life *l, struct life_cert *c, enum life_ca ca);
void life_made_live(struct life *l, struct life_cert *c, const struct life_set *set);
/* Something is about to happen: what happened before is over by now. */
void life_settled(const struct life *l);
void life_over(struct life *l);
void life_wrong(const struct life *l, const struct life_cert *c, const char *text)
    __attribute__((noreturn));

/* A configuration but for its certificates: the issuers that there are. */
void life_put_head(struct buf *text);
