/*
 * crlwatch: the CRLs that servers need for their clients' certificates: fetched, looked
 * at, written, loaded.
 *
 * An entry of `crls` is about one CA (`ca`), or about all of a file (`bundle`). Of each CA
 * the list is asked for at one URL after the other until one gives a good one: first
 * where the last one came from, then `url`, then the distribution points of those in the
 * bundle that this CA has issued. A bundle without a root for each of them is refused:
 * who checks a chain needs the root's list too. A worker fetches and verifies it
 * (crlcall.h); nothing that is not good gets further, and nothing that is older than what
 * there is. When every CA has a good list the keeper writes all of them, anew where anybody
 * has changed a file (crlwatch_mend()); else what was written stays, and why is said; or,
 * where one list has ended and that is asked for (`on_stale`), all is taken away.
 *
 *     KEEPER_CRL_CAS ▶ for each CA, for each URL: KEEPER_CRL_STAGE ▶ WORKER_CRL ▶
 *     KEEPER_CRL_KEEP ▶ KEEPER_CRL_WRITE ▶ hooks of "crl-updated"
 *
 * What servers have loaded is what was written when all hooks went well; as long as that
 * revokes others hooks are run again. A list that was only signed anew is written, and
 * loaded when what is loaded has to go (crl_load_at()). Hooks are run when nothing else is
 * under way, one run for each however many CRLs (crlwatch_hook.c).
 *
 * A list of half its life without a newer one is told as "crl-stale", once for each step
 * of crlwatch_rule.h and each day. It counts how old the list is that is loaded, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/role/crlcall.h"
#include "agent/role/spec.h"
#include "agent/rule/crlwatch_rule.h"
#include "agent/state/state_crl.h"
#include "agent/status_view.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"

struct agent;
struct json;
struct msg;

struct crl_url {
	char *text; /* owned */
	/* A list for some distribution points only may be for this one: it is of the
	 * configuration, or all that the CA has issued name it. */
	bool is_scope;
};

/* One CA that is asked about. */
struct crl_ca {
	struct buf der;
	unsigned covers;      /* CRL_* that its list must speak for */
	struct crl_part part; /* what is in the store; this_update 0: nothing */
	struct crl_url urls[LIMIT_CRL_POINTS]; /* those of the configuration first */
	uint32_t n_urls;
};

/* One entry of `crls`. */
struct crl {
	struct agent *agent;
	const struct spec_crl *spec;
	const char *name;
	uint32_t number; /* in the snapshot */
	struct crl_memory memory;
	struct crl_ca cas[LIMIT_CHAIN_CERTS]; /* as last remembered or read */
	uint32_t n_cas;
	bool wanted; /* by this run */
	bool tried;  /* ... and done */
	/* a look that is under way */
	bool looking;
	bool came;    /* a newer list of one of them */
	bool mending; /* what somebody has changed is written again, nobody is asked */
	bool going;   /* one of them has ended, and what is written is taken away */
	uint32_t ca;  /* being asked about */
	uint32_t url; /* ... the how manyth attempt */
	int staging;  /* owned; -1: none */
	struct crl_part coming;
	struct err why; /* nothing good has come of that CA's list; code 0: nothing */
	struct err failed; /* why the look has failed; code 0: it has not yet */
	/* its hooks */
	bool *hooked;  /* owned, spec->hooks.n: went well for what is written */
	bool given_up; /* a hook has failed, and this run does not stay */
	char *stale;   /* owned; words that hooks have to be told; NULL: none */
	bool aged;     /* ... that were, perhaps */
};

struct crlwatch {
	struct crl *crls; /* owned, one for each of the snapshot */
	size_t n;
	struct buf gone;  /* names that are remembered and no longer configured */
	uint32_t n_going; /* ... whose files are being removed */
	bool forgot;      /* that was asked for */
	bool hooking;     /* a hook is running, or its test */
	bool testing;
	uint32_t hook;
	uint32_t event;      /* enum hook_event that it is told */
	struct crl **called; /* owned, n; ... of these */
	size_t n_called;
	uint32_t stale_at; /* the hook that is told of old ones next */
};

/* What is remembered. */
int crlwatch_load(struct agent *a, struct err *e);

/* Those that the request is about: `names` are theirs for COMMAND_CRL (ERR_CONFIG, with
 * exit status 4: there is none). crlwatch_load() does it. */
int crlwatch_choose(struct agent *a, struct err *e);

void crlwatch_free(struct agent *a);

/* Begin what is due by now. Returns when there is something again, INT64_MAX: never in
 * this run. */
int64_t crlwatch_turn(struct agent *a);

/* Whether anything is under way that has to be waited for. */
bool crlwatch_busy(const struct agent *a);

/* Those that have failed and wait for their next attempt: said, and a failure of this run. */
void crlwatch_tell_waiting(struct agent *a);

/* How old what is written of it is, or what servers have of it. */
enum crl_age crlwatch_age(const struct crl *c, int64_t now, int64_t *next);

/* The first moment at which a list of it begins, and ends; 0: there is none, or one does
 * not say. */
int64_t crlwatch_from(const struct crl *c);
int64_t crlwatch_until(const struct crl *c);
uint64_t crlwatch_entries(const struct crl *c);

/* Remember c->memory. */
void crlwatch_put(struct crl *c);

/* -- crlwatch_look.c: one look, from its CAs to its files -- */
void crlwatch_look(struct crl *c);
void crlwatch_mend(struct crl *c);  /* somebody was at what is written of it */
void crlwatch_write(struct crl *c); /* all have been asked */
void crlwatch_let_go(struct crl *c);
void crlwatch_put_part(struct crl *c, const struct crl_part *p); /* remember it */

/* -- crlwatch_cas.c: the CAs that are in the answer to KEEPER_CRL_CAS -- */
int crlwatch_take_cas(struct crl *c, struct msg *m, struct err *e);
void crlwatch_ca_done(struct crl_ca *ca);
/* "CN=..."; the caller's. */
char *crlwatch_ca_name(const struct crl_ca *ca);

/* -- crlwatch_ask.c: ask for the list of one CA after the other, at one URL after the
 * other -- */
void crlwatch_ask(struct crl *c);

/* -- crlwatch_hook.c -- */

/* Start the next run of a hook. True: one is under way. *next: when there is one. */
bool crlwatch_hooks(struct agent *a, int64_t *next);

/* What was written last is not loaded yet, as far as its hooks have told. */
bool crlwatch_owes(const struct crl *c);

/* Something else was written: all of its hooks have to run. */
void crlwatch_owe(struct crl *c);

/* -- print_crl.c -- */

/* `everleaf crl`: the table, or JSON. */
int agent_crl(struct agent *a, struct err *e);
/* One of "crls" in JSON; those that the run is about, as a table. */
void crlwatch_json(const struct crl *c, struct json *j);
void crlwatch_show(const struct agent *a);
/* How bad it is that it is as it is, and the word for that. */
enum health crlwatch_health(const struct crl *c, int64_t now, const char **word);
