#include "agent/keeper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

/* Nothing of the keeper's stays open in the child: a socket that the keeper closes has
 * to end. */
static int let_go(int but, unsigned cpu_s)
{
	const struct rlimit cpu = { cpu_s, cpu_s };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setrlimit(RLIMIT_CPU, &cpu) < 0 ||
	    (but > 0 && close_range(0, (unsigned)but - 1, 0) < 0))
		return -1;
	return close_range((unsigned)but + 1, ~0u, 0);
}

int child_start(unsigned cpu_s, void (*work)(void *arg, int fd), void *arg,
		struct child *c, struct err *e)
{
	AUTO_FD int read_end = -1, write_end = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	read_end = ends[0];
	write_end = ends[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, "fork");
	if (pid == 0) {
		if (let_go(write_end, cpu_s) == 0)
			work(arg, write_end);
		_exit(EXIT_SUCCESS);
	}
	*c = (struct child){ pid, take_fd(&read_end) };
	return 0;
}

static int read_all(int fd, size_t max, struct buf *b, struct err *e)
{
	char part[4096]; /* a whole RSA-4096 in PEM */
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read what a child has made");
		if (b->len + (size_t)n > max)
			return err_set(e, ERR_LIMIT, "a child says too much");
		buf_add(b, part, (size_t)n);
		explicit_bzero(part, (size_t)n);
	}
	return 0;
}

int child_take(struct child *c, size_t max, struct buf *out, struct err *e)
{
	int rc = read_all(c->fd, max, out, e);

	child_end(c);
	return rc;
}

void child_end(struct child *c)
{
	close(c->fd);
	c->fd = -1;
	/* To close its end is the last that it does. */
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
