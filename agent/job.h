/*
 * job: one certificate on its way from "due" to "served".
 *
 *     IDLE -> KEYING -> ORDERING <-> PARKED -> VERIFYING -> INSTALLING -> HOOKING -> PROBING -> IDLE
 *
 * One table in job.c: for each state the message that ends it and its time limit. Up to
 * VERIFYING a job goes alone; from INSTALLING on it belongs to a batch (batch.h), so
 * that one reload serves all certificates that changed together. An err in any state
 * leads to job_fail(): remembered, told, and back to IDLE with a time to try again; but
 * where the certificate has another issuer, that one may be asked at once (fallback.h),
 * and where a name has another challenge or may be left out, another order is made
 * (setback.h).
 *
 * A CA that wants time says until when: the job is PARKED, in memory for a short while,
 * so that it goes on in the very millisecond; for a longer one it ends, and its order is
 * a row of the state database that the next job of the certificate goes on with.
 *
 * What begins in the future, by this host's clock, is stored, and the switch is held back
 * until it does, or what is live ends.
 *
 * A job that needs no order (a held generation, files that differ, hooks that are
 * still owed) begins at INSTALLING with the generation that is to be made live.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "agent/probe/probe.h"
#include "agent/rule/due.h"
#include "agent/setback.h"
#include "agent/state/state.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/pending.h"

struct agent;
struct spec_cert;

enum job_state {
	JOB_IDLE,
	JOB_KEYING,
	JOB_ORDERING,
	JOB_PARKED,
	JOB_VERIFYING,
	JOB_INSTALLING,
	JOB_HOOKING,
	JOB_PROBING,
	JOB_STATES,
};

/* One endpoint of a certificate, before and after the switch. */
struct job_probe {
	bool was_up; /* before the switch */
	bool asked;  /* a worker has looked: the verdict is about the endpoint */
	bool again;  /* the first that was to look has died */
	enum probe_verdict verdict;
	enum probe_chain chain;
	uint8_t seen[32];
	char detail[256];
};

/* One hook of a certificate. */
struct job_hook {
	uint32_t number; /* in the snapshot */
	bool owed;       /* it has to run for `generation` */
	bool passed;     /* its test, before the switch; true if it has none */
};

struct job {
	struct job *next;
	struct agent *agent;
	uint32_t id;   /* another one in each state: what is late finds nobody */
	uint32_t cert; /* number in the snapshot */
	const struct spec_cert *spec;
	const char *name;
	enum why why;
	enum job_state state;
	int64_t since_ms; /* clock_awake_ms() when it entered its state */
	int64_t begun_ms; /* clock_boot_ms() */
	uint32_t issuer;
	char *order; /* owned; URL at an ACME CA, handle of a program; NULL: none is
			    under way */
	bool runs;   /* its program does, or is about to */
	int64_t ordered_at;  /* Unix seconds: when that was begun */
	unsigned polls;      /* how often it was come back to */
	bool uncounted;      /* ... but for this time */
	unsigned n_orders;   /* made for it at this issuer */
	unsigned n_tries;    /* ... after something has failed for a name, in all */
	bool refused;        /* something has, since the last order was begun */
	struct name_set out; /* that the order leaves out */
	struct setbacks setbacks;
	uint32_t checkpoint; /* of the worker's message that is to be answered */
	int64_t until_ms;    /* while parked: Unix milliseconds */
	ev_timer timer;
	struct memory memory;        /* of the certificate, as it will be remembered */
	struct buf spki;             /* of the new key */
	char announced[PENDING_HEX]; /* ... which was to be this one, see nextkey.h */
	struct buf chain;            /* PEM, leaf first, as it came */
	struct buf anchors;          /* PEM */
	struct x509_facts facts;     /* of the generation to install */
	struct file_stamp stored;    /* of its leaf, when this job has stored it */
	struct x509_facts old_facts; /* of `previous` */
	uint64_t generation;         /* to install; 0: not stored yet */
	uint64_t previous;           /* live before; 0: none */
	bool old_ok;                 /* `previous` could be gone back to */
	bool by_hand;                /* a roll-back that a person asked for */
	bool owed;                   /* only hooks: `generation` is live already */
	bool cut;                    /* a crash cut its switch short, see `owed` */
	bool again;     /* all that was to be done was done before, and is not served */
	bool was_up;    /* every endpoint, before the switch */
	bool installed; /* `generation` is live, its files are written */
	uint64_t stamp; /* of what is then live and whole; 0: not known */
	bool left;      /* its files, to somebody else, see drift.h */
	bool undo;      /* to be rolled back */
	bool stale;     /* all hooks have run, and the old certificate is served */
	bool undone;    /* rolled back */
	struct job_hook *hooks;   /* owned, spec->hooks.n */
	struct job_probe *probes; /* owned, spec->probes.n */
	int64_t
	    probe_ms;   /* all of them are waited for so long, see probing_patience() */
	struct err err; /* why it failed, if it did */
	uint32_t alarms; /* 1u << enum hook_event: what hooks are told after */
};

const char *job_state_word(enum job_state state);

/* Begin what `why` asks for. The agent owns the job. */
void job_begin(struct agent *a, uint32_t cert, enum why why);

/* Make the stored generation live because a person said so. */
void job_begin_rollback(struct agent *a, uint32_t cert, uint64_t generation);

/* job_prepare.c: what is remembered of it, what is live, and what is on disk already so
 * that nothing has to be ordered. */
int job_prepare(struct agent *a, struct job *j, struct err *e);
int job_prepare_rollback(struct agent *a, struct job *j, struct err *e);

/* The job called `id`, or NULL: it has ended since. */
struct job *job_called(struct agent *a, uint32_t id);
struct job *job_of_cert(struct agent *a, uint32_t cert);

/* Remember that it failed, say so, and end it. */
void job_fail(struct agent *a, struct job *j, const struct err *e);

/* What shows `name` of the certificate `cert` by `way` could not be set up: its order
 * fails by that. */
void job_way_failed(struct agent *a, const char *cert, const char *name, uint32_t way,
		    const struct err *e);

/* End it; what it brought has been remembered. */
void job_end(struct agent *a, struct job *j);
void job_free(struct job *j);

/* A job that does nothing but tell hooks of `event`, about what is live, in `words`. */
void job_note(struct agent *a, uint32_t cert, enum why why, uint32_t event,
	      const char *words);
/* ... about a generation that may be live no more, nor there. */
void job_note_of(struct agent *a, uint32_t cert, uint64_t generation, enum why why,
		 uint32_t event, const char *words);

/* Fail what has been in its state for too long; waiting behind others does not count. */
void job_check_limits(struct agent *a);

/* The run is to end: let go of all that nobody works on. What is parked in memory is
 * parked on disk; what waits for its key or for a worker has nothing to lose. */
void job_rest_all(struct agent *a);

/* Whether any job is on its way to its batch: the batch waits for it. */
bool job_any_alone(const struct agent *a);
