/*
 * state: what everleaf of each format has left (tests/agent/formats/N.sql, dumped from a
 * state.db that it wrote itself) is read as it is, brought to ours with all that is in it,
 * and killed at any system call meanwhile it is one or the other.
 */
#include "tests/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "agent/state/state.h"
#include "agent/state/state_db.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define TABLES_MAX 32

/* Of the calls of an upgrade `make check` cuts one in so many; UPGRADE=all each. */
#ifdef __SANITIZE_ADDRESS__
#define STEP 40
#else
#define STEP 10
#endif

static sqlite3 *open_db(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", dir);
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void make(const struct scratch *s, int format)
{
	AUTO_FREE char *path = xasprintf("tests/agent/formats/%d.sql", format);
	AUTO_BUF struct buf text = { 0 };
	sqlite3 *db = open_db(s->path);
	char *why = NULL;
	struct err e;

	if (file_read(AT_FDCWD, path, 1 << 20, &text, &e) < 0)
		fail_msg("%s", e.text);
	if (sqlite3_exec(db, text.data, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", path, why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void remove_all(const struct scratch *s)
{
	static const char *const files[] = { "state.db", "state.db-wal",
					     "state.db-shm" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (unlinkat(s->fd, files[i], 0) < 0)
			assert_int_equal(errno, ENOENT);
}

static struct state *open_it(const struct scratch *s, bool read_only)
{
	struct state *st = NULL;
	struct err e;

	if (state_open(s->path, read_only, &st, &e) < 0)
		fail_msg("%s", e.text);
	assert_non_null(st);
	if (state_news(st) != NULL)
		fail_msg("%s", state_news(st));
	return st;
}

/* -- what is in it -- */

struct found {
	unsigned certs, hooks, served, events;
};

static int note_cert(void *arg, const char *name, const struct memory *m)
{
	struct found *f = arg;

	assert_true(strcmp(name, "www") == 0 || strcmp(name, "mail") == 0);
	assert_int_equal(m->generation, 1);
	assert_true(m->facts.not_after > 4000000000);
	f->certs++;
	return 0;
}

static int note_hook(void *arg, const struct pending_hook *p)
{
	assert_string_equal(p->name, "mail");
	assert_string_equal(p->hook, "reload");
	assert_int_equal(p->generation, 1);
	((struct found *)arg)->hooks++;
	return 0;
}

static int note_served(void *arg, const struct served *v)
{
	assert_string_equal(v->endpoint, "127.0.0.1:9");
	((struct found *)arg)->served++;
	return 0;
}

static int note_event(void *arg, const struct event *v)
{
	assert_true(v->at > 1700000000);
	((struct found *)arg)->events++;
	return 0;
}

static void find(struct state *st, struct found *f)
{
	struct err e = { 0 };

	*f = (struct found){ 0 };
	if (state_each(st, note_cert, f, &e) < 0 ||
	    state_hook_each(st, NULL, note_hook, f, &e) < 0 ||
	    state_served_each(st, NULL, note_served, f, &e) < 0 ||
	    history_each(st, NULL, note_event, f, &e) < 0)
		fail_msg("%s", e.text);
	assert_false(state_is_damaged(st));
}

static void expect(const struct scratch *s, bool read_only, const struct found *want)
{
	struct state *st = open_it(s, read_only);
	struct found f;

	find(st, &f);
	state_close(st);
	assert_memory_equal(&f, want, sizeof(f));
	/* Nothing was set aside. */
	assert_true(scratch_count(s, ".") <= 3);
}

static struct found found_in(const struct scratch *s)
{
	struct state *st = open_it(s, true);
	struct found f;

	find(st, &f);
	state_close(st);
	assert_int_equal(f.certs, 2);
	assert_int_equal(f.hooks, 1);
	assert_int_equal(f.served, 1);
	assert_true(f.events >= 6);
	return f;
}

/* -- the shape of it -- */

/* Every table and column, and the format, in words. */
static void shape_of(const char *dir, struct buf *out)
{
	sqlite3 *db = open_db(dir);
	sqlite3_stmt *stmt = NULL;
	/* The order of columns differs: none is asked for by its place. */
	const char *sql = "SELECT m.name, c.name, c.pk FROM sqlite_schema m,"
			  " pragma_table_info(m.name) c WHERE m.type = 'table'"
			  " UNION ALL SELECT 'index', name, 0 FROM sqlite_schema"
			  " WHERE type = 'index' AND sql NOT NULL"
			  " UNION ALL SELECT 'format', user_version, 0"
			  " FROM pragma_user_version ORDER BY 1, 2";

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		buf_printf(out, "%s.%s %d\n", sqlite3_column_text(stmt, 0),
			   sqlite3_column_text(stmt, 1), sqlite3_column_int(stmt, 2));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void expect_shape(const struct scratch *s, const char *ours)
{
	AUTO_BUF struct buf shape = { 0 };

	shape_of(s->path, &shape);
	assert_string_equal(shape.data, ours);
}

static void every_format_is_read_and_left_as_it_is(void **state)
{
	const struct scratch *s = *state;

	for (int format = 1; format <= STATE_FORMAT; format++) {
		AUTO_BUF struct buf before = { 0 }, after = { 0 };
		struct err e;

		remove_all(s);
		make(s, format);
		assert_int_equal(file_read(s->fd, "state.db", 1 << 20, &before, &e), 0);
		found_in(s);
		found_in(s);
		assert_int_equal(file_read(s->fd, "state.db", 1 << 20, &after, &e), 0);
		assert_int_equal(before.len, after.len);
		assert_memory_equal(before.data, after.data, before.len);
	}
}

static void every_format_becomes_ours_with_all_that_is_in_it(void **state)
{
	const struct scratch *s = *state;
	AUTO_BUF struct buf ours = { 0 };

	state_close(open_it(s, false));
	shape_of(s->path, &ours);
	for (int format = 1; format <= STATE_FORMAT; format++) {
		struct found want;

		remove_all(s);
		make(s, format);
		want = found_in(s);
		expect(s, false, &want);
		expect(s, false, &want);
		expect(s, true, &want);
		expect_shape(s, ours.data);
	}
}

/* -- killed meanwhile -- */

static void upgrade_and_end(const char *dir)
{
	struct state *st;
	struct err e;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(3);
	raise(SIGSTOP);
	if (state_open(dir, false, &st, &e) < 0)
		_exit(2);
	state_close(st);
	_exit(0);
}

/* Another process upgrades it, and is killed before its `at`-th system call. False: it has
 * not so many. */
static bool cut_upgrade(const struct scratch *s, unsigned at)
{
	const pid_t pid = fork();
	unsigned n = 0;
	int status;

	if (pid == 0)
		upgrade_and_end(s->path);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL,
				PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD),
			 0);
	/* It stops twice for each: before the call is made, and after it. */
	while (n < 2 * at - 1) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		n += WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

static void every_format_outlives_a_kill_at_each_call_of_its_upgrade(void **state)
{
	const struct scratch *s = *state;
	const unsigned step = getenv("UPGRADE") != NULL ? 1 : STEP;
	AUTO_BUF struct buf ours = { 0 };
	unsigned n = 0;

	state_close(open_it(s, false));
	shape_of(s->path, &ours);
	for (int format = 1; format < STATE_FORMAT; format++) {
		AUTO_BUF struct buf file = { 0 };
		struct found want;
		unsigned at;
		struct err e;

		remove_all(s);
		make(s, format);
		want = found_in(s);
		assert_int_equal(file_read(s->fd, "state.db", 1 << 20, &file, &e), 0);
		for (at = 1 + (unsigned)format % step; cut_upgrade(s, at);
		     at += step, n++) {
			expect(s, true, &want);
			expect(s, false, &want);
			expect_shape(s, ours.data);
			remove_all(s);
			assert_int_equal(file_write(s->fd, "state.db", file.data,
						    file.len,
						    &(struct file_access){
							FILE_KEEP, FILE_KEEP, 0644 },
						    &e),
					 0);
		}
		assert_true(at > 150);
	}
	printf("killed %u times\n", n);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(every_format_is_read_and_left_as_it_is),
		KEPT(every_format_becomes_ours_with_all_that_is_in_it),
		KEPT(every_format_outlives_a_kill_at_each_call_of_its_upgrade),
	};

	return cmocka_run_group_tests_name("state_upgrade", tests, NULL, NULL);
}
