/* doc: what is read of a document is what was asked for, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/doc.h"
#include "base/err.h"

static int parse_bytes(const char *text, size_t len, struct doc **doc)
{
	AUTO_BUF struct buf b = { 0 };
	struct err e;

	buf_add(&b, text, len);
	return doc_parse(&b, doc, &e);
}

static struct doc *parse(const char *text)
{
	struct doc *doc = NULL;

	if (parse_bytes(text, strlen(text), &doc) != 0)
		fail_msg("%s", text);
	return doc;
}

static void members_are_found_by_name_and_type(void **state)
{
	AUTO_DOC struct doc *doc =
	    parse("{\"s\":\"text\",\"n\":7,\"a\":[\"x\",2,\"y\"],"
		  "\"t\":true,\"f\":false,\"z\":null,"
		  "\"o\":{\"s\":\"inner\"}}");
	const struct doc *a = doc_member(doc, "a");

	(void)state;
	assert_string_equal(doc_str(doc, "s"), "text");
	assert_int_equal(doc_int(doc, "n", -1), 7);
	assert_true(doc_true(doc, "t"));
	assert_false(doc_true(doc, "f"));
	assert_string_equal(doc_str(doc_member(doc, "o"), "s"), "inner");
	assert_int_equal(doc_len(a), 3);
	assert_string_equal(doc_str_at(a, 2), "y");
	assert_string_equal(doc_key_at(doc, 0), "s");
	assert_string_equal(doc_key_at(doc, 6), "o");
	assert_null(doc_key_at(doc, 7));
}

static void what_is_of_another_type_is_missing(void **state)
{
	AUTO_DOC struct doc *doc =
	    parse("{\"s\":\"text\",\"n\":7,\"a\":[\"x\",2],\"z\":null,\"r\":1.5}");
	const struct doc *a = doc_member(doc, "a");

	(void)state;
	assert_null(doc_str(doc, "n"));
	assert_null(doc_str(doc, "z"));
	assert_null(doc_str(doc, "none"));
	assert_int_equal(doc_int(doc, "s", -1), -1);
	assert_int_equal(doc_int(doc, "r", -1), -1);
	assert_false(doc_true(doc, "s"));
	assert_int_equal(doc_len(doc), 0);
	assert_int_equal(doc_len(doc_member(doc, "s")), 0);
	assert_null(doc_at(a, 2));
	assert_null(doc_at(doc, 0));
	assert_null(doc_str_at(a, 1));
	assert_null(doc_key_at(a, 0));
	assert_null(doc_member(a, "s"));
}

static void nothing_has_no_members(void **state)
{
	(void)state;
	assert_null(doc_str(NULL, "s"));
	assert_int_equal(doc_int(NULL, "n", 3), 3);
	assert_false(doc_true(NULL, "t"));
	assert_null(doc_member(NULL, "o"));
	assert_int_equal(doc_len(NULL), 0);
	assert_null(doc_at(NULL, 0));
	assert_null(doc_str_at(NULL, 0));
	assert_null(doc_key_at(NULL, 0));
	doc_free(NULL);
}

static void a_string_with_a_nul_is_missing(void **state)
{
	AUTO_DOC struct doc *doc = parse("{\"token\":\"abc\\u0000def\",\"s\":\"x\"}");

	(void)state;
	assert_null(doc_str(doc, "token"));
	assert_string_equal(doc_str(doc, "s"), "x");
}

static void what_is_no_document_is_refused(void **state)
{
	static const char *const rows[] = { "",
					    " ",
					    "{",
					    "{}x",
					    "{}{}",
					    "<html>",
					    "{\"a\":1,\"a\":2}",
					    "{\"a\":{\"b\":1,\"b\":1}}",
					    "{\"a\\u0000b\":1}",
					    "{\"a\":\"\xff\"}",
					    "{\"a\":\"\n\"}",
					    "{'a':1}",
					    "{\"a\":NaN}",
					    "{\"a\":1e999}",
					    "{\"a\":99999999999999999999}",
					    "\"text\"",
					    "]",
					    "\"\\",
					    "7" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_DOC struct doc *doc = NULL;

		if (parse_bytes(rows[i], strlen(rows[i]), &doc) != ERR_PROTO)
			fail_msg("%s", rows[i]);
		assert_null(doc);
	}
	assert_int_equal(parse_bytes("{}\0", 3, &(struct doc *){ NULL }), ERR_PROTO);
	assert_int_equal(parse_bytes("\x1f\x8b\x08\0\0\0", 6, &(struct doc *){ NULL }),
			 ERR_PROTO);
}

/* `n` times `piece` between `head` and `tail`. */
static int parse_many(const char *head, const char *piece, size_t n, const char *tail)
{
	AUTO_DOC struct doc *doc = NULL;
	AUTO_BUF struct buf b = { 0 };
	struct err e;

	buf_puts(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_puts(&b, piece);
	buf_puts(&b, tail);
	return doc_parse(&b, &doc, &e);
}

static void depth_and_number_have_an_end(void **state)
{
	(void)state;
	assert_int_equal(parse_many("", "[", LIMIT_DOC_DEPTH + 1, ""), ERR_LIMIT);
	assert_int_equal(parse_many("", "[", 1000000, ""), ERR_LIMIT);
	assert_int_equal(parse_many("", "{\"a\":", LIMIT_DOC_DEPTH + 1, ""), ERR_LIMIT);
	assert_int_equal(parse_many("[", "[],", LIMIT_DOC_VALUES / 2, "[]]"),
			 ERR_LIMIT);
	assert_int_equal(parse_many("[", "1,", LIMIT_DOC_VALUES, "1]"), ERR_LIMIT);
	assert_int_equal(parse_many("[", "1,", LIMIT_DOC_VALUES - 4, "1]"), 0);
	assert_int_equal(parse_many("[", "[],", LIMIT_DOC_VALUES / 4, "[]]"), 0);
	/* Brackets in a string are text. */
	assert_int_equal(parse_many("[\"", "[{,\\\"", 50000, "\"]"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_name_and_type),
		cmocka_unit_test(what_is_of_another_type_is_missing),
		cmocka_unit_test(nothing_has_no_members),
		cmocka_unit_test(a_string_with_a_nul_is_missing),
		cmocka_unit_test(what_is_no_document_is_refused),
		cmocka_unit_test(depth_and_number_have_an_end),
	};

	return cmocka_run_group_tests_name("doc", tests, NULL, NULL);
}
