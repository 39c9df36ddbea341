/*
 * The responder role: answers challenges, and who asks how the agent is, on sockets that
 * the supervisor has bound. With TLS it is the role alpn. It accepts, and connects to nothing. What to answer comes from the
 * agent: tokens before the first connection is accepted and while it runs, pages when
 * somebody asks for one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "agent/responder/responder.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/err.h"

struct respond {
	struct role_start start;
	struct responder *responder;
	struct responder_listener listeners[RESPONDER_LISTENERS]; /* owned */
	size_t n_listeners;
	bool ready;
	bool open; /* the agent has told all that there was */
};

static int on_add(void *arg, struct msg *m, struct err *e)
{
	struct respond *r = arg;
	const char *token = msg_get_str(m);
	const char *authorization = msg_get_str(m);
	const char *name = msg_get_str(m);
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(responder_add(r->responder, name[0] == '\0' ? NULL : name, token,
			  authorization, e));
	msg_begin(m, RESPONDER_ADD, id);
	return 0;
}

static int on_remove(void *arg, struct msg *m, struct err *e)
{
	struct respond *r = arg;
	const char *token = msg_get_str(m);
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	responder_remove(r->responder, token);
	msg_begin(m, RESPONDER_REMOVE, id);
	return 0;
}

static int on_open(void *arg, struct msg *m, struct err *e)
{
	struct respond *r = arg;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	r->open = true;
	msg_begin(m, RESPONDER_OPEN, id);
	return 0;
}

/* The answer to what ask() has asked. */
static int on_page(void *arg, struct msg *m, struct err *e)
{
	struct respond *r = arg;
	AUTO_FD int fd = msg_take_fd(m);
	const uint64_t page = msg_get_u64(m);
	const bool ok = msg_get_u64(m) != 0;

	TRY(msg_end(m, e));
	m->type = MSG_LATER; /* never */
	if (page >= RESPONDER_PAGES)
		return err_set(e, ERR_PROTO, "there is no page %llu",
			       (unsigned long long)page);
	if (!ok)
		responder_fail(r->responder, (enum responder_page)page);
	else if (responder_come(r->responder, (enum responder_page)page, fd, e) < 0)
		log_error("%s", e->text);
	return 0;
}

/* One that does not listen is asked again by the next who wants to know. */
static void ask(const struct respond *r)
{
	AUTO_MSG struct msg m = MSG_NONE;
	enum responder_page page;
	struct err e;

	while (responder_ask(r->responder, &page)) {
		msg_begin(&m, RESPONDER_PAGE, 0);
		msg_put_u64(&m, page);
		if (msg_offer(ROLE_FD_PEER, &m, &e) < 0)
			responder_fail(r->responder, page);
	}
}

static const struct msg_rule rules[] = {
	{ RESPONDER_ADD, 1, on_add },
	{ RESPONDER_REMOVE, 1, on_remove },
	{ RESPONDER_OPEN, 1, on_open },
	{ RESPONDER_PAGE, 1, on_page },
};

/* The sockets come first, one message each. */
static int take_listeners(struct respond *r, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	while (!r->ready) {
		unsigned serves = 0;

		TRY(msg_recv(ROLE_FD_SUPERVISOR, &m, e));
		if (m.type == RESPONDER_LISTEN)
			serves = (unsigned)msg_get_u64(&m);
		TRY(msg_end(&m, e));
		if (m.type == RESPONDER_READY)
			r->ready = true;
		else if (m.type == RESPONDER_LISTEN && m.fd >= 0 &&
			 r->n_listeners < RESPONDER_LISTENERS)
			r->listeners[r->n_listeners++] =
			    (struct responder_listener){ msg_take_fd(&m), serves };
		else
			return err_set(e, ERR_PROTO, "message %u before the sockets",
				       m.type);
	}
	return 0;
}

/* Until the agent or the supervisor lets go. */
static int serve(struct respond *r, struct err *e)
{
	struct pollfd fds[2 + RESPONDER_POLLFDS];

	for (;;) {
		const bool open = r->open;
		size_t n = 2 + (open ? responder_poll(r->responder, fds + 2) : 0);
		int rc;

		fds[0] = (struct pollfd){ .fd = ROLE_FD_PEER, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = ROLE_FD_SUPERVISOR, .events = POLLIN };
		if (poll(fds, n, responder_timeout_ms(r->responder)) < 0) {
			if (errno != EINTR)
				return err_sys(e, "poll");
			continue;
		}
		if (fds[1].revents != 0)
			return 0;
		rc = fds[0].revents == 0
			 ? 0
			 : role_answer(ROLE_FD_PEER, rules,
				       sizeof(rules) / sizeof(*rules), 0, r, e);
		if (rc < 0)
			return e->code == ERR_NET ? 0 : rc;
		if (open)
			responder_run(r->responder, fds + 2);
		ask(r);
	}
}

/* Who has been accepted is answered: nobody else does. New ones wait in the sockets for
 * the next responder. */
static void finish(const struct respond *r)
{
	struct pollfd fds[RESPONDER_POLLFDS];

	while (responder_drain(r->responder) > 0) {
		size_t n = responder_poll(r->responder, fds);

		if (poll(fds, n, responder_timeout_ms(r->responder)) >= 0)
			responder_run(r->responder, fds);
	}
}

static int work(struct respond *r, const struct responder_tls *tls, struct err *e)
{
	TRY(role_begin(tls == NULL ? ROLE_RESPONDER : ROLE_ALPN, &r->start, e));
	TRY(take_listeners(r, e));
	TRY(role_confine(&r->start, NULL, 0, e));
	TRY(responder_new(r->listeners, r->n_listeners, tls, &r->responder, e));
	TRY(serve(r, e));
	finish(r);
	return 0;
}

int responder_role(const struct responder_tls *tls)
{
	struct respond r = { .n_listeners = 0 };
	struct err e;
	int rc = work(&r, tls, &e);

	if (rc < 0)
		log_error("%s", e.text);
	responder_free(r.responder);
	for (size_t i = 0; i < r.n_listeners; i++)
		close(r.listeners[i].fd);
	role_end(&r.start);
	return rc < 0 ? EXIT_SANDBOX : EXIT_SUCCESS;
}
