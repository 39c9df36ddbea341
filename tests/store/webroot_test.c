/*
 * webroot: a token is where a web server finds it, and nowhere else, whatever the owner
 * of the folder plants there.
 */
#include "tests/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/err.h"
#include "store/webroot.h"

#define TOKEN   "DGyRejmCefe7v4NfDGDKfA"
#define OTHER   "LoqXcYV8q5ONbJQxbmR7SC"
#define CONTENT TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define FOLDER  "www/.well-known/acme-challenge"

#define NOBODY 65534

static int webroot_in(void **state)
{
	const struct scratch *s;

	if (scratch_in(state) < 0)
		return -1;
	s = *state;
	scratch_mkdir(s, "www");
	scratch_mkdir(s, "outside");
	return 0;
}

/* The folder that servers show, made by its owner. */
static void make_folder(const struct scratch *s)
{
	scratch_mkdir(s, "www/.well-known");
	scratch_mkdir(s, FOLDER);
}

static const char *root_of(const struct scratch *s)
{
	static char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/www", s->path);
	return path;
}

static void put_ok(const struct scratch *s)
{
	struct err e = { 0 };

	if (webroot_put(root_of(s), TOKEN, CONTENT, &e) < 0)
		fail_msg("%s", e.text);
}

static void remove_ok(const struct scratch *s)
{
	struct err e = { 0 };

	if (webroot_remove(root_of(s), TOKEN, &e) < 0)
		fail_msg("%s", e.text);
}

/* Refused, with `said` in the reason, which names the webroot. */
static void put_refused(const struct scratch *s, const char *said)
{
	struct err e = { 0 };

	assert_int_equal(webroot_put(root_of(s), TOKEN, CONTENT, &e), ERR_SYS);
	if (strstr(e.text, said) == NULL || strstr(e.text, root_of(s)) == NULL)
		fail_msg("\"%s\", expected \"%s\"", e.text, said);
}

/* RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge."
 */
static void a_token_is_a_file_that_all_can_read(void **state)
{
	const struct scratch *s = *state;

	put_ok(s);
	scratch_expect(s, FOLDER "/" TOKEN, CONTENT);
	assert_int_equal(scratch_count(s, FOLDER), 1);
	assert_int_equal(scratch_stat(s, FOLDER "/" TOKEN).st_mode, S_IFREG | 0644);
}

static void the_umask_changes_nothing(void **state)
{
	static const mode_t masks[] = { 0, 022, 027, 077, 0777 };
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		mode_t before = umask(masks[i]);

		put_ok(s);
		assert_int_equal(umask(before), masks[i]);
		assert_int_equal(scratch_stat(s, "www/.well-known").st_mode,
				 S_IFDIR | 0755);
		assert_int_equal(scratch_stat(s, FOLDER).st_mode, S_IFDIR | 0755);
		assert_int_equal(scratch_stat(s, FOLDER "/" TOKEN).st_mode,
				 S_IFREG | 0644);
		remove_ok(s);
	}
}

static void a_token_that_is_put_again_has_its_new_content(void **state)
{
	const struct scratch *s = *state;
	struct err e;

	put_ok(s);
	assert_int_equal(webroot_put(root_of(s), TOKEN, "new", &e), 0);
	scratch_expect(s, FOLDER "/" TOKEN, "new");
	assert_int_equal(scratch_count(s, FOLDER), 1);
}

static void removing_leaves_nothing_of_ours(void **state)
{
	const struct scratch *s = *state;

	put_ok(s);
	remove_ok(s);
	assert_int_equal(scratch_count(s, "www"), 0);
	remove_ok(s);
}

static void a_crash_between_the_two_folders_leaves_nothing_in_the_end(void **state)
{
	const struct scratch *s = *state;

	put_ok(s);
	assert_int_equal(unlinkat(s->fd, FOLDER "/" TOKEN, 0), 0);
	assert_int_equal(unlinkat(s->fd, FOLDER, AT_REMOVEDIR), 0);
	remove_ok(s);
	assert_int_equal(scratch_count(s, "www"), 0);
}

static void removing_one_token_leaves_the_others(void **state)
{
	const struct scratch *s = *state;
	struct err e;

	put_ok(s);
	assert_int_equal(webroot_put(root_of(s), OTHER, "other", &e), 0);
	remove_ok(s);
	scratch_expect(s, FOLDER "/" OTHER, "other");
	assert_int_equal(scratch_count(s, FOLDER), 1);
}

/* A folder with another mode was made by someone, for a reason. */
static void folders_that_were_there_stay_as_they_were(void **state)
{
	const struct scratch *s = *state;

	make_folder(s);
	assert_int_equal(fchmodat(s->fd, "www/.well-known", 0750, 0), 0);
	assert_int_equal(fchmodat(s->fd, FOLDER, 0775, 0), 0);
	put_ok(s);
	remove_ok(s);
	assert_int_equal(scratch_stat(s, "www/.well-known").st_mode, S_IFDIR | 0750);
	assert_int_equal(scratch_stat(s, FOLDER).st_mode, S_IFDIR | 0775);
}

static void what_a_crash_left_goes_with_the_token(void **state)
{
	const struct scratch *s = *state;

	make_folder(s);
	scratch_put(s, FOLDER "/." TOKEN ".everleaf", "half");
	remove_ok(s);
	assert_int_equal(scratch_count(s, "www"), 0);
}

/* -- where it is -- */

static void a_webroot_that_is_a_link_leads_where_the_server_goes(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(renameat(s->fd, "www", s->fd, "release-7"), 0);
	scratch_link(s, "release-7", "www");
	put_ok(s);
	scratch_expect(s, "release-7/.well-known/acme-challenge/" TOKEN, CONTENT);
	remove_ok(s);
	assert_int_equal(scratch_count(s, "release-7"), 0);
}

static void a_webroot_that_is_not_there_is_named(void **state)
{
	const struct scratch *s = *state;
	struct err e;

	assert_int_equal(unlinkat(s->fd, "www", AT_REMOVEDIR), 0);
	put_refused(s, "No such file");
	assert_int_equal(webroot_remove(root_of(s), TOKEN, &e), 0);
}

static void a_webroot_that_is_a_file_is_named(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(unlinkat(s->fd, "www", AT_REMOVEDIR), 0);
	scratch_put(s, "www", "text");
	put_refused(s, "Not a directory");
	scratch_expect(s, "www", "text");
}

static void a_folder_below_that_is_a_link_is_refused_by_its_name(void **state)
{
	const struct scratch *s = *state;

	scratch_link(s, "../outside", "www/.well-known");
	put_refused(s, ".well-known in it is a symbolic link");
	remove_ok(s);
	assert_int_equal(unlinkat(s->fd, "www/.well-known", 0), 0);
	scratch_mkdir(s, "www/.well-known");
	scratch_link(s, "../../outside", FOLDER);
	put_refused(s, "acme-challenge in it is a symbolic link");
	remove_ok(s);
	assert_int_equal(unlinkat(s->fd, FOLDER, 0), 0);
	scratch_link(s, "../../nowhere", FOLDER);
	put_refused(s, "acme-challenge in it is a symbolic link");
	assert_false(scratch_has(s, "nowhere"));
	assert_int_equal(scratch_count(s, "outside"), 0);
}

/* -- what is planted -- */

static void what_is_planted_instead_of_a_folder_is_refused(void **state)
{
	static const char *const at[] = { "www/.well-known", FOLDER };
	const struct scratch *s = *state;

	for (size_t i = 0; i < 2; i++) {
		for (enum plant p = 0; p < PLANTS; p++) {
			if (p == PLANT_DIR)
				continue;
			alarm(10); /* a FIFO would have us wait */
			plant(s, p, at[i]);
			put_refused(s, p == PLANT_LINK || p == PLANT_DANGLING
					   ? "symbolic link"
					   : "Not a directory");
			remove_ok(s);
			unplant(s, p, at[i]);
			plant_expect_harmless(s);
			alarm(0);
		}
		scratch_mkdir(s, at[i]);
	}
}

static void what_is_planted_in_the_place_of_a_token_gives_way(void **state)
{
	const struct scratch *s = *state;

	make_folder(s);
	for (enum plant p = 0; p < PLANTS; p++) {
		alarm(10);
		plant(s, p, FOLDER "/" TOKEN);
		if (p == PLANT_DIR) {
			put_refused(s, "Is a directory");
			remove_ok(s);
			unplant(s, p, FOLDER "/" TOKEN);
			continue;
		}
		put_ok(s);
		assert_int_equal(scratch_stat(s, FOLDER "/" TOKEN).st_mode,
				 S_IFREG | 0644);
		scratch_expect(s, FOLDER "/" TOKEN, CONTENT);
		unplant(s, p, FOLDER "/" TOKEN);
		plant_expect_harmless(s);
		alarm(0);
	}
}

static void what_is_planted_beside_the_place_is_refused(void **state)
{
	const char *at = FOLDER "/." TOKEN ".everleaf";
	const struct scratch *s = *state;

	make_folder(s);
	for (enum plant p = 0; p < PLANTS; p++) {
		alarm(10);
		plant(s, p, at);
		put_refused(s, "is in the way");
		unplant(s, p, at);
		plant_expect_harmless(s);
		alarm(0);
	}
	assert_int_equal(scratch_count(s, FOLDER), 0);
}

static void a_device_is_not_opened(void **state)
{
	const struct scratch *s = *state;

	if (geteuid() != 0)
		skip();
	make_folder(s);
	assert_int_equal(mknodat(s->fd, FOLDER "/" TOKEN, S_IFCHR | 0666,
				 makedev(1, 7)),
			 0); /* /dev/full: a write would fail */
	put_ok(s);
	scratch_expect(s, FOLDER "/" TOKEN, CONTENT);
}

static void what_belongs_to_others_is_written_to_and_stays_theirs(void **state)
{
	const struct scratch *s = *state;

	if (geteuid() != 0)
		skip();
	make_folder(s);
	assert_int_equal(fchownat(s->fd, "www", NOBODY, NOBODY, 0), 0);
	assert_int_equal(fchownat(s->fd, "www/.well-known", NOBODY, NOBODY, 0), 0);
	assert_int_equal(fchownat(s->fd, FOLDER, NOBODY, NOBODY, 0), 0);
	put_ok(s);
	scratch_expect(s, FOLDER "/" TOKEN, CONTENT);
	remove_ok(s);
	assert_int_equal(scratch_stat(s, FOLDER).st_uid, NOBODY);
	assert_int_equal(scratch_count(s, FOLDER), 0);
}

/* For who is not root. */
static void a_webroot_that_is_read_only_says_so(void **state)
{
	const struct scratch *s = *state;
	pid_t pid;
	int status;

	assert_int_equal(fchmodat(s->fd, "www", 0555, 0), 0);
	assert_int_equal(fchmod(s->fd, 0755), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(1);
		put_refused(s, "make the folder .well-known in it: Permission denied");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fchmodat(s->fd, "www", 0755, 0), 0);
}

static void what_is_no_token_is_refused(void **state)
{
	static const char *const wrong[] = { "",     ".",    "..",      "../x",
					     "a/b",  "/a",   ".hidden", "a.b",
					     "/etc", "a/..", "./" TOKEN };
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct err e = { 0 };

		assert_int_equal(webroot_put(root_of(s), wrong[i], "x", &e), ERR_PROTO);
		assert_int_equal(webroot_remove(root_of(s), wrong[i], &e), ERR_PROTO);
	}
	assert_int_equal(scratch_count(s, "www"), 0);
}

/* -- while we write -- */

/* A place that is in turn itself, a link out of the webroot, and a FIFO. The folder is
 * held open: the swapper itself must not go over its links. */
struct swapped {
	int dir;
	const char *name;
	const char *out;
};

static void swap(const struct swapped *w, unsigned step)
{
	(void)unlinkat(w->dir, w->name, 0); /* not a folder: that is moved */
	if (step % 3 == 0) {
		(void)renameat(w->dir, w->name, w->dir, "aside");
		if (symlinkat(w->out, w->dir, w->name) < 0)
			return; /* a new one is there already */
	} else if (step % 3 == 1) {
		(void)mkfifoat(w->dir, w->name, 0666);
	} else {
		(void)renameat(w->dir, "aside", w->dir, w->name);
	}
}

static void keep_swapping(const struct scratch *s)
{
	int www = openat(s->fd, "www", O_PATH);
	int well_known = openat(s->fd, "www/.well-known", O_PATH);
	int folder = openat(s->fd, FOLDER, O_PATH);
	const struct swapped places[] = {
		{ www, ".well-known", "../outside" },
		{ well_known, "acme-challenge", "../../outside" },
		{ folder, TOKEN, "../../../outside/new" },
		{ folder, "." TOKEN ".everleaf", "../../../outside/new" },
	};

	for (unsigned i = 0;; i++)
		swap(&places[i % 4], i / 4);
}

static pid_t start_swapping(const struct scratch *s)
{
	pid_t pid = fork();

	if (pid == 0)
		keep_swapping(s);
	return pid;
}

#define WRITES 20000u

static void nothing_is_written_outside_while_folders_become_links(void **state)
{
	const struct scratch *s = *state;
	struct stat before, after;
	unsigned written = 0;
	struct err e;
	pid_t pid;

	make_folder(s);
	/* Such as are not ours to remove. */
	assert_int_equal(fchmodat(s->fd, "www/.well-known", 0777, 0), 0);
	assert_int_equal(fchmodat(s->fd, FOLDER, 0777, 0), 0);
	scratch_put(s, "outside/mine", "untouched");
	before = scratch_stat(s, "outside");
	pid = start_swapping(s);
	alarm(120);
	for (unsigned i = 0; i < WRITES; i++) {
		written += webroot_put(root_of(s), TOKEN, CONTENT, &e) == 0;
		(void)webroot_remove(root_of(s), TOKEN, &e);
	}
	alarm(0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	scratch_expect(s, "outside/mine", "untouched");
	after = scratch_stat(s, "outside");
	assert_int_equal(mtime_ns(&before), mtime_ns(&after)); /* nor removed there */
	print_message("%u of %u were written\n", written, WRITES);
}

/* Two agents, or another client, on one webroot. */
static void who_removes_the_folder_does_not_stop_who_writes(void **state)
{
	const struct scratch *s = *state;
	unsigned failed = 0;
	struct err e;
	pid_t pid = fork();

	if (pid == 0)
		for (;;) {
			(void)webroot_put(root_of(s), OTHER, "other", &e);
			(void)webroot_remove(root_of(s), OTHER, &e);
		}
	for (unsigned i = 0; i < 2000; i++) {
		failed += webroot_put(root_of(s), TOKEN, CONTENT, &e) < 0;
		assert_int_equal(webroot_remove(root_of(s), TOKEN, &e), 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (failed > 0)
		fail_msg("%u of 2000 were not written: %s", failed, e.text);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, webroot_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(a_token_is_a_file_that_all_can_read),
		KEPT(the_umask_changes_nothing),
		KEPT(a_token_that_is_put_again_has_its_new_content),
		KEPT(removing_leaves_nothing_of_ours),
		KEPT(a_crash_between_the_two_folders_leaves_nothing_in_the_end),
		KEPT(removing_one_token_leaves_the_others),
		KEPT(folders_that_were_there_stay_as_they_were),
		KEPT(what_a_crash_left_goes_with_the_token),
		KEPT(a_webroot_that_is_a_link_leads_where_the_server_goes),
		KEPT(a_webroot_that_is_not_there_is_named),
		KEPT(a_webroot_that_is_a_file_is_named),
		KEPT(a_folder_below_that_is_a_link_is_refused_by_its_name),
		KEPT(what_is_planted_instead_of_a_folder_is_refused),
		KEPT(what_is_planted_in_the_place_of_a_token_gives_way),
		KEPT(what_is_planted_beside_the_place_is_refused),
		KEPT(a_device_is_not_opened),
		KEPT(what_belongs_to_others_is_written_to_and_stays_theirs),
		KEPT(a_webroot_that_is_read_only_says_so),
		KEPT(what_is_no_token_is_refused),
		KEPT(nothing_is_written_outside_while_folders_become_links),
		KEPT(who_removes_the_folder_does_not_stop_who_writes),
	};

	return cmocka_run_group_tests_name("webroot", tests, NULL, NULL);
}
