#include "agent/status_json.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/ari.h"
#include "agent/crlwatch.h"
#include "agent/drift.h"
#include "agent/inventory.h"
#include "agent/inventory_load.h"
#include "agent/job.h"
#include "agent/page.h"
#include "agent/print_own.h"
#include "agent/print_setback.h"
#include "agent/print_tlsa.h"
#include "agent/probing.h"
#include "agent/state/state_ari.h"
#include "agent/state/state_revoke.h"
#include "agent/status_view.h"
#include "agent/strangers.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "base/text.h"

struct pending {
	struct json *json;
	uint64_t generation;
};

static int put_pending(void *arg, const struct pending_hook *p)
{
	const struct pending *pending = arg;

	if (p->generation == pending->generation)
		json_str(pending->json, NULL, p->hook);
	return 0;
}

struct serving {
	const struct view *view;
	struct json *json;
};

static int put_served(void *arg, const struct served *s)
{
	const struct serving *w = arg;
	struct json *j = w->json;
	char hex[65];

	if (!probing_has(w->view->agent, w->view->i, s->endpoint))
		return 0;
	text_hex(hex, s->fingerprint, sizeof(s->fingerprint));
	json_open(j, NULL, '{');
	json_str(j, "endpoint", s->endpoint);
	json_str(j, "verdict", s->verdict);
	json_str(j, "fingerprint", strspn(hex, "0") == 64 ? NULL : hex);
	json_str(j, "detail", s->detail);
	json_time(j, "at", s->at);
	json_close(j);
	return 0;
}

static void put_names(const struct view *v, struct json *j)
{
	const struct spec *s = v->agent->spec;
	const struct list names = s->certs[v->i].names;

	json_open(j, "names", '[');
	for (uint32_t i = 0; i < names.n; i++)
		json_str(j, NULL, spec_text(s, s->names[names.first + i].value));
	json_close(j);
}

/* The issuer that it came from; before the first issue, the one that will be asked. */
static const char *issuer_of(const struct view *v)
{
	return v->memory->issuer[0] != '\0' ? v->memory->issuer
					    : agent_issuer(v->agent, v->i);
}

static void put_number(struct json *j, const char *key, uint64_t n)
{
	if (n == 0)
		json_str(j, key, NULL);
	else
		json_int(j, key, (int64_t)n);
}

static void put_leaf(const struct view *v, struct json *j)
{
	const struct x509_facts *f = &v->memory->facts;
	const bool present = (v->cert->flags & CERT_PRESENT) != 0 && f->not_after != 0;
	char hex[65];

	text_hex(hex, f->fingerprint, sizeof(f->fingerprint));
	json_str(j, "serial", present ? f->serial : NULL);
	json_str(j, "fingerprint", present ? hex : NULL);
	json_time(j, "not_before", present ? f->not_before : 0);
	json_time(j, "not_after", present ? f->not_after : 0);
	put_number(j, "generation", v->cert->generation);
	put_number(j, "held", v->cert->held);
}

static int put_lists(struct view *v, struct json *j, struct err *e)
{
	struct state *state = v->agent->state;
	struct pending pending = { j, v->cert->generation };
	const char *name = agent_cert_name(v->agent, v->i);
	const struct spec_cert *c = &v->agent->spec->certs[v->i];

	json_open(j, "hooks_pending", '[');
	if (c->hooks.n > 0)
		TRY(state_hook_each(state, name, put_pending, &pending, e));
	json_close(j);
	json_open(j, "served", '[');
	if (c->probes.n > 0)
		TRY(state_served_each(state, name, put_served,
				      &(struct serving){ v, j }, e));
	json_close(j);
	return 0;
}

struct ari_view {
	const struct view *view;
	struct json *json;
	bool put;
};

static int put_window(void *arg, const struct ari_row *row)
{
	struct ari_view *w = arg;
	struct json *j = w->json;

	if (row->start_at == 0 || !ari_counts(w->view->agent, w->view->i, row))
		return 0;
	w->put = true;
	json_open(j, "ari", '{');
	json_time(j, "start", row->start_at);
	json_time(j, "end", row->end_at);
	json_str(j, "explanation_url",
		 row->explanation[0] == '\0' ? NULL : row->explanation);
	json_close(j);
	return 0;
}

static int put_ari(const struct view *v, struct json *j, struct err *e)
{
	struct ari_view w = { v, j, false };

	if (v->cert->ari_at != 0)
		TRY(state_ari_each(v->agent->state, agent_cert_name(v->agent, v->i),
				   put_window, &w, e));
	if (!w.put)
		json_str(j, "ari", NULL);
	return 0;
}

static int put_json(struct view *v, struct json *j, struct err *e)
{
	const bool never = v->due.why == WHY_NONE;
	const bool now_due = !never && v->due.at <= v->now;
	enum health health;

	json_open(j, NULL, '{');
	json_str(j, "name", agent_cert_name(v->agent, v->i));
	put_names(v, j);
	json_str(j, "issuer", issuer_of(v));
	json_str(j, "state", job_state_word((enum job_state)v->cert->state));
	json_str(j, "health", view_state(v, &health));
	json_str(j, "why", now_due ? why_word(v->due.why) : NULL);
	put_leaf(v, j);
	json_time(j, "next_at", never ? 0 : v->due.at);
	json_str(j, "next_why", never ? NULL : why_word(v->due.why));
	json_int(j, "failures", v->cert->failures);
	json_str(j, "last_error",
		 v->memory->last_error[0] == '\0' ? NULL : v->memory->last_error);
	json_time(j, "last_success", v->memory->last_success_at);
	TRY(put_lists(v, j, e));
	json_bool(j, "revoked", (v->cert->flags & CERT_REVOKED) != 0);
	TRY(own_note_json(v->agent, v->i, j, e));
	setback_json(v->agent, v->i, j);
	tlsa_json(v->agent, v->i, v->memory, j);
	drift_json(v->agent, v->i, j);
	TRY(put_ari(v, j, e));
	json_close(j);
	return 0;
}

struct document {
	struct agent *agent;
	bool all;
	struct page_writer *page;
	struct json json;
	int64_t now;
	uint32_t next;   /* the first certificate that was not put yet */
	struct err *err; /* borrowed; of what is called for each row */
};

static int put_cert(struct document *d, const struct memory *m, struct err *e)
{
	const uint32_t i = d->next++;
	struct view v;

	if (!d->all && !d->agent->wanted[i])
		return 0;
	v = view_of(d->agent, i, m, d->now);
	TRY(put_json(&v, &d->json, e));
	return page_turn(d->page, e);
}

/* Those before `end`, of which nothing is remembered. */
static int put_unknown(struct document *d, uint32_t end, struct err *e)
{
	const struct memory nothing = { .failures = 0 };

	while (d->next < end)
		TRY(put_cert(d, &nothing, e));
	return 0;
}

/* In the order of their names, as the certificates of the snapshot. */
static int put_remembered(void *arg, const char *name, const struct memory *row)
{
	struct document *d = arg;
	const uint32_t i = spec_cert_called(d->agent->spec, name);
	struct memory m = *row;

	if (i == SPEC_NOBODY)
		return 0;
	TRY(put_unknown(d, i, d->err));
	if (!notice_stands(d->agent, i, row))
		inventory_see(d->agent, i, &m);
	return put_cert(d, &m, d->err);
}

static int put_certs(struct document *d, struct err *e)
{
	const struct agent *a = d->agent;
	uint32_t end = a->spec->n[SPEC_CERTS];

	if (!d->all)
		inventory_asked(a, &d->next, &end);
	json_open(&d->json, "certificates", '[');
	if (a->memories == NULL && d->next < end)
		TRY(state_between(a->state, agent_cert_name(a, d->next),
				  agent_cert_name(a, end - 1), put_remembered, d, e));
	while (a->memories != NULL && d->next < end)
		TRY(put_cert(d, &a->memories[d->next], e));
	TRY(put_unknown(d, end, e));
	json_close(&d->json);
	return 0;
}

/* What is kept of a certificate that the configuration does not name any more. */
static int put_unmanaged(void *arg, const char *name)
{
	struct document *d = arg;
	struct memory m;
	bool found;

	if (spec_cert_called(d->agent->spec, name) != SPEC_NOBODY)
		return 0;
	TRY(state_get(d->agent->state, name, &m, &found, d->err));
	if (!found)
		return 0;
	json_open(&d->json, NULL, '{');
	json_str(&d->json, "name", name);
	json_time(&d->json, "not_after", m.facts.not_after);
	json_close(&d->json);
	return 0;
}

static int put_revocation(void *arg, const struct revoke_row *r)
{
	struct json *j = arg;

	json_open(j, NULL, '{');
	json_str(j, "name", r->name);
	json_int(j, "generation", (int64_t)r->generation);
	json_str(j, "issuer", r->issuer);
	json_int(j, "reason", (int64_t)r->reason);
	json_time(j, "next_at", r->retry_at);
	json_int(j, "failures", r->failures);
	json_str(j, "last_error", r->failures == 0 ? NULL : r->last_error);
	json_close(j);
	return 0;
}

static void put_head(const struct agent *a, struct json *j)
{
	json_int(j, "version", 1);
	json_open(j, "agent", '{');
	json_bool(j, "running", a->start.agent_pid != 0);
	if (a->start.agent_pid == 0) {
		json_str(j, "since", NULL);
		json_str(j, "pid", NULL);
	} else {
		json_time(j, "since", a->start.agent_since);
		json_int(j, "pid", a->start.agent_pid);
	}
	json_str(j, "watching", notice_way(a));
	json_close(j);
	json_str(j, "sandbox", sandbox_missing(a->start.missing));
}

static int put_rest(struct document *d, struct err *e)
{
	struct state *state = d->agent->state;
	struct json *j = &d->json;
	const bool all = d->all || d->agent->request->n_names == 0;

	json_open(j, "unmanaged", '[');
	if (all)
		TRY(state_names(state, put_unmanaged, d, e));
	json_close(j);
	json_open(j, "revocations", '[');
	if (all)
		TRY(state_revoke_each(state, put_revocation, j, e));
	json_close(j);
	json_open(j, "crls", '[');
	for (size_t i = 0; all && i < d->agent->crls->n; i++)
		crlwatch_json(&d->agent->crls->crls[i], j);
	json_close(j);
	json_open(j, "watched", '[');
	for (size_t i = 0; all && i < d->agent->strangers->known.n; i++) {
		strange_json(&d->agent->strangers->known.all[i], j);
		TRY(page_turn(d->page, e));
	}
	json_close(j);
	json_str(j, "watched_error", all ? d->agent->strangers->trouble : NULL);
	own_json(d->agent, all, j);
	return 0;
}

int status_json(struct agent *a, bool all, struct page_writer *p, struct err *e)
{
	struct document d = {
		.agent = a, .all = all, .page = p, .now = clock_now(), .err = e
	};

	json_begin(&d.json, &p->text);
	json_open(&d.json, NULL, '{');
	put_head(a, &d.json);
	TRY(put_certs(&d, e));
	TRY(put_rest(&d, e));
	json_close(&d.json);
	json_end(&d.json);
	buf_puts(&p->text, "\n");
	return 0;
}
