/* meta: what stands beside a generation, put and found again. */
#include "tests/scratch.h"

#include <string.h>

#include "agent/meta.h"
#include "base/buf.h"
#include "base/x509.h"

static void what_was_put_is_found(void **state)
{
	const struct x509_facts facts = { .fingerprint = { 0xab, 1 }, .serial = "04" };
	struct buf text = { 0 };
	struct meta m;

	(void)state;
	meta_put(&text, "www", "letsencrypt", "missing", &facts);
	meta_parse(text.data, &m);
	assert_string_equal(m.issuer, "letsencrypt");
	assert_memory_equal(m.fingerprint, "ab010000", 8);
	assert_int_equal(strlen(m.fingerprint), 64);
	buf_done(&text);
}

static void what_is_not_ours_says_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{\"issuer\":",
		"{\"issuer\": null}",
		"{\"issuer\": \"open",
		"{\"issuer\": \"a\\\"b\"}",
		"{\"issuer\": 7, \"fingerprint\": []}",
		"{\"issuer\": \"12345678901234567890123456789012345678901234567890"
		"12345678901234567890123456789012345678901234567890"
		"1234567890123456789012345678\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct meta m;

		meta_parse(texts[i], &m);
		assert_string_equal(m.issuer, "");
		assert_string_equal(m.fingerprint, "");
	}
}

static void one_that_is_not_there_says_nothing(void **state)
{
	const struct scratch *s = *state;
	struct meta m;

	meta_read(s->fd, "www", 7, &m);
	assert_string_equal(m.issuer, "");
	meta_read(-1, "www", 7, &m);
	assert_string_equal(m.issuer, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(what_is_not_ours_says_nothing),
		cmocka_unit_test_setup_teardown(one_that_is_not_there_says_nothing,
						scratch_in, scratch_out),
	};

	return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
