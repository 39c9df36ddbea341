/* file: what others plant in a folder is not followed, waited for or written to. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

static const struct file_access ours = { FILE_KEEP, FILE_KEEP, 0600 };

static int write_text(const struct scratch *s, const char *name, const char *text,
		      struct err *e)
{
	return file_write(s->fd, name, text, strlen(text), &ours, e);
}

static void what_is_planted_for_our_draft_is_refused(void **state)
{
	struct scratch *s = *state;

	for (enum plant p = 0; p < PLANTS; p++) {
		struct err e = { 0 };

		plant(s, p, ".a.everleaf");
		if (write_text(s, "a", "secret", &e) != ERR_SYS)
			fail_msg("%s: %s", plant_word(p), e.text);
		assert_non_null(strstr(e.text, ".a.everleaf is in the way"));
		scratch_expect(s, "victim", "untouched");
		assert_false(scratch_has(s, "nowhere"));
		assert_false(scratch_has(s, "a"));
		unplant(s, p, ".a.everleaf");
	}
}

static void what_stands_under_the_name_is_replaced_never_followed(void **state)
{
	struct scratch *s = *state;

	for (enum plant p = 0; p < PLANTS; p++) {
		struct err e = { 0 };
		int rc;

		plant(s, p, "a");
		rc = write_text(s, "a", "new", &e);
		if (rc != (p == PLANT_DIR ? ERR_SYS : 0))
			fail_msg("%s: %d %s", plant_word(p), rc, e.text);
		scratch_expect(s, "victim", "untouched");
		assert_false(scratch_has(s, "nowhere"));
		assert_false(scratch_has(s, ".a.everleaf"));
		if (p != PLANT_DIR)
			scratch_expect(s, "a", "new");
		unplant(s, p, "a");
	}
}

static void a_name_does_not_lead_out_of_its_folder(void **state)
{
	static const char *const names[] = { "../out", "link/out",
					     "/tmp/everleaf-out" };
	struct scratch *s = *state;
	AUTO_FD int in = -1;
	int fd = -1;
	struct err e;

	scratch_mkdir(s, "in");
	scratch_mkdir(s, "other");
	scratch_link(s, "../other", "in/link");
	in = openat(s->fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (file_write(in, names[i], "x", 1, &ours, &e) == 0)
			fail_msg("%s was written", names[i]);
	assert_true(file_create(in, "../out", "x", 1, &ours, -1, &fd, &e) < 0);
	assert_true(file_create(in, "link/out", "x", 1, &ours, -1, &fd, &e) < 0);
	assert_false(scratch_has(s, "out"));
	assert_int_equal(scratch_count(s, "other"), 0);
}

static void a_file_is_created_only_where_there_is_none(void **state)
{
	struct scratch *s = *state;

	for (enum plant p = 0; p < PLANTS; p++) {
		struct err e = { 0 };
		int fd = -1;

		plant(s, p, "a");
		assert_int_equal(file_create(s->fd, "a", "x", 1, &ours, -1, &fd, &e),
				 ERR_SYS);
		assert_int_equal(fd, -1);
		assert_int_equal(e.sysno, EEXIST);
		scratch_expect(s, "victim", "untouched");
		unplant(s, p, "a");
	}
}

static void only_regular_files_are_read(void **state)
{
	struct scratch *s = *state;

	for (enum plant p = 0; p < PLANT_HARD_LINK; p++) {
		AUTO_BUF struct buf got = { 0 };
		struct err e = { 0 };

		plant(s, p, "a");
		if (file_read(s->fd, "a", 100, &got, &e) != ERR_SYS)
			fail_msg("%s: %s", plant_word(p), e.text);
		assert_null(got.data);
		unplant(s, p, "a");
	}
}

static void a_folder_is_not_reached_over_a_link(void **state)
{
	struct scratch *s = *state;
	static const char *const below[] = { "link", "link/in", "real/../link/in" };
	char absolute[PATH_MAX + 16];
	struct err e;
	int dir = -1;

	scratch_mkdir(s, "real");
	scratch_mkdir(s, "real/in");
	scratch_link(s, "real", "link");
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		assert_int_equal(file_open_dir(s->fd, below[i], &dir, &e), ERR_SYS);
		assert_non_null(strstr(e.text, "symbolic link"));
		assert_int_equal(file_enter_dir(s->fd, below[i], &dir, &e), ERR_SYS);
	}
	snprintf(absolute, sizeof(absolute), "%s/link/in", s->path);
	assert_int_equal(file_open_dir(AT_FDCWD, absolute, &dir, &e), ERR_SYS);
	assert_int_equal(e.sysno, ELOOP);
	assert_int_equal(dir, -1);
	snprintf(absolute, sizeof(absolute), "%s/real/in", s->path);
	assert_int_equal(file_open_dir(-1, absolute, &dir, &e), 0);
	close(dir);
}

static void a_relative_path_stays_below(void **state)
{
	struct scratch *s = *state;
	AUTO_FD int in = -1;
	struct err e;
	int dir = -1;

	scratch_mkdir(s, "in");
	in = openat(s->fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_open_dir(in, "..", &dir, &e), ERR_SYS);
	assert_int_equal(file_open_dir(in, "../in", &dir, &e), ERR_SYS);
	assert_int_equal(file_enter_dir(in, "../in", &dir, &e), ERR_SYS);
	assert_int_equal(dir, -1);
}

static void a_folder_is_not_made_through_a_link(void **state)
{
	struct scratch *s = *state;
	struct err e;
	int dir = -1;

	scratch_mkdir(s, "real");
	scratch_link(s, "real", "a");
	assert_int_equal(file_make_dir(s->fd, "a", 0777, &dir, &e), ERR_SYS);
	assert_int_equal(scratch_stat(s, "real").st_mode & 07777, 0755);
	assert_int_equal(dir, -1);
}

static void a_link_to_a_folder_is_not_removed_as_one(void **state)
{
	struct scratch *s = *state;
	struct err e;

	scratch_mkdir(s, "real");
	scratch_put(s, "real/x", "x");
	scratch_link(s, "real", "a");
	assert_int_equal(file_remove_dir(s->fd, "a", &e), ERR_SYS);
	scratch_expect(s, "real/x", "x");
}

static void existing_is_seen_without_following(void **state)
{
	struct scratch *s = *state;

	scratch_put(s, "a", "");
	scratch_link(s, "nowhere", "link");
	assert_true(file_exists(s->fd, "a"));
	assert_true(file_exists(s->fd, "link"));
	assert_false(file_exists(s->fd, "nowhere"));
	assert_false(file_exists(s->fd, "a/below a file"));
}

static void a_file_is_no_folder(void **state)
{
	struct scratch *s = *state;
	struct err e;
	int dir = -1;

	scratch_put(s, "a", "");
	assert_int_equal(file_open_dir(s->fd, "a", &dir, &e), ERR_SYS);
	assert_int_equal(file_make_dir(s->fd, "a", 0755, &dir, &e), ERR_SYS);
	assert_int_equal(e.sysno, ENOTDIR);
	assert_int_equal(dir, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_planted_for_our_draft_is_refused),
		TEST(what_stands_under_the_name_is_replaced_never_followed),
		TEST(a_name_does_not_lead_out_of_its_folder),
		TEST(a_file_is_created_only_where_there_is_none),
		TEST(only_regular_files_are_read),
		TEST(a_folder_is_not_reached_over_a_link),
		TEST(a_relative_path_stays_below),
		TEST(a_folder_is_not_made_through_a_link),
		TEST(a_link_to_a_folder_is_not_removed_as_one),
		TEST(existing_is_seen_without_following),
		TEST(a_file_is_no_folder),
	};

	return cmocka_run_group_tests_name("file_planted", tests, NULL, NULL);
}
