/* state_own: who may be on which list is known until it is known otherwise. */
#include "agent/state/state_own.h"

#include "base/buf.h"
#include "base/err.h"
#include "tests/help/writing.h"

static void put(struct state *st, const char *name, const char *list)
{
	const struct own_row r = { .name = name,
				   .generation = 1,
				   .serial = "00AB",
				   .list = list,
				   .revoked_at = 2,
				   .reason = 3 };
	struct err e;

	assert_int_equal(state_own_put(st, &r, &e), 0);
}

static void put_list(struct state *st, const char *id)
{
	const struct own_list_row r = {
		.id = id,
		.covers = CRL_CAS,
		.urls = "ldap://x\nhttp://x\n",
		.look_at = 1,
		.looked_at = 2,
		.failures = 3,
		.last_error = "it says no",
		.part = { .ca = { 4 }, .this_update = 5, .url = "http://x" },
	};
	struct err e;

	assert_int_equal(state_own_list_put(st, &r, &e), 0);
}

static int see(void *arg, const struct own_row *r)
{
	assert_true(r->generation == 1 && r->revoked_at == 2 && r->reason == 3);
	assert_string_equal(r->serial, "00AB");
	buf_printf(arg, "%s=%s ", r->name, r->list);
	return 0;
}

static int see_list(void *arg, const struct own_list_row *r)
{
	assert_true(r->covers == CRL_CAS && r->look_at == 1 && r->looked_at == 2);
	assert_int_equal(r->failures, 3);
	assert_string_equal(r->urls, "ldap://x\nhttp://x\n");
	assert_string_equal(r->last_error, "it says no");
	assert_true(r->part.ca[0] == 4 && r->part.this_update == 5);
	assert_string_equal(r->part.url, "http://x");
	buf_printf(arg, "%s ", r->id);
	return 0;
}

static void expect(struct state *st, const char *name, const char *rows,
		   const char *lists)
{
	AUTO_BUF struct buf got = { 0 }, got_lists = { 0 };
	struct err e;

	buf_puts(&got, "");
	buf_puts(&got_lists, "");
	assert_int_equal(state_own_each(st, name, see, &got, &e), 0);
	assert_int_equal(state_own_list_each(st, see_list, &got_lists, &e), 0);
	assert_string_equal(got.data, rows);
	assert_string_equal(got_lists.data, lists);
}

static void a_certificate_is_on_one_list(void **state)
{
	struct state *st = begin(*state);

	put(st, "www", "1");
	put(st, "@ca", "");
	put(st, "www", "2");
	put_list(st, "2");
	commit_and_close(st);
	st = begin(*state);
	expect(st, NULL, "@ca= www=2 ", "2 ");
	expect(st, "www", "www=2 ", "2 ");
	commit_and_close(st);
	expect(NULL, NULL, "", "");
}

static void a_list_that_nobody_would_be_on_is_forgotten(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put(st, "mail", "1");
	put(st, "www", "2");
	put_list(st, "1");
	put_list(st, "2");
	put_list(st, "3");
	assert_int_equal(state_own_list_prune(st, &e), 0);
	expect(st, NULL, "mail=1 www=2 ", "1 2 ");
	assert_int_equal(state_forget(st, "www", &e), 0);
	assert_int_equal(state_own_list_prune(st, &e), 0);
	expect(st, NULL, "mail=1 ", "1 ");
	commit_and_close(st);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(a_certificate_is_on_one_list),
		KEPT(a_list_that_nobody_would_be_on_is_forgotten),
	};

	return cmocka_run_group_tests_name("state_own", tests, NULL, NULL);
}
