/*
 * authz: one authorization of an order, and the challenge of it that we can answer
 * (RFC 8555 7.1.4, 7.5, 8).
 *
 * What is unknown is passed over: challenges of other types, fields of any. What is not
 * as it has to be (a token, a URL) is never stored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct acme;
struct err;
struct order_want;
struct order_way;

struct authz {
	const char *name; /* borrowed from the want */
	unsigned way;     /* number, of the chosen challenge, or of the one that failed;
				ACME_ANY_WAY: none is there */
	char *challenge;  /* its URL, owned; NULL: nothing is to be done any more */
	char *token;      /* owned */
	char *authorization; /* owned: token "." thumbprint */
	bool answered;       /* it is being validated already */
	bool failed;         /* `challenge` is NULL, and *why was filled */
	int64_t retry_at_ms; /* when the CA wants to be asked what has come of it; Unix
				milliseconds, 0: it has not said */
};

/* Whether `way` is one for `name`, as configured. */
bool authz_is_for(const struct order_way *way, const char *name);

/*
 * Fetch the authorization at `url` and choose the challenge. One that is valid already
 * has none. `again`: it was answered before, so a challenge that is still pending and
 * has an error is one that failed. So is one of which no challenge of ours is offered.
 */
int authz_read(struct acme *a, const struct order_want *want, const char *url,
	       bool again, struct authz *z, struct err *why, struct err *e);

/* Tell the CA that its token is in place. It is told once; a CA that is validating
 * already (409), or refuses and has an outcome, is not told again. *open: it has said that
 * there is no outcome yet. */
int authz_answer(struct acme *a, struct authz *z, bool *open, struct err *e);

void authz_done(struct authz *z);
