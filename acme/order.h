/*
 * order: one ACME order, from newOrder to the certificate (RFC 8555 7.4).
 *
 * order_advance() reads like the RFC: create, authorize, finalize, download. It does
 * everything that can be done now and never sleeps. When the CA wants time it returns
 * ERR_LATER; err.retry_at_ms says when to come back, and the order's URL is all that
 * has to be kept to go on, in this process or in another.
 *
 * Whoever comes back to an order that is of no use any more (the CA does not know it, its
 * account is gone, or it is invalid and `polls` is 0: nobody was there to be told) gets a
 * new one in the same call: the host hears of its URL by checkpoint(), as of any other,
 * and puts it in the place of the old one. An order that ends without a certificate is
 * over with over(), before the reason is returned: a reason alone (ERR_NET)
 * does not say whether the order can be gone on with. After ERR_LATER, ERR_NET and ERR_SYS
 * it can, unless it is over; any other failure means that it is. Which names are why is
 * said with it, so that another order may do without them, or show them in another way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct acme;
struct buf;
struct err;

#define ORDER_AUTHZ_MAX   100 /* as many names as public CAs put in one certificate */
#define ORDER_POLL_MS     5   /* the first wait where the CA names none; then doubled */
#define ORDER_POLL_MAX_MS 60000 /* ... up to this */
#define ORDER_LOOK_POLLS  4 /* at each 4th return, authorizations are looked at again */
/* ... and at each 12th, after 20 s, what is still pending is answered again. A CA may be
 * slow without saying so, and a second answer may be a second validation. */
#define ORDER_ANSWER_POLLS 12

/* One way to show control of a name, in the order in which they are tried. */
struct order_way {
	const char *type;          /* "http-01" */
	unsigned number;           /* what acme_token.way says */
	const char *const *only;   /* NULL-terminated; NULL: for all names */
	const char *const *except; /* ... but for these; NULL: none */
};

struct order_want {
	const char *const *names; /* values, as in the order */
	size_t n_names;
	const struct order_way *ways;
	size_t n_ways;
	const char *profile; /* NULL: what the CA chooses */
	bool need_profile;   /* without it, none at all */
	const char *chain;   /* a name, a SHA-256 in hex, "shortest"; NULL: the CA's */
	const char *url;     /* NULL: a new order */
	unsigned polls;      /* how often it has been come back to */
	bool replaces;       /* a new one takes the place of a certificate (RFC 9773) */
};

/*
 * Advance the order. Returns 0 with the PEM chain, leaf first, in `chain`; nothing in it
 * has been verified. Otherwise ERR_LATER, or why it does not go on. *note, owned, is
 * what a person should know though it went well (a profile that is not offered), or
 * NULL.
 */
int order_advance(struct acme *a, const struct order_want *want, struct buf *chain,
		  char **note, struct err *e);
