/*
 * client: signed requests to one ACME server as one account (RFC 8555 6).
 *
 * One connection, one directory, one nonce at hand: kept between orders by the worker
 * that serves this issuer. What the client cannot do itself it asks of its host: to
 * sign, to remember the account, to make an order and its tokens durable.
 *
 *     acme_open(&a, settings, host)   nothing is sent yet
 *     acme_ready(&a, e)               directory and account are there
 *     acme_post(&a, &ask, &reply, e)  one signed request, nonces seen to
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "acme/ask.h"
#include "base/http.h"

struct doc;
struct err;

#define LIMIT_NONCE    512
#define LIMIT_ACME_URL 2048

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
	int (*registered)(void *arg, const char *kid, struct err *e);
	int (*rolled)(void *arg, bool taken, struct err *e);
	/* Returns when the order's URL is durable and the tokens can be fetched. */
	int (*checkpoint)(void *arg, const char *order_url,
			  const struct acme_token *tokens, size_t n, struct err *e);
};

/* URLs of the directory (RFC 8555 7.1.1), owned; NULL: the CA has none. */
struct acme_directory {
	char *new_nonce;
	char *new_account;
	char *new_order;
	char *revoke_cert;
	char *key_change;
	char *renewal_info;
	char *terms;
	bool needs_eab;
	char **profiles; /* owned array of owned names; n_profiles 0: it has none */
	size_t n_profiles;
};

struct acme {
	const char *url;              /* of the directory; borrowed */
	const struct acme_host *host; /* borrowed */
	bool agree_terms;
	struct http *http; /* owned */
	struct acme_directory directory;
	struct acme_account account;
	char *nonce; /* owned; NULL: one has to be fetched */
	unsigned n_requests;
};

/* One answer. */
struct acme_reply {
	struct http_reply http;
	struct doc *doc;     /* owned; NULL unless the body was a JSON document */
	char *location;      /* owned; NULL: none */
	int64_t retry_at_ms; /* Unix milliseconds, from Retry-After, clamped; 0: none */
};

#define AUTO_ACME_REPLY __attribute__((cleanup(acme_reply_done)))

int acme_open(struct acme *a, const char *url, const struct http_settings *settings,
	      const struct acme_host *host, struct err *e);
void acme_close(struct acme *a);

/*
 * Fetch the directory, and find or make the account, unless that has been done. An
 * account that the CA no longer knows is made again with the same key. ERR_CONFIG where
 * terms have to be agreed to or an external account is needed, and neither is set.
 */
int acme_ready(struct acme *a, struct err *e);

/* POST what `ask` names; its nonce is seen to here: badNonce is tried again with the
 * nonce of that answer (6.5). A problem document becomes an err (problem.h). */
int acme_post(struct acme *a, struct acme_ask *ask, struct acme_reply *reply,
	      struct err *e);
void acme_reply_done(struct acme_reply *reply);
