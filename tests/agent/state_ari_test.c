/* state_ari: what a CA said of a renewal is known until it says something else. */
#include "agent/state/state_ari.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/help/writing.h"

static void put(struct state *st, const char *name, uint64_t generation)
{
	const struct ari_row r = { .name = name,
				   .generation = generation,
				   .start_at = 1,
				   .end_at = 4,
				   .renew_at = 2,
				   .ask_at = INT64_MAX,
				   .explanation = "https://ca.example/",
				   .failures = 3 };
	struct err e;

	if (state_ari_put(st, &r, &e) < 0)
		fail_msg("%s", e.text);
}

static int add(void *arg, const struct ari_row *r)
{
	assert_true(r->start_at == 1 && r->end_at == 4 && r->renew_at == 2);
	assert_true(r->ask_at == INT64_MAX);
	assert_string_equal(r->explanation, "https://ca.example/");
	assert_int_equal(r->failures, 3);
	buf_printf(arg, "%s=%u ", r->name, (unsigned)r->generation);
	return 0;
}

static void expect(struct state *st, const char *name, const char *all)
{
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	buf_puts(&got, "");
	assert_int_equal(state_ari_each(st, name, add, &got, &e), 0);
	assert_string_equal(got.data == NULL ? "" : got.data, all);
}

static void a_certificate_has_one_window(void **state)
{
	struct state *st = begin(*state);

	put(st, "www", 1);
	put(st, "mail", 7);
	commit_and_close(st);
	st = begin(*state);
	expect(st, NULL, "mail=7 www=1 ");
	put(st, "www", 2);
	expect(st, "www", "www=2 ");
	expect(st, "ftp", "");
	commit_and_close(st);
	expect(NULL, NULL, "");
}

static void what_is_forgotten_has_no_window(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put(st, "www", 1);
	put(st, "mail", 7);
	assert_int_equal(state_forget(st, "www", &e), 0);
	expect(st, NULL, "mail=7 ");
	commit_and_close(st);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(a_certificate_has_one_window),
		KEPT(what_is_forgotten_has_no_window),
	};

	return cmocka_run_group_tests_name("state_ari", tests, NULL, NULL);
}
