#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/ari.h"
#include "agent/crlwatch.h"
#include "agent/drift.h"
#include "agent/job.h"
#include "agent/owncrl.h"
#include "agent/page.h"
#include "agent/print_own.h"
#include "agent/print_setback.h"
#include "agent/print_tlsa.h"
#include "agent/probing.h"
#include "agent/state/state_ari.h"
#include "agent/state/state_revoke.h"
#include "agent/status_json.h"
#include "agent/status_view.h"
#include "agent/strangers.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "base/text.h"

#define BAR 10

static int print_json(struct agent *a, struct err *e)
{
	AUTO_PAGE struct page_writer p = { .fd = -1 };

	TRY(status_json(a, false, &p, e));
	fputs(p.text.data, stdout);
	return EXIT_SUCCESS;
}

/* -- for people -- */

struct unmanaged {
	const struct agent *agent;
	struct table *table;
	struct err *err; /* borrowed */
};

struct noting {
	const struct view *view;
	struct table *table;
};

/* What is kept of a certificate that the configuration does not name any more. */
static int put_unmanaged(void *arg, const char *name)
{
	struct unmanaged *u = arg;
	char at[TEXT_TIME_MAX];
	struct memory m;
	bool found;

	if (spec_cert_called(u->agent->spec, name) != SPEC_NOBODY)
		return 0;
	TRY(state_get(u->agent->state, name, &m, &found, u->err));
	if (!found)
		return 0;
	table_put(u->table, COLOR_FAINT, "%s", name);
	table_put(u->table, COLOR_FAINT, "unmanaged");
	table_put(u->table, COLOR_FAINT, "until %s", text_time(at, m.facts.not_after));
	table_put(u->table, COLOR_FAINT, "everleaf forget %s", name);
	return 0;
}

static int put_revocation(void *arg, const struct revoke_row *r)
{
	char at[TEXT_TIME_MAX];

	(void)arg;
	printf("%s: generation %llu is to be revoked%s%s%s%s\n", r->name,
	       (unsigned long long)r->generation,
	       r->retry_at == 0 ? "" : ", tried again ",
	       r->retry_at == 0 ? "" : text_time(at, r->retry_at),
	       r->failures == 0 ? "" : "; last error: ", r->last_error);
	return 0;
}

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
	const bool parked = v->cert->state == JOB_PARKED &&
			    (v->due.at <= v->now || v->due.at == v->cert->retry_at);
	char span[TEXT_SPAN_MAX];
	enum health health;
	const char *word = view_state(v, &health);

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
	if (v->memory->last_error[0] != '\0' &&
	    (parked || health != HEALTH_OK || view_failing(v)))
		table_note(t, "%s: %s", parked ? "parked" : "last error",
			   v->memory->last_error);
}

/* Why the CA would have it renewed, in its own words. */
static int note_ari(void *arg, const struct ari_row *row)
{
	struct noting *w = arg;

	if (row->start_at != 0 && row->explanation[0] != '\0' &&
	    ari_counts(w->view->agent, w->view->i, row))
		table_note(w->table, "its CA explains when: %s", row->explanation);
	return 0;
}

/* On disk is one thing, what is served another. */
static int note_served(void *arg, const struct served *s)
{
	struct noting *w = arg;
	char at[TEXT_TIME_MAX];

	if (!probing_has(w->view->agent, w->view->i, s->endpoint))
		return 0;
	if (strcmp(s->verdict, probe_word(PROBE_NEW)) != 0)
		table_note(w->table, "not served by %s: %s: %s (seen %s)", s->endpoint,
			   s->verdict, s->detail, text_time(at, s->at));
	else if ((w->view->cert->flags & CERT_CHAIN) != 0 &&
		 strstr(s->detail, "chain") != NULL)
		table_note(w->table, "served by %s: %s (seen %s)", s->endpoint,
			   s->detail, text_time(at, s->at));
	return 0;
}

static int print_table(struct agent *a, struct err *e)
{
	static const char *const heads[] = { "NAME", "STATE", "LEFT", "NEXT" };
	AUTO_TABLE struct table t;
	struct unmanaged u = { .agent = a, .table = &t, .err = e };
	int64_t now = clock_now();
	char since[TEXT_TIME_MAX];

	table_begin(&t, (a->request->flags & REQUEST_COLOR) != 0, heads, 4);
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		struct view v;

		if (!a->wanted[i])
			continue;
		v = view_of(a, i, &a->memories[i], now);
		put_row(&t, &v);
		drift_show(a, i, &t);
		TRY(own_note(a, i, &t, e));
		setback_note(a, i, &t);
		if (a->spec->certs[i].probes.n > 0)
			TRY(state_served_each(a->state, agent_cert_name(a, i),
					      note_served, &(struct noting){ &v, &t },
					      e));
		if (v.cert->ari_at != 0)
			TRY(state_ari_each(a->state, agent_cert_name(a, i), note_ari,
					   &(struct noting){ &v, &t }, e));
	}
	if (a->request->n_names == 0)
		TRY(state_names(a->state, put_unmanaged, &u, e));
	table_print(&t, stdout);
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		if (a->request->n_names > 0 && a->wanted[i])
			tlsa_show(a, i, &a->memories[i]);
	if (a->request->n_names == 0) {
		crlwatch_show(a);
		strangers_show(a);
		own_show(a, false);
		TRY(state_revoke_each(a->state, put_revocation, NULL, e));
	}
	if (a->start.agent_pid != 0)
		printf("the agent runs as process %lld since %s\n",
		       (long long)a->start.agent_pid,
		       text_time(since, a->start.agent_since));
	if (notice_way(a) != NULL)
		printf("changes of files are noticed by %s\n", notice_way(a));
	if (a->start.missing != 0)
		printf("this kernel: %s\n", sandbox_missing(a->start.missing));
	return EXIT_SUCCESS;
}

/* -- for monitoring: one line, 0, 1 or 2 -- */

/* `health` and *word, or what is worse because only `left` is. */
static enum health check_left(enum health health, int64_t left, int64_t crit,
			      int64_t warn, const char **word)
{
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

static enum health check_one(const struct view *v, const char **word)
{
	int64_t left = v->cert->not_after - v->now;
	int64_t life = v->cert->not_after - v->cert->not_before;
	const struct request *r = v->agent->request;
	enum health health;

	*word = view_state(v, &health);
	return check_left(health, left, r->crit_s >= 0 ? r->crit_s : life / 20,
			  r->warn_s >= 0 ? r->warn_s : life / 6, word);
}

/* A limit that is given takes the place of the steps. */
static enum health check_stranger(const struct agent *a, const struct strange *f,
				  int64_t now, const char **word)
{
	const struct request *r = a->request;
	enum health health;

	*word = strange_state(f, now, &health);
	if (f->not_after <= now || f->why[0] != '\0')
		return health;
	if (r->warn_s >= 0 || r->crit_s >= 0) {
		health = HEALTH_OK;
		*word = "ok";
	}
	return check_left(health, f->not_after - now, r->crit_s, r->warn_s, word);
}

#define NAMED_MOST 1024 /* bytes, of each: plug-ins have lines of 4 KiB */

struct checked {
	struct buf named[HEALTH_CRITICAL + 1]; /* what is not well, by how bad it is */
	enum health worst;
	unsigned n;
	unsigned unnamed; /* what else is not well */
};

static void note_checked(struct checked *c, const char *name, const char *word,
			 enum health health)
{
	struct buf *named = &c->named[health];

	c->worst = health > c->worst ? health : c->worst;
	if (health == HEALTH_OK)
		return;
	if (named->len >= NAMED_MOST) {
		c->unnamed++;
		return;
	}
	buf_puts(named, named->len == 0 ? "" : ", ");
	text_escape(named, name, strlen(name), SIZE_MAX);
	buf_printf(named, ": %s", word);
}

/* The worst comes first, where it is read. */
static void print_checked(struct checked *c)
{
	static const char *const heads[] = { "OK", "WARNING", "CRITICAL" };
	const char *sep = " - ";

	printf("%s - %u certificate%s", heads[c->worst], c->n, c->n == 1 ? "" : "s");
	for (int i = HEALTH_CRITICAL; i > HEALTH_OK; i--) {
		if (c->named[i].len == 0)
			continue;
		printf("%s%s", sep, c->named[i].data);
		sep = ", ";
	}
	if (c->unnamed > 0)
		printf(", and %u more", c->unnamed);
	putchar('\n');
}

/* Those that servers need, and those that would say that ours are revoked. */
static void check_crls(const struct agent *a, struct checked *c, int64_t now)
{
	const char *word;

	for (size_t i = 0; i < a->crls->n; i++) {
		const enum health health =
		    crlwatch_health(&a->crls->crls[i], now, &word);
		AUTO_FREE char *name = xasprintf("CRL %s", a->crls->crls[i].name);

		note_checked(c, name, word, health);
	}
	for (uint32_t i = 0; i < a->own->n_lists; i++) {
		const enum health health = own_health(a, i, now, &word);
		AUTO_FREE char *url = own_url(a, i);
		AUTO_FREE char *name = xasprintf("CRL %s", url);

		note_checked(c, name, word, health);
	}
}

static int check_all(const struct agent *a, bool is_silent)
{
	const struct strange_list *others = &a->strangers->known;
	struct checked c = { .worst = HEALTH_OK };
	int64_t now = clock_now();
	enum health health;
	const char *word;

	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		struct view v;

		if (!a->wanted[i])
			continue;
		v = view_of(a, i, &a->memories[i], now);
		health = check_one(&v, &word);
		note_checked(&c, agent_cert_name(a, i), word, health);
		c.n++;
	}
	for (size_t i = 0; a->request->n_names == 0 && i < others->n; i++) {
		health = check_stranger(a, &others->all[i], now, &word);
		note_checked(&c, others->all[i].path, word, health);
		c.n++;
	}
	if (a->request->n_names == 0)
		check_crls(a, &c, now);
	if (!is_silent)
		print_checked(&c);
	for (int i = HEALTH_OK; i <= HEALTH_CRITICAL; i++)
		buf_done(&c.named[i]);
	return (int)c.worst;
}

int agent_status(struct agent *a, struct err *e)
{
	const unsigned flags = a->request->flags;

	if ((flags & REQUEST_JSON) != 0)
		TRY(print_json(a, e));
	if ((flags & REQUEST_CHECK) != 0)
		return check_all(a, (flags & REQUEST_JSON) != 0);
	return (flags & REQUEST_JSON) != 0 ? EXIT_SUCCESS : print_table(a, e);
}
