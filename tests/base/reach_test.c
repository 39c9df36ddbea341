/* reach: what is said is what the kernel does. */
#include "tests/scratch.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "base/acl.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/reach.h"

#define ALICE 61101
#define STAFF 61102
#define WHEEL 61103

static const gid_t both[] = { STAFF, WHEEL };

/* The scratch folder as everybody may pass it, with a/b/key in it. */
static int folder_in(void **state)
{
	struct scratch *s;

	if (scratch_in(state) < 0)
		return -1;
	s = *state;
	if (fchmod(s->fd, 0755) < 0)
		return -1;
	scratch_mkdir(s, "a");
	scratch_mkdir(s, "a/b");
	scratch_put(s, "a/b/key", "key");
	return 0;
}

static const char *path_of(const struct scratch *s, const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	return path;
}

/* As the user, by trying. */
static bool kernel_lets(const char *path, const struct reach_user *u)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(u->n_groups, u->groups) < 0 ||
		    setresgid(61199, 61199, 61199) < 0 ||
		    setresuid(u->uid, u->uid, u->uid) < 0)
			_exit(2);
		_exit(open(path, O_RDONLY | O_CLOEXEC) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static bool we_say(const char *path, const struct reach_user *u)
{
	struct err e = { 0 };

	if (reach_path(path, REACH_READ, u, &e) == 0)
		return true;
	if (e.code != ERR_CONFIG)
		fail_msg("%s", e.text);
	return false;
}

static void needs_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: only root can become another user\n");
	skip();
}

static void own(const struct scratch *s, const char *path, uid_t uid, gid_t gid,
		mode_t mode)
{
	assert_int_equal(fchownat(s->fd, path, uid, gid, 0), 0);
	assert_int_equal(fchmodat(s->fd, path, mode, 0), 0);
}

static void every_mode_is_judged_as_the_kernel_does(void **state)
{
	static const mode_t folders[] = { 0700, 0710, 0701, 0755, 0070, 0007, 0100 };
	static const mode_t files[] = { 0600, 0640, 0604, 0040, 0400, 0004 };
	static const struct {
		uid_t uid;
		gid_t gid;
	} owners[] = { { 0, 0 }, { ALICE, 0 }, { 0, STAFF }, { ALICE, WHEEL } };
	const struct reach_user users[] = {
		{ ALICE, both, 0 },
		{ ALICE, both, 2 },
		{ 61109, both, 1 },
		{ 0, both, 0 },
	};
	struct scratch *s = *state;
	unsigned n = 0;

	needs_root();
	for (size_t i = 0; i < 7 * 6 * 4 * 4; i++) {
		const struct reach_user *u = &users[i % 4];
		mode_t folder = folders[i / 4 % 7], file = files[i / 28 % 6];
		const char *path = path_of(s, "a/b/key");

		own(s, "a", owners[i / 168].uid, owners[i / 168].gid, folder);
		own(s, "a/b/key", owners[(i + 1) / 168 % 4].uid,
		    owners[(i + 1) / 168 % 4].gid, file);
		if (we_say(path, u) != kernel_lets(path, u))
			fail_msg("row %zu: folder %04o, file %04o", i, folder, file);
		n++;
	}
	print_message("%u rows\n", n);
}

static struct acl random_list(unsigned *seed)
{
	struct acl acl = { 7,
			   { { ACL_OWNER, 6, 0 },
			     { ACL_USER, 0, ALICE },
			     { ACL_GROUP_OF_FILE, 0, 0 },
			     { ACL_GROUP, 0, STAFF },
			     { ACL_GROUP, 0, WHEEL },
			     { ACL_MASK, 0, 0 },
			     { ACL_OTHER, 0, 0 } } };

	for (size_t i = 0; i < acl.n; i++)
		acl.entries[i].perm = (uint16_t)((unsigned)rand_r(seed) >> 4 & 7);
	if (rand_r(seed) % 2 != 0)
		acl.entries[1].id = 61150;
	return acl;
}

static void every_access_control_list_is_judged_as_the_kernel_does(void **state)
{
	struct scratch *s = *state;
	const char *path = path_of(s, "a/b/key");
	AUTO_FD int folder = openat(s->fd, "a", O_RDONLY | O_CLOEXEC);
	AUTO_FD int file = openat(s->fd, "a/b/key", O_RDONLY | O_CLOEXEC);
	unsigned seed = 1, yes = 0;

	needs_root();
	for (unsigned i = 0; i < 2000; i++) {
		const struct reach_user u = { i % 3 == 0 ? 61109 : ALICE, both, i % 3 };
		struct acl of_folder = random_list(&seed);
		struct acl of_file = random_list(&seed);
		struct err e;
		bool ours;

		own(s, "a", i % 7 == 0 ? ALICE : 0, i % 5 == 0 ? STAFF : 0, 0755);
		if (acl_write(folder, &of_folder, &e) < 0 ||
		    acl_write(file, &of_file, &e) < 0) {
			print_message("skipped: %s\n", e.text);
			skip();
		}
		ours = we_say(path, &u);
		yes += ours;
		if (ours != kernel_lets(path, &u))
			fail_msg("row %u: %d", i, ours);
	}
	print_message("2000 rows, %u may\n", yes);
	assert_true(yes > 200 && yes < 1800);
}

static void the_folder_that_is_closed_is_named(void **state)
{
	const struct reach_user alice = { ALICE, NULL, 0 };
	struct scratch *s = *state;
	char want[PATH_MAX + 128];
	struct err e;

	assert_int_equal(fchmodat(s->fd, "a", 0700, 0), 0);
	assert_int_equal(reach_path(path_of(s, "a/b/key"), REACH_READ, &alice, &e),
			 ERR_CONFIG);
	snprintf(want, sizeof(want), "%s is closed to it: mode 0700, user %u, group %u",
		 path_of(s, "a"), getuid(), scratch_stat(s, "a").st_gid);
	assert_string_equal(e.text, want);
	assert_int_equal(reach_path(path_of(s, "a"), REACH_PASS, &alice, &e),
			 ERR_CONFIG);
	assert_int_equal(fchmodat(s->fd, "a", 0711, 0), 0);
	assert_int_equal(reach_path(path_of(s, "a"), REACH_PASS, &alice, &e), 0);
}

static void to_run_a_program_is_another_right_than_to_read_it(void **state)
{
	const struct reach_user alice = { ALICE, NULL, 0 };
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(fchmodat(s->fd, "a/b/key", 0744, 0), 0);
	assert_int_equal(reach_path(path_of(s, "a/b/key"), REACH_READ, &alice, &e), 0);
	assert_int_equal(reach_path(path_of(s, "a/b/key"), REACH_RUN, &alice, &e),
			 ERR_CONFIG);
	assert_non_null(strstr(e.text, "key is closed to it: mode 0744"));
	assert_int_equal(fchmodat(s->fd, "a/b/key", 0711, 0), 0);
	assert_int_equal(reach_path(path_of(s, "a/b/key"), REACH_RUN, &alice, &e), 0);
}

static void a_link_is_followed_over_all_that_it_leads_over(void **state)
{
	const struct reach_user alice = { ALICE, NULL, 0 };
	struct scratch *s = *state;
	struct err e;

	scratch_mkdir(s, "live");
	scratch_link(s, "../a/b", "live/www");
	assert_int_equal(reach_path(path_of(s, "live/www/key"), REACH_READ, &alice, &e),
			 0);
	assert_int_equal(fchmodat(s->fd, "a", 0700, 0), 0);
	assert_int_equal(reach_path(path_of(s, "live/www/key"), REACH_READ, &alice, &e),
			 ERR_CONFIG);
	assert_non_null(strstr(e.text, path_of(s, "a is closed")));
	assert_int_equal(fchmodat(s->fd, "a", 0755, 0), 0);
	scratch_link(s, path_of(s, "live"), "absolute");
	assert_int_equal(reach_path(path_of(s, "absolute/www/key"), REACH_READ, &alice,
				    &e),
			 0);
	assert_int_equal(fchmodat(s->fd, "live", 0700, 0), 0);
	assert_int_equal(reach_path(path_of(s, "absolute/www/key"), REACH_READ, &alice,
				    &e),
			 ERR_CONFIG);
}

static void what_is_not_there_is_another_answer(void **state)
{
	const struct reach_user alice = { ALICE, NULL, 0 };
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(reach_path(path_of(s, "a/none"), REACH_READ, &alice, &e),
			 ERR_SYS);
	assert_int_equal(e.sysno, ENOENT);
	scratch_link(s, "loop", "loop");
	assert_int_equal(reach_path(path_of(s, "loop"), REACH_READ, &alice, &e),
			 ERR_SYS);
}

/* Config may have been taken over, and the supervisor ends with what it asserts. */
static void a_path_that_does_not_begin_at_the_root_is_another_answer(void **state)
{
	static const char *const paths[] = { "", "a", "../a", "./a/b/" };
	const struct reach_user alice = { .uid = ALICE };
	const struct reach_user root = { .uid = 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		assert_int_equal(reach_path(paths[i], REACH_PASS, &alice, &e), ERR_SYS);
		assert_int_equal(reach_path(paths[i], REACH_PASS, &root, &e), ERR_SYS);
		assert_int_equal(reach_path(paths[i], REACH_READ, &alice, &e), ERR_SYS);
	}
}

static void a_member_of_a_group_is_only_that(void **state)
{
	struct scratch *s = *state;
	gid_t group = scratch_stat(s, "a/b/key").st_gid;
	const struct reach_user member = { REACH_ANYONE, &group, 1 };
	const struct reach_user nobody = { REACH_ANYONE, NULL, 0 };
	struct err e;

	assert_int_equal(fchmodat(s->fd, "a/b/key", 0640, 0), 0);
	assert_int_equal(reach_path(path_of(s, "a/b/key"), REACH_READ, &member, &e), 0);
	assert_int_equal(reach_path(path_of(s, "a/b/key"), REACH_READ, &nobody, &e),
			 ERR_CONFIG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_mode_is_judged_as_the_kernel_does),
		TEST(every_access_control_list_is_judged_as_the_kernel_does),
		TEST(the_folder_that_is_closed_is_named),
		TEST(to_run_a_program_is_another_right_than_to_read_it),
		TEST(a_link_is_followed_over_all_that_it_leads_over),
		TEST(what_is_not_there_is_another_answer),
		TEST(a_path_that_does_not_begin_at_the_root_is_another_answer),
		TEST(a_member_of_a_group_is_only_that),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
