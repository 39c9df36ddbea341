/*
 * tree: the roles as they really run: who they are, what they hold, what they may.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>

#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sandbox_seccomp.h"
#include "tests/help/alone.h"
#include "tests/help/tree.h"

#define RENEW ((const char *[]){ "renew", NULL })

/* The value of `key` in /proc/PID/status. */
static void expect_status(pid_t pid, const char *name, const char *key,
			  const char *expected)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", pid);
	AUTO_FREE char *line = xasprintf("\n%s:\t", key);
	AUTO_BUF struct buf text = { 0 };
	struct err e;
	char *at;

	if (file_read(AT_FDCWD, path, 65536, &text, &e) < 0)
		fail_msg("%s", e.text);
	at = strstr(text.data, line);
	assert_non_null(at);
	at += strlen(line);
	at[strcspn(at, "\n")] = '\0';
	at[strcspn(at, " ")] = '\0'; /* Groups ends with one */
	if (strcmp(at, expected) != 0)
		fail_msg("%s: %s is \"%s\", expected \"%s\"", name, key, at, expected);
}

static void expect_identity(pid_t pid, const char *name, unsigned id, const char *caps)
{
	AUTO_FREE char *ids = xasprintf("%u\t%u\t%u\t%u", id, id, id, id);

	expect_status(pid, name, "Uid", ids);
	expect_status(pid, name, "Gid", ids);
	expect_status(pid, name, "Groups", "");
	expect_status(pid, name, "CapPrm", caps);
	expect_status(pid, name, "CapEff", caps);
	expect_status(pid, name, "CapInh", "0000000000000000");
	expect_status(pid, name, "CapAmb", "0000000000000000");
	expect_status(pid, name, "NoNewPrivs", "1");
	expect_status(pid, name, "Seccomp", SANDBOX_SANITIZED ? "0" : "2");
}

/* Not to be looked into: what is in /proc then belongs to root. */
static void expect_closed_to_others(pid_t pid, const char *name)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/environ", pid);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	if (st.st_uid != 0)
		fail_msg("%s can be looked into by user %u", name, st.st_uid);
}

static void expect_words(pid_t pid, const char *name)
{
	AUTO_FREE char *expected = xasprintf("everleaf-%s", name);
	AUTO_FREE char *path = xasprintf("/proc/%d/cmdline", pid);
	AUTO_BUF struct buf line = { 0 };
	struct err e;

	assert_int_equal(file_read(AT_FDCWD, path, 4096, &line, &e), 0);
	assert_int_equal(line.len, strlen(expected) + 1);
	assert_string_equal(line.data, expected);
}

static void expect_no_environment(pid_t pid, const char *name)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/environ", pid);
	AUTO_BUF struct buf env = { 0 };
	struct err e;

	if (geteuid() != 0)
		return; /* that it cannot be read has been looked at */
	assert_int_equal(file_read(AT_FDCWD, path, 65536, &env, &e), 0);
	for (size_t at = 0; at < env.len; at += strlen(env.data + at) + 1)
		if (strncmp(env.data + at, "ASAN_OPTIONS=", 13) != 0)
			fail_msg("%s has %s", name, env.data + at);
}

static void link_of(pid_t pid, const char *what, char *to, size_t size)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", pid, what);
	ssize_t n = readlink(path, to, size - 1);

	if (n < 0)
		fail_msg("%s cannot be read", path);
	to[n] = '\0';
}

/* Whether `to` starts with one of `words`, which end with NULL. */
static bool is_one_of(const char *to, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strncmp(to, *words, strlen(*words)) == 0)
			return true;
	return false;
}

/* 0 to 2 as the caller's; 3 to 6 as roles.h says; beyond them only what the role has
 * opened itself. */
static void expect_descriptors(const struct tree *t, pid_t pid, const char *name,
			       const char *const *own)
{
	static const char *const given[] = { "socket:", "/memfd:", "socket:", NULL };
	const struct scratch *s = t->scratch;
	AUTO_FREE char *folder = xasprintf("/proc/%d/fd", pid);
	AUTO_FREE char *lock = xasprintf("%s/state/lock", s->path);
	AUTO_FREE char *out = xasprintf("%s/said", s->path);
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, NULL, NULL);

	assert_true(n > 2);
	for (int i = 0; i < n; i++) {
		long fd = strtol(entries[i]->d_name, NULL, 10);
		AUTO_FREE char *what = xasprintf("fd/%ld", fd);
		char to[PATH_MAX];
		bool ok;

		if (entries[i]->d_name[0] == '.')
			continue;
		link_of(pid, what, to, sizeof(to));
		if (fd == 0)
			ok = strcmp(to, "/dev/null") == 0;
		else if (fd <= 2)
			ok = strcmp(to, out) == 0;
		else if (fd < ROLE_FD_LOCK)
			ok = strncmp(to, given[fd - 3], strlen(given[fd - 3])) == 0;
		else if (fd == ROLE_FD_LOCK)
			ok = strcmp(to, strcmp(name, "probe") == 0 ? "" : lock) == 0;
		else
			ok = is_one_of(to, own);
		if (!ok)
			fail_msg("%s: descriptor %ld is %s", name, fd, to);
	}
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static pid_t expect_role(const struct tree *t, const char *name, unsigned id,
			 const char *caps, const char *const *own)
{
	pid_t pid = tree_role(t, name, 0);
	char cwd[PATH_MAX];

	expect_identity(pid, name, id, caps);
	expect_closed_to_others(pid, name);
	expect_words(pid, name);
	if (geteuid() != 0)
		return pid; /* the rest is closed to us as well */
	expect_no_environment(pid, name);
	expect_descriptors(t, pid, name, own);
	link_of(pid, "cwd", cwd, sizeof(cwd));
	assert_string_equal(cwd, "/");
	return pid;
}

#define NONE      "0000000000000000"
#define OF_KEEPER "000000000000000b" /* CHOWN, DAC_OVERRIDE, FOWNER */

/* While the hook runs, all are there: the worker has looked whether anyone serves. */
static void look_at_all(struct tree *t, unsigned agent, unsigned keeper, unsigned net,
			const char *caps)
{
	AUTO_FREE char *state =
	    xasprintf("%s/state", ((struct scratch *)t->scratch)->path);
	const char *of_keeper[] = { state, NULL };
	const char *of_agent[] = {
		state,
		"anon_inode:[eventpoll]",
		"anon_inode:[timerfd]",
		"anon_inode:[eventfd]",
		"socket:",
		"/memfd:hook", /* until what the hook reads is sent */
		NULL
	};
	const char *of_probe[] = { NULL };
	pid_t pids[3];

	tree_configure(t, "probe = \"127.0.0.1:1\";");
	tree_start(t, RENEW);
	tree_until_hook(t, 1);
	pids[0] = expect_role(t, "agent", agent, NONE, of_agent);
	pids[1] = expect_role(t, "keeper", keeper, caps, of_keeper);
	pids[2] = expect_role(t, "probe", net, NONE, of_probe);
	kill(t->pid, SIGKILL);
	assert_int_equal(tree_wait(t, 10000), 128 + SIGKILL);
	for (int i = 0; i < 3; i++)
		assert_true(tree_gone(pids[i]));
	tree_let_hook_end(t);
}

static void as_root_each_role_is_its_user_and_holds_what_it_needs(void **state)
{
	struct tree *t = *state;

	if (geteuid() != 0) {
		print_message("skipped: only root starts roles as other users\n");
		skip();
	}
	look_at_all(t, TREE_AGENT, TREE_KEEPER, TREE_NET, OF_KEEPER);
}

static void as_a_user_all_roles_are_that_user_and_have_no_capability(void **state)
{
	struct tree *t = *state;

	if (geteuid() == 0 && !tree_drop(t))
		skip();
	if (t->as_user)
		look_at_all(t, TREE_USER, TREE_USER, TREE_USER, NONE);
	else
		look_at_all(t, getuid(), getuid(), getuid(), NONE);
}

static void as_a_user_everything_works(void **state)
{
	struct tree *t = *state;

	if (geteuid() == 0 && !tree_drop(t))
		skip();
	tree_configure(t, "");
	tree_let_hook_end(t);
	assert_int_equal(tree_run(t, RENEW), 0);
	assert_int_equal(tree_run(t, (const char *[]){ "status", "--check", NULL }), 0);
	assert_int_equal(tree_run(t, (const char *[]){ "history", NULL }), 0);
	assert_non_null(strstr(tree_said(t), "hooked"));
	assert_int_equal(tree_run(t,
				  (const char *[]){ "renew", "--force", "www", NULL }),
			 0);
	assert_int_equal(tree_run(t, (const char *[]){ "rollback", "www", NULL }), 0);
	assert_int_equal(tree_run(t, (const char *[]){ "ca", "local", "crl", NULL }),
			 0);
}

/* -- a kernel without -- */

/* In a child: from now on the kernel knows no Landlock. */
static void forget_landlock(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || f == NULL ||
	    seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS),
			     SCMP_SYS(landlock_create_ruleset), 0) != 0 ||
	    seccomp_load(f) != 0)
		_exit(126);
	seccomp_release(f);
}

static void what_the_kernel_lacks_is_said_in_the_log_and_in_status(void **state)
{
	static const char *const words[][4] = {
		{ "-v", "renew", NULL },
		{ "status", NULL },
		{ "status", "--json", NULL },
	};
	struct tree *t = *state;

	tree_configure(t, "");
	tree_let_hook_end(t);
	for (size_t i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			forget_landlock();
			_exit(tree_run(t, words[i]));
		}
		if (alone_wait(pid, 30000) != 0)
			fail_msg("%s: %s", words[i][0], tree_said(t));
		if (strstr(tree_said(t),
			   SANDBOX_SANITIZED ? "no seccomp" : "no landlock") == NULL)
			fail_msg("%s says nothing: %s", words[i][0], tree_said(t));
		assert_int_equal(unlinkat(((struct scratch *)t->scratch)->fd, "said",
					  0),
				 0);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, tree_in, tree_out)
	const struct CMUnitTest tests[] = {
		CASE(as_root_each_role_is_its_user_and_holds_what_it_needs),
		CASE(as_a_user_all_roles_are_that_user_and_have_no_capability),
		CASE(as_a_user_everything_works),
		CASE(what_the_kernel_lacks_is_said_in_the_log_and_in_status),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
