#include "agent/http.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/metrics.h"
#include "agent/page.h"
#include "agent/print_own.h"
#include "agent/probe/probe.h"
#include "agent/probing.h"
#include "agent/role/version.h"
#include "agent/status_json.h"
#include "agent/strangers.h"
#include "agent/underway.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

struct making {
	const struct agent *agent;
	struct page_writer *page;
	struct err *err; /* of what is called for each row */
};

/* One value for each certificate; false: it has none. */
struct gauge {
	const char *name;
	const char *help;
	bool (*value)(const struct making *m, uint32_t i, int64_t *v);
	bool by_issuer;
};

static bool not_after(const struct making *m, uint32_t i, int64_t *v)
{
	*v = m->agent->certs[i].not_after;
	return *v != 0;
}

static bool renew_at(const struct making *m, uint32_t i, int64_t *v)
{
	*v = m->agent->certs[i].not_after == 0
		 ? 0
		 : due_moment(&m->agent->spec->certs[i], &m->agent->certs[i]);
	return *v != 0;
}

static bool state(const struct making *m, uint32_t i, int64_t *v)
{
	*v = m->agent->certs[i].state;
	return true;
}

static bool failures(const struct making *m, uint32_t i, int64_t *v)
{
	*v = m->agent->certs[i].failures;
	return true;
}

static bool damaged(const struct making *m, uint32_t i, int64_t *v)
{
	*v = (m->agent->certs[i].flags & (CERT_UNREADABLE | CERT_DAMAGED)) != 0;
	return true;
}

static bool last_success(const struct making *m, uint32_t i, int64_t *v)
{
	*v = m->agent->certs[i].last_success_at;
	return *v != 0;
}

static const struct gauge gauges[] = {
	{ "everleaf_certificate_not_after_seconds",
	  "When the live certificate ends, Unix time.", not_after, true },
	{ "everleaf_certificate_renew_at_seconds",
	  "When it is to be renewed, Unix time.", renew_at, false },
	{ "everleaf_certificate_state",
	  "What is being done about it: 0 idle, 1 keying, 2 ordering, 3 parked, "
	  "4 verifying, 5 installing, 6 hooking, 7 probing.",
	  state, false },
	{ "everleaf_certificate_failures", "Attempts that failed, in a row.", failures,
	  false },
	{ "everleaf_certificate_damaged",
	  "1 while what is live cannot be read or is not whole, else 0.", damaged,
	  false },
	{ "everleaf_certificate_last_success_seconds",
	  "When it was last brought to what the configuration asks for, Unix time.",
	  last_success, false },
};

/* Whom it came from; before the first one, and where that is not known, who is asked. */
static const char *issuer_of(const struct agent *a, uint32_t i)
{
	const uint32_t issuer = a->certs[i].issuer;

	return issuer == SPEC_NOBODY || a->certs[i].generation == 0
		   ? agent_issuer(a, i)
		   : spec_text(a->spec, a->spec->issuers[issuer].name);
}

static int put_gauge(const struct making *m, const struct gauge *g, struct err *e)
{
	const struct agent *a = m->agent;

	metrics_family(&m->page->text, g->name, "gauge", g->help);
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		const struct metrics_label labels[] = {
			{ "name", agent_cert_name(a, i) },
			{ "issuer", g->by_issuer ? issuer_of(a, i) : "" },
		};
		int64_t v;

		if (!g->value(m, i, &v))
			continue;
		metrics_sample(&m->page->text, g->name, labels, g->by_issuer ? 2 : 1,
			       v);
		TRY(page_turn(m->page, e));
	}
	return 0;
}

/* -------- what endpoints serve */

#define SERVED "everleaf_certificate_served"

static int put_served(void *arg, const struct served *s)
{
	const struct making *m = arg;
	const struct metrics_label labels[] = { { "name", s->name },
						{ "endpoint", s->endpoint } };

	const uint32_t i = spec_cert_called(m->agent->spec, s->name);

	if (i == SPEC_NOBODY || !probing_has(m->agent, i, s->endpoint))
		return 0;
	metrics_sample(&m->page->text, SERVED, labels, 2,
		       strcmp(s->verdict, probe_word(PROBE_NEW)) == 0);
	return page_turn(m->page, m->err);
}

/* -------- CRLs */

static void put_crls(const struct agent *a, struct buf *out)
{
	static const char name[] = "everleaf_crl_next_update_seconds";

	metrics_family(out, name, "gauge",
		       "When a CRL that servers need ends, Unix time.");
	for (size_t i = 0; i < a->crls->n; i++) {
		const struct crl *c = &a->crls->crls[i];
		const struct metrics_label label = { "name", c->name };

		if (crlwatch_until(c) != 0)
			metrics_sample(out, name, &label, 1, crlwatch_until(c));
	}
}

/* -------- certificates that are not ours: STRANGERS_MAX files at most */

static int put_strangers(const struct making *m, struct err *e)
{
	static const char name[] = "everleaf_watched_not_after_seconds";
	const struct strange_list *l = &m->agent->strangers->known;

	metrics_family(&m->page->text, name, "gauge",
		       "When the first certificate in a watched file ends, Unix time.");
	for (size_t i = 0; i < l->n; i++) {
		const struct metrics_label labels[] = { { "path", l->all[i].path },
							{ "name", l->all[i].name } };

		if (l->all[i].not_after == 0)
			continue;
		metrics_sample(&m->page->text, name, labels, 2, l->all[i].not_after);
		TRY(page_turn(m->page, e));
	}
	return 0;
}

static void put_own(const struct agent *a, struct buf *out)
{
	static const char name[] = "everleaf_own_crl_next_update_seconds";
	static const char seen[] = "everleaf_own_crl_last_success_seconds";

	metrics_family(out, name, "gauge",
		       "When the CRL of a CA of ours ends, Unix time.");
	own_samples(a, out, name, false);
	metrics_family(out, seen, "gauge",
		       "When our certificates were last looked up in it, Unix time.");
	own_samples(a, out, seen, true);
}

/* -------- all of it */

/* Both ways that it can end, from the start: a rate can be told from the first one on. */
static void put_outcome(struct buf *out, const char *name, const char *label,
			const char *value, const struct outcome *o)
{
	struct metrics_label labels[] = { { label, value }, { "result", "ok" } };

	metrics_sample(out, name, labels, 2, (int64_t)o->ok);
	labels[1].value = "failed";
	metrics_sample(out, name, labels, 2, (int64_t)o->failed);
}

static void put_outcomes(const struct agent *a, struct buf *out)
{
	static const char orders[] = "everleaf_orders_total";
	static const char hooks[] = "everleaf_hook_runs_total";
	const struct spec *s = a->spec;

	metrics_family(out, orders, "counter",
		       "What was asked of an issuer, since the agent last began.");
	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++)
		put_outcome(out, orders, "issuer", spec_text(s, s->issuers[i].name),
			    &a->orders[i]);
	metrics_family(out, hooks, "counter",
		       "Runs of a hook, since the agent last began.");
	for (uint32_t i = 0; i < s->n[SPEC_HOOKS]; i++)
		put_outcome(out, hooks, "hook", spec_text(s, s->hooks[i].name),
			    &a->hooked[i]);
}

static void put_one(struct buf *out, const char *name, const char *help, int64_t v)
{
	metrics_family(out, name, "gauge", help);
	metrics_sample(out, name, NULL, 0, v);
}

static int put_metrics(struct making *m, struct err *e)
{
	const struct metrics_label version = { "version", EVERLEAF_VERSION };
	struct buf *out = &m->page->text;

	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
		TRY(put_gauge(m, &gauges[i], e));
	metrics_family(out, SERVED, "gauge",
		       "Whether the endpoint was last seen to serve the live one.");
	TRY(state_served_each(m->agent->state, NULL, put_served, m, e));
	put_crls(m->agent, out);
	TRY(put_strangers(m, e));
	put_own(m->agent, out);
	put_outcomes(m->agent, out);
	put_one(out, "everleaf_last_pass_seconds",
		"When the agent last decided what is to be done, Unix time.",
		m->agent->passed_at);
	metrics_family(out, "everleaf_build_info", "gauge",
		       "Always 1; its label says which version this is.");
	metrics_sample(out, "everleaf_build_info", &version, 1, 1);
	return 0;
}

static int put(struct agent *a, enum responder_page page, struct page_writer *p,
	       struct err *e)
{
	struct underway u;
	int rc;

	underway_show(a, &u);
	rc = page == PAGE_STATUS ? status_json(a, true, p, e)
				 : put_metrics(&(struct making){ a, p, e }, e);
	underway_hide(a, &u);
	return rc;
}

int http_page(struct agent *a, enum responder_page page, int *fd, struct err *e)
{
	AUTO_PAGE struct page_writer p = { .fd = -1 };

	if (page == PAGE_HEALTH)
		return 0;
	TRY(page_begin(&p, e));
	TRY(put(a, page, &p, e));
	return page_end(&p, fd, e);
}
