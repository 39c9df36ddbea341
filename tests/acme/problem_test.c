/* problem: which class a refusal is of, and that it is told in the CA's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "acme/problem.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"

#define NOW INT64_C(1800000000)
#define T   "urn:ietf:params:acme:error:"

static struct doc *parse(const char *text)
{
	AUTO_BUF struct buf b = { 0 };
	struct doc *doc = NULL;
	struct err e;

	buf_puts(&b, text);
	if (doc_parse(&b, &doc, &e) != 0)
		fail_msg("%s: %s", text, e.text);
	return doc;
}

static int code_of(long status, const char *type, int64_t retry_at_ms, bool of_a_name)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_DOC struct doc *doc = NULL;
	struct err e;

	if (type != NULL) {
		buf_printf(&text, "{\"type\":\"%s\",\"detail\":\"why\"}", type);
		doc = parse(text.data);
	}
	return of_a_name ? problem_err_of(&e, doc)
			 : problem_err(&e, status, doc, NULL, retry_at_ms);
}

static void the_type_says_what_the_scheduler_does(void **state)
{
	static const struct {
		long status;
		const char *type;
		int64_t retry_at_ms;
		int code;
	} rows[] = {
		{ 403, T "rateLimited", 0, ERR_LATER },
		{ 429, T "malformed", 0, ERR_LATER },
		{ 429, NULL, 0, ERR_LATER },
		{ 503, NULL, 0, ERR_LATER },
		{ 503, "about:blank", 0, ERR_LATER },
		{ 500, T "serverInternal", NOW * 1000, ERR_LATER },
		{ 400, T "malformed", NOW * 1000, ERR_LATER },
		{ 500, T "serverInternal", 0, ERR_NET },
		{ 500, T "malformed", 0, ERR_NET },
		{ 502, NULL, 0, ERR_NET },
		{ 400, T "connection", 0, ERR_NET },
		{ 400, T "dns", 0, ERR_NET },
		{ 400, T "tls", 0, ERR_NET },
		{ 403, T "rejectedIdentifier", 0, ERR_REFUSED },
		{ 400, T "caa", 0, ERR_REFUSED },
		{ 400, T "badCSR", 0, ERR_REFUSED },
		{ 403, T "externalAccountRequired", 0, ERR_REFUSED },
		{ 403, T "userActionRequired", 0, ERR_REFUSED },
		{ 403, T "unauthorized", 0, ERR_REFUSED },
		{ 400, T "invalidProfile", 0, ERR_REFUSED },
		{ 409, T "conflict", 0, ERR_REFUSED },
		{ 400, T "invalidContact", 0, ERR_CONFIG },
		{ 400, T "malformed", 0, ERR_PROTO },
		{ 400, T "badNonce", 0, ERR_PROTO },
		{ 400, T "newThing", 0, ERR_PROTO },
		{ 400, T "caaa", 0, ERR_PROTO },
		{ 400, "caa", 0, ERR_PROTO },
		{ 404, NULL, 0, ERR_PROTO },
		{ 403, NULL, 0, ERR_REFUSED },
		{ 302, NULL, 0, ERR_PROTO },
		{ 408, NULL, 0, ERR_NET },
		{ 425, NULL, 0, ERR_NET },
		{ 408, T "malformed", 0, ERR_NET },
		{ 408, NULL, NOW * 1000, ERR_LATER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int code =
		    code_of(rows[i].status, rows[i].type, rows[i].retry_at_ms, false);

		if (code != rows[i].code)
			fail_msg("%ld %s: %d", rows[i].status,
				 rows[i].type == NULL ? "" : rows[i].type, code);
	}
}

static void a_name_that_did_not_validate_may_do_so_later(void **state)
{
	(void)state;
	assert_int_equal(code_of(0, T "unauthorized", 0, true), ERR_NET);
	assert_int_equal(code_of(0, T "incorrectResponse", 0, true), ERR_NET);
	assert_int_equal(code_of(0, T "connection", 0, true), ERR_NET);
	assert_int_equal(code_of(0, T "caa", 0, true), ERR_REFUSED);
	assert_int_equal(code_of(0, T "rateLimited", 0, true), ERR_LATER);
	assert_int_equal(code_of(0, NULL, 0, true), ERR_PROTO);
}

static void the_time_is_the_CAs_or_an_hour(void **state)
{
	struct err e;

	(void)state;
	clock_fake(NOW);
	problem_err(&e, 429, NULL, NULL, NOW * 1000 + 5000);
	assert_int_equal(e.retry_at_ms, NOW * 1000 + 5000);
	problem_err(&e, 429, NULL, NULL, 0);
	assert_int_equal(e.retry_at_ms, (NOW + PROBLEM_LATER_S) * 1000);
	clock_fake(0);
}

static void a_page_is_no_word_of_the_CA(void **state)
{
	static const struct {
		long status;
		const char *body;
		int64_t retry_at_ms;
		int code;
	} rows[] = {
		{ 200, "<html>Sign in</html>", 0, ERR_NET },
		{ 302, "<html>moved</html>", 0, ERR_NET },
		{ 400, "<html>The plain HTTP request</html>", 0, ERR_NET },
		{ 401, "<!DOCTYPE html>", 0, ERR_NET },
		{ 403, "\r\n\t <HTML>Access denied", 0, ERR_NET },
		{ 404, "<?xml version=\"1.0\"?>", 0, ERR_NET },
		{ 503, "<html>busy</html>", 0, ERR_NET },
		{ 403, "<html>", NOW * 1000, ERR_LATER },
		{ 429, "<html>", 0, ERR_LATER },
		{ 503, "busy", 0, ERR_LATER },
		{ 403, "Access denied", 0, ERR_REFUSED },
		{ 403, "", 0, ERR_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf body = { 0 };
		struct err e;

		buf_puts(&body, rows[i].body);
		problem_err(&e, rows[i].status, NULL, &body, rows[i].retry_at_ms);
		if (e.code != rows[i].code)
			fail_msg("%ld %s: %d", rows[i].status, rows[i].body, e.code);
	}
}

/* "Retry-After: 0", or a date by another clock than ours. */
static void who_was_refused_is_not_back_at_once(void **state)
{
	struct err e;

	(void)state;
	clock_fake(NOW);
	problem_err(&e, 503, NULL, NULL, NOW * 1000);
	assert_int_equal(e.retry_at_ms, (NOW + PROBLEM_SOON_S) * 1000);
	problem_err(&e, 429, NULL, NULL, 1);
	assert_int_equal(e.retry_at_ms, (NOW + PROBLEM_SOON_S) * 1000);
	clock_fake(0);
}

/* RFC 8555 6.7.1 */
static void the_words_are_the_CAs_name_by_name(void **state)
{
	AUTO_DOC struct doc *doc = parse(
	    "{\"type\":\"" T "malformed\",\"detail\":\"some were rejected\","
	    "\"subproblems\":["
	    "{\"type\":\"" T "caa\",\"detail\":\"no\\nway\","
	    "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}},"
	    "{\"type\":\"" T "rejectedIdentifier\",\"identifier\":{\"value\":\"b\"}},"
	    "7]}");
	struct err e;

	(void)state;
	problem_err(&e, 403, doc, NULL, 0);
	assert_string_equal(e.text,
			    "the CA answers 403: malformed: \"some were rejected\"; "
			    "a.example: caa: \"no\\nway\"; b: rejectedIdentifier; ");
}

static void a_compound_problem_is_what_it_consists_of(void **state)
{
	AUTO_DOC struct doc *doc =
	    parse("{\"type\":\"" T "compound\",\"subproblems\":[{\"type\":\"" T
		  "caa\"},{\"type\":\"" T "dns\"}]}");
	struct err e;

	(void)state;
	assert_int_equal(problem_err(&e, 403, doc, NULL, 0), ERR_REFUSED);
}

static void a_person_is_told_where_to_act(void **state)
{
	AUTO_DOC struct doc *doc =
	    parse("{\"type\":\"" T "userActionRequired\",\"detail\":\"new terms\","
		  "\"instance\":\"https://ca.example/agree\"}");
	struct err e;

	(void)state;
	problem_err(&e, 403, doc, NULL, 0);
	assert_non_null(strstr(e.text, "see https://ca.example/agree"));
}

static void what_is_long_is_cut(void **state)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_DOC struct doc *doc = NULL;
	struct err e;

	(void)state;
	buf_puts(&text, "{\"type\":\"" T "caa\",\"detail\":\"");
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "x");
	buf_puts(&text, "\"}");
	doc = parse(text.data);
	problem_err(&e, 403, doc, NULL, 0);
	assert_true(strlen(e.text) < 300);
	assert_non_null(strstr(e.text, "xxx...\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_type_says_what_the_scheduler_does),
		cmocka_unit_test(a_name_that_did_not_validate_may_do_so_later),
		cmocka_unit_test(the_time_is_the_CAs_or_an_hour),
		cmocka_unit_test(a_page_is_no_word_of_the_CA),
		cmocka_unit_test(who_was_refused_is_not_back_at_once),
		cmocka_unit_test(the_words_are_the_CAs_name_by_name),
		cmocka_unit_test(a_compound_problem_is_what_it_consists_of),
		cmocka_unit_test(a_person_is_told_where_to_act),
		cmocka_unit_test(what_is_long_is_cut),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
