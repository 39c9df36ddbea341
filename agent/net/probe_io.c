#include "agent/net/probe_io.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"

int probe_wait(int fd, short events, int64_t until_ms, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = until_ms - clock_boot_ms();
		int n;

		if (left <= 0)
			return err_set(e, ERR_NET, "no answer in time");
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll");
	}
}

static int broken(struct err *e)
{
	int sysno = errno;

	err_set(e, ERR_NET, "%s", strerror(sysno));
	e->sysno = sysno;
	return ERR_NET;
}

int probe_write(int fd, const void *data, size_t len, int64_t until_ms, struct err *e)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			TRY(probe_wait(fd, POLLOUT, until_ms, e));
		else if (n < 0 && errno != EINTR)
			return broken(e);
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int probe_read(int fd, void *data, size_t len, int64_t until_ms, struct err *e)
{
	for (char *p = data; len > 0;) {
		ssize_t n = recv(fd, p, len, 0);

		if (n == 0)
			return err_set(e, ERR_NET, "the server closed the connection");
		if (n < 0 && errno == EAGAIN)
			TRY(probe_wait(fd, POLLIN, until_ms, e));
		else if (n < 0 && errno != EINTR)
			return broken(e);
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Byte by byte: what follows the line may be TLS, and is not ours to take. */
int probe_line(int fd, char *line, size_t size, int64_t until_ms, struct err *e)
{
	for (size_t n = 0; n < size; n++) {
		TRY(probe_read(fd, line + n, 1, until_ms, e));
		if (line[n] != '\n')
			continue;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		line[n] = '\0';
		return 0;
	}
	return err_set(e, ERR_LIMIT, "a line of more than %zu bytes", size);
}
