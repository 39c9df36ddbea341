#include "agent/keymaker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

unsigned keymaker_most(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < KEYMAKERS_MAX ? (unsigned)n : KEYMAKERS_MAX;
}

/* Nothing of the keeper's stays open in the child: a socket that the keeper closes has
 * to end. */
static int let_go(int but)
{
	const struct rlimit cpu = { LIMIT_KEYMAKER_S, LIMIT_KEYMAKER_S };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setrlimit(RLIMIT_CPU, &cpu) < 0 ||
	    (but > 0 && close_range(0, (unsigned)but - 1, 0) < 0))
		return -1;
	return close_range((unsigned)but + 1, ~0u, 0);
}

/* What fails here is told by an end without a key. */
static void make(enum key_type type, int fd)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	if (let_go(fd) == 0 && key_make(type, &key, &e) == 0 &&
	    key_to_pem(key, &pem, &e) == 0 &&
	    write(fd, pem.data, pem.len) == (ssize_t)pem.len)
		return;
	_exit(EXIT_FAILURE);
}

int keymaker_start(enum key_type type, struct keymaker *k, struct err *e)
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
		make(type, write_end);
		_exit(EXIT_SUCCESS);
	}
	*k = (struct keymaker){ pid, take_fd(&read_end) };
	return 0;
}

static int read_all(int fd, struct buf *b, struct err *e)
{
	char part[4096]; /* a whole RSA-4096 in PEM */
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read the key that was made");
		if (b->len + (size_t)n > LIMIT_KEY_BYTES)
			return err_set(e, ERR_LIMIT, "a key of too many bytes");
		buf_add(b, part, (size_t)n);
		explicit_bzero(part, (size_t)n);
	}
	return 0;
}

int keymaker_take(struct keymaker *k, EVP_PKEY **key, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int fd = take_fd(&k->fd);
	int rc = read_all(fd, &pem, e);

	/* It has closed its end, which is the last that it does. */
	while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	TRY(rc);
	if (pem.len == 0)
		return err_set(e, ERR_SYS, "the process that made it ended too soon");
	return key_from_pem(pem.data, pem.len, key, e);
}
