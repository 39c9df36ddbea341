/*
 * cmp_task: one task at a CMP server: who asks, who is trusted, and its transactions one
 * after another, over one connection (cmp.h).
 *
 *     cmp_task_open(&t, e)                   connected to nobody yet; knows what to trust
 *     cmp_task_first(&t, e)                  ... unless `chain` and `key` sign
 *     cmp_task_begin(&t, e)                  t.ctx is to be filled and run
 *     cmp_task_failed(&t, "kur", e)
 */
#pragma once

#include <stdbool.h>

#include <openssl/cmp.h>

#include "ca/cmp.h"
#include "ca/cmp_link.h"

struct cmp_task {
	const struct cmp_settings *s;
	const struct cmp_host *host;
	struct http *http; /* owned */
	struct cmp_link link;
	struct cmp_ask ask;
	struct cmp_first first;
	bool knows_first; /* it has been asked for */
	struct buf chain; /* of what is live; empty: we do not sign by it */
	struct buf key;
	EVP_PKEY *new_key;        /* owned: the public half */
	STACK_OF(X509) * cas;     /* owned: what genm tells */
	STACK_OF(X509) * anchors; /* owned */
	OSSL_CMP_CTX *ctx;        /* owned: the transaction */
	struct err wrong;         /* with the certificate that came; code 0: nothing */
	bool shut_out;            /* the CA does not take who we are */
};

#define AUTO_CMP_TASK __attribute__((cleanup(cmp_task_done)))

/* ERR_CONFIG: there is nothing to trust; others as of cmp_enrol(). */
int cmp_task_open(struct cmp_task *t, struct err *e);
void cmp_task_done(struct cmp_task *t);

/* Ask the host who asks at first, once; whether anybody does. */
int cmp_task_first(struct cmp_task *t, struct err *e);
bool cmp_task_has_first(const struct cmp_task *t);

/* Begin a transaction, by what is live if we sign by that. */
int cmp_task_begin(struct cmp_task *t, struct err *e);
/* What has kept it from its end: the certificate, the exchange, or what was said. */
int cmp_task_failed(struct cmp_task *t, const char *word, struct err *e);
/* Something else will be asked for. */
void cmp_task_again(struct cmp_task *t);

/* The anchors, the caller's; NULL: out of memory. */
X509_STORE *cmp_task_store(const struct cmp_task *t, unsigned long flags);
bool cmp_task_is_root(X509 *ca);
