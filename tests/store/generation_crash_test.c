/* generation: what a crash leaves, what is kept, and how a name is forgotten. */
#include "tests/scratch.h"

#include "base/auto.h"
#include "base/err.h"
#include "store/generation.h"
#include "tests/store/generations.h"

static void a_crash_while_staging_is_begun_anew(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	scratch_mkdir(s, "archive/web/.stage");
	scratch_put(s, "archive/web/.stage/privkey.pem", "half a k");
	assert_int_equal(install(s, "two"), 2);
	scratch_expect(s, "live/web/privkey.pem", "two");
	assert_int_equal(scratch_count(s, "archive/web"), 2);
}

static void a_crash_between_link_and_rename_is_begun_anew(void **state)
{
	struct scratch *s = *state;

	install(s, "one");
	keep(s, "two");
	scratch_link(s, "../archive/web/0000000002", "live/.web.next");
	live(s, 2);
	assert_int_equal(current(s), 2);
	assert_int_equal(scratch_count(s, "live"), 1);
}

static void a_crash_between_keeping_and_going_live_costs_a_number(void **state)
{
	struct scratch *s = *state;
	struct err e;

	install(s, "one");
	keep(s, "orphan");
	assert_int_equal(install(s, "three"), 3);
	assert_int_equal(current(s), 3);
	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), 0);
	expect_numbers(s, "3");
}

static void a_sweep_removes_what_crashes_left_and_nothing_else(void **state)
{
	struct scratch *s = *state;
	struct err e;

	install(s, "one");
	keep(s, "two");
	scratch_mkdir(s, "archive/web/.stage");
	scratch_put(s, "archive/web/.stage/privkey.pem", "half a k");
	scratch_mkdir(s, "archive/web/.old");
	scratch_put(s, "archive/web/.old/cert.pem", "old");
	scratch_put(s, "archive/web/.pending", "waits");
	scratch_link(s, "../archive/web/0000000002", "live/.web.next");
	assert_int_equal(generation_sweep(s->fd, "web", &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 3);
	assert_true(scratch_has(s, "archive/web/.pending"));
	assert_int_equal(scratch_count(s, "live"), 1);
	assert_int_equal(current(s), 1);
	assert_int_equal(generation_sweep(s->fd, "never", &e), 0);
}

static void pruning_keeps_what_it_must(void **state)
{
	static const struct row {
		const char *name;
		unsigned keep;
		uint64_t live, held;
		const char *left;
	} rows[] = {
		{ "the newest three", 3, 6, 0, "4 5 6" },
		{ "only the live one", 1, 6, 0, "6" },
		{ "the live one even with zero", 0, 6, 0, "6" },
		{ "more than there are", 9, 6, 0, "1 2 3 4 5 6" },
		{ "what is above the live one", 1, 4, 0, "4 5 6" },
		{ "held below the live one", 2, 6, 2, "2 5 6" },
		{ "held above the live one", 2, 4, 6, "3 4 5 6" },
		{ "everything while nothing is live", 1, 0, 0, "1 2 3 4 5 6" },
		{ "a held one that is not there", 2, 6, 17, "5 6" },
		{ "the largest keep", UINT32_MAX, 6, 0, "1 2 3 4 5 6" },
	};
	struct scratch *s = *state;
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		print_message("  %s\n", r->name);
		for (int n = 0; n < 6; n++)
			keep(s, "x");
		if (r->live > 0)
			live(s, r->live);
		assert_int_equal(generation_prune(s->fd, "web", r->keep, r->held, &e),
				 0);
		expect_numbers(s, r->left);
		if (r->live > 0)
			assert_int_equal(current(s), r->live);
		assert_int_equal(generation_forget(s->fd, "web", &e), 0);
	}
}

static void pruning_goes_on_where_a_crash_stopped_it(void **state)
{
	struct scratch *s = *state;
	struct err e;

	for (int n = 0; n < 3; n++)
		install(s, "x");
	scratch_mkdir(s, "archive/web/.old");
	scratch_put(s, "archive/web/.old/cert.pem", "half gone");
	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

/* A folder in it, as an immutable file or a mount: all else goes, and it is said once. */
static void pruning_goes_on_past_what_cannot_be_removed(void **state)
{
	struct scratch *s = *state;
	struct err e;

	for (int n = 0; n < 5; n++)
		install(s, "x");
	scratch_mkdir(s, "archive/web/0000000001/kept");
	scratch_mkdir(s, "archive/web/.old.0000000003");
	scratch_mkdir(s, "archive/web/.old.0000000003/in the way");
	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), ERR_SYS);
	assert_non_null(strstr(e.text, "remove .old.0000000001/kept"));
	assert_true(scratch_has(s, "archive/web/.old.0000000001/kept"));
	assert_false(scratch_has(s, "archive/web/.old.0000000001/privkey.pem"));
	assert_true(scratch_has(s, "archive/web/0000000003/privkey.pem"));
	assert_int_equal(scratch_count(s, "archive/web"), 4);
	install(s, "x");
	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), ERR_SYS);
	assert_null(strstr(e.text, "0000000001"));
	assert_int_equal(generation_sweep(s->fd, "web", &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 4);
	unlinkat(s->fd, "archive/web/.old.0000000001/kept", AT_REMOVEDIR);
	unlinkat(s->fd, "archive/web/.old.0000000003/in the way", AT_REMOVEDIR);
	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

static void what_could_not_be_removed_is_swept_and_forgotten(void **state)
{
	struct scratch *s = *state;
	struct err e;

	install(s, "x");
	for (int n = 0; n < 2; n++) {
		scratch_mkdir(s, "archive/web/.old.0000000001");
		scratch_put(s, "archive/web/.old.0000000001/privkey.pem", "old");
		assert_int_equal(n == 0 ? generation_sweep(s->fd, "web", &e)
					: generation_forget(s->fd, "web", &e),
				 0);
		assert_false(scratch_has(s, "archive/web/.old.0000000001"));
	}
}

static void pruning_of_nothing_is_fine(void **state)
{
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), 0);
}

static void forgetting_leaves_nothing_of_the_name_and_all_of_others(void **state)
{
	struct scratch *s = *state;
	struct err e;

	install(s, "one");
	install(s, "two");
	scratch_put(s, "archive/web/.pending", "waits");
	scratch_put(s, "archive/web/..pending.everleaf", "half a k");
	scratch_mkdir(s, "archive/web/.old");
	scratch_mkdir(s, "archive/web/.stage");
	scratch_link(s, "../archive/web/0000000002", "live/.web.next");
	scratch_mkdir(s, "archive/web2");
	scratch_link(s, "../archive/web2/0000000001", "live/web2");
	assert_int_equal(generation_forget(s->fd, "web", &e), 0);
	assert_int_equal(scratch_count(s, "archive"), 1);
	assert_int_equal(scratch_count(s, "live"), 1);
	assert_int_equal(generation_forget(s->fd, "web", &e), 0);
}

static void forgetting_goes_on_where_a_crash_stopped_it(void **state)
{
	struct scratch *s = *state;
	struct err e;

	install(s, "one");
	keep(s, "two");
	assert_int_equal(unlinkat(s->fd, "live/web", 0), 0);
	assert_int_equal(generation_forget(s->fd, "web", &e), 0);
	assert_int_equal(scratch_count(s, "archive"), 0);
}

static void no_descriptor_is_left_open(void **state)
{
	struct scratch *s = *state;
	int before = dup(s->fd), after;
	struct err e;

	close(before);
	for (int i = 0; i < 4; i++)
		install(s, "x");
	assert_int_equal(generation_prune(s->fd, "web", 1, 0, &e), 0);
	assert_int_equal(generation_sweep(s->fd, "web", &e), 0);
	assert_int_equal(generation_forget(s->fd, "web", &e), 0);
	after = dup(s->fd);
	close(after);
	assert_int_equal(after, before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_crash_while_staging_is_begun_anew),
		TEST(a_crash_between_link_and_rename_is_begun_anew),
		TEST(a_crash_between_keeping_and_going_live_costs_a_number),
		TEST(a_sweep_removes_what_crashes_left_and_nothing_else),
		TEST(pruning_keeps_what_it_must),
		TEST(pruning_goes_on_where_a_crash_stopped_it),
		TEST(pruning_goes_on_past_what_cannot_be_removed),
		TEST(what_could_not_be_removed_is_swept_and_forgotten),
		TEST(pruning_of_nothing_is_fine),
		TEST(forgetting_leaves_nothing_of_the_name_and_all_of_others),
		TEST(forgetting_goes_on_where_a_crash_stopped_it),
		TEST(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests_name("generation_crash", tests, NULL, NULL);
}
