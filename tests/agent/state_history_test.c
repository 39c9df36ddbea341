/* history: what happened is kept in order, and not for ever. */
#include <string.h>

#include <sqlite3.h>

#include "base/err.h"
#include "tests/help/writing.h"

struct seen {
	unsigned n;
	int64_t first;
	int64_t last;
	char text[512];
};

static int note(void *arg, const struct event *ev)
{
	struct seen *seen = arg;
	size_t at = strlen(seen->text);

	if (seen->n++ == 0)
		seen->first = ev->at;
	else
		assert_true(ev->at >= seen->last);
	seen->last = ev->at;
	if (at < sizeof(seen->text))
		snprintf(seen->text + at, sizeof(seen->text) - at,
			 "%lld %s %s %llu %s;", (long long)ev->at, ev->name, ev->what,
			 (unsigned long long)ev->generation, ev->text);
	return 0;
}

static void add(struct state *st, int64_t at, const char *name, const char *what,
		uint64_t generation, const char *text)
{
	const struct event ev = { at, name, what, generation, text };
	struct err e;

	if (history_add(st, &ev, &e) < 0)
		fail_msg("%s", e.text);
}

static struct seen look(struct state *st, const char *name)
{
	struct seen seen = { 0 };
	struct err e;

	assert_int_equal(history_each(st, name, note, &seen, &e), 0);
	return seen;
}

static void events_come_back_in_their_order(void **state)
{
	struct state *st = begin(*state);
	int64_t last = -1;
	struct err e;

	assert_int_equal(history_last(st, &last, &e), 0);
	assert_int_equal(last, 0);
	add(st, 1, "www", "issued", 18, "");
	add(st, 2, "mail", "failed", 0, "order: \"no\"");
	add(st, 3, "www", "installed", UINT64_MAX, "");
	assert_int_equal(state_commit(st, &e), 0);
	assert_int_equal(history_last(st, &last, &e), 0);
	assert_int_equal(last, 3);
	assert_string_equal(look(st, NULL).text,
			    "1 www issued 18 ;2 mail failed 0 order: \"no\";"
			    "3 www installed 18446744073709551615 ;");
	assert_string_equal(look(st, "www").text,
			    "1 www issued 18 ;3 www installed 18446744073709551615 ;");
	assert_string_equal(look(st, "nobody").text, "");
	state_close(st);
}

static int stop(void *arg, const struct event *ev)
{
	(void)ev;
	++*(unsigned *)arg;
	return ERR_LIMIT;
}

static void the_caller_can_stop(void **state)
{
	struct state *st = begin(*state);
	unsigned n = 0;
	struct err e;

	add(st, 1, "www", "issued", 1, "");
	add(st, 2, "www", "installed", 1, "");
	assert_int_equal(history_each(st, NULL, stop, &n, &e), ERR_LIMIT);
	assert_int_equal(n, 1);
	commit_and_close(st);
}

static void the_history_outlives_what_is_forgotten(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	add(st, 1, "www", "issued", 1, "");
	assert_int_equal(state_forget(st, "www", &e), 0);
	assert_int_equal(look(st, "www").n, 1);
	commit_and_close(st);
}

static void the_oldest_are_pruned(void **state)
{
	const int64_t total = HISTORY_MAX + 5000;
	struct state *st = begin(*state);
	struct seen seen;
	struct err e;

	for (int64_t i = 1; i <= total; i++)
		add(st, i, "www", "proved", 1, "");
	assert_int_equal(state_commit(st, &e), 0);
	seen = look(st, NULL);
	if (seen.n < HISTORY_MAX || seen.n > HISTORY_MAX + 256)
		fail_msg("%u rows", seen.n);
	assert_true(seen.last == total);
	assert_true(seen.first == total - (int64_t)seen.n + 1);
	state_close(st);
}

static void a_long_one_is_not_kept_in_memory(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	for (int64_t i = 1; i <= 30000; i++)
		add(st, i, "www", "installed", 1,
		    "on disk, where there is room for it");
	assert_int_equal(state_commit(st, &e), 0);
	assert_int_equal(look(st, NULL).n, 30000);
	assert_true(sqlite3_memory_used() < 1 << 20);
	state_close(st);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(events_come_back_in_their_order),
		KEPT(the_caller_can_stop),
		KEPT(the_history_outlives_what_is_forgotten),
		KEPT(the_oldest_are_pruned),
		KEPT(a_long_one_is_not_kept_in_memory),
	};

	return cmocka_run_group_tests_name("state_history", tests, NULL, NULL);
}
