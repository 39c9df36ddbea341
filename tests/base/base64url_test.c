/* base64url: as RFC 4648 has it, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64url.h"
#include "base/buf.h"

/* RFC 4648 10, and the two letters that set this alphabet apart. */
static const struct vector {
	const char *bytes;
	const char *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg" },
	{ "fo", "Zm8" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "-_-_" },
	{ "\xff", "_w" },
};

/* RFC 7515 2 [base64url] */
static void bytes_come_out_as_the_rfc_has_them_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *v = &vectors[i];
		AUTO_BUF struct buf text = { 0 };
		AUTO_BUF struct buf bytes = { 0 };

		buf_puts(&text, "");
		buf_puts(&bytes, "");
		base64url_add(&text, v->bytes, strlen(v->bytes));
		assert_string_equal(text.data, v->text);
		assert_true(base64url_read(v->text, strlen(v->text), false, &bytes));
		assert_int_equal(bytes.len, strlen(v->bytes));
		assert_memory_equal(bytes.data, v->bytes, bytes.len);
	}
}

static void every_byte_of_every_length_comes_back(void **state)
{
	uint8_t all[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	for (size_t len = 0; len <= sizeof(all); len++) {
		AUTO_BUF struct buf text = { 0 };
		AUTO_BUF struct buf bytes = { 0 };

		base64url_add(&text, all, len);
		assert_int_equal(text.len, (len * 4 + 2) / 3);
		assert_true(base64url_read(text.data, text.len, false, &bytes));
		assert_int_equal(bytes.len, len);
		if (len > 0)
			assert_memory_equal(bytes.data, all, len);
	}
}

static const struct word {
	const char *text;
	bool strict; /* taken */
	bool lenient;
} words[] = {
	{ "Zm9v", true, true },
	{ "Zg==", false, true },
	{ "Zm8=", false, true },
	{ "Zg=", false, true },
	{ " Zm9v\r\n", false, true },
	{ "+/+/", false, true },
	{ "-_-_", true, true },
	{ "Z", false, false }, /* one digit holds no byte */
	{ "Zm9vY", false, false },
	{ "Zh", false, false }, /* bits that mean nothing */
	{ "Zm9", false, false },
	{ "Zg===", false, false },
	{ "Z=g", false, false },
	{ "Zm 9v", false, false }, /* within it there is none */
	{ "Zm\n9v", false, false },
	{ "Zm9!", false, false },
	{ "Zm9\x80", false, false },
};

static void what_is_not_base64url_is_refused_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (int lenient = 0; lenient < 2; lenient++) {
			const struct word *w = &words[i];
			AUTO_BUF struct buf out = { 0 };
			bool taken =
			    base64url_read(w->text, strlen(w->text), lenient, &out);

			if (taken != (lenient ? w->lenient : w->strict))
				fail_msg("\"%s\", lenient %d: %d", w->text, lenient,
					 taken);
			assert_true(taken || out.len == 0);
		}
}

static void a_nul_is_not_taken_for_the_end(void **state)
{
	AUTO_BUF struct buf out = { 0 };

	(void)state;
	assert_false(base64url_read("Zm9v\0m9v", 8, false, &out));
	assert_false(base64url_read("Zm9v\0m9v", 8, true, &out));
	assert_false(base64url_read("\0\0\0\0", 4, true, &out));
}

static void letters_of_it_are_told_from_others(void **state)
{
	(void)state;
	assert_true(base64url_is("AZaz09-_", 8));
	assert_true(base64url_is("A", 1)); /* encodes nothing */
	assert_false(base64url_is("", 0));
	assert_false(base64url_is("a=", 2));
	assert_false(base64url_is("a+", 2));
	assert_false(base64url_is("a\0b", 3));
	assert_false(base64url_is("\xe4", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_the_rfc_has_them_and_back),
		cmocka_unit_test(every_byte_of_every_length_comes_back),
		cmocka_unit_test(what_is_not_base64url_is_refused_and_leaves_nothing),
		cmocka_unit_test(a_nul_is_not_taken_for_the_end),
		cmocka_unit_test(letters_of_it_are_told_from_others),
	};

	return cmocka_run_group_tests_name("base64url", tests, NULL, NULL);
}
