/* agenda: who is due goes first by who has least time left, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/drift.h"
#include "agent/owncrl.h"
#include "base/clock.h"
#include "base/mem.h"

#define NOW   1795235000
#define DAY   86400
#define CERTS 10000

/* As many as there are, each due since yesterday, with between 1 s and 20 days left in no
 * order; of the first ten nothing is due yet. */
static void fill(struct agent *a, struct spec *s, struct spec_cert *specs)
{
	static const struct spec_issuer own = { .type = ISSUER_LOCAL };
	static const uint32_t first;
	uint32_t left = 1;

	*s = (struct spec){ .certs = specs,
			    .issuers = &own,
			    .numbers = &first,
			    .n[SPEC_CERTS] = CERTS };
	a->spec = s;
	a->certs = xcalloc(CERTS, sizeof(*a->certs));
	a->drift = xcalloc(CERTS, sizeof(*a->drift));
	a->wanted = xcalloc(CERTS, sizeof(*a->wanted));
	a->tried = xcalloc(CERTS, sizeof(*a->tried));
	heap_init(&a->agenda, CERTS);
	heap_init(&a->due, CERTS);
	heap_init(&a->unasked, CERTS);
	a->own = xcalloc(1, sizeof(*a->own));
	a->own->leaves = xcalloc(CERTS, sizeof(*a->own->leaves));
	heap_init(&a->own->unread, CERTS);
	for (uint32_t i = 0; i < CERTS; i++) {
		left = (uint32_t)(left * UINT64_C(48271) % 2147483647); /* MINSTD */
		a->wanted[i] = true;
		a->certs[i] = (struct cert){
			.flags = CERT_PRESENT,
			.issuer = SPEC_NOBODY,
			.not_before = NOW - 70 * DAY,
			.not_after = NOW + 1 + left % (20 * DAY),
			.renew_at = i < 10 ? NOW + DAY + i : NOW - DAY,
		};
		if (i < 10)
			a->certs[i].not_after = NOW + 30 * DAY;
	}
}

static void drop(struct agent *a)
{
	free(a->certs);
	free(a->drift);
	free(a->wanted);
	free(a->tried);
	heap_done(&a->agenda);
	heap_done(&a->due);
	heap_done(&a->unasked);
	owncrl_free(a);
}

static void many_that_are_due_at_once_go_by_least_time_left(void **state)
{
	struct spec_cert *specs = xcalloc(CERTS, sizeof(*specs));
	const struct request request = { .command = COMMAND_AGENT };
	struct agent a = { .request = &request };
	struct spec s;
	int64_t before = 0;
	uint32_t i, n = 0;
	enum why why;

	(void)state;
	clock_fake(NOW);
	fill(&a, &s, specs);
	agenda_all(&a);
	agenda_decide(&a);
	while (agenda_take(&a, &i, &why)) {
		assert_int_equal(why, WHY_EXPIRING);
		assert_true(a.certs[i].not_after >= before);
		before = a.certs[i].not_after;
		n++;
	}
	assert_int_equal(n, CERTS - 10);
	assert_true(agenda_next(&a, &i) == NOW + DAY);
	assert_int_equal(i, 0);
	drop(&a);
	free(specs);
	clock_fake(0);
}

/* Those of a CA that is gone fail again and again, and have less time left each time. */
static void what_fails_keeps_nothing_that_has_not_failed_from_its_turn(void **state)
{
	struct spec_cert *specs = xcalloc(CERTS, sizeof(*specs));
	const struct request request = { .command = COMMAND_AGENT };
	struct agent a = { .request = &request };
	uint32_t i, n = 0, last = 0;
	struct spec s;
	enum why why;

	(void)state;
	clock_fake(NOW);
	fill(&a, &s, specs);
	for (i = 10; i < CERTS; i += 2)
		a.certs[i].failures = (uint16_t)(i % 20 == 0 ? UINT16_MAX : 1);
	a.certs[CERTS - 2] = (struct cert){ .failures = 2 }; /* there was never one */
	agenda_all(&a);
	agenda_decide(&a);
	while (agenda_take(&a, &i, &why)) {
		if (n++ < (CERTS - 10) / 2)
			assert_int_equal(a.certs[i].failures, 0);
		assert_true(a.certs[i].failures >= last);
		last = a.certs[i].failures;
	}
	assert_int_equal(n, CERTS - 10);
	drop(&a);
	free(specs);
	clock_fake(0);
}

static void in_doubt_of_the_clock_the_hosts_own_ca_renews_nothing(void **state)
{
	struct spec_cert *specs = xcalloc(CERTS, sizeof(*specs));
	const struct request request = { .command = COMMAND_AGENT };
	struct agent a = { .request = &request };
	struct spec s;
	enum why why;
	uint32_t i;

	(void)state;
	clock_fake(NOW);
	fill(&a, &s, specs);
	a.clock.doubted = true;
	a.clock.since_ms = clock_boot_ms();
	a.certs[5000].flags = 0; /* is missing by any clock */
	agenda_all(&a);
	agenda_decide(&a);
	assert_true(agenda_take(&a, &i, &why));
	assert_int_equal(i, 5000);
	assert_int_equal(why, WHY_MISSING);
	assert_false(agenda_take(&a, &i, &why));
	assert_true(agenda_next(&a, &i) > NOW);
	drop(&a);
	free(specs);
	clock_fake(0);
}

/* Which has been told that its clock is not theirs, with one that it has renewed. */
static void by_a_clock_that_no_ca_has_nothing_is_renewed_for_its_age(void **state)
{
	static const struct spec_issuer ca = { .type = ISSUER_ACME };
	struct spec_cert *specs = xcalloc(CERTS, sizeof(*specs));
	const struct request request = { .command = COMMAND_AGENT };
	struct agent a = { .request = &request };
	struct spec s;
	enum why why;
	uint32_t i;

	(void)state;
	clock_fake(NOW);
	fill(&a, &s, specs);
	s.issuers = &ca;
	agenda_all(&a);
	agenda_decide(&a);
	assert_true(agenda_take(&a, &i, &why));
	a.clock.doubted = true;
	clockwatch_hear(&a.clock, -90 * DAY, clock_boot_ms());
	a.certs[5000].flags = 0; /* is missing by any clock */
	a.certs[5001].ari_at = NOW - DAY;
	a.certs[5001].ari_end = NOW + DAY;
	agenda_look(&a, 5000);
	agenda_decide(&a);
	assert_true(agenda_take(&a, &i, &why));
	assert_int_equal(i, 5000);
	assert_false(agenda_take(&a, &i, &why));
	agenda_decide(&a);
	assert_in_range(agenda_next(&a, &i), NOW + 3500, NOW + 3600);
	clockwatch_hear(&a.clock, 0, clock_boot_ms());
	agenda_all(&a);
	agenda_decide(&a);
	assert_true(agenda_take(&a, &i, &why));
	drop(&a);
	free(specs);
	clock_fake(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_that_are_due_at_once_go_by_least_time_left),
		cmocka_unit_test(
		    what_fails_keeps_nothing_that_has_not_failed_from_its_turn),
		cmocka_unit_test(in_doubt_of_the_clock_the_hosts_own_ca_renews_nothing),
		cmocka_unit_test(
		    by_a_clock_that_no_ca_has_nothing_is_renewed_for_its_age),
	};

	return cmocka_run_group_tests_name("agenda", tests, NULL, NULL);
}
