/* json: whatever is put in, a document comes out. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/json.h"

static void a_document_comes_out_whole(void **state)
{
	AUTO_BUF struct buf b = { 0 };
	struct json j;

	(void)state;
	json_begin(&j, &b);
	json_open(&j, NULL, '{');
	json_str(&j, "name", "www");
	json_str(&j, "held", NULL);
	json_int(&j, "low", INT64_MIN);
	json_bool(&j, "ok", true);
	json_time(&j, "at", 1795235000);
	json_time(&j, "never", 0);
	json_open(&j, "names", '[');
	json_str(&j, NULL, "a");
	json_str(&j, NULL, "b");
	json_open(&j, NULL, '{');
	json_close(&j);
	json_open(&j, NULL, '[');
	json_close(&j);
	json_close(&j);
	json_bool(&j, "last", false);
	json_close(&j);
	json_end(&j);
	assert_string_equal(b.data, "{\"name\":\"www\",\"held\":null,"
				    "\"low\":-9223372036854775808,\"ok\":true,"
				    "\"at\":\"2026-11-21T04:23:20Z\",\"never\":null,"
				    "\"names\":[\"a\",\"b\",{},[]],\"last\":false}");
}

/* = RFC 8259 7 [json-escape] */
static void what_must_be_escaped_is(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "", "\"\"" },
		{ "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
		{ "a\xff"
		  "b",
		  "\"a\xef\xbf\xbd"
		  "b\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc3", "\"\xef\xbf\xbd\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf b = { 0 };
		struct json j;

		json_begin(&j, &b);
		json_str(&j, NULL, rows[i].in);
		json_end(&j);
		assert_string_equal(b.data, rows[i].out);
	}
}

static void another_parser_reads_any_bytes_back(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		AUTO_BUF struct buf b = { 0 };
		char key[8], value[64];
		struct json j;
		json_t *read;

		for (size_t i = 0; i < sizeof(value); i++)
			value[i] = (char)(rand_r(&seed) >> 4);
		value[sizeof(value) - 1] = '\0';
		memcpy(key, value, sizeof(key));
		key[sizeof(key) - 1] = '\0';
		json_begin(&j, &b);
		json_open(&j, NULL, '{');
		json_str(&j, key, value);
		json_close(&j);
		json_end(&j);
		read = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
		if (read == NULL || json_object_size(read) != 1)
			fail_msg("round %d: not read back: %s", round, b.data);
		json_decref(read);
	}
}

static void wrong_key(struct json *j)
{
	json_open(j, NULL, '[');
	json_str(j, "key", "in an array");
}

static void no_key(struct json *j)
{
	json_open(j, NULL, '{');
	json_str(j, NULL, "in an object");
}

static void left_open(struct json *j)
{
	json_open(j, NULL, '{');
	json_end(j);
}

static void nothing_said(struct json *j)
{
	json_end(j);
}

static void two_documents(struct json *j)
{
	json_int(j, NULL, 1);
	json_int(j, NULL, 2);
}

static void closed_twice(struct json *j)
{
	json_open(j, NULL, '{');
	json_close(j);
	json_close(j);
}

static void too_deep(struct json *j)
{
	for (int i = 0; i < JSON_DEPTH; i++)
		json_open(j, NULL, '[');
}

static void a_broken_document_is_a_programming_error(void **state)
{
	static void (*const rows[])(struct json *) = {
		wrong_key,     no_key,       left_open, nothing_said,
		two_documents, closed_twice, too_deep,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t pid = fork();
		int status = 0;

		assert_true(pid >= 0);
		if (pid == 0) {
			struct buf b = { 0 };
			struct json j;

			signal(SIGABRT, SIG_DFL);
			close(STDERR_FILENO);
			json_begin(&j, &b);
			rows[i](&j);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("row %zu: passed, status %d", i, status);
	}
}

static void a_document_goes_into_another(void **state)
{
	AUTO_BUF struct buf inner = { 0 };
	AUTO_BUF struct buf outer = { 0 };
	struct json j;

	(void)state;
	json_begin(&j, &inner);
	json_open(&j, NULL, '{');
	json_str(&j, "a", "\"");
	json_close(&j);
	json_end(&j);
	json_begin(&j, &outer);
	json_open(&j, NULL, '{');
	json_document(&j, "b", &inner);
	json_open(&j, "c", '[');
	json_document(&j, NULL, &inner);
	json_document(&j, NULL, &inner);
	json_close(&j);
	json_close(&j);
	json_end(&j);
	assert_string_equal(outer.data,
			    "{\"b\":{\"a\":\"\\\"\"},\"c\":[{\"a\":\"\\\"\"},"
			    "{\"a\":\"\\\"\"}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_comes_out_whole),
		cmocka_unit_test(what_must_be_escaped_is),
		cmocka_unit_test(another_parser_reads_any_bytes_back),
		cmocka_unit_test(a_document_goes_into_another),
		cmocka_unit_test(a_broken_document_is_a_programming_error),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
