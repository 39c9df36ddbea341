#include "agent/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/log.h"
#include "agent/messages.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct worker {
	struct pool *pool;
	struct link link;
	bool open;       /* the link is in use, or closed and not yet cleared */
	int64_t idle_ms; /* clock_boot_ms() when it was last asked */
};

/* What waits for a worker that is being started. */
struct order {
	struct order *next;
	struct msg msg;
	link_done *done;
	uint32_t number;
};

struct pool {
	struct agent *agent;
	struct worker workers[POOL_MAX];
	unsigned starting;
	struct order *first;
};

struct pool *pool_new(struct agent *a)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->agent = a;
	for (size_t i = 0; i < POOL_MAX; i++)
		p->workers[i].pool = p;
	return p;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < POOL_MAX; i++)
		if (p->workers[i].open)
			link_close(&p->workers[i].link);
	while (p->first != NULL) {
		struct order *o = p->first;

		p->first = o->next;
		msg_done(&o->msg);
		free(o);
	}
	free(p);
}

static struct worker *least_busy(struct pool *p)
{
	struct worker *best = NULL;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &p->workers[i];

		if (w->open && w->link.fd >= 0 &&
		    (best == NULL || w->link.under_way + w->link.waiting <
					 best->link.under_way + best->link.waiting))
			best = w;
	}
	return best;
}

static void give(struct worker *w, struct msg *m, link_done *done, uint32_t number)
{
	assert(w != NULL);
	w->idle_ms = clock_boot_ms();
	link_call(&w->link, m, done, number);
}

static void fail_orders(struct pool *p, const struct err *e)
{
	while (p->first != NULL) {
		struct order *o = p->first;

		p->first = o->next;
		o->done(p->agent, o->number, NULL, e);
		msg_done(&o->msg);
		free(o);
	}
}

/* To whoever is idle; when nobody is on the way any more, the rest to whoever is there.
 * If there is nobody, they fail for the reason in `e`. */
static void give_orders(struct pool *p, const struct err *e)
{
	struct worker *w;
	struct order *o;

	while ((o = p->first) != NULL && (w = least_busy(p)) != NULL &&
	       (p->starting == 0 || w->link.under_way == 0)) {
		p->first = o->next;
		give(w, &o->msg, o->done, o->number);
		msg_done(&o->msg);
		free(o);
	}
	if (p->starting == 0)
		fail_orders(p, e);
}

static void gone(void *arg, struct link *l)
{
	(void)arg;
	log_debug("worker: gone (%zu calls were waiting)", l->waiting);
}

static struct worker *free_place(struct pool *p)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &p->workers[i];

		if (w->open && w->link.fd < 0) {
			link_close(&w->link);
			w->open = false;
		}
		if (!w->open)
			return w;
	}
	return NULL;
}

static void on_started(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct pool *p = a->pool;
	struct worker *w = free_place(p);
	struct err e;

	(void)number;
	p->starting--;
	if (failed != NULL) {
		e = *failed;
	} else if (m->fd < 0 || w == NULL) {
		err_set(&e, ERR_PROTO, "no worker came");
	} else {
		err_set(&e, ERR_NET, "the worker died at once");
		link_open(&w->link, a->loop, msg_take_fd(m), 1, a);
		w->link.gone = gone;
		w->open = true;
	}
	give_orders(p, &e);
}

static unsigned n_open(const struct pool *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < POOL_MAX; i++)
		n += p->workers[i].open && p->workers[i].link.fd >= 0;
	return n;
}

static void start_one(struct pool *p)
{
	AUTO_MSG struct msg m = MSG_NONE;

	p->starting++;
	msg_begin(&m, SUP_WORKER, 0);
	link_call(&p->agent->super, &m, on_started, 0);
}

void pool_call(struct pool *p, struct msg *m, link_done *done, uint32_t number)
{
	struct worker *w = least_busy(p);
	struct order *o;
	struct order **at = &p->first;

	if (w != NULL &&
	    (w->link.under_way == 0 || n_open(p) + p->starting >= POOL_MAX)) {
		give(w, m, done, number);
		return;
	}
	o = xcalloc(1, sizeof(*o));
	o->done = done;
	o->number = number;
	msg_move(&o->msg, m);
	while (*at != NULL)
		at = &(*at)->next;
	*at = o;
	if (n_open(p) + p->starting < POOL_MAX)
		start_one(p);
}

void pool_check(struct pool *p)
{
	int64_t now = clock_boot_ms();
	struct err e;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &p->workers[i];

		if (w->open && w->link.under_way + w->link.waiting == 0 &&
		    now - w->idle_ms > POOL_IDLE_MS) {
			link_close(&w->link);
			w->open = false;
		} else if (w->open && link_silent_ms(&w->link) > POOL_SILENT_MS) {
			err_set(&e, ERR_NET, "the worker says nothing any more");
			link_drop(&w->link, &e);
		}
	}
}

bool pool_any(const struct pool *p)
{
	return n_open(p) + p->starting > 0;
}
