/* What is known of the CRLs that are watched: `crl`, and their part of what others say. */
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/print_own.h"
#include "agent/renew.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* In decimal, as people and CAs write them. */
static char *number_of(const struct crl *c)
{
	uint8_t digits[3 * CRL_NUMBER_MAX] = { 0 };
	const struct crl_number *n = &c->cas[0].part.number;
	AUTO_BUF struct buf text = { 0 };
	size_t used = 1;

	if (c->n_cas != 1 || n->len == 0)
		return NULL;
	for (size_t i = 0; i < n->len; i++) {
		unsigned carry = n->octets[i];

		for (size_t k = 0; k < used || carry > 0; k++) {
			carry += 256u * digits[k];
			digits[k] = (uint8_t)(carry % 10);
			carry /= 10;
			used = k + 1 > used ? k + 1 : used;
		}
	}
	while (used > 0)
		buf_printf(&text, "%u", digits[--used]);
	return buf_take(&text);
}

static int64_t next_look(const struct crl *c)
{
	return c->memory.look_at;
}

static bool is_written(const struct crl *c)
{
	return c->memory.written > CRL_TAKEN_AWAY;
}

static bool is_loaded(const struct crl *c)
{
	return is_written(c) && c->memory.loaded == c->memory.written;
}

void crlwatch_json(const struct crl *c, struct json *j)
{
	const int64_t now = clock_now();
	AUTO_FREE char *number = number_of(c);
	int64_t next;

	json_open(j, NULL, '{');
	json_str(j, "name", c->name);
	json_time(j, "this_update", crlwatch_from(c));
	json_time(j, "next_update", crlwatch_until(c));
	json_str(j, "number", number);
	json_int(j, "entries", (int64_t)crlwatch_entries(c));
	json_bool(j, "stale", crlwatch_age(c, now, &next) != CRL_FRESH);
	json_bool(j, "written", is_written(c));
	json_bool(j, "loaded", is_loaded(c));
	json_int(j, "hook_failures", c->memory.hook_failures);
	json_time(j, "loaded_until", c->memory.loaded_until);
	json_time(j, "next_at", next_look(c));
	json_int(j, "failures", c->memory.failures);
	json_str(j, "last_error",
		 c->memory.last_error[0] == '\0' ? NULL : c->memory.last_error);
	json_time(j, "last_success", c->memory.looked_at);
	json_close(j);
}

enum health crlwatch_health(const struct crl *c, int64_t now, const char **word)
{
	static const char *const words[] = { "fresh", "late", "old", "ended" };
	static const enum health healths[] = { HEALTH_OK, HEALTH_WARNING,
					       HEALTH_CRITICAL, HEALTH_CRITICAL };
	int64_t next;
	const enum crl_age age = crlwatch_age(c, now, &next);

	*word = c->memory.written == 0 ? "missing" : "removed";
	if (!is_written(c))
		return HEALTH_CRITICAL;
	*word = "not loaded";
	if (age == CRL_FRESH && !is_loaded(c))
		return HEALTH_WARNING;
	*word = words[age];
	return healths[age];
}

static void put_state(struct table *t, const struct crl *c, int64_t now)
{
	static const enum table_color colors[] = { COLOR_GOOD, COLOR_WARN, COLOR_BAD };
	const char *word;
	const enum health health = crlwatch_health(c, now, &word);

	table_put(t, colors[health], "%s", word);
}

/* What servers have of it. */
static void put_loaded(struct table *t, const struct crl *c, int64_t now)
{
	const int64_t until = c->memory.loaded_until;
	char span[TEXT_SPAN_MAX];

	if (until == 0)
		table_put(t, COLOR_NONE, "-");
	else if (until <= now)
		table_put(t, COLOR_BAD, "ended");
	else
		table_put(t, COLOR_NONE, "%s", text_span_of(span, until - now));
}

static void put_row(struct table *t, const struct crl *c, int64_t now)
{
	const int64_t until = crlwatch_until(c);
	char span[TEXT_SPAN_MAX];

	table_put(t, COLOR_NONE, "%s", c->name);
	put_state(t, c, now);
	if (!is_written(c))
		table_put(t, COLOR_NONE, "-");
	else
		table_put(t, COLOR_NONE, "%llu",
			  (unsigned long long)crlwatch_entries(c));
	if (until == 0)
		table_put(t, COLOR_NONE, "-");
	else
		table_put(t, COLOR_NONE, "%s",
			  until <= now ? "ended" : text_span_of(span, until - now));
	put_loaded(t, c, now);
	if (next_look(c) <= now)
		table_put(t, COLOR_NONE, "now");
	else
		table_put(t, COLOR_NONE, "in %s",
			  text_span_of(span, next_look(c) - now));
	if (c->memory.last_error[0] != '\0')
		table_note(t, "last error: %s", c->memory.last_error);
	if (c->memory.hook_failures > 0)
		table_note(t,
			   "its hooks have failed %u time%s in a row: `everleaf "
			   "history %s` says how",
			   c->memory.hook_failures,
			   c->memory.hook_failures == 1 ? "" : "s", c->name);
}

void crlwatch_show(const struct agent *a)
{
	static const char *const heads[] = { "CRL",  "STATE",  "REVOKED",
					     "LEFT", "LOADED", "LOOK" };
	AUTO_TABLE struct table t;

	table_begin(&t, (a->request->flags & REQUEST_COLOR) != 0, heads, 6);
	for (size_t i = 0; i < a->crls->n; i++)
		if (a->crls->crls[i].wanted)
			put_row(&t, &a->crls->crls[i], clock_now());
	table_print(&t, stdout);
}

static void print_json(const struct agent *a)
{
	AUTO_BUF struct buf out = { 0 };
	struct json j;

	json_begin(&j, &out);
	json_open(&j, NULL, '{');
	json_int(&j, "version", 1);
	json_open(&j, "crls", '[');
	for (size_t i = 0; i < a->crls->n; i++)
		if (a->crls->crls[i].wanted)
			crlwatch_json(&a->crls->crls[i], &j);
	json_close(&j);
	if (a->request->n_names == 0)
		own_json(a, true, &j);
	json_close(&j);
	json_end(&j);
	puts(out.data);
}

/* What everybody is refused for, or may be soon, is a failure. */
static bool is_bad(const struct crl *c, int64_t now)
{
	int64_t next;

	return c->wanted &&
	       (!is_written(c) || c->memory.failures > 0 ||
		c->memory.hook_failures > 0 || crlwatch_age(c, now, &next) >= CRL_OLD);
}

static void show(const struct agent *a)
{
	crlwatch_show(a);
	if (a->request->n_names == 0)
		own_show(a, true);
}

int agent_crl(struct agent *a, struct err *e)
{
	const int64_t now = clock_now();
	int rc = EXIT_SUCCESS;

	if ((a->request->flags & REQUEST_UPDATE) != 0)
		rc = agent_renew(a, e);
	if (rc != EXIT_SUCCESS && rc != EXIT_FAILURE)
		return rc;
	if ((a->request->flags & REQUEST_JSON) != 0)
		print_json(a);
	else if ((a->request->flags & REQUEST_QUIET) == 0)
		show(a);
	for (size_t i = 0; i < a->crls->n; i++)
		if (is_bad(&a->crls->crls[i], now))
			rc = EXIT_FAILURE;
	return a->request->n_names == 0 && own_has_failed(a) ? EXIT_FAILURE : rc;
}
