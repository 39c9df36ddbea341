/*
 * state_db: the database below state.h: its file, its schema, its statements. Only the
 * state_*.c files look at it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "agent/state/state.h"

enum statement {
	CERT_GET,
	CERT_PUT,
	CERT_DROP,
	CERT_NAMES,
	CERT_EACH,
	CERT_BETWEEN,
	HOOK_PUT,
	HOOK_DROP,
	HOOKS_DROP,
	HOOK_EACH,
	HOOK_EACH_OF,
	SERVED_PUT,
	SERVED_DROP,
	SERVED_EACH,
	SERVED_EACH_OF,
	ORDER_PUT,
	ORDER_DROP,
	ORDER_EACH,
	ORDER_EACH_OF,
	TOKEN_PUT,
	TOKEN_DROP,
	TOKEN_EACH,
	TOKEN_EACH_OF,
	REVOKE_PUT,
	REVOKE_DROP,
	REVOKES_DROP,
	REVOKE_EACH,
	ARI_PUT,
	ARI_DROP,
	ARI_EACH,
	ARI_EACH_OF,
	ALARM_GET,
	ALARM_PUT,
	ALARM_OVER,
	ALARM_OWED,
	ALARM_PRUNE,
	ALARMS_DROP,
	CRL_PUT,
	CRL_EACH,
	CRL_PART_PUT,
	CRL_DROP,
	CRL_PARTS_DROP,
	CRL_PART_EACH,
	OWN_PUT,
	OWN_DROP,
	OWN_EACH,
	OWN_EACH_OF,
	OWN_LIST_PUT,
	OWN_LIST_EACH,
	OWN_LIST_PRUNE,
	SETBACK_PUT,
	SETBACKS_DROP,
	SETBACK_EACH,
	SETBACK_EACH_OF,
	LEDGER_PUT,
	LEDGER_NTH,
	LEDGER_PRUNE,
	EVENT_PUT,
	EVENT_PRUNE,
	EVENT_LAST,
	EVENT_EACH,
	EVENT_EACH_OF,
	STATEMENTS,
};

/* PRAGMA user_version. 2: orders and tokens, which issuer is asked next, ARI. 3: why a
 * revocation or a question about a renewal has failed so far. 4: sums. 5: alarms. 6: the
 * ledger. 7: CRLs. 8: those that our own certificates may be on. 9: setbacks. */
#define STATE_FORMAT 9
#define STATE_SUMS   4 /* the first that has them */

struct state {
	sqlite3 *db; /* NULL: there is nothing to read */
	char *dir;   /* owned */
	bool read_only;
	bool is_new;    /* there was no file */
	bool has_sums;  /* each row can be checked */
	bool damaged;   /* met while reading or writing: set aside when closed */
	bool stuck;     /* a lock of ours is not let go as long as it is open */
	int64_t bad_at; /* of the name that it is set aside under */
	char news[512]; /* see state_news() */
	void *unsaved;  /* owned, see tsearch(3): rows of the transaction, and ... */
	unsigned n_unsaved;
	bool lost; /* ... of what could not be committed: put again with the next */
	sqlite3_stmt *statements[STATEMENTS];
};

/* What could not be committed of state_put() is put again, in a transaction; it was
 * committed, or is of no use any more. */
int cert_put_again(struct state *s, struct err *e);
void cert_saved(struct state *s);

/* Whether there is nothing to be found in it. */
static inline bool state_is_blank(const struct state *s)
{
	return s == NULL || s->db == NULL;
}

/* It cannot be gone on with, and why; the first reason counts. */
void db_damaged(struct state *s, const char *why);

/* Look through all of the file, but for what only a sum can tell: a result of SQLite. */
int db_check(struct state *s);

/* What SQLite says of the last call; ERR_BUSY if another process has the lock. */
int db_err(struct state *s, struct err *e, const char *what);

/* Run statements that give no rows. */
int db_run(struct state *s, const char *sql, struct err *e);

/* Make the tables in an empty file, all or none. */
int db_make_schema(struct state *s, struct err *e);

/* Bring a file of an older format, from 1 on, to ours, all or nothing of it. A file that
 * is only read stays as it is, and looks as if it had been brought there. */
int db_upgrade(struct state *s, int format, struct err *e);

/*
 * A statement being run: values go in and come out one after the other.
 *
 * The last column of each table is a sum of the others, put and checked here: SQLite
 * sees when its own structure was hit, not when a moment or a flag was. A row without
 * one was written by an older format.
 */
struct query {
	sqlite3_stmt *stmt; /* borrowed from the state */
	int at;
	uint64_t sum; /* of what was put */
};

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

/* Row by row: of `all`, or by `of` those of `name` if it is not NULL; without a state
 * there are none.
 *
 *     rc = query_each(s, ALL, OF, name, &q, e);
 *     while ((rc = query_next(s, &q, rc, e)) > 0)
 *             rc = what comes of that row: negative ends the query, and is returned
 */
int query_each(struct state *s, enum statement all, enum statement of, const char *name,
	       struct query *q, struct err *e);
int query_next(struct state *s, struct query *q, int rc, struct err *e);
