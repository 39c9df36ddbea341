#include "hooks/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/env.h"
#include "hooks/program.h"

#define EXIT_CANNOT    126 /* as shells have it */
#define EXIT_NOT_FOUND 127

static void fail(const struct hook_child *c, int status, const struct err *e)
    __attribute__((noreturn));

static void fail(const struct hook_child *c, int status, const struct err *e)
{
	if (c->unstarted != NULL)
		*c->unstarted = true;
	dprintf(STDERR_FILENO, "%s\n", e->text);
	_exit(status);
}

/* Opened anew: a copy would share its place in the file with every other hook that is
 * given the same document. */
static int open_in(int in, struct err *e)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	fd = open(in < 0 ? "/dev/null" : path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : err_sys(e, "open stdin");
}

/* A script may open /dev/stderr, which asks for the right to. */
static int give_away(const struct hook_child *c, int fd, struct err *e)
{
	if (c->uid != (uid_t)-1 && fchown(fd, c->uid, c->gid) != 0)
		return err_sys(e, "give stdout away");
	return 0;
}

/* The output goes first: from then on there is somewhere to complain. */
static int set_files(const struct hook_child *c, struct err *e)
{
	/* Above 2, so that nothing is overwritten before it was copied. */
	AUTO_FD int out = fcntl(c->out, F_DUPFD_CLOEXEC, 3);
	AUTO_FD int kept = fcntl(c->kept < 0 ? c->out : c->kept, F_DUPFD_CLOEXEC, 3);
	AUTO_FD int in = open_in(c->in, e);

	if (out < 0 || kept < 0 || dup2(kept, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		return err_sys(e, "set stdout");
	if (in < 0)
		return in;
	if (dup2(in, STDIN_FILENO) < 0)
		return err_sys(e, "set stdin");
	TRY(give_away(c, STDOUT_FILENO, e));
	return give_away(c, STDERR_FILENO, e);
}

static int be_user(const struct hook_child *c, struct err *e)
{
	int rc;

	if (c->uid == (uid_t)-1)
		return 0;
	rc = c->user != NULL ? initgroups(c->user, c->gid) : setgroups(0, NULL);
	if (rc != 0 || setresgid(c->gid, c->gid, c->gid) != 0 ||
	    setresuid(c->uid, c->uid, c->uid) != 0)
		return err_sys(e, "become user %u", c->uid);
	return 0;
}

static int settle(const struct hook_child *c, struct err *e)
{
	const struct rlimit no_core = { 0, 0 };

	TRY(set_files(c, e));
	if (close_range(3, ~0u, 0) != 0)
		return err_sys(e, "close descriptors");
	if (setsid() < 0 || setrlimit(RLIMIT_CORE, &no_core) != 0)
		return err_sys(e, "begin a session");
	umask(022);
	TRY(be_user(c, e));
	if (chdir("/") != 0)
		return err_sys(e, "chdir /");
	return 0;
}

static const char *path_of(char *const *env)
{
	for (; *env != NULL; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	return HOOK_PATH;
}

/* execve() takes what it will not change as if it might. */
static char **changeable(const char *const *argv)
{
	size_t n = 0;
	char **copy;

	while (argv[n] != NULL)
		n++;
	copy = xcalloc(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(argv[i]);
	return copy;
}

static int find(const struct hook_child *c, char **program, struct err *e)
{
	for (size_t i = 0; i < c->n_files; i++) {
		AUTO_FREE char *file = NULL;

		TRY(program_find(c->files[i], "", geteuid(), &file, e));
	}
	return program_find(c->argv[0], path_of(c->env), geteuid(), program, e);
}

void hook_child(const struct hook_child *c)
{
	char *program = NULL;
	struct err e;

	if (settle(c, &e) < 0)
		fail(c, EXIT_CANNOT, &e);
	if (find(c, &program, &e) < 0)
		fail(c, EXIT_NOT_FOUND, &e);
	/* Not execvpe(): it would hand a file that is no program to a shell. */
	execve(program, changeable(c->argv), c->env);
	err_sys(&e, "%s", program);
	fail(c, EXIT_CANNOT, &e);
}
