/* proof: when it is looked at what is served, by a clock that is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/proof.h"
#include "base/clock.h"

#define NOW  1795235000
#define HOUR 3600
#define DAY  (24 * HOUR)

enum { CERTS = 200, NAME_ROOM = 8, WITHOUT = CERTS - 1 };

/* As many certificates, each with an endpoint but for the last; nothing is remembered, so
 * that a look ends where it begins. */
struct stage {
	struct request request;
	struct spec_cert specs[CERTS];
	struct cert certs[CERTS];
	char text[1 + CERTS * NAME_ROOM];
	struct spec spec;
	struct agent agent;
};

static void set_stage(struct stage *s, enum command command, unsigned flags)
{
	*s = (struct stage){ .request = { .command = command, .flags = flags } };
	for (uint32_t i = 0; i < CERTS; i++) {
		s->specs[i] = (struct spec_cert){
			.name.at = 1 + i * NAME_ROOM,
			.probes.n = i != WITHOUT,
			.probe_every_s = HOUR,
		};
		snprintf(s->text + s->specs[i].name.at, NAME_ROOM, "c%u", i % 1000);
		s->certs[i].flags = CERT_PRESENT;
	}
	s->spec = (struct spec){ .certs = s->specs, .text = s->text };
	s->spec.n[SPEC_CERTS] = CERTS;
	s->agent = (struct agent){ .spec = &s->spec,
				   .certs = s->certs,
				   .request = &s->request };
	s->agent.start.host_id = "host";
	clock_fake(NOW);
	proof_begin(&s->agent);
}

static void drop(struct stage *s)
{
	proof_free(&s->agent);
	clock_fake(0);
}

/* When certificate `i` is looked at, `n` times. */
static void follow(struct stage *s, uint32_t i, int64_t *at, int n)
{
	int64_t now = NOW;

	for (int k = 0; k < n; k++) {
		now = at[k] = proof_look(&s->agent, i, now);
		clock_fake(now);
	}
	clock_fake(NOW);
}

static void each_is_looked_at_every_hour_at_a_moment_of_its_own(void **state)
{
	static struct stage s;
	unsigned bins[60] = { 0 };

	(void)state;
	set_stage(&s, COMMAND_AGENT, 0);
	for (uint32_t i = 0; i < WITHOUT; i++) {
		int64_t at[24];

		follow(&s, i, at, 24);
		assert_in_range(at[0], NOW + 1, NOW + HOUR);
		for (int k = 1; k < 24; k++)
			assert_int_equal(at[k], at[k - 1] + HOUR);
		bins[at[0] % HOUR / 60]++;
	}
	assert_int_equal(bins[0], 0);
	for (int k = 0; k < 60; k++)
		assert_in_range(bins[k], 0, 3 * CERTS / 60);
	drop(&s);
}

static void before_its_moment_nothing_is_done_and_a_start_moves_nothing(void **state)
{
	static struct stage s;
	int64_t first;

	(void)state;
	set_stage(&s, COMMAND_AGENT, 0);
	first = proof_look(&s.agent, 7, NOW);
	assert_int_equal(proof_look(&s.agent, 7, first - 1), first);
	assert_int_equal(s.certs[7].prove_at, first);
	drop(&s);
	set_stage(&s, COMMAND_AGENT, 0);
	assert_int_equal(proof_look(&s.agent, 7, first - 1), first);
	assert_int_equal(proof_look(&s.agent, 7, first), first + HOUR);
	drop(&s);
}

static void a_clock_that_was_ahead_holds_nothing_up(void **state)
{
	static struct stage s;
	int64_t at;

	(void)state;
	set_stage(&s, COMMAND_AGENT, 0);
	(void)proof_look(&s.agent, 7, NOW + 90 * DAY);
	at = proof_look(&s.agent, 7, NOW);
	assert_in_range(at, NOW + 1, NOW + HOUR);
	at = proof_look(&s.agent, 7, NOW + 90 * DAY);
	assert_in_range(at, NOW + 90 * DAY + 1, NOW + 90 * DAY + HOUR);
	drop(&s);
}

static void who_asks_for_a_look_at_everything_has_all_looked_at_now(void **state)
{
	static struct stage s;

	(void)state;
	set_stage(&s, COMMAND_AGENT, REQUEST_LOOK);
	for (uint32_t i = 0; i < WITHOUT; i++)
		assert_int_equal(s.certs[i].prove_at, NOW);
	assert_in_range(proof_look(&s.agent, 7, NOW), NOW + 1, NOW + HOUR);
	drop(&s);
}

static void nothing_is_looked_at_where_there_is_nothing_to_see(void **state)
{
	static const struct {
		const char *row;
		enum command command;
		uint32_t cert, flags;
		bool stopping;
	} rows[] = {
		{ "no endpoint", COMMAND_AGENT, WITHOUT, CERT_PRESENT, false },
		{ "a run that ends", COMMAND_RENEW, 7, CERT_PRESENT, false },
		{ "an agent that ends", COMMAND_AGENT, 7, CERT_PRESENT, true },
		{ "missing", COMMAND_AGENT, 7, 0, false },
		{ "unreadable", COMMAND_AGENT, 7, CERT_PRESENT | CERT_UNREADABLE,
		  false },
		{ "another key", COMMAND_AGENT, 7, CERT_PRESENT | CERT_DAMAGED, false },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_stage(&s, rows[i].command, REQUEST_LOOK);
		s.certs[rows[i].cert].flags = rows[i].flags;
		s.agent.stopping = rows[i].stopping;
		if (proof_look(&s.agent, rows[i].cert, NOW) != INT64_MAX ||
		    proof_busy(&s.agent))
			fail_msg("%s", rows[i].row);
		drop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_looked_at_every_hour_at_a_moment_of_its_own),
		cmocka_unit_test(
		    before_its_moment_nothing_is_done_and_a_start_moves_nothing),
		cmocka_unit_test(a_clock_that_was_ahead_holds_nothing_up),
		cmocka_unit_test(
		    who_asks_for_a_look_at_everything_has_all_looked_at_now),
		cmocka_unit_test(nothing_is_looked_at_where_there_is_nothing_to_see),
	};

	return cmocka_run_group_tests_name("proof", tests, NULL, NULL);
}
