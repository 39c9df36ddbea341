/* text: numbers, times and bytes, as people write them and as terminals may see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"

static void a_span_is_a_number_and_a_unit(void **state)
{
	static const struct {
		const char *word;
		int64_t seconds; /* -1: not a span */
	} rows[] = {
		{ "30d", 2592000 },
		{ "12h", 43200 },
		{ "90m", 5400 },
		{ "45s", 45 },
		{ "0s", 0 },
		{ "007s", 7 },
		{ "106751991167300d", 9223372036854720000 },
		{ "9223372036854775807s", INT64_MAX },
		{ "9223372036854775808s", -1 },
		{ "106751991167301d", -1 },
		{ "99999999999999999999s", -1 },
		{ "", -1 },
		{ "d", -1 },
		{ "30", -1 },
		{ "30D", -1 },
		{ "30d ", -1 },
		{ " 30d", -1 },
		{ "1d12h", -1 },
		{ "-1d", -1 },
		{ "+1d", -1 },
		{ "1.5h", -1 },
		{ "1w", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t seconds = -1;
		bool ok = text_span(rows[i].word, &seconds);

		if (ok != (rows[i].seconds >= 0) || seconds != rows[i].seconds)
			fail_msg("\"%s\": %d, %lld", rows[i].word, ok,
				 (long long)seconds);
	}
}

static void a_size_is_counted_in_1024s(void **state)
{
	static const struct {
		const char *word;
		bool ok;
		uint64_t bytes;
	} rows[] = {
		{ "10M", true, 10485760 },
		{ "400M", true, 419430400 },
		{ "64K", true, 65536 },
		{ "1G", true, 1073741824 },
		{ "512", true, 512 },
		{ "0", true, 0 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "17179869184G", false, 0 },
		{ "17179869183G", true, 18446744072635809792u },
		{ "10m", false, 0 },
		{ "10MB", false, 0 },
		{ "M", false, 0 },
		{ "", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bytes = 0;
		bool ok = text_size(rows[i].word, &bytes);

		if (ok != rows[i].ok || bytes != rows[i].bytes)
			fail_msg("\"%s\": %d, %llu", rows[i].word, ok,
				 (unsigned long long)bytes);
	}
}

static void a_number_is_digits_up_to_its_limit(void **state)
{
	uint64_t v = 77;

	(void)state;
	assert_true(text_u64("65535", 65535, &v));
	assert_true(v == 65535);
	assert_true(text_u64("18446744073709551615", UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_true(text_u64("0", 0, &v));
	assert_true(v == 0);
	v = 77;
	assert_false(text_u64("65536", 65535, &v));
	assert_false(text_u64("1", 0, &v));
	assert_false(text_u64("18446744073709551616", UINT64_MAX, &v));
	assert_false(text_u64("", 9, &v));
	assert_false(text_u64("0x1", 9, &v));
	assert_false(text_u64("-1", 9, &v));
	assert_false(text_u64("1 ", 9, &v));
	assert_true(v == 77);
}

static void a_time_is_rfc_3339_in_utc(void **state)
{
	static const struct {
		int64_t at;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1795235000, "2026-11-21T04:23:20Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" },
		{ 253402300800, "9999-12-31T23:59:59Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },
		{ INT64_MIN, "0000-01-01T00:00:00Z" },
	};
	char out[TEXT_TIME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(text_time(out, rows[i].at), rows[i].text);
}

static void a_time_of_any_zone_is_read_as_utc(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-21T04:23:20Z", 1795235000 },
		{ "2026-11-21t04:23:20z", 1795235000 },
		{ "2026-11-21T04:23:20.999999999Z", 1795235000 },
		{ "2026-11-21T05:23:20+01:00", 1795235000 },
		{ "2026-11-20T22:53:20-05:30", 1795235000 },
		{ "2026-11-21T04:23:20-00:00", 1795235000 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2016-12-31T23:59:60Z", 1483228799 },
		{ "0000-01-01T00:00:00Z", -62167219200 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t at = 77;

		if (!text_time_read(rows[i].text, &at) || at != rows[i].at)
			fail_msg("%s: %lld", rows[i].text, (long long)at);
	}
}

static void what_is_no_rfc_3339_is_no_time(void **state)
{
	static const char *const rows[] = {
		"",
		"now",
		"1795235000",
		"2026-11-21",
		"2026-11-21T04:23:20",
		"2026-11-21T04:23Z",
		"2026-11-21 04:23:20Z",
		" 2026-11-21T04:23:20Z",
		"2026-11-21T04:23:20Z ",
		"2026-11-21T04:23:20ZZ",
		"2026-11-21T04:23:20.Z",
		"2026-11-21T04:23:20,5Z",
		"2026-11-21T04:23:20+0100",
		"2026-11-21T04:23:20+24:00",
		"2026-11-21T04:23:20+01:60",
		"2026-11-21T04:23:20+1:00",
		"2026-13-21T04:23:20Z",
		"2026-00-21T04:23:20Z",
		"2026-11-31T04:23:20Z",
		"2026-11-00T04:23:20Z",
		"2025-02-29T04:23:20Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T04:60:00Z",
		"2026-11-21T04:23:61Z",
		"+026-11-21T04:23:20Z",
		"-026-11-21T04:23:20Z",
		"12026-11-21T04:23:20Z",
		"2026-1-21T04:23:20Z",
		"Sat, 21 Nov 2026 04:23:20 GMT",
	};
	int64_t at = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (text_time_read(rows[i], &at))
			fail_msg("\"%s\" is a time", rows[i]);
	assert_true(at == 77);
}

static void a_span_is_told_in_its_two_largest_units(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ INT64_MIN, "now" }, { -1, "now" },
		{ 0, "now" },         { 1, "1s" },
		{ 59, "59s" },        { 60, "1m" },
		{ 250, "4m 10s" },    { 3600, "1h" },
		{ 3601, "1h" },       { 3660, "1h 1m" },
		{ 86399, "23h 59m" }, { 2588400, "29d 23h" },
		{ 2592000, "30d" },   { INT64_MAX, "106751991167300d 15h" },
	};
	char out[TEXT_SPAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(text_span_of(out, rows[i].seconds), rows[i].text);
}

static void hex_is_lower_case(void **state)
{
	char out[9];

	(void)state;
	text_hex(out, "\x04\xab\xff\x00", 4);
	assert_string_equal(out, "04abff00");
	text_hex(out, "", 0);
	assert_string_equal(out, "");
}

static void only_the_shortest_form_of_a_character_is_utf8(void **state)
{
	static const struct {
		const char *bytes;
		size_t n; /* 0: refused */
		uint32_t c;
	} rows[] = {
		{ "A", 1, 'A' },
		{ "\x7f", 1, 0x7f },
		{ "\xc3\xa9", 2, 0xe9 },
		{ "\xe2\x82\xac", 3, 0x20ac },
		{ "\xf0\x9f\x98\x80", 4, 0x1f600 },
		{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
		{ "\xed\x9f\xbf", 3, 0xd7ff },
		{ "\x80", 0, 0 },
		{ "\xbf", 0, 0 },
		{ "\xc0\x80", 0, 0 },
		{ "\xc1\xbf", 0, 0 },
		{ "\xe0\x9f\xbf", 0, 0 },
		{ "\xf0\x8f\xbf\xbf", 0, 0 },
		{ "\xed\xa0\x80", 0, 0 },
		{ "\xf4\x90\x80\x80", 0, 0 },
		{ "\xf8\x88\x80\x80\x80", 0, 0 },
		{ "\xff", 0, 0 },
		{ "\xe2\x82", 0, 0 },
		{ "\xe2\x28\xa1", 0, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t c = 0;
		size_t n = text_utf8(rows[i].bytes, strlen(rows[i].bytes), &c);

		if (n != rows[i].n || c != rows[i].c)
			fail_msg("row %zu: %zu bytes, U+%04X", i, n, (unsigned)c);
	}
}

static void what_could_forge_a_line_is_escaped(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		size_t max;
		const char *out;
	} rows[] = {
		{ "plain \"text\"", 12, 99, "plain \"text\"" },
		{ "a\nb\rc\td\\e", 9, 99, "a\\nb\\rc\\td\\\\e" },
		{ "\x1b[31m", 5, 99, "\\x1b[31m" },
		{ "a\0b", 3, 99, "a\\x00b" },
		{ "\x7f", 1, 99, "\\x7f" },
		{ "\xc3\xa9t\xc3\xa9", 5, 99, "\xc3\xa9t\xc3\xa9" },
		{ "\xc2\x9b"
		  "2J",
		  4, 99, "\\xc2\\x9b2J" },
		{ "\xe2\x80\xa8", 3, 99, "\\xe2\\x80\\xa8" },
		{ "\xe2\x80\xae"
		  "gpj",
		  6, 99, "\\xe2\\x80\\xaegpj" },
		{ "\xe2\x81\xa6", 3, 99, "\\xe2\\x81\\xa6" },
		{ "\xff\xc3", 2, 99, "\\xff\\xc3" },
		{ "abcdef", 6, 6, "abcdef" },
		{ "abcdef", 6, 5, "abcde..." },
		{ "abc\xc3\xa9", 5, 4, "abc..." },
		{ "abc", 3, 0, "..." },
		{ "", 0, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf b = { 0 };

		buf_puts(&b, ">");
		text_escape(&b, rows[i].in, rows[i].len, rows[i].max);
		assert_string_equal(b.data + 1, rows[i].out);
	}
}

static void a_field_ends_at_its_quote(void **state)
{
	AUTO_BUF struct buf b = { 0 };

	(void)state;
	text_field(&b, "msg", "a\"b\\\n", 5, 99);
	text_field(&b, " k", "abc", 3, 2);
	assert_string_equal(b.data, "msg=\"a\\\"b\\\\\\n\" k=\"ab...\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_ends_at_its_quote),
		cmocka_unit_test(a_span_is_a_number_and_a_unit),
		cmocka_unit_test(a_size_is_counted_in_1024s),
		cmocka_unit_test(a_number_is_digits_up_to_its_limit),
		cmocka_unit_test(a_time_is_rfc_3339_in_utc),
		cmocka_unit_test(a_time_of_any_zone_is_read_as_utc),
		cmocka_unit_test(what_is_no_rfc_3339_is_no_time),
		cmocka_unit_test(a_span_is_told_in_its_two_largest_units),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(only_the_shortest_form_of_a_character_is_utf8),
		cmocka_unit_test(what_could_forge_a_line_is_escaped),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
