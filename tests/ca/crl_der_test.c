/* crl_der: what is DER, and what a date in it means. */
#include "ca/crl_der.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 5280 4.1.2.5.1 [utctime] */
static void a_date_is_a_moment_or_none(void **state)
{
	static const struct row {
		uint8_t tag;
		const char *text;
		bool good;
		int64_t at;
	} rows[] = {
		{ DER_UTC, "700101000000Z", true, 0 },
		{ DER_UTC, "491231235959Z", true, 2524607999 },
		{ DER_UTC, "500101000000Z", true, -631152000 },
		{ DER_GENERALIZED, "20500101000000Z", true, 2524608000 },
		{ DER_GENERALIZED, "99991231235959Z", true, 253402300799 },
		{ DER_UTC, "240229120000Z", true, 1709208000 },
		{ DER_UTC, "230229120000Z", false, 0 },
		{ DER_UTC, "701301000000Z", false, 0 },
		{ DER_UTC, "700100000000Z", false, 0 },
		{ DER_UTC, "700101240000Z", false, 0 },
		{ DER_UTC, "700101006000Z", false, 0 },
		{ DER_UTC, "700101000060Z", false, 0 },
		{ DER_UTC, "7001010000Z", false, 0 },
		{ DER_UTC, "700101000000+", false, 0 },
		{ DER_UTC, "70010100000:Z", false, 0 },
		{ DER_UTC, "70/101000000Z", false, 0 },
		{ DER_UTC, "70010100000\xb0Z", false, 0 },
		{ DER_UTC, "19700101000000Z", false, 0 },
		{ DER_GENERALIZED, "700101000000Z", false, 0 },
		{ DER_GENERALIZED, "2050010100000.Z", false, 0 },
		{ DER_INTEGER, "700101000000Z", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct der d = { (const uint8_t *)rows[i].text,
				       strlen(rows[i].text) };
		int64_t at = 0;

		if (der_time(rows[i].tag, &d, &at) != rows[i].good ||
		    (rows[i].good && at != rows[i].at))
			fail_msg("%s: %lld", rows[i].text, (long long)at);
	}
}

static void a_length_is_as_short_as_it_can_be(void **state)
{
	static const struct row {
		const char *der;
		size_t len;
		size_t says; /* what der_head() returns */
		uint32_t length;
	} rows[] = {
		{ "\x30", 1, 2, 0 },
		{ "\x30\x7f", 2, 2, 0x7f },
		{ "\x30\x80", 2, 0, 0 },
		{ "\x30\x81", 2, 3, 0 },
		{ "\x30\x81\x80", 3, 3, 0x80 },
		{ "\x30\x81\x7f", 3, 0, 0 },
		{ "\x30\x82\x01\x00", 4, 4, 0x100 },
		{ "\x30\x82\x00\xff", 4, 0, 0 },
		{ "\x30\x84\xff\xff\xff\xff", 6, 6, UINT32_MAX },
		{ "\x30\x85\x01\x00\x00\x00\x00", 7, 0, 0 },
		{ "\x1f\x01", 2, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct der_head h;

		assert_int_equal(der_head((const uint8_t *)rows[i].der, rows[i].len,
					  &h),
				 rows[i].says);
		if (rows[i].says != 0 && rows[i].says <= rows[i].len)
			assert_int_equal(h.len, rows[i].length);
	}
}

static void an_oid_is_made_of_whole_numbers(void **state)
{
	static const struct row {
		const char *der;
		size_t len;
		bool good;
	} rows[] = {
		{ "\x55\x1d\x15", 3, true },
		{ "\x2a\x86\x48", 3, true },
		{ "", 0, false },
		{ "\x2a\x03\x9f", 3, false },
		{ "\x2a\x80\x01", 3, false },
		{ "\x80\x01", 2, false },
		{ "\x2a\x81\x80\x01", 4, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct der d = { (const uint8_t *)rows[i].der, rows[i].len };

		assert_int_equal(der_is_oid(&d), rows[i].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_date_is_a_moment_or_none),
		cmocka_unit_test(an_oid_is_made_of_whole_numbers),
		cmocka_unit_test(a_length_is_as_short_as_it_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
