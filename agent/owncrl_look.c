#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlpoint.h"
#include "agent/owncrl.h"
#include "agent/pool.h"
#include "agent/role/crlcall.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/crlwatch_rule.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/text.h"

#define MAX_SIZE (400u << 20) /* the default of max_size: the largest of public CAs */

/* One look, from one distribution point to the next. */
struct own_look {
	X509 *ca;   /* owned */
	char *urls; /* owned: of the points, each with an end of its own */
	const char *points[LIMIT_CRL_POINTS];
	uint32_t n_points;
	uint32_t at;                /* the one that is asked */
	uint32_t embedded;          /* it is in the folder of that CA; OWN_NONE */
	int staging;                /* owned; -1: none */
	bool is_here;               /* what it gave is in there */
	bool is_aside;              /* ... and is not what its points give: OWN_HERE */
	struct own_members members; /* owned: who would be on it */
	struct crl_part coming;     /* what is known of it */
	struct err why; /* no point gives anything good; code 0: not known yet */
};

void owncrl_let_go(struct own_list *l)
{
	struct own_look *look = l->look;

	if (look == NULL)
		return;
	X509_free(look->ca);
	auto_fd_(&look->staging);
	free(look->urls);
	free(look->members.who);
	free(look->members.keys);
	free(look);
	l->look = NULL;
}

/* -- a look: its end -- */

/* Nobody else says that a CA does not publish as it should; once for each step of it. */
static void tell_age(struct agent *a, uint32_t l)
{
	struct own_list *list = &a->own->lists[l];
	const struct crl_part *p = &list->row.part;
	const enum crl_age age = owncrl_list_age(a, l, clock_now());
	char from[TEXT_TIME_MAX], until[TEXT_TIME_MAX];

	if (age > list->told)
		log_warn("the CRL that our certificates may be on is %s: %s is of %s, "
			 "until %s, and no newer one has come",
			 age == CRL_OVER ? "over" : "late", p->url,
			 text_time(from, p->this_update),
			 text_time(until, p->next_update));
	list->told = age;
}

static void end(struct agent *a, uint32_t l)
{
	owncrl_let_go(&a->own->lists[l]);
	a->own->n_looking--;
	agent_pass(a);
}

static void fail(struct agent *a, uint32_t l, const struct err *e)
{
	struct own_list_row *row = &a->own->lists[l].row;

	row->failures++;
	row->look_at = owncrl_retry_at(e, row->failures, row->part.next_update,
				       clock_now(), agent_draw(a, row->id));
	if (row->failures == 1)
		log_warn("the CRL that our certificates may be on: %s", e->text);
	snprintf(row->last_error, sizeof(row->last_error), "%s", e->text);
	a->n_failed += a->request->command == COMMAND_CRL;
	owncrl_put_list(a, l);
	tell_age(a, l);
	end(a, l);
}

static void succeed(struct agent *a, uint32_t l)
{
	struct own_list *list = &a->own->lists[l];
	struct own_list_row *row = &list->row;
	const int64_t now = clock_now();

	row->failures = 0;
	row->last_error[0] = '\0';
	row->looked_at = now;
	row->look_at = crl_look_at(row->part.this_update, row->part.next_update, now,
				   agent_draw(a, row->id));
	if (list->look->is_aside) /* its points are still to be asked */
		row->look_at = 0;
	if (list->joined) /* who came meanwhile was not looked for */
		row->part.etag[0] = row->part.last_modified[0] = '\0';
	owncrl_put_list(a, l);
	tell_age(a, l);
	end(a, l);
}

/* -- one point after the other -- */

static void ask(struct agent *a, uint32_t l);

/* The first says why. */
static void next_point(struct agent *a, uint32_t l, const struct err *e)
{
	struct own_look *look = a->own->lists[l].look;
	const char *url = look->points[look->at];

	log_info("%s: %s", url, e->text);
	if (look->why.code == 0) {
		look->why = *e;
		err_wrap(&look->why, "%.200s", url);
	}
	look->at++;
	look->members.first = 0;
	look->is_here = false;
	ask(a, l);
}

/* It counts when all of ours have been looked up. */
static void take_facts(struct own_look *look, const struct crl_answer *w)
{
	struct crl_part *p = &look->coming;

	snprintf(p->url, sizeof(p->url), "%s", look->points[look->at]);
	snprintf(p->etag, sizeof(p->etag), "%s", w->etag);
	snprintf(p->last_modified, sizeof(p->last_modified), "%s", w->last_modified);
	crlcall_tell_size(p->url, &w->facts);
	crlcall_tell_number(p->url, &p->number, p->scope, &w->facts);
	p->this_update = w->facts.this_update;
	p->next_update = w->facts.next_update;
	p->number = w->facts.number;
	p->n_entries = w->facts.n_entries;
	memcpy(p->scope, w->facts.scope, CRL_HASH_LEN);
}

static void look_up(struct agent *a, uint32_t l, const struct crl_answer *w)
{
	struct own_look *look = a->own->lists[l].look;
	struct own_members *m = &look->members;
	const size_t asked = own_members_asked(m);

	for (size_t i = 0; i < w->n_hits; i++) {
		const struct crl_hit *hit = &w->hits[i];
		uint32_t *who;

		if (hit->index >= asked)
			continue;
		who = &m->who[m->first + hit->index];
		if (*who != OWN_NONE &&
		    owncrl_found(a, l, *who, look->points[look->at], hit))
			*who = OWN_NONE;
	}
	own_members_pass(m, w->facts.more);
}

static void go_on(struct agent *a, uint32_t l, const struct crl_answer *w)
{
	struct own_list *list = &a->own->lists[l];
	struct own_look *look = list->look;

	if (w->verdict == CRL_UNCHANGED) {
		succeed(a, l);
		return;
	}
	if (!look->is_here)
		take_facts(look, w);
	look->is_here = true;
	look_up(a, l, w);
	if (look->members.first < look->members.n) {
		ask(a, l);
		return;
	}
	if (!look->is_aside)
		list->row.part = look->coming;
	succeed(a, l);
}

/* Then it says nothing of the list, and is done again from what is on disk. */
static bool is_cut(const struct agent *a, const struct err *failed)
{
	return a->stopping || agent_cut_off(a) ||
	       (failed != NULL && agent_cut_off_by(a, failed));
}

static void on_fetched(void *arg, uint32_t l, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct own_list *list = &a->own->lists[l];
	struct crl_answer w = { .hits = NULL };
	struct err e;

	if (is_cut(a, failed)) {
		end(a, l);
		return;
	}
	if (failed != NULL)
		e = *failed;
	if (failed != NULL || crlcall_answered(m, &w, &e) < 0 ||
	    owncrl_judge(&list->row.part, &w, clock_now(), &e) < 0)
		next_point(a, l, &e);
	else
		go_on(a, l, &w);
	free(w.hits);
}

static bool is_at(const char *known, const char *url)
{
	const size_t len = origin_len(url);

	return known != NULL && origin_len(known) == len &&
	       strncmp(known, url, len) == 0;
}

/* A CA may publish where we run: the embedded one, and whose list is one of `crls` with
 * allow_local. The configuration says where. */
static bool is_configured(const struct agent *a, const char *url)
{
	const struct spec *s = a->spec;
	bool found = false;

	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS] && !found; i++)
		found = is_at(spec_text(s, s->issuers[i].crl_url), url);
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++) {
		const struct list urls = s->crls[i].urls;

		if (s->crls[i].allow_local == 0)
			continue;
		for (uint32_t k = 0; k < urls.n && !found; k++)
			found = is_at(spec_text(s, s->words[urls.first + k]), url);
	}
	return found;
}

static int make_call(struct agent *a, uint32_t l, struct msg *m, struct err *e)
{
	const struct own_list *list = &a->own->lists[l];
	const struct crl_part *p = &list->row.part;
	struct own_look *look = list->look;
	const char *url = look->points[look->at];
	const bool same = !look->is_here && strcmp(url, p->url) == 0;
	AUTO_BUF struct buf der = { 0 };
	struct crl_ask call = {
		.url = look->is_here ? "file:" : url,
		.etag = same ? p->etag : "",
		.last_modified = same ? p->last_modified : "",
		.local = is_configured(a, url) ? CRL_LOCAL_ORIGIN : CRL_LOCAL_NONE,
		.max_size = MAX_SIZE,
		.covers = list->row.covers & (CRL_USERS | CRL_CAS),
		.points = look->points,
		.n_points = look->n_points,
		.floor = crl_floor(&p->number, p->next_update, clock_now()),
		.serials = look->members.keys + look->members.first,
		.n_serials = own_members_asked(&look->members),
	};

	TRY(x509_to_der(look->ca, &der, e));
	call.ca = der.data;
	call.ca_len = der.len;
	memcpy(call.scope, p->scope, sizeof(call.scope));
	crlcall_ask(m, &call);
	m->fd = fcntl(look->staging, F_DUPFD_CLOEXEC, 0);
	return m->fd < 0 ? err_sys(e, "hand on room for a CRL") : 0;
}

static void call_worker(struct agent *a, uint32_t l)
{
	const struct pool_task task = {
		.issuer = POOL_CRL,
		.number = l,
		.make = make_call,
		.done = on_fetched,
	};

	pool_call(a->pool, &task);
}

static void on_staged(void *arg, uint32_t l, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct own_look *look = a->own->lists[l].look;
	struct err e;

	if (is_cut(a, failed)) {
		end(a, l);
		return;
	}
	auto_fd_(&look->staging);
	look->staging = failed == NULL ? msg_take_fd(m) : -1;
	if (look->staging >= 0) {
		call_worker(a, l);
		return;
	}
	if (failed == NULL)
		err_set(&e, ERR_PROTO, "no room for it came");
	next_point(a, l, failed == NULL ? &e : failed);
}

static void ask(struct agent *a, uint32_t l)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct own_look *look = a->own->lists[l].look;

	if (look->is_here) {
		call_worker(a, l);
		return;
	}
	while (look->at < look->n_points && look->embedded == OWN_NONE &&
	       !crlpoint_speaks(look->points[look->at]))
		look->at++;
	if (look->at == look->n_points) {
		fail(a, l, &look->why);
		return;
	}
	msg_begin(&m, KEEPER_CRL_STAGE, 0);
	msg_put_u64(&m, SPEC_NOBODY);
	msg_put_u64(&m, look->embedded == OWN_NONE ? SPEC_NOBODY : look->embedded);
	msg_put_u64(&m, look->embedded == OWN_NONE ? 0 : owncrl_key_of(a->own, l));
	link_call(&a->keeper, &m, on_staged, l);
}

/* -- its begin -- */

/* Those that are passed over are nobody's to match. */
static void split(struct own_look *look, char *urls)
{
	char *next = look->urls = urls, *line;

	while ((line = strsep(&next, "\n")) != NULL &&
	       look->n_points < LIMIT_CRL_POINTS)
		if (line[0] != '\0' && line[0] != CRLPOINT_PASSED)
			look->points[look->n_points++] = line;
}

void owncrl_look(struct agent *a, uint32_t l)
{
	struct own_list *list = &a->own->lists[l];
	struct own_look *look = xcalloc(1, sizeof(*look));
	struct err e;

	look->staging = -1;
	list->look = look;
	list->joined = false;
	list->tried = a->request->command != COMMAND_AGENT;
	a->own->n_looking++;
	look->coming = list->row.part;
	look->embedded = owncrl_embedded(a->own, l);
	look->is_aside = list->row.look_at == OWN_HERE && look->embedded != OWN_NONE &&
			 crlpoint_first(list->row.urls)[0] != '\0';
	split(look, look->embedded == OWN_NONE ? xstrdup(list->row.urls)
					       : owncrl_first(a, l));
	owncrl_members(a, l, &look->members);
	if (owncrl_ca(a, list->ca, &look->ca, &e) < 0)
		fail(a, l, &e);
	else
		ask(a, l);
}
