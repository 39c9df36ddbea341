/*
 * state_token: challenge tokens that are presented, in the state database (see state.h).
 *
 * A row is committed before its token is presented and taken out after it was withdrawn:
 * what a crash left presented is known to the next agent.
 */
#pragma once

struct err;
struct state;

struct token_row {
	const char *name;  /* of the certificate */
	const char *where; /* webroot or listening address, as configured */
	const char *token;
	const char *authorization;
};

int state_token_put(struct state *s, const struct token_row *t, struct err *e);
int state_token_done(struct state *s, const char *name, const char *token,
		     struct err *e);
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_token_each(struct state *s, const char *name,
		     int (*each)(void *arg, const struct token_row *t), void *arg,
		     struct err *e);
