/* state_crl: what is known of a CRL is known until it is known otherwise. */
#include "agent/state/state_crl.h"

#include "base/buf.h"
#include "base/err.h"
#include "tests/help/writing.h"

static const struct crl_memory memory = {
	.look_at = 1,
	.looked_at = 2,
	.failures = 3,
	.written = UINT64_MAX,
	.written_until = 5,
	.loaded = 6,
	.loaded_until = 7,
	.hook_at = 8,
	.hook_failures = 9,
	.last_error = "it says no",
};

static struct crl_part part_of(uint8_t ca)
{
	return (struct crl_part){ .ca = { ca },
				  .this_update = 1,
				  .next_update = 2,
				  .number = { 3, { 0x01, 0xab, 0x00 } },
				  .n_entries = 4,
				  .digest = { 5 },
				  .scope = { 6 },
				  .url = "http://ca.example/crl",
				  .etag = "\"7\"",
				  .last_modified = "now" };
}

static int see(void *arg, const char *name, const struct crl_memory *m)
{
	buf_printf(arg, "%s ", name);
	assert_memory_equal(m, &memory, sizeof(memory));
	return 0;
}

static int see_part(void *arg, const char *name, const struct crl_part *p)
{
	const struct crl_part want = part_of(p->ca[0]);

	buf_printf(arg, "%s/%u ", name, p->ca[0]);
	assert_memory_equal(p, &want, sizeof(want));
	return 0;
}

static void expect(struct state *st, const char *crls, const char *parts)
{
	AUTO_BUF struct buf got = { 0 }, got_parts = { 0 };
	struct err e;

	buf_puts(&got, "");
	buf_puts(&got_parts, "");
	assert_int_equal(state_crl_each(st, see, &got, &e), 0);
	assert_int_equal(state_crl_part_each(st, see_part, &got_parts, &e), 0);
	assert_string_equal(got.data == NULL ? "" : got.data, crls);
	assert_string_equal(got_parts.data == NULL ? "" : got_parts.data, parts);
}

static void put(struct state *st, const char *name, uint8_t ca)
{
	const struct crl_part p = part_of(ca);
	struct err e;

	assert_int_equal(state_crl_put(st, name, &memory, &e), 0);
	assert_int_equal(state_crl_part_put(st, name, &p, &e), 0);
}

static void each_ca_of_a_crl_has_a_list(void **state)
{
	struct state *st = begin(*state);

	put(st, "clients", 1);
	put(st, "clients", 2);
	put(st, "admins", 1);
	put(st, "clients", 2);
	commit_and_close(st);
	st = begin(*state);
	expect(st, "admins clients ", "admins/1 clients/1 clients/2 ");
	commit_and_close(st);
	expect(NULL, "", "");
}

static void the_lists_of_one_can_be_forgotten(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put(st, "clients", 1);
	put(st, "admins", 1);
	assert_int_equal(state_crl_drop_parts(st, "clients", &e), 0);
	expect(st, "admins clients ", "admins/1 ");
	assert_int_equal(state_crl_drop(st, "admins", &e), 0);
	expect(st, "clients ", "");
	commit_and_close(st);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(each_ca_of_a_crl_has_a_list),
		KEPT(the_lists_of_one_can_be_forgotten),
	};

	return cmocka_run_group_tests_name("state_crl", tests, NULL, NULL);
}
