/* The manuals and README: their examples are valid, and no setting is left out. */
#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/idn.h"
#include "base/mem.h"

#define MANUAL "etc/everleaf.conf.5"

static void read_text(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	char part[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(out, part, n);
	fclose(f);
}

/* --- a host that has whatever an example names --- */

static int no_include(void *arg, const char *pattern, struct buf *path,
		      struct buf *content, struct err *e)
{
	(void)arg;
	(void)pattern;
	(void)path;
	(void)content;
	(void)e;
	return 0;
}

static int any_user(void *arg, const char *name, uint32_t *uid, uint32_t *gid,
		    struct buf *home, struct err *e)
{
	(void)arg;
	(void)e;
	*uid = *gid = 100 + (uint32_t)strlen(name); /* another one for each role */
	buf_puts(home, "/");
	return 0;
}

static int any_group(void *arg, const char *name, uint32_t *gid, struct err *e)
{
	(void)arg;
	(void)name;
	(void)e;
	*gid = 100;
	return 0;
}

static int any_look(void *arg, const char *path, struct config_look *look)
{
	bool file = strstr(path, "bin/") != NULL || strstr(path, "/pki/") != NULL;

	(void)arg;
	*look = (struct config_look){ .mode = file ? S_IFREG | 0755 : S_IFDIR | 0755 };
	return 0;
}

static void complain(void *arg, bool warning, const char *file, unsigned line,
		     const char *text)
{
	buf_printf(arg, "%s%s:%u: %s\n", warning ? "warning: " : "", file, line, text);
}

static void assert_valid(const char *from, const char *text)
{
	AUTO_BUF struct buf said = { 0 };
	const struct idn none = { .library = NULL };
	const struct config_host host = {
		.arg = &said,
		.idn = &none,
		.is_root = true,
		.home_state = "/var/lib/everleaf",
		.home_runtime = "/run/everleaf",
		.include = no_include,
		.user = any_user,
		.group = any_group,
		.look = any_look,
		.report = complain,
	};
	AUTO_FD int fd = -1;
	struct err e;

	if (config_compile(&host, from, text, strlen(text), &fd, &e) < 0 ||
	    said.len > 0)
		fail_msg("%s:\n%s\nin:\n%s", from, said.data, text);
}

/* The paragraph that begins with `first`. */
static void assert_valid_from(const char *readme, const char *first)
{
	AUTO_FREE char *config = NULL;
	const char *begin = strstr(readme, first), *end;

	assert_non_null(begin);
	end = strstr(begin, "\n\n");
	assert_non_null(end);
	config = xstrndup(begin, (size_t)(end - begin));
	assert_valid("README.md", config);
}

static void the_config_of_the_readme_is_valid(void **state)
{
	AUTO_BUF struct buf readme = { 0 };

	(void)state;
	read_text("README.md", &readme);
	assert_valid_from(readme.data, "    contact = \"mailto:");
	assert_valid_from(readme.data, "    crls = (");
}

/* Every example of a manual that is a configuration. */
static size_t examples_of(const char *path)
{
	AUTO_BUF struct buf manual = { 0 };
	char *at;
	size_t n = 0;

	read_text(path, &manual);
	at = strstr(manual.data, ".Sh EXAMPLES");
	while (at != NULL && (at = strstr(at, ".Bd -literal")) != NULL) {
		AUTO_FREE char *text = NULL;
		char *end = strstr(at, "\n.Ed");

		at = strchr(at, '\n') + 1;
		text = xstrndup(at, (size_t)(end - at));
		if (strstr(text, " = (") != NULL) {
			assert_valid(path, text);
			n++;
		}
		at = end;
	}
	return n;
}

static void the_examples_of_the_manuals_are_valid(void **state)
{
	(void)state;
	assert_int_equal(examples_of(MANUAL), 2);
	assert_int_equal(examples_of("hooks/everleaf-hooks.7"), 1);
}

/* As a word of its own: "key" is not found in "key_file". */
static bool says(const char *manual, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = manual; (at = strstr(at, word)) != NULL; at++)
		if (!isalnum((unsigned char)at[-1]) && at[-1] != '_' &&
		    !isalnum((unsigned char)at[len]) && at[len] != '_')
			return true;
	return false;
}

/* A row of a table of settings is `{ "name", function, ...`. */
static size_t look_for_settings(const char *path, const char *manual)
{
	AUTO_BUF struct buf source = { 0 };
	size_t n = 0;

	read_text(path, &source);
	for (char *at = source.data; (at = strstr(at, "{ \"")) != NULL;) {
		char *word = at + 3, *end = strchr(word, '"');

		at = end + 1;
		if (strncmp(end, "\", read_", 8) != 0 &&
		    strncmp(end, "\", config_", 10) != 0)
			continue;
		*end = '\0';
		n++;
		if (!says(manual, word))
			fail_msg("%s: setting %s is not in %s", path, word, MANUAL);
	}
	return n;
}

static void every_setting_is_in_the_manual(void **state)
{
	AUTO_BUF struct buf manual = { 0 };
	glob_t files;
	size_t n = 0;

	(void)state;
	read_text(MANUAL, &manual);
	assert_int_equal(glob("agent/config/*.c", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		n += look_for_settings(files.gl_pathv[i], manual.data);
	globfree(&files);
	assert_true(n > 70); /* or the rows are written in another way by now */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_config_of_the_readme_is_valid),
		cmocka_unit_test(the_examples_of_the_manuals_are_valid),
		cmocka_unit_test(every_setting_is_in_the_manual),
	};

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
