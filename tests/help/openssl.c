#include "tests/help/openssl.h"

#include <spawn.h>
#include <sys/wait.h>

#include "base/auto.h"

extern char **environ;

static void read_all(int fd, struct buf *out)
{
	char some[4096];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, some, sizeof(some))) > 0)
		buf_add(out, some, (size_t)n);
}

int openssl_run(const struct scratch *dir, const char *const *argv, struct buf *out)
{
	AUTO_FD int output =
	    openat(dir->fd, "output", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	posix_spawn_file_actions_t actions;
	char **args;
	int rc, status;
	pid_t pid;

	memcpy(&args, &argv, sizeof(args)); /* posix_spawn() has no const */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, output, 2);
	posix_spawn_file_actions_addfchdir_np(&actions, dir->fd);
	rc = posix_spawnp(&pid, "openssl", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return -1;
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(lseek(output, 0, SEEK_SET) == 0);
	read_all(output, out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}
