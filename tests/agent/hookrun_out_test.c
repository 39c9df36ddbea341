/* hookrun_out: what a hook says is in the log, and no more of it than is bearable. */
#include "agent/super/hookrun_out.h"
#include "tests/agent/hook_world.h"

static void a_flood_is_cut_and_drained(void **state)
{
	struct hookrun_result r;
	struct world w;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "head -c 67108864 /dev/zero; exit 4", 60);
	world_start(&w);
	r = run(&w, 0);
	assert_false(r.timed_out);
	assert_memory_equal(r.text, "exited with 4: ????", 19);
	assert_true(logged.len < 2 * LIMIT_HOOK_OUT);
	assert_true(was_logged("hook h: 67043328 more bytes of output not kept"));
	world_close(&w);
}

static void short_lines_are_counted_too(void **state)
{
	struct world w;
	size_t n = 0;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "yes | head -n 20000", 60);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	for (size_t i = 0; i < logged.len; i++)
		n += logged.data[i] == '\n';
	assert_int_equal(n, LIMIT_HOOK_LINES + 1);
	assert_true(was_logged("hook h: 38000 more bytes of output not kept"));
	world_close(&w);
}

/* Behind blanks, and behind what is not kept. */
static void the_last_words_are_told(void **state)
{
	static const struct {
		const char *script;
		const char *text;
	} rows[] = {
		{ "echo no; echo; echo '  '; exit 3", "exited with 3: no" },
		{ "printf '\\t no \\r\\n'; exit 3", "exited with 3: no" },
		{ "yes | head -n 20000; echo why; exit 3", "exited with 3: why" },
		{ "head -c 99999 /dev/zero; echo; echo why; exit 3",
		  "exited with 3: why" },
		{ "echo 'nginx: [emerg] why'; echo 'nginx: configuration file /e/n "
		  "test failed'; exit 1",
		  "exited with 1: nginx: [emerg] why" },
		{ "echo; echo the test failed; exit 3",
		  "exited with 3: the test failed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hookrun_result r;
		struct world w;

		world_open(&w);
		add_sh(&w, "h", rows[i].script, 60);
		world_start(&w);
		r = run(&w, 0);
		assert_string_equal(r.text, rows[i].text);
		world_close(&w);
	}
}

static void lines_go_to_the_log(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_sh(&w, "nginx", "echo one; echo; echo two >&2; printf three; exec >&- 2>&-",
	       30);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	assert_string_equal(logged.data,
			    "hook nginx: one\nhook nginx: two\nhook nginx: three\n");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_cut_and_drained),
		cmocka_unit_test(short_lines_are_counted_too),
		cmocka_unit_test(the_last_words_are_told),
		cmocka_unit_test(lines_go_to_the_log),
	};

	return cmocka_run_group_tests_name("hookrun_out", tests, NULL, NULL);
}
