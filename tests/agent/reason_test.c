/* reason: one table of CRLReason, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/role/reason.h"

static void a_reason_is_the_same_as_word_and_as_number(void **state)
{
	static const struct {
		const char *typed;
		uint64_t number;
		const char *word;
	} rows[] = {
		{ "unspecified", 0, "unspecified" },
		{ "keycompromise", 1, "keyCompromise" },
		{ "6", 6, "certificateHold" },
		{ "removeFromCRL", 8, "removeFromCRL" },
		{ "privilegeWithdrawn", 9, "privilegeWithdrawn" },
		{ "AACOMPROMISE", 10, "aACompromise" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t number = 99;

		print_message("  %s\n", rows[i].typed);
		assert_true(reason_read(rows[i].typed, &number));
		assert_int_equal(number, rows[i].number);
		assert_string_equal(reason_word(number), rows[i].word);
	}
}

static void what_is_no_reason_is_refused(void **state)
{
	static const char *const words[] = { "",   "7",   "11",
					     "-1", "key", "keyCompromise " };
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		print_message("  \"%s\"\n", words[i]);
		assert_false(reason_read(words[i], &number));
	}
	assert_string_equal(reason_word(UINT64_MAX), "unspecified");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_the_same_as_word_and_as_number),
		cmocka_unit_test(what_is_no_reason_is_refused),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
