/*
 * watch: what happens in a folder is told under each number that the folder is known by,
 * and what was lost is said to be lost.
 */
#include "tests/scratch.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/watch.h"

#define TOLD_MOST 64

struct told {
	uint32_t who[TOLD_MOST];
	uint32_t events[TOLD_MOST];
	char name[TOLD_MOST][32];
	size_t n;
};

static void on_event(void *arg, uint32_t who, uint32_t events, const char *name)
{
	struct told *t = arg;

	if (t->n == TOLD_MOST)
		return;
	t->who[t->n] = who;
	t->events[t->n] = events;
	snprintf(t->name[t->n], sizeof(t->name[0]), "%s", name);
	t->n++;
}

/* All that has come by now: the kernel queues an event before the call that it is of
 * returns. */
static struct told heard(struct watch *w)
{
	struct told t = { .n = 0 };
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	while (poll(&p, 1, 0) > 0)
		watch_read(w, on_event, &t);
	return t;
}

static const char *below(const struct scratch *s, const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	return path;
}

static int add(struct watch *w, const struct scratch *s, const char *name,
	       uint32_t events, uint32_t who)
{
	struct err e;
	int wd;

	assert_int_equal(watch_add(w, below(s, name), events, who, &wd, &e), 0);
	return wd;
}

static void begin(struct watch *w)
{
	struct err e;

	assert_int_equal(watch_open(w, &e), 0);
}

static bool was_told(const struct told *t, uint32_t who, uint32_t events,
		     const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->who[i] == who && (t->events[i] & events) != 0 &&
		    strcmp(t->name[i], name) == 0)
			return true;
	return false;
}

static void what_is_done_to_a_file_is_told_when_it_is_done(void **state)
{
	const struct scratch *s = *state;
	struct watch w;
	struct told t;
	int fd;

	begin(&w);
	scratch_mkdir(s, "a");
	add(&w, s, "a", WATCH_FILES, 7);
	scratch_put(s, "a/file", "text");
	t = heard(&w);
	assert_true(was_told(&t, 7, IN_CLOSE_WRITE, "file"));
	fd = openat(s->fd, "a/file", O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "more", 4), 4);
	t = heard(&w);
	assert_int_equal(t.n, 0); /* it may not be whole */
	close(fd);
	t = heard(&w);
	assert_true(was_told(&t, 7, IN_CLOSE_WRITE, "file"));
	assert_int_equal(fchmodat(s->fd, "a/file", 0600, 0), 0);
	t = heard(&w);
	assert_true(was_told(&t, 7, IN_ATTRIB, "file"));
	assert_int_equal(renameat(s->fd, "a/file", s->fd, "file"), 0);
	t = heard(&w);
	assert_true(was_told(&t, 7, IN_MOVED_FROM, "file"));
	watch_done(&w);
}

static void reading_is_not_told(void **state)
{
	const struct scratch *s = *state;
	struct watch w;
	struct told t;

	begin(&w);
	scratch_mkdir(s, "a");
	scratch_put(s, "a/file", "text");
	add(&w, s, "a", WATCH_FILES, 7);
	scratch_expect(s, "a/file", "text");
	assert_int_equal(scratch_count(s, "a"), 1);
	t = heard(&w);
	assert_int_equal(t.n, 0);
	watch_done(&w);
}

static void a_folder_that_is_known_by_two_numbers_is_told_under_both(void **state)
{
	const struct scratch *s = *state;
	struct watch w;
	struct told t;

	begin(&w);
	scratch_mkdir(s, "a");
	scratch_link(s, "a", "other");
	assert_int_equal(add(&w, s, "a", WATCH_FILES, 1),
			 add(&w, s, "other", WATCH_FILES, 2));
	add(&w, s, "a", WATCH_FILES, 1);
	assert_int_equal(w.n, 2);
	scratch_put(s, "a/file", "text");
	t = heard(&w);
	assert_true(was_told(&t, 1, IN_CLOSE_WRITE, "file"));
	assert_true(was_told(&t, 2, IN_CLOSE_WRITE, "file"));
	watch_done(&w);
}

static void a_folder_that_goes_away_is_told_and_forgotten(void **state)
{
	const struct scratch *s = *state;
	struct watch w;
	struct told t;

	begin(&w);
	scratch_mkdir(s, "a");
	scratch_mkdir(s, "b");
	add(&w, s, "a", 0, 1);
	add(&w, s, "b", 0, 2);
	assert_int_equal(unlinkat(s->fd, "a", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(s->fd, "b", s->fd, "c"), 0);
	t = heard(&w);
	assert_true(was_told(&t, 1, WATCH_GONE, ""));
	assert_true(was_told(&t, 2, WATCH_GONE, ""));
	assert_int_equal(w.n, 1); /* what was moved is watched still */
	watch_drop(&w, w.entries[0].wd);
	heard(&w);
	assert_int_equal(w.n, 0);
	watch_done(&w);
}

static void what_is_no_folder_or_not_there_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct watch w;
	struct err e;

	begin(&w);
	scratch_put(s, "file", "text");
	assert_int_equal(watch_add(&w, below(s, "file"), WATCH_FILES, 1, NULL, &e),
			 ERR_SYS);
	assert_int_equal(e.sysno, ENOTDIR);
	assert_int_equal(watch_add(&w, below(s, "none"), WATCH_FILES, 1, NULL, &e),
			 ERR_SYS);
	assert_int_equal(e.sysno, ENOENT);
	assert_int_equal(w.n, 0);
	watch_done(&w);
}

/* Folders come and go as generations do; the table stays in order. */
static void many_come_and_go(void **state)
{
	const struct scratch *s = *state;
	char name[16];
	struct watch w;
	struct told t;
	int wd[100];

	begin(&w);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%u", i);
		scratch_mkdir(s, name);
		wd[i] = add(&w, s, name, WATCH_FILES, i);
	}
	for (unsigned i = 0; i < 100; i += 2)
		watch_drop(&w, wd[i]);
	heard(&w);
	assert_int_equal(w.n, 50);
	for (unsigned i = 0; i < 100; i += 4) {
		snprintf(name, sizeof(name), "%u", i);
		add(&w, s, name, WATCH_FILES, i);
	}
	scratch_put(s, "8/file", "text");
	scratch_put(s, "9/file", "text");
	scratch_put(s, "10/file", "text");
	t = heard(&w);
	assert_true(was_told(&t, 8, IN_CLOSE_WRITE, "file"));
	assert_true(was_told(&t, 9, IN_CLOSE_WRITE, "file"));
	assert_false(was_told(&t, 10, IN_CLOSE_WRITE, "file"));
	watch_done(&w);
}

static unsigned queue_length(void)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	unsigned n = 0;

	if (f == NULL || fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f != NULL)
		fclose(f);
	return n;
}

static void what_was_lost_is_said_to_be(void **state)
{
	const struct scratch *s = *state;
	const unsigned most = queue_length();
	struct watch w;
	struct told t;

	if (most == 0 || most > 100000)
		skip();
	begin(&w);
	scratch_mkdir(s, "a");
	add(&w, s, "a", WATCH_FILES, 1);
	for (unsigned i = 0; i <= most / 2;
	     i++) { /* two of the same are one: each other */
		scratch_put(s, "a/file", "");
		assert_int_equal(unlinkat(s->fd, "a/file", 0), 0);
	}
	t = (struct told){ .n = TOLD_MOST - 1 };
	while (t.n == TOLD_MOST - 1) {
		struct pollfd p = { .fd = w.fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 0), 1);
		watch_read(&w, on_event, &t);
		if (t.events[TOLD_MOST - 1] != IN_Q_OVERFLOW)
			t.n = TOLD_MOST - 1;
	}
	assert_int_equal(t.who[TOLD_MOST - 1], WATCH_NOBODY);
	watch_done(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_done_to_a_file_is_told_when_it_is_done),
		TEST(reading_is_not_told),
		TEST(a_folder_that_is_known_by_two_numbers_is_told_under_both),
		TEST(a_folder_that_goes_away_is_told_and_forgotten),
		TEST(what_is_no_folder_or_not_there_is_refused),
		TEST(many_come_and_go),
		TEST(what_was_lost_is_said_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
