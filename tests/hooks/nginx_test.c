/* hooks/nginx: "test" and "run" are nginx's own words for it, and its errors are told. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/super/spawn.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/child.h"
#include "tests/scratch.h"

static void child(const void *arg)
{
	hook_child(arg);
}

/* What it says goes to `said`; its exit status is returned. */
static int run(const struct scratch *s, const char *argument, char *said, size_t size)
{
	AUTO_FREE char *script = realpath("hooks/nginx", NULL);
	AUTO_FREE char *path = xasprintf("PATH=%s:/usr/bin:/bin", s->path);
	const char *argv[] = { "sh", script, argument, NULL };
	char *env[] = { path, NULL };
	struct hook_child c = {
		.argv = argv, .env = env, .in = -1, .kept = -1, .uid = (uid_t)-1
	};
	siginfo_t end = { 0 };
	struct spawned p;
	int pipes[2];
	struct err e;
	ssize_t n;

	assert_non_null(script);
	assert_return_code(pipe2(pipes, O_CLOEXEC), errno);
	c.out = pipes[1];
	assert_int_equal(spawn(child, &c, &p, &e), 0);
	close(pipes[1]);
	assert_return_code(waitid(P_PIDFD, (id_t)p.pidfd, &end, WEXITED), errno);
	n = read(pipes[0], said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	close(pipes[0]);
	close(p.pidfd);
	return end.si_status;
}

static void its_argument_becomes_a_call_of_nginx(void **state)
{
	static const struct {
		const char *argument, *said;
		int status;
	} rows[] = {
		{ "test", "nginx -t -q: bad file\n", 3 },
		{ "run", "nginx -s reload: bad file\n", 3 },
		{ "stop", "usage: nginx test|run\n", 2 },
		{ "", "usage: nginx test|run\n", 2 },
		{ NULL, "usage: nginx test|run\n", 2 },
	};
	static const char fake[] = "#!/bin/sh\necho nginx $*: bad file >&2\nexit 3\n";
	const struct scratch *s = *state;
	AUTO_FD int fd = openat(s->fd, "nginx", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(write(fd, fake, strlen(fake)) == (ssize_t)strlen(fake));
	close(take_fd(&fd));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char said[256];
		int status = run(s, rows[i].argument, said, sizeof(said));

		if (status != rows[i].status || strcmp(said, rows[i].said) != 0)
			fail_msg("row %zu: %d %s", i, status, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_argument_becomes_a_call_of_nginx,
						scratch_in, scratch_out),
	};

	return cmocka_run_group_tests_name("nginx", tests, NULL, NULL);
}
