/* weblink: which URLs of a Link header are of a relation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/weblink.h"
#include "base/auto.h"
#include "base/buf.h"

/* = RFC 8288 3.3 [rel] */
static void links_are_of_the_relation_that_they_say(void **state)
{
	static const struct {
		const char *value;
		const char *urls; /* each followed by a space */
	} rows[] = {
		{ "<a>;rel=\"alternate\"", "a " },
		{ "<a>;rel=alternate", "a " },
		{ "<a>; REL = \"Alternate\"", "a " },
		{ " <a> ; rel=\"alternate\" , <b>;rel=\"alternate\"", "a b " },
		{ "<a>;rel=\"index\",<b>;rel=alternate,<c>;rel=\"up\"", "b " },
		{ "<a>;rel=\"up alternate\"", "a " },
		{ "<a>;rel=\"alternate  up\"", "a " },
		{ "<a>;rel=\" alternate \"", "a " },
		{ "<a>;rel=\"alternates\"", "" },
		{ "<a>;rel=\"alternate-chain\"", "" },
		{ "<a>;rel=alternates", "" },
		{ "<a>;rel=\"un alternat e\"", "" },
		{ "<a>;rel=\"\"", "" },
		{ "<a>;rel", "" },
		{ "<a>", "" },
		{ "<a>;rev=\"alternate\"", "" },
		{ "<a>;xrel=\"alternate\"", "" },
		{ "<a>;rel=up;rel=alternate", "" },
		{ "<a>;rel=alternate;rel=up", "a " },
		{ "<a>;title=\"rel=alternate\";rel=up", "" },
		{ "<a>;title=\"x;rel=alternate\"", "" },
		{ "<a>;title=\"a, <b>;rel=alternate\";rel=alternate", "a " },
		{ "<a>;title=\"q \\\" , <b>;rel=alternate\";rel=alternate", "a " },
		{ "<a>;title=\"\\\\\";rel=alternate", "a " },
		{ "<a>;rel=\"alter\\nate\"", "a " },
		{ "<a>;anchor=\"#x\";rel=alternate,<b>;rel=alternate", "b " },
		{ "<a>;;rel=alternate", "a " },
		{ "<a>;rel=alternate;", "a " },
		{ "<a>;flag;rel=alternate", "a " },
		{ ",, <a>;rel=alternate,,<b>;rel=alternate,", "a b " },
		{ "<a,b;c>;rel=alternate", "a,b;c " },
		{ "<>;rel=alternate", " " },
		{ "", "" },
		{ ",", "" },
		{ "<a", "" },
		{ "a>;rel=alternate", "" },
		{ "<a>;rel=", "" },
		{ "<a>;rel=\"alternate", "" },
		{ "<a>;title=\"x\\", "" },
		{ "<a>;rel=alternate,<b", "a " },
		{ "<a>;rel=alternate,b,<c>;rel=alternate", "a " },
		{ "<a>rel=alternate", "" },
		{ "<a>;rel=up alternate", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf got = { 0 };
		const char *at = rows[i].value;
		char *url;

		buf_puts(&got, "");
		while ((url = weblink_next(&at, "alternate")) != NULL) {
			buf_puts(&got, url);
			buf_puts(&got, " ");
			free(url);
		}
		if (strcmp(got.data, rows[i].urls) != 0)
			fail_msg("%s: \"%s\"", rows[i].value, got.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_of_the_relation_that_they_say),
	};

	return cmocka_run_group_tests_name("weblink", tests, NULL, NULL);
}
