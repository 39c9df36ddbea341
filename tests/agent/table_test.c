#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/table.h"

static const char *const heads[] = { "NAME", "STATE" };

/* What is printed; until the next call. */
static const char *printed(const struct table *t)
{
	static char out[4096];
	FILE *f = fmemopen(out, sizeof(out), "w");

	memset(out, 0, sizeof(out));
	assert_non_null(f);
	table_print(t, f);
	fclose(f);
	return out;
}

static void columns_are_as_wide_as_their_widest(void **state)
{
	AUTO_TABLE struct table t;

	(void)state;
	table_begin(&t, false, heads, 2);
	table_put(&t, COLOR_NONE, "a");
	table_put(&t, COLOR_GOOD, "ok");
	table_put(&t, COLOR_NONE, "m\xc3\xbcnchen"); /* characters, not bytes */
	table_put(&t, COLOR_BAD, "missing");
	assert_string_equal(printed(&t), "NAME     STATE\n"
					 "a        ok\n"
					 "m\xc3\xbcnchen  missing\n");
}

static void no_rows_are_no_table(void **state)
{
	AUTO_TABLE struct table t;

	(void)state;
	table_begin(&t, true, heads, 2);
	assert_string_equal(printed(&t), "");
}

static void a_note_stands_below_its_row_in_80_columns(void **state)
{
	AUTO_TABLE struct table t;
	const char *out;

	(void)state;
	table_begin(&t, false, heads, 2);
	table_put(&t, COLOR_NONE, "a");
	table_put(&t, COLOR_NONE, "failing");
	table_note(
	    &t, "last error: %s",
	    "hook nginx: its test failed already before the switch, so the service "
	    "has a problem of its own: exited with 7");
	table_put(&t, COLOR_NONE, "b");
	table_put(&t, COLOR_NONE, "ok");
	out = printed(&t);
	assert_non_null(strstr(out, "a     failing\n    last error: hook nginx: "));
	assert_non_null(strstr(out, "exited with 7\nb     ok\n"));
	for (const char *line = out; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= TABLE_WIDTH);
}

static void what_others_wrote_cannot_move_the_cursor(void **state)
{
	AUTO_TABLE struct table t;
	const char *out;

	(void)state;
	table_begin(&t, false, heads, 2);
	table_put(&t, COLOR_NONE, "a\033[2J");
	table_put(&t, COLOR_NONE, "two\nlines");
	table_note(&t, "a\rnote");
	out = printed(&t);
	assert_null(strchr(out, '\033'));
	assert_null(strchr(out, '\r'));
	assert_non_null(strstr(out, "two\\nlines"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest),
		cmocka_unit_test(no_rows_are_no_table),
		cmocka_unit_test(a_note_stands_below_its_row_in_80_columns),
		cmocka_unit_test(what_others_wrote_cannot_move_the_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
