#include "agent/responder/responder.h"

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
#include <sys/uio.h>
#include <unistd.h>

#include "agent/responder/responder_pages.h"
#include "agent/responder/responder_reply.h"
#include "agent/responder/responder_tls.h"
#include "agent/responder/responder_tokens.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define REQUEST_BYTES 2048 /* of a header; CAs send less than 500 */
#define ACCEPTS       64   /* at once, before those who are here are heard again */

enum stage {
	STAGE_HEAR,
	STAGE_SHAKE, /* hands, by TLS */
	STAGE_WAIT,  /* for the agent */
	STAGE_SEND,
	STAGE_LAST, /* what else comes is thrown away; unread it cuts the answer */
};

struct connection {
	int fd; /* owned */
	enum stage stage;
	unsigned serves; /* of the listener it came by */
	bool extra;      /* its address had enough when it came: it goes first */
	int64_t until_ms;
	struct in6_addr from;
	struct responder_shake *shake; /* owned; NULL: no TLS */
	bool writes;                   /* it waits for room to write */
	struct responder_ask ask;
	struct buf head;             /* owned; of the answer, or all of it */
	struct responder_text *text; /* held; what follows it, or NULL */
	size_t sent;                 /* of both */
	size_t len;
	char in[REQUEST_BYTES + 1];
};

struct responder {
	const struct responder_tls *tls; /* static; NULL: no TLS */
	struct responder_names *names;   /* owned */
	struct responder_tokens tokens;
	struct responder_pages pages;
	size_t n_listeners;
	struct responder_listener listeners[RESPONDER_LISTENERS]; /* borrowed */
	size_t n;
	struct connection *open[RESPONDER_CONNECTIONS]; /* owned, oldest first */
};

/* -------- who is connected */

static void cut(struct responder *r, size_t i)
{
	struct connection *c = r->open[i];

	if (c->shake != NULL)
		r->tls->end(c->shake);
	close(c->fd);
	buf_done(&c->head);
	responder_pages_drop(&r->pages, c->text);
	free(c);
	r->n--;
	memmove(r->open + i, r->open + i + 1, (r->n - i) * sizeof(*r->open));
}

static void cut_one(struct responder *r)
{
	size_t i = 0;

	while (i < r->n && !r->open[i]->extra)
		i++;
	cut(r, i < r->n ? i : 0);
}

static void allow(struct connection *c, enum stage stage, int seconds)
{
	c->stage = stage;
	c->until_ms = clock_boot_ms() + seconds * 1000;
}

/* -------- answers */

/* The next part that the socket takes; false: nobody is there. */
static bool send_part(struct connection *c, bool *all)
{
	size_t len = 0;
	const char *text = c->text == NULL ? NULL : responder_text_data(c->text, &len);
	const size_t of_head = c->sent < c->head.len ? c->head.len - c->sent : 0;
	const size_t of_text = c->sent < c->head.len ? 0 : c->sent - c->head.len;
	struct iovec parts[2] = {
		{ c->head.data + (of_head == 0 ? 0 : c->sent), of_head },
		{ (void *)(uintptr_t)(text == NULL ? NULL : text + of_text),
		  len - of_text },
	};
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	*all = c->sent == c->head.len + len;
	return true;
}

/* No more is sent; what is on its way arrives. */
static void say_no_more(struct responder *r, struct connection *c)
{
	(void)shutdown(c->fd, SHUT_WR);
	buf_done(&c->head);
	responder_pages_drop(&r->pages, TAKE(c->text));
	allow(c, STAGE_LAST, RESPONDER_SECONDS);
}

/* One part for each turn: nobody with a fast line keeps the others waiting. */
static bool send_more(struct responder *r, struct connection *c)
{
	bool all = false;

	if (!send_part(c, &all))
		return false;
	if (all)
		say_no_more(r, c);
	return true;
}

static bool answer(struct responder *r, struct connection *c)
{
	allow(c, STAGE_SEND, c->text == NULL ? RESPONDER_SECONDS : RESPONDER_SEND_S);
	return send_more(r, c);
}

static bool answer_page(struct responder *r, struct connection *c,
			struct responder_text *text)
{
	size_t len;

	(void)responder_text_data(text, &len);
	responder_reply_page(&c->ask, len, &c->head);
	if (c->ask.head || len == 0)
		responder_pages_drop(&r->pages, text);
	else
		c->text = text;
	return answer(r, c);
}

static bool answer_silence(struct responder *r, struct connection *c)
{
	responder_reply_silent(&c->head);
	return answer(r, c);
}

static void cut_the_late(struct responder *r)
{
	const int64_t now = clock_boot_ms();

	for (size_t i = r->n; i-- > 0;) {
		struct connection *c = r->open[i];

		if (c->until_ms > now)
			continue;
		if (c->stage != STAGE_WAIT || !answer_silence(r, c))
			cut(r, i);
	}
}

/* -------- requests */

static bool understand(struct responder *r, struct connection *c)
{
	const struct responder_offer offer = {
		.tokens = (c->serves & SERVES_CHALLENGES) != 0 ? &r->tokens : NULL,
		.pages = (c->serves & SERVES_PAGES) != 0,
	};
	struct responder_text *text;

	switch (responder_reply(&offer, c->in, c->len == REQUEST_BYTES, &c->ask,
				&c->head)) {
	case REPLY_LATER:
		return true;
	case REPLY_NOW:
		return answer(r, c);
	case REPLY_PAGE:
		break;
	}
	text = responder_pages_get(&r->pages, c->ask.page);
	if (text != NULL)
		return answer_page(r, c, text);
	allow(c, STAGE_WAIT, RESPONDER_WAIT_S);
	return true;
}

/* Take what has come; false: the connection is over. */
static bool hear(struct responder *r, struct connection *c)
{
	const size_t at = c->stage == STAGE_HEAR ? c->len : 0;
	ssize_t n = recv(c->fd, c->in + at, REQUEST_BYTES - at, 0);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (c->stage != STAGE_HEAR)
		return true;
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	return understand(r, c);
}

/* -------- handshakes */

static bool shake_hands(struct responder *r, struct connection *c)
{
	const enum responder_turn turn = r->tls->go_on(c->shake);

	c->writes = turn == SHAKE_WRITES;
	if (turn != SHAKE_OVER)
		return true;
	r->tls->end(TAKE(c->shake));
	say_no_more(r, c);
	return true;
}

/* What a CA asks is in the first that it sends, which is there with it or soon. */
static bool begin(struct responder *r, struct connection *c)
{
	if ((c->serves & SERVES_ALPN) == 0)
		return hear(r, c);
	if (r->tls == NULL)
		return false;
	c->stage = STAGE_SHAKE;
	c->shake = r->tls->begin(r->names, c->fd);
	return c->shake != NULL && shake_hands(r, c);
}

/* `events` of poll(); false: the connection is over. */
static bool go_on(struct responder *r, struct connection *c, short events)
{
	switch (c->stage) {
	case STAGE_HEAR:
	case STAGE_LAST:
		return hear(r, c);
	case STAGE_SHAKE:
		return shake_hands(r, c);
	case STAGE_WAIT:
		return (events & (POLLERR | POLLHUP)) == 0;
	case STAGE_SEND:
		break;
	}
	return send_more(r, c);
}

/* -------- accepting */

/* One that came by IPv4 is the same whatever the socket it came to; those of a Unix
 * socket are one. */
static struct in6_addr address_of(const struct sockaddr_storage *sa)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (sa->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)sa)->sin6_addr;
	if (sa->ss_family != AF_INET)
		return in6addr_any;
	memcpy(mapped.s6_addr + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	return mapped;
}

static bool has_enough(const struct responder *r, const struct in6_addr *from)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->open[i]->stage != STAGE_LAST &&
		     memcmp(&r->open[i]->from, from, sizeof(*from)) == 0;
	return n >= RESPONDER_PER_ADDRESS;
}

static void welcome(struct responder *r, int fd, unsigned serves,
		    const struct in6_addr *from)
{
	struct connection *c;

	if (r->n == RESPONDER_CONNECTIONS)
		cut_one(r);
	c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	c->serves = serves;
	c->from = *from;
	c->extra = has_enough(r, from);
	allow(c, STAGE_HEAR, c->extra ? RESPONDER_EXTRA_S : RESPONDER_SECONDS);
	r->open[r->n++] = c;
	/* Who has waited has asked already, and does not count against those behind. */
	if (!begin(r, c))
		cut(r, r->n - 1);
}

static void accept_from(struct responder *r, const struct responder_listener *l)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage sa = { 0 };
		socklen_t len = sizeof(sa);
		int fd = accept4(l->fd, (struct sockaddr *)&sa, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct in6_addr from = address_of(&sa);

		if (fd < 0)
			return;
		welcome(r, fd, l->serves, &from);
	}
}

/* -------- the life of a responder */

int responder_new(const struct responder_listener *listeners, size_t n,
		  const struct responder_tls *tls, struct responder **out,
		  struct err *e)
{
	struct responder_names *names = NULL;
	struct responder *r;

	assert(n <= RESPONDER_LISTENERS);
	for (size_t i = 0; i < n; i++) {
		int flags = fcntl(listeners[i].fd, F_GETFL);

		if (flags < 0 ||
		    fcntl(listeners[i].fd, F_SETFL, flags | O_NONBLOCK) != 0)
			return err_sys(e, "responder: listening socket");
	}
	if (tls != NULL)
		TRY(tls->open(&names, e));
	r = xcalloc(1, sizeof(*r));
	r->tls = tls;
	r->names = names;
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
	responder_pages_done(&r->pages);
	responder_tokens_done(&r->tokens);
	if (r->tls != NULL)
		r->tls->close(r->names);
	free(r);
}

int responder_add(struct responder *r, const char *name, const char *token,
		  const char *authorization, struct err *e)
{
	if (name == NULL)
		return responder_tokens_add(&r->tokens, token, authorization, e);
	if (r->tls == NULL)
		return err_set(e, ERR_PROTO, "%s: this responder has no TLS", name);
	return r->tls->add(r->names, name, token, authorization, e);
}

void responder_remove(struct responder *r, const char *token)
{
	responder_tokens_remove(&r->tokens, token);
	if (r->tls != NULL)
		r->tls->remove(r->names, token);
}

static short events_of(const struct connection *c)
{
	static const short events[] = {
		[STAGE_HEAR] = POLLIN,  [STAGE_SHAKE] = POLLIN, [STAGE_WAIT] = 0,
		[STAGE_SEND] = POLLOUT, [STAGE_LAST] = POLLIN,
	};

	return c->writes ? POLLOUT : events[c->stage];
}

size_t responder_poll(const struct responder *r, struct pollfd *fds)
{
	for (size_t i = 0; i < r->n_listeners; i++)
		*fds++ = (struct pollfd){ .fd = r->listeners[i].fd, .events = POLLIN };
	for (size_t i = 0; i < r->n; i++)
		*fds++ = (struct pollfd){ .fd = r->open[i]->fd,
					  .events = events_of(r->open[i]) };
	return r->n_listeners + r->n;
}

int responder_timeout_ms(const struct responder *r)
{
	int64_t at = INT64_MAX, left;

	for (size_t i = 0; i < r->n; i++)
		if (r->open[i]->until_ms < at)
			at = r->open[i]->until_ms;
	if (at == INT64_MAX)
		return -1;
	left = at - clock_boot_ms();
	return left < 0 ? 0 : (int)left;
}

void responder_run(struct responder *r, const struct pollfd *fds)
{
	const size_t first = r->n_listeners;

	/* From the last to the first: who goes moves those after him. */
	for (size_t i = r->n; i-- > 0;)
		if (fds[first + i].revents != 0 &&
		    !go_on(r, r->open[i], fds[first + i].revents))
			cut(r, i);
	cut_the_late(r);
	for (size_t i = 0; i < r->n_listeners; i++)
		if (fds[i].revents != 0)
			accept_from(r, &r->listeners[i]);
}

bool responder_ask(struct responder *r, enum responder_page *page)
{
	return responder_pages_ask(&r->pages, page);
}

static bool waits_for(const struct connection *c, enum responder_page page)
{
	return c->stage == STAGE_WAIT && c->ask.page == page;
}

int responder_come(struct responder *r, enum responder_page page, int fd, struct err *e)
{
	if (responder_pages_come(&r->pages, page, fd, e) < 0) {
		responder_fail(r, page);
		return e->code;
	}
	for (size_t i = r->n; i-- > 0;)
		if (waits_for(r->open[i], page) &&
		    !answer_page(r, r->open[i], responder_pages_last(&r->pages, page)))
			cut(r, i);
	return 0;
}

void responder_fail(struct responder *r, enum responder_page page)
{
	responder_pages_fail(&r->pages, page);
	for (size_t i = r->n; i-- > 0;)
		if (waits_for(r->open[i], page) && !answer_silence(r, r->open[i]))
			cut(r, i);
}

size_t responder_drain(struct responder *r)
{
	const int64_t last = clock_boot_ms() + RESPONDER_SECONDS * 1000;

	r->n_listeners = 0;
	for (size_t i = 0; i < RESPONDER_PAGES; i++)
		responder_fail(r, (enum responder_page)i);
	for (size_t i = 0; i < r->n; i++)
		if (r->open[i]->until_ms > last)
			r->open[i]->until_ms = last;
	return r->n;
}
