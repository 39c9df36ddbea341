#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/ari.h"
#include "agent/drift.h"
#include "agent/job.h"
#include "agent/state_ari.h"
#include "agent/state_revoke.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "base/text.h"

#define BAR 10

enum health {
	HEALTH_OK,
	HEALTH_WARNING,
	HEALTH_CRITICAL,
};

/* One certificate, all that is known of it. */
struct view {
	const struct agent *agent;
	uint32_t i;
	const struct cert *cert;
	const struct memory *memory;
	struct due due;
	int64_t now;
};

static struct view look(const struct agent *a, uint32_t i, int64_t now)
{
	return (struct view){
		a, i, &a->certs[i], &a->memories[i], agent_due(a, i, now), now
	};
}

/* The word, and how bad it is: the worst that is true of it. */
static const char *state_of(const struct view *v, enum health *health)
{
	static const struct {
		uint32_t flag;
		enum health health;
		const char *word;
	} marks[] = {
		{ CERT_UNREADABLE, HEALTH_CRITICAL, "unreadable" },
		{ CERT_MISMATCHED, HEALTH_CRITICAL, "key mismatch" },
		{ CERT_REVOKED, HEALTH_CRITICAL, "revoked" },
		{ CERT_HOOKS_PENDING, HEALTH_WARNING, "hooks pending" },
		{ CERT_NOT_SERVED, HEALTH_WARNING, "not served" },
		{ CERT_FOREIGN, HEALTH_WARNING, "foreign files" },
		{ CERT_FILES_DIFFER, HEALTH_WARNING, "files differ" },
		{ CERT_BY_HAND, HEALTH_WARNING, "by hand" },
		{ CERT_ROLLED_BACK, HEALTH_OK, "rolled back" },
	};

	*health = HEALTH_CRITICAL;
	if ((v->cert->flags & CERT_PRESENT) == 0)
		return "missing";
	if (v->cert->not_after <= v->now && (v->cert->flags & CERT_UNREADABLE) == 0)
		return "expired";
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		*health = marks[i].health;
		if ((v->cert->flags & marks[i].flag) != 0)
			return marks[i].word;
	}
	*health = HEALTH_WARNING;
	if (v->cert->held != 0)
		return "held";
	if (v->cert->failures > 0)
		return "failing";
	*health = HEALTH_OK;
	return v->due.why != WHY_NONE && v->due.at <= v->now ? "due" : "ok";
}

/* -- JSON, as INTERFACE "status --json" -- */

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

static int put_served(void *arg, const struct served *s)
{
	struct json *j = arg;
	char hex[65];

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

	json_open(j, "hooks_pending", '[');
	TRY(state_hook_each(state, name, put_pending, &pending, e));
	json_close(j);
	json_open(j, "served", '[');
	TRY(state_served_each(state, name, put_served, j, e));
	json_close(j);
	return 0;
}

struct ari_view {
	const struct view *view;
	void *into;
	bool put;
};

static int put_window(void *arg, const struct ari_row *row)
{
	struct ari_view *w = arg;
	struct json *j = w->into;

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

	TRY(state_ari_each(v->agent->state, agent_cert_name(v->agent, v->i), put_window,
			   &w, e));
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
	json_str(j, "health", state_of(v, &health));
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
	drift_json(v->agent, v->i, j);
	TRY(put_ari(v, j, e));
	json_close(j);
	return 0;
}

struct unmanaged {
	const struct agent *agent;
	struct json *json;
	struct table *table;
};

/* What is kept of a certificate that the configuration does not name any more. */
static int put_unmanaged(void *arg, const char *name, const struct memory *m)
{
	struct unmanaged *u = arg;
	char at[TEXT_TIME_MAX];

	if (spec_cert_called(u->agent->spec, name) != SPEC_NOBODY)
		return 0;
	if (u->json != NULL) {
		json_open(u->json, NULL, '{');
		json_str(u->json, "name", name);
		json_time(u->json, "not_after", m->facts.not_after);
		json_close(u->json);
		return 0;
	}
	table_put(u->table, COLOR_FAINT, "%s", name);
	table_put(u->table, COLOR_FAINT, "unmanaged");
	table_put(u->table, COLOR_FAINT, "until %s", text_time(at, m->facts.not_after));
	table_put(u->table, COLOR_FAINT, "everleaf forget %s", name);
	return 0;
}

/* -- what is to be revoked -- */

static int put_revocation(void *arg, const struct revoke_row *r)
{
	struct json *j = arg; /* NULL: lines for people */
	char at[TEXT_TIME_MAX];

	if (j == NULL) {
		printf("%s: generation %llu is to be revoked%s%s%s%s\n", r->name,
		       (unsigned long long)r->generation,
		       r->retry_at == 0 ? "" : ", tried again ",
		       r->retry_at == 0 ? "" : text_time(at, r->retry_at),
		       r->failures == 0 ? "" : "; last error: ", r->last_error);
		return 0;
	}
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

static int put_revocations(const struct agent *a, struct json *j, struct err *e)
{
	if (a->request->n_names > 0)
		return 0;
	return state_revoke_each(a->state, put_revocation, j, e);
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
	json_close(j);
	json_str(j, "sandbox", sandbox_missing(a->start.missing));
}

static int print_json(struct agent *a, struct err *e)
{
	AUTO_BUF struct buf out = { 0 };
	struct json j;
	struct unmanaged u = { .agent = a, .json = &j };
	int64_t now = clock_now();

	json_begin(&j, &out);
	json_open(&j, NULL, '{');
	put_head(a, &j);
	json_open(&j, "certificates", '[');
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		struct view v;

		if (!a->wanted[i])
			continue;
		v = look(a, i, now);
		TRY(put_json(&v, &j, e));
	}
	json_close(&j);
	json_open(&j, "unmanaged", '[');
	if (a->request->n_names == 0)
		TRY(state_each(a->state, put_unmanaged, &u, e));
	json_close(&j);
	json_open(&j, "revocations", '[');
	TRY(put_revocations(a, &j, e));
	json_close(&j);
	json_open(&j, "crls", '[');
	json_close(&j);
	json_close(&j);
	json_end(&j);
	puts(out.data);
	return EXIT_SUCCESS;
}

/* -- for people -- */

static void put_left(struct table *t, const struct view *v, enum table_color color)
{
	int64_t life = v->cert->not_after - v->cert->not_before;
	int64_t left = v->cert->not_after - v->now;
	char span[TEXT_SPAN_MAX];
	char bar[BAR + 1];
	int64_t full;

	if (v->cert->not_after == 0) {
		table_put(t, color, "-");
		return;
	}
	full = left <= 0 || life <= 0 ? 0 : (left * BAR + life - 1) / life;
	for (int i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = '\0';
	table_put(t, color, "%s %s", bar,
		  left <= 0 ? "ended" : text_span_of(span, left));
}

static void put_row(struct table *t, const struct view *v)
{
	static const enum table_color colors[] = { COLOR_GOOD, COLOR_WARN, COLOR_BAD };
	const bool parked = v->cert->state == JOB_PARKED;
	char span[TEXT_SPAN_MAX];
	enum health health;
	const char *word = state_of(v, &health);

	table_put(t, COLOR_NONE, "%s", agent_cert_name(v->agent, v->i));
	table_put(t, colors[health], "%s", word);
	put_left(t, v, colors[health]);
	if (v->due.why == WHY_NONE)
		table_put(t, COLOR_NONE, "-");
	else if (v->due.at <= v->now)
		table_put(t, COLOR_WARN, "%s, now",
			  parked ? "parked" : why_word(v->due.why));
	else
		table_put(t, COLOR_NONE, "%s, in %s",
			  parked ? "parked" : why_word(v->due.why),
			  text_span_of(span, v->due.at - v->now));
	if (v->memory->last_error[0] != '\0')
		table_note(t, "%s: %s", parked ? "parked" : "last error",
			   v->memory->last_error);
}

/* Why the CA would have it renewed, in its own words. */
static int note_ari(void *arg, const struct ari_row *row)
{
	struct ari_view *w = arg;

	if (row->start_at != 0 && row->explanation[0] != '\0' &&
	    ari_counts(w->view->agent, w->view->i, row))
		table_note(w->into, "its CA explains when: %s", row->explanation);
	return 0;
}

static int print_table(struct agent *a, struct err *e)
{
	static const char *const heads[] = { "NAME", "STATE", "LEFT", "NEXT" };
	AUTO_TABLE struct table t;
	struct unmanaged u = { .agent = a, .table = &t };
	int64_t now = clock_now();
	char since[TEXT_TIME_MAX];

	table_begin(&t, (a->request->flags & REQUEST_COLOR) != 0, heads, 4);
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		struct view v;

		if (!a->wanted[i])
			continue;
		v = look(a, i, now);
		put_row(&t, &v);
		drift_show(a, i, &t);
		if (v.cert->ari_at != 0)
			TRY(state_ari_each(a->state, agent_cert_name(a, i), note_ari,
					   &(struct ari_view){ &v, &t, false }, e));
	}
	if (a->request->n_names == 0)
		TRY(state_each(a->state, put_unmanaged, &u, e));
	table_print(&t, stdout);
	TRY(put_revocations(a, NULL, e));
	if (a->start.agent_pid != 0)
		printf("the agent runs as process %lld since %s\n",
		       (long long)a->start.agent_pid,
		       text_time(since, a->start.agent_since));
	if (a->start.missing != 0)
		printf("this kernel: %s\n", sandbox_missing(a->start.missing));
	return EXIT_SUCCESS;
}

/* -- for monitoring: one line, 0, 1 or 2 -- */

static enum health check_one(const struct view *v, const char **word)
{
	int64_t left = v->cert->not_after - v->now;
	int64_t life = v->cert->not_after - v->cert->not_before;
	const struct request *r = v->agent->request;
	int64_t crit = r->crit_s >= 0 ? r->crit_s : life / 20;
	int64_t warn = r->warn_s >= 0 ? r->warn_s : life / 6;
	enum health health;

	*word = state_of(v, &health);
	if (health < HEALTH_CRITICAL && left < crit) {
		*word = "about to expire";
		return HEALTH_CRITICAL;
	}
	if (health < HEALTH_WARNING && left < warn) {
		*word = "expires soon";
		return HEALTH_WARNING;
	}
	return health;
}

static int print_check(const struct agent *a)
{
	static const char *const heads[] = { "OK", "WARNING", "CRITICAL" };
	AUTO_BUF struct buf worse = { 0 };
	enum health worst = HEALTH_OK;
	int64_t now = clock_now();
	unsigned n = 0;

	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		const char *word;
		enum health health;
		struct view v;

		if (!a->wanted[i])
			continue;
		n++;
		v = look(a, i, now);
		health = check_one(&v, &word);
		worst = health > worst ? health : worst;
		if (health != HEALTH_OK && worse.len < 1024)
			buf_printf(&worse, "%s%s: %s", worse.len == 0 ? " - " : ", ",
				   agent_cert_name(a, i), word);
	}
	printf("%s - %u certificate%s%s\n", heads[worst], n, n == 1 ? "" : "s",
	       worse.data == NULL ? "" : worse.data);
	return (int)worst;
}

int agent_status(struct agent *a, struct err *e)
{
	if ((a->request->flags & REQUEST_CHECK) != 0)
		return print_check(a);
	if ((a->request->flags & REQUEST_JSON) != 0)
		return print_json(a, e);
	return print_table(a, e);
}
