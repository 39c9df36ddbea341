/* config_scan: what libconfig would let pass is found, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/config/config_scan.h"
#include "base/auto.h"
#include "base/mem.h"

#define SIDE  "found two strings side by side, expected a comma between them"
#define COMMA "found a trailing comma, expected none before the end of a list"
#define AT    "found \"@\", expected the setting include = \"...\" instead of @include"
#define END   "found a comment that does not end, expected \"*/\""
#define QUOTE "found a string that does not end, expected \"\\\"\""
#define NUL   "found \\x00, which ends a string, expected text without control characters"
#define LARGE "found a number that is too large, expected 32 bits"
#define GROUP "found a group in [ ... ], expected a list of groups, ( { ... } )"
#define MARK  "found a byte order mark, expected UTF-8 without one"
#define DEEP  "found brackets nested too deep, expected 16 levels at most"

static const struct {
	const char *text;
	const char *found; /* "line:what" of each */
} rows[] = {
	{ "", "" },
	{ "a = \"b\"; c = \"d\";", "" },
	{ "a = [ \"b\", \"c\" ];", "" },
	{ "a = [ \"b\" \"c\" ];", "1:" SIDE },
	{ "a = [ \"b\"\n\n\"c\" ];", "3:" SIDE },
	{ "a = [ \"b\" /* , */ \"c\" ];", "1:" SIDE },
	{ "a = [ \"b\" # ,\n \"c\" ];", "2:" SIDE },
	{ "a = [ \"b\" \"c\" \"d\" ];", "1:" SIDE "1:" SIDE },
	{ "a = \"b\\\"\" ;", "" },
	{ "a = \"b\\\\\" \"c\";", "1:" SIDE },
	{ "a = \"# no comment\"; b = \"// none\"; c = \"/* none\";", "" },
	{ "a = \"@include\";", "" },
	{ "# @include \"x\"\n// @include \"y\"\n/* @include */", "" },
	{ "@include \"x\"", "1:" AT },
	{ "a = 1;\n  @include \"x\"\nb = 2;\n@include \"y\"", "2:" AT "4:" AT },
	{ "a = [ 1, ];", "1:" COMMA },
	{ "a = ( 1,\n 2,\n);", "2:" COMMA },
	{ "a = ( 1, # one\n);", "1:" COMMA },
	{ "a = ( { b = 1; }, );", "1:" COMMA },
	{ "a = { b = 1, };", "" }, /* libconfig's own separator */
	{ "a = 1, b = 2,", "" },
	{ "/* a\nb", "1:" END },
	{ "\n\n/*/", "3:" END },
	{ "a = \"b", "1:" QUOTE },
	{ "a = \"b\n\"; c = \"d", "2:" QUOTE },
	{ "a = \"b\\\"", "1:" QUOTE },
	{ "a = \"b\\", "1:" QUOTE },
	{ "a = [ \"b\", \"c\\x00d\" ];", "1:" NUL },
	{ "a = \"b\\\\x00\"; # \\x00", "" },
	{ "a = 2147483647; b = -2147483648;", "" },
	{ "a = 2147483648;", "1:" LARGE },
	{ "a = 99999999999999999999999;", "1:" LARGE },
	{ "a = -2147483649;", "1:" LARGE },
	{ "a = 4294967296L;", "" },
	{ "a2147483648 = 1;", "" },
	{ "a = ((((((((((((((((1))))))))))))))));", "" },
	{ "a = (((((((((((((((((1)))))))))))))))));", "1:" DEEP },
	{ "a = 1 / 2;", "" }, /* libconfig's to refuse */
	{ ")))", "" },
	{ "a = [ # each\n { b = 1; } ];", "2:" GROUP },
	{ "a = [ \"{\" ]; b = ( { c = 1; }, { } );", "" },
	{ "\xef\xbb\xbf"
	  "a = 1;",
	  "1:" MARK },
	{ "a = \"\xef\xbb\xbf\";", "" },
};

struct notes {
	char text[1024];
};

static void note(void *arg, unsigned line, const char *what)
{
	struct notes *n = arg;
	size_t len = strlen(n->text);

	snprintf(n->text + len, sizeof(n->text) - len, "%u:%s", line, what);
}

static void each_trap_is_found_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct notes n = { "" };
		bool clean = config_scan(rows[i].text, strlen(rows[i].text), note, &n);

		if (strcmp(n.text, rows[i].found) != 0)
			fail_msg("%s: found %s", rows[i].text, n.text);
		assert_int_equal(clean, rows[i].found[0] == '\0');
	}
}

static void a_text_cut_anywhere_is_read_to_its_end_only(void **state)
{
	static const char text[] =
	    "a = [ \"b\\\\\", 12, /* c */ @include\n ]; // d\n/*";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		AUTO_FREE char *cut = xstrndup(text, len); /* exact, for ASan */
		struct notes n = { "" };

		config_scan(cut, len, note, &n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_trap_is_found_with_its_line),
		cmocka_unit_test(a_text_cut_anywhere_is_read_to_its_end_only),
	};

	return cmocka_run_group_tests_name("config_scan", tests, NULL, NULL);
}
