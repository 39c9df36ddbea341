/*
 * client: signed requests to one ACME server as one account (RFC 8555 6).
 *
 * One connection, one directory, one nonce at hand: kept between orders by the worker
 * that serves this issuer. What the client cannot do itself it asks of its host: to
 * sign, to remember the account, to make an order and its tokens durable.
 *
 *     acme_open(&a, &settings, &host, e)   nothing is sent yet
 *     acme_ready(&a, e)                    directory and account are there (registration.h)
 *     acme_post(&a, &ask, &reply, e)       one signed request, nonces seen to
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/ask.h"
#include "base/http.h"

struct doc;
struct err;
struct refusals;

#define LIMIT_NONCE    512
#define LIMIT_ACME_URL 2048

/* A CA may reject any share of good nonces to try its clients. With a half of them
 * rejected, one request in 10^30 fails; with nine of ten, one in 40,000. */
#define ACME_NONCE_TRIES 100

#define ACME_LATER_S 86400 /* no Retry-After keeps anything waiting for longer */

/* One challenge that has to be answered for the CA to see. */
struct acme_token {
	unsigned way; /* number of the challenge in the configuration, see order.h */
	const char *name;
	const char *token;         /* valid: token.h */
	const char *authorization; /* token "." thumbprint, RFC 8555 8.1 */
};

struct acme_host {
	void *arg;
	int (*sign)(void *arg, const struct acme_ask *ask, struct buf *jws,
		    struct err *e);
	int (*account)(void *arg, struct acme_account *account, struct err *e);
	/* The CA calls the account `kid`; NULL: it does not know it any more. */
	int (*registered)(void *arg, const char *kid, struct err *e);
	int (*rolled)(void *arg, bool taken, struct err *e);
	/* Returns when the order's URL is durable and the tokens can be fetched. Without
	 * tokens, and not a new URL: the CA did not do what it was asked for, and whoever
	 * comes back asks for it with the same `polls` (order.h). */
	int (*checkpoint)(void *arg, const char *order_url,
			  const struct acme_token *tokens, size_t n, struct err *e);
	/* There is no order any more, it is forgotten; and these names are why, as far as
	 * the CA says. */
	int (*over)(void *arg, const struct refusals *refused, struct err *e);
};

struct acme_settings {
	const char *url; /* of the directory */
	bool agree_terms;
	bool has_eab; /* an external account is configured (RFC 8555 7.3.4) */
	struct http_settings http; /* its origin is that of `url` */
};

/* URLs of the directory (RFC 8555 7.1.1), owned. */
struct acme_directory {
	char *new_nonce; /* these three of its own origin */
	char *new_account;
	char *new_order;
	char *revoke_cert; /* for these ask directory_need(); NULL: the CA has none */
	char *key_change;
	char *renewal_info;
	char *terms;
	bool needs_eab;
	char **profiles; /* owned array of owned names; n_profiles 0: it has none */
	size_t n_profiles;
	char **caa; /* owned as those: what the CA is called in CAA records */
	size_t n_caa;
};

struct acme {
	struct acme_settings s;       /* strings borrowed */
	const struct acme_host *host; /* borrowed */
	struct http *http;            /* owned */
	struct acme_directory directory;
	struct acme_account account;
	char *nonce; /* owned; NULL: one has to be fetched */
	int64_t
	    clock_ahead_s; /* of the CA's clock before ours, when it was last seen */
	unsigned n_requests;
};

/* One answer. */
struct acme_reply {
	struct http_reply http;
	struct doc *doc;      /* owned; NULL unless the body was a JSON document */
	const char *location; /* borrowed from `http`; NULL: none */
	int64_t retry_at_ms; /* Unix milliseconds, from Retry-After, clamped; 0: none */
};

#define AUTO_ACME_REPLY __attribute__((cleanup(acme_reply_done)))

int acme_open(struct acme *a, const struct acme_settings *s,
	      const struct acme_host *host, struct err *e);
void acme_close(struct acme *a);

/* GET without a signature: the directory. What *reply held is freed, here and below;
 * it is filled also where a problem document became an err (problem.h). */
int acme_get(struct acme *a, const char *url, struct acme_reply *reply, struct err *e);

/* POST what `ask` names, which gets its nonce here: badNonce is tried again with the
 * nonce of that answer (6.5). */
int acme_send(struct acme *a, struct acme_ask *ask, struct acme_reply *reply,
	      struct err *e);

/* The same; an account that the CA does not know any more is made again, with the same
 * key, and `ask` sent once more. */
int acme_post(struct acme *a, struct acme_ask *ask, struct acme_reply *reply,
	      struct err *e);

/* ERR_PROTO unless `url`, called `what`, is one of this CA (origin.h). */
int acme_check_url(const struct acme *a, const char *what, const char *url,
		   struct err *e);

void acme_reply_done(struct acme_reply *reply);
