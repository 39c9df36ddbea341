#include "agent/state/state_db.h"

#include <string.h>

#include "agent/state/state_damage.h"
#include "base/clock.h"
#include "base/err.h"

/* Columns are named, never "*": a newer format that only adds some is read rightly. The
 * order is that of put_memory() and its like. */
#define CERT_COLUMNS                                                                \
	"name, inode, size, mtime_ns, ctime_ns, disk_stamp, generation, serial,"    \
	" fingerprint, spki_hash, not_before, not_after, names_hash, n_names, key," \
	" usage, is_ca, renew_at, retry_at, last_success_at, installed_run,"        \
	" changed_at, held, held_not_after, held_names_hash, held_key, failures,"   \
	" flags, state, issuer, last_error, asked, asked_failures, failed_by, sum"
#define HOOK_COLUMNS   "name, hook, generation, previous, test_passed, was_up, sum"
#define SERVED_COLUMNS "name, endpoint, verdict, detail, fingerprint, at, sum"
#define ORDER_COLUMNS  "name, issuer, url, wanted, created_at, retry_at, polls, sum"
#define TOKEN_COLUMNS  "name, place, token, authorization, sum"
#define REVOKE_COLUMNS                                                                 \
	"name, generation, issuer, reason, by_key, replace, retry_at, failures, code," \
	" last_error, sum"
#define ARI_COLUMNS                                                           \
	"name, generation, start_at, end_at, renew_at, ask_at, explanation, " \
	"failures, sum"
#define ALARM_COLUMNS  "name, event, kind, told_at, sum"
#define LEDGER_COLUMNS "issuer, kind, what, at, sum"
#define CRL_COLUMNS                                                                \
	"name, look_at, looked_at, failures, last_error, written, written_until, " \
	"loaded, loaded_until, hook_at, hook_failures, sum"
#define PART_COLUMNS                                                       \
	"ca, url, etag, last_modified, this_update, next_update, number, " \
	"entries, digest, scope"
#define CRL_PART_COLUMNS "name, " PART_COLUMNS ", sum"
#define OWN_COLUMNS      "name, generation, serial, list, revoked_at, reason, sum"
#define OWN_LIST_COLUMNS                                                            \
	"id, covers, urls, look_at, looked_at, failures, last_error, " PART_COLUMNS \
	", sum"
#define SETBACK_COLUMNS "name, identifier, way, at, retry_at, failures, why, sum"
#define EVENT_COLUMNS   "at, name, what, generation, text, sum"

#define Q10 "?,?,?,?,?,?,?,?,?,?"

#define MAKE_ORDERS "acme_order (" ORDER_COLUMNS ", PRIMARY KEY (name)) WITHOUT ROWID;"
#define MAKE_TOKENS \
	"token (" TOKEN_COLUMNS ", PRIMARY KEY (name, token)) WITHOUT ROWID;"
#define MAKE_REVOKED                                                               \
	"revocation (" REVOKE_COLUMNS ", PRIMARY KEY (name, generation)) WITHOUT " \
	"ROWID;"
#define MAKE_ARI "ari (" ARI_COLUMNS ", PRIMARY KEY (name)) WITHOUT ROWID;"
#define MAKE_ALARMS \
	"alarm (" ALARM_COLUMNS ", PRIMARY KEY (name, event)) WITHOUT ROWID;"
#define MAKE_LEDGER "ledger (id INTEGER PRIMARY KEY, " LEDGER_COLUMNS ");"
#define MAKE_CRLS   "crl (" CRL_COLUMNS ", PRIMARY KEY (name)) WITHOUT ROWID;"
#define MAKE_CRL_PARTS \
	"crl_part (" CRL_PART_COLUMNS ", PRIMARY KEY (name, ca)) WITHOUT ROWID;"
#define MAKE_OWN "own (" OWN_COLUMNS ", PRIMARY KEY (name)) WITHOUT ROWID;"
#define MAKE_OWN_LISTS \
	"own_list (" OWN_LIST_COLUMNS ", PRIMARY KEY (id)) WITHOUT ROWID;"
#define MAKE_SETBACKS                                                                 \
	"setback (" SETBACK_COLUMNS ", PRIMARY KEY (name, identifier, way)) WITHOUT " \
	"ROWID;"
#define LEDGER_INDEX "CREATE INDEX ledger_what ON ledger (issuer, kind, what, at);"

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE certificate (" CERT_COLUMNS ", PRIMARY KEY (name)) WITHOUT ROWID;"
    "CREATE TABLE hook (" HOOK_COLUMNS ", PRIMARY KEY (name, hook)) WITHOUT ROWID;"
    "CREATE TABLE served (" SERVED_COLUMNS ", PRIMARY KEY (name, endpoint))"
    " WITHOUT ROWID;"
    "CREATE TABLE " MAKE_ORDERS "CREATE TABLE " MAKE_TOKENS "CREATE TABLE " MAKE_REVOKED
    "CREATE TABLE " MAKE_ARI "CREATE TABLE " MAKE_ALARMS
    "CREATE TABLE " MAKE_LEDGER LEDGER_INDEX "CREATE TABLE " MAKE_CRLS
    "CREATE TABLE " MAKE_CRL_PARTS "CREATE TABLE " MAKE_OWN
    "CREATE TABLE " MAKE_OWN_LISTS "CREATE TABLE " MAKE_SETBACKS
    "CREATE TABLE event (id INTEGER PRIMARY KEY, " EVENT_COLUMNS ");"
    "CREATE INDEX event_name ON event (name);"
    "PRAGMA user_version = 9;" /* STATE_FORMAT */
    "COMMIT;";

#define BASIC(x)  x("certificate") x("hook") x("served") x("event")
#define ORDERS(x) x("acme_order") x("token")
#define AT_CA(x)  x("revocation") x("ari")

#define ADD_SUM(table) "ALTER TABLE " table " ADD COLUMN sum;"
#define SUM_VIEW(table) \
	"CREATE TEMP VIEW " table " AS SELECT *, NULL AS sum FROM main." table ";"

/* What came with format 9, with 8, 7, 6 and 5, and the end of each way to ours. */
#define MAKE_LAST  "CREATE TABLE " MAKE_SETBACKS "PRAGMA user_version = 9; COMMIT;"
#define BLANK_LAST "CREATE TEMP TABLE " MAKE_SETBACKS
#define MAKE_OURS  "CREATE TABLE " MAKE_OWN "CREATE TABLE " MAKE_OWN_LISTS MAKE_LAST
#define BLANK_OURS \
	"CREATE TEMP TABLE " MAKE_OWN "CREATE TEMP TABLE " MAKE_OWN_LISTS BLANK_LAST
#define MAKE_WATCH "CREATE TABLE " MAKE_CRLS "CREATE TABLE " MAKE_CRL_PARTS MAKE_OURS
#define BLANK_WATCH \
	"CREATE TEMP TABLE " MAKE_CRLS "CREATE TEMP TABLE " MAKE_CRL_PARTS BLANK_OURS
#define MAKE_COUNTS  "CREATE TABLE " MAKE_LEDGER LEDGER_INDEX MAKE_WATCH
#define BLANK_COUNTS "CREATE TEMP TABLE " MAKE_LEDGER BLANK_WATCH
#define MAKE_NEW     "CREATE TABLE " MAKE_ALARMS MAKE_COUNTS
#define MAKE_BLANK   "CREATE TEMP TABLE " MAKE_ALARMS BLANK_COUNTS

/* From each older format to ours: of the file, and of what is seen of one that is only
 * read. What is temporary is found first, and is nowhere in the file. */
static const struct {
	const char *file;
	const char *view;
} upgrades[STATE_FORMAT] = {
	[1] = { "BEGIN IMMEDIATE;"
		"ALTER TABLE certificate ADD COLUMN installed_run DEFAULT 0;"
		"ALTER TABLE certificate ADD COLUMN asked DEFAULT 0;"
		"ALTER TABLE certificate ADD COLUMN asked_failures DEFAULT 0;"
		"ALTER TABLE certificate ADD COLUMN failed_by DEFAULT 0;" BASIC(
		    ADD_SUM) "CREATE TABLE " MAKE_ORDERS "CREATE TABLE " MAKE_TOKENS
			     "CREATE TABLE " MAKE_REVOKED
			     "CREATE TABLE " MAKE_ARI MAKE_NEW,
		"CREATE TEMP VIEW certificate AS"
		" SELECT *, 0 AS installed_run, 0 AS asked, 0 AS asked_failures,"
		" 0 AS failed_by, NULL AS sum"
		" FROM main.certificate;" SUM_VIEW("hook") SUM_VIEW("served")
		    SUM_VIEW("event") "CREATE TEMP TABLE " MAKE_ORDERS
				      "CREATE TEMP TABLE " MAKE_TOKENS
				      "CREATE TEMP TABLE " MAKE_REVOKED
				      "CREATE TEMP TABLE " MAKE_ARI MAKE_BLANK },
	[2] = { "BEGIN IMMEDIATE;"
		"ALTER TABLE revocation ADD COLUMN retry_at DEFAULT 0;"
		"ALTER TABLE revocation ADD COLUMN failures DEFAULT 0;"
		"ALTER TABLE revocation ADD COLUMN code DEFAULT 0;"
		"ALTER TABLE revocation ADD COLUMN last_error DEFAULT '';"
		"ALTER TABLE ari ADD COLUMN failures DEFAULT 0;" BASIC(ADD_SUM)
		    ORDERS(ADD_SUM) AT_CA(ADD_SUM) MAKE_NEW,
		BASIC(SUM_VIEW) ORDERS(
		    SUM_VIEW) "CREATE TEMP VIEW revocation AS"
			      " SELECT *, 0 AS retry_at, 0 AS failures, 0 AS code, '' "
			      "AS last_error,"
			      " NULL AS sum FROM main.revocation;"
			      "CREATE TEMP VIEW ari AS"
			      " SELECT *, 0 AS failures, NULL AS sum FROM "
			      "main.ari;" MAKE_BLANK },
	[3] = { "BEGIN IMMEDIATE;" BASIC(ADD_SUM) ORDERS(ADD_SUM) AT_CA(ADD_SUM)
		    MAKE_NEW,
		BASIC(SUM_VIEW) ORDERS(SUM_VIEW) AT_CA(SUM_VIEW) MAKE_BLANK },
	[4] = { "BEGIN IMMEDIATE;" MAKE_NEW, MAKE_BLANK },
	[5] = { "BEGIN IMMEDIATE;" MAKE_COUNTS, BLANK_COUNTS },
	[6] = { "BEGIN IMMEDIATE;" MAKE_WATCH, BLANK_WATCH },
	[7] = { "BEGIN IMMEDIATE;" MAKE_OURS, BLANK_OURS },
	[8] = { "BEGIN IMMEDIATE;" MAKE_LAST, BLANK_LAST },
};

static const char *const texts[STATEMENTS] = {
	[CERT_GET] = "SELECT " CERT_COLUMNS " FROM certificate WHERE name = ?",
	[CERT_PUT] = "INSERT OR REPLACE INTO certificate (" CERT_COLUMNS
		     ") VALUES (" Q10 "," Q10 "," Q10 ",?,?,?,?,?)",
	[CERT_DROP] = "DELETE FROM certificate WHERE name = ?",
	[CERT_NAMES] = "SELECT name, NULL FROM certificate ORDER BY name",
	[CERT_EACH] = "SELECT " CERT_COLUMNS " FROM certificate ORDER BY name",
	[CERT_BETWEEN] = "SELECT " CERT_COLUMNS " FROM certificate"
			 " WHERE name BETWEEN ? AND ? ORDER BY name",
	[HOOK_PUT] =
	    "INSERT OR REPLACE INTO hook (" HOOK_COLUMNS ") VALUES (?,?,?,?,?,?,?)",
	[HOOK_DROP] = "DELETE FROM hook WHERE name = ? AND hook = ?",
	[HOOKS_DROP] = "DELETE FROM hook WHERE name = ?",
	[HOOK_EACH] = "SELECT " HOOK_COLUMNS " FROM hook ORDER BY name, hook",
	[HOOK_EACH_OF] =
	    "SELECT " HOOK_COLUMNS " FROM hook WHERE name = ? ORDER BY hook",
	[SERVED_PUT] =
	    "INSERT OR REPLACE INTO served (" SERVED_COLUMNS ") VALUES (?,?,?,?,?,?,?)",
	[SERVED_DROP] = "DELETE FROM served WHERE name = ?",
	[SERVED_EACH] = "SELECT " SERVED_COLUMNS " FROM served ORDER BY name, endpoint",
	[SERVED_EACH_OF] =
	    "SELECT " SERVED_COLUMNS " FROM served WHERE name = ? ORDER BY endpoint",
	[ORDER_PUT] = "INSERT OR REPLACE INTO acme_order (" ORDER_COLUMNS
		      ") VALUES (?,?,?,?,?,?,?,?)",
	[ORDER_DROP] = "DELETE FROM acme_order WHERE name = ?",
	[ORDER_EACH] = "SELECT " ORDER_COLUMNS " FROM acme_order ORDER BY name",
	[ORDER_EACH_OF] = "SELECT " ORDER_COLUMNS " FROM acme_order WHERE name = ?",
	[TOKEN_PUT] =
	    "INSERT OR REPLACE INTO token (" TOKEN_COLUMNS ") VALUES (?,?,?,?,?)",
	[TOKEN_DROP] = "DELETE FROM token WHERE name = ? AND token = ?",
	[TOKEN_EACH] = "SELECT " TOKEN_COLUMNS " FROM token ORDER BY name, token",
	[TOKEN_EACH_OF] = "SELECT " TOKEN_COLUMNS " FROM token"
			  " WHERE name = ? ORDER BY token",
	[REVOKE_PUT] =
	    "INSERT OR REPLACE INTO revocation (" REVOKE_COLUMNS ") VALUES (" Q10 ",?)",
	[REVOKE_DROP] = "DELETE FROM revocation WHERE name = ? AND generation = ?",
	[REVOKES_DROP] = "DELETE FROM revocation WHERE name = ?",
	[REVOKE_EACH] =
	    "SELECT " REVOKE_COLUMNS " FROM revocation ORDER BY name, generation",
	[ARI_PUT] =
	    "INSERT OR REPLACE INTO ari (" ARI_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?)",
	[ARI_DROP] = "DELETE FROM ari WHERE name = ?",
	[ARI_EACH] = "SELECT " ARI_COLUMNS " FROM ari ORDER BY name",
	[ARI_EACH_OF] = "SELECT " ARI_COLUMNS " FROM ari WHERE name = ?",
	[ALARM_GET] =
	    "SELECT " ALARM_COLUMNS " FROM alarm WHERE name = ? AND event = ?",
	[ALARM_PUT] =
	    "INSERT OR REPLACE INTO alarm (" ALARM_COLUMNS ") VALUES (?,?,?,?,?)",
	[ALARM_OVER] = "DELETE FROM alarm WHERE name = ? AND event <> 'drift'"
		       " AND told_at <> 0",
	[ALARM_OWED] = "SELECT " ALARM_COLUMNS " FROM alarm WHERE told_at <= 0",
	[ALARM_PRUNE] = "DELETE FROM alarm WHERE instr(name, ?) = 1 AND told_at < ?",
	[ALARMS_DROP] = "DELETE FROM alarm WHERE name = ?",
	[CRL_PUT] = "INSERT OR REPLACE INTO crl (" CRL_COLUMNS ") VALUES (" Q10 ",?,?)",
	[CRL_EACH] = "SELECT " CRL_COLUMNS " FROM crl ORDER BY name",
	[CRL_PART_PUT] = "INSERT OR REPLACE INTO crl_part (" CRL_PART_COLUMNS
			 ") VALUES (" Q10 ",?,?)",
	[CRL_DROP] = "DELETE FROM crl WHERE name = ?",
	[CRL_PARTS_DROP] = "DELETE FROM crl_part WHERE name = ?",
	[CRL_PART_EACH] = "SELECT " CRL_PART_COLUMNS " FROM crl_part ORDER BY name",
	[OWN_PUT] =
	    "INSERT OR REPLACE INTO own (" OWN_COLUMNS ") VALUES (?,?,?,?,?,?,?)",
	[OWN_DROP] = "DELETE FROM own WHERE name = ?",
	[OWN_EACH] = "SELECT " OWN_COLUMNS " FROM own ORDER BY name",
	[OWN_EACH_OF] = "SELECT " OWN_COLUMNS " FROM own WHERE name = ?",
	[OWN_LIST_PUT] = "INSERT OR REPLACE INTO own_list (" OWN_LIST_COLUMNS
			 ") VALUES (" Q10 ",?,?,?,?,?,?,?,?)",
	[OWN_LIST_EACH] = "SELECT " OWN_LIST_COLUMNS " FROM own_list ORDER BY id",
	[OWN_LIST_PRUNE] =
	    "DELETE FROM own_list WHERE id NOT IN (SELECT list FROM own)",
	[SETBACK_PUT] = "INSERT OR REPLACE INTO setback (" SETBACK_COLUMNS
			") VALUES (?,?,?,?,?,?,?,?)",
	[SETBACKS_DROP] = "DELETE FROM setback WHERE name = ?",
	[SETBACK_EACH] =
	    "SELECT " SETBACK_COLUMNS " FROM setback ORDER BY name, identifier, way",
	[SETBACK_EACH_OF] = "SELECT " SETBACK_COLUMNS " FROM setback WHERE name = ?"
			    " ORDER BY identifier, way",
	[LEDGER_PUT] = "INSERT INTO ledger (" LEDGER_COLUMNS ") VALUES (?,?,?,?,?)",
	[LEDGER_NTH] =
	    "SELECT " LEDGER_COLUMNS " FROM ledger"
	    " WHERE issuer = ? AND kind = ? AND what = ? AND at > ? AND at <= ?"
	    " ORDER BY at DESC LIMIT 1 OFFSET ?",
	[LEDGER_PRUNE] = "DELETE FROM ledger WHERE id <= ? OR at < ?",
	[EVENT_PUT] = "INSERT INTO event (" EVENT_COLUMNS ") VALUES (?,?,?,?,?,?)",
	[EVENT_PRUNE] = "DELETE FROM event WHERE id <= ?",
	[EVENT_LAST] = "SELECT " EVENT_COLUMNS " FROM event ORDER BY id DESC LIMIT 1",
	[EVENT_EACH] = "SELECT " EVENT_COLUMNS " FROM event ORDER BY id",
	[EVENT_EACH_OF] = "SELECT " EVENT_COLUMNS " FROM event"
			  " WHERE name = ? ORDER BY id",
};

void db_damaged(struct state *s, const char *why)
{
	if (s->damaged)
		return;
	s->damaged = true;
	s->bad_at = clock_now();
	state_tell(s, "is damaged", why);
}

int db_check(struct state *s)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	bool whole = rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
		     strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;

	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK && !whole ? SQLITE_CORRUPT : rc;
}

/* To SQLite a disk that failed to read, once, is damage: it must be found again. */
static void suspect(struct state *s)
{
	char why[128];

	snprintf(why, sizeof(why), "%s", sqlite3_errmsg(s->db));
	if (db_check(s) != SQLITE_OK)
		db_damaged(s, why);
}

/* After an unlock that failed SQLite waits for itself: 10 s at each call. */
static void note_stuck(struct state *s)
{
	s->stuck = true;
	snprintf(s->news, sizeof(s->news),
		 "state.db: a lock could not be let go: it is opened again");
}

int db_err(struct state *s, struct err *e, const char *what)
{
	int rc = sqlite3_errcode(s->db) & 0xff;
	int sysno = rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN
			? sqlite3_system_errno(s->db)
			: 0;

	/* "disk I/O error" is what SQLite says of a full disk, too. */
	err_set(e, rc == SQLITE_BUSY ? ERR_BUSY : ERR_SYS, "state.db: %s: %s%s%s", what,
		sqlite3_errmsg(s->db), sysno == 0 ? "" : ": ",
		sysno == 0 ? "" : strerror(sysno));
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		suspect(s);
	else if (rc == SQLITE_PROTOCOL)
		note_stuck(s);
	return e->code;
}

int db_run(struct state *s, const char *sql, struct err *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : db_err(s, e, "run");
}

int db_make_schema(struct state *s, struct err *e)
{
	return db_run(s, schema, e);
}

int db_upgrade(struct state *s, int format, struct err *e)
{
	return db_run(s, s->read_only ? upgrades[format].view : upgrades[format].file,
		      e);
}

/* -- sums (FNV-1a): of a damaged disk, not of who would deceive us -- */

#define SUM_BEGIN 0xcbf29ce484222325u

static uint64_t sum_of(uint64_t sum, int type, const void *v, size_t len)
{
	const uint8_t *bytes = v;

	sum = (sum ^ (unsigned)type) * 0x100000001b3u;
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return (sum ^ len) * 0x100000001b3u;
}

static uint64_t sum_of_column(uint64_t sum, sqlite3_stmt *stmt, int i)
{
	const int type = sqlite3_column_type(stmt, i);
	int64_t v;

	if (type == SQLITE_INTEGER) {
		v = sqlite3_column_int64(stmt, i);
		return sum_of(sum, type, &v, sizeof(v));
	}
	return sum_of(sum, type, sqlite3_column_blob(stmt, i),
		      (size_t)sqlite3_column_bytes(stmt, i));
}

static bool sum_is_right(const struct state *s, sqlite3_stmt *stmt)
{
	const int last = sqlite3_column_count(stmt) - 1;
	uint64_t sum = SUM_BEGIN;

	if (!s->has_sums || sqlite3_column_type(stmt, last) == SQLITE_NULL)
		return true;
	for (int i = 0; i < last; i++)
		sum = sum_of_column(sum, stmt, i);
	return sum == (uint64_t)sqlite3_column_int64(stmt, last);
}

/* -- queries -- */

int query_begin(struct state *s, enum statement which, struct query *q, struct err *e)
{
	sqlite3_stmt **stmt = &s->statements[which];

	if (*stmt == NULL &&
	    sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, stmt,
			       NULL) != SQLITE_OK) {
		if (sqlite3_errcode(s->db) == SQLITE_ERROR) /* its schema is not ours */
			db_damaged(s, sqlite3_errmsg(s->db));
		return db_err(s, e, "prepare");
	}
	*q = (struct query){ .stmt = *stmt, .sum = SUM_BEGIN };
	return 0;
}

void query_end(struct query *q)
{
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
}

void query_put_int(struct query *q, int64_t v)
{
	q->sum = sum_of(q->sum, SQLITE_INTEGER, &v, sizeof(v));
	sqlite3_bind_int64(q->stmt, ++q->at, v);
}

void query_put_text(struct query *q, const char *v)
{
	const char *text = v == NULL ? "" : v;

	q->sum = sum_of(q->sum, SQLITE_TEXT, text, strlen(text));
	sqlite3_bind_text(q->stmt, ++q->at, text, -1, SQLITE_TRANSIENT);
}

void query_put_blob(struct query *q, const void *v, size_t len)
{
	q->sum = sum_of(q->sum, SQLITE_BLOB, v, len);
	sqlite3_bind_blob64(q->stmt, ++q->at, v, len, SQLITE_TRANSIENT);
}

int64_t query_get_int(struct query *q)
{
	return sqlite3_column_int64(q->stmt, q->at++);
}

const char *query_get_text(struct query *q)
{
	const unsigned char *v = sqlite3_column_text(q->stmt, q->at++);

	return v == NULL ? "" : (const char *)v;
}

void query_get_blob(struct query *q, void *v, size_t len)
{
	const void *blob = sqlite3_column_blob(q->stmt, q->at);

	if (sqlite3_column_bytes(q->stmt, q->at++) == (int)len)
		memcpy(v, blob, len);
	else
		memset(v, 0, len);
}

int query_row(struct state *s, struct query *q, struct err *e)
{
	int rc = sqlite3_step(q->stmt);

	q->at = 0;
	if (rc == SQLITE_ROW && sum_is_right(s, q->stmt))
		return 1;
	if (rc == SQLITE_ROW) {
		db_damaged(s, "a row is not what was written");
		err_set(e, ERR_SYS, "state.db: read: a row is not what was written");
	} else if (rc != SQLITE_DONE) {
		db_err(s, e, "read");
	}
	query_end(q);
	return rc == SQLITE_DONE ? 0 : e->code;
}

int query_run(struct state *s, struct query *q, struct err *e)
{
	int rc;

	if (sqlite3_bind_parameter_count(q->stmt) > q->at)
		sqlite3_bind_int64(q->stmt, q->at + 1, (int64_t)q->sum);
	rc = sqlite3_step(q->stmt);
	if (rc != SQLITE_DONE)
		db_err(s, e, "write");
	query_end(q);
	return rc == SQLITE_DONE ? 0 : e->code;
}

int query_each(struct state *s, enum statement all, enum statement of, const char *name,
	       struct query *q, struct err *e)
{
	*q = (struct query){ .stmt = NULL };
	if (state_is_blank(s))
		return 0;
	TRY(query_begin(s, name == NULL ? all : of, q, e));
	if (name != NULL)
		query_put_text(q, name);
	return 0;
}

int query_next(struct state *s, struct query *q, int rc, struct err *e)
{
	if (q->stmt == NULL)
		return rc;
	if (rc >= 0)
		return query_row(s, q, e);
	query_end(q);
	return rc;
}
