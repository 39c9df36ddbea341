/* idn: a name in another script becomes the name that DNS knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/idn.h"

static const struct row {
	const char *word;
	const char *want; /* NULL: refused */
} rows[] = {
	{ "example.org", "example.org" },
	{ "EXAMPLE.Org.", "EXAMPLE.Org." }, /* for names_parse() to lower */
	{ "bücher.example", "xn--bcher-kva.example" },
	{ "BÜCHER.example", "xn--bcher-kva.example" },
	{ "*.bücher.example", "*.xn--bcher-kva.example" },
	{ ".bücher.example", ".xn--bcher-kva.example" },
	{ "faß.example", "xn--fa-hia.example" }, /* non-transitional */
	{ "例え。テスト", "xn--r8jz45g.xn--zckzah" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "XN--bcher-KVA.example", "xn--bcher-kva.example" },
	{ "email:a@bücher.example", "email:a@xn--bcher-kva.example" },
	{ "email:bücher.example", "email:xn--bcher-kva.example" },
	{ "email:.bücher.example", "email:.xn--bcher-kva.example" },
	{ "email:ä@example.org", "email:ä@example.org" }, /* no host: names_parse() */
	{ "uri:https://ä.example/", "uri:https://ä.example/" },
	{ "192.0.2.7", "192.0.2.7" },
	{ "xn--a.example", NULL },
	{ "*.xn--a.example", NULL },
	{ "a\xff.example", NULL },
};

static void a_host_in_another_script_becomes_a_labels(void **state)
{
	AUTO_IDN struct idn idn = { .library = NULL };

	(void)state;
	idn_open(&idn);
	assert_non_null(idn.library);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *got = NULL;
		struct err e = { .text = "" };
		int rc = idn_to_ascii(&idn, rows[i].word, &got, &e);

		if (rc != (rows[i].want == NULL ? ERR_CONFIG : 0))
			fail_msg("%s: %d %s", rows[i].word, rc, e.text);
		if (rc == 0 && strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got %s", rows[i].word, got);
		if (rc != 0 && got != NULL)
			fail_msg("%s: a result beside an error", rows[i].word);
	}
}

static void what_is_too_long_to_become_a_name_is_refused(void **state)
{
	AUTO_IDN struct idn idn = { .library = NULL };
	AUTO_FREE char *got = NULL;
	char word[4100] = "ä";
	struct err e;

	(void)state;
	idn_open(&idn);
	memset(word + 2, 'a', 4000);
	assert_int_equal(idn_to_ascii(&idn, word, &got, &e), ERR_CONFIG);
	assert_string_equal(e.text, "it is longer than 253 characters");
}

static void without_the_library_only_its_names_are_refused(void **state)
{
	const struct idn none = { .library = NULL };
	AUTO_FREE char *got = NULL, *no = NULL;
	struct err e;

	(void)state;
	assert_int_equal(idn_to_ascii(&none, "example.org", &got, &e), 0);
	assert_string_equal(got, "example.org");
	assert_int_equal(idn_to_ascii(&none, "bücher.example", &no, &e), ERR_CONFIG);
	assert_string_equal(e.text, "a name in another script needs libidn2, which is "
				    "not installed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_in_another_script_becomes_a_labels),
		cmocka_unit_test(what_is_too_long_to_become_a_name_is_refused),
		cmocka_unit_test(without_the_library_only_its_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
