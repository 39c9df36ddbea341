#include "tests/crash/check.h"

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "tests/crash/also.h"
#include "tests/crash/cases.h"
#include "tests/crash/layout.h"
#include "tests/crash/litter.h"
#include "tests/crash/outside.h"
#include "tests/crash/sets.h"
#include "tests/crash/world.h"

static const char *wrong(char why[CHECK_WHY], const char *what, const char *on)
{
	snprintf(why, CHECK_WHY, "%.200s: %.250s", on, what);
	return why;
}

static unsigned ask(const struct world *w, const char *sql)
{
	char path[PATH_MAX];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/state/agent/state.db", w->dir);
	if (access(path, F_OK) < 0)
		return 0;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = (unsigned)sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static void note_next(const struct crash_case *c, const struct world *w, char *next,
		      size_t size)
{
	AUTO_BUF struct buf said = { 0 };
	char path[PATH_MAX];
	char cert[64];

	if (!c->announces || !sets_word(c->certs, 0, cert))
		return;
	snprintf(path, sizeof(path), "state/archive/%s/next.tlsa", cert);
	if (world_read(w, path, &said))
		snprintf(next, size, "%s", said.data);
}

void check_facts(const struct crash_case *c, const struct world *w,
		 struct check_facts *f)
{
	char cert[64];

	*f = (struct check_facts){ 0 };
	for (unsigned i = 0; i < CHECK_CERTS && sets_word(c->certs, i, cert); i++) {
		f->live[i] = sets_live(w, cert);
		f->highest[i] = sets_highest(w, cert);
	}
	note_next(c, w, f->next, sizeof(f->next));
	f->issued = ask(w, "SELECT count(*) FROM event WHERE what = 'issued'");
	f->pending = ask(w, "SELECT count(*) FROM hook");
	f->ordered = outside_orders(w); /* which no restoring takes back */
	f->faults = outside_faults(w);
}

/* -- sets -- */

static const char *check_set(const struct world *w, const char *dir,
			     char why[CHECK_WHY])
{
	struct sets_files s = { .key = { 0 } };
	const char *text = NULL;

	if (!sets_read(w, dir, &s))
		text = wrong(why, "not all of its files are there", dir);
	else if (!sets_is_pair(&s.key, &s.cert))
		text = wrong(why, "the key is not the certificate's", dir);
	else if (s.full.len != s.cert.len + s.chain.len ||
		 memcmp(s.full.data, s.cert.data, s.cert.len) != 0)
		text = wrong(why, "fullchain.pem is not cert.pem and chain.pem", dir);
	sets_done(&s);
	return text;
}

/* What is live, and each generation that has a number. */
static const char *check_sets(const struct world *w, const char *cert,
			      char why[CHECK_WHY])
{
	char path[PATH_MAX];
	unsigned highest = sets_highest(w, cert);
	unsigned live = sets_live(w, cert);
	struct stat st;

	for (unsigned i = 1; i <= highest; i++) {
		snprintf(path, sizeof(path), "%s/state/archive/%s/%010u", w->dir, cert,
			 i);
		if (lstat(path, &st) < 0 && i != live)
			continue;
		snprintf(path, sizeof(path), "state/archive/%s/%010u", cert, i);
		if (check_set(w, path, why) != NULL)
			return why;
	}
	snprintf(path, sizeof(path), "state/live/%s", cert);
	return live == 0 ? NULL : check_set(w, path, why);
}

/* -- files -- */

/* Absent, as before, or one generation's. */
static const char *check_file_cut(const struct world *w, const char *file,
				  char why[CHECK_WHY])
{
	AUTO_BUF struct buf got = { 0 };
	AUTO_BUF struct buf old = { 0 };
	char path[PATH_MAX];
	char cert[64];

	snprintf(path, sizeof(path), "out/%s", file);
	sets_cert_of(file, cert);
	if (!world_read(w, path, &got))
		return NULL;
	snprintf(path, sizeof(path), "%s/out/%s", w->kept, file);
	if (world_read(w, path, &old) && sets_same(&got, &old))
		return NULL;
	for (unsigned i = sets_highest(w, cert); i > 0; i--)
		if (sets_is_of(w, file, &got, i))
			return NULL;
	return wrong(why, "it is neither old nor new", file);
}

static bool unchanged(const struct world *w, const char *file)
{
	AUTO_BUF struct buf got = { 0 };
	AUTO_BUF struct buf old = { 0 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", w->kept, file);
	if (!world_read(w, path, &old))
		return true;
	return world_read(w, file, &got) && sets_same(&got, &old);
}

static bool is_given(const struct stat *st)
{
	return (st->st_mode & 07777) == LAYOUT_GIVEN_MODE &&
	       (geteuid() != 0 || st->st_gid == LAYOUT_GIVEN_GROUP);
}

static bool is_ours(const struct stat *st, const char *file)
{
	return (st->st_mode & 07777) ==
		   (strstr(file, ".der") != NULL ? 0644u : 0600u) &&
	       st->st_gid != LAYOUT_GIVEN_GROUP;
}

static const char *check_file_next(const struct crash_case *c, const struct world *w,
				   const char *file, char why[CHECK_WHY])
{
	AUTO_BUF struct buf got = { 0 };
	char path[PATH_MAX];
	char cert[64];
	struct stat st;

	sets_cert_of(file, cert);
	snprintf(path, sizeof(path), "out/%s", file);
	if (c->end == CASE_FILES_STAY)
		return unchanged(w, path) ? NULL : wrong(why, "it was touched", file);
	if (!world_read(w, path, &got))
		return wrong(why, "it is missing", file);
	if (!sets_is_of(w, file, &got, sets_live(w, cert)))
		return wrong(why, "it is not what is live", file);
	snprintf(path, sizeof(path), "%s/out/%s", w->dir, file);
	if (stat(path, &st) < 0 ||
	    !(c->end == CASE_FILES_GIVEN ? is_given(&st) : is_ours(&st, file)))
		return wrong(why, "its mode or group is another", file);
	return NULL;
}

/* -- the CA -- */

static const char *check_ca(const struct world *w, char why[CHECK_WHY])
{
	static const char *const kept[] = { "state/ca/lab/root.pem",
					    "state/ca/lab/root.key",
					    "state/ca/lab/intermediate.pem",
					    "state/ca/lab/intermediate.key" };
	AUTO_BUF struct buf cert = { 0 };
	AUTO_BUF struct buf key = { 0 };

	for (int i = 0; i < 4; i++)
		if (access(w->kept, F_OK) == 0 && !unchanged(w, kept[i]))
			return wrong(why, "lost or another", kept[i]);
	for (int i = 0; i < 4; i += 2)
		if (world_read(w, kept[0], &cert) &&
		    !(world_read(w, kept[i], &cert) &&
		      world_read(w, kept[i + 1], &key) && sets_is_pair(&key, &cert)))
			return wrong(why, "the CA is there, but not whole", kept[i]);
	return NULL;
}

/* Once it is replaced, and not before. */
static const char *check_revoked(const struct world *w, const char *cert,
				 unsigned before, char why[CHECK_WHY])
{
	if (sets_is_revoked(w, cert, before) == (sets_live(w, cert) != before))
		return NULL;
	return wrong(why,
		     sets_live(w, cert) == before ? "it is revoked, and still live"
						  : "it was replaced, and not revoked",
		     cert);
}

/* -- what is forgotten -- */

static const char *check_gone(const struct world *w, const char *cert,
			      char why[CHECK_WHY])
{
	char path[PATH_MAX];
	char sql[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/state/archive/%s", w->dir, cert);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM certificate WHERE name = '%s'",
		 cert);
	if (lstat(path, &st) == 0 || sets_live(w, cert) != 0 || ask(w, sql) != 0)
		return wrong(why, "something of it is left", cert);
	return NULL;
}

/* -- hooks -- */

/* The last line of hook.log about `cert` is about what is live. */
static const char *check_hook(const struct world *w, const char *cert,
			      char why[CHECK_WHY])
{
	if (sets_seen(w, "hook.log", cert) == sets_live(w, cert))
		return NULL;
	return wrong(why, "no hook has run for what is live", cert);
}

/* -- all of it -- */

const char *check_cut(const struct crash_case *c, const struct world *w,
		      char why[CHECK_WHY])
{
	char name[64];

	for (unsigned i = 0; sets_word(c->certs, i, name); i++)
		if (check_sets(w, name, why) != NULL)
			return why;
	if (c->gone != NULL && check_sets(w, c->gone, why) != NULL)
		return why;
	for (unsigned i = 0; sets_word(layout_files(w->layout), i, name); i++)
		if (check_file_cut(w, name, why) != NULL)
			return why;
	if (c->also != NULL && c->also(w, false, 0, why) != NULL)
		return why;
	return check_ca(w, why);
}

/* What was to become live. In the place of a generation that could not be read another
 * is taken: one more that is kept, or a new one. */
static bool is_asked_for(const struct crash_case *c, unsigned how, unsigned live,
			 unsigned highest, unsigned live_before)
{
	if (live == (c->live != 0 ? c->live : highest))
		return true;
	return (how & CHECK_FAILED) != 0 && c->live != 0 && live != live_before;
}

/* What was announced before is live, and what is announced now waits. */
static const char *check_next_key(const struct world *w,
				  const struct check_facts *before, const char *cert,
				  char why[CHECK_WHY])
{
	AUTO_BUF struct buf leaf = { 0 }, key = { 0 }, said = { 0 };
	AUTO_BUF struct buf live = { 0 }, next = { 0 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "state/live/%s/cert.pem", cert);
	if (world_read(w, path, &leaf))
		sets_record(&leaf, &live);
	if (live.len == 0 || strcmp(live.data, before->next) != 0)
		return wrong(why, "what is live is not for the key that was announced",
			     cert);
	snprintf(path, sizeof(path), "state/archive/%s/.pending", cert);
	if (world_read(w, path, &key))
		sets_record(&key, &next);
	snprintf(path, sizeof(path), "state/archive/%s/next.tlsa", cert);
	if (next.len == 0 || !world_read(w, path, &said) || !sets_same(&next, &said))
		return wrong(why, "the key that waits is not announced", cert);
	return NULL;
}

static const char *check_cert(const struct crash_case *c, const struct world *w,
			      const struct check_facts *before, unsigned i,
			      unsigned how, char why[CHECK_WHY])
{
	const bool whole = (how & CHECK_WHOLE) != 0;
	char cert[64] = "";
	unsigned live;
	unsigned highest;
	bool is_new;

	sets_word(c->certs, i, cert);
	live = sets_live(w, cert);
	highest = sets_highest(w, cert);
	is_new = is_asked_for(c, how, live, highest, before->live[i]);
	if (live == 0)
		return wrong(why, "nothing is live", cert);
	if (!is_new && (whole || !c->maybe || live != before->live[i]))
		return wrong(why, "another generation is live than was asked for",
			     cert);
	if (c->orders > 0 && (whole || !c->maybe) && live == before->live[i])
		return wrong(why, "the old generation is live", cert);
	if (c->revoked && check_revoked(w, cert, before->live[i], why) != NULL)
		return why;
	if (c->announces && check_next_key(w, before, cert, why) != NULL)
		return why;
	return c->hook ? check_hook(w, cert, why) : NULL;
}

static const char *check_counts(const struct crash_case *c,
				const struct check_facts *before,
				const struct check_facts *after, char why[CHECK_WHY])
{
	char name[64];

	for (unsigned i = 0; sets_word(c->certs, i, name); i++)
		if (after->highest[i] > before->highest[i] + c->orders + 1)
			return wrong(why, "too many generations", name);
	if (after->issued > before->issued + c->orders + 1)
		return wrong(why, "more than one order too many", c->name);
	if (after->ordered > before->ordered + c->orders + 1)
		return wrong(why, "more than one order too many at the CA", c->name);
	if (after->faults > before->faults)
		return wrong(why, "the CA was asked what it must not be", c->name);
	return after->pending > 0 ? wrong(why, "a hook is still owed", c->name) : NULL;
}

const char *check_next(const struct crash_case *c, const struct world *w,
		       const struct check_facts *before, unsigned how,
		       char why[CHECK_WHY])
{
	struct check_facts after;
	char name[64];

	if (check_cut(c, w, why) != NULL || litter_find(c, w, "", how, why) != NULL)
		return why;
	check_facts(c, w, &after);
	for (unsigned i = 0; sets_word(c->certs, i, name); i++)
		if (check_cert(c, w, before, i, how, why) != NULL)
			return why;
	for (unsigned i = 0; sets_word(layout_files(w->layout), i, name); i++)
		if (check_file_next(c, w, name, why) != NULL)
			return why;
	if (c->gone != NULL && check_gone(w, c->gone, why) != NULL)
		return why;
	if (c->also != NULL && c->also(w, true, how, why) != NULL)
		return why;
	if (also_keys(c, w, before->ordered, why) != NULL)
		return why;
	return check_counts(c, before, &after, why);
}
