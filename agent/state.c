#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/state_db.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define FORMAT     1 /* PRAGMA user_version */
#define BAD_KEPT   3
#define BUSY_MS    5000
#define BAD_PREFIX "state.db.bad-"

static const char schema[] =
    "CREATE TABLE certificate (name TEXT PRIMARY KEY, inode, size, mtime_ns, ctime_ns,"
    " disk_stamp, generation, serial, fingerprint, spki_hash, not_before, not_after,"
    " names_hash, n_names, key, usage, is_ca, renew_at, retry_at, last_success_at,"
    " changed_at, held, held_not_after, held_names_hash, held_key, failures, flags,"
    " state, issuer, last_error) WITHOUT ROWID;"
    "CREATE TABLE hook (name TEXT, hook TEXT, generation, previous, test_passed, "
    "was_up,"
    " failures, retry_at, PRIMARY KEY (name, hook)) WITHOUT ROWID;"
    "CREATE TABLE served (name TEXT, endpoint TEXT, verdict, detail, fingerprint, at,"
    " PRIMARY KEY (name, endpoint)) WITHOUT ROWID;"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, at, name TEXT, what, generation, "
    "text);"
    "CREATE INDEX event_name ON event (name);"
    "PRAGMA user_version = 1;";

static const char *const texts[STATEMENTS] = {
	[CERT_GET] = "SELECT * FROM certificate WHERE name = ?",
	[CERT_PUT] =
	    "INSERT OR REPLACE INTO certificate VALUES (?,?,?,?,?,?,?,?,?,?,?,?,"
	    "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[CERT_DROP] = "DELETE FROM certificate WHERE name = ?",
	[CERT_EACH] = "SELECT * FROM certificate ORDER BY name",
	[HOOK_PUT] = "INSERT OR REPLACE INTO hook VALUES (?,?,?,?,?,?,?,?)",
	[HOOK_DROP] = "DELETE FROM hook WHERE name = ? AND hook = ?",
	[HOOKS_DROP] = "DELETE FROM hook WHERE name = ?",
	[HOOK_EACH] = "SELECT * FROM hook ORDER BY name, hook",
	[HOOK_EACH_OF] = "SELECT * FROM hook WHERE name = ? ORDER BY hook",
	[SERVED_PUT] = "INSERT OR REPLACE INTO served VALUES (?,?,?,?,?,?)",
	[SERVED_DROP] = "DELETE FROM served WHERE name = ?",
	[SERVED_EACH] = "SELECT * FROM served WHERE name = ? ORDER BY endpoint",
	[EVENT_PUT] = "INSERT INTO event (at, name, what, generation, text)"
		      " VALUES (?,?,?,?,?)",
	[EVENT_PRUNE] = "DELETE FROM event WHERE id <= ?",
	[EVENT_EACH] = "SELECT at, name, what, generation, text FROM event ORDER BY id",
	[EVENT_EACH_OF] = "SELECT at, name, what, generation, text FROM event"
			  " WHERE name = ? ORDER BY id",
};

/* -- queries -- */

static int db_err(const struct state *s, struct err *e, const char *what)
{
	return err_set(e, ERR_SYS, "state.db: %s: %s", what, sqlite3_errmsg(s->db));
}

int query_begin(struct state *s, enum statement which, struct query *q, struct err *e)
{
	sqlite3_stmt **stmt = &s->statements[which];

	if (*stmt == NULL &&
	    sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, stmt,
			       NULL) != SQLITE_OK)
		return db_err(s, e, "prepare");
	*q = (struct query){ .stmt = *stmt };
	return 0;
}

void query_end(struct query *q)
{
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
}

void query_put_int(struct query *q, int64_t v)
{
	sqlite3_bind_int64(q->stmt, ++q->at, v);
}

void query_put_text(struct query *q, const char *v)
{
	sqlite3_bind_text(q->stmt, ++q->at, v == NULL ? "" : v, -1, SQLITE_TRANSIENT);
}

void query_put_blob(struct query *q, const void *v, size_t len)
{
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
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		db_err(s, e, "read");
	query_end(q);
	return rc == SQLITE_DONE ? 0 : e->code;
}

int query_run(struct state *s, struct query *q, struct err *e)
{
	int rc = sqlite3_step(q->stmt);

	if (rc != SQLITE_DONE)
		db_err(s, e, "write");
	query_end(q);
	return rc == SQLITE_DONE ? 0 : e->code;
}

static int run_text(struct state *s, const char *sql, struct err *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : db_err(s, e, "prepare it");
}

/* -- the file -- */

static int keep_oldest(const struct dirent *f)
{
	return strncmp(f->d_name, BAD_PREFIX, strlen(BAD_PREFIX)) == 0;
}

/* At most BAD_KEPT damaged files stay for someone to look at; the names sort by time. */
static void prune_bad(const char *dir)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, keep_oldest, alphasort);

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, list[i]->d_name);

		if (i < n - BAD_KEPT)
			unlink(path);
		free(list[i]);
	}
	free(list);
}

static int set_aside(const char *dir, const char *path, struct err *e)
{
	AUTO_FREE char *bad =
	    xasprintf("%s/" BAD_PREFIX "%lld", dir, (long long)clock_now());
	AUTO_FREE char *wal = xasprintf("%s-wal", path);
	AUTO_FREE char *shm = xasprintf("%s-shm", path);

	if (rename(path, bad) < 0)
		return err_sys(e, "set aside %s", path);
	unlink(wal);
	unlink(shm);
	prune_bad(dir);
	return 0;
}

static int user_version(struct state *s, int *version)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &stmt, NULL);

	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		*version = sqlite3_column_int(stmt, 0);
	rc = sqlite3_finalize(stmt);
	/* The head of a damaged file may read well: the schema must, too. */
	return rc != SQLITE_OK
		   ? rc
		   : sqlite3_exec(s->db, "SELECT count(*) FROM sqlite_schema", NULL,
				  NULL, NULL);
}

static int open_file(struct state *s, const char *path, int flags)
{
	int rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_MS);
	return rc;
}

static void close_file(struct state *s)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* SQLITE_OK, SQLITE_CORRUPT or SQLITE_NOTADB: what it is; anything else is an err. */
static int try_open(struct state *s, const char *path, int flags, int *version)
{
	int rc = open_file(s, path, flags);

	return rc != SQLITE_OK ? rc : user_version(s, version);
}

static bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static int open_writable(struct state *s, const char *dir, const char *path,
			 struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	int version = 0;
	int rc = try_open(s, path, flags, &version);

	if (is_damage(rc)) {
		close_file(s);
		TRY(set_aside(dir, path, e));
		rc = try_open(s, path, flags, &version);
	}
	if (rc != SQLITE_OK)
		return db_err(s, e, path);
	if (version > FORMAT) {
		s->read_only = true;
		s->why_read_only = "it was written by a newer everleaf";
		return 0;
	}
	TRY(run_text(s,
		     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		     "PRAGMA temp_store = MEMORY;",
		     e));
	if (version == 0)
		TRY(run_text(s, "BEGIN;", e));
	if (version == 0 &&
	    (run_text(s, schema, e) < 0 || run_text(s, "COMMIT;", e) < 0))
		return e->code;
	return 0;
}

static int open_readable(struct state *s, const char *path, struct err *e)
{
	int version = 0;
	int rc = try_open(s, path, SQLITE_OPEN_READONLY, &version);

	s->read_only = true;
	if (rc != SQLITE_OK)
		return db_err(s, e, path);
	return 0;
}

int state_open(const char *dir, bool read_only, struct state **out, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", dir);
	AUTO_STATE struct state *s = NULL;

	*out = NULL;
	if (read_only && access(path, F_OK) < 0)
		return 0;
	s = xcalloc(1, sizeof(*s));
	if (read_only)
		TRY(open_readable(s, path, e));
	else
		TRY(open_writable(s, dir, path, e));
	*out = TAKE(s);
	return 0;
}

void state_close(struct state *s)
{
	if (s == NULL)
		return;
	close_file(s);
	free(s);
}

int state_begin(struct state *s, struct err *e)
{
	if (s->read_only)
		return err_set(e, ERR_CONFIG, "state.db cannot be written: %s",
			       s->why_read_only == NULL ? "opened for reading"
							: s->why_read_only);
	return run_text(s, "BEGIN IMMEDIATE;", e);
}

int state_commit(struct state *s, struct err *e)
{
	if (run_text(s, "COMMIT;", e) == 0)
		return 0;
	sqlite3_exec(s->db, "ROLLBACK;", NULL, NULL, NULL);
	return e->code;
}
