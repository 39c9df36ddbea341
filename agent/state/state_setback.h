/*
 * state_setback: what has failed for the names of certificates, in the state database
 * (see state.h; setback.h says what is done about it).
 */
#pragma once

#include <stdint.h>

struct err;
struct state;

struct setback_row {
	const char *name;       /* of the certificate */
	const char *identifier; /* the name of it that it is about */
	const char *way;        /* challenge and place; "": whichever */
	int64_t at;             /* when it failed last */
	int64_t retry_at;       /* without a way: it is left out until then */
	unsigned failures;      /* in a row */
	const char *why;
};

int state_setback_put(struct state *s, const struct setback_row *r, struct err *e);
/* ... all of `name`. */
int state_setback_clear(struct state *s, const char *name, struct err *e);
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_setback_each(struct state *s, const char *name,
		       int (*each)(void *arg, const struct setback_row *r), void *arg,
		       struct err *e);
