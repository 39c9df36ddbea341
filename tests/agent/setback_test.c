/* setback: which way a name goes next, and which names are left out. */

#include <string.h>

#include "agent/role/spec.h"
#include "agent/setback.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/config_fake.h"

#define NOW  1795235000
#define HOUR 3600

enum { WWW, OLD, STAR, ADDRESS, NAMES };
enum { WEB, TXT, TLS, WAYS };

static const char text[] =
    "contact = \"mailto:a@example.org\"; agree_terms = true;\n"
    "issuers = ( { name = \"ca\"; type = \"acme\"; url = \"https://ca.example/\"; } "
    ");\n"
    "certificates = ( { name = \"www\"; issuer = \"ca\";\n"
    "  names = [ \"www.example\" ];\n"
    "  optional = [ \"old.example\", \"*.example\", \"192.0.2.7\" ];\n"
    "  challenge = (\n"
    "    { type = \"http-01\"; listen = \"[::]:80\"; },\n"
    "    { type = \"dns-01\"; rfc2136 = { server = \"127.0.0.1\"; key_name = "
    "\"acme\";\n"
    "      key_file = \"/etc/everleaf/secret\"; }; },\n"
    "    { type = \"tls-alpn-01\"; listen = \"[::]:443\"; only = [ \"www.example\" ]; "
    "}\n"
    "  ); } );\n";

struct stage {
	struct fake fake;
	struct spec spec;
	struct setbacks s;
};

static void stage_begin(struct stage *g)
{
	*g = (struct stage){ .spec = { .map = NULL } };
	fake_spec(&g->fake, true, text, &g->spec);
	setbacks_begin(&g->s, &g->spec, 0);
}

static void stage_end(struct stage *g)
{
	setbacks_done(&g->s);
	spec_done(&g->spec);
	fake_done(&g->fake);
}

static uint32_t way(const struct stage *g, uint32_t k)
{
	return g->s.ways.first + k;
}

/* The ways that are left for a name, in turn, as letters: each fails. */
static char *turns(struct stage *g, uint32_t name)
{
	char *all = xstrdup("");
	uint32_t next;

	for (int64_t i = 0; setbacks_next(&g->s, name, &next); i++) {
		AUTO_FREE char *before = all;

		all = xasprintf("%s%c", before, "WTS"[next - g->s.ways.first]);
		assert_true(strlen(all) <= WAYS);
		setbacks_note(&g->s, name, next, "no", NOW + i);
	}
	return all;
}

static void each_way_that_is_for_a_name_has_its_turn_once(void **state)
{
	static const char *const rows[NAMES] = {
		[WWW] = "WTS", [OLD] = "WT", [STAR] = "T", [ADDRESS] = "W"
	};

	(void)state;
	for (uint32_t k = 0; k < NAMES; k++) {
		struct stage g;
		AUTO_FREE char *got = NULL;

		stage_begin(&g);
		got = turns(&g, k);
		assert_string_equal(got, rows[k]);
		stage_end(&g);
	}
}

static void what_failed_comes_last_and_what_failed_longest_ago_first(void **state)
{
	static const struct {
		int64_t at[WAYS]; /* when each has failed, 0: it has not */
		const char *turns;
	} rows[] = {
		{ { 0, 0, 0 }, "WTS" }, { { 1, 0, 0 }, "TSW" }, { { 1, 2, 0 }, "SWT" },
		{ { 2, 1, 0 }, "STW" }, { { 0, 1, 2 }, "WTS" }, { { 3, 1, 2 }, "TSW" },
		{ { 1, 1, 1 }, "WTS" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct stage g;
		AUTO_FREE char *got = NULL;

		stage_begin(&g);
		for (uint32_t k = 0; k < WAYS; k++)
			if (rows[i].at[k] != 0)
				setbacks_note(&g.s, WWW, way(&g, k), "no",
					      NOW - 100 + rows[i].at[k]);
		setbacks_again(&g.s); /* another attempt */
		got = turns(&g, WWW);
		if (strcmp(got, rows[i].turns) != 0)
			fail_msg("row %zu: %s, not %s", i, got, rows[i].turns);
		stage_end(&g);
	}
}

static void what_works_is_forgotten_and_the_rest_is_not(void **state)
{
	const struct name_set none = { { 0 } };
	struct stage g;
	uint32_t next;

	(void)state;
	stage_begin(&g);
	setbacks_note(&g.s, WWW, way(&g, WEB), "no", NOW);
	setbacks_note(&g.s, WWW, way(&g, TXT), "no", NOW + 1);
	setbacks_note(&g.s, WWW, way(&g, TLS), "no", NOW + 2);
	setbacks_again(&g.s);
	assert_true(setbacks_next(&g.s, WWW, &next) && next == way(&g, WEB));
	setbacks_worked(&g.s, &none);
	assert_true(setbacks_next(&g.s, WWW, &next) && next == way(&g, WEB));
	assert_true(setbacks_excludes(&g.s, WWW, way(&g, TXT)));
	assert_true(setbacks_excludes(&g.s, WWW, way(&g, TLS)));
	assert_false(setbacks_excludes(&g.s, OLD, way(&g, TXT)));
	assert_int_equal(g.s.n, 2);
	stage_end(&g);
}

/* An order leaves out what is optional and has no way; what is needed cannot be. */
static void what_is_optional_is_left_out_and_what_is_needed_is_not(void **state)
{
	const uint64_t star = names_hash(NAME_DNS, "*.example");
	struct stage g;
	uint64_t all;
	struct name_set out;

	(void)state;
	stage_begin(&g);
	all = g.spec.certs[0].names_hash;
	assert_true(setbacks_go_on(&g.s, NOW));
	assert_int_equal(g.s.n, 0);
	setbacks_note(&g.s, STAR, way(&g, TXT), "no such zone", NOW);
	setbacks_note(&g.s, OLD, way(&g, WEB), "refused", NOW);
	assert_true(setbacks_go_on(&g.s, NOW));
	out = setbacks_out(&g.s, NOW);
	assert_true(name_set_has(&out, STAR));
	assert_false(name_set_has(&out, OLD)); /* there is another way */
	assert_true(name_set_may_be_out(&g.spec, &g.spec.certs[0], &out));
	assert_true(setbacks_hash(&g.s, NOW) == all - star);
	assert_true(setbacks_hash(&g.s, NOW + HOUR) == all);
	assert_true(setbacks_hash(&g.s, SETBACK_ANY_TIME) == all - star);
	assert_true(setbacks_retry_at(&g.s) == NOW + HOUR);
	setbacks_note(&g.s, WWW, SPEC_NOBODY, "not this one", NOW);
	assert_false(setbacks_go_on(&g.s, NOW));
	out = setbacks_out(&g.s, NOW);
	assert_false(name_set_has(&out, WWW));
	assert_false(name_set_may_be_out(&g.spec, &g.spec.certs[0],
					 &(struct name_set){ { 1 } }));
	stage_end(&g);
}

static void what_is_left_out_is_tried_again_more_and_more_rarely(void **state)
{
	static const int64_t spans[] = { HOUR,      2 * HOUR,  4 * HOUR,  8 * HOUR,
					 16 * HOUR, 32 * HOUR, 48 * HOUR, 48 * HOUR };
	struct stage g;

	(void)state;
	stage_begin(&g);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		setbacks_again(&g.s);
		setbacks_note(&g.s, OLD, SPEC_NOBODY, "refused", NOW);
		assert_true(setbacks_retry_at(&g.s) == NOW + spans[i]);
	}
	/* By another order before its issuer has room for one: it stays out. */
	assert_false(setbacks_put_off(&g.s, NOW, NOW + 72 * HOUR));
	assert_true(setbacks_put_off(&g.s, NOW + 48 * HOUR, NOW + 72 * HOUR));
	assert_true(setbacks_retry_at(&g.s) == NOW + 72 * HOUR);
	stage_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_that_is_for_a_name_has_its_turn_once),
		cmocka_unit_test(
		    what_failed_comes_last_and_what_failed_longest_ago_first),
		cmocka_unit_test(what_works_is_forgotten_and_the_rest_is_not),
		cmocka_unit_test(
		    what_is_optional_is_left_out_and_what_is_needed_is_not),
		cmocka_unit_test(what_is_left_out_is_tried_again_more_and_more_rarely),
	};

	return cmocka_run_group_tests_name("setback", tests, NULL, NULL);
}
