#include "agent/link.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/messages.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct link_call {
	struct link_call *next;
	struct msg msg; /* until it is sent */
	uint32_t id;
	uint32_t type;
	uint32_t number;
	link_done *done;
	bool slow;
	bool sent;
};

static void call_free(struct link_call *c)
{
	msg_done(&c->msg);
	free(c);
}

static bool may_send(const struct link *l, const struct link_call *c)
{
	return !c->sent && l->under_way[c->slow] < (c->slow ? LINK_SLOW : l->limit);
}

static bool is_full(const struct link *l)
{
	return l->under_way[false] >= l->limit && l->under_way[true] >= LINK_SLOW;
}

static size_t all_under_way(const struct link *l)
{
	return l->under_way[false] + l->under_way[true];
}

static void went(struct link *l, bool slow)
{
	if (l->under_way[slow]++ == 0 && !slow)
		l->busy_at = clock_boot_ms();
}

static void came(struct link *l, bool slow)
{
	if (--l->under_way[slow] == 0 && !slow)
		l->busy_ms += clock_boot_ms() - l->busy_at;
}

/* Take out the call that `id` answers. */
static struct link_call *take_call(struct link *l, uint32_t id)
{
	for (struct link_call **at = &l->first; *at != NULL; at = &(*at)->next) {
		struct link_call *c = *at;

		if (c->id == id && c->sent) {
			*at = c->next;
			came(l, c->slow);
			return c;
		}
	}
	return NULL;
}

static void fail_all(struct link *l, const struct err *e)
{
	struct link_call *c = l->first;

	l->busy_ms = link_busy_ms(l, clock_boot_ms());
	l->first = NULL;
	l->under_way[false] = l->under_way[true] = l->waiting = 0;
	while (c != NULL) {
		struct link_call *next = c->next;

		c->done(l->arg, c->number, NULL, e);
		call_free(c);
		c = next;
	}
}

void link_drop(struct link *l, const struct err *e)
{
	if (l->fd < 0)
		return;
	ev_io_stop(l->loop, &l->io);
	close(l->fd);
	l->fd = -1;
	fail_all(l, e);
	if (l->gone != NULL)
		l->gone(l->arg, l);
}

bool link_is_over(const struct link *l, int ms)
{
	struct pollfd p = { .fd = l->fd };

	return l->fd < 0 || (poll(&p, 1, ms) > 0 && (p.revents & POLLHUP) != 0);
}

static void send_more(struct link *l)
{
	struct err e;

	for (struct link_call *c = l->first; c != NULL && !is_full(l); c = c->next) {
		if (!may_send(l, c))
			continue;
		if (msg_send(l->fd, &c->msg, &e) < 0) {
			link_drop(l, &e);
			return;
		}
		c->sent = true;
		if (all_under_way(l) == 0)
			l->since_ms = clock_boot_ms();
		went(l, c->slow);
		l->waiting--;
		msg_done(&c->msg);
	}
}

static void answered(struct link *l, struct link_call *c)
{
	struct err e;

	if (l->in.type == MSG_FAILED) {
		msg_get_err(&l->in, &e);
		c->done(l->arg, c->number, NULL, &e);
	} else if (l->in.type != c->type) {
		err_set(&e, ERR_PROTO, "message %u instead of %u", l->in.type, c->type);
		c->done(l->arg, c->number, NULL, &e);
	} else {
		c->done(l->arg, c->number, &l->in, NULL);
	}
	call_free(c);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct link *l = io->data;
	struct link_call *c;
	struct err e;

	(void)loop;
	(void)events;
	if (msg_recv(l->fd, &l->in, &e) < 0) {
		if (e.code != ERR_BUSY)
			link_drop(l, &e);
		return;
	}
	l->since_ms = clock_boot_ms();
	c = l->in.id == 0 || l->in.type == l->asks ? NULL : take_call(l, l->in.id);
	if (c != NULL)
		answered(l, c);
	else if (l->other != NULL)
		l->other(l->arg, l, &l->in);
	send_more(l);
}

void link_open(struct link *l, struct ev_loop *loop, int fd, size_t limit, void *arg)
{
	*l = (struct link){ .fd = fd, .loop = loop, .limit = limit, .arg = arg };
	l->in = (struct msg)MSG_NONE;
	ev_io_init(&l->io, on_readable, fd, EV_READ);
	l->io.data = l;
	ev_io_start(loop, &l->io);
}

void link_close(struct link *l)
{
	struct link_call *c = l->first;

	if (l->fd >= 0) {
		ev_io_stop(l->loop, &l->io);
		close(l->fd);
	}
	l->fd = -1;
	while (c != NULL) {
		struct link_call *next = c->next;

		call_free(c);
		c = next;
	}
	l->first = NULL;
	msg_done(&l->in);
}

static void call(struct link *l, struct msg *m, link_done *done, uint32_t number,
		 bool slow)
{
	struct link_call *c = xcalloc(1, sizeof(*c));
	struct link_call **at = &l->first;

	c->id = ++l->last_id == 0 ? ++l->last_id : l->last_id;
	c->type = m->type;
	c->number = number;
	c->done = done;
	c->slow = slow;
	msg_move(&c->msg, m);
	c->msg.id = c->id;
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
	l->waiting++;
	send_more(l);
	if (l->fd < 0) {
		struct err e;

		err_set(&e, ERR_NET, "the other role is gone");
		fail_all(l, &e);
	}
}

void link_call(struct link *l, struct msg *m, link_done *done, uint32_t number)
{
	call(l, m, done, number, false);
}

void link_call_slow(struct link *l, struct msg *m, link_done *done, uint32_t number)
{
	call(l, m, done, number, true);
}

int64_t link_busy_ms(const struct link *l, int64_t now)
{
	return l->busy_ms + (l->under_way[false] == 0 ? 0 : now - l->busy_at);
}

int64_t link_silent_ms(const struct link *l)
{
	return all_under_way(l) == 0 ? 0 : clock_boot_ms() - l->since_ms;
}
