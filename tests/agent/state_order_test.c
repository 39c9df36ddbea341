/* state_order, state_token: what is under way at a CA is known until it is over. */
#include "agent/state/state_order.h"
#include "agent/state/state_token.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/help/writing.h"

static void put_order(struct state *st, const char *name, const char *url)
{
	const struct order_row o = { .name = name,
				     .issuer = "corp",
				     .url = url,
				     .wanted = UINT64_MAX,
				     .created_at = 1,
				     .retry_at = 2,
				     .polls = 3 };
	struct err e;

	if (state_order_put(st, &o, &e) < 0)
		fail_msg("%s", e.text);
}

static int add_order(void *arg, const struct order_row *o)
{
	assert_string_equal(o->issuer, "corp");
	assert_true(o->wanted == UINT64_MAX);
	assert_true(o->created_at == 1 && o->retry_at == 2 && o->polls == 3);
	buf_printf(arg, "%s=%s ", o->name, o->url);
	return 0;
}

static void expect_orders(struct state *st, const char *name, const char *all)
{
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	buf_puts(&got, "");
	assert_int_equal(state_order_each(st, name, add_order, &got, &e), 0);
	assert_string_equal(got.data == NULL ? "" : got.data, all);
}

static void an_order_is_known_until_it_is_over(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put_order(st, "www", "https://ca/1");
	put_order(st, "mail", "https://ca/2");
	commit_and_close(st);
	st = begin(*state);
	expect_orders(st, NULL, "mail=https://ca/2 www=https://ca/1 ");
	expect_orders(st, "www", "www=https://ca/1 ");
	expect_orders(st, "ftp", "");
	put_order(st, "www", "https://ca/3"); /* a certificate has one */
	expect_orders(st, "www", "www=https://ca/3 ");
	assert_int_equal(state_order_done(st, "www", &e), 0);
	assert_int_equal(state_order_done(st, "www", &e), 0);
	expect_orders(st, NULL, "mail=https://ca/2 ");
	commit_and_close(st);
}

static void what_is_forgotten_has_no_order(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put_order(st, "www", "https://ca/1");
	assert_int_equal(state_forget(st, "www", &e), 0);
	expect_orders(st, NULL, "");
	commit_and_close(st);
}

static int add_token(void *arg, const struct token_row *t)
{
	buf_printf(arg, "%s:%s:%s=%s ", t->name, t->where, t->token, t->authorization);
	return 0;
}

static void expect_tokens(struct state *st, const char *name, const char *all)
{
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	assert_int_equal(state_token_each(st, name, add_token, &got, &e), 0);
	assert_string_equal(got.data == NULL ? "" : got.data, all);
}

static void a_token_is_known_until_it_was_withdrawn(void **state)
{
	struct token_row t = { "www", "/srv", "tok-b", "tok-b.print" };
	struct state *st = begin(*state);
	struct err e;

	assert_int_equal(state_token_put(st, &t, &e), 0);
	assert_int_equal(state_token_put(st, &t, &e), 0);
	t.token = "tok-a";
	t.authorization = "tok-a.print";
	assert_int_equal(state_token_put(st, &t, &e), 0);
	t.name = "mail";
	assert_int_equal(state_token_put(st, &t, &e), 0);
	commit_and_close(st);
	st = begin(*state);
	expect_tokens(st, "www",
		      "www:/srv:tok-a=tok-a.print www:/srv:tok-b=tok-b.print ");
	assert_int_equal(state_token_done(st, "www", "tok-a", &e), 0);
	assert_int_equal(state_token_done(st, "mail", "tok-b", &e), 0);
	expect_tokens(st, NULL,
		      "mail:/srv:tok-a=tok-a.print www:/srv:tok-b=tok-b.print ");
	commit_and_close(st);
}

static void nothing_is_under_way_where_nothing_is_remembered(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(state_order_each(NULL, NULL, add_order, NULL, &e), 0);
	assert_int_equal(state_token_each(NULL, NULL, add_token, NULL, &e), 0);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(an_order_is_known_until_it_is_over),
		KEPT(what_is_forgotten_has_no_order),
		KEPT(a_token_is_known_until_it_was_withdrawn),
		KEPT(nothing_is_under_way_where_nothing_is_remembered),
	};

	return cmocka_run_group_tests_name("state_order", tests, NULL, NULL);
}
