/*
 * state_db: the database below state.h: its file, its schema, its statements. Only the
 * state_*.c files look at it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "agent/state.h"

enum statement {
	CERT_GET,
	CERT_PUT,
	CERT_DROP,
	CERT_EACH,
	HOOK_PUT,
	HOOK_DROP,
	HOOKS_DROP,
	HOOK_EACH,
	HOOK_EACH_OF,
	SERVED_PUT,
	SERVED_DROP,
	SERVED_EACH,
	EVENT_PUT,
	EVENT_PRUNE,
	EVENT_EACH,
	EVENT_EACH_OF,
	STATEMENTS,
};

struct state {
	sqlite3 *db;
	bool read_only;
	const char *why_read_only; /* static; NULL: it was asked for */
	sqlite3_stmt *statements[STATEMENTS];
};

/* A statement being run: values go in and come out one after the other. */
struct query {
	sqlite3_stmt *stmt; /* borrowed from the state */
	int at;
};

/* The columns of a certificate, as CERT_PUT takes and CERT_GET gives them. */
int query_begin(struct state *s, enum statement which, struct query *q, struct err *e);
void query_end(struct query *q);

void query_put_int(struct query *q, int64_t v);
void query_put_text(struct query *q, const char *v);
void query_put_blob(struct query *q, const void *v, size_t len);

int64_t query_get_int(struct query *q);
const char *query_get_text(struct query *q); /* never NULL; until the next row */
void query_get_blob(struct query *q, void *v, size_t len); /* zero if not that long */

/* Run a statement that gives no rows, and end it. */
int query_run(struct state *s, struct query *q, struct err *e);

/* The next row: 1, or 0 after the last; then, and on an err, the query has ended. */
int query_row(struct state *s, struct query *q, struct err *e);
