/* publish: what servers find, exactly so, and nothing else touched. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/acl.h"
#include "base/auto.h"
#include "base/err.h"
#include "store/publish.h"
#include "tests/store/sets.h"

static int folder_in(void **state)
{
	struct scratch *s;

	if (scratch_in(state) < 0)
		return -1;
	s = *state;
	return mkdirat(s->fd, "out", 0755);
}

static char *path_of(const struct scratch *s, const char *name)
{
	static char path[PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	return path;
}

static struct publish_file file_of(const struct scratch *s, enum content_kind content)
{
	return (struct publish_file){ path_of(s, "out/web.pem"),
				      { .kind = content },
				      { FILE_KEEP, FILE_KEEP, 0640 } };
}

static void write_ok(const struct set *set, const struct publish_file *file)
{
	struct err e = { 0 };

	if (publish_write(set, file, &e) < 0)
		fail_msg("%s", e.text);
}

static unsigned audit(const struct set *set, const struct publish_file *file)
{
	unsigned differs = 99;
	struct err e = { 0 };

	if (publish_audit(set, file, &differs, &e) < 0)
		fail_msg("%s", e.text);
	return differs;
}

static void a_published_file_is_exactly_as_configured(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_KEY);

	make_set(&set);
	assert_int_equal(audit(&set, &file), TARGET_MISSING);
	write_ok(&set, &file);
	scratch_expect(s, "out/web.pem", set.key.data);
	assert_int_equal(scratch_stat(s, "out/web.pem").st_mode & 07777, 0640);
	assert_int_equal(scratch_count(s, "out"), 1);
	assert_int_equal(audit(&set, &file), 0);
}

static void an_empty_chain_is_an_empty_file(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CHAIN);

	write_ok(&set, &file);
	scratch_expect(s, "out/web.pem", "");
	assert_int_equal(audit(&set, &file), 0);
	scratch_put(s, "out/web.pem", "x");
	assert_int_equal(audit(&set, &file), TARGET_CONTENT);
}

static void what_is_already_so_is_not_written_again(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_COMBINED);
	struct stat before, after, folder_before, folder_after;

	make_set(&set);
	write_ok(&set, &file);
	before = scratch_stat(s, "out/web.pem");
	folder_before = scratch_stat(s, "out");
	write_ok(&set, &file);
	after = scratch_stat(s, "out/web.pem");
	folder_after = scratch_stat(s, "out");
	assert_int_equal(before.st_ino, after.st_ino);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(after.st_mtim));
	assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(after.st_ctim));
	assert_memory_equal(&folder_before.st_mtim, &folder_after.st_mtim,
			    sizeof(folder_after.st_mtim));
}

static void a_new_content_is_a_new_file_a_second_later(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_KEY);
	struct stat before, after;

	make_set(&set);
	write_ok(&set, &file);
	before = scratch_stat(s, "out/web.pem");
	file.content.kind = CONTENT_COMBINED;
	assert_int_equal(audit(&set, &file), TARGET_CONTENT);
	write_ok(&set, &file);
	after = scratch_stat(s, "out/web.pem");
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_true(mtime_ns(&after) >= mtime_ns(&before) + 1000000000);
	assert_int_equal(audit(&set, &file), 0);
}

static void one_changed_byte_is_seen_and_mended(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CERT);
	int fd;

	make_set(&set);
	write_ok(&set, &file);
	fd = openat(s->fd, "out/web.pem", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "X", 1, 40), 1);
	close(fd);
	assert_int_equal(audit(&set, &file), TARGET_CONTENT);
	write_ok(&set, &file);
	scratch_expect(s, "out/web.pem", set.cert.data);
}

static void a_changed_mode_is_seen_and_mended(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CERT);

	make_set(&set);
	write_ok(&set, &file);
	assert_int_equal(fchmodat(s->fd, "out/web.pem", 04640, 0), 0);
	assert_int_equal(audit(&set, &file), TARGET_MODE);
	write_ok(&set, &file);
	assert_int_equal(scratch_stat(s, "out/web.pem").st_mode & 07777, 0640);
}

static void a_file_that_its_owner_cannot_read_is_mended(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CERT);

	make_set(&set);
	write_ok(&set, &file);
	assert_int_equal(fchmodat(s->fd, "out/web.pem", 0200, 0), 0);
	assert_int_not_equal(audit(&set, &file), 0);
	write_ok(&set, &file);
	scratch_expect(s, "out/web.pem", set.cert.data);
}

static void a_changed_owner_is_seen_and_mended(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CERT);
	struct stat st;

	if (geteuid() != 0) {
		print_message("skipped: only root may give a file away\n");
		skip();
	}
	make_set(&set);
	file.access = (struct file_access){ 33, 44, 0640 };
	write_ok(&set, &file);
	st = scratch_stat(s, "out/web.pem");
	assert_int_equal(st.st_uid, 33);
	assert_int_equal(st.st_gid, 44);
	assert_int_equal(audit(&set, &file), 0);
	assert_int_equal(fchownat(s->fd, "out/web.pem", 33, 45, 0), 0);
	assert_int_equal(audit(&set, &file), TARGET_OWNER);
	assert_int_equal(fchownat(s->fd, "out/web.pem", 34, 44, 0), 0);
	assert_int_equal(audit(&set, &file), TARGET_OWNER);
	write_ok(&set, &file);
	assert_int_equal(audit(&set, &file), 0);
}

/* Who is named in an access control list is let in by whoever made it; what the mode
 * then shows as the group's is the mask. */
static void an_access_control_list_is_no_difference(void **state)
{
	const struct acl acl = { 5,
				 { { ACL_OWNER, 6, 0 },
				   { ACL_USER, 6, 61101 },
				   { ACL_GROUP_OF_FILE, 4, 0 },
				   { ACL_MASK, 6, 0 },
				   { ACL_OTHER, 0, 0 } } };
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_KEY);
	AUTO_FD int fd = -1;
	struct err e;

	make_set(&set);
	write_ok(&set, &file);
	fd = openat(s->fd, "out/web.pem", O_RDONLY | O_CLOEXEC);
	if (acl_write(fd, &acl, &e) < 0) {
		print_message("skipped: %s\n", e.text);
		skip();
	}
	assert_int_equal(scratch_stat(s, "out/web.pem").st_mode & 0777, 0660);
	assert_int_equal(audit(&set, &file), 0);
	file.access.mode = 0600;
	assert_int_equal(audit(&set, &file), TARGET_MODE);
	write_ok(&set, &file);
	assert_int_equal(audit(&set, &file), 0);
}

static void an_owner_that_may_not_be_given_is_named_with_the_path(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CERT);
	struct err e;

	make_set(&set);
	file.access.uid = 1234;
	assert_int_equal(fchmod(s->fd, 0755), 0);
	assert_int_equal(fchmodat(s->fd, "out", 0777, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(publish_write(&set, &file, &e), ERR_SYS);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(e.sysno, EPERM);
	assert_non_null(strstr(e.text, file.path));
	assert_non_null(strstr(e.text, "1234"));
	assert_int_equal(scratch_count(s, "out"), 0);
}

/* `at` is the place itself or that of the draft: neither is followed or replaced. */
static void expect_refused(const struct scratch *s, const char *at)
{
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_KEY);

	make_set(&set);
	for (enum plant p = 0; p < PLANTS; p++) {
		struct err e = { 0 };
		struct stat before, after;

		plant(s, p, at);
		before = scratch_stat(s, at);
		if (publish_write(&set, &file, &e) != ERR_SYS)
			fail_msg("%s: %s", plant_word(p), e.text);
		assert_non_null(strstr(e.text, file.path));
		after = scratch_stat(s, at);
		assert_int_equal(before.st_ino, after.st_ino);
		plant_expect_harmless(s);
		assert_int_equal(scratch_count(s, "out"), 1);
		assert_int_equal(unlinkat(s->fd, at, p == PLANT_DIR ? AT_REMOVEDIR : 0),
				 0);
	}
}

static void what_is_planted_in_the_place_is_refused(void **state)
{
	expect_refused(*state, "out/web.pem");
}

static void what_is_planted_beside_the_place_is_refused(void **state)
{
	expect_refused(*state, "out/.web.pem.everleaf");
}

static void what_is_planted_is_reported_as_strange(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CHAIN);

	for (enum plant p = 0; p < PLANTS; p++) {
		plant(s, p, "out/web.pem");
		if (audit(&set, &file) != TARGET_STRANGE)
			fail_msg("%s", plant_word(p));
		assert_int_equal(unlinkat(s->fd, "out/web.pem",
					  p == PLANT_DIR ? AT_REMOVEDIR : 0),
				 0);
	}
}

static void a_folder_over_a_link_is_refused(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CHAIN);
	struct err e;

	scratch_link(s, "out", "over");
	file.path = path_of(s, "over/web.pem");
	assert_int_equal(publish_write(&set, &file, &e), ERR_SYS);
	assert_non_null(strstr(e.text, "symbolic link"));
	assert_non_null(strstr(e.text, file.path));
	assert_int_equal(scratch_count(s, "out"), 0);
}

static void a_missing_folder_is_an_error_and_not_made(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CHAIN);
	unsigned differs = 99;
	struct err e;

	file.path = path_of(s, "missing/web.pem");
	assert_int_equal(publish_write(&set, &file, &e), ERR_SYS);
	assert_int_equal(e.sysno, ENOENT);
	assert_non_null(strstr(e.text, file.path));
	assert_false(scratch_has(s, "missing"));
	assert_int_equal(publish_audit(&set, &file, &differs, &e), ERR_SYS);
	assert_int_equal(differs, 99);
}

static void only_absolute_paths_of_files_are_written(void **state)
{
	static const char *const paths[] = { "out/web.pem", "web.pem", "", "/tmp/" };
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(*state, CONTENT_CHAIN);
	struct err e;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		file.path = paths[i];
		assert_int_equal(publish_write(&set, &file, &e), ERR_CONFIG);
	}
}

static void a_leftover_of_a_crash_goes_even_if_nothing_is_to_be_written(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_KEY);
	ino_t inode;

	make_set(&set);
	scratch_put(s, "out/.web.pem.everleaf", "half a k");
	write_ok(&set, &file);
	assert_int_equal(scratch_count(s, "out"), 1);
	inode = scratch_stat(s, "out/web.pem").st_ino;
	scratch_put(s, "out/.web.pem.everleaf", "half a k");
	write_ok(&set, &file);
	assert_int_equal(scratch_count(s, "out"), 1);
	assert_int_equal(scratch_stat(s, "out/web.pem").st_ino, inode);
}

static void files_of_others_beside_ours_are_left_alone(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CHAIN);

	scratch_put(s, "out/other.pem", "other");
	scratch_put(s, "out/.other.pem.everleaf", "in work");
	write_ok(&set, &file);
	scratch_expect(s, "out/other.pem", "other");
	scratch_expect(s, "out/.other.pem.everleaf", "in work");
}

static void an_old_file_stays_when_the_new_one_cannot_be_rendered(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 };
	struct publish_file file = file_of(s, CONTENT_CA);
	struct err e;

	scratch_put(s, "out/web.pem", "old");
	assert_int_equal(publish_write(&set, &file, &e), ERR_CONFIG);
	scratch_expect(s, "out/web.pem", "old");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_published_file_is_exactly_as_configured),
		TEST(an_empty_chain_is_an_empty_file),
		TEST(what_is_already_so_is_not_written_again),
		TEST(a_new_content_is_a_new_file_a_second_later),
		TEST(one_changed_byte_is_seen_and_mended),
		TEST(a_changed_mode_is_seen_and_mended),
		TEST(a_file_that_its_owner_cannot_read_is_mended),
		TEST(a_changed_owner_is_seen_and_mended),
		TEST(an_access_control_list_is_no_difference),
		TEST(an_owner_that_may_not_be_given_is_named_with_the_path),
		TEST(what_is_planted_in_the_place_is_refused),
		TEST(what_is_planted_beside_the_place_is_refused),
		TEST(what_is_planted_is_reported_as_strange),
		TEST(a_folder_over_a_link_is_refused),
		TEST(a_missing_folder_is_an_error_and_not_made),
		TEST(only_absolute_paths_of_files_are_written),
		TEST(a_leftover_of_a_crash_goes_even_if_nothing_is_to_be_written),
		TEST(files_of_others_beside_ours_are_left_alone),
		TEST(an_old_file_stays_when_the_new_one_cannot_be_rendered),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
