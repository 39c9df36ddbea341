/*
 * state_ari: what the CA of a certificate said of its renewal (RFC 9773), in the state
 * database (see state.h). A row is of one generation: of another it says nothing.
 */
#pragma once

#include <stdint.h>

struct err;
struct state;

struct ari_row {
	const char *name; /* of the certificate */
	uint64_t generation;
	int64_t start_at; /* of the window; 0: the CA has said nothing */
	int64_t end_at;
	int64_t renew_at;        /* the point of it that was drawn; 0 with start_at */
	int64_t ask_at;          /* when to ask again */
	const char *explanation; /* URL; "": none */
	unsigned failures;       /* to ask, in a row */
};

int state_ari_put(struct state *s, const struct ari_row *r, struct err *e);
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_ari_each(struct state *s, const char *name,
		   int (*each)(void *arg, const struct ari_row *r), void *arg,
		   struct err *e);
