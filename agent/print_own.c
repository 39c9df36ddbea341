#include "agent/print_own.h"

#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlpoint.h"
#include "agent/metrics.h"
#include "agent/owncrl.h"
#include "agent/role/reason.h"
#include "agent/rule/crlwatch_rule.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* -- one list -- */

enum own_state {
	OWN_GOOD,
	OWN_LATE, /* there should be a newer one: see owncrl_age() */
	OWN_OLD,  /* a quarter of its life is left, and there is none */
	OWN_ENDED,
	OWN_FAILED, /* nothing good has come so far */
	OWN_WAITS,  /* it was not looked at yet */
	OWN_SILENT, /* its certificates name none that we can ask for */
};

static enum own_state state_of(const struct agent *a, uint32_t i, int64_t now)
{
	const struct own_list *l = &a->own->lists[i];
	const struct crl_part *p = &l->row.part;
	static const enum own_state ages[] = { [CRL_FRESH] = OWN_GOOD,
					       [CRL_LATE] = OWN_LATE,
					       [CRL_OLD] = OWN_OLD,
					       [CRL_OVER] = OWN_ENDED };

	if (!owncrl_asks(a->own, i))
		return OWN_SILENT;
	if (p->this_update == 0)
		return l->row.failures > 0 ? OWN_FAILED : OWN_WAITS;
	return ages[owncrl_list_age(a, i, now)];
}

/* Of a list of CAs, the CAs. */
static uint32_t n_on(const struct own *o, uint32_t l)
{
	uint32_t n = o->lists[l].n_leaves;

	for (uint32_t k = 0; k < o->n_cas; k++)
		n += o->cas[k].list == l;
	return n;
}

/* Where it came from, or would come from, owned; "-": from nowhere. */
char *own_url(const struct agent *a, uint32_t i)
{
	const struct crl_part *p = &a->own->lists[i].row.part;

	if (p->url[0] != '\0')
		return xstrdup(p->url);
	return owncrl_asks(a->own, i) ? owncrl_first(a, i) : xstrdup("-");
}

/* -- for people -- */

static const struct {
	const char *word;
	enum table_color color;
} states[] = {
	[OWN_GOOD] = { "fresh", COLOR_GOOD },   [OWN_LATE] = { "late", COLOR_WARN },
	[OWN_OLD] = { "old", COLOR_WARN },      [OWN_ENDED] = { "ended", COLOR_BAD },
	[OWN_FAILED] = { "none", COLOR_WARN },  [OWN_WAITS] = { "not yet", COLOR_NONE },
	[OWN_SILENT] = { "none", COLOR_FAINT },
};

static void put_span(struct table *t, int64_t at, int64_t now, const char *past)
{
	char span[TEXT_SPAN_MAX];

	if (at == 0 || at == INT64_MAX)
		table_put(t, COLOR_NONE, "-");
	else
		table_put(t, COLOR_NONE, "%s",
			  at <= now ? past : text_span_of(span, at - now));
}

/* Those that would be on it; owned. */
static char *who_of(const struct agent *a, uint32_t l)
{
	const struct own *o = a->own;
	const uint32_t n = o->lists[l].n_leaves;

	for (uint32_t i = 0; n > 0 && i < a->spec->n[SPEC_CERTS]; i++) {
		if (o->leaves[i].generation == 0 || o->leaves[i].list != l)
			continue;
		return n == 1
			   ? xstrdup(agent_cert_name(a, i))
			   : xasprintf("%s or %u more", agent_cert_name(a, i), n - 1);
	}
	return xstrdup("a CA");
}

/* Those of its points that are not asked, and why. */
static void put_points(struct table *t, const char *lines)
{
	for (const char *at = lines; *at != '\0'; at = crlpoint_next(at)) {
		const bool passed = at[0] == CRLPOINT_PASSED;
		const int len = (int)strcspn(at + passed, "\n");

		if (crlpoint_speaks(at))
			continue;
		if (len == 0)
			table_note(t,
				   "a distribution point without a URL is not asked");
		else
			table_note(t, "%.*s is not asked: %s", len, at + passed,
				   passed ? "it is for some reasons only, or another "
					    "CA signs it"
					  : "only http and https are spoken");
	}
}

static void put_notes(struct table *t, const struct agent *a, uint32_t i,
		      enum own_state state, bool all)
{
	const struct own_list *l = &a->own->lists[i];
	AUTO_FREE char *who = state == OWN_SILENT ? who_of(a, i) : NULL;

	if (state == OWN_SILENT)
		table_note(t, "%s: it is not seen here if %s is revoked",
			   l->row.urls[0] == '\0'
			       ? "the issuer names no CRL"
			       : "no distribution point can be asked",
			   who);
	if (all || state == OWN_SILENT)
		put_points(t, l->row.urls);
	if (l->row.last_error[0] != '\0')
		table_note(t, "last error: %s", l->row.last_error);
}

static void put_row(struct table *t, const struct agent *a, uint32_t i, int64_t now,
		    bool all)
{
	const struct own_list *l = &a->own->lists[i];
	const enum own_state state = state_of(a, i, now);
	AUTO_FREE char *url = own_url(a, i);
	const int64_t until = l->row.part.next_update;

	table_put(t, COLOR_NONE, "%s", url);
	table_put(t, states[state].color, "%s", states[state].word);
	table_put(t, COLOR_NONE, "%u%s", n_on(a->own, i),
		  l->row.covers == CRL_CAS ? " CA" : "");
	put_span(t, until, now, "ended");
	put_span(t, owncrl_moment(a, i), now, "now");
	put_notes(t, a, i, state, all);
}

/* That a CA above names nothing is usual, and only told who asks. */
static bool is_told(const struct agent *a, uint32_t i, int64_t now, bool all)
{
	const struct own_list *l = &a->own->lists[i];
	const bool is_bad = l->row.failures > 0 || state_of(a, i, now) != OWN_GOOD;

	return owncrl_is_used(a->own, i) &&
	       (all || (is_bad && (l->n_leaves > 0 || l->row.urls[0] != '\0')));
}

void own_show(const struct agent *a, bool all)
{
	static const char *const heads[] = { "CRL OF ISSUER", "STATE", "OF", "LEFT",
					     "LOOK" };
	const int64_t now = clock_now();
	AUTO_TABLE struct table t;

	table_begin(&t, (a->request->flags & REQUEST_COLOR) != 0, heads, 5);
	for (uint32_t i = 0; i < a->own->n_lists; i++)
		if (is_told(a, i, now, all))
			put_row(&t, a, i, now, all);
	table_print(&t, stdout);
}

/* -- for programs -- */

/* Those that are asked, or those that are not. */
static void put_lines(struct json *j, const char *lines, bool asked)
{
	for (const char *at = lines; *at != '\0'; at = crlpoint_next(at)) {
		const char *from = at + (at[0] == CRLPOINT_PASSED);
		AUTO_FREE char *url = xasprintf("%.*s", (int)strcspn(from, "\n"), from);

		if (crlpoint_speaks(at) == asked)
			json_str(j, NULL, url);
	}
}

static void put_asked(struct json *j, const struct agent *a, uint32_t i)
{
	AUTO_FREE char *first = owncrl_first(a, i);

	json_open(j, "urls", '[');
	if (owncrl_embedded(a->own, i) != OWN_NONE)
		json_str(j, NULL, first);
	put_lines(j, a->own->lists[i].row.urls, true);
	json_close(j);
}

static void put_json(struct json *j, const struct agent *a, uint32_t i)
{
	static const char *const words[] = {
		[OWN_GOOD] = "fresh",  [OWN_LATE] = "late",      [OWN_OLD] = "old",
		[OWN_ENDED] = "ended", [OWN_FAILED] = "missing", [OWN_WAITS] = "new",
		[OWN_SILENT] = "none",
	};
	const struct own_list_row *r = &a->own->lists[i].row;
	const int64_t at = owncrl_moment(a, i);

	json_open(j, NULL, '{');
	put_asked(j, a, i);
	json_open(j, "not_asked", '[');
	put_lines(j, r->urls, false);
	json_close(j);
	json_str(j, "of", r->covers == CRL_CAS ? "ca" : "certificate");
	json_int(j, "certificates", n_on(a->own, i));
	json_str(j, "state", words[state_of(a, i, clock_now())]);
	json_time(j, "this_update", r->part.this_update);
	json_time(j, "next_update", r->part.next_update);
	json_int(j, "entries", (int64_t)r->part.n_entries);
	json_time(j, "next_at", at == INT64_MAX || at < 0 ? 0 : r->look_at);
	json_int(j, "failures", r->failures);
	json_str(j, "last_error", r->last_error[0] == '\0' ? NULL : r->last_error);
	json_time(j, "last_success", r->looked_at);
	json_close(j);
}

void own_json(const struct agent *a, bool all, struct json *j)
{
	json_open(j, "own_crls", '[');
	for (uint32_t i = 0; all && i < a->own->n_lists; i++)
		if (owncrl_is_used(a->own, i))
			put_json(j, a, i);
	json_close(j);
}

/* -- what will be done -- */

void own_plan(const struct agent *a, struct table *t, int64_t until)
{
	const int64_t now = clock_now();
	char span[TEXT_SPAN_MAX], when[TEXT_TIME_MAX];

	for (uint32_t i = 0; i < a->own->n_lists; i++) {
		const int64_t at = owncrl_moment(a, i);
		AUTO_FREE char *url = own_url(a, i);

		if (at == INT64_MAX || at > until)
			continue;
		table_put(t, COLOR_NONE, "%s", url);
		table_put(t, COLOR_NONE, "look up %u in the CRL", n_on(a->own, i));
		table_put(t, COLOR_NONE, "%s",
			  a->own->lists[i].row.failures > 0 ? "failed" : "fresh");
		if (at <= now)
			table_put(t, COLOR_WARN, "now");
		else
			table_put(t, COLOR_NONE, "in %s (%s)",
				  text_span_of(span, at - now), text_time(when, at));
		table_put(t, COLOR_NONE, "-");
	}
}

void own_plan_json(const struct agent *a, struct json *j, int64_t until)
{
	json_open(j, "own_crls", '[');
	for (uint32_t i = 0; i < a->own->n_lists; i++) {
		const int64_t at = owncrl_moment(a, i);

		if (at == INT64_MAX || at > until)
			continue;
		json_open(j, NULL, '{');
		put_asked(j, a, i);
		json_str(j, "action", "look up");
		json_int(j, "certificates", n_on(a->own, i));
		json_time(j, "at", at <= 0 ? clock_now() : at);
		json_close(j);
	}
	json_close(j);
}

/* -- who is revoked -- */

struct noting {
	const struct agent *agent;
	uint32_t cert;
	struct table *table;
	struct json *json;
	bool put;
};

static int note_row(void *arg, const struct own_row *row)
{
	struct noting *n = arg;
	char at[TEXT_TIME_MAX];

	if (row->revoked_at == 0 ||
	    row->generation != n->agent->certs[n->cert].generation)
		return 0;
	if (n->table != NULL)
		table_note(n->table, "revoked since %s (%s)",
			   text_time(at, row->revoked_at), reason_word(row->reason));
	if (n->json == NULL)
		return 0;
	n->put = true;
	json_open(n->json, "revocation", '{');
	json_time(n->json, "at", row->revoked_at);
	json_str(n->json, "reason", reason_word(row->reason));
	json_close(n->json);
	return 0;
}

int own_note(const struct agent *a, uint32_t i, struct table *t, struct err *e)
{
	const struct own_leaf *leaf = &a->own->leaves[i];
	struct noting n = { .agent = a, .cert = i, .table = t };
	char at[TEXT_TIME_MAX];

	if (leaf->generation != 0 && leaf->list == OWN_NONE &&
	    a->spec->issuers[agent_issuer_number(a, i)].type != ISSUER_SELF)
		table_note(t,
			   "its issuer is not in its chain: it is not seen here if it "
			   "is revoked");
	if ((a->certs[i].flags & CERT_REVOKED) != 0)
		TRY(state_own_each(a->state, agent_cert_name(a, i), note_row, &n, e));
	for (uint32_t k = 0; k < a->own->n_cas; k++)
		if (a->own->cas[k].revoked_at != 0 && owncrl_is_below(a->own, i, k))
			table_note(t, "a CA above it is revoked since %s (%s)",
				   text_time(at, a->own->cas[k].revoked_at),
				   reason_word(a->own->cas[k].reason));
	return 0;
}

int own_note_json(const struct agent *a, uint32_t i, struct json *j, struct err *e)
{
	struct noting n = { .agent = a, .cert = i, .json = j };

	if ((a->certs[i].flags & CERT_REVOKED) != 0)
		TRY(state_own_each(a->state, agent_cert_name(a, i), note_row, &n, e));
	if (!n.put)
		json_str(j, "revocation", NULL);
	json_bool(j, "ca_revoked", (a->certs[i].flags & CERT_CA_REVOKED) != 0);
	return 0;
}

void own_samples(const struct agent *a, struct buf *out, const char *name, bool seen)
{
	for (uint32_t i = 0; i < a->own->n_lists; i++) {
		const struct own_list_row *r = &a->own->lists[i].row;
		AUTO_FREE char *url = own_url(a, i);
		const struct metrics_label label = { "url", url };

		if (owncrl_is_used(a->own, i) && r->looked_at != 0)
			metrics_sample(out, name, &label, 1,
				       seen ? r->looked_at : r->part.next_update);
	}
}

/* None of these refuses anybody; but who is revoked meanwhile is not seen here. What is
 * fresh may fail to come for a while. */
enum health own_health(const struct agent *a, uint32_t i, int64_t now,
		       const char **word)
{
	static const enum health healths[] = {
		[OWN_GOOD] = HEALTH_OK,        [OWN_LATE] = HEALTH_WARNING,
		[OWN_OLD] = HEALTH_WARNING,    [OWN_ENDED] = HEALTH_CRITICAL,
		[OWN_FAILED] = HEALTH_WARNING, [OWN_WAITS] = HEALTH_OK,
		[OWN_SILENT] = HEALTH_OK,
	};
	const enum own_state state = state_of(a, i, now);

	*word = states[state].word;
	return owncrl_is_used(a->own, i) ? healths[state] : HEALTH_OK;
}

bool own_has_failed(const struct agent *a)
{
	for (uint32_t i = 0; i < a->own->n_lists; i++)
		if (a->own->lists[i].row.failures > 0 && owncrl_is_used(a->own, i))
			return true;
	return false;
}
