/* program: what a hook runs is what its owner put there, or it is not run. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/env.h"
#include "hooks/program.h"

#define OTHER_UID 65534

static char *dir;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	dir = xasprintf("%s/everleaf-program-XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const left[] = { "d/p",    "d/link", "d",     "p",
					    "link",   "loop1",  "loop2", "dirlink",
					    "exec/p", "exec",   "" };

	(void)state;
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, left[i]);

		remove(path);
	}
	free(dir);
	return 0;
}

static char *put(const char *name, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_return_code(fchmod(fd, mode), errno);
	return path;
}

static char *folder(const char *name, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);

	if (mkdir(path, 0700) != 0)
		assert_int_equal(errno, EEXIST);
	assert_return_code(chmod(path, mode), errno);
	return path;
}

static int find(const char *name, const char *path)
{
	AUTO_FREE char *found = NULL;
	struct err e;
	int rc = program_find(name, path, geteuid(), &found, &e);

	if (rc == 0)
		assert_int_equal(found[0], '/');
	else
		assert_non_null(strstr(e.text, name[0] == '/' ? name : ""));
	return rc;
}

static void a_name_is_looked_up_in_the_path_given(void **state)
{
	AUTO_FREE char *d = folder("d", 0755), *x = folder("exec", 0755);
	AUTO_FREE char *xp = put("exec/p", 0755);
	AUTO_FREE char *path = xasprintf("/nonexistent::%s:%s", d, x);
	AUTO_FREE char *found = NULL, *sh = NULL;
	struct err e;

	(void)state;
	free(put("d/p", 0644));
	assert_int_equal(program_find("p", path, geteuid(), &found, &e), 0);
	assert_string_equal(found, xp); /* the one that may be executed */
	assert_int_equal(program_find("sh", HOOK_PATH, geteuid(), &sh, &e), 0);
	assert_int_equal(find("no-such-program", HOOK_PATH), ERR_CONFIG);
	assert_int_equal(find("", HOOK_PATH), ERR_CONFIG);
	assert_int_equal(find("d/p", dir), ERR_CONFIG);
	assert_int_equal(find("./p", d), ERR_CONFIG);
}

static void what_is_no_program_is_refused(void **state)
{
	AUTO_FREE char *d = folder("d", 0755), *p = put("p", 0755);
	AUTO_FREE char *below = xasprintf("%s/x", p), *gone = xasprintf("%s/gone", dir);

	(void)state;
	assert_int_equal(find(p, ""), 0);
	assert_int_equal(find(d, ""), ERR_CONFIG);
	assert_int_equal(find("/", ""), ERR_CONFIG);
	assert_int_equal(find("/dev/null", ""), ERR_CONFIG);
	assert_int_equal(find(below, ""), ERR_CONFIG);
	assert_int_equal(find(gone, ""), ERR_CONFIG);
}

static void what_others_can_write_is_refused(void **state)
{
	static const struct {
		mode_t folder, file;
		int rc;
	} rows[] = {
		{ 0755, 0755, 0 },           { 0700, 0700, 0 },
		{ 0755, 0775, ERR_CONFIG },  { 0755, 0757, ERR_CONFIG },
		{ 0775, 0755, ERR_CONFIG },  { 0757, 0755, ERR_CONFIG },
		{ 0777, 0755, ERR_CONFIG },  { 01777, 0755, 0 },
		{ 01777, 0777, ERR_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *p = NULL;
		int rc;

		free(folder("d", rows[i].folder));
		p = put("d/p", rows[i].file);
		rc = find(p, "");
		if (rc != rows[i].rc)
			fail_msg("folder %o, file %o: %d", rows[i].folder, rows[i].file,
				 rc);
	}
	free(folder("d", 0755));
	free(put("d/p", 0755));
}

static void links_are_followed_and_every_folder_on_the_way_counts(void **state)
{
	AUTO_FREE char *d = folder("d", 0755);
	AUTO_FREE char *inner = xasprintf("%s/link", d),
		       *link = xasprintf("%s/link", dir);
	AUTO_FREE char *through = xasprintf("%s/dirlink/link", dir);
	AUTO_FREE char *dirlink = xasprintf("%s/dirlink", dir);

	(void)state;
	free(put("p", 0755));
	assert_return_code(symlink("../p", inner), errno);
	assert_return_code(symlink(inner, link), errno);
	assert_return_code(symlink("d", dirlink), errno);
	assert_int_equal(find(link, ""), 0);
	assert_int_equal(find(through, ""), 0);
	free(folder("d", 0777)); /* neither the first folder nor the last */
	assert_int_equal(find(link, ""), ERR_CONFIG);
	assert_int_equal(find(through, ""), ERR_CONFIG);
	free(folder("d", 0755));
}

static void a_loop_of_links_ends(void **state)
{
	AUTO_FREE char *a = xasprintf("%s/loop1", dir), *b = xasprintf("%s/loop2", dir);

	(void)state;
	assert_return_code(symlink("loop2", a), errno);
	assert_return_code(symlink("loop1", b), errno);
	assert_int_equal(find(a, ""), ERR_CONFIG);
}

static void what_belongs_to_another_user_is_refused(void **state)
{
	AUTO_FREE char *d = NULL, *p = NULL, *link = NULL, *found = NULL;
	struct err e;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root: gives files away\n");
		skip();
	}
	d = folder("d", 01777);
	p = put("d/p", 0755);
	link = xasprintf("%s/link", d);
	unlink(link);
	assert_return_code(symlink("/bin/sh", link), errno);
	assert_return_code(chown(p, OTHER_UID, 0), errno);
	assert_return_code(lchown(link, OTHER_UID, 0), errno);
	assert_int_equal(find(p, ""), ERR_CONFIG);
	assert_int_equal(find(link, ""), ERR_CONFIG);
	assert_int_equal(program_find(p, "", OTHER_UID, &found, &e), 0); /* its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_looked_up_in_the_path_given),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(what_others_can_write_is_refused),
		cmocka_unit_test(links_are_followed_and_every_folder_on_the_way_counts),
		cmocka_unit_test(a_loop_of_links_ends),
		cmocka_unit_test(what_belongs_to_another_user_is_refused),
	};

	return cmocka_run_group_tests_name("program", tests, setup, teardown);
}
