/* state_revoke: what is to be revoked, in the state database (see state.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct state;

struct revoke_row {
	const char *name; /* of the certificate */
	uint64_t generation;
	const char *issuer; /* that it came from */
	uint64_t reason;    /* RFC 5280 5.3.1 */
	bool by_key;        /* signed by the certificate's key */
	bool replace;       /* not while it is live */
	int64_t retry_at;   /* not before; 0: at once */
	unsigned failures;
	int code;               /* enum err_code of the last one */
	const char *last_error; /* what it said */
};

int state_revoke_put(struct state *s, const struct revoke_row *r, struct err *e);
/* Whether anything of certificate `name` is noted. */
int state_revoke_has(struct state *s, const char *name, bool *noted, struct err *e);
int state_revoke_done(struct state *s, const char *name, uint64_t generation,
		      struct err *e);
/* The strings live for the call. */
int state_revoke_each(struct state *s,
		      int (*each)(void *arg, const struct revoke_row *r), void *arg,
		      struct err *e);
