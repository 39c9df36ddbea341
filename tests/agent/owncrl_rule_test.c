/* owncrl_rule: what to believe, when to ask again, and about whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/owncrl.h"
#include "agent/role/crlcall.h"
#include "agent/rule/crlwatch_rule.h"
#include "base/err.h"
#include "base/mem.h"

#define NOW  1795235000
#define HOUR 3600
#define DAY  (24 * HOUR)

/* -- serials -- */

static void what_stands_for_a_serial_is_its_end(void **state)
{
	static const struct {
		const char *serial;
		uint64_t key;
	} rows[] = {
		{ "01", 1 },
		{ "7FFFFFFFFFFFFFFF", 0x7fffffffffffffff },
		{ "0A00112233445566778899", 0x2233445566778899 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_true(owncrl_key(rows[i].serial) == rows[i].key);
}

/* -- what has come -- */

static void what_is_old_or_cannot_be_verified_is_not_believed(void **state)
{
	static const struct {
		const char *name;
		struct crl_part known;
		struct crl_answer came;
		int rc;
	} rows[] = {
		{ "the first",
		  { .this_update = 0 },
		  { .verdict = CRL_GOOD, .facts.this_update = NOW - DAY },
		  0 },
		{ "the same again",
		  { .this_update = NOW - DAY, .next_update = NOW + DAY },
		  { .verdict = CRL_GOOD, .facts.this_update = NOW - DAY },
		  0 },
		{ "an older one",
		  { .this_update = NOW - DAY, .next_update = NOW + DAY },
		  { .verdict = CRL_GOOD, .facts.this_update = NOW - DAY - 1 },
		  ERR_TRUST },
		{ "none since",
		  { .this_update = NOW - DAY, .next_update = NOW + 1 },
		  { .verdict = CRL_UNCHANGED },
		  0 },
		{ "none since one that has ended",
		  { .this_update = NOW - DAY, .next_update = NOW },
		  { .verdict = CRL_UNCHANGED },
		  ERR_TRUST },
		{ "none since one without an end",
		  { .this_update = NOW - DAY },
		  { .verdict = CRL_UNCHANGED },
		  0 },
		{ "one that cannot be verified here",
		  { .this_update = 0 },
		  { .verdict = CRL_UNVERIFIED, .facts.this_update = NOW },
		  ERR_TRUST },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("  %s\n", rows[i].name);
		assert_int_equal(owncrl_judge(&rows[i].known, &rows[i].came, NOW, &e),
				 rows[i].rc);
	}
}

static void who_fails_is_asked_more_and_more_seldom(void **state)
{
	static const struct {
		const char *name;
		int code;
		unsigned failures;
		int64_t until; /* after now; 0: nothing good has come yet */
		int64_t least, most;
	} rows[] = {
		{ "no answer", ERR_NET, 1, 7 * DAY, 90, 150 },
		{ "none for the fifth time", ERR_NET, 5, 7 * DAY, 1440, 2400 },
		{ "none for days", ERR_NET, 50, 7 * DAY, 4 * HOUR, 6 * HOUR },
		{ "none, ever", ERR_NET, 50, 0, 4 * HOUR, 6 * HOUR },
		{ "none, and ours has ended", ERR_NET, 50, -60, HOUR / 2, 2 * HOUR },
		{ "HTML", ERR_PROTO, 1, 7 * DAY, 2700, 4500 },
		{ "there is none", ERR_REFUSED, 1, 7 * DAY, 5 * HOUR, 6 * HOUR },
		{ "as its server says", ERR_LATER, 9, 7 * DAY, 2 * HOUR, 2 * HOUR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct err why = { .code = rows[i].code,
					 .retry_at_ms =
					     (NOW + 2 * HOUR) * INT64_C(1000) };
		const int64_t until = rows[i].until == 0 ? 0 : NOW + rows[i].until;

		for (uint32_t part = 0; part < 5; part++) {
			const int64_t wait =
			    owncrl_retry_at(&why, rows[i].failures, until, NOW,
					    part * (UINT32_MAX / 4)) -
			    NOW;

			if (wait < rows[i].least || wait > rows[i].most)
				fail_msg("%s: %lld s", rows[i].name, (long long)wait);
		}
	}
}

/* -- who is looked up -- */

static void fill(struct own_members *m, size_t n)
{
	*m = (struct own_members){ .who = xcalloc(n, sizeof(*m->who)),
				   .keys = xcalloc(n, sizeof(*m->keys)),
				   .n = n };
	for (size_t i = 0; i < n; i++) {
		m->who[i] = (uint32_t)i;
		m->keys[i] = i;
	}
}

static void drop(struct own_members *m)
{
	free(m->who);
	free(m->keys);
}

static void all_are_looked_up_in_passes(void **state)
{
	struct own_members m;

	(void)state;
	fill(&m, 2 * CRL_SERIALS_MAX + 5);
	for (unsigned passes = 0; passes < 3; passes++) {
		assert_int_equal(own_members_asked(&m),
				 passes < 2 ? CRL_SERIALS_MAX : 5);
		m.who[m.first + 2] = OWN_NONE;
		assert_int_equal(own_members_pass(&m, false), 1);
	}
	assert_int_equal(own_members_asked(&m), 0);
	assert_int_equal(m.n, 2 * CRL_SERIALS_MAX + 2);
	for (size_t i = 0; i < m.n; i++)
		assert_true(m.keys[i] == m.who[i] && m.who[i] != OWN_NONE);
	drop(&m);
}

static void a_pass_that_knew_of_more_is_done_again(void **state)
{
	struct own_members m;

	(void)state;
	fill(&m, 10);
	m.who[0] = m.who[9] = OWN_NONE;
	assert_int_equal(own_members_pass(&m, true), 2);
	assert_int_equal(own_members_asked(&m), 8);
	assert_int_equal(m.who[0], 1);
	/* ... but those that only look like ours are not asked about for ever */
	assert_int_equal(own_members_pass(&m, true), 0);
	assert_int_equal(own_members_asked(&m), 0);
	drop(&m);
}

static void a_public_ca_that_publishes_nothing_new_is_late(void **state)
{
	static const struct {
		int64_t from, until, looked_at, public_s;
		enum crl_age age;
	} rows[] = {
		{ NOW - 3 * DAY, NOW + 7 * DAY, NOW, OWN_PUBLIC_S, CRL_FRESH },
		{ NOW - 4 * DAY - 1, NOW + 6 * DAY, NOW, OWN_PUBLIC_S, CRL_LATE },
		{ NOW - 4 * DAY - 1, NOW + 6 * DAY, NOW, OWN_OCSP_S, CRL_FRESH },
		{ NOW - 8 * DAY, NOW + 9 * DAY, NOW, OWN_OCSP_S, CRL_LATE },
		{ NOW - 8 * DAY, NOW + 9 * DAY, NOW, 0, CRL_FRESH },
		/* nobody has looked since */
		{ NOW - 5 * DAY, NOW + 6 * DAY, NOW - 2 * DAY, OWN_PUBLIC_S,
		  CRL_FRESH },
		{ NOW - 6 * DAY, NOW + 4 * DAY, NOW, 0, CRL_LATE },
		{ NOW - 8 * DAY, NOW + 2 * DAY, NOW, OWN_PUBLIC_S, CRL_OLD },
		{ NOW - 9 * DAY, NOW, NOW, OWN_PUBLIC_S, CRL_OVER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct crl_part p = { .this_update = rows[i].from,
					    .next_update = rows[i].until };

		print_message("  row %zu\n", i);
		assert_int_equal(owncrl_age(&p, rows[i].looked_at, rows[i].public_s,
					    NOW),
				 rows[i].age);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_for_a_serial_is_its_end),
		cmocka_unit_test(what_is_old_or_cannot_be_verified_is_not_believed),
		cmocka_unit_test(who_fails_is_asked_more_and_more_seldom),
		cmocka_unit_test(a_public_ca_that_publishes_nothing_new_is_late),
		cmocka_unit_test(all_are_looked_up_in_passes),
		cmocka_unit_test(a_pass_that_knew_of_more_is_done_again),
	};

	return cmocka_run_group_tests_name("owncrl_rule", tests, NULL, NULL);
}
