#include "tests/help/openssl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"

extern char **environ;

void openssl_dir(char dir[64])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, 64, "%s/everleaf-XXXXXX",
		 tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
}

void openssl_dir_done(const char *dir)
{
	AUTO_DIR DIR *d = opendir(dir);
	const struct dirent *entry;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0), 0);
	assert_int_equal(rmdir(dir), 0);
}

void openssl_put(const char *dir, const char *name, const struct buf *data)
{
	AUTO_FD int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd =
	    openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_true(write(fd, data->data, data->len) == (ssize_t)data->len);
}

static void read_all(const char *path, struct buf *out)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char some[4096];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, some, sizeof(some))) > 0)
		buf_add(out, some, (size_t)n);
}

int openssl_run(const char *dir, const char *const *argv, struct buf *out)
{
	posix_spawn_file_actions_t actions;
	char **args;
	char path[96];
	int rc, status;
	pid_t pid;

	memcpy(&args, &argv, sizeof(args)); /* posix_spawn() has no const */
	snprintf(path, sizeof(path), "%s/output", dir);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, path,
					 O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawn_file_actions_addchdir_np(&actions, dir);
	rc = posix_spawnp(&pid, "openssl", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return -1;
	assert_true(waitpid(pid, &status, 0) == pid);
	read_all(path, out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}
