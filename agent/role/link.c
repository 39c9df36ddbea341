#include "agent/role/link.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/role/messages.h"
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
};

static void call_free(struct link_call *c)
{
	msg_done(&c->msg);
	free(c);
}

static void append(struct link_queue *q, struct link_call *c)
{
	c->next = NULL;
	if (q->last == NULL)
		q->first = c;
	else
		q->last->next = c;
	q->last = c;
}

/* Take out what stands behind `before`, NULL: the first. There is one. */
static struct link_call *take_behind(struct link_queue *q, struct link_call *before)
{
	struct link_call **at = before == NULL ? &q->first : &before->next;
	struct link_call *c = *at;

	*at = c->next;
	if (q->last == c)
		q->last = before;
	return c;
}

/* What is asked next, NULL: nothing, or what is under way has to be answered first. */
static struct link_call *take_waiting(struct link *l)
{
	struct link_queue *w = l->waiting;

	if (l->under_way[true] < LINK_SLOW && w[LINK_SLOWLY].first != NULL)
		return take_behind(&w[LINK_SLOWLY], NULL);
	if (l->under_way[false] >= l->limit)
		return NULL;
	if (w[LINK_NEXT].first != NULL)
		return take_behind(&w[LINK_NEXT], NULL);
	return w[LINK_LAST].first == NULL ? NULL : take_behind(&w[LINK_LAST], NULL);
}

static size_t all_under_way(const struct link *l)
{
	return l->under_way[false] + l->under_way[true];
}

static void went(struct link *l, bool slow)
{
	if (l->under_way[slow]++ == 0 && !slow)
		l->busy_at = clock_awake_ms();
}

static void came(struct link *l, bool slow)
{
	if (--l->under_way[slow] == 0 && !slow)
		l->busy_ms += clock_awake_ms() - l->busy_at;
}

/* Take out the call that `id` answers. */
static struct link_call *take_call(struct link *l, uint32_t id)
{
	struct link_call *before = NULL;

	for (struct link_call *c = l->asked.first; c != NULL; before = c, c = c->next)
		if (c->id == id) {
			came(l, c->slow);
			return take_behind(&l->asked, before);
		}
	return NULL;
}

/* All that waits for an answer, or to be asked. */
static struct link_call *take_all(struct link *l)
{
	struct link_queue all = l->asked;

	for (size_t i = 0; i < LINK_TURNS; i++) {
		while (l->waiting[i].first != NULL)
			append(&all, take_behind(&l->waiting[i], NULL));
	}
	l->asked = (struct link_queue){ .first = NULL };
	return all.first;
}

static void fail_all(struct link *l, const struct err *e)
{
	struct link_call *c = take_all(l);

	l->busy_ms = link_busy_ms(l, clock_awake_ms());
	l->under_way[false] = l->under_way[true] = 0;
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
	struct link_call *c;
	struct err e;

	while (l->fd >= 0 && (c = take_waiting(l)) != NULL) {
		append(&l->asked, c);
		if (all_under_way(l) == 0)
			l->since_ms = clock_awake_ms();
		went(l, c->slow);
		if (msg_send(l->fd, &c->msg, &e) < 0) {
			link_drop(l, &e);
			return;
		}
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
	if ((events & EV_ERROR) != 0) { /* libev cannot wait for it any more */
		err_sys(&e, "epoll");
		link_drop(l, &e);
		return;
	}
	if (msg_recv(l->fd, &l->in, &e) < 0) {
		if (e.code != ERR_BUSY)
			link_drop(l, &e);
		return;
	}
	l->since_ms = clock_awake_ms();
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
	struct link_call *c = take_all(l);

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
	msg_done(&l->in);
}

void link_call_in_turn(struct link *l, enum link_turn turn, struct msg *m,
		       link_done *done, uint32_t number)
{
	struct link_call *c = xcalloc(1, sizeof(*c));

	c->id = ++l->last_id == 0 ? ++l->last_id : l->last_id;
	c->type = m->type;
	c->number = number;
	c->done = done;
	c->slow = turn == LINK_SLOWLY;
	msg_move(&c->msg, m);
	c->msg.id = c->id;
	append(&l->waiting[turn], c);
	send_more(l);
	if (l->fd < 0) {
		struct err e;

		err_set(&e, ERR_NET, "the other role is gone");
		fail_all(l, &e);
	}
}

void link_call(struct link *l, struct msg *m, link_done *done, uint32_t number)
{
	link_call_in_turn(l, LINK_NEXT, m, done, number);
}

int64_t link_busy_ms(const struct link *l, int64_t now)
{
	return l->busy_ms + (l->under_way[false] == 0 ? 0 : now - l->busy_at);
}

int64_t link_silent_ms(const struct link *l)
{
	return all_under_way(l) == 0 ? 0 : clock_awake_ms() - l->since_ms;
}
