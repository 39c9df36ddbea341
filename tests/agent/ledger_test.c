/* ledger: what an issuer counts, and whose turn is when. */
#include "tests/scratch.h"

#include "agent/ledger.h"
#include "agent/role/spec_issuer.h"
#include "agent/state/state.h"
#include "agent/state/state_ledger.h"
#include "base/err.h"

#define NOW  1795235000
#define HOUR 3600

static void whoever_waits_has_a_place_of_his_own(void **state)
{
	/* Of 3 in an hour. */
	static const struct {
		uint32_t place, back;
		int64_t more_s;
	} rows[] = {
		{ 0, 2, 0 },
		{ 1, 1, 0 },
		{ 2, 0, 0 },
		{ 3, 2, HOUR },
		{ 5, 0, HOUR },
		{ 6, 2, 2 * HOUR },
		{ 3 * 1000000, 2, 1000000LL * HOUR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t back;
		int64_t more_s;

		ledger_place(rows[i].place, 3, HOUR, &back, &more_s);
		if (back != rows[i].back || more_s != rows[i].more_s)
			fail_msg("place %u: after %u others, and %lld s",
				 (unsigned)rows[i].place, (unsigned)back,
				 (long long)more_s);
	}
}

static struct state *begin(const struct scratch *s)
{
	struct state *st = NULL;
	struct err e;

	assert_int_equal(state_open(s->path, false, &st, &e), 0);
	assert_int_equal(state_begin(st, &e), 0);
	return st;
}

static void add(struct state *st, const struct ledger_key *key, int64_t at)
{
	struct err e;

	if (state_ledger_add(st, key, at, &e) < 0)
		fail_msg("%s", e.text);
}

static int64_t nth(struct state *st, const struct ledger_key *key, int64_t since,
		   uint32_t back)
{
	bool found;
	int64_t at = 0;
	struct err e;

	if (state_ledger_nth(st, key, since, NOW, back, &at, &found, &e) < 0)
		fail_msg("%s", e.text);
	return found ? at : 0;
}

static void each_issuer_kind_and_set_is_counted_apart(void **state)
{
	const struct ledger_key key = { "ca", PER_SET, UINT64_MAX };
	const struct ledger_key others[] = { { "other", PER_SET, UINT64_MAX },
					     { "ca", PER_NAME, UINT64_MAX },
					     { "ca", PER_SET, 1 } };
	struct state *st = begin(*state);
	struct err e;

	for (int64_t i = 1; i <= 4; i++)
		add(st, &key, NOW - i * HOUR);
	add(st, &key, NOW + HOUR); /* by a clock that was ahead */
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		add(st, &others[i], NOW);
	assert_int_equal(state_commit(st, &e), 0);
	assert_true(nth(st, &key, 0, 0) == NOW - HOUR);
	assert_true(nth(st, &key, 0, 3) == NOW - 4 * HOUR);
	assert_true(nth(st, &key, 0, 4) == 0);
	assert_true(nth(st, &key, NOW - 2 * HOUR, 0) == NOW - HOUR);
	assert_true(nth(st, &key, NOW - 2 * HOUR, 1) == 0);
	assert_true(nth(NULL, &key, 0, 0) == 0);
	state_close(st);
}

static void what_no_window_reaches_is_forgotten(void **state)
{
	const struct ledger_key key = { "ca", PER_ACCOUNT, 0 };
	struct state *st = begin(*state);
	struct err e;

	add(st, &key, NOW - STATE_LEDGER_SPAN_S - HOUR);
	for (unsigned i = 0; i < 256; i++)
		add(st, &key, NOW - 100);
	assert_int_equal(state_commit(st, &e), 0);
	assert_true(nth(st, &key, 0, 255) == NOW - 100);
	assert_true(nth(st, &key, 0, 256) == 0);
	state_close(st);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_waits_has_a_place_of_his_own),
		KEPT(each_issuer_kind_and_set_is_counted_apart),
		KEPT(what_no_window_reaches_is_forgotten),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
