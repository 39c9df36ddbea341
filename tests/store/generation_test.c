/* generation: what a reader may see, and what a crash may leave behind. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "store/generation.h"
#include "tests/store/generations.h"

static const struct file_access public = { FILE_KEEP, FILE_KEEP, 0644 };

static void what_is_made_live_is_what_readers_see(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	install(s, "two");
	scratch_expect(s, "live/web/privkey.pem", "two");
	scratch_expect(s, "live/web/cert.pem", "two");
	assert_int_equal(current(s), 2);
}

static void the_live_link_is_relative_so_that_the_state_can_be_moved(void **state)
{
	struct scratch *s = *state;
	char target[100] = "";

	install(s, "one");
	assert_true(readlinkat(s->fd, "live/web", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../archive/web/0000000001");
}

static void a_kept_generation_is_not_live(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	assert_int_equal(keep(s, "two"), 2);
	scratch_expect(s, "live/web/cert.pem", "one");
	scratch_expect(s, "archive/web/0000000002/cert.pem", "two");
	assert_int_equal(current(s), 1);
}

static void a_dropped_generation_leaves_nothing(void **state)
{
	struct scratch *s = *state;
	struct generation g;

	install(s, "one");
	stage(s, &g, "two");
	generation_drop(&g);
	generation_drop(&g);
	assert_int_equal(scratch_count(s, "archive/web"), 1);
	scratch_expect(s, "live/web/cert.pem", "one");
}

static void dropping_after_keeping_harms_nothing(void **state)
{
	struct scratch *s = *state;
	struct generation g;
	uint64_t number;
	struct err e;

	stage(s, &g, "one");
	assert_int_equal(generation_keep(&g, &number, &e), 0);
	generation_drop(&g);
	expect_numbers(s, "1");
}

static void numbers_go_up_from_the_highest_present(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	install(s, "two");
	keep(s, "three");
	live(s, 1);
	assert_int_equal(keep(s, "four"), 4);
	scratch_expect(s, "archive/web/0000000002/cert.pem", "two");
	scratch_expect(s, "archive/web/0000000003/cert.pem", "three");
	expect_numbers(s, "1 2 3 4");
}

static void a_rollback_and_the_way_back_are_one_move_each(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	install(s, "two");
	live(s, 1);
	scratch_expect(s, "live/web/privkey.pem", "one");
	live(s, 2);
	scratch_expect(s, "live/web/privkey.pem", "two");
}

static void who_may_read_what_is_set_on_every_level(void **state)
{
	struct scratch *s = *state;
	mode_t old = umask(077);

	install(s, "one");
	umask(old);
	assert_int_equal(scratch_stat(s, "archive/web").st_mode & 07777, 0755);
	assert_int_equal(scratch_stat(s, "archive/web/0000000001").st_mode & 07777,
			 0711);
	assert_int_equal(scratch_stat(s, "archive/web/0000000001/privkey.pem").st_mode &
			     07777,
			 0600);
	assert_int_equal(scratch_stat(s, "archive/web/0000000001/cert.pem").st_mode &
			     07777,
			 0644);
}

static void another_user_lists_numbers_and_reads_certificates_but_no_key(void **state)
{
	struct scratch *s = *state;
	AUTO_FD int dir = -1;
	struct err e;
	int cert, key;

	install(s, "one");
	if (geteuid() != 0) {
		print_message("skipped: only root can become another user\n");
		skip();
	}
	assert_int_equal(fchmod(s->fd, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	expect_numbers(s, "1");
	assert_int_equal(generation_open(s->fd, "web", 1, &dir, &e), 0);
	cert = faccessat(dir, "cert.pem", R_OK, AT_EACCESS);
	key = faccessat(dir, "privkey.pem", R_OK, AT_EACCESS);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(cert, 0);
	assert_int_equal(key, -1);
}

static void each_file_is_a_second_after_the_one_before(void **state)
{
	struct scratch *s = *state;
	struct stat st[3];

	install(s, "one");
	keep(s, "two"); /* never live: it still counts */
	install(s, "three");
	st[0] = scratch_stat(s, "archive/web/0000000001/cert.pem");
	st[1] = scratch_stat(s, "archive/web/0000000002/cert.pem");
	st[2] = scratch_stat(s, "archive/web/0000000003/cert.pem");
	assert_true(mtime_ns(&st[1]) >= mtime_ns(&st[0]) + 1000000000);
	assert_true(mtime_ns(&st[2]) >= mtime_ns(&st[1]) + 1000000000);
}

static void a_number_that_is_not_there_is_not_made_live(void **state)
{
	struct scratch *s = *state;
	struct err e;

	install(s, "one");
	assert_int_equal(generation_live(s->fd, "web", 7, &e), ERR_CONFIG);
	assert_string_equal(e.text, "web has no generation 7");
	assert_int_equal(generation_live(s->fd, "mail", 1, &e), ERR_CONFIG);
	assert_int_equal(current(s), 1);
}

static void nothing_live_is_number_zero(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(current(s), 0);
	keep(s, "one");
	assert_int_equal(current(s), 0);
}

static void a_link_to_a_generation_that_is_gone_is_nothing_live(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	assert_int_equal(renameat(s->fd, "archive/web/0000000001", s->fd, "elsewhere"),
			 0);
	assert_int_equal(current(s), 0);
	assert_int_equal(install(s, "two"), 1);
	assert_int_equal(current(s), 1);
}

static void what_is_live_but_not_ours_is_refused(void **state)
{
	static const char *const targets[] = {
		"../archive/mail/0000000001",   "../archive/web/1",
		"../archive/web/0000000001/..", "/etc",
		"../archive/web/0000000000",    "../archive/webb/0000000001",
		"../archive/web-0000000001",
	};
	struct scratch *s = *state;
	uint64_t number = 99;
	struct err e;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		scratch_link(s, targets[i], "live/web");
		if (generation_current(s->fd, "web", &number, &e) != ERR_CONFIG)
			fail_msg("%s", targets[i]);
		assert_int_equal(unlinkat(s->fd, "live/web", 0), 0);
	}
	scratch_mkdir(s, "live/web");
	assert_int_equal(generation_current(s->fd, "web", &number, &e), ERR_CONFIG);
	assert_int_equal(number, 99);
}

static void a_folder_in_the_links_place_is_not_replaced(void **state)
{
	struct scratch *s = *state;
	struct err e;

	keep(s, "one");
	scratch_mkdir(s, "live/web");
	scratch_put(s, "live/web/someones", "file");
	assert_int_equal(generation_live(s->fd, "web", 1, &e), ERR_SYS);
	scratch_expect(s, "live/web/someones", "file");
	assert_int_equal(scratch_count(s, "live"), 1);
}

static void numbers_are_listed_in_order_and_nothing_else_is(void **state)
{
	static const char *const others[] = { "12",         "00000000012", "000000001x",
					      "0000000000", ".pending",    "readme" };
	struct scratch *s = *state;

	scratch_mkdir(s, "archive/web");
	scratch_mkdir(s, "archive/web/0000000030");
	scratch_mkdir(s, "archive/web/0000000004");
	scratch_mkdir(s, "archive/web/0000000100");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char path[100];

		snprintf(path, sizeof(path), "archive/web/%s", others[i]);
		scratch_mkdir(s, path);
	}
	expect_numbers(s, "4 30 100");
}

static void a_name_without_generations_has_an_empty_list(void **state)
{
	expect_numbers(*state, "");
}

static void a_folder_that_no_one_made_is_named(void **state)
{
	struct scratch *s = *state;
	struct generation g;
	uint64_t number;
	struct err e;

	keep(s, "one");
	assert_int_equal(unlinkat(s->fd, "live", AT_REMOVEDIR), 0);
	assert_int_equal(generation_current(s->fd, "web", &number, &e), ERR_SYS);
	assert_non_null(strstr(e.text, "live"));
	assert_int_equal(e.sysno, ENOENT);
	assert_int_equal(generation_live(s->fd, "web", 1, &e), ERR_SYS);
	assert_int_equal(renameat(s->fd, "archive", s->fd, "gone"), 0);
	assert_int_equal(generation_begin(&g, s->fd, "web", &e), ERR_SYS);
	assert_non_null(strstr(e.text, "archive"));
	assert_int_equal(e.sysno, ENOENT);
	generation_drop(&g);
}

static void a_name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = { "", ".", "..", ".hidden", "a/b", "../x" };
	struct scratch *s = *state;
	char longest[300];
	struct generation g;
	uint64_t number, *numbers;
	size_t n;
	struct err e;
	int dir;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(generation_begin(&g, s->fd, names[i], &e), ERR_CONFIG);
		assert_int_equal(generation_current(s->fd, names[i], &number, &e),
				 ERR_CONFIG);
		assert_int_equal(generation_list(s->fd, names[i], &numbers, &n, &e),
				 ERR_CONFIG);
		assert_int_equal(generation_forget(s->fd, names[i], &e), ERR_CONFIG);
		assert_int_equal(generation_sweep(s->fd, names[i], &e), ERR_CONFIG);
		assert_int_equal(generation_open(s->fd, names[i], 1, &dir, &e),
				 ERR_CONFIG);
	}
	memset(longest, 'n', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(generation_begin(&g, s->fd, longest, &e), ERR_CONFIG);
	longest[200] = '\0';
	assert_int_equal(generation_begin(&g, s->fd, longest, &e), 0);
	assert_int_equal(generation_keep(&g, &number, &e), 0);
	assert_int_equal(generation_live(s->fd, longest, 1, &e), 0);
	assert_int_equal(generation_current(s->fd, longest, &number, &e), 0);
	assert_int_equal(number, 1);
}

static void a_link_in_the_archive_is_not_followed(void **state)
{
	struct scratch *s = *state;
	struct generation g;
	struct err e;
	int dir = -1;

	scratch_mkdir(s, "elsewhere");
	scratch_mkdir(s, "elsewhere/0000000001");
	scratch_link(s, "../elsewhere", "archive/web");
	assert_int_equal(generation_begin(&g, s->fd, "web", &e), ERR_SYS);
	assert_int_equal(generation_open(s->fd, "web", 1, &dir, &e), ERR_SYS);
	assert_int_equal(scratch_count(s, "elsewhere"), 1);
	assert_int_equal(dir, -1);
}

static void a_stage_planted_as_a_link_is_not_followed(void **state)
{
	struct scratch *s = *state;
	struct generation g;
	struct err e;

	scratch_mkdir(s, "elsewhere");
	scratch_put(s, "elsewhere/kept", "kept");
	scratch_mkdir(s, "archive/web");
	scratch_link(s, "../../elsewhere", "archive/web/.stage");
	assert_int_equal(generation_begin(&g, s->fd, "web", &e), ERR_SYS);
	scratch_expect(s, "elsewhere/kept", "kept");
}

static void a_failing_write_leaves_the_live_generation_whole(void **state)
{
	struct scratch *s = *state;
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	struct err e;

	install(s, "one");
	stage(s, &g, "two");
	/* The same name again: as good a failure as a full disk. */
	assert_int_equal(generation_add(&g, "cert.pem", "x", 1, &public, &e), ERR_SYS);
	generation_drop(&g);
	scratch_expect(s, "live/web/cert.pem", "one");
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_made_live_is_what_readers_see),
		TEST(the_live_link_is_relative_so_that_the_state_can_be_moved),
		TEST(a_kept_generation_is_not_live),
		TEST(a_dropped_generation_leaves_nothing),
		TEST(dropping_after_keeping_harms_nothing),
		TEST(numbers_go_up_from_the_highest_present),
		TEST(a_rollback_and_the_way_back_are_one_move_each),
		TEST(who_may_read_what_is_set_on_every_level),
		TEST(another_user_lists_numbers_and_reads_certificates_but_no_key),
		TEST(each_file_is_a_second_after_the_one_before),
		TEST(a_number_that_is_not_there_is_not_made_live),
		TEST(nothing_live_is_number_zero),
		TEST(a_link_to_a_generation_that_is_gone_is_nothing_live),
		TEST(what_is_live_but_not_ours_is_refused),
		TEST(a_folder_in_the_links_place_is_not_replaced),
		TEST(numbers_are_listed_in_order_and_nothing_else_is),
		TEST(a_name_without_generations_has_an_empty_list),
		TEST(a_folder_that_no_one_made_is_named),
		TEST(a_name_that_leads_elsewhere_is_refused),
		TEST(a_link_in_the_archive_is_not_followed),
		TEST(a_stage_planted_as_a_link_is_not_followed),
		TEST(a_failing_write_leaves_the_live_generation_whole),
	};

	return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}
