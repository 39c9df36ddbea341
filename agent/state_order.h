/*
 * state_order: orders that are under way, in the state database (see state.h).
 *
 * A row is committed with the order's URL before anything else is done with it, and
 * goes when its certificate is stored or the order is dead: so newOrder is sent once
 * for each certificate, whatever dies. Tokens are rows of their own, committed before
 * they are presented and taken out after they were withdrawn: what a crash left
 * presented is known to the next agent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct state;

struct order_row {
	const char *name;   /* of the certificate */
	const char *issuer; /* its name */
	const char *url;
	uint64_t wanted; /* names_hash of the certificate: another one, another order */
	int64_t created_at;
	int64_t retry_at; /* when the CA wants to be asked again */
	unsigned polls;
};

int state_order_put(struct state *s, const struct order_row *o, struct err *e);
int state_order_done(struct state *s, const char *name, struct err *e);
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_order_each(struct state *s, const char *name,
		     int (*each)(void *arg, const struct order_row *o), void *arg,
		     struct err *e);

struct token_row {
	const char *name;
	const char *where; /* webroot or listening address, as configured */
	const char *token;
	const char *authorization;
};

int state_token_put(struct state *s, const struct token_row *t, struct err *e);
int state_token_done(struct state *s, const char *name, const char *token,
		     struct err *e);
int state_token_each(struct state *s, const char *name,
		     int (*each)(void *arg, const struct token_row *t), void *arg,
		     struct err *e);
