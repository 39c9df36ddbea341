#include "agent/crlwatch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/role/crlcall.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/crlwatch_rule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/text.h"

static const char *url_at(const struct crl *c, uint32_t i)
{
	return c->cas[c->ca].urls[i].text;
}

static void next_ca(struct crl *c)
{
	c->why = (struct err){ .code = 0 };
	c->ca++;
	c->url = 0;
	crlwatch_ask(c);
}

/* The first says why, others are only in its place; but that `url` gave another CA's list
 * says less than that one gave none, and than what one gave that a certificate names. */
static void next_url(struct crl *c, uint32_t url, const struct err *e)
{
	log_info("%s: %s: %s", c->name, url_at(c, url), e->text);
	if (c->why.code == 0 || (c->why.code == ERR_TRUST &&
				 (e->code != ERR_TRUST || url >= c->spec->urls.n))) {
		c->why = *e;
		err_wrap(&c->why, "%.200s", url_at(c, url));
	}
	c->url++;
	crlwatch_ask(c);
}

/* The URL that the last list came from is the first one. */
static uint32_t known_url(const struct crl *c)
{
	for (uint32_t i = 0; i < c->cas[c->ca].n_urls; i++)
		if (strcmp(url_at(c, i), c->cas[c->ca].part.url) == 0)
			return i;
	return 0;
}

static uint32_t url_of(const struct crl *c)
{
	const uint32_t first = known_url(c);

	if (c->url == 0)
		return first;
	return c->url <= first ? c->url - 1 : c->url;
}

static void take_version(struct crl *c, struct crl_part *p, const struct crl_answer *w)
{
	snprintf(p->url, sizeof(p->url), "%s", url_at(c, url_of(c)));
	snprintf(p->etag, sizeof(p->etag), "%s", w->etag);
	snprintf(p->last_modified, sizeof(p->last_modified), "%s", w->last_modified);
}

static void on_kept(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];

	(void)m;
	if (failed == NULL) {
		c->came = true;
		c->cas[c->ca].part = c->coming;
		crlwatch_put_part(c, &c->coming);
		next_ca(c);
		return;
	}
	next_url(c, url_of(c), failed);
}

static void keep(struct crl *c, const struct crl_answer *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct crl_part *p = &c->coming;

	*p = c->cas[c->ca].part;
	take_version(c, p, w);
	crlcall_tell_number(p->url, &p->number, p->scope, &w->facts);
	p->this_update = w->facts.this_update;
	p->next_update = w->facts.next_update;
	p->number = w->facts.number;
	p->n_entries = w->facts.n_entries;
	memcpy(p->digest, w->facts.digest, CRL_HASH_LEN);
	memcpy(p->scope, w->facts.scope, CRL_HASH_LEN);
	msg_begin(&m, KEEPER_CRL_KEEP, 0);
	msg_put_u64(&m, c->number);
	msg_put_bytes(&m, p->ca, CRL_HASH_LEN);
	msg_put_u64(&m, w->facts.size);
	m.fd = take_fd(&c->staging);
	crlcall_tell_size(p->url, &w->facts);
	link_call(&c->agent->keeper, &m, on_kept, c->number);
}

/* What has come, held against what there is. */
static int judge(const struct crl *c, const struct crl_answer *w, struct err *e)
{
	const struct crl_part *p = &c->cas[c->ca].part;
	const int64_t now = clock_now();
	char at[TEXT_TIME_MAX], ours[TEXT_TIME_MAX];

	switch (w->verdict) {
	case CRL_UNCHANGED:
		if (p->this_update == 0)
			return err_set(e, ERR_PROTO,
				       "unchanged, says the server, and "
				       "there is nothing yet");
		if (p->next_update != 0 && p->next_update <= now)
			return err_set(e, ERR_TRUST,
				       "the CRL has ended at %s, and there is no newer "
				       "one",
				       text_time(at, p->next_update));
		return 0;
	case CRL_GOOD:
		if (w->facts.this_update >= p->this_update)
			return 0;
		return err_set(e, ERR_TRUST, "the CRL is of %s, older than ours of %s",
			       text_time(at, w->facts.this_update),
			       text_time(ours, p->this_update));
	case CRL_UNVERIFIED:
	case CRL_VERDICTS:
		break;
	}
	return err_set(e, ERR_TRUST, "the CRL cannot be verified here: %s",
		       w->facts.unverified);
}

/* What there is, once more. */
static bool is_known(const struct crl_part *p, const struct crl_facts *f)
{
	return p->this_update == f->this_update && p->next_update == f->next_update &&
	       crl_number_cmp(&p->number, &f->number) == 0 &&
	       memcmp(p->digest, f->digest, CRL_HASH_LEN) == 0 &&
	       memcmp(p->scope, f->scope, CRL_HASH_LEN) == 0;
}

static void on_fetched(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];
	struct crl_part *p = &c->cas[c->ca].part;
	struct crl_answer w = { .hits = NULL };
	struct err e;

	if (failed != NULL)
		e = *failed;
	if (failed != NULL || crlcall_answered(m, &w, &e) < 0 || judge(c, &w, &e) < 0) {
		next_url(c, url_of(c), &e);
	} else if (w.verdict == CRL_UNCHANGED) {
		next_ca(c);
	} else if (is_known(p, &w.facts)) {
		take_version(c, p, &w);
		crlwatch_put_part(c, p);
		next_ca(c);
	} else {
		keep(c, &w);
	}
	free(w.hits);
}

static int make_call(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	struct crl *c = &a->crls->crls[number];
	const struct crl_ca *ca = &c->cas[c->ca];
	const char *points[LIMIT_CRL_POINTS];
	const char *url = url_at(c, url_of(c));
	const bool same = strcmp(url, ca->part.url) == 0;
	struct crl_ask call = {
		.url = url,
		.etag = same ? ca->part.etag : "",
		.last_modified = same ? ca->part.last_modified : "",
		.local = c->spec->allow_local != 0 ? CRL_LOCAL_ANY : CRL_LOCAL_NONE,
		.max_size = c->spec->max_size,
		.ca = ca->der.data,
		.ca_len = ca->der.len,
		.covers = ca->covers,
		.indirect = c->spec->indirect != 0,
		.points = points,
		.floor = crl_floor(&ca->part.number, ca->part.next_update, clock_now()),
	};

	memcpy(call.scope, ca->part.scope, sizeof(call.scope));
	for (uint32_t i = 0; i < ca->n_urls; i++)
		if (ca->urls[i].is_scope)
			points[call.n_points++] = ca->urls[i].text;
	crlcall_ask(m, &call);
	m->fd = fcntl(c->staging, F_DUPFD_CLOEXEC, 0);
	return m->fd < 0 ? err_sys(e, "hand on room for a CRL") : 0;
}

static void on_staged(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];
	const struct pool_task task = {
		.issuer = POOL_CRL,
		.number = number,
		.make = make_call,
		.done = on_fetched,
	};
	struct err e;

	auto_fd_(&c->staging);
	c->staging = failed == NULL ? msg_take_fd(m) : -1;
	if (c->staging >= 0) {
		pool_call(a->pool, &task);
		return;
	}
	if (failed == NULL)
		err_set(&e, ERR_PROTO, "no room for it came");
	next_url(c, url_of(c), failed == NULL ? &e : failed);
}

/* No URL of this CA's has given a good one. */
static void give_up(struct crl *c)
{
	AUTO_FREE char *name = crlwatch_ca_name(&c->cas[c->ca]);

	if (c->cas[c->ca].n_urls == 0)
		err_set(&c->why, ERR_CONFIG,
			"nobody says where its CRL is: no CA of the bundle that it has "
			"issued names an http URL of it, so `url` has to");
	if (c->failed.code == 0) {
		c->failed = c->why;
		if (c->n_cas > 1)
			err_wrap(&c->failed, "CA %.100s", name);
	}
	next_ca(c);
}

void crlwatch_ask(struct crl *c)
{
	AUTO_MSG struct msg m = MSG_NONE;
	bool is_ours;

	if (agent_cut_off(c->agent) || c->agent->stopping) {
		crlwatch_let_go(c);
		return;
	}
	if (c->ca == c->n_cas) {
		crlwatch_write(c);
		return;
	}
	if (c->url == c->cas[c->ca].n_urls) {
		give_up(c);
		return;
	}
	/* What a certificate names is never a file of ours. */
	is_ours = url_of(c) < c->spec->urls.n;
	msg_begin(&m, KEEPER_CRL_STAGE, 0);
	msg_put_u64(&m, is_ours ? c->number : SPEC_NOBODY);
	msg_put_u64(&m, is_ours ? url_of(c) : SPEC_NOBODY);
	msg_put_u64(&m, c->ca);
	link_call(&c->agent->keeper, &m, on_staged, c->number);
}
