/*
 * state_order: orders that are under way, in the state database (see state.h).
 *
 * A row is committed with the order's URL before anything else is done with it, and
 * goes when its certificate is stored or the order is dead: so newOrder is sent once
 * for each certificate, whatever dies. The tokens of its challenges are rows of their
 * own (state_token.h).
 */
#pragma once

#include <stdint.h>

struct err;
struct state;

struct order_row {
	const char *name;   /* of the certificate */
	const char *issuer; /* its name */
	const char *url;
	uint64_t wanted; /* names_hash of the certificate: another one, another order */
	int64_t created_at;
	int64_t retry_at; /* when the CA wants to be asked again; 0: now */
	unsigned polls;
};

int state_order_put(struct state *s, const struct order_row *o, struct err *e);
int state_order_done(struct state *s, const char *name, struct err *e);
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_order_each(struct state *s, const char *name,
		     int (*each)(void *arg, const struct order_row *o), void *arg,
		     struct err *e);
