/* state: the file itself. Missing, empty, newer, damaged, someone else's; in a sandbox. */
#include "tests/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/state/state.h"
#include "agent/state/state_alarm.h"
#include "agent/state/state_ari.h"
#include "agent/state/state_order.h"
#include "agent/state/state_revoke.h"
#include "agent/state/state_setback.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/help/inside.h"

#define NOBODY 65534

static struct state *open_it(const char *dir, bool read_only)
{
	struct state *st = NULL;
	struct err e;

	if (state_open(dir, read_only, &st, &e) < 0)
		fail_msg("%s", e.text);
	return st;
}

static void fill(const char *dir, unsigned n)
{
	struct state *st = open_it(dir, false);
	struct memory m = { .generation = 7 };
	char name[32];
	struct err e;

	assert_int_equal(state_begin(st, &e), 0);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "name-%06u", i);
		assert_int_equal(state_put(st, name, &m, &e), 0);
	}
	assert_int_equal(state_commit(st, &e), 0);
	state_close(st);
}

static int count(void *arg, const char *name, const struct memory *m)
{
	(void)name;
	*(unsigned *)arg += m->generation == 7;
	return 0;
}

static unsigned rows_of(struct state *st)
{
	unsigned n = 0;
	struct err e;

	if (state_each(st, count, &n, &e) < 0)
		fail_msg("%s", e.text);
	return n;
}

static bool sums_are_wrong(const char *dir)
{
	struct state *st = open_it(dir, true);
	unsigned n = 0;
	struct err e;
	const bool wrong = state_each(st, count, &n, &e) < 0 && state_is_damaged(st);

	state_close(st);
	return wrong;
}

static unsigned rows_in(const char *dir)
{
	struct state *st = open_it(dir, true);
	unsigned n = rows_of(st);

	state_close(st);
	return n;
}

static void sql(const struct scratch *s, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", s->path);
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Overwrite `len` bytes of state.db from `at` on. */
static void spoil(const struct scratch *s, off_t at, size_t len)
{
	int fd = openat(s->fd, "state.db", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(pwrite(fd, "\xa5", 1, at + (off_t)i), 1);
	close(fd);
}

/* -- nothing there -- */

static int never(void *arg, const char *name, const struct memory *m)
{
	(void)arg;
	(void)name;
	(void)m;
	fail_msg("there is nothing to find");
	return 0;
}

static int never_hook(void *arg, const struct pending_hook *p)
{
	(void)arg;
	(void)p;
	fail_msg("there is nothing to find");
	return 0;
}

static void a_reader_of_nothing_finds_nothing(void **state)
{
	const struct scratch *s = *state;
	AUTO_FREE char *deeper = xasprintf("%s/not/there", s->path);
	struct state *st = open_it(deeper, true);
	struct memory m;
	struct err e;
	bool found = true;

	assert_null(st);
	assert_null(open_it(s->path, true));
	assert_int_equal(scratch_count(s, "."), 0); /* and makes nothing */
	assert_int_equal(state_get(st, "www", &m, &found, &e), 0);
	assert_false(found);
	assert_int_equal(state_each(st, never, NULL, &e), 0);
	assert_int_equal(state_hook_each(st, NULL, never_hook, NULL, &e), 0);
	assert_int_equal(state_served_each(st, "www", NULL, NULL, &e), 0);
	assert_int_equal(history_each(st, NULL, NULL, NULL, &e), 0);
	state_close(st);
}

static void a_file_that_was_only_just_made_holds_nothing(void **state)
{
	const struct scratch *s = *state;

	scratch_put(s, "state.db", "");
	assert_null(open_it(s->path, true));
	fill(s->path, 1);
	assert_int_equal(rows_in(s->path), 1);
}

static void a_writer_without_a_folder_says_so(void **state)
{
	const struct scratch *s = *state;
	AUTO_FREE char *deeper = xasprintf("%s/not/there", s->path);
	struct state *st = (void *)&deeper;
	struct err e;

	assert_int_equal(state_open(deeper, false, &st, &e), ERR_SYS);
	assert_null(st);
	assert_non_null(strstr(e.text, "not/there"));
}

static void what_may_not_be_looked_at_is_not_taken_for_missing(void **state)
{
	const struct scratch *s = *state;
	struct state *st = NULL;
	struct err e;

	if (geteuid() == 0) {
		print_message("skipped: needs an ordinary user\n");
		skip();
	}
	fill(s->path, 1);
	assert_int_equal(fchmod(s->fd, 0), 0);
	assert_int_equal(state_open(s->path, true, &st, &e), ERR_SYS);
	assert_int_equal(fchmod(s->fd, 0700), 0);
}

/* -- another format -- */

static void a_newer_format_is_read_and_not_written(void **state)
{
	const struct scratch *s = *state;
	struct state *st = NULL;
	struct stat before;
	struct err e;

	fill(s->path, 2);
	sql(s, "ALTER TABLE certificate ADD COLUMN colour DEFAULT 'green';"
	       "UPDATE certificate SET sum = sum + 1;"
	       "PRAGMA user_version = 10;");
	before = scratch_stat(s, "state.db");
	assert_int_equal(rows_in(s->path), 2);
	assert_int_equal(state_open(s->path, false, &st, &e), ERR_CONFIG);
	assert_null(st);
	assert_non_null(strstr(e.text, "newer everleaf (format 10, this is 9)"));
	assert_int_equal(rows_in(s->path), 2);
	assert_true(scratch_stat(s, "state.db").st_mtim.tv_nsec ==
		    before.st_mtim.tv_nsec);
}

/* As the first version made it. */
static void make_format_1(const struct scratch *s)
{
	sql(s,
	    "CREATE TABLE certificate (name, inode, size, mtime_ns, ctime_ns,"
	    " disk_stamp, generation, serial, fingerprint, spki_hash, not_before,"
	    " not_after, names_hash, n_names, key, usage, is_ca, renew_at, retry_at,"
	    " last_success_at, changed_at, held, held_not_after, held_names_hash,"
	    " held_key, failures, flags, state, issuer, last_error,"
	    " PRIMARY KEY (name)) WITHOUT ROWID;"
	    "CREATE TABLE hook (name, hook, generation, previous, test_passed, was_up,"
	    " PRIMARY KEY (name, hook)) WITHOUT ROWID;"
	    "CREATE TABLE served (name, endpoint, verdict, detail, fingerprint, at,"
	    " PRIMARY KEY (name, endpoint)) WITHOUT ROWID;"
	    "CREATE TABLE event (id INTEGER PRIMARY KEY, at, name, what, generation,"
	    " text);"
	    "CREATE INDEX event_name ON event (name);"
	    "INSERT INTO certificate (name, generation, retry_at, last_error)"
	    " VALUES ('name-000000', 7, 1795235000, 'a bad day');"
	    "PRAGMA user_version = 1;");
}

static int never_order(void *arg, const struct order_row *o)
{
	(void)arg;
	(void)o;
	fail_msg("there is nothing to find");
	return 0;
}

static int never_ari(void *arg, const struct ari_row *r)
{
	(void)arg;
	(void)r;
	fail_msg("there is nothing to find");
	return 0;
}

static void expect_kept(struct state *st)
{
	struct memory m;
	struct err e;
	bool found;

	assert_int_equal(state_get(st, "name-000000", &m, &found, &e), 0);
	assert_true(found && m.retry_at == 1795235000);
	assert_int_equal(m.fallback.asked, 0);
	assert_true(m.installed_run == 0);
	assert_string_equal(m.last_error, "a bad day");
	assert_int_equal(rows_of(st), 1);
	assert_int_equal(state_order_each(st, NULL, never_order, NULL, &e), 0);
	assert_int_equal(state_ari_each(st, NULL, never_ari, NULL, &e), 0);
}

/* What came with it, of the certificate 'www'. */
static void make_format_2(const struct scratch *s)
{
	make_format_1(s);
	sql(s,
	    "ALTER TABLE certificate ADD COLUMN installed_run DEFAULT 0;"
	    "ALTER TABLE certificate ADD COLUMN asked DEFAULT 0;"
	    "ALTER TABLE certificate ADD COLUMN asked_failures DEFAULT 0;"
	    "ALTER TABLE certificate ADD COLUMN failed_by DEFAULT 0;"
	    "CREATE TABLE acme_order (name, issuer, url, wanted, created_at, retry_at,"
	    " polls, PRIMARY KEY (name)) WITHOUT ROWID;"
	    "CREATE TABLE token (name, place, token, authorization,"
	    " PRIMARY KEY (name, token)) WITHOUT ROWID;"
	    "CREATE TABLE revocation (name, generation, issuer, reason, by_key,"
	    " replace, PRIMARY KEY (name, generation)) WITHOUT ROWID;"
	    "CREATE TABLE ari (name, generation, start_at, end_at, renew_at, ask_at,"
	    " explanation, PRIMARY KEY (name)) WITHOUT ROWID;"
	    "INSERT INTO revocation VALUES ('www', 3, 'ca', 4, 0, 1);"
	    "INSERT INTO ari VALUES ('www', 3, 10, 20, 15, 12, 'https://ca.example/');"
	    "PRAGMA user_version = 2;");
}

static int note_revocation(void *arg, const struct revoke_row *r)
{
	++*(unsigned *)arg;
	assert_true(r->generation == 3 && r->reason == 4 && !r->by_key && r->replace);
	assert_true(r->retry_at == 0 && r->failures == 0 && r->code == 0);
	assert_string_equal(r->last_error, "");
	return 0;
}

static int note_ari(void *arg, const struct ari_row *r)
{
	++*(unsigned *)arg;
	assert_true(r->end_at == 20 && r->ask_at == 12 && r->failures == 0);
	assert_string_equal(r->explanation, "https://ca.example/");
	return 0;
}

static void expect_both(struct state *st)
{
	unsigned n = 0;
	struct err e;

	assert_int_equal(state_revoke_each(st, note_revocation, &n, &e), 0);
	assert_int_equal(state_ari_each(st, "www", note_ari, &n, &e), 0);
	assert_int_equal(n, 2);
}

static void the_second_format_is_brought_to_ours_and_read_as_it_is(void **state)
{
	const struct scratch *s = *state;
	struct revoke_row r = { .name = "www", .generation = 4, .issuer = "ca" };
	struct state *st;
	struct err e;

	make_format_2(s);
	for (int i = 0; i < 4; i++) {
		st = open_it(s->path, i < 2);
		expect_both(st);
		state_close(st);
	}
	st = open_it(s->path, false);
	assert_int_equal(state_begin(st, &e), 0);
	assert_int_equal(state_revoke_put(st, &r, &e), 0);
	assert_int_equal(state_revoke_done(st, "www", 4, &e), 0);
	assert_int_equal(state_commit(st, &e), 0);
	state_close(st);
}

static void the_third_format_is_given_sums(void **state)
{
	static const char *const tables[] = { "certificate", "hook",       "served",
					      "event",       "acme_order", "token",
					      "revocation",  "ari" };
	const struct scratch *s = *state;

	fill(s->path, 3);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		AUTO_FREE char *text =
		    xasprintf("ALTER TABLE %s DROP COLUMN sum", tables[i]);

		sql(s, text);
	}
	sql(s,
	    "DROP TABLE setback; DROP TABLE own; DROP TABLE own_list;"
	    "DROP TABLE alarm; DROP TABLE ledger; DROP TABLE crl; DROP TABLE crl_part;"
	    "PRAGMA user_version = 3;");
	assert_int_equal(rows_in(s->path), 3);
	state_close(open_it(s->path, false));
	assert_int_equal(rows_in(s->path), 3);
	sql(s, "UPDATE certificate SET sum = 1 WHERE name = 'name-000001'");
	assert_true(sums_are_wrong(s->path));
}

static int count_setback(void *arg, const struct setback_row *r)
{
	assert_string_equal(r->identifier, "a.example");
	++*(unsigned *)arg;
	return 0;
}

static unsigned setbacks_in(struct state *st)
{
	unsigned n = 0;
	struct err e;

	if (state_setback_each(st, "www", count_setback, &n, &e) < 0)
		fail_msg("%s", e.text);
	return n;
}

/* Who only reads finds so many, and who writes can add one; which are all gone, if so said,
 * and come back with what is not committed. */
static void expect_setbacks(const struct scratch *s, unsigned n)
{
	const struct setback_row row = { .name = "www",
					 .identifier = "a.example",
					 .way = "http-01 /srv",
					 .why = "a bad day" };
	struct state *st = open_it(s->path, true);
	struct err e;

	assert_int_equal(setbacks_in(st), n);
	state_close(st);
	st = open_it(s->path, false);
	assert_int_equal(state_begin(st, &e), 0);
	assert_int_equal(state_setback_put(st, &row, &e), 0);
	assert_int_equal(state_commit(st, &e), 0);
	assert_int_equal(setbacks_in(st), n + 1);
	assert_int_equal(state_begin(st, &e), 0);
	assert_int_equal(state_setback_clear(st, "nobody", &e), 0);
	assert_int_equal(setbacks_in(st), n + 1);
	assert_int_equal(state_setback_clear(st, "www", &e), 0);
	assert_int_equal(setbacks_in(st), 0);
	state_close(st);
}

static void the_fourth_format_is_given_alarms_and_a_ledger(void **state)
{
	const struct scratch *s = *state;
	const struct alarm_row told = { .kind = 1, .told_at = 2 };
	struct alarm_row row;
	struct state *st;
	struct err e;
	bool found;

	fill(s->path, 3);
	sql(s,
	    "DROP TABLE setback; DROP TABLE own; DROP TABLE own_list;"
	    "DROP TABLE alarm; DROP TABLE ledger; DROP TABLE crl; DROP TABLE crl_part;"
	    "PRAGMA user_version = 4;");
	st = open_it(s->path, true);
	assert_int_equal(state_alarm_get(st, "www", "failed", &row, &found, &e), 0);
	assert_false(found);
	state_close(st);
	st = open_it(s->path, false);
	assert_int_equal(state_begin(st, &e), 0);
	assert_int_equal(state_alarm_put(st, "www", "failed", &told, &e), 0);
	assert_int_equal(state_commit(st, &e), 0);
	state_close(st);
	assert_int_equal(rows_in(s->path), 3);
	sql(s, "DROP TABLE setback; DROP TABLE own; DROP TABLE own_list;"
	       "DROP TABLE ledger; DROP TABLE crl; DROP TABLE crl_part;"
	       "PRAGMA user_version = 5;");
	state_close(open_it(s->path, false));
	assert_int_equal(rows_in(s->path), 3);
	sql(s, "DROP TABLE setback; DROP TABLE own; DROP TABLE own_list;"
	       "DROP TABLE crl; DROP TABLE crl_part; PRAGMA user_version = 6;");
	state_close(open_it(s->path, false));
	assert_int_equal(rows_in(s->path), 3);
	sql(s, "DROP TABLE setback; DROP TABLE own; DROP TABLE own_list; PRAGMA "
	       "user_version = 7;");
	state_close(open_it(s->path, false));
	assert_int_equal(rows_in(s->path), 3);
	sql(s, "DROP TABLE setback; PRAGMA user_version = 8;");
	expect_setbacks(s, 0);
	sql(s, "PRAGMA user_version = 4;"); /* the sums of that format are kept to */
	sql(s, "UPDATE certificate SET sum = 1 WHERE name = 'name-000001'");
	assert_true(sums_are_wrong(s->path));
}

static void an_older_format_is_brought_to_ours_with_all_that_is_in_it(void **state)
{
	const struct scratch *s = *state;
	const struct order_row o = { .name = "www", .issuer = "ca", .url = "u" };
	struct state *st;
	struct err e;

	make_format_1(s);
	st = open_it(s->path, false);
	expect_kept(st);
	assert_int_equal(state_begin(st, &e), 0);
	assert_int_equal(state_order_put(st, &o, &e), 0);
	assert_int_equal(state_order_done(st, "www", &e), 0);
	assert_int_equal(state_commit(st, &e), 0);
	state_close(st);
	st = open_it(s->path, false); /* once is enough */
	expect_kept(st);
	state_close(st);
}

static void an_older_format_is_read_and_left_as_it_is(void **state)
{
	const struct scratch *s = *state;
	struct state *st;
	struct stat before;

	make_format_1(s);
	before = scratch_stat(s, "state.db");
	for (int i = 0; i < 2; i++) {
		st = open_it(s->path, true);
		expect_kept(st);
		state_close(st);
	}
	assert_int_equal(scratch_count(s, "."), 1);
	assert_true(scratch_stat(s, "state.db").st_mtim.tv_nsec ==
		    before.st_mtim.tv_nsec);
}

static void what_was_opened_for_reading_is_not_written(void **state)
{
	const struct scratch *s = *state;
	struct memory m = { .generation = 8 };
	struct state *st;
	struct err e;

	fill(s->path, 1);
	st = open_it(s->path, true);
	assert_int_equal(state_begin(st, &e), ERR_CONFIG);
	assert_int_not_equal(state_put(st, "name-000000", &m, &e), 0);
	state_close(st);
	assert_int_equal(rows_in(s->path), 1);
}

/* -- damage -- */

static void a_file_that_is_no_database_is_set_aside(void **state)
{
	const struct scratch *s = *state;

	scratch_put(s, "state.db",
		    "these are the notes of someone else entirely, "
		    "and long enough to have a head of 100 bytes; "
		    "really quite long, in fact.");
	scratch_put(s, "state.db-wal", "of a database that is no more");
	clock_fake(1795235000);
	fill(s->path, 3);
	clock_fake(0);
	assert_int_equal(rows_in(s->path), 3);
	assert_true(scratch_has(s, "state.db.bad-1795235000"));
	assert_true(scratch_stat(s, "state.db.bad-1795235000").st_size > 100);
}

static void damage_deep_in_the_file_is_found_when_it_is_opened(void **state)
{
	const struct scratch *s = *state;
	struct state *st;

	fill(s->path, 2000);
	spoil(s, 4096 * 8, 4096 * 16); /* head and schema stay whole */
	clock_fake(1795235000);
	st = open_it(s->path, false);
	clock_fake(0);
	assert_int_equal(rows_of(st), 0);
	assert_false(state_is_damaged(st));
	assert_non_null(strstr(state_news(st), "state.db is damaged (database disk "
					       "image is malformed): begun anew"));
	assert_non_null(strstr(state_news(st), "/state.db.bad-1795235000"));
	state_close(st);
	fill(s->path, 3);
	assert_null(state_news(st = open_it(s->path, false)));
	state_close(st);
	assert_int_equal(rows_in(s->path), 3);
	assert_true(scratch_has(s, "state.db.bad-1795235000"));
}

static void damage_that_comes_later_is_set_aside_when_closed(void **state)
{
	const struct scratch *s = *state;
	struct state *st;
	struct err e;
	unsigned n = 0;

	fill(s->path, 40000); /* more than SQLite keeps in memory */
	st = open_it(s->path, false);
	assert_null(state_news(st));
	spoil(s, 4096 * 8, 4096 * 16);
	assert_int_equal(state_each(st, count, &n, &e), ERR_SYS);
	assert_true(state_is_damaged(st));
	assert_non_null(strstr(state_news(st), "state.db is damaged"));
	state_close(st);
	assert_false(scratch_has(s, "state.db"));
	fill(s->path, 3);
	assert_int_equal(rows_in(s->path), 3);
}

/* Whatever is remembered is either what was, or nothing. */
/* Of SQLite's locks one is not let go: of those in its index the one that who reads takes. */
static bool keeps_lock;

static int stubborn_fcntl(int fd, int cmd, ...)
{
	const struct flock *l;
	va_list ap;

	va_start(ap, cmd);
	l = va_arg(ap, const struct flock *);
	va_end(ap);
	if (keeps_lock && cmd == F_SETLK && l->l_type == F_UNLCK && l->l_start == 124) {
		errno = EIO;
		return -1;
	}
	return fcntl(fd, cmd, l);
}

static int without_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

/* SQLite waits for itself from then on, whoever asks it. */
static void a_lock_that_is_not_let_go_is_opened_anew(void **state)
{
	const struct scratch *s = *state;
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	int (*sleeps)(sqlite3_vfs *, int) = vfs->xSleep;
	struct state *st;
	struct err e;
	int rc = 0;

	fill(s->path, 3);
	st = open_it(s->path, false);
	vfs->xSleep = without_sleep;
	vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)stubborn_fcntl);
	keeps_lock = true;
	for (int i = 0; i < 10 && rc == 0; i++) {
		rc = state_begin(st, &e);
		if (rc == 0)
			rc = state_put(st, "more", &(struct memory){ 0 }, &e);
		if (rc == 0)
			rc = state_commit(st, &e);
	}
	keeps_lock = false;
	assert_true(rc < 0);
	vfs->xSetSystemCall(vfs, "fcntl", NULL);
	vfs->xSleep = sleeps;
	assert_true(state_is_damaged(st));
	assert_non_null(strstr(state_news(st), "could not be let go"));
	state_close(st);
	assert_int_equal(rows_in(s->path), 3); /* those of `fill` */
	fill(s->path, 5);
	assert_int_equal(rows_in(s->path), 5);
}

static void check_rows(const struct scratch *s, off_t at)
{
	struct state *st = NULL;
	unsigned n = 0;
	struct err e;

	if (state_open(s->path, false, &st, &e) < 0)
		fail_msg("byte %lld: %s", (long long)at, e.text);
	if (state_each(st, count, &n, &e) < 0 && !state_is_damaged(st))
		fail_msg("byte %lld: %s", (long long)at, e.text);
	if (!state_is_damaged(st) && n != 40 && !(n == 0 && state_news(st) != NULL))
		fail_msg("byte %lld: %u rows", (long long)at, n);
	state_close(st);
	st = open_it(s->path, false); /* and it can be gone on with */
	if (state_each(st, count, &n, &e) < 0)
		fail_msg("byte %lld, again: %s", (long long)at, e.text);
	state_close(st);
}

/* A new format there is none of, but one byte away. */
static bool is_of_version(off_t at)
{
	return at == 63;
}

static void no_byte_that_was_changed_is_taken_for_what_was_written(void **state)
{
	const struct scratch *s = *state;
	struct buf whole = { 0 };
	struct err e;

	fill(s->path, 40);
	assert_int_equal(file_read(s->fd, "state.db", 1 << 20, &whole, &e), 0);
	for (off_t at = 0; at < (off_t)whole.len; at += at < 200 ? 1 : 37) {
		int fd = openat(s->fd, "state.db", O_WRONLY | O_TRUNC | O_CLOEXEC);

		if (is_of_version(at))
			continue;
		whole.data[at] ^= 0x45;
		assert_int_equal(write(fd, whole.data, whole.len), whole.len);
		whole.data[at] ^= 0x45;
		close(fd);
		check_rows(s, at);
	}
	buf_done(&whole);
}

static void a_file_that_was_cut_short_is_begun_anew(void **state)
{
	static const off_t sizes[] = { 0, 1, 99, 100, 512, 4096, 5000, 8192, 20480 };
	const struct scratch *s = *state;
	struct state *st;
	int fd;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		fill(s->path, 200);
		fd = openat(s->fd, "state.db", O_WRONLY | O_CLOEXEC);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		close(fd);
		st = open_it(s->path, false);
		if (state_news(st) == NULL)
			fail_msg("%lld bytes: nothing is said", (long long)sizes[i]);
		assert_non_null(strstr(state_news(st), sizes[i] <= 1
							   ? "state.db was empty"
							   : "state.db is damaged"));
		assert_int_equal(rows_of(st), 0);
		state_close(st);
	}
}

/* -- another store's -- */

static void claim(const char *dir, bool read_only, uint64_t store, unsigned rows,
		  const char *news)
{
	struct state *st = open_it(dir, read_only);
	struct err e;

	assert_int_equal(state_claim(st, store, &e), 0);
	assert_int_equal(rows_of(st), rows);
	if (news == NULL)
		assert_null(state_news(st));
	else
		assert_non_null(strstr(state_news(st), news));
	state_close(st);
}

static void what_another_store_remembers_is_set_aside(void **state)
{
	static const char foreign[] = "state.db is that of another store";
	const struct scratch *s = *state;

	fill(s->path, 3);
	claim(s->path, true, 77, 3, NULL);
	claim(s->path, false, 77, 3, NULL); /* it was nobody's */
	claim(s->path, false, 77, 3, NULL);
	claim(s->path, false, 0, 3, NULL); /* not known whose it should be */
	claim(s->path, true, 78, 0, foreign);
	clock_fake(1795235000);
	claim(s->path, false, 78, 0, foreign);
	clock_fake(0);
	assert_true(scratch_stat(s, "state.db.bad-1795235000").st_size > 0);
	claim(s->path, false, 78, 0, NULL);
}

static void a_reader_finds_nothing_in_a_damaged_file_and_leaves_it(void **state)
{
	const struct scratch *s = *state;
	struct state *st;
	struct stat before;

	for (int whole = 0; whole < 2; whole++) {
		fill(s->path, 2000);
		spoil(s, whole ? 0 : 4096 * 8, 4096 * 4);
		before = scratch_stat(s, "state.db");
		st = open_it(s->path, true);
		assert_non_null(strstr(state_news(st), "state.db is damaged ("));
		assert_non_null(strstr(state_news(st), "begins it anew"));
		assert_int_equal(rows_of(st), 0);
		state_close(st);
		assert_true(scratch_stat(s, "state.db").st_mtim.tv_nsec ==
			    before.st_mtim.tv_nsec);
		assert_int_equal(unlinkat(s->fd, "state.db", 0), 0);
	}
}

static void at_most_three_damaged_files_are_kept(void **state)
{
	const struct scratch *s = *state;

	for (int i = 1; i <= 5; i++) {
		fill(s->path, 1);
		spoil(s, 0, 100);
		clock_fake(1795235000 + i);
		state_close(open_it(s->path, false));
	}
	clock_fake(0);
	assert_false(scratch_has(s, "state.db.bad-1795235001"));
	assert_false(scratch_has(s, "state.db.bad-1795235002"));
	assert_true(scratch_has(s, "state.db.bad-1795235003"));
	assert_true(scratch_has(s, "state.db.bad-1795235004"));
	assert_true(scratch_has(s, "state.db.bad-1795235005"));
	assert_true(scratch_has(s, "state.db"));
}

static void values_out_of_range_do_no_harm(void **state)
{
	const struct scratch *s = *state;
	struct state *st;
	struct memory m;
	struct err e;
	bool found;

	fill(s->path, 1);
	sql(s, "UPDATE certificate SET key = 99, held_key = -1, fingerprint = x'00',"
	       " serial = hex(zeroblob(500)), issuer = hex(zeroblob(500)),"
	       " last_error = hex(zeroblob(5000)), n_names = NULL, renew_at = 'soon', "
	       "sum = NULL");
	st = open_it(s->path, true);
	assert_int_equal(state_get(st, "name-000000", &m, &found, &e), 0);
	assert_true(found);
	assert_int_equal(m.facts.key, KEY_NONE);
	assert_int_equal(m.held_key, KEY_NONE);
	assert_int_equal(strlen(m.facts.serial), sizeof(m.facts.serial) - 1);
	assert_int_equal(strlen(m.issuer), sizeof(m.issuer) - 1);
	assert_int_equal(strlen(m.last_error), sizeof(m.last_error) - 1);
	assert_int_equal(m.renew_at, 0);
	state_close(st);
}

/* -- other users, and the sandbox -- */

static void as_nobody(const char *dir, void (*work)(const char *dir))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(9);
		work(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fills_and_dies(const char *dir)
{
	fill(dir, 5);
	/* Killed with its log in place, as after a crash. */
	if (open_it(dir, false) == NULL)
		_exit(1);
	_exit(0);
}

static void fills_again(const char *dir)
{
	fill(dir, 6);
	if (rows_in(dir) != 6)
		_exit(1);
}

static void finds_five(const char *dir)
{
	struct state *st = open_it(dir, true);

	if (rows_of(st) != 5)
		_exit(1);
	state_close(st);
}

static void a_reader_who_is_root_locks_no_one_out(void **state)
{
	const struct scratch *s = *state;
	static const char *const files[] = { "state.db", "state.db-wal",
					     "state.db-shm" };
	struct state *st;

	if (inside_needs_root("another user's database"))
		skip();
	assert_int_equal(fchown(s->fd, NOBODY, NOBODY), 0);
	as_nobody(s->path, fills_and_dies);
	st = open_it(s->path, true);
	assert_int_equal(rows_of(st), 5);
	for (size_t i = 0; i < 3; i++)
		if (scratch_has(s, files[i]))
			assert_int_equal(scratch_stat(s, files[i]).st_uid, NOBODY);
	as_nobody(s->path, fills_again); /* beside it, and after it */
	assert_int_equal(rows_of(st), 6);
	state_close(st);
	as_nobody(s->path, fills_again);
	for (size_t i = 0; i < 3; i++)
		if (scratch_has(s, files[i]))
			assert_int_equal(scratch_stat(s, files[i]).st_uid, NOBODY);
}

/* As on a disk that is full or read-only: beside the file nothing can be made. */
static void who_can_make_no_file_reads_it_all_the_same(void **state)
{
	const struct scratch *s = *state;

	if (inside_needs_root("another user's database"))
		skip();
	fill(s->path, 5);
	assert_false(scratch_has(s, "state.db-shm"));
	assert_int_equal(fchmod(s->fd, 0555), 0);
	as_nobody(s->path, finds_five);
	assert_int_equal(scratch_count(s, "."), 1);
}

static void lives(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", dir);
	struct event ev = { .at = 1, .name = "www", .what = "issued", .text = "" };
	struct state *st = NULL;
	struct err e;
	int fd;

	for (int i = 0; i < 5; i++) {
		NEED(state_open(dir, false, &st, &e) == 0);
		NEED(state_begin(st, &e) == 0);
		for (int k = 0; k < 3000; k++)
			NEED(history_add(st, &ev, &e) == 0);
		NEED(state_put(st, "www", &(struct memory){ .generation = 7 }, &e) ==
		     0);
		NEED(state_commit(st, &e) == 0);
		state_close(st);
		NEED(state_open(dir, true, &st, &e) == 0);
		state_close(st);
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		NEED(fd >= 0);
		NEED(write(fd, "no database, and of no use at all", 33) == 33);
		close(fd);
	}
}

static void all_of_it_works_inside_the_agents_sandbox(void **state)
{
	const struct scratch *s = *state;
	const struct sandbox_path path = { s->path, SANDBOX_WRITE };
	const struct sandbox box = inside_box(SANDBOX_AGENT, &path, 1);

	inside_run(&box, lives, s->path);
}

static double ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from->tv_sec) * 1e3 +
	       (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

static void a_hosting_box_fits(void **state)
{
	const struct scratch *s = *state;
	struct timespec t;
	double filled;

	clock_gettime(CLOCK_MONOTONIC, &t);
	fill(s->path, 100000);
	filled = ms_since(&t);
	clock_gettime(CLOCK_MONOTONIC, &t);
	assert_int_equal(rows_in(s->path), 100000);
	print_message("100,000 certificates: put in %.0f ms, gone through in %.0f ms, "
		      "%lld bytes each\n",
		      filled, ms_since(&t),
		      (long long)scratch_stat(s, "state.db").st_size / 100000);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(a_reader_of_nothing_finds_nothing),
		KEPT(a_file_that_was_only_just_made_holds_nothing),
		KEPT(a_writer_without_a_folder_says_so),
		KEPT(what_may_not_be_looked_at_is_not_taken_for_missing),
		KEPT(a_newer_format_is_read_and_not_written),
		KEPT(an_older_format_is_brought_to_ours_with_all_that_is_in_it),
		KEPT(an_older_format_is_read_and_left_as_it_is),
		KEPT(the_second_format_is_brought_to_ours_and_read_as_it_is),
		KEPT(the_third_format_is_given_sums),
		KEPT(the_fourth_format_is_given_alarms_and_a_ledger),
		KEPT(what_was_opened_for_reading_is_not_written),
		KEPT(a_file_that_is_no_database_is_set_aside),
		KEPT(damage_deep_in_the_file_is_found_when_it_is_opened),
		KEPT(damage_that_comes_later_is_set_aside_when_closed),
		KEPT(a_lock_that_is_not_let_go_is_opened_anew),
		KEPT(no_byte_that_was_changed_is_taken_for_what_was_written),
		KEPT(a_file_that_was_cut_short_is_begun_anew),
		KEPT(a_reader_finds_nothing_in_a_damaged_file_and_leaves_it),
		KEPT(what_another_store_remembers_is_set_aside),
		KEPT(at_most_three_damaged_files_are_kept),
		KEPT(values_out_of_range_do_no_harm),
		KEPT(a_reader_who_is_root_locks_no_one_out),
		KEPT(who_can_make_no_file_reads_it_all_the_same),
		KEPT(all_of_it_works_inside_the_agents_sandbox),
		KEPT(a_hosting_box_fits),
	};

	return cmocka_run_group_tests_name("state_file", tests, NULL, NULL);
}
