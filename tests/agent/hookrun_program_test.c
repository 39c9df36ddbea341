/* hookrun: programs that show challenges are run as their dialect has it, and judged so. */
#include "agent/super/hookrun_out.h"
#include "tests/agent/hook_world.h"

#define TOKEN  "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define AUTH   TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define DIGEST "-NzbRZtV0BM2iYVsHqZbzqmJ9cYtbg5B-OKr7pdBPXs"

static const struct dialect_item item = { "example.org", AUTH, DIGEST,
					  "_acme-challenge.example.org", "" };

static void add_challenge(struct world *w, enum dialect dialect,
			  const char *const *argv, uint32_t limit)
{
	struct spec_challenge c = { .type = CHALLENGE_DNS_01,
				    .dialect = dialect,
				    .uid = SPEC_NOBODY,
				    .gid = SPEC_NOBODY,
				    .timeout_s = limit };
	struct text words[8];
	size_t n = 0;

	for (; argv[n] != NULL; n++)
		words[n] = snapshot_text(w->snapshot, argv[n]);
	c.hook = snapshot_add(w->snapshot, SPEC_WORDS, words, n);
	snapshot_add(w->snapshot, SPEC_CHALLENGES, &c, 1);
}

static int start(struct world *w, uint32_t challenge, enum dialect_step step,
		 struct err *e)
{
	const struct hookrun_program p = {
		.id = ++w->next_id,
		.challenge = challenge,
		.call = { .step = step,
			  .name = "www",
			  .items = &item,
			  .n = 1,
			  .all = "example.org" },
	};

	return hookrun_program(w->runs, &p, e);
}

static struct hookrun_result present(struct world *w)
{
	struct hookrun_result r;
	struct err e;

	if (start(w, 0, DIALECT_PRESENT, &e) < 0)
		fail_msg("%s", e.text);
	r = result_of(w);
	assert_true(r.is_program);
	assert_int_equal(r.id, w->next_id);
	return r;
}

static struct hookrun_result present_by(enum dialect d, const char *script,
					uint32_t limit)
{
	struct hookrun_result r;
	struct world w;

	world_open(&w);
	add_challenge(&w, d, (const char *[]){ "sh", "-c", script, "x", NULL }, limit);
	world_start(&w);
	r = present(&w);
	world_close(&w);
	return r;
}

static void what_it_is_told_comes_as_arguments(void **state)
{
	struct hookrun_result r =
	    present_by(DIALECT_LEGO,
		       "test \"$*\" = 'present _acme-challenge.example.org. " DIGEST
		       "'",
		       30);

	(void)state;
	assert_int_equal(r.outcome, DIALECT_OK);
	assert_null(r.said);
}

static void what_certbots_program_says_is_kept_and_logged(void **state)
{
	struct hookrun_result r =
	    present_by(DIALECT_CERTBOT,
		       "echo; echo a 1; printf 'b\\001\\n\\n'; echo other >&2", 30);

	(void)state;
	assert_int_equal(r.outcome, DIALECT_OK);
	assert_string_equal(r.said, "a 1\nb?");
	free(r.said);
}

static void what_it_says_has_an_end(void **state)
{
	struct hookrun_result r =
	    present_by(DIALECT_CERTBOT, "head -c 300000 /dev/zero | tr '\\0' x", 30);

	(void)state;
	assert_int_equal(r.outcome, DIALECT_OK);
	assert_int_equal(strlen(r.said), LIMIT_HOOK_KEPT);
	free(r.said);
}

static void a_failure_is_judged_by_its_dialect(void **state)
{
	static const struct {
		enum dialect dialect;
		const char *script;
		enum dialect_outcome outcome;
		const char *text;
	} ends[] = {
		{ DIALECT_UACME, "exit 1", DIALECT_DECLINED, "exited with 1" },
		{ DIALECT_UACME, "kill -9 $$", DIALECT_REFUSED, "killed by signal 9" },
		{ DIALECT_CERTBOT, "echo why; exit 3", DIALECT_IGNORED,
		  "exited with 3: why" },
		{ DIALECT_LEGO, "echo why; exit 3", DIALECT_REFUSED,
		  "exited with 3: why" },
		{ DIALECT_CERTBOT, "sleep 60", DIALECT_REFUSED, "ran longer than 1s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		const bool slow = strcmp(ends[i].script, "sleep 60") == 0;
		struct hookrun_result r =
		    present_by(ends[i].dialect, ends[i].script, slow ? 1 : 30);

		assert_int_equal(r.outcome, ends[i].outcome);
		assert_string_equal(r.text, ends[i].text);
		free(r.said);
	}
}

static void one_that_others_could_have_changed_is_not_run(void **state)
{
	struct hookrun_result r;
	AUTO_FREE char *path = NULL;
	struct world w;

	(void)state;
	world_open(&w);
	path = put(&w, "open", "#!/bin/sh\n", 0777);
	add_challenge(&w, DIALECT_CERTBOT, (const char *[]){ path, NULL }, 30);
	world_start(&w);
	r = present(&w);
	assert_int_equal(r.outcome, DIALECT_REFUSED);
	assert_non_null(strstr(r.text, "exited with 127"));
	free(r.said);
	unlink(path);
	world_close(&w);
}

/* ... with what it reads, however little of it is a program. */
static void a_file_of_acme_sh_that_others_could_have_changed_is_not_sourced(
    void **state)
{
	AUTO_FREE char *folder = NULL, *main = NULL, *file = NULL;
	struct hookrun_result r;
	struct world w;

	(void)state;
	world_open(&w);
	folder = xasprintf("%s/dnsapi", w.dir);
	assert_return_code(mkdir(folder, 0755), errno);
	main = put(&w, "acme.sh", "help() { echo help; }\nhelp\n", 0644);
	file =
	    put(&w, "dnsapi/dns_xx.sh",
		"dns_xx_add() { test \"$1/$2\" = '_acme-challenge.example.org/" DIGEST
		"'; }\n",
		0644);
	add_challenge(&w, DIALECT_ACME_SH, (const char *[]){ file, NULL }, 30);
	world_start(&w);
	r = present(&w);
	assert_string_equal(r.text, "");
	assert_int_equal(r.outcome, DIALECT_OK);
	assert_return_code(chmod(file, 0666), errno);
	r = present(&w);
	assert_int_equal(r.outcome, DIALECT_REFUSED);
	unlink(file);
	unlink(main);
	rmdir(folder);
	world_close(&w);
}

static void one_runs_at_a_time(void **state)
{
	struct hookrun_result r;
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_challenge(&w, DIALECT_LEGO, (const char *[]){ "sleep", "60", NULL }, 1);
	world_start(&w);
	assert_int_equal(start(&w, 0, DIALECT_PRESENT, &e), 0);
	assert_int_equal(start(&w, 0, DIALECT_PRESENT, &e), ERR_BUSY);
	hookruns_orphan(w.runs);
	assert_int_equal(start(&w, 0, DIALECT_FAILED, &e), ERR_BUSY);
	r = result_of(&w);
	assert_int_equal(r.id, 0);
	world_close(&w);
}

static void there_is_nothing_to_run_for_a_cleanup_that_certbot_has_not(void **state)
{
	struct hookrun_result r;
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_challenge(&w, DIALECT_CERTBOT, (const char *[]){ "false", NULL }, 30);
	world_start(&w);
	assert_int_equal(start(&w, 0, DIALECT_WITHDRAW, &e), 0);
	assert_true(hookrun_wake_ms(w.runs) <=
		    clock_awake_ms()); /* nothing else would */
	r = result_of(&w);
	assert_int_equal(r.outcome, DIALECT_OK);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_is_told_comes_as_arguments),
		cmocka_unit_test(what_certbots_program_says_is_kept_and_logged),
		cmocka_unit_test(what_it_says_has_an_end),
		cmocka_unit_test(a_failure_is_judged_by_its_dialect),
		cmocka_unit_test(one_that_others_could_have_changed_is_not_run),
		cmocka_unit_test(
		    a_file_of_acme_sh_that_others_could_have_changed_is_not_sourced),
		cmocka_unit_test(one_runs_at_a_time),
		cmocka_unit_test(
		    there_is_nothing_to_run_for_a_cleanup_that_certbot_has_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
