#include "agent/state/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/state_damage.h"
#include "agent/state/state_db.h"
#include "agent/state/state_memory.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define BUSY_MS     5000
#define LEAST_BYTES 512 /* the smallest page: below it there is none to SQLite */
#define FORMATS     255 /* more than there will ever be: such a number is damage */

#define FLAGS_WRITE (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)

/* Kept open while written: a checkpoint cuts the log down to 4 MiB after a large batch,
 * and of the pages, which the kernel has as well, only some are held a second time. Left
 * alone SQLite takes 2 MiB for them, which a daemon fills in the course of weeks. */
static const char settings[] =
    "PRAGMA cache_size = -256; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 4194304; PRAGMA temp_store = MEMORY;";

static void close_file(struct state *s)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* Nothing is found in it from now on. */
static void blank(struct state *s)
{
	close_file(s);
	s->damaged = false;
}

static int get_int(struct state *s, const char *sql, int *v)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		*v = sqlite3_column_int(stmt, 0);
	return sqlite3_finalize(stmt);
}

/* Its head says that nobody may write it, though the file may be written: one byte of
 * it is wrong. */
static bool is_locked_up(const struct state *s, const char *path)
{
	return !s->read_only && sqlite3_db_readonly(s->db, "main") == 1 &&
	       access(path, W_OK) == 0;
}

/* Whether it is ours from end to end: a result of SQLite. A schema that SQLite cannot
 * make sense of is SQLITE_ERROR to it. */
static int look_through(struct state *s, const char *path, int *version)
{
	int tables = 0;
	int rc = get_int(s, "PRAGMA user_version", version);

	if (rc == SQLITE_OK)
		rc = db_check(s);
	if (rc == SQLITE_OK)
		rc = get_int(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == SQLITE_ERROR || rc == SQLITE_FORMAT)
		return SQLITE_CORRUPT;
	if (rc == SQLITE_OK && ((*version == 0) != (tables == 0) || *version < 0 ||
				*version > FORMATS || is_locked_up(s, path)))
		return SQLITE_CORRUPT;
	return rc;
}

/* A result of SQLite. */
static int open_file(struct state *s, const char *path, int flags, int *version)
{
	int rc;

	state_memory();
	rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	*version = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = look_through(s, path, version);
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		db_damaged(s, sqlite3_errstr(rc));
	s->has_sums = *version >= STATE_SUMS && *version <= STATE_FORMAT;
	return rc;
}

static int begin_new(struct state *s, const char *path, struct err *e)
{
	int version;

	if (open_file(s, path, FLAGS_WRITE, &version) != SQLITE_OK)
		return db_err(s, e, path);
	TRY(db_run(s, settings, e));
	s->has_sums = true;
	return db_make_schema(s, e);
}

/* What is there is of no use: out of the way with it. */
static int begin_anew(struct state *s, const char *path, struct err *e)
{
	close_file(s);
	TRY(state_set_aside(s->dir, s->bad_at, e));
	s->damaged = false;
	return begin_new(s, path, e);
}

static int refuse(struct state *s, int version, struct err *e)
{
	int ignored;

	/* Not even what another run has left in its log is brought into the file. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &ignored);
	return err_set(
	    e, ERR_CONFIG,
	    "%s/state.db was written by a newer everleaf (format %d, this is "
	    "%d): it was left as it is; use that version, or move the file "
	    "away to begin anew from what the store holds",
	    s->dir, version, STATE_FORMAT);
}

/* To SQLite a disk that failed to read, once, is damage: it must be found again. */
static int open_again(struct state *s, const char *path, int *version)
{
	int rc = open_file(s, path, FLAGS_WRITE, version);

	if (!s->damaged)
		return rc;
	close_file(s);
	s->damaged = false;
	s->news[0] = '\0';
	return open_file(s, path, FLAGS_WRITE, version);
}

static int open_writable(struct state *s, const char *path, struct err *e)
{
	struct stat st;
	int version;

	s->is_new = stat(path, &st) < 0 && errno == ENOENT;
	if (!s->is_new && st.st_size < LEAST_BYTES)
		snprintf(s->news, sizeof(s->news),
			 "state.db was empty: begun anew from what the store holds");
	if (open_again(s, path, &version) != SQLITE_OK)
		return s->damaged ? begin_anew(s, path, e) : db_err(s, e, path);
	if (version > STATE_FORMAT)
		return refuse(s, version, e);
	TRY(db_run(s, settings, e));
	s->has_sums = true;
	if (version == 0)
		return db_make_schema(s, e);
	return version < STATE_FORMAT ? db_upgrade(s, version, e) : 0;
}

/* As a URI of a file that nobody changes: SQLite looks for no log, and makes none. */
static char *immutable_uri(const char *path)
{
	AUTO_BUF struct buf out = { 0 };

	buf_puts(&out, "file:");
	for (; *path != '\0'; path++)
		if (strchr("%?#", *path) != NULL)
			buf_printf(&out, "%%%02x", (unsigned char)*path);
		else
			buf_add(&out, path, 1);
	buf_puts(&out, "?immutable=1");
	return xstrdup(out.data);
}

/* Who has the file open to write has an index beside it, at least so long, and who reads
 * makes it: on a disk that is full or read-only nobody can, and its beginning may be left. */
#define INDEX_BYTES 32768

static bool has_index(const char *path)
{
	AUTO_FREE char *index = xasprintf("%s-shm", path);
	struct stat st;

	return stat(index, &st) == 0 && st.st_size >= INDEX_BYTES;
}

/* How SQLite says that it could not make it: no right, no room, a disk that fails. */
static bool lacks_index(int rc)
{
	return (rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY ||
	       (rc & 0xff) == SQLITE_IOERR;
}

static int open_without_index(struct state *s, const char *path, int *version)
{
	AUTO_FREE char *uri = immutable_uri(path);

	close_file(s);
	return open_file(s, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, version);
}

/* *version 0: there is nothing in it yet. */
static int open_readable(struct state *s, const char *path, int *version, struct err *e)
{
	const bool is_open = has_index(path);
	int rc;

	s->read_only = true;
	rc = open_file(s, path, SQLITE_OPEN_READONLY, version);
	if (lacks_index(rc) && !is_open)
		rc = open_without_index(s, path, version);
	if (rc != SQLITE_OK && !s->damaged)
		return db_err(s, e, path);
	if (rc != SQLITE_OK) {
		*version = STATE_FORMAT; /* what is to be said of it is there */
		blank(s);
		return 0;
	}
	TRY(db_run(s, "PRAGMA temp_store = MEMORY;", e));
	return *version > 0 && *version < STATE_FORMAT ? db_upgrade(s, *version, e) : 0;
}

int state_open(const char *dir, bool read_only, struct state **out, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", dir);
	AUTO_STATE struct state *s = NULL;
	int version = STATE_FORMAT;

	*out = NULL;
	if (read_only && access(path, F_OK) < 0)
		return errno == ENOENT || errno == ENOTDIR
			   ? 0
			   : err_sys(e, "look at %s", path);
	s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(dir);
	if (read_only)
		TRY(open_readable(s, path, &version, e));
	else
		TRY(open_writable(s, path, e));
	if (version != 0)
		*out = TAKE(s);
	return 0;
}

/* As much of it as PRAGMA application_id can hold, which is 0 while nobody owns it. */
static int mark_of(uint64_t store)
{
	const uint32_t mark = (uint32_t)(store ^ store >> 32);

	return (int)(mark == 0 ? 1 : mark);
}

int state_claim(struct state *s, uint64_t store, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *claim = NULL;
	int mark = 0;

	if (state_is_blank(s) || store == 0)
		return 0;
	if (get_int(s, "PRAGMA application_id", &mark) != SQLITE_OK)
		return db_err(s, e, "whose it is");
	if (mark == mark_of(store) || (mark == 0 && s->read_only))
		return 0;
	path = xasprintf("%s/state.db", s->dir);
	claim = xasprintf("PRAGMA application_id = %d;", mark_of(store));
	if (mark != 0) {
		s->bad_at = clock_now();
		state_tell(s, "is that of another store", NULL);
		if (s->read_only) {
			blank(s);
			return 0;
		}
		TRY(begin_anew(s, path, e));
	}
	return db_run(s, claim, e);
}

const char *state_news(const struct state *s)
{
	return s == NULL || s->news[0] == '\0' ? NULL : s->news;
}

bool state_is_new(const struct state *s)
{
	return s != NULL && s->is_new;
}

bool state_is_damaged(const struct state *s)
{
	return s != NULL && (s->damaged || s->stuck);
}

void state_close(struct state *s)
{
	struct err ignored;

	if (s == NULL)
		return;
	close_file(s);
	if (s->damaged && !s->read_only)
		(void)state_set_aside(s->dir, s->bad_at, &ignored);
	cert_saved(s);
	free(s->dir);
	free(s);
}

bool state_look(struct state *s)
{
	return !state_is_blank(s) && sqlite3_get_autocommit(s->db) != 0 &&
	       sqlite3_exec(s->db, "BEGIN;", NULL, NULL, NULL) == SQLITE_OK;
}

void state_looked(struct state *s, bool begun)
{
	if (begun)
		sqlite3_exec(s->db, "COMMIT;", NULL, NULL, NULL);
}

int state_begin(struct state *s, struct err *e)
{
	if (s->read_only)
		return err_set(e, ERR_CONFIG,
			       "state.db cannot be written: opened for reading");
	TRY(db_run(s, "BEGIN IMMEDIATE;", e));
	if (!s->lost || cert_put_again(s, e) == 0)
		return 0;
	sqlite3_exec(s->db, "ROLLBACK;", NULL, NULL, NULL);
	return e->code;
}

int state_commit(struct state *s, struct err *e)
{
	if (db_run(s, "COMMIT;", e) == 0) {
		cert_saved(s);
		return 0;
	}
	s->lost = true;
	sqlite3_exec(s->db, "ROLLBACK;", NULL, NULL, NULL);
	return e->code;
}
