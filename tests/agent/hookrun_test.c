/* hookrun: whatever a hook does, it ends in time and its result is told. */
#include <sys/stat.h>

#include "tests/agent/hook_world.h"

/* --- ends --- */

static void every_end_is_told(void **state)
{
	static const struct {
		const char *script, *text;
		bool ok;
	} rows[] = {
		{ "exit 0", "", true },
		{ "echo fine", "", true },
		{ "exit 7", "exited with 7", false },
		{ "echo first; echo 'it is broken' >&2; exit 1",
		  "exited with 1: it is broken", false },
		{ "kill -KILL $$", "killed by signal 9", false },
		{ "kill -SEGV $$", "killed by signal 11", false },
		{ "printf 'no newline'; exit 3", "exited with 3: no newline", false },
		{ "printf 'a\\033[1mb\\tc\\000d\\n'; exit 3",
		  "exited with 3: a?[1mb c?d", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hookrun_result r = run_sh(rows[i].script, 30);

		if (r.ok != rows[i].ok || r.timed_out ||
		    strcmp(r.text, rows[i].text) != 0)
			fail_msg("%s: %d \"%s\"", rows[i].script, r.ok, r.text);
	}
}

static void what_hangs_and_ignores_term_is_killed(void **state)
{
	struct hookrun_result r =
	    run_sh("echo waiting; trap '' TERM; while :; do sleep 1; done", 1);

	(void)state;
	assert_false(r.ok);
	assert_true(r.timed_out);
	assert_string_equal(r.text, "ran longer than 1s: waiting");
	assert_true(r.ms >= 3000 && r.ms < 3000 + 5000);
}

static void what_heeds_term_has_time_to_clean_up(void **state)
{
	struct hookrun_result r =
	    run_sh("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.1; done", 1);

	(void)state;
	assert_false(r.ok);
	assert_true(r.timed_out);
	assert_string_equal(r.text, "ran longer than 1s: cleaned");
	assert_true(r.ms >= 1000);
}

static void what_is_no_program_says_so(void **state)
{
	struct world w;
	AUTO_FREE char *plain = NULL, *other = NULL, *closed = NULL, *text = NULL;
	struct hookrun_result r;

	(void)state;
	world_open(&w);
	plain = put(&w, "plain", "echo a shell ran this\n", 0755);
	other = put(&w, "other", "#!/bin/sh\nexit 0\n", 0777);
	closed = put(&w, "closed", "#!/bin/sh\nexit 0\n", 0644);
	add_hook(&w, "missing", (const char *[]){ "/nonexistent/x", NULL }, plainly);
	add_hook(&w, "nowhere", (const char *[]){ "everleaf-none", NULL }, plainly);
	add_hook(&w, "plain", (const char *[]){ plain, NULL }, plainly);
	add_hook(&w, "writable", (const char *[]){ other, NULL }, plainly);
	add_hook(&w, "closed", (const char *[]){ closed, NULL }, plainly);
	world_start(&w);

	assert_string_equal(run(&w, 0).text, "exited with 127: /nonexistent/x: "
					     "No such file or directory");
	r = run(&w, 1);
	assert_non_null(strstr(r.text, "exited with 127: everleaf-none: not found in"));
	text = xasprintf("exited with 126: %s: Exec format error", plain);
	assert_string_equal(run(&w, 2).text, text);
	r = run(&w, 3);
	assert_non_null(strstr(r.text, "others can write other (mode 0777)"));
	r = run(&w, 4);
	assert_non_null(strstr(r.text, "closed: Permission denied"));
	assert_false(was_logged("a shell ran this"));
	unlink(plain);
	unlink(other);
	unlink(closed);
	world_close(&w);
}

/* --- side by side --- */

static void a_hook_that_runs_is_joined(void **state)
{
	struct hookrun_result a, b;
	AUTO_FREE char *script = NULL, *path = NULL;
	struct world w;
	struct stat st;

	(void)state;
	world_open(&w);
	script = xasprintf("echo x >>%s/times; sleep 0.3", w.dir);
	path = xasprintf("%s/times", w.dir);
	add_sh(&w, "h", script, 30);
	world_start(&w);
	start_on(&w, 0, -1);
	start_on(&w, 0, -1);
	a = result_of(&w);
	b = result_of(&w);
	assert_true(a.ok && b.ok);
	assert_int_equal(a.id, 1);
	assert_int_equal(b.id, 2);
	assert_false(a.joined);
	assert_true(b.joined);
	assert_return_code(stat(path, &st), errno);
	assert_int_equal(st.st_size, 2); /* it ran once */
	assert_true(hookruns_idle(w.runs));
	unlink(path);
	world_close(&w);
}

static void sixteen_run_at_once_and_no_more(void **state)
{
	struct hookrun_start s = {
		.id = 99, .hook = HOOKRUN_MAX, .in = -1, .call = call
	};
	struct world w;
	int64_t began;
	struct err e;

	(void)state;
	world_open(&w);
	for (int i = 0; i <= HOOKRUN_MAX; i++) {
		char name[] = { (char)('a' + i), '\0' };

		add_sh(&w, name, "sleep 0.5", 30);
	}
	world_start(&w);
	began = clock_boot_ms();
	for (uint32_t i = 0; i < HOOKRUN_MAX; i++)
		start_on(&w, i, -1);
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_BUSY);
	for (uint32_t i = 0; i < HOOKRUN_MAX; i++)
		assert_true(result_of(&w).ok);
	assert_true(clock_boot_ms() - began < HOOKRUN_MAX * 500);
	assert_int_equal(hookrun_start(w.runs, &s, &e), 0);
	assert_int_equal(result_of(&w).id, 99);
	world_close(&w);
}

static void what_is_not_in_the_snapshot_is_not_run(void **state)
{
	struct hookrun_start s = { .id = 1, .hook = 1, .in = -1, .call = call };
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "exit 0", 30);
	world_start(&w);
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_PROTO);
	s.hook = SPEC_NOBODY;
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_PROTO);
	s.hook = 0;
	s.test = true; /* it has none */
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_PROTO);
	assert_true(hookruns_idle(w.runs));
	world_close(&w);
}

static void a_hook_that_is_there_for_its_test_has_nothing_to_run(void **state)
{
	struct hookrun_result r;
	struct world w;

	(void)state;
	world_open(&w);
	add_hook(&w, "h", (const char *[]){ NULL }, plainly);
	world_start(&w);
	r = run(&w, 0);
	assert_true(r.ok);
	assert_false(r.test);
	assert_int_equal(logged.len, 0);
	world_close(&w);
}

static void a_run_outlives_its_snapshot(void **state)
{
	struct hookrun_result r;
	struct world w, next;

	(void)state;
	world_open(&w);
	world_open(&next);
	add_sh(&w, "h", "sleep 0.2; echo still here; exit 5", 30);
	/* The later one, on a busy host, too. */
	add_sh(&w, "gone", "sleep 2; exit 6", 30);
	add_sh(&next, "new", "exit 0", 30);
	add_sh(&next, "h", "exit 0", 30);
	world_start(&w);
	world_start(&next);
	start_on(&w, 0, -1);
	start_on(&w, 1, -1);
	hookruns_use(w.runs, &next.spec);
	spec_done(&w.spec);
	w.spec = (struct spec){ 0 };
	r = result_of(&w);
	assert_int_equal(r.hook, 1); /* as the new one numbers it */
	assert_string_equal(r.text, "exited with 5: still here");
	assert_int_equal(result_of(&w).hook, SPEC_NOBODY);
	world_close(&w);
	world_close(&next);
}

static void a_run_whose_asker_is_gone_answers_nobody(void **state)
{
	struct hookrun_result a, b;
	struct world w;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "sleep 0.3", 30);
	world_start(&w);
	start_on(&w, 0, -1); /* id 1 */
	hookruns_orphan(w.runs);
	start_on(&w, 0, -1); /* id 2, of the next one */
	a = result_of(&w);
	b = result_of(&w);
	assert_int_equal(a.id, 0);
	assert_int_equal(b.id, 2);
	assert_true(b.joined);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_whose_asker_is_gone_answers_nobody),
		cmocka_unit_test(every_end_is_told),
		cmocka_unit_test(what_hangs_and_ignores_term_is_killed),
		cmocka_unit_test(what_heeds_term_has_time_to_clean_up),
		cmocka_unit_test(what_is_no_program_says_so),
		cmocka_unit_test(a_hook_that_runs_is_joined),
		cmocka_unit_test(sixteen_run_at_once_and_no_more),
		cmocka_unit_test(what_is_not_in_the_snapshot_is_not_run),
		cmocka_unit_test(a_hook_that_is_there_for_its_test_has_nothing_to_run),
		cmocka_unit_test(a_run_outlives_its_snapshot),
	};

	return cmocka_run_group_tests_name("hookrun", tests, NULL, NULL);
}
