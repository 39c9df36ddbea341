/* state_revoke: what a person wants revoked is known until the CA has done it. */
#include "agent/state/state_revoke.h"

#include "base/buf.h"
#include "base/err.h"
#include "tests/help/writing.h"

static int add(void *arg, const struct revoke_row *r)
{
	buf_printf(arg, "%s %d by %s for %d%s%s", r->name, (int)r->generation,
		   r->issuer, (int)r->reason, r->by_key ? " by key" : "",
		   r->replace ? " replaced" : "");
	if (r->failures > 0)
		buf_printf(arg, ", %u: %d %s until %d", r->failures, r->code,
			   r->last_error, (int)r->retry_at);
	buf_puts(arg, "\n");
	return 0;
}

static void what_is_noted_stays_until_it_is_done(void **state)
{
	const struct revoke_row first = { .name = "www",
					  .generation = 3,
					  .issuer = "corp",
					  .reason = 1,
					  .by_key = true };
	const struct revoke_row second = { "www", 4,    "corp", 4,  false,
					   true,  1000, 2,      -3, "no way" };
	AUTO_BUF struct buf before = { 0 };
	AUTO_BUF struct buf after = { 0 };
	struct state *st = begin(*state);
	bool noted = true;
	struct err e;

	assert_int_equal(state_revoke_has(st, "www", &noted, &e), 0);
	assert_false(noted);
	assert_int_equal(state_revoke_put(st, &second, &e), 0);
	assert_int_equal(state_revoke_put(st, &first, &e), 0);
	assert_int_equal(state_revoke_put(st, &first, &e), 0); /* asked twice */
	commit_and_close(st);
	st = begin(*state);
	assert_int_equal(state_revoke_each(st, add, &before, &e), 0);
	assert_string_equal(before.data,
			    "www 3 by corp for 1 by key\n"
			    "www 4 by corp for 4 replaced, 2: -3 no way until 1000\n");
	assert_int_equal(state_revoke_done(st, "www", 3, &e), 0);
	commit_and_close(st);
	st = begin(*state);
	assert_int_equal(state_revoke_each(st, add, &after, &e), 0);
	assert_string_equal(after.data,
			    "www 4 by corp for 4 replaced, 2: -3 no way until 1000\n");
	assert_int_equal(state_revoke_has(st, "ww", &noted, &e), 0);
	assert_false(noted);
	assert_int_equal(state_revoke_has(st, "www", &noted, &e), 0);
	assert_true(noted);
	commit_and_close(st);
}

static void nothing_is_noted_where_nothing_is_remembered(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(state_revoke_each(NULL, add, NULL, &e), 0);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(what_is_noted_stays_until_it_is_done),
		KEPT(nothing_is_noted_where_nothing_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
