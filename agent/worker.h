/*
 * worker: what the worker role is while it lasts, and what it does at ACME servers.
 *
 * A worker serves one issuer: the first that it is asked for is the only one. Its
 * connection, directory and nonce are kept from one task to the next. It holds no key:
 * with each task comes a socket to the keeper (lend.h), which signs what the task needs
 * and is closed when it ends; and what must not be lost (an order's URL, the tokens)
 * goes to the agent, who answers when it is on disk and in place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acme/client.h"
#include "agent/dns_task.h"
#include "base/msg.h"

struct spec;

struct worker {
	const struct spec *spec; /* borrowed */
	uint32_t issuer;         /* number; SPEC_NOBODY: none yet */
	struct acme_host host;
	struct acme acme;        /* open if `issuer` is set */
	int lent;                /* the keeper, for the task under way; -1: none */
	uint64_t job;            /* ... and its number */
	uint32_t last_id;        /* of what was asked of the agent */
	struct dns_none no_caa;  /* see worker_caa.h */
	int64_t no_dns_until_ms; /* clock_boot_ms(); 0: names can be looked up */
};

void worker_init(struct worker *w, const struct spec *spec);
void worker_done(struct worker *w);

/* The rules of WORKER_ORDER, WORKER_ACCOUNT, WORKER_CA, WORKER_REVOKE, WORKER_ARI;
 * `worker` is a struct worker. */
int worker_order(void *worker, struct msg *m, struct err *e);
int worker_account(void *worker, struct msg *m, struct err *e);
int worker_ca(void *worker, struct msg *m, struct err *e);
int worker_revoke(void *worker, struct msg *m, struct err *e);
int worker_ari(void *worker, struct msg *m, struct err *e);
