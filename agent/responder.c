#include "agent/responder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/responder_reply.h"
#include "agent/responder_tokens.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define REQUEST_BYTES 2048 /* of a header; CAs send less than 500 */
#define ACCEPTS       64   /* at once, before those who are here are heard again */

struct connection {
	int fd; /* owned */
	int64_t until_ms;
	struct in6_addr from;
	bool answered; /* what else comes is thrown away; unread it cuts the answer */
	size_t len;
	char in[REQUEST_BYTES + 1];
};

struct responder {
	struct responder_tokens tokens;
	size_t n_listeners;
	int listeners[RESPONDER_LISTENERS]; /* borrowed */
	size_t n;
	struct connection *open[RESPONDER_CONNECTIONS]; /* owned, oldest first */
};

/* -------- who is connected */

static void cut(struct responder *r, size_t i)
{
	close(r->open[i]->fd);
	free(r->open[i]);
	r->n--;
	memmove(r->open + i, r->open + i + 1, (r->n - i) * sizeof(*r->open));
}

static void cut_the_late(struct responder *r)
{
	const int64_t now = clock_boot_ms();

	while (r->n > 0 && r->open[0]->until_ms <= now)
		cut(r, 0);
}

/* -------- requests */

static void answer(struct connection *c, const struct buf *reply)
{
	/* It fits into what the kernel keeps of a new connection. */
	(void)send(c->fd, reply->data, reply->len, MSG_NOSIGNAL);
	(void)shutdown(c->fd, SHUT_WR);
	c->answered = true;
	c->len = 0;
}

/* Take what has come; false: the connection is over. */
static bool hear(const struct responder *r, struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->len, REQUEST_BYTES - c->len, 0);
	AUTO_BUF struct buf reply = { 0 };

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (c->answered)
		return true;
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	if (responder_reply(&r->tokens, c->in, c->len == REQUEST_BYTES, &reply))
		answer(c, &reply);
	return true;
}

/* -------- accepting */

/* One that came by IPv4 is the same whatever the socket it came to. */
static struct in6_addr address_of(const struct sockaddr_storage *sa)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (sa->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)sa)->sin6_addr;
	memcpy(mapped.s6_addr + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	return mapped;
}

static bool has_enough(const struct responder *r, const struct in6_addr *from)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += !r->open[i]->answered &&
		     memcmp(&r->open[i]->from, from, sizeof(*from)) == 0;
	return n >= RESPONDER_PER_ADDRESS;
}

static void welcome(struct responder *r, int fd, const struct in6_addr *from)
{
	struct connection *c;

	if (has_enough(r, from)) {
		close(fd);
		return;
	}
	if (r->n == RESPONDER_CONNECTIONS)
		cut(r, 0);
	c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	c->from = *from;
	c->until_ms = clock_boot_ms() + RESPONDER_SECONDS * 1000;
	r->open[r->n++] = c;
	/* Who has waited has asked already, and does not count against those behind. */
	if (!hear(r, c))
		cut(r, r->n - 1);
}

static void accept_from(struct responder *r, int listener)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage sa = { 0 };
		socklen_t len = sizeof(sa);
		int fd = accept4(listener, (struct sockaddr *)&sa, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct in6_addr from = address_of(&sa);

		if (fd < 0)
			return;
		welcome(r, fd, &from);
	}
}

/* -------- the life of a responder */

int responder_new(const int *listeners, size_t n, struct responder **out, struct err *e)
{
	struct responder *r;

	assert(n <= RESPONDER_LISTENERS);
	for (size_t i = 0; i < n; i++) {
		int flags = fcntl(listeners[i], F_GETFL);

		if (flags < 0 || fcntl(listeners[i], F_SETFL, flags | O_NONBLOCK) != 0)
			return err_sys(e, "responder: listening socket");
	}
	r = xcalloc(1, sizeof(*r));
	memcpy(r->listeners, listeners, n * sizeof(*listeners));
	r->n_listeners = n;
	*out = r;
	return 0;
}

void responder_free(struct responder *r)
{
	if (r == NULL)
		return;
	while (r->n > 0)
		cut(r, r->n - 1);
	responder_tokens_done(&r->tokens);
	free(r);
}

int responder_add(struct responder *r, const char *token, const char *authorization,
		  struct err *e)
{
	return responder_tokens_add(&r->tokens, token, authorization, e);
}

void responder_remove(struct responder *r, const char *token)
{
	responder_tokens_remove(&r->tokens, token);
}

size_t responder_poll(const struct responder *r, struct pollfd *fds)
{
	for (size_t i = 0; i < r->n_listeners; i++)
		*fds++ = (struct pollfd){ .fd = r->listeners[i], .events = POLLIN };
	for (size_t i = 0; i < r->n; i++)
		*fds++ = (struct pollfd){ .fd = r->open[i]->fd, .events = POLLIN };
	return r->n_listeners + r->n;
}

int responder_timeout_ms(const struct responder *r)
{
	int64_t left;

	if (r->n == 0)
		return -1;
	left = r->open[0]->until_ms - clock_boot_ms();
	return left < 0 ? 0 : (int)left;
}

void responder_run(struct responder *r, const struct pollfd *fds)
{
	/* From the last to the first: who goes moves those after him. */
	for (size_t i = r->n; i-- > 0;)
		if (fds[r->n_listeners + i].revents != 0 && !hear(r, r->open[i]))
			cut(r, i);
	cut_the_late(r);
	for (size_t i = 0; i < r->n_listeners; i++)
		if (fds[i].revents != 0)
			accept_from(r, r->listeners[i]);
}

size_t responder_drain(struct responder *r)
{
	r->n_listeners = 0;
	return r->n;
}
