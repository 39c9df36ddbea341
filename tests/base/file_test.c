/* file: what is written is whole and where it was meant to be, or not there. */
#include "tests/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

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

static void put_ok(const struct scratch *s, const char *name, const char *text)
{
	struct err e;

	if (write_text(s, name, text, &e) < 0)
		fail_msg("%s", e.text);
}

static void set_mtime(const struct scratch *s, const char *name, time_t sec, long nsec)
{
	struct timespec t[2] = { { sec, nsec }, { sec, nsec } };

	assert_int_equal(utimensat(s->fd, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void a_written_file_is_what_readers_see(void **state)
{
	struct scratch *s = *state;

	put_ok(s, "a", "one");
	put_ok(s, "a", "two");
	scratch_expect(s, "a", "two");
	assert_int_equal(scratch_count(s, "."), 1);
}

static void an_empty_file_can_be_written(void **state)
{
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(file_write(s->fd, "a", NULL, 0, &ours, &e), 0);
	scratch_expect(s, "a", "");
}

static void the_mode_is_as_asked_whatever_the_umask(void **state)
{
	static const mode_t modes[] = { 0600, 0640, 0644, 0666, 0400 };
	struct scratch *s = *state;
	mode_t old = umask(077);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct file_access access = { FILE_KEEP, FILE_KEEP, modes[i] };
		struct err e;

		assert_int_equal(file_write(s->fd, "a", "x", 1, &access, &e), 0);
		assert_int_equal(scratch_stat(s, "a").st_mode & 07777, modes[i]);
	}
	umask(old);
}

static void setuid_bits_are_never_set(void **state)
{
	struct scratch *s = *state;
	struct file_access access = { FILE_KEEP, FILE_KEEP, 06755 };
	struct err e;

	assert_int_equal(file_write(s->fd, "a", "x", 1, &access, &e), 0);
	assert_int_equal(scratch_stat(s, "a").st_mode & 07777, 0755);
}

static void the_owner_is_as_asked(void **state)
{
	struct scratch *s = *state;
	struct file_access access = { 1234, 4321, 0640 };
	struct stat st;
	struct err e;

	if (geteuid() != 0) {
		print_message("skipped: only root may give a file away\n");
		skip();
	}
	assert_int_equal(file_write(s->fd, "a", "x", 1, &access, &e), 0);
	st = scratch_stat(s, "a");
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 4321);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void naming_oneself_as_owner_needs_no_privilege(void **state)
{
	struct scratch *s = *state;
	struct file_access access = { geteuid(), getegid(), 0600 };
	struct err e;

	assert_int_equal(file_write(s->fd, "a", "x", 1, &access, &e), 0);
	assert_int_equal(scratch_stat(s, "a").st_uid, geteuid());
}

static void an_owner_that_may_not_be_given_is_an_error_that_names_him(void **state)
{
	struct scratch *s = *state;
	struct file_access access = { 1234, FILE_KEEP, 0600 };
	struct err e;

	put_ok(s, "a", "old");
	/* Root that looks at the folder as someone else is an ordinary user. */
	assert_int_equal(fchmod(s->fd, 0777), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(file_write(s->fd, "a", "new", 3, &access, &e), ERR_SYS);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(e.sysno, EPERM);
	assert_non_null(strstr(e.text, "a.everleaf"));
	assert_non_null(strstr(e.text, "1234"));
	scratch_expect(s, "a", "old");
	assert_int_equal(scratch_count(s, "."), 1);
}

static void the_mtime_moves_a_second_against_the_file_replaced(void **state)
{
	struct scratch *s = *state;
	struct stat old, new;

	put_ok(s, "a", "one");
	for (int i = 0; i < 3; i++) {
		old = scratch_stat(s, "a");
		put_ok(s, "a", "two");
		new = scratch_stat(s, "a");
		assert_true(mtime_ns(&new) >= mtime_ns(&old) + 1000000000);
	}
}

static void the_mtime_moves_on_from_one_in_the_future(void **state)
{
	struct scratch *s = *state;

	put_ok(s, "a", "one");
	set_mtime(s, "a", 4000000000, 5);
	put_ok(s, "a", "two");
	assert_int_equal(scratch_stat(s, "a").st_mtim.tv_sec, 4000000001);
}

static void an_old_mtime_gives_way_to_the_time_it_is(void **state)
{
	struct scratch *s = *state;

	put_ok(s, "a", "one");
	set_mtime(s, "a", 1000, 0);
	put_ok(s, "a", "two");
	assert_true(scratch_stat(s, "a").st_mtim.tv_sec > 1600000000);
}

static void a_leftover_of_a_crash_is_removed(void **state)
{
	struct scratch *s = *state;

	scratch_put(s, ".a.everleaf", "half a k");
	put_ok(s, "a", "whole");
	scratch_expect(s, "a", "whole");
	assert_int_equal(scratch_count(s, "."), 1);
}

static void a_sweep_removes_the_leftover_and_nothing_else(void **state)
{
	struct scratch *s = *state;
	struct err e;

	put_ok(s, "a", "whole");
	scratch_put(s, ".a.everleaf", "half");
	scratch_put(s, ".b.everleaf", "another's");
	assert_int_equal(file_sweep(s->fd, "a", &e), 0);
	assert_false(scratch_has(s, ".a.everleaf"));
	assert_true(scratch_has(s, ".b.everleaf"));
	scratch_expect(s, "a", "whole");
	assert_int_equal(file_sweep(s->fd, "a", &e), 0);
}

static void a_name_too_long_for_its_draft_is_refused(void **state)
{
	struct scratch *s = *state;
	char name[NAME_MAX + 1] = "";
	struct err e;

	memset(name, 'n', NAME_MAX - 4);
	assert_int_equal(write_text(s, name, "x", &e), ERR_CONFIG);
	assert_int_equal(scratch_count(s, "."), 0);
}

static void a_created_file_is_a_second_after_the_older_one(void **state)
{
	struct scratch *s = *state;
	AUTO_FD int older = -1;
	AUTO_FD int a = -1, b = -1;
	struct stat old, new;
	struct err e;

	scratch_mkdir(s, "older");
	scratch_put(s, "older/a", "one");
	older = openat(s->fd, "older", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_create(s->fd, "a", "two", 3, &ours, older, &a, &e), 0);
	assert_int_equal(file_create(s->fd, "b", "two", 3, &ours, older, &b, &e), 0);
	assert_int_equal(file_settle(&a, "a", &e), 0);
	assert_int_equal(a, -1);
	old = scratch_stat(s, "older/a");
	new = scratch_stat(s, "a");
	assert_true(mtime_ns(&new) >= mtime_ns(&old) + 1000000000);
	new = scratch_stat(s, "b");
	assert_true(mtime_ns(&new) < mtime_ns(&old) + 1000000000);
}

static void a_write_cut_short_leaves_the_old_file(void **state)
{
	struct scratch *s = *state;
	struct rlimit old, small;
	static char big[8192];
	struct err e;
	int rc;

	memset(big, 'x', sizeof(big));
	put_ok(s, "a", "old");
	/* The kernel writes what is below the limit, then says EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ 5000, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = file_write(s->fd, "a", big, sizeof(big), &ours, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);

	assert_int_equal(rc, ERR_SYS);
	assert_int_equal(e.sysno, EFBIG);
	scratch_expect(s, "a", "old");
	assert_int_equal(scratch_count(s, "."), 1);
}

/* A file system of 256 KiB and 16 inodes; skips where that is not allowed. No path
 * leads to it, and it is gone with the descriptor. */
static int small_disk(const struct scratch *s)
{
	static char path[PATH_MAX + 8];
	int disk;

	snprintf(path, sizeof(path), "%s/disk", s->path);
	scratch_mkdir(s, "disk");
	if (mount("tmpfs", path, "tmpfs", MS_NODEV, "size=256k,nr_inodes=16") < 0) {
		print_message("skipped: a file system cannot be mounted here\n");
		skip();
	}
	disk = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_true(disk >= 0);
	return disk;
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	static char big[512 * 1024];
	AUTO_FD int disk = small_disk(*state);
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	assert_int_equal(file_write(disk, "a", "old", 3, &ours, &e), 0);
	assert_int_equal(file_write(disk, "a", big, sizeof(big), &ours, &e), ERR_SYS);
	assert_int_equal(e.sysno, ENOSPC);
	assert_int_equal(file_read(disk, "a", 100, &got, &e), 0);
	assert_string_equal(got.data, "old");
	assert_false(file_exists(disk, ".a.everleaf"));
}

static void room_is_asked_for_twice_over(void **state)
{
	AUTO_FD int disk = small_disk(*state);
	struct err e;

	assert_int_equal(file_room(disk, 16 * 1024, 2, &e), 0);
	assert_int_equal(file_room(disk, 160 * 1024, 1, &e), ERR_SYS);
	assert_string_equal(strstr(e.text, " free"), " free, 336 KiB needed");
	assert_int_equal(file_room(disk, 16 * 1024, 30, &e),
			 ERR_SYS); /* a block each */
	assert_string_equal(strstr(e.text, " free"), " free, 280 KiB needed");
	assert_int_equal(file_room(disk, 1, 9, &e), ERR_SYS);
	assert_string_equal(strstr(e.text, "inodes"), "inodes free, 18 needed");
}

static void room_for_more_than_there_can_be_is_refused(void **state)
{
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(file_room(s->fd, 1, 1, &e), 0);
	assert_int_equal(file_room(s->fd, UINT64_MAX, UINT64_MAX, &e), ERR_SYS);
	assert_int_equal(file_room(s->fd, UINT64_MAX, 1, &e), ERR_SYS);
}

static void a_file_is_read_up_to_its_limit(void **state)
{
	struct scratch *s = *state;
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	scratch_put(s, "a", "12345");
	buf_puts(&got, "what was here before");
	assert_int_equal(file_read(s->fd, "a", 5, &got, &e), 0);
	assert_string_equal(got.data, "12345");
	assert_int_equal(file_read(s->fd, "a", 4, &got, &e), ERR_LIMIT);
	assert_string_equal(got.data, "12345");
}

static void a_file_larger_than_one_read_is_whole(void **state)
{
	struct scratch *s = *state;
	AUTO_BUF struct buf got = { 0 };
	static char big[100000];
	struct err e;

	memset(big, 'y', sizeof(big));
	assert_int_equal(file_write(s->fd, "a", big, sizeof(big), &ours, &e), 0);
	assert_int_equal(file_read(s->fd, "a", sizeof(big), &got, &e), 0);
	assert_int_equal(got.len, sizeof(big));
	assert_memory_equal(got.data, big, sizeof(big));
}

static void a_missing_file_is_told_by_its_errno(void **state)
{
	struct scratch *s = *state;
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	assert_int_equal(file_read(s->fd, "none", 100, &got, &e), ERR_SYS);
	assert_int_equal(e.sysno, ENOENT);
	assert_non_null(strstr(e.text, "none"));
}

static void descriptors_are_not_inherited(void **state)
{
	struct scratch *s = *state;
	AUTO_FD int opened = -1, entered = -1, made = -1;
	struct err e;

	assert_int_equal(file_make_dir(s->fd, "a", 0755, &made, &e), 0);
	assert_int_equal(file_open_dir(s->fd, "a", &opened, &e), 0);
	assert_int_equal(file_enter_dir(s->fd, "a", &entered, &e), 0);
	assert_int_equal(fcntl(made, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(opened, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(entered, F_GETFD), FD_CLOEXEC);
}

static void a_folder_has_its_mode_whatever_it_had(void **state)
{
	struct scratch *s = *state;
	mode_t old = umask(077);
	struct err e;
	int dir = -1;

	assert_int_equal(file_make_dir(s->fd, "a", 0755, &dir, &e), 0);
	close(dir);
	assert_int_equal(scratch_stat(s, "a").st_mode & 07777, 0755);
	scratch_mkdir(s, "b"); /* 0700: a crash before the mode was set */
	assert_int_equal(file_make_dir(s->fd, "b", 0711, &dir, &e), 0);
	close(dir);
	assert_int_equal(scratch_stat(s, "b").st_mode & 07777, 0711);
	umask(old);
}

static void a_removed_folder_takes_its_files_and_no_others(void **state)
{
	struct scratch *s = *state;
	struct err e;

	scratch_put(s, "kept", "kept");
	scratch_mkdir(s, "a");
	scratch_put(s, "a/one", "");
	scratch_put(s, "a/.two", "");
	scratch_link(s, "../kept", "a/link");
	assert_int_equal(mkfifoat(s->fd, "a/fifo", 0600), 0);
	assert_int_equal(file_remove_dir(s->fd, "a", &e), 0);
	assert_false(scratch_has(s, "a"));
	scratch_expect(s, "kept", "kept");
	assert_int_equal(file_remove_dir(s->fd, "a", &e), 0);
}

static void a_folder_within_stops_the_removal(void **state)
{
	struct scratch *s = *state;
	struct err e;

	scratch_mkdir(s, "a");
	scratch_mkdir(s, "a/in");
	scratch_put(s, "a/in/x", "x");
	assert_int_equal(file_remove_dir(s->fd, "a", &e), ERR_SYS);
	assert_non_null(strstr(e.text, "a/in"));
	scratch_expect(s, "a/in/x", "x");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_written_file_is_what_readers_see),
		TEST(an_empty_file_can_be_written),
		TEST(the_mode_is_as_asked_whatever_the_umask),
		TEST(setuid_bits_are_never_set),
		TEST(the_owner_is_as_asked),
		TEST(naming_oneself_as_owner_needs_no_privilege),
		TEST(an_owner_that_may_not_be_given_is_an_error_that_names_him),
		TEST(the_mtime_moves_a_second_against_the_file_replaced),
		TEST(the_mtime_moves_on_from_one_in_the_future),
		TEST(an_old_mtime_gives_way_to_the_time_it_is),
		TEST(a_leftover_of_a_crash_is_removed),
		TEST(a_sweep_removes_the_leftover_and_nothing_else),
		TEST(a_name_too_long_for_its_draft_is_refused),
		TEST(a_created_file_is_a_second_after_the_older_one),
		TEST(a_write_cut_short_leaves_the_old_file),
		TEST(a_full_disk_leaves_the_old_file),
		TEST(room_is_asked_for_twice_over),
		TEST(room_for_more_than_there_can_be_is_refused),
		TEST(a_file_is_read_up_to_its_limit),
		TEST(a_file_larger_than_one_read_is_whole),
		TEST(a_missing_file_is_told_by_its_errno),
		TEST(descriptors_are_not_inherited),
		TEST(a_folder_has_its_mode_whatever_it_had),
		TEST(a_removed_folder_takes_its_files_and_no_others),
		TEST(a_folder_within_stops_the_removal),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
