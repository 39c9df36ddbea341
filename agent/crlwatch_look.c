#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlcall.h"
#include "agent/crlwatch.h"
#include "agent/log.h"
#include "agent/messages.h"
#include "agent/pool.h"
#include "agent/schedule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

static const char *url_at(const struct crl *c, uint32_t i)
{
	const struct spec *s = c->agent->spec;

	return spec_text(s, s->words[c->spec->urls.first + i]);
}

static void put_part(struct crl *c, const struct crl_part *p)
{
	struct agent *a = c->agent;
	struct err e;

	if (agent_write(a, &e) < 0 || state_crl_part_put(a->state, c->name, p, &e) < 0)
		log_error("%s: remember: %s", c->name, e.text);
}

/* Of all of it, in the order of the CAs; never 0. */
static uint64_t digest_of(const struct crl *c)
{
	uint8_t sum[HASH_LEN];
	uint64_t digest;
	struct hash h;

	hash_begin(&h);
	for (uint32_t i = 0; i < c->n_cas; i++)
		hash_add(&h, c->cas[i].part.digest, CRL_HASH_LEN);
	hash_end(&h, sum);
	memcpy(&digest, sum, sizeof(digest));
	return digest == 0 ? 1 : digest;
}

/* -- a look: its end -- */

static void let_go(struct crl *c)
{
	auto_fd_(&c->staging);
	c->staging = -1;
	c->looking = false;
	agent_pass(c->agent);
}

static void fail(struct crl *c, const struct err *e)
{
	struct agent *a = c->agent;
	struct crl_memory *m = &c->memory;
	const int64_t now = clock_now();
	const int64_t until = crlwatch_until(c);

	m->failures++;
	m->look_at = clock_sooner(schedule_retry_at(e->code, m->failures, now, until,
						    agent_draw(c->agent, c->name)),
				  crl_look_at(crlwatch_from(c), until, now,
					      agent_draw(c->agent, c->name)));
	if (strcmp(m->last_error, e->text) != 0)
		agent_tell(a, c->name, "crl-failed", 0, e->text);
	snprintf(m->last_error, sizeof(m->last_error), "%s", e->text);
	a->n_failed++;
	crlwatch_put(c);
}

static void succeed(struct crl *c)
{
	struct crl_memory *m = &c->memory;
	const int64_t now = clock_now();

	m->failures = 0;
	m->last_error[0] = '\0';
	m->looked_at = now;
	m->look_at = crl_look_at(crlwatch_from(c), crlwatch_until(c), now,
				 agent_draw(c->agent, c->name));
	crlwatch_put(c);
}

static void tell_written(struct crl *c, bool newer)
{
	char at[TEXT_TIME_MAX] = "";
	AUTO_FREE char *text = NULL;
	const int64_t until = crlwatch_until(c);

	if (!newer) {
		agent_tell(c->agent, c->name, "drift", 0,
			   "what somebody had changed of its files is written again");
		return;
	}
	text = xasprintf("%llu revoked%s%s", (unsigned long long)crlwatch_entries(c),
			 until == 0 ? "" : ", good until ",
			 until == 0 ? "" : text_time(at, until));
	agent_tell(c->agent, c->name, "crl-updated", 0, text);
}

/* A file that is lost is one that the server is to give, and the keeper to keep, again. */
static void ask_for_all(struct crl *c)
{
	for (uint32_t i = 0; i < c->n_cas; i++) {
		struct crl_part *p = &c->cas[i].part;

		p->etag[0] = p->last_modified[0] = '\0';
		memset(p->digest, 0, sizeof(p->digest));
		if (p->this_update != 0)
			put_part(c, p);
	}
}

static void on_written(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];
	const uint64_t digest = digest_of(c);
	bool wrote = false;

	if (failed == NULL)
		wrote = msg_get_u64(m) != 0;
	if (failed == NULL && (wrote || digest != c->memory.written)) {
		tell_written(c, digest != c->memory.written);
		c->memory.written = digest;
		c->memory.written_until = crlwatch_until(c);
		crlwatch_owe(c);
	}
	if (failed != NULL) {
		ask_for_all(c);
		if (c->failed.code == 0)
			c->failed = *failed;
		else
			err_wrap(&c->failed, "%.200s", failed->text);
	}
	if (c->failed.code != 0) {
		fail(c, &c->failed);
	} else {
		succeed(c);
	}
	let_go(c);
}

static void write_all(struct crl *c)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint8_t good[LIMIT_CHAIN_CERTS][HASH_LEN];
	const int64_t now = clock_now();
	size_t n = 0;

	for (uint32_t i = 0; i < c->n_cas; i++) {
		const struct crl_part *p = &c->cas[i].part;

		if (p->this_update != 0 &&
		    (p->next_update == 0 || p->next_update > now))
			memcpy(good[n++], p->ca, HASH_LEN);
	}
	msg_begin(&m, KEEPER_CRL_WRITE, 0);
	msg_put_u64(&m, c->number);
	msg_put_bytes(&m, good, n * HASH_LEN);
	link_call(&c->agent->keeper, &m, on_written, c->number);
}

/* -- a look: one CA after the other, one URL after the other -- */

static void ask(struct crl *c);

static void next_ca(struct crl *c)
{
	c->why = (struct err){ .code = 0 };
	c->ca++;
	c->url = 0;
	ask(c);
}

/* The first says why, others are only in its place; but that one gave another CA's list
 * says less than that one gave none. */
static void next_url(struct crl *c, uint32_t url, const struct err *e)
{
	log_info("%s: %s: %s", c->name, url_at(c, url), e->text);
	if (c->why.code == 0 || (c->why.code == ERR_TRUST && e->code != ERR_TRUST)) {
		c->why = *e;
		err_wrap(&c->why, "%.200s", url_at(c, url));
	}
	c->url++;
	ask(c);
}

/* The URL that the last list came from is the first one. */
static uint32_t known_url(const struct crl *c)
{
	for (uint32_t i = 0; i < c->spec->urls.n; i++)
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
		c->cas[c->ca].part = c->coming;
		put_part(c, &c->coming);
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
	} else if (p->this_update != 0 &&
		   memcmp(p->digest, w.facts.digest, CRL_HASH_LEN) == 0) {
		take_version(c, p, &w);
		put_part(c, p);
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
		.allow_local = c->spec->allow_local != 0,
		.max_size = c->spec->max_size,
		.ca = ca->der.data,
		.ca_len = ca->der.len,
		.covers = ca->covers,
		.points = points,
		.floor = ca->part.number,
	};

	memcpy(call.scope, ca->part.scope, sizeof(call.scope));
	for (uint32_t i = 0; i < c->spec->urls.n && i < LIMIT_CRL_POINTS; i++)
		points[call.n_points++] = url_at(c, i);
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

static void ask(struct crl *c)
{
	AUTO_MSG struct msg m = MSG_NONE;

	if (agent_cut_off(c->agent) || c->agent->stopping) {
		let_go(c);
		return;
	}
	if (c->ca < c->n_cas && c->url == c->spec->urls.n) { /* none has a good one */
		if (c->failed.code == 0)
			c->failed = c->why;
		next_ca(c);
		return;
	}
	if (c->ca == c->n_cas) {
		write_all(c);
		return;
	}
	msg_begin(&m, KEEPER_CRL_STAGE, 0);
	msg_put_u64(&m, c->number);
	msg_put_u64(&m, url_of(c));
	link_call(&c->agent->keeper, &m, on_staged, c->number);
}

/* -- a look: which CAs there are -- */

/* Whoever has issued another CA of the file is asked whom of CAs he has revoked, the
 * others whom of those that are none. */
static unsigned covers_of(X509 *const *certs, uint32_t n, uint32_t i)
{
	for (uint32_t k = 0; k < n; k++)
		if (k != i && X509_NAME_cmp(X509_get_issuer_name(certs[k]),
					    X509_get_subject_name(certs[i])) == 0)
			return CRL_CAS;
	return CRL_USERS;
}

static void take_ca(struct crl_ca *to, const void *der, size_t len)
{
	buf_add(&to->der, der, len);
	hash_all(der, len, to->part.ca);
}

/* What is known of the same CA stays known. */
static void keep_known(struct crl_ca *to, const struct crl_ca *known, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (memcmp(known[i].part.ca, to->part.ca, CRL_HASH_LEN) == 0)
			to->part = known[i].part;
}

/* Which CAs there are is what the rows of a CRL say until its next look. */
static void remember_cas(struct crl *c)
{
	struct agent *a = c->agent;
	struct err e;

	if (agent_write(a, &e) < 0 || state_crl_drop_parts(a->state, c->name, &e) < 0)
		log_error("%s: remember: %s", c->name, e.text);
	for (uint32_t i = 0; i < c->n_cas; i++)
		if (c->cas[i].part.this_update != 0)
			put_part(c, &c->cas[i].part);
}

static int take_cas(struct crl *c, struct msg *m, struct err *e)
{
	AUTO_FREE struct crl_ca *got = xcalloc(LIMIT_CHAIN_CERTS, sizeof(*got));
	X509 *certs[LIMIT_CHAIN_CERTS] = { NULL };
	const uint64_t n = msg_get_u64(m);

	if (n == 0 || n > LIMIT_CHAIN_CERTS)
		return err_set(e, ERR_PROTO, "there is no CA");
	for (uint32_t i = 0; i < n; i++) {
		size_t len = 0;
		const uint8_t *der = msg_get_bytes(m, &len);

		take_ca(&got[i], der, len);
		keep_known(&got[i], c->cas, c->n_cas);
		certs[i] = d2i_X509(NULL, &der, (long)len);
		if (certs[i] == NULL)
			m->broken = true;
	}
	for (uint32_t i = 0; i < n && !m->broken; i++)
		got[i].covers = covers_of(certs, (uint32_t)n, i);
	for (uint32_t i = 0; i < n; i++)
		X509_free(certs[i]);
	for (uint32_t i = 0; i < c->n_cas; i++)
		buf_done(&c->cas[i].der);
	memcpy(c->cas, got, sizeof(c->cas));
	c->n_cas = (uint32_t)n;
	TRY(msg_end(m, e));
	remember_cas(c);
	return 0;
}

static void on_cas(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];
	struct err e;

	if (failed != NULL || take_cas(c, m, &e) < 0) {
		fail(c, failed != NULL ? failed : &e);
		let_go(c);
		return;
	}
	ask(c);
}

void crlwatch_look(struct crl *c)
{
	AUTO_MSG struct msg m = MSG_NONE;

	c->looking = true;
	c->tried = c->agent->request->command != COMMAND_AGENT;
	c->ca = c->url = 0;
	c->why = c->failed = (struct err){ .code = 0 };
	msg_begin(&m, KEEPER_CRL_CAS, 0);
	msg_put_u64(&m, c->number);
	link_call(&c->agent->keeper, &m, on_cas, c->number);
}
