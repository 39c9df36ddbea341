/*
 * state: rows of the database that nobody here has written: for each column of one table
 * an octet of its type, and a value. Rows without a sum are as older formats wrote them,
 * so nothing but the types of SQLite stands between a row and who reads it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "agent/state/state_ari.h"
#include "agent/state/state_crl.h"
#include "agent/state/state_db.h"
#include "agent/state/state_order.h"
#include "agent/state/state_own.h"
#include "agent/state/state_revoke.h"
#include "agent/state/state_setback.h"
#include "agent/state/state_token.h"
#include "base/auto.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

/* Nothing of it stays in the file system. */
static struct state *open_one(void)
{
	static const char *const files[] = { "state.db", "state.db-wal",
					     "state.db-shm" };
	char dir[] = "/tmp/everleaf-fuzz.XXXXXX";
	struct state *s = NULL;
	struct err e;

	assert(mkdtemp(dir) != NULL && state_open(dir, false, &s, &e) == 0);
	for (int i = 0; i < 3; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
	}
	rmdir(dir);
	return s;
}

static int is_text(const char *s)
{
	assert(s != NULL);
	return strlen(s) > INT32_MAX ? ERR_LIMIT : 0;
}

static int on_cert(void *arg, const char *name, const struct memory *m)
{
	(void)arg;
	assert(strlen(m->issuer) < sizeof(m->issuer));
	assert(strlen(m->last_error) < sizeof(m->last_error));
	assert(strlen(m->facts.serial) < sizeof(m->facts.serial));
	assert(m->facts.key < KEY_TYPES && m->held_key < KEY_TYPES);
	return is_text(name);
}

static int on_name(void *arg, const char *name)
{
	(void)arg;
	return is_text(name);
}

static int on_hook(void *arg, const struct pending_hook *p)
{
	(void)arg;
	return is_text(p->name) + is_text(p->hook);
}

static int on_served(void *arg, const struct served *v)
{
	(void)arg;
	return is_text(v->name) + is_text(v->verdict) + is_text(v->detail);
}

static int on_event(void *arg, const struct event *ev)
{
	(void)arg;
	return is_text(ev->name) + is_text(ev->what) + is_text(ev->text);
}

static int on_order(void *arg, const struct order_row *o)
{
	(void)arg;
	return is_text(o->name) + is_text(o->issuer) + is_text(o->url);
}

static int on_token(void *arg, const struct token_row *t)
{
	(void)arg;
	return is_text(t->where) + is_text(t->token) + is_text(t->authorization);
}

static int on_ari(void *arg, const struct ari_row *r)
{
	(void)arg;
	return is_text(r->name) + is_text(r->explanation);
}

static int on_revoke(void *arg, const struct revoke_row *r)
{
	(void)arg;
	return is_text(r->issuer) + is_text(r->last_error);
}

static int on_setback(void *arg, const struct setback_row *r)
{
	(void)arg;
	return is_text(r->identifier) + is_text(r->way) + is_text(r->why);
}

static void is_part(const struct crl_part *p)
{
	assert(p->number.len <= CRL_NUMBER_MAX && strlen(p->url) <= LIMIT_CRL_ASKED);
	assert(strlen(p->etag) <= LIMIT_CRL_VERSION);
	assert(strlen(p->last_modified) <= LIMIT_CRL_VERSION);
}

static int on_crl(void *arg, const char *name, const struct crl_memory *m)
{
	(void)arg;
	assert(strlen(m->last_error) < sizeof(m->last_error));
	return is_text(name);
}

static int on_crl_part(void *arg, const char *name, const struct crl_part *p)
{
	(void)arg;
	is_part(p);
	return is_text(name);
}

static int on_own(void *arg, const struct own_row *r)
{
	(void)arg;
	return is_text(r->name) + is_text(r->serial) + is_text(r->list);
}

static int on_own_list(void *arg, const struct own_list_row *r)
{
	(void)arg;
	is_part(&r->part);
	return is_text(r->id) + is_text(r->urls);
}

/* Each is read, or not, with a reason. */
static void read_all(struct state *s)
{
	struct memory m;
	struct err e;
	int64_t at;
	bool found;

	(void)state_get(s, "www", &m, &found, &e);
	(void)state_each(s, on_cert, NULL, &e);
	(void)state_names(s, on_name, NULL, &e);
	(void)state_between(s, "a", "z", on_cert, NULL, &e);
	(void)state_hook_each(s, NULL, on_hook, NULL, &e);
	(void)state_served_each(s, NULL, on_served, NULL, &e);
	(void)history_each(s, NULL, on_event, NULL, &e);
	(void)history_last(s, &at, &e);
	(void)state_order_each(s, NULL, on_order, NULL, &e);
	(void)state_token_each(s, NULL, on_token, NULL, &e);
	(void)state_ari_each(s, NULL, on_ari, NULL, &e);
	(void)state_revoke_each(s, on_revoke, NULL, &e);
	(void)state_setback_each(s, NULL, on_setback, NULL, &e);
	(void)state_crl_each(s, on_crl, NULL, &e);
	(void)state_crl_part_each(s, on_crl_part, NULL, &e);
	(void)state_own_each(s, NULL, on_own, NULL, &e);
	(void)state_own_list_each(s, on_own_list, NULL, &e);
}

static void bind_one(sqlite3_stmt *stmt, int at, struct fuzz *f)
{
	const uint8_t how = fuzz_byte(f);
	AUTO_FREE char *text = fuzz_text(f, '\n');
	const int len = (int)strlen(text);

	if (how % 4 == 1)
		sqlite3_bind_int64(stmt, at, (sqlite3_int64)strtoll(text, NULL, 10));
	else if (how % 4 == 2)
		sqlite3_bind_text(stmt, at, text, len, SQLITE_TRANSIENT);
	else if (how % 4 == 3)
		sqlite3_bind_blob(stmt, at, text, len, SQLITE_TRANSIENT);
}

/* A row of the table with as many columns as it has. */
static void insert(struct state *s, struct fuzz *f)
{
	static const char *const tables[][2] = {
		{ "certificate", "35" },
		{ "hook", "7" },
		{ "served", "7" },
		{ "acme_order", "8" },
		{ "token", "5" },
		{ "revocation", "11" },
		{ "ari", "9" },
		{ "alarm", "5" },
		{ "crl", "12" },
		{ "crl_part", "12" },
		{ "own", "7" },
		{ "own_list", "18" },
		{ "setback", "8" },
		{ "ledger(issuer, kind, what, at, sum)", "5" },
		{ "event(at, name, what, generation, text, sum)", "6" },
	};
	const char *const *table =
	    tables[fuzz_byte(f) % (sizeof(tables) / sizeof(*tables))];
	const int n = atoi(table[1]);
	AUTO_FREE char *marks = xcalloc(1, 2 * (size_t)n + 1), *sql = NULL;
	sqlite3_stmt *stmt = NULL;

	for (int i = 0; i < n; i++)
		memcpy(marks + 2 * i, i == n - 1 ? "?" : "?,", i == n - 1 ? 1 : 2);
	sql = xasprintf("INSERT INTO %s VALUES (%s)", table[0], marks);
	assert(sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK);
	for (int i = 1; i <= n; i++)
		bind_one(stmt, i, f);
	(void)sqlite3_step(stmt);
	sqlite3_finalize(stmt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct state *s;
	struct fuzz f = { data, len };

	if (s == NULL)
		s = open_one();
	assert(sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
	for (int i = 0; i < 3 && f.len > 0; i++)
		insert(s, &f);
	read_all(s);
	assert(sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
	s->damaged = false;
	s->news[0] = '\0';
	return 0;
}
