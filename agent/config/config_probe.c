#include "agent/config/config_probe.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/config_names.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/endpoint.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define LIMIT_PROBES 100 /* of one certificate */

static const char expected[] =
    "\"host:port\", \"[v6]:port\", \"smtp://host:25\" or \"unix:/path\"";

/* Put `host`, a name or an address, and the SNI that goes with it. */
static bool put_host(struct config_reader *r, const config_setting_t *s,
		     const char *host, struct spec_probe *p)
{
	AUTO_FREE char *canonical = NULL;
	enum name_kind kind;
	struct err e;

	if (config_name_parse(r, host, &kind, &canonical, &e) < 0) {
		config_expected(r, s, "%s: %s", expected, e.text);
		return false;
	}
	if ((kind != NAME_DNS && kind != NAME_IP) || canonical[0] == '*') {
		config_expected(r, s, "%s", expected);
		return false;
	}
	p->host = snapshot_text(r->b, canonical);
	if (kind == NAME_DNS)
		p->name = p->host;
	return true;
}

static bool read_endpoint(struct config_reader *r, const config_setting_t *s,
			  struct spec_probe *p)
{
	const char *word = config_string(r, s, expected);
	AUTO_ENDPOINT struct endpoint at = { .host = NULL };

	if (word == NULL)
		return false;
	if (!endpoint_parse(word, &at)) {
		config_expected(r, s, "%s", expected);
		return false;
	}
	p->label = snapshot_text(r->b, word);
	p->proto = at.proto;
	if (at.port == NULL) {
		if (!config_socket_fits(r, s, at.host))
			return false;
		p->host = snapshot_text(r->b, at.host);
		return true;
	}
	p->port = snapshot_text(r->b, at.port);
	return put_host(r, s, at.host, p);
}

static void read_connect(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_probe *p = into;
	struct text name = p->name; /* whichever comes first, `name` stands */

	if (read_endpoint(r, s, p) && name.at != 0)
		p->name = name;
}

static void read_name(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_dns_name(r, s, &((struct spec_probe *)into)->name);
}

static const struct config_rule rules[] = {
	{ "connect", read_connect, 0 },
	{ "name", read_name, 0 },
	{ NULL, NULL, 0 },
};

static void read_probe(struct config_reader *r, const config_setting_t *s,
		       struct spec_probe *p)
{
	if (!config_setting_is_group(s)) {
		read_endpoint(r, s, p);
		return;
	}
	config_group(r, s, rules, CONFIG_ALL, p);
	if (config_member(s, "connect") == NULL)
		config_missing(r, s, "connect", expected);
}

static bool same_text(const struct config_reader *r, struct text a, struct text b)
{
	const char *x = snapshot_string(r->b, a), *y = snapshot_string(r->b, b);

	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

/* One address that is asked for several names is several endpoints, and each is called so
 * that it is told from the others: what is remembered of it goes by that. */
static void tell_apart(struct config_reader *r, struct spec_probe *probes, unsigned n)
{
	AUTO_FREE bool *alike = xcalloc(n, sizeof(*alike));

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n && !alike[i]; k++)
			alike[i] = same_text(r, probes[i].label, probes[k].label) &&
				   !same_text(r, probes[i].name, probes[k].name);
	for (unsigned i = 0; i < n; i++) {
		AUTO_FREE char *label = NULL;

		if (!alike[i] || probes[i].name.at == 0 || probes[i].label.at == 0)
			continue;
		label = xasprintf("%s (%s)", snapshot_string(r->b, probes[i].label),
				  snapshot_string(r->b, probes[i].name));
		probes[i].label = snapshot_text(r->b, label);
	}
}

void config_probes(struct config_reader *r, const config_setting_t *s, struct list *out)
{
	struct spec_probe probes[LIMIT_PROBES] = { 0 };
	unsigned n = config_items(s);

	if (!config_items_max(r, s, LIMIT_PROBES))
		return;
	for (unsigned i = 0; i < n; i++)
		read_probe(r, config_item(s, i), &probes[i]);
	tell_apart(r, probes, n);
	*out = snapshot_add(r->b, SPEC_PROBES, probes, n);
}
