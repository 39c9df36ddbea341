/*
 * corp: a keeper that renews the certificate `a`, of api.example and 192.0.2.7, from a CA
 * `corp` inside, with a secret that only the keeper can read.
 *
 *     corp_in(state, &(struct corp_config){ ... }); fd = corp_lend(c, LEND_ORDER, 0);
 */
#pragma once

#include "tests/help/lent.h"

#define CORP_LASTS 4102444800 /* the year 2100 */

struct corp {
	struct lent lent;    /* its secret is "secret" elsewhere */
	struct alone keeper; /* it ends well in corp_out() */
	EVP_PKEY *waits;     /* owned; see corp_wait() */
	X509 *live;          /* owned; see corp_keep() */
};

struct corp_config {
	const char *issuer; /* its settings; the path of the secret ends the last */
	const char *cert;   /* more settings of `a`; NULL: none */
	const char *secret;
	bool waits; /* as after corp_wait() */
};

/* Setup and teardown: *state is a struct corp. */
int corp_in(void **state, const struct corp_config *c);
int corp_out(void **state);

struct lend_ticket corp_ticket(const struct corp *c, enum lend what,
			       uint64_t generation);

/* The worker's end of what is lent on that ticket. */
int corp_lend(const struct corp *c, enum lend what, uint64_t generation);

/* A key waits for its certificate. */
void corp_wait(struct corp *c);

/* Generation 1, "the live one", until `to`; c's. */
X509 *corp_keep(struct corp *c, int64_t to);
