/* drift: what is said of a file that is not as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/drift.h"
#include "base/auto.h"
#include "base/buf.h"
#include "store/target.h"

static void each_difference_has_its_words(void **state)
{
	static const struct {
		unsigned differs;
		const char *words;
	} rows[] = {
		{ TARGET_MISSING, "/x: missing" },
		{ TARGET_STRANGE, "/x: not a plain file of its own" },
		{ TARGET_CONTENT, "/x: other content" },
		{ TARGET_OWNER, "/x: other owner" },
		{ TARGET_MODE, "/x: other mode" },
		{ TARGET_CONTENT | TARGET_OWNER | TARGET_MODE,
		  "/x: other content, other owner, other mode" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		drift_describe(&out, "/x", rows[i].differs);
		assert_string_equal(out.data, rows[i].words);
	}
}

static void what_is_as_it_should_be_is_not_named(void **state)
{
	AUTO_BUF struct buf out = { 0 };

	(void)state;
	drift_describe(&out, "/a", TARGET_MODE);
	drift_describe(&out, "/b", 0);
	drift_describe(&out, "/c", TARGET_MISSING);
	assert_string_equal(out.data, "/a: other mode; /c: missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_difference_has_its_words),
		cmocka_unit_test(what_is_as_it_should_be_is_not_named),
	};

	return cmocka_run_group_tests_name("drift", tests, NULL, NULL);
}
