/*
 * worker: what the worker role is while it lasts, and what it does at a CA.
 *
 * A worker serves one issuer: the first that it is asked for is the only one. What its
 * protocol keeps (a connection, a directory, a nonce) stays from one task to the next. It
 * holds no key: with each task comes a socket to the keeper (lend.h), which signs what the
 * task needs and is closed when it ends; and what must not be lost (the handle of what is
 * under way at the CA, tokens) goes to the agent, who answers when it is on disk and in
 * place.
 *
 *     worker.c          tasks, and the table of protocols by the type of the issuer
 *     worker_acme.c     ACME, and what only it has: accounts, ARI; before an order
 *                       worker_caa.h, before the CA looks worker_self.h
 *     worker_cfssl.c    CFSSL
 *     worker_cmp.c      CMP,
 *     worker_est.c      EST, and
 *     worker_step.c     step-ca: each is one task of one worker (pool.h)
 *     worker_lent.c     what those ask the keeper and the agent
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acme/client.h"
#include "agent/net/dns_task.h"
#include "agent/role/messages.h"
#include "agent/role/name_set.h"
#include "base/msg.h"
#include "ca/cfssl.h"
#include "ca/enrolled.h"

struct spec;
struct spec_cert;
struct spec_issuer;
struct worker;

/* A certificate that is asked for; the strings are borrowed from the message. */
struct worker_task {
	const struct spec_cert *cert;
	const char *handle; /* of what is under way at the CA (ACME: the order's URL);
			       NULL: nothing is */
	unsigned polls;     /* how often that was come back to */
	bool replaces;      /* it takes the place of the generation on the ticket */
	bool is_new; /* its challenges have not worked yet, or not the last time */
	struct name_set out; /* names that are left out */
	size_t n_except;
	struct {
		uint64_t challenge;
		const char *name;
	} except[LIMIT_EXCEPTIONS];
};

/* What has come of it. */
struct worker_result {
	struct enrolled got;
	bool has_ari; /* WORKER_ARI may be asked of it */
};

/*
 * One protocol. All are linear code that returns when it has come to its end: 0;
 * ERR_LATER, and another worker goes on with the handle that WORKER_CHECKPOINT has left;
 * or another err.
 */
struct worker_protocol {
	/* What is kept from task to task. NULL: nothing, for each has its own credential. */
	int (*open)(struct worker *w, const struct spec_issuer *i, struct err *e);
	void (*close)(struct worker *w);
	int (*advance)(struct worker *w, const struct worker_task *t,
		       struct worker_result *r, struct err *e);
	/* All CA certificates that it names now, roots and others, added to `pem`: they
	 * are judged by rootrule.h. By `http`, which says how its server is verified, if
	 * at all; no credentials go there, but those of CMP, which prove nothing without
	 * (`by_live`: what is live shows who asks). NULL: it names none. */
	int (*roots)(struct worker *w, const struct http_settings *http, bool by_live,
		     struct buf *pem, struct err *e);
	/* What the ticket names; `by_key`: by the certificate's own key. */
	int (*revoke)(struct worker *w, bool by_key, struct err *e);
};

extern const struct worker_protocol worker_acme;
extern const struct worker_protocol worker_cfssl;
extern const struct worker_protocol worker_cmp;
extern const struct worker_protocol worker_est;
extern const struct worker_protocol worker_step;

struct worker {
	const struct spec *spec;                /* borrowed */
	const struct worker_protocol *protocol; /* static; NULL: none yet */
	uint32_t issuer;                        /* number, if there is a protocol */
	int lent;         /* the keeper, for the task under way; -1: none */
	uint64_t job;     /* ... and its number */
	bool is_new;      /* as in that task */
	uint32_t last_id; /* of what was asked of the agent */
	union {           /* open, as `protocol` says */
		struct acme acme;
		struct cfssl cfssl;
	};
	struct acme_host acme_host;
	struct dns_none no_caa;  /* see worker_caa.h */
	int64_t no_dns_until_ms; /* clock_boot_ms(); 0: names can be looked up */
};

void worker_init(struct worker *w, const struct spec *spec);
void worker_done(struct worker *w);

/* The rules of WORKER_ORDER, WORKER_REVOKE and WORKER_ROOTS; `worker` is a struct worker. */
int worker_order(void *worker, struct msg *m, struct err *e);
int worker_revoke(void *worker, struct msg *m, struct err *e);
int worker_roots(void *worker, struct msg *m, struct err *e);

/* ... and of those that only ACME has: WORKER_ACCOUNT, WORKER_CA, WORKER_ARI. */
int worker_account(void *worker, struct msg *m, struct err *e);
int worker_ca(void *worker, struct msg *m, struct err *e);
int worker_ari(void *worker, struct msg *m, struct err *e);

/* -- for those that do a task -- */

/* Speak to `issuer`, by `only` if that is not NULL. ERR_PROTO: this worker does not. */
int worker_serve(struct worker *w, uint64_t issuer, const struct worker_protocol *only,
		 struct err *e);
/* The same with the socket that came in `m`, until worker_end(), which is called also
 * where this fails. */
int worker_begin(struct worker *w, uint64_t issuer, const struct worker_protocol *only,
		 struct msg *m, struct err *e);
void worker_end(struct worker *w);

/* How the issuer is reached; the strings are those of the snapshot. */
struct http_settings worker_http(const struct worker *w, const struct spec_issuer *i);

/* -- worker_lent.c: what several protocols ask -- */

/* The keeper's answer to `what`, n texts, added to those. */
int worker_texts(const struct worker *w, uint32_t what, struct buf *const *into,
		 size_t n, struct err *e);

/* The agent is to remember `handle`, before something is done twice; "": it is over. */
int worker_waits(void *worker, const char *handle, struct err *e);

/* What its certificate is shown by, of the generation on the ticket: PEM; empty: its key is
 * not here. */
int worker_live(void *worker, struct buf *chain, struct buf *key, struct err *e);

const char *worker_or_null(const char *s); /* a message has "" for it */
