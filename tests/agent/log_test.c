/* log: a line for each decision, and nobody else's line. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/role/log.h"
#include "agent/role/spec.h"
#include "base/clock.h"

#define NOW 1795235000 /* 2026-11-21T04:23:20Z */

struct ear {
	int fd;    /* what is written to stderr comes out here */
	int saved; /* the real stderr */
	char heard[8192];
	size_t len;
};

static int listen_in(void **state)
{
	static struct ear ear;
	int p[2];

	assert_return_code(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	ear = (struct ear){ .fd = p[0], .saved = dup(STDERR_FILENO) };
	assert_return_code(dup2(p[1], STDERR_FILENO), 0);
	close(p[1]);
	unsetenv("JOURNAL_STREAM");
	clock_fake(NOW);
	*state = &ear;
	return 0;
}

static int listen_no_more(void **state)
{
	struct ear *ear = *state;

	dup2(ear->saved, STDERR_FILENO);
	close(ear->saved);
	close(ear->fd);
	clock_fake(0);
	return 0;
}

static const char *hear(struct ear *ear)
{
	ssize_t n = read(ear->fd, ear->heard, sizeof(ear->heard) - 1);

	ear->len = n < 0 ? 0 : (size_t)n;
	ear->heard[ear->len] = '\0';
	return ear->heard;
}

static void text_is_for_people(void **state)
{
	log_setup(LOG_TEXT, LEVEL_DEBUG, "agent");
	log_info("%s: installed generation %d", "www", 18);
	assert_string_equal(hear(*state), "everleaf: www: installed generation 18\n");
	log_warn("a");
	assert_string_equal(hear(*state), "everleaf: warning: a\n");
	log_error("b");
	assert_string_equal(hear(*state), "everleaf: error: b\n");
	log_debug("c");
	assert_string_equal(hear(*state), "everleaf: debug: c\n");
}

static void logfmt_has_time_level_role_and_message(void **state)
{
	log_setup(LOG_LOGFMT, LEVEL_INFO, "keeper");
	log_warn("ca said \"no\\way\"");
	assert_string_equal(hear(*state),
			    "ts=2026-11-21T04:23:20Z level=warning role=keeper "
			    "msg=\"ca said \\\"no\\\\way\\\"\"\n");
}

static void json_has_the_same(void **state)
{
	log_setup(LOG_JSON, LEVEL_INFO, "agent");
	log_error("a \"b\"");
	assert_string_equal(hear(*state),
			    "{\"ts\":\"2026-11-21T04:23:20Z\",\"level\":\"error\","
			    "\"role\":\"agent\",\"msg\":\"a \\\"b\\\"\"}\n");
}

static void what_is_above_the_level_is_not_said(void **state)
{
	for (uint32_t level = 0; level < LEVELS; level++) {
		size_t lines = 0;

		log_setup(LOG_TEXT, level, "agent");
		log_error("-");
		log_warn("-");
		log_info("-");
		log_debug("-");
		for (const char *s = hear(*state); *s != '\0'; s++)
			lines += *s == '\n';
		assert_int_equal(lines, level + 1);
	}
}

static void under_the_journal_a_priority_takes_the_place_of_the_time(void **state)
{
	static const struct {
		enum log_form form;
		const char *line;
	} rows[] = {
		{ LOG_TEXT, "<4>warning: x\n" },
		{ LOG_LOGFMT, "<4>level=warning role=agent msg=\"x\"\n" },
		{ LOG_JSON,
		  "<4>{\"level\":\"warning\",\"role\":\"agent\",\"msg\":\"x\"}\n" },
	};
	char stream[64];
	struct stat st;

	assert_return_code(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_setup(rows[i].form, LEVEL_DEBUG, "agent");
		log_warn("x");
		assert_string_equal(hear(*state), rows[i].line);
	}
	log_setup(LOG_TEXT, LEVEL_DEBUG, "agent");
	log_error("x");
	log_info("x");
	log_debug("x");
	assert_string_equal(hear(*state), "<3>error: x\n<6>x\n<7>debug: x\n");
}

static void a_stderr_that_was_sent_elsewhere_is_not_the_journal(void **state)
{
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_setup(LOG_TEXT, LEVEL_INFO, "agent");
	log_info("x");
	assert_string_equal(hear(*state), "everleaf: x\n");
}

static void a_message_cannot_forge_a_line(void **state)
{
	const char *evil = "x\neverleaf: all is well\r\x1b[2J";

	log_setup(LOG_TEXT, LEVEL_INFO, "agent");
	log_info("%s", evil);
	assert_string_equal(hear(*state),
			    "everleaf: x\\neverleaf: all is well\\r\\x1b[2J\n");
	log_setup(LOG_LOGFMT, LEVEL_INFO, "agent");
	log_info("x\" level=error msg=\"y");
	assert_string_equal(hear(*state), "ts=2026-11-21T04:23:20Z level=info "
					  "role=agent msg=\"x\\\" level=error "
					  "msg=\\\"y\"\n");
}

static void the_longest_line_fits_a_pipe_whole(void **state)
{
	struct ear *ear = *state;
	char evil[5000];

	for (int form = LOG_TEXT; form <= LOG_JSON; form++)
		for (int byte = 1; byte < 256; byte++) {
			memset(evil, byte, sizeof(evil) - 1);
			evil[sizeof(evil) - 1] = '\0';
			log_setup((enum log_form)form, LEVEL_INFO, "0123456789abcdef");
			log_warn("%s", evil);
			hear(ear);
			if (ear->len == 0 || ear->len > PIPE_BUF ||
			    ear->heard[ear->len - 1] != '\n' ||
			    memchr(ear->heard, '\n', ear->len - 1) != NULL ||
			    strstr(ear->heard, "...") == NULL)
				fail_msg("form %d, byte %d: %zu bytes", form, byte,
					 ear->len);
		}
}

static void a_json_line_is_a_document_even_when_cut(void **state)
{
	struct ear *ear = *state;
	char evil[5000];

	memset(evil, 'a', sizeof(evil) - 1);
	evil[sizeof(evil) - 1] = '\0';
	for (size_t at = LOG_MAX - 5; at < LOG_MAX + 5; at++) {
		json_t *read;

		memcpy(evil + at, "\xf0\x9f\x98\x80", 4);
		log_setup(LOG_JSON, LEVEL_INFO, "agent");
		log_warn("%s", evil);
		hear(ear);
		read = json_loadb(ear->heard, ear->len, 0, NULL);
		assert_non_null(read);
		assert_int_equal(json_object_size(read), 4);
		json_decref(read);
	}
}

static void a_line_that_cannot_be_written_is_lost(void **state)
{
	log_setup(LOG_TEXT, LEVEL_INFO, "agent");
	for (int i = 0; i < 10000; i++)
		log_info("a line of some length that nobody reads");
	while (*hear(*state) != '\0')
		continue;
	log_info("x");
	assert_string_equal(hear(*state), "everleaf: x\n");
}

static void errno_is_kept(void **state)
{
	(void)state;
	log_setup(LOG_TEXT, LEVEL_INFO, "agent");
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_info("x");
	assert_int_equal(errno, ENOSPC);
}

#define HEARD(test) cmocka_unit_test_setup_teardown(test, listen_in, listen_no_more)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEARD(text_is_for_people),
		HEARD(logfmt_has_time_level_role_and_message),
		HEARD(json_has_the_same),
		HEARD(what_is_above_the_level_is_not_said),
		HEARD(under_the_journal_a_priority_takes_the_place_of_the_time),
		HEARD(a_stderr_that_was_sent_elsewhere_is_not_the_journal),
		HEARD(a_message_cannot_forge_a_line),
		HEARD(the_longest_line_fits_a_pipe_whole),
		HEARD(a_json_line_is_a_document_even_when_cut),
		HEARD(a_line_that_cannot_be_written_is_lost),
		HEARD(errno_is_kept),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
