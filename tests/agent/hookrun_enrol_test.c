/* hookrun: programs that get certificates are run, and what they say is told whole. */
#include "tests/agent/hook_world.h"

static void add_issuer(struct world *w, const char *script, uint32_t limit)
{
	static const char *const argv[] = { "sh", "-c", NULL };
	struct spec_issuer i = { .type = ISSUER_EXEC,
				 .uid = SPEC_NOBODY,
				 .gid = SPEC_NOBODY,
				 .timeout_s = limit };
	struct text words[3];

	for (size_t n = 0; n < 2; n++)
		words[n] = snapshot_text(w->snapshot, argv[n]);
	words[2] = snapshot_text(w->snapshot, script);
	i.name = snapshot_text(w->snapshot, "corp");
	i.program = snapshot_add(w->snapshot, SPEC_WORDS, words, 3);
	snapshot_add(w->snapshot, SPEC_ISSUERS, &i, 1);
}

static int start_for(struct world *w, const char *name, uint8_t asked, struct err *e)
{
	const struct hookrun_enrol p = {
		.id = ++w->next_id,
		.in = -1,
		.asked = { asked },
		.call = { .name = name, .csr = "request", .domains = "a.example" },
	};

	return hookrun_enrol(w->runs, &p, e);
}

/* Each asks for another request. */
static int start(struct world *w, const char *name, struct err *e)
{
	return start_for(w, name, (uint8_t)w->next_id, e);
}

static struct hookrun_result enrol_by(const char *script, uint32_t limit)
{
	struct hookrun_result r;
	struct world w;
	struct err e;

	world_open(&w);
	add_issuer(&w, script, limit);
	world_start(&w);
	if (start(&w, "www", &e) < 0)
		fail_msg("%s", e.text);
	r = result_of(&w);
	assert_true(r.is_enrol);
	assert_int_equal(r.id, w.next_id);
	world_close(&w);
	return r;
}

static void its_stdout_is_the_answer_and_its_stderr_is_logged(void **state)
{
	struct hookrun_result r;
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_issuer(&w, "printf 'a\\r\\nb\\n'; echo why >&2; exit 7", 30);
	world_start(&w);
	assert_int_equal(start(&w, "www", &e), 0);
	r = result_of(&w);
	assert_int_equal(r.status, 7);
	assert_string_equal(r.said, "a\nb");
	assert_string_equal(r.text, "exited with 7: why");
	assert_string_equal(logged.data, "hook sh for www: why\n");
	free(r.said);
	world_close(&w);
}

static void what_is_more_than_a_chain_is_told_to_be(void **state)
{
	static const struct {
		const char *script;
		size_t len;
		bool has_more;
	} rows[] = {
		{ "head -c 65536 /dev/zero | tr '\\0' x", LIMIT_ENROL_SAID, false },
		{ "head -c 65537 /dev/zero | tr '\\0' x", LIMIT_ENROL_SAID, true },
		{ "head -c 5000000 /dev/zero", LIMIT_ENROL_SAID, true },
		{ "yes | tr -d '\\n'", LIMIT_ENROL_SAID, true }, /* not for an hour */
		{ "true", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hookrun_result r = enrol_by(rows[i].script, 3600);

		assert_true(rows[i].has_more || r.status == 0);
		assert_int_equal(strlen(r.said), rows[i].len);
		assert_int_equal(r.has_more, rows[i].has_more);
		assert_false(was_logged("bytes of output not kept"));
		free(r.said);
	}
}

static void one_that_ends_in_no_good_way_has_no_status(void **state)
{
	static const struct {
		const char *script, *text;
		uint32_t limit;
	} rows[] = {
		{ "kill -9 $$", "killed by signal 9", 60 },
		{ "sleep 60", "ran longer than 1s", 1 },
		{ "trap '' TERM; sleep 60 & sleep 60", "ran longer than 1s", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hookrun_result r = enrol_by(rows[i].script, rows[i].limit);

		assert_int_equal(r.status, -1);
		assert_string_equal(r.text, rows[i].text);
		free(r.said);
	}
}

static void one_runs_at_a_time_for_each_certificate(void **state)
{
	struct hookrun_result r;
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_issuer(&w, "sleep 60", 1);
	world_start(&w);
	assert_int_equal(start(&w, "www", &e), 0);
	assert_int_equal(start(&w, "www", &e), ERR_BUSY);
	assert_non_null(strstr(e.text, "sh for www still runs"));
	hookruns_orphan(w.runs);
	assert_int_equal(start(&w, "www", &e), ERR_BUSY);
	assert_int_equal(start(&w, "mail", &e), 0);
	r = result_of(&w);
	assert_int_equal(r.id, w.next_id);
	assert_int_equal(r.status, -1);
	free(r.said);
	while (!hookruns_idle(w.runs)) /* nobody waits for the other */
		turn(&w);
	world_close(&w);
}

static void who_asks_for_the_same_is_told_what_was_said_to_who_is_gone(void **state)
{
	struct hookrun_result r;
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_issuer(&w, "echo $$", 30);
	world_start(&w);
	assert_int_equal(start_for(&w, "www", 1, &e), 0);
	hookruns_orphan(w.runs);
	assert_int_equal(start_for(&w, "www", 1, &e), 0); /* it runs */
	r = result_of(&w);
	assert_int_equal(r.id, w.next_id);
	assert_false(hookrun_done(w.runs, &r));
	free(r.said);

	assert_int_equal(start_for(&w, "www", 2, &e), 0);
	hookruns_orphan(w.runs);
	while (!hookruns_idle(w.runs))
		turn(&w);
	assert_false(hookrun_done(w.runs, &r));
	assert_int_equal(start_for(&w, "www", 2, &e), 0); /* it has ended */
	r = result_of(&w);
	assert_int_equal(r.id, w.next_id);
	free(r.said);
	assert_int_equal(start_for(&w, "www", 2, &e), 0); /* that was heard: anew */
	assert_false(hookruns_idle(w.runs));
	r = result_of(&w);
	free(r.said);
	world_close(&w);
}

/* Nor does anybody have to ask again: what it is about may be gone from the configuration,
 * and the supervisor is there for years. */
static void what_is_kept_for_who_is_gone_keeps_nobody_awake(void **state)
{
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_issuer(&w, "echo $$", 30);
	world_start(&w);
	assert_int_equal(start(&w, "www", &e), 0);
	hookruns_orphan(w.runs);
	while (!hookruns_idle(w.runs))
		turn(&w);
	assert_true(hookrun_wake_ms(w.runs) == INT64_MAX);
	world_close(&w);
}

static void what_is_no_program_is_refused(void **state)
{
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	world_start(&w);
	assert_int_equal(start(&w, "www", &e), ERR_PROTO);
	world_close(&w);
}

/* Which may take hours, and are there from before the configuration was read anew, too. */
static void there_is_room_for_a_hook_whatever_they_do(void **state)
{
	struct hookrun_start s = { .id = 99, .hook = 0, .in = -1 };
	char name[] = "a";
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_issuer(&w, "sleep 60", 100);
	add_sh(&w, "tells", "exit 0", 30);
	world_start(&w);
	for (int i = 0; i < HOOKRUN_OTHERS; i++) {
		name[0] = (char)('a' + i);
		assert_int_equal(start(&w, name, &e), 0);
	}
	assert_int_equal(start(&w, "z", &e), ERR_BUSY);
	assert_string_equal(e.text, "12 programs run already");
	assert_int_equal(hookrun_start(w.runs, &s, &e), 0);
	assert_int_equal(result_of(&w).id, 99);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_stdout_is_the_answer_and_its_stderr_is_logged),
		cmocka_unit_test(what_is_more_than_a_chain_is_told_to_be),
		cmocka_unit_test(one_that_ends_in_no_good_way_has_no_status),
		cmocka_unit_test(one_runs_at_a_time_for_each_certificate),
		cmocka_unit_test(
		    who_asks_for_the_same_is_told_what_was_said_to_who_is_gone),
		cmocka_unit_test(what_is_kept_for_who_is_gone_keeps_nobody_awake),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(there_is_room_for_a_hook_whatever_they_do),
	};

	return cmocka_run_group_tests_name("hookrun_enrol", tests, NULL, NULL);
}
