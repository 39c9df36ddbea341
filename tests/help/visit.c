#include "tests/help/visit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_ANY); /* all of 127/8 */
	assert_return_code(bind(fd, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(fd, 1024), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&a, &len), errno);
	*port = ntohs(a.sin_port);
	return fd;
}

int visit_setup(void **state)
{
	struct visit *b = xcalloc(1, sizeof(*b));
	struct err e;

	signal(SIGPIPE, SIG_IGN);
	b->listener.serves = SERVES_CHALLENGES;
	b->listener.fd = listen_on_loopback(&b->port);
	assert_int_equal(responder_new(&b->listener, 1, NULL, &b->responder, &e), 0);
	assert_int_equal(responder_add(b->responder, NULL, TOKEN, TOKEN "." THUMB, &e),
			 0);
	*state = b;
	return 0;
}

int visit_teardown(void **state)
{
	struct visit *b = *state;

	responder_free(b->responder);
	close(b->listener.fd);
	free(b);
	return 0;
}

int visit_client(const struct visit *b, uint32_t from)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(from);
	assert_return_code(bind(fd, (struct sockaddr *)&a, sizeof(a)), errno);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(b->port);
	assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof(a)), errno);
	return fd;
}

void visit_say(int fd, const void *data, size_t len)
{
	(void)!send(fd, data, len, MSG_NOSIGNAL);
}

/* One turn of the role's loop, at most 50 ms; less if `fd` (-1: none) has something. */
static void turn_beside(struct responder *r, int fd)
{
	struct pollfd fds[RESPONDER_POLLFDS + 1];
	size_t n = responder_poll(r, fds);
	int wait = responder_timeout_ms(r);

	fds[n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	(void)poll(fds, n + 1, wait < 0 || wait > 50 ? 50 : wait);
	responder_run(r, fds);
}

void visit_turn(struct responder *r)
{
	turn_beside(r, -1);
}

char *visit_hear(struct responder *r, int fd, int64_t ms, bool *closed)
{
	AUTO_BUF struct buf text = { 0 };
	int64_t until = clock_boot_ms() + ms;

	*closed = false;
	while (!*closed && clock_boot_ms() < until) {
		char part[8192];
		ssize_t n;

		turn_beside(r, fd);
		n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
		*closed = n == 0 || (n < 0 && errno != EAGAIN);
		buf_add(&text, part, n > 0 ? (size_t)n : 0);
	}
	return buf_take(&text);
}

char *visit_ask(const struct visit *b, const char *request, size_t len)
{
	AUTO_FD int fd = visit_client(b, INADDR_LOOPBACK);
	bool closed;
	char *text;

	visit_say(fd, request, len);
	text = visit_hear(b->responder, fd, 5000, &closed);
	assert_true(closed);
	return text;
}

char *visit_get(const struct visit *b, const char *method, const char *target)
{
	AUTO_FREE char *request = xasprintf("%s %s HTTP/1.1\r\n"
					    "Host: example.org\r\n\r\n",
					    method, target);

	return visit_ask(b, request, strlen(request));
}

void visit_expect(const char *text, const char *status, const char *what)
{
	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, status, 3) != 0)
		fail_msg("%s: not %s but \"%.60s\"", what, status, text);
}
