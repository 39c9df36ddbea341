#include "tests/help/alone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define PATIENCE_MS 60000 /* the machine may be busy; no test needs it */

const char *alone_program(const char *name)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(len > 0);
	path[len] = '\0';
	for (int up = 0; up < 3; up++) /* tests, room, file */
		*strrchr(path, '/') = '\0';
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", name);
	if (access(path, X_OK) != 0)
		fail_msg("%s is not built", path);
	return path;
}

const char *alone_role(enum role role)
{
	AUTO_FREE char *name = xasprintf("everleaf-%s", role_name(role));

	return alone_program(name);
}

/* In the child. Out of each other's way first, then to their numbers. */
static void place(const int fds[4], int out)
{
	int high[5];

	for (int i = 0; i < 4; i++)
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, 64);
	high[4] = fcntl(out, F_DUPFD, 64);
	dup2(high[4], 1);
	dup2(high[4], 2);
	close_range(3, 63, 0);
	for (int i = 0; i < 4; i++)
		if (high[i] >= 0)
			dup2(high[i], ROLE_FD_SUPERVISOR + i);
	close_range(ROLE_FD_LAST + 1, ~0u, 0);
}

pid_t alone_exec(const char *program, const char *const *argv, const int fds[4],
		 int out)
{
	char *words[8] = { NULL };
	char *env[2] = { NULL };
	const char *asan = getenv("ASAN_OPTIONS");
	pid_t pid;

	for (size_t i = 0; i < 7 && argv[i] != NULL; i++)
		words[i] = (char *)(uintptr_t)argv[i];
	if (asan != NULL)
		env[0] = (char *)(uintptr_t)(asan - strlen("ASAN_OPTIONS="));
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	place(fds, out);
	execve(program, words, env);
	_exit(126);
}

static void pair(int sv[2])
{
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
				    sizeof(patience)),
			 0);
}

void alone_raise(struct alone *a, enum role role, int snapshot)
{
	int super[2], peer[2], said[2];

	pair(super);
	pair(peer);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	a->pid = alone_exec(alone_role(role), (const char *[]){ "everleaf", NULL },
			    (const int[]){ super[1], snapshot, peer[1], -1 }, said[1]);
	close(super[1]);
	close(peer[1]);
	close(said[1]);
	a->super = super[0];
	a->peer = peer[0];
	a->said = said[0];
}

void alone_start(struct alone *a, enum role role, const struct request *r, int snapshot)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const struct role_start start = {
		.request = *r,
		.host_id = "a host",
		.uid = SPEC_NOBODY,
		.gid = SPEC_NOBODY,
	};
	struct err e;

	alone_raise(a, role, snapshot);
	role_start_put(&m, &start);
	assert_int_equal(msg_send(a->super, &m, &e), 0);
}

int alone_ask(const struct alone *a, struct msg *m, char *text, size_t size)
{
	static uint32_t last_id = 100;
	uint32_t type = m->type;
	struct err e;

	m->id = ++last_id;
	if (msg_send(a->peer, m, &e) < 0)
		fail_msg("message %u: %s", type, e.text);
	if (msg_recv(a->peer, m, &e) < 0)
		fail_msg("message %u has no answer: %s", type, e.text);
	assert_int_equal(m->id, last_id);
	snprintf(text, size, "%s", "");
	if (m->type != MSG_FAILED) {
		assert_int_equal(m->type, type);
		return 0;
	}
	msg_get_err(m, &e);
	snprintf(text, size, "%s", e.text);
	assert_int_equal(msg_end(m, &(struct err){ 0 }), 0);
	return e.code;
}

int alone_wait(pid_t pid, int ms)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status = 0;
	bool in_time = poll(&ended, 1, ms) == 1;

	close(ended.fd);
	if (!in_time)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!in_time)
		fail_msg("it did not end within %d ms", ms);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void alone_hear(int fd, char *said, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = read(fd, said + len, size - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
}

int alone_end(struct alone *a, char *said, size_t size)
{
	char none[1];
	int status;

	if (a->super >= 0)
		close(a->super);
	if (a->peer >= 0)
		close(a->peer);
	status = alone_wait(a->pid, PATIENCE_MS);
	alone_hear(a->said, said == NULL ? none : said, said == NULL ? 1 : size);
	close(a->said);
	return status;
}
