#include "agent/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/state_damage.h"
#include "agent/state_db.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define BUSY_MS 5000

/* Kept open while written: a checkpoint cuts the log down to 4 MiB after a large batch. */
static const char settings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 4194304; PRAGMA temp_store = MEMORY;";

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

static void close_file(struct state *s)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* A result of SQLite. */
static int open_file(struct state *s, const char *path, int flags, int *version)
{
	int rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	*version = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_MS);
	return rc == SQLITE_OK ? user_version(s, version) : rc;
}

static int open_writable(struct state *s, const char *path, struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	int version;
	int rc = open_file(s, path, flags, &version);

	if (db_is_damage(rc)) {
		close_file(s);
		TRY(state_set_aside(s->dir, e));
		rc = open_file(s, path, flags, &version);
	}
	if (rc != SQLITE_OK)
		return db_err(s, e, path);
	if (version > STATE_FORMAT) {
		s->read_only = true;
		s->why_read_only = "it was written by a newer everleaf";
		return db_run(s, "PRAGMA query_only = 1;", e);
	}
	TRY(db_run(s, settings, e));
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

/* Who has the file open to write has this beside it, and who reads makes it: on a disk
 * that is full or read-only nobody can. */
static bool has_index(const char *path)
{
	AUTO_FREE char *index = xasprintf("%s-shm", path);

	return access(index, F_OK) == 0;
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
	int rc = open_file(s, path, SQLITE_OPEN_READONLY, version);

	s->read_only = true;
	if (lacks_index(rc) && !is_open)
		rc = open_without_index(s, path, version);
	if (rc != SQLITE_OK)
		return db_err(s, e, path);
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

void state_close(struct state *s)
{
	struct err ignored;

	if (s == NULL)
		return;
	close_file(s);
	if (s->damaged && !s->read_only)
		(void)state_set_aside(s->dir, &ignored);
	free(s->dir);
	free(s);
}

int state_begin(struct state *s, struct err *e)
{
	if (s->read_only)
		return err_set(e, ERR_CONFIG, "state.db cannot be written: %s",
			       s->why_read_only == NULL ? "opened for reading"
							: s->why_read_only);
	return db_run(s, "BEGIN IMMEDIATE;", e);
}

int state_commit(struct state *s, struct err *e)
{
	if (db_run(s, "COMMIT;", e) == 0)
		return 0;
	sqlite3_exec(s->db, "ROLLBACK;", NULL, NULL, NULL);
	return e->code;
}
