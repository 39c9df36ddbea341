/* http_reply: what headers say, and what is made of a time that a peer names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/http_reply.h"

#define NOW INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define MAX 86400

static void add(struct http_reply *r, const char *line)
{
	http_reply_add(r, line, strlen(line));
}

static void a_header_is_found_whatever_its_case_and_spaces(void **state)
{
	AUTO_HTTP_REPLY struct http_reply r = { 0 };
	const char *link;

	(void)state;
	assert_null(http_header(&r, "link", NULL));
	add(&r, "Replay-Nonce: abc");
	add(&r, "LINK:\t<https://a/1>;rel=\"up\"  ");
	add(&r, "Link: <https://a/2>;rel=\"alternate\"");
	add(&r, "Linked: no");
	add(&r, "X-Empty:");
	assert_string_equal(http_header(&r, "replay-nonce", NULL), "abc");
	link = http_header(&r, "link", NULL);
	assert_string_equal(link, "<https://a/1>;rel=\"up\"");
	link = http_header(&r, "link", link);
	assert_string_equal(link, "<https://a/2>;rel=\"alternate\"");
	assert_null(http_header(&r, "link", link));
	assert_string_equal(http_header(&r, "x-empty", NULL), "");
	assert_null(http_header(&r, "replay", NULL));
}

static void a_line_that_is_no_header_is_left_out(void **state)
{
	static const struct {
		const char *line;
		size_t len;
	} rows[] = {
		{ "", 0 },
		{ "no colon", 8 },
		{ ": value", 7 },
		{ " folded: value", 14 },
		{ "a b: value", 10 },
		{ "name : value", 12 },
		{ "a: b\0c: d", 9 },
		{ "n\0: b", 5 },
	};
	AUTO_HTTP_REPLY struct http_reply r = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		http_reply_add(&r, rows[i].line, rows[i].len);
	assert_int_equal(r.headers.len, 0);
}

static void retry_after_is_seconds_or_a_date_and_never_far_away(void **state)
{
	static const struct {
		const char *value;
		int64_t at_s; /* after now; -1: none */
	} rows[] = {
		{ "0", 0 },
		{ "3", 3 },
		{ "86400", MAX },
		{ "86401", MAX },
		{ "99999999999999999999999", MAX },
		{ "Fri, 15 Jan 2027 08:01:00 GMT", 60 },
		{ "Friday, 15-Jan-27 08:01:00 GMT", 60 }, /* RFC 9110 5.6.7 */
		{ "Fri Jan 15 08:01:00 2027", 60 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", MAX },
		{ "", -1 },
		{ "-5", -1 },
		{ "soon", -1 },
		{ "3;x", -1 },
		{ "1.5e3x", -1 },
	};

	(void)state;
	clock_fake(NOW);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_HTTP_REPLY struct http_reply r = { 0 };
		int64_t expected = rows[i].at_s < 0 ? 0 : (NOW + rows[i].at_s) * 1000;

		buf_puts(&r.headers, "retry-after: ");
		buf_add(&r.headers, rows[i].value, strlen(rows[i].value) + 1);
		if (http_retry_at_ms(&r, MAX) != expected)
			fail_msg("\"%s\": %lld", rows[i].value,
				 (long long)http_retry_at_ms(&r, MAX));
	}
	clock_fake(0);
}

/* Of a host whose clock is an hour behind, an hour ahead, or where nothing is said of it. */
static void a_date_to_come_back_at_is_one_by_the_clock_of_the_server(void **state)
{
	static const struct {
		const char *date, *value;
		int64_t at_s;
	} rows[] = {
		{ "Fri, 15 Jan 2027 09:00:00 GMT", "Fri, 15 Jan 2027 09:01:00 GMT",
		  60 },
		{ "Fri, 15 Jan 2027 07:00:00 GMT", "Fri, 15 Jan 2027 07:01:00 GMT",
		  60 },
		{ "Fri, 15 Jan 2027 09:00:00 GMT", "Fri, 15 Jan 2027 08:01:00 GMT", 0 },
		{ "Fri, 15 Jan 2027 09:00:00 GMT", "Mon, 18 Jan 2027 09:00:00 GMT",
		  MAX },
		{ "Fri, 15 Jan 2027 09:00:00 GMT", "60", 60 },
		{ "soon", "Fri, 15 Jan 2027 08:01:00 GMT", 60 },
	};

	(void)state;
	clock_fake(NOW);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_HTTP_REPLY struct http_reply r = { 0 };

		buf_puts(&r.headers, "date: ");
		buf_add(&r.headers, rows[i].date, strlen(rows[i].date) + 1);
		buf_puts(&r.headers, "retry-after: ");
		buf_add(&r.headers, rows[i].value, strlen(rows[i].value) + 1);
		if (http_retry_at_ms(&r, MAX) != (NOW + rows[i].at_s) * 1000)
			fail_msg("%s of %s: %lld", rows[i].value, rows[i].date,
				 (long long)http_retry_at_ms(&r, MAX));
	}
	clock_fake(0);
}

static void a_date_is_what_can_be_read_as_one(void **state)
{
	static const struct {
		const char *line;
		int64_t at;
	} rows[] = {
		{ "Date: Fri, 15 Jan 2027 08:01:00 GMT", NOW + 60 },
		{ "Date: soon", 0 },
		{ "Date:", 0 },
		{ "Last-Modified: Fri, 15 Jan 2027 08:01:00 GMT", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_HTTP_REPLY struct http_reply r = { 0 };

		http_reply_add(&r, rows[i].line, strlen(rows[i].line));
		if (http_date(&r) != rows[i].at)
			fail_msg("%s: %lld", rows[i].line, (long long)http_date(&r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_found_whatever_its_case_and_spaces),
		cmocka_unit_test(a_line_that_is_no_header_is_left_out),
		cmocka_unit_test(retry_after_is_seconds_or_a_date_and_never_far_away),
		cmocka_unit_test(
		    a_date_to_come_back_at_is_one_by_the_clock_of_the_server),
		cmocka_unit_test(a_date_is_what_can_be_read_as_one),
	};

	return cmocka_run_group_tests_name("http_reply", tests, NULL, NULL);
}
