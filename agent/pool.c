#include "agent/pool.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/pool_queue.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/http.h"
#include "base/mem.h"

_Static_assert(2 * POOL_MAX + 3 < SUPER_PROCS,
	       "agent, keeper, responder, and one to spare");

#define OTHERS 2 /* groups that are no issuer's */

/* The workers of one issuer, or those that probe, and what waits for them. */
struct group {
	unsigned most;    /* workers */
	unsigned workers; /* there, or on their way */
	unsigned coming;  /* of them */
	bool once;        /* each worker does one task */
	bool proven;      /* a worker has got somewhere there */
	int64_t pace_ms;  /* of the fastest task; 0: none has been done */
	struct pool_queue waiting;
};

enum place {
	FREE,
	COMING, /* asked for */
	THERE,
	GONE, /* its link is to be closed */
};

struct worker {
	enum place place;
	bool busy;
	bool met; /* the CA: its first task is done */
	struct pool *pool;
	struct group *group;
	struct pool_task task; /* while busy */
	struct link link;
	int64_t since_ms; /* clock_awake_ms() when it became busy or idle */
	int64_t disk_ms;  /* see agent_disk_ms(), then */
};

struct pool {
	struct agent *agent;
	struct worker workers[POOL_MAX];
	unsigned n_issuers;
	/* Owned: one for each issuer, one probes, one fetches CRLs. */
	struct group *groups;
};

struct pool *pool_new(struct agent *a)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->agent = a;
	p->n_issuers = a->spec->n[SPEC_ISSUERS];
	p->groups = xcalloc(p->n_issuers + OTHERS, sizeof(*p->groups));
	for (unsigned i = 0; i < p->n_issuers; i++)
		p->groups[i] = (struct group){
			.most = a->spec->issuers[i].parallel,
			.once = spec_issuer_by_live(&a->spec->issuers[i]),
		};
	p->groups[p->n_issuers].most = POOL_PROBES;
	p->groups[p->n_issuers + 1].most = POOL_CRLS;
	for (size_t i = 0; i < POOL_MAX; i++)
		p->workers[i].pool = p;
	return p;
}

void pool_free(struct pool *p)
{
	struct pool_task lost;

	if (p == NULL)
		return;
	for (size_t i = 0; i < POOL_MAX; i++)
		if (p->workers[i].place >= THERE)
			link_close(&p->workers[i].link);
	for (unsigned i = 0; i < p->n_issuers + OTHERS; i++)
		while (pool_queue_next(&p->groups[i].waiting, &lost))
			;
	free(p->groups);
	free(p);
}

static struct group *group_of(struct pool *p, uint32_t issuer)
{
	if (issuer == POOL_CRL)
		return &p->groups[p->n_issuers + 1];
	return &p->groups[issuer < p->n_issuers ? issuer : p->n_issuers];
}

static bool probes(const struct pool *p, const struct group *g)
{
	return g == &p->groups[p->n_issuers];
}

/* -- working -- */

static void feed(struct pool *p, struct group *g);

/* What the task of `w` has taken so far that is not the disk's. */
static int64_t taken_ms(const struct worker *w, int64_t now)
{
	return now - w->since_ms - (agent_disk_ms(w->pool->agent, now) - w->disk_ms);
}

/* The first task of a worker, with all that has to be got ready for it, tells nothing of
 * the others. */
static void measure(struct worker *w, int64_t ms)
{
	struct group *g = w->group;

	if (ms < POOL_PACE_MS)
		ms = POOL_PACE_MS;
	if (w->met && (g->pace_ms == 0 || ms < g->pace_ms))
		g->pace_ms = ms;
	w->met = true;
}

/* Its link, which is what it answers on, is closed by the next tick. */
static void retire(struct worker *w)
{
	if (w->place == THERE)
		w->group->workers--;
	w->place = GONE;
}

static void on_done(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct worker *w = &a->pool->workers[number];
	struct pool_task task = w->task;
	int64_t now = clock_awake_ms();

	measure(w, taken_ms(w, now));
	w->busy = false;
	w->since_ms = now;
	w->group->proven = w->group->proven || m != NULL;
	if (w->group->once)
		retire(w);
	task.done(a, task.number, m, failed);
	feed(w->pool, w->group);
}

static void give(struct worker *w, const struct pool_task *task)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct agent *a = w->pool->agent;
	struct err e;

	if (task->make(a, task->number, &m, &e) < 0) {
		task->done(a, task->number, NULL, &e);
		return;
	}
	w->busy = true;
	w->since_ms = clock_awake_ms();
	w->disk_ms = agent_disk_ms(a, w->since_ms);
	w->task = *task;
	link_call(&w->link, &m, on_done, (uint32_t)(w - w->pool->workers));
}

/* Of `g`; NULL: of any issuer. */
static struct worker *idle_one(struct pool *p, const struct group *g)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &p->workers[i];

		if (w->place != THERE || w->link.fd < 0 || w->busy)
			continue;
		if (g == NULL ? !probes(p, w->group) : w->group == g)
			return w;
	}
	return NULL;
}

/* -- coming and going -- */

static void let_go(struct worker *w)
{
	if (w->place == THERE)
		w->group->workers--;
	link_close(&w->link);
	w->place = FREE;
}

static void gone(void *arg, struct link *l)
{
	struct agent *a = arg;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &a->pool->workers[i];

		if (&w->link != l)
			continue;
		retire(w);
		log_debug("worker: gone");
		feed(a->pool, w->group);
	}
}

static void drop(struct worker *w, const struct err *e)
{
	log_warn("worker: %s", e->text);
	link_drop(&w->link, e);
}

/* Only while it does what the message is about. */
static void on_asked(void *arg, struct link *l, struct msg *m)
{
	struct agent *a = arg;
	struct err e;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &a->pool->workers[i];
		int rc = ERR_PROTO;

		if (&w->link != l)
			continue;
		err_set(&e, ERR_PROTO, "message %u, which it may not send", m->type);
		if (m->type == l->asks && w->busy && w->task.asked != NULL)
			rc = w->task.asked(a, w->task.number, m, &e);
		if (rc < 0) {
			drop(w, &e);
			return;
		}
		w->group->proven = true;
		feed(a->pool, w->group);
		return;
	}
}

/* A place for a worker of `g`: probes have theirs, and an idle one of others gives way. */
static struct worker *free_place(struct pool *p, const struct group *g)
{
	struct worker *place = NULL;
	unsigned left = 0;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &p->workers[i];

		if (w->place == GONE)
			let_go(w);
		if (w->place != FREE)
			continue;
		place = w;
		left++;
	}
	if (probes(p, g) || left > POOL_PROBES - p->groups[p->n_issuers].workers)
		return place;
	place = idle_one(p, NULL);
	if (place != NULL)
		let_go(place);
	return place;
}

static void fail_waiting(struct pool *p, struct group *g, const struct err *e)
{
	struct pool_task task;

	while (pool_queue_next(&g->waiting, &task))
		task.done(p->agent, task.number, NULL, e);
}

static void on_started(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct worker *w = &a->pool->workers[number];
	struct group *g = w->group;
	struct err e;

	g->coming--;
	if (failed == NULL && m->fd >= 0) {
		link_open(&w->link, a->loop, msg_take_fd(m), 1, a);
		w->link.gone = gone;
		w->link.other = on_asked;
		w->link.asks = WORKER_CHECKPOINT;
		w->place = THERE;
		w->since_ms = clock_awake_ms();
		feed(a->pool, g);
		return;
	}
	w->place = FREE;
	if (--g->workers > 0)
		return; /* those that are there do it all */
	if (failed != NULL)
		e = *failed;
	else
		err_set(&e, ERR_PROTO, "no worker came");
	fail_waiting(a->pool, g, &e);
}

/* False: there is no place; it is looked for again by the tick. */
static bool start_one(struct pool *p, struct group *g)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct worker *w = free_place(p, g);

	if (w == NULL)
		return false;
	w->place = COMING;
	w->busy = false;
	w->met = false;
	w->group = g;
	g->workers++;
	g->coming++;
	msg_begin(&m, probes(p, g) ? SUP_PROBE : SUP_WORKER, 0);
	link_call(&p->agent->super, &m, on_started, (uint32_t)(w - p->workers));
	return p->agent->super.fd >= 0;
}

/* Each is at a task that takes long: perhaps the CA is slow, or does not answer. */
static bool all_take_long(const struct pool *p, const struct group *g, int64_t now)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		const struct worker *w = &p->workers[i];

		if (w->group == g && (w->place == COMING || w->place == THERE) &&
		    (!w->busy || taken_ms(w, now) <= POOL_LONG_MS))
			return false;
	}
	return true;
}

static bool pays(const struct pool *p, const struct group *g)
{
	const int64_t pace_ms = g->pace_ms > 0 ? g->pace_ms : POOL_PACE_MS;
	const int64_t now = clock_awake_ms();

	if (g->waiting.n == 0 || g->workers >= g->most)
		return false;
	if (g->workers == 0)
		return true;
	if (probes(p, g)) /* they wait for others most of the time */
		return g->waiting.n > g->coming;
	if (!g->proven)
		return g->coming == 0 &&
		       pool_queue_waits_ms(&g->waiting, now) > POOL_ALONE_MS;
	if (g->once) /* what waits needs new ones whatever happens */
		return g->waiting.n > g->coming;
	if (g->waiting.n * pace_ms > g->workers * (pace_ms + POOL_START_MS))
		return true;
	return all_take_long(p, g, now);
}

static void feed(struct pool *p, struct group *g)
{
	struct pool_task task;
	struct worker *w;

	while ((w = idle_one(p, g)) != NULL && pool_queue_next(&g->waiting, &task))
		give(w, &task);
	while (pays(p, g) && start_one(p, g))
		;
}

/* -- for others -- */

void pool_expect(struct pool *p, uint32_t issuer)
{
	struct group *g = group_of(p, issuer);

	if (g->workers == 0)
		(void)start_one(p, g);
}

void pool_call(struct pool *p, const struct pool_task *task)
{
	struct group *g = group_of(p, task->issuer);

	pool_queue_add(&g->waiting, task);
	feed(p, g);
}

bool pool_take_back(struct pool *p, uint32_t number, link_done *done)
{
	for (unsigned i = 0; i < p->n_issuers + OTHERS; i++)
		if (pool_queue_take_back(&p->groups[i].waiting, number, done))
			return true;
	return false;
}

void pool_answer(struct pool *p, uint32_t number, struct msg *m)
{
	struct err e;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct worker *w = &p->workers[i];

		if (w->place != THERE || w->link.fd < 0 || !w->busy ||
		    w->task.number != number || w->task.asked == NULL)
			continue;
		if (msg_send(w->link.fd, m, &e) < 0)
			drop(w, &e);
		return;
	}
}

int64_t pool_limit_ms(const struct pool_task *task)
{
	if (task->issuer == POOL_PROBE)
		return POOL_PROBE_MS;
	return POOL_ORDER_MS + INT64_C(2) * task->names * HTTP_DEADLINE_MS;
}

static void check(struct worker *w, int64_t now)
{
	const int64_t limit_ms = pool_limit_ms(&w->task);
	struct err e;

	if (!w->busy && now - w->since_ms > POOL_IDLE_MS) {
		let_go(w);
	} else if (w->busy && now - w->since_ms > limit_ms) {
		err_set(&e, ERR_NET, "it took longer than %d s",
			(int)(limit_ms / 1000));
		drop(w, &e);
	}
}

void pool_check(struct pool *p)
{
	int64_t now = clock_awake_ms();

	for (size_t i = 0; i < POOL_MAX; i++)
		if (p->workers[i].place == GONE)
			let_go(&p->workers[i]);
	for (size_t i = 0; i < POOL_MAX; i++)
		if (p->workers[i].place == THERE && p->workers[i].link.fd >= 0)
			check(&p->workers[i], now);
	for (unsigned i = 0; i < p->n_issuers + OTHERS; i++)
		feed(p, &p->groups[i]);
}

void pool_rest(struct pool *p)
{
	const struct group *g = &p->groups[p->n_issuers];
	struct worker *w;

	while (g->waiting.n == 0 && (w = idle_one(p, g)) != NULL)
		let_go(w);
}

bool pool_any(const struct pool *p)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (p->workers[i].place == COMING || p->workers[i].place == THERE)
			return true;
	return false;
}
