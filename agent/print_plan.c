/* What due() says of each certificate: `plan` and `renew --dry-run`. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/drift.h"
#include "agent/job.h"
#include "agent/ledger.h"
#include "agent/print_own.h"
#include "agent/print_setback.h"
#include "agent/renew.h"
#include "agent/setback.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

struct item {
	uint32_t cert;
	struct due due;
	char *held; /* owned; why it has to wait for its issuer; NULL: it has not */
};

static void items_free(struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(items[i].held);
	free(items);
}

static int by_moment(const void *x, const void *y)
{
	const struct item *a = x;
	const struct item *b = y;

	if (a->due.at != b->due.at)
		return a->due.at < b->due.at ? -1 : 1;
	return a->cert < b->cert ? -1 : a->cert > b->cert;
}

static uint32_t issuer_number(const struct agent *a, uint32_t i)
{
	return spec_issuer_called(a->spec, agent_issuer(a, i));
}

/* An order that its issuer would count as one too many has to wait. */
static void hold_back(struct agent *a, struct item *it, int64_t now)
{
	AUTO_SETBACKS struct setbacks failed = { .n = 0 };
	const struct cert *c = &a->certs[it->cert];
	const bool parked = c->state == JOB_PARKED && it->due.at == c->retry_at;
	struct name_set out;
	struct err e;

	if ((it->due.at > now && !parked) || (c->flags & CERT_ORDERED) != 0 ||
	    due_writes_again(it->due.why) || it->due.why == WHY_NOT_SERVED ||
	    due_installs_held(c, now) || setbacks_of(a, it->cert, &failed, &e) < 0)
		return;
	out = setbacks_out(&failed, now);
	if (ledger_hold(a, it->cert, issuer_number(a, it->cert), &out, &e) != ERR_LATER)
		return;
	if (it->due.at <= now)
		it->due.at = e.retry_at_ms / 1000;
	it->held = xstrdup(e.text);
}

/* All that is wanted, the soonest first. Owned array. */
static struct item *collect(struct agent *a, int64_t now, size_t *n)
{
	struct item *items = xcalloc(a->spec->n[SPEC_CERTS], sizeof(*items));
	int64_t until =
	    a->request->days < 0 ? INT64_MAX : now + a->request->days * 86400;

	*n = 0;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		struct item it = { .cert = i, .due = agent_due(a, i, now) };

		if (!a->wanted[i])
			continue;
		hold_back(a, &it, now);
		if (it.due.at <= until || a->request->days < 0)
			items[(*n)++] = it;
		else
			free(it.held);
	}
	qsort(items, *n, sizeof(*items), by_moment);
	return items;
}

/* What will happen, in words: a reason alone does not say it. */
static const char *action_of(const struct agent *a, const struct item *it)
{
	const struct cert *c = &a->certs[it->cert];

	if (it->due.why == WHY_NONE)
		return "nothing";
	if (due_installs_held(c, clock_now()) && (c->flags & CERT_ASKED) == 0)
		return "install the held generation";
	if (due_writes_again(it->due.why))
		return "write the files again";
	if (it->due.why == WHY_NOT_SERVED)
		return "run the hooks again";
	if ((c->flags & CERT_ORDERED) != 0)
		return "go on with its order";
	return it->due.why == WHY_MISSING ? "issue" : "renew";
}

/* -- CRLs are looked for -- */

static bool is_in_time(const struct agent *a, const struct crl *c)
{
	const struct request *r = a->request;
	const int64_t now = clock_now();

	if (r->command != COMMAND_PLAN)
		return r->n_names == 0 && c->memory.look_at <= now;
	return r->days < 0 || c->memory.look_at <= now + r->days * 86400;
}

/* The last moment that is told of, for the CRLs of our own CAs. */
static int64_t own_until(const struct agent *a)
{
	const struct request *r = a->request;

	if (r->n_names > 0)
		return INT64_MIN;
	if (r->command != COMMAND_PLAN)
		return clock_now();
	return r->days < 0 ? INT64_MAX : clock_now() + r->days * 86400;
}

static const char *look_why(const struct crl *c)
{
	if (c->memory.written == 0)
		return "missing";
	return c->memory.failures > 0 ? "failed" : "fresh";
}

static void put_look(struct json *j, const struct crl *c)
{
	json_open(j, NULL, '{');
	json_str(j, "name", c->name);
	json_str(j, "action", "fetch");
	json_str(j, "why", look_why(c));
	json_time(j, "at", c->memory.look_at == 0 ? clock_now() : c->memory.look_at);
	json_time(j, "next_update", crlwatch_until(c));
	json_close(j);
}

static void put_look_row(struct table *t, const struct crl *c, int64_t now)
{
	const int64_t at = c->memory.look_at;
	char span[TEXT_SPAN_MAX], when[TEXT_TIME_MAX];

	table_put(t, COLOR_NONE, "%s", c->name);
	table_put(t, COLOR_NONE, "fetch the CRL");
	table_put(t, COLOR_NONE, "%s", look_why(c));
	if (at <= now)
		table_put(t, COLOR_WARN, "now");
	else
		table_put(t, COLOR_NONE, "in %s (%s)", text_span_of(span, at - now),
			  text_time(when, at));
	table_put(t, COLOR_NONE, "-");
}

static void print_json(const struct agent *a, const struct item *items, size_t n)
{
	AUTO_BUF struct buf out = { 0 };
	struct json j;

	json_begin(&j, &out);
	json_open(&j, NULL, '{');
	json_int(&j, "version", 1);
	json_open(&j, "plan", '[');
	for (size_t i = 0; i < n; i++) {
		const struct item *it = &items[i];
		bool never = it->due.why == WHY_NONE;

		json_open(&j, NULL, '{');
		json_str(&j, "name", agent_cert_name(a, it->cert));
		json_str(&j, "action", action_of(a, it));
		json_str(&j, "why", never ? NULL : why_word(it->due.why));
		json_time(&j, "at", never ? 0 : it->due.at);
		json_str(&j, "issuer", agent_issuer(a, it->cert));
		json_time(&j, "not_after", a->certs[it->cert].not_after);
		drift_json(a, it->cert, &j);
		json_str(&j, "held_back", it->held);
		setback_json(a, it->cert, &j);
		json_close(&j);
	}
	json_close(&j);
	json_open(&j, "crls", '[');
	for (size_t i = 0; i < a->crls->n; i++)
		if (is_in_time(a, &a->crls->crls[i]))
			put_look(&j, &a->crls->crls[i]);
	json_close(&j);
	own_plan_json(a, &j, own_until(a));
	json_close(&j);
	json_end(&j);
	puts(out.data);
}

static void put_row(struct table *t, const struct agent *a, const struct item *it,
		    int64_t now)
{
	char span[TEXT_SPAN_MAX];
	char at[TEXT_TIME_MAX];
	bool now_due = it->due.why != WHY_NONE && it->due.at <= now;

	table_put(t, COLOR_NONE, "%s", agent_cert_name(a, it->cert));
	table_put(t, now_due ? COLOR_WARN : COLOR_NONE, "%s", action_of(a, it));
	table_put(t, COLOR_NONE, "%s",
		  it->due.why == WHY_NONE ? "-" : why_word(it->due.why));
	if (it->due.why == WHY_NONE)
		table_put(t, COLOR_NONE, "never");
	else if (now_due)
		table_put(t, COLOR_WARN, "now");
	else
		table_put(t, COLOR_NONE, "in %s (%s)",
			  text_span_of(span, it->due.at - now),
			  text_time(at, it->due.at));
	table_put(t, COLOR_NONE, "%s", agent_issuer(a, it->cert));
	drift_show(a, it->cert, t);
	setback_note(a, it->cert, t);
	if ((a->certs[it->cert].flags & CERT_CHAIN) != 0)
		table_note(t,
			   "served without its chain, or with another one, about which "
			   "nothing is done: `everleaf status %s` says where",
			   agent_cert_name(a, it->cert));
	if (it->held != NULL)
		table_note(t, "%s", it->held);
}

static void print_table(const struct agent *a, const struct item *items, size_t n,
			int64_t now)
{
	static const char *const heads[] = { "NAME", "WHAT", "WHY", "WHEN", "ISSUER" };
	AUTO_TABLE struct table t;

	table_begin(&t, (a->request->flags & REQUEST_COLOR) != 0, heads, 5);
	for (size_t i = 0; i < n; i++)
		put_row(&t, a, &items[i], now);
	for (size_t i = 0; i < a->crls->n; i++)
		if (is_in_time(a, &a->crls->crls[i]))
			put_look_row(&t, &a->crls->crls[i], now);
	own_plan(a, &t, own_until(a));
	table_print(&t, stdout);
}

static void print(const struct agent *a, const struct item *items, size_t n,
		  int64_t now)
{
	if ((a->request->flags & REQUEST_JSON) != 0)
		print_json(a, items, n);
	else
		print_table(a, items, n, now);
}

int agent_plan(struct agent *a, struct err *e)
{
	int64_t now = clock_now();
	size_t n;
	struct item *items = collect(a, now, &n);

	(void)e;
	print(a, items, n, now);
	items_free(items, n);
	return EXIT_SUCCESS;
}

int agent_dry_run(struct agent *a, struct err *e)
{
	int64_t now = clock_now();
	size_t n_due = 0;
	size_t n;
	struct item *items;

	(void)e;
	renew_ask(a);
	items = collect(a, now, &n);
	while (n_due < n && items[n_due].due.at <= now)
		n_due++;
	print(a, items, n_due, now);
	items_free(items, n);
	return EXIT_SUCCESS;
}
