#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/agent.h"
#include "agent/role/control.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

struct peer {
	struct control *control;
	int fd; /* owned; -1: free */
	ev_io io;
	uint64_t nth; /* of all connections: the oldest has the lowest */
};

struct control {
	struct agent *agent;
	ev_io listener;
	struct peer peers[CONTROL_MAX];
	uint64_t n;  /* connections so far */
	bool handed; /* a request, to the supervisor: others ask the next agent */
	struct msg in;
};

static void let_go(struct peer *p)
{
	if (p->fd < 0)
		return;
	ev_io_stop(p->control->agent->loop, &p->io);
	close(p->fd);
	p->fd = -1;
}

/* -- asked -- */

static void refuse(struct peer *p, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, MSG_FAILED, 0);
	msg_put_err(&m, e);
	(void)msg_offer(p->fd, &m, e);
	let_go(p);
}

static void show(struct peer *p, const struct request *r)
{
	struct err e;

	if (control_show(p->control->agent, r, p->fd, &e) < 0)
		refuse(p, &e);
	else
		let_go(p);
}

/* Taken: this agent is about to end. Refused, which the supervisor has told whoever
 * asked: others may ask. */
static void on_taken(void *arg, uint32_t number, struct msg *m, const struct err *e)
{
	struct agent *a = arg;

	(void)number;
	if (m != NULL || e->code == ERR_NET)
		return;
	a->control->handed = false;
	ev_io_start(a->loop, &a->control->listener);
}

/* The connection goes to the supervisor with what it asks for. */
static void hand_over(struct peer *p, const struct request *r)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct agent *a = p->control->agent;

	ev_io_stop(a->loop, &p->io);
	ev_io_stop(a->loop, &p->control->listener);
	p->control->handed = true;
	msg_begin(&m, SUP_ASKED, 0);
	request_put(&m, r);
	m.fd = take_fd(&p->fd);
	link_call(&a->super, &m, on_taken, 0);
}

static int understand(struct peer *p, struct request *r, struct err *e)
{
	const struct agent *a = p->control->agent;
	struct msg *m = &p->control->in;
	uid_t uid;

	if (m->type != CONTROL_ASK)
		return err_set(e, ERR_PROTO, "message %u is no request", m->type);
	TRY(role_same_version(msg_get_str(m), "this command", "the agent", e));
	request_get(m, r);
	TRY(msg_end(m, e));
	if (r->mark != 0 && r->mark != a->spec->global->mark)
		return err_set(e, ERR_BUSY, "this agent has another configuration");
	TRY(control_peer(p->fd, &uid, e));
	return control_may(r, uid, a->start.is_root ? 0 : getuid(), e);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct peer *p = io->data;
	struct request r = { 0 };
	struct err e;

	(void)events;
	if (msg_recv(p->fd, &p->control->in, &e) < 0) {
		if (e.code != ERR_BUSY)
			let_go(p);
		return;
	}
	if (p->control->handed || p->control->agent->stopping) {
		let_go(p); /* and is asked anew */
		return;
	}
	if (understand(p, &r, &e) < 0)
		refuse(p, &e);
	else if (request_shows(&r))
		show(p, &r);
	else if (p->control->agent->request->command != COMMAND_AGENT)
		ev_io_stop(loop, io); /* until what was asked before is done */
	else
		hand_over(p, &r);
	request_done(&r);
}

/* -- connected -- */

static struct peer *place(struct control *c)
{
	struct peer *oldest = &c->peers[0];

	for (size_t i = 0; i < CONTROL_MAX; i++) {
		if (c->peers[i].fd < 0)
			return &c->peers[i];
		if (c->peers[i].nth < oldest->nth)
			oldest = &c->peers[i];
	}
	let_go(oldest);
	return oldest;
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
	struct control *c = io->data;
	struct peer *p;
	int fd;

	(void)events;
	if (c->agent->stopping) {
		ev_io_stop(loop, io);
		return;
	}
	fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		log_warn("control socket: %s; closed until the agent is started again",
			 strerror(errno));
		ev_io_stop(loop, io);
	}
	if (fd < 0)
		return;
	p = place(c);
	*p = (struct peer){ .control = c, .fd = fd, .nth = ++c->n };
	ev_io_init(&p->io, on_readable, fd, EV_READ);
	p->io.data = p;
	ev_io_start(loop, &p->io);
}

static bool is_listening(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes != 0;
}

void control_begin(struct agent *a)
{
	struct control *c;

	if (!is_listening(ROLE_FD_CONTROL))
		return;
	c = xcalloc(1, sizeof(*c));
	c->agent = a;
	c->in = (struct msg)MSG_NONE;
	for (size_t i = 0; i < CONTROL_MAX; i++)
		c->peers[i].fd = -1;
	ev_io_init(&c->listener, on_connection, ROLE_FD_CONTROL, EV_READ);
	c->listener.data = c;
	ev_io_start(a->loop, &c->listener);
	a->control = c;
}

void control_free(struct agent *a)
{
	struct control *c = a->control;

	if (c == NULL)
		return;
	ev_io_stop(a->loop, &c->listener);
	for (size_t i = 0; i < CONTROL_MAX; i++)
		let_go(&c->peers[i]);
	msg_done(&c->in);
	free(TAKE(a->control));
}
