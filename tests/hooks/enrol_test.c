/* enrol: a program that gets certificates is called as its dialect has it, and judged so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "hooks/enrol.h"
#include "hooks/env.h"

static const struct enrol_call first = {
	.issuer = "corp",
	.name = "www",
	.why = "missing",
	.csr = "-----BEGIN\nx\n-----END\n",
	.common_name = "a.example",
	.domains = "a.example b.example 192.0.2.7",
	.hosts = "a.example\nb.example",
	.addresses = "192.0.2.7",
};

static const struct enrol_call again = {
	.issuer = "corp",
	.name = "www",
	.why = "expiring",
	.csr = "x",
	.domains = "a.example",
	.hosts = "a.example",
	.mailboxes = "a@b.example",
	.live = "LIVE\n",
	.cert = "/s/live/www/cert.pem",
	.handle = "7\nof 9",
};

static const struct {
	enum enrol_dialect dialect;
	const struct enrol_call *call;
	const char *env;
} rows[] = {
	{ ENROL_EVERLEAF, &first,
	  "EVERLEAF_ISSUER=corp|EVERLEAF_STEP=submit|EVERLEAF_NAME=www|"
	  "EVERLEAF_DOMAINS=a.example b.example 192.0.2.7|EVERLEAF_WHY=missing|" },
	{ ENROL_EVERLEAF, &again,
	  "EVERLEAF_ISSUER=corp|EVERLEAF_STEP=poll|EVERLEAF_NAME=www|"
	  "EVERLEAF_DOMAINS=a.example|EVERLEAF_WHY=expiring|"
	  "EVERLEAF_CERT=/s/live/www/cert.pem|EVERLEAF_HANDLE=7\nof 9|" },
	{ ENROL_CERTMONGER, &first,
	  "CERTMONGER_OPERATION=SUBMIT|CERTMONGER_CA_NICKNAME=corp|"
	  "CERTMONGER_CSR=-----BEGIN\nx\n-----END\n|CERTMONGER_REQ_SUBJECT=CN=a."
	  "example|"
	  "CERTMONGER_REQ_HOSTNAME=a.example\nb.example|"
	  "CERTMONGER_REQ_IP_ADDRESS=192.0.2.7|" },
	{ ENROL_CERTMONGER, &again,
	  "CERTMONGER_OPERATION=POLL|CERTMONGER_CA_NICKNAME=corp|CERTMONGER_CSR=x|"
	  "CERTMONGER_REQ_HOSTNAME=a.example|CERTMONGER_REQ_EMAIL=a@b.example|"
	  "CERTMONGER_CERTIFICATE=LIVE\n|CERTMONGER_CA_COOKIE=7\nof 9|" },
};

static void it_is_told_what_its_dialect_knows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct enrol_call call = *rows[i].call;
		struct buf said = { 0 };
		char **env;
		struct err e;

		call.dialect = rows[i].dialect;
		assert_int_equal(enrol_env(&call, "/root", "1.1", &env, &e), 0);
		assert_string_equal(env[2], "HOME=/root");
		assert_string_equal(env[3], "EVERLEAF_RUN=1.1");
		for (char **at = env + 4; *at != NULL; at++)
			buf_printf(&said, "%s|", *at);
		assert_string_equal(said.data, rows[i].env);
		hook_env_free(env);
		buf_done(&said);
	}
}

static void what_no_variable_may_have_is_refused(void **state)
{
	struct enrol_call call = again;
	char **env = NULL;
	struct err e;

	(void)state;
	call.handle = "a\x1b[2J";
	for (int d = 0; d < ENROL_DIALECTS; d++) {
		call.dialect = (enum enrol_dialect)d;
		assert_int_equal(enrol_env(&call, "/", "1.1", &env, &e), ERR_PROTO);
		assert_null(env);
	}
}

static const struct {
	enum enrol_dialect dialect;
	int status;
	const char *said;
	enum enrol_outcome outcome;
	int64_t wait_s; /* ENROL_LATER */
	const char *handle;
} answers[] = {
	{ ENROL_EVERLEAF, 0, "chain", ENROL_DONE, 0, NULL },
	{ ENROL_EVERLEAF, 75, "30", ENROL_LATER, 30, "" },
	{ ENROL_EVERLEAF, 75, "30\nid 7\nof 9", ENROL_LATER, 30, "id 7\nof 9" },
	{ ENROL_EVERLEAF, 75, "0\n7", ENROL_LATER, 1, "7" },
	{ ENROL_EVERLEAF, 77, "", ENROL_REFUSED, 0, NULL },
	{ ENROL_EVERLEAF, 1, "", ENROL_FAILED, 0, NULL },
	{ ENROL_EVERLEAF, 2, "", ENROL_FAILED, 0, NULL },
	{ ENROL_EVERLEAF, 127, "", ENROL_FAILED, 0, NULL },
	{ ENROL_EVERLEAF, -1, "", ENROL_FAILED, 0, NULL },
	{ ENROL_CERTMONGER, 0, "chain", ENROL_DONE, 0, NULL },
	{ ENROL_CERTMONGER, 1, "cookie", ENROL_LATER, 600, "cookie" },
	{ ENROL_CERTMONGER, 2, "no", ENROL_REFUSED, 0, NULL },
	{ ENROL_CERTMONGER, 3, "", ENROL_UNREACHABLE, 0, NULL },
	{ ENROL_CERTMONGER, 4, "", ENROL_UNFIT, 0, NULL },
	{ ENROL_CERTMONGER, 5, "0\nstate=approve&requestId=7", ENROL_LATER, 1,
	  "state=approve&requestId=7" },
	{ ENROL_CERTMONGER, 6, "", ENROL_UNABLE, 0, NULL },
	{ ENROL_CERTMONGER, 16, "", ENROL_UNABLE, 0, NULL },
	{ ENROL_CERTMONGER, 17, "", ENROL_UNFIT, 0, NULL },
	{ ENROL_CERTMONGER, 75, "30", ENROL_FAILED, 0, NULL },
	{ ENROL_CERTMONGER, -1, "", ENROL_FAILED, 0, NULL },
};

static void a_status_means_what_its_dialect_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct enrol_answer a;
		struct err e;

		if (enrol_judge(answers[i].dialect, answers[i].status, answers[i].said,
				&a, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		assert_int_equal(a.outcome, answers[i].outcome);
		if (a.outcome != ENROL_LATER)
			continue;
		assert_int_equal(a.wait_s, answers[i].wait_s);
		assert_string_equal(a.handle, answers[i].handle);
	}
}

static void what_is_printed_is_words_where_it_is_no_answer(void **state)
{
	(void)state;
	assert_true(enrol_says_words(ENROL_CERTMONGER, 2, "denied"));
	assert_true(enrol_says_words(ENROL_EVERLEAF, -1, "still here"));
	assert_false(enrol_says_words(ENROL_EVERLEAF, 75, "30\n7"));
	assert_false(enrol_says_words(ENROL_CERTMONGER, 1, "cookie"));
	assert_false(enrol_says_words(ENROL_CERTMONGER, 0, "words"));
	assert_false(
	    enrol_says_words(ENROL_EVERLEAF, 3, "-----BEGIN CERTIFICATE-----\nx"));
}

static void later_without_a_time_is_no_answer(void **state)
{
	static const char *const wrong[] = { "",   "soon",  "-1",
					     "1h", "1\r\n", "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct enrol_answer a;
		struct err e;

		assert_int_equal(enrol_judge(ENROL_EVERLEAF, 75, wrong[i], &a, &e),
				 ERR_PROTO);
		assert_non_null(strstr(e.text, "expected how many seconds"));
	}
}

static void what_it_says_instead_moves_no_cursor(void **state)
{
	struct enrol_answer a;
	struct err e;

	(void)state;
	assert_int_equal(enrol_judge(ENROL_CERTMONGER, 5, "soon\x1b[2J\nmore", &a, &e),
			 ERR_PROTO);
	assert_non_null(strstr(e.text, "\"soon\\x1b[2J\": expected"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_what_its_dialect_knows),
		cmocka_unit_test(what_no_variable_may_have_is_refused),
		cmocka_unit_test(a_status_means_what_its_dialect_says),
		cmocka_unit_test(what_is_printed_is_words_where_it_is_no_answer),
		cmocka_unit_test(later_without_a_time_is_no_answer),
		cmocka_unit_test(what_it_says_instead_moves_no_cursor),
	};

	return cmocka_run_group_tests_name("enrol", tests, NULL, NULL);
}
