#include "agent/role/output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

bool output_write(int fd, const char *data, size_t len)
{
	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		const ssize_t n = write(fd, data, len);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno != EINTR && (errno != EAGAIN || (poll(&p, 1, -1) < 0 &&
								  errno != EINTR))) {
			return false;
		}
	}
	return true;
}

static ssize_t on_write(void *cookie, const char *data, size_t len)
{
	(void)cookie;
	return output_write(STDOUT_FILENO, data, len) ? (ssize_t)len : 0;
}

void output_begin(void)
{
	const cookie_io_functions_t calls = { .write = on_write };
	FILE *waiting = fopencookie(NULL, "w", calls);

	if (waiting == NULL) /* no memory: what blocks is printed all the same */
		return;
	if (isatty(STDOUT_FILENO))
		setvbuf(waiting, NULL, _IOLBF, 0);
	stdout = waiting;
}
