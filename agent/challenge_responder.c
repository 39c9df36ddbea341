#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/challenge_token.h"
#include "agent/http.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define AT_ONCE    8     /* requests in its socket, see link.h */
#define STARTS_MAX 5     /* one that always dies is not worth more */
#define QUIET_MS   60000 /* ... within such a time */
#define SILENT_MS  10000 /* it does nothing that could take long */
#define TURN_MS    2000  /* another order may be done with a name by then */

static bool is_there(const struct challenges *c)
{
	return c->open && c->responder.fd >= 0;
}

/* Who asks how we are is to be answered all the time. */
static bool is_public(const struct agent *a)
{
	return a->spec->global->http.at != 0;
}

/* SERVES_* of the one that shows `t`; 0: none does. */
static unsigned serves(const struct agent *a, const struct token *t)
{
	if (a->spec->challenges[t->challenge].listen.at == 0)
		return 0;
	return t->by_tls ? SERVES_ALPN : SERVES_CHALLENGES;
}

/* What there is to answer. */
static unsigned needed(const struct agent *a)
{
	unsigned all = 0;

	for (const struct token *t = a->challenges->tokens; t != NULL; t = t->next)
		if (t->state == TOKEN_PUT || t->state == TOKEN_SHOWN)
			all |= serves(a, t);
	return all;
}

static struct token *first_waiting(const struct challenges *c)
{
	struct token *t = c->tokens;

	while (t != NULL && !t->waits)
		t = t->next;
	return t;
}

static void fail_waiting(struct agent *a, const struct err *e)
{
	struct token *t;

	while ((t = first_waiting(a->challenges)) != NULL) {
		t->waits = false;
		token_put_done(a, t, e);
	}
}

static void forget_refusals(struct challenges *c)
{
	for (size_t i = 0; i < c->n_refusals; i++) {
		free(c->refusals[i].listen);
		free(c->refusals[i].why);
	}
	c->n_refusals = 0;
}

/* -------- pages */

/* They are made at the end of the turn, with all that it has brought. To say that we
 * decide is to decide. */
static void on_asked(void *arg, struct link *l, struct msg *m)
{
	struct agent *a = arg;
	const uint64_t page = msg_get_u64(m);
	struct err e;

	(void)l;
	if (m->type != RESPONDER_PAGE || msg_end(m, &e) < 0 || page >= RESPONDER_PAGES)
		return;
	a->challenges->wanted |= 1u << page;
	if (page == PAGE_HEALTH)
		agent_pass(a);
}

/* One that does not listen asks again. */
static void answer(struct challenges *c, enum responder_page page, bool ok, int fd)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, RESPONDER_PAGE, 0);
	msg_put_u64(&m, page);
	msg_put_u64(&m, ok);
	m.fd = fd;
	if (msg_offer(c->responder.fd, &m, &e) < 0)
		log_debug("answer the responder: %s", e.text);
	m.fd = -1; /* the caller's */
}

void challenge_turn(struct agent *a)
{
	struct challenges *c = a->challenges;

	if (c == NULL)
		return;
	dns_turn(a);
	for (uint32_t page = 0; page < RESPONDER_PAGES; page++) {
		AUTO_FD int fd = -1;
		struct err e;
		bool ok;

		if ((c->wanted & 1u << page) == 0 || !is_there(c))
			continue;
		ok = http_page(a, (enum responder_page)page, &fd, &e) == 0;
		if (!ok)
			log_error("http: %s", e.text);
		answer(c, (enum responder_page)page, ok, fd);
	}
	c->wanted = 0;
}

/* What it has asked so far is answered: who waits for that is with it. */
static void close_link(struct agent *a)
{
	struct challenges *c = a->challenges;
	struct pollfd p = { .fd = is_there(c) ? c->responder.fd : -1,
			    .events = POLLIN };
	struct err e;

	while (poll(&p, 1, 0) > 0 && msg_recv(p.fd, &c->responder.in, &e) == 0)
		on_asked(a, &c->responder, &c->responder.in);
	challenge_turn(a);

	err_set(&e, ERR_NET, "this responder has been let go");
	if (c->open) {
		c->responder.gone = NULL;
		link_drop(&c->responder, &e); /* what it has not answered is told so */
		link_close(&c->responder);
	}
	c->open = c->accepts = false;
	c->serves = 0;
	c->wanted = 0;
}

void responder_close(struct agent *a)
{
	close_link(a);
	forget_refusals(a->challenges);
}

/* -------- one token */

static void on_added(void *arg, uint32_t id, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct token *t = token_called(a->challenges, id);

	(void)m;
	if (t == NULL || t->state != TOKEN_PUT)
		return;
	if (failed != NULL && !is_there(a->challenges))
		t->waits = true; /* for the next one */
	else
		token_put_done(a, t, failed);
}

static void on_removed(void *arg, uint32_t id, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct token *t = token_called(a->challenges, id);

	(void)m;
	(void)failed; /* it went with the responder */
	if (t != NULL)
		token_taken(a, t, NULL);
}

static const char *refusal_of(const struct challenges *c, const char *listen)
{
	for (size_t i = 0; i < c->n_refusals; i++)
		if (strcmp(c->refusals[i].listen, listen) == 0)
			return c->refusals[i].why;
	return NULL;
}

static void add(struct agent *a, struct token *t)
{
	struct challenges *c = a->challenges;
	const char *why = refusal_of(c, t->where);
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	t->waits = false;
	if (why != NULL || !is_there(c)) {
		err_set(&e, ERR_SYS, "%s", why != NULL ? why : "no responder came");
		token_put_done(a, t, &e);
		return;
	}
	msg_begin(&m, RESPONDER_ADD, 0);
	msg_put_str(&m, t->token);
	msg_put_str(&m, t->authorization);
	msg_put_str(&m, t->by_tls ? t->domain : NULL);
	link_call(&c->responder, &m, on_added, t->id);
}

/* -------- the responder */

static void start(struct agent *a);

static void show_again(struct agent *a)
{
	for (struct token *t = a->challenges->tokens; t != NULL; t = t->next)
		if (t->state == TOKEN_SHOWN && serves(a, t) != 0) {
			t->state = TOKEN_PUT;
			t->waits = true;
		}
}

/* After each call was told. What was shown has to be shown again. */
static void on_gone(void *arg, struct link *l)
{
	struct agent *a = arg;
	struct challenges *c = a->challenges;
	struct err e;

	(void)l;
	if (agent_cut_off(a))
		return;
	show_again(a);
	if (first_waiting(c) == NULL && !is_public(a))
		return;
	if (c->starts < STARTS_MAX || clock_boot_ms() - c->started_ms > QUIET_MS) {
		log_warn("the responder is gone: starting it again");
		if (c->starts >= STARTS_MAX)
			c->starts = 0;
		start(a);
		return;
	}
	log_error("the responder died %u times: it is not started again", c->starts);
	err_set(&e, ERR_SYS, "the responder died %u times", c->starts);
	fail_waiting(a, &e);
}

static int read_refusals(struct challenges *c, struct msg *m, struct err *e)
{
	uint64_t n = msg_get_u64(m);

	forget_refusals(c);
	for (uint64_t i = 0; i < n && i < RESPONDER_LISTENERS; i++) {
		struct refusal *r = &c->refusals[c->n_refusals++];

		r->listen = xstrdup(msg_get_str(m));
		r->why = xstrdup(msg_get_str(m));
		log_debug("%s", r->why);
	}
	return msg_end(m, e);
}

static void on_opened(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	(void)arg;
	(void)number;
	(void)m;
	(void)failed; /* on_gone() is told, too */
}

void responder_open(struct challenges *c)
{
	AUTO_MSG struct msg m = MSG_NONE;

	if (!is_there(c) || c->accepts)
		return;
	for (const struct token *t = c->tokens; t != NULL; t = t->next)
		if (t->state == TOKEN_PUT && t->group == 0 && !t->by_dns)
			return;
	c->accepts = true;
	msg_begin(&m, RESPONDER_OPEN, 0);
	link_call(&c->responder, &m, on_opened, 0);
}

static void on_started(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct challenges *c = a->challenges;
	struct token *t;
	struct err e;

	(void)number;
	c->starting = false;
	if (failed != NULL || read_refusals(c, m, &e) < 0) {
		if (failed != NULL)
			e = *failed;
		err_wrap(&e, "responder");
		fail_waiting(a, &e);
		return;
	}
	close_link(a);
	show_again(a);
	if (m->fd >= 0) {
		link_open(&c->responder, a->loop, msg_take_fd(m), AT_ONCE, a);
		c->responder.gone = on_gone;
		c->responder.other = on_asked;
		c->open = true;
	}
	c->serves = c->asked;
	if ((needed(a) & ~c->serves) != 0)
		start(a);
	while (!c->starting && (t = first_waiting(c)) != NULL)
		add(a, t);
	responder_open(c);
}

static void start(struct agent *a)
{
	struct challenges *c = a->challenges;
	AUTO_MSG struct msg m = MSG_NONE;

	c->starting = true;
	c->asked = needed(a);
	c->starts++;
	c->started_ms = clock_boot_ms();
	msg_begin(&m, SUP_RESPONDER, 0);
	msg_put_u64(&m, c->asked);
	link_call(&a->super, &m, on_started, 0);
}

void responder_begin(struct agent *a)
{
	if (is_public(a))
		start(a);
}

/* Whoever came before `t` for its name; NULL: `t` is the first. Nobody goes ahead of who is
 * in the queue, so no two orders wait for each other. */
static const struct token *first_for(const struct challenges *c, const struct token *t)
{
	const struct token *o = c->tokens;

	while (o != t &&
	       (!o->by_tls || o->state == TOKEN_KEPT ||
		strcmp(o->domain, t->domain) != 0 || strcmp(o->token, t->token) == 0))
		o = o->next;
	return o == t ? NULL : o;
}

static void put_later(struct agent *a, struct token *t, const struct token *first)
{
	struct err e;

	t->state = TOKEN_QUEUED;
	if (t->group == 0) {
		responder_open(a->challenges);
		return;
	}
	err_later(&e, clock_now_ms() + TURN_MS, "%s is being shown for %s", t->domain,
		  first->name);
	token_put_done(a, t, &e);
}

void responder_put(struct agent *a, struct token *t)
{
	struct challenges *c = a->challenges;
	const struct token *first = t->by_tls ? first_for(c, t) : NULL;

	if (first != NULL) {
		put_later(a, t, first);
	} else if (is_there(c) && (serves(a, t) & ~c->serves) == 0) {
		add(a, t);
	} else {
		t->waits = true;
		if (!c->starting)
			start(a);
	}
}

void responder_take(struct agent *a, struct token *t)
{
	struct challenges *c = a->challenges;
	AUTO_MSG struct msg m = MSG_NONE;

	if (t->waits || !is_there(c)) {
		token_taken(a, t, NULL);
		return;
	}
	msg_begin(&m, RESPONDER_REMOVE, 0);
	msg_put_str(&m, t->token);
	link_call(&c->responder, &m, on_removed, t->id);
}

void challenge_check(struct agent *a)
{
	struct challenges *c = a->challenges;
	struct err e;

	if (c == NULL || !is_there(c) || link_silent_ms(&c->responder) <= SILENT_MS)
		return;
	err_set(&e, ERR_NET, "the responder says nothing any more");
	link_drop(&c->responder, &e);
}

void challenge_rest(struct agent *a)
{
	struct challenges *c = a->challenges;

	if (c == NULL || c->starting)
		return;
	for (const struct token *t = c->tokens; t != NULL; t = t->next)
		if (serves(a, t) != 0)
			return;
	c->starts = 0;
	if (!is_public(a))
		responder_close(a);
	else if (is_there(c) && c->serves != 0)
		start(a);
}
