#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/job.h"
#include "agent/role/spec.h"
#include "agent/settle.h"
#include "agent/switch.h"
#include "base/clock.h"

#define NOW 1000000

/* One certificate, generation 2 after 1, with one hook and two endpoints. */
struct stage {
	struct spec_hook spec_hook;
	struct spec_probe spec_probes[2];
	struct spec_cert cert;
	struct spec spec;
	struct agent agent;
	struct job_hook used;
	struct job_probe probes[2];
	struct job job;
	struct job *jobs[1];
	struct batch_hook hook;
	struct batch batch;
};

static void set_stage(struct stage *s)
{
	clock_fake(NOW);
	*s = (struct stage){ .spec_hook = { .name = { 1 }, .rollback = 1 } };
	s->spec_probes[0].label.at = s->spec_probes[1].label.at = 5;
	s->cert.hooks.n = 1;
	s->cert.probes.n = 2;
	s->spec.text = "\0web\0here";
	s->spec.hooks = &s->spec_hook;
	s->spec.probes = s->spec_probes;
	s->agent.spec = &s->spec;
	s->used = (struct job_hook){ .owed = true, .passed = true };
	s->job = (struct job){
		.spec = &s->cert,
		.name = "www",
		.generation = 2,
		.previous = 1,
		.old_ok = true,
		.old_facts.not_after = NOW + 60,
		.installed = true,
		.hooks = &s->used,
		.probes = s->probes,
	};
	for (int k = 0; k < 2; k++)
		s->probes[k] = (struct job_probe){ .was_up = true, .asked = true };
	s->jobs[0] = &s->job;
	s->hook = (struct batch_hook){ .told = true, .has_test = true, .ran = true };
	s->batch = (struct batch){ .agent = &s->agent,
				   .jobs = s->jobs,
				   .n_jobs = 1,
				   .hooks = &s->hook,
				   .n_hooks = 1 };
}

static void a_test_that_fails_takes_back_what_it_passed_before(void **state)
{
	static const struct {
		const char *row;
		bool passed;
		uint32_t rollback;
		bool old_ok;
		uint64_t previous;
		int64_t old_not_after;
		bool undo;
	} rows[] = {
		{ "passed before", true, 1, true, 1, NOW + 60, true },
		{ "failed before", false, 1, true, 1, NOW + 60, false },
		{ "on_failure is keep", true, 0, true, 1, NOW + 60, false },
		{ "the old one is revoked or unreadable", true, 1, false, 1, NOW + 60,
		  false },
		{ "nothing was live", true, 1, false, 0, 0, false },
		{ "nothing has changed", true, 1, true, 2, NOW + 60, false },
		{ "the old one has expired", true, 1, true, 1, NOW, false },
	};
	struct stage s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_stage(&s);
		s.used.passed = rows[i].passed;
		s.spec_hook.rollback = rows[i].rollback;
		s.job.old_ok = rows[i].old_ok;
		s.job.previous = rows[i].previous;
		s.job.old_facts.not_after = rows[i].old_not_after;
		settle_refused(&s.batch, &s.hook);
		if (s.job.undo != rows[i].undo || s.job.err.code != ERR_HOOK)
			fail_msg("%s: undo %d: %s", rows[i].row, s.job.undo,
				 s.job.err.text);
	}
}

static void a_test_that_did_not_come_to_run_takes_nothing_back(void **state)
{
	struct stage s;

	(void)state;
	set_stage(&s);
	s.hook.unstarted = true;
	settle_refused(&s.batch, &s.hook);
	assert_false(s.job.undo);
	assert_int_equal(s.job.err.code, ERR_HOOK);
	assert_non_null(strstr(s.job.err.text, "could not be started"));
}

static void a_hook_that_is_not_owed_takes_nothing_back(void **state)
{
	struct stage s;

	(void)state;
	set_stage(&s);
	s.used.owed = false;
	settle_refused(&s.batch, &s.hook);
	assert_false(s.job.undo);
	assert_int_equal(s.job.err.code, 0);
}

static void an_endpoint_is_compared_with_itself(void **state)
{
	static const struct {
		const char *row;
		struct job_probe probes[2];
		bool undo;
		bool good;
	} rows[] = {
		{ "all new",
		  { { .was_up = true, .asked = true, .verdict = PROBE_NEW },
		    { .was_up = true, .asked = true, .verdict = PROBE_NEW } },
		  false,
		  true },
		{ "one went down",
		  { { .was_up = true, .asked = true, .verdict = PROBE_NEW },
		    { .was_up = true, .asked = true, .verdict = PROBE_DOWN } },
		  true,
		  false },
		{ "one was down before, the other went down",
		  { { .asked = true, .verdict = PROBE_DOWN },
		    { .was_up = true, .asked = true, .verdict = PROBE_DOWN } },
		  true,
		  false },
		{ "one was down before and still is",
		  { { .asked = true, .verdict = PROBE_DOWN },
		    { .was_up = true, .asked = true, .verdict = PROBE_NEW } },
		  false,
		  false },
		{ "nobody could look",
		  { { .was_up = true, .verdict = PROBE_DOWN },
		    { .was_up = true, .asked = true, .verdict = PROBE_NEW } },
		  false,
		  false },
		{ "old is no reason to go back",
		  { { .was_up = true, .asked = true, .verdict = PROBE_OLD },
		    { .was_up = true, .asked = true, .verdict = PROBE_NEW } },
		  false,
		  false },
		{ "nor is another one",
		  { { .was_up = true, .asked = true, .verdict = PROBE_OTHER },
		    { .was_up = true, .asked = true, .verdict = PROBE_NEW } },
		  false,
		  false },
	};
	struct stage s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_stage(&s);
		memcpy(s.probes, rows[i].probes, sizeof(s.probes));
		settle_judge(&s.batch, &s.job);
		if (s.job.undo != rows[i].undo || (s.job.err.code == 0) != rows[i].good)
			fail_msg("%s: undo %d: %s", rows[i].row, s.job.undo,
				 s.job.err.text);
	}
}

static void going_down_counts_whatever_else_went_wrong(void **state)
{
	struct stage s;

	(void)state;
	set_stage(&s);
	s.probes[0].verdict = PROBE_DOWN;
	s.hook.ran = false;
	err_set(&s.job.err, ERR_HOOK, "another hook failed");
	settle_judge(&s.batch, &s.job);
	assert_true(s.job.undo);
	assert_non_null(strstr(s.job.err.text, "probe here: down"));
}

static void a_hook_that_did_not_run_is_blamed_and_nothing_goes_back(void **state)
{
	struct stage s;

	(void)state;
	set_stage(&s);
	s.hook.ran = false;
	snprintf(s.hook.text, sizeof(s.hook.text), "exited with 7");
	settle_judge(&s.batch, &s.job);
	assert_false(s.job.undo);
	assert_string_equal(s.job.err.text, "hook web: exited with 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_that_fails_takes_back_what_it_passed_before),
		cmocka_unit_test(a_test_that_did_not_come_to_run_takes_nothing_back),
		cmocka_unit_test(a_hook_that_is_not_owed_takes_nothing_back),
		cmocka_unit_test(an_endpoint_is_compared_with_itself),
		cmocka_unit_test(going_down_counts_whatever_else_went_wrong),
		cmocka_unit_test(
		    a_hook_that_did_not_run_is_blamed_and_nothing_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
