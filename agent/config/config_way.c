#include "agent/config/config_way.h"

#include <string.h>

#include "agent/config/config_issuer.h"
#include "agent/config/config_report.h"
#include "base/names.h"

static bool is_among(const struct config_reader *r, struct list words, const char *name)
{
	const struct text *all = snapshot_records(r->b, SPEC_WORDS);

	for (uint32_t i = 0; i < words.n; i++)
		if (strcmp(snapshot_string(r->b, all[words.first + i]), name) == 0)
			return true;
	return false;
}

/* Control of a wildcard can be shown in DNS only (RFC 8555 8.3 has no place for one), and
 * that of an address there not at all (RFC 8738 7). */
static bool fits(const struct spec_challenge *c, const struct spec_name *n,
		 const char *name)
{
	if (c->type == CHALLENGE_DNS_01)
		return (c->server.at != 0 || c->hook.n > 0) && n->kind == NAME_DNS;
	return name[0] != '*' && (n->kind == NAME_DNS || n->kind == NAME_IP);
}

static bool shows(const struct config_reader *r, const struct spec_challenge *c,
		  const struct spec_name *n)
{
	const char *name = snapshot_string(r->b, n->value);

	return fits(c, n, name) && (c->only.n == 0 || is_among(r, c->only, name));
}

/* The first name of `c` that none of `challenges` is for, or NULL. */
static const char *left_out(const struct config_reader *r, const struct spec_cert *c,
			    struct list challenges)
{
	const struct spec_name *names = snapshot_records(r->b, SPEC_NAMES);
	const struct spec_challenge *all = snapshot_records(r->b, SPEC_CHALLENGES);

	for (uint32_t i = 0; i < c->names.n; i++) {
		const struct spec_name *n = &names[c->names.first + i];
		bool shown = false;

		for (uint32_t k = 0; k < challenges.n && !shown; k++)
			shown = shows(r, &all[challenges.first + k], n);
		if (!shown)
			return snapshot_string(r->b, n->value);
	}
	return NULL;
}

/* What keeps issuer `i` from issuing `c`, in `why`. */
static bool is_barred(const struct config_reader *r, const struct spec_cert *c,
		      const struct spec_issuer *i, struct buf *why)
{
	const struct list list = c->challenges.n > 0 ? c->challenges : i->challenges;
	const char *issuer = snapshot_string(r->b, i->name);
	const char *name = i->type == ISSUER_ACME ? left_out(r, c, list) : NULL;

	if (name == NULL)
		return false;
	if (list.n == 0)
		buf_printf(
		    why,
		    "nothing that shows \"%s\" that its names are ours, expected "
		    "challenge = { type = \"http-01\"; ... }",
		    issuer);
	else
		buf_printf(
		    why,
		    "nothing that shows \"%s\" that \"%s\" is ours, expected a "
		    "challenge for it (this version has http-01, tls-alpn-01, and "
		    "dns-01, which wildcards need)",
		    issuer, name);
	return true;
}

void config_ways(struct config_reader *r, const config_setting_t *s,
		 const struct spec_cert *c)
{
	const uint32_t *numbers = snapshot_records(r->b, SPEC_NUMBERS);
	const config_setting_t *own = config_member(s, "challenge");
	AUTO_BUF struct buf why = { 0 };
	uint32_t n_barred = 0;

	for (uint32_t i = 0; i < c->issuers.n; i++) {
		buf_done(&why);
		if (!is_barred(r, c, config_issuer_at(r, numbers[c->issuers.first + i]),
			       &why))
			continue;
		if (++n_barred == c->issuers.n)
			config_error(r, own == NULL ? s : own, "found %s", why.data);
		else
			config_warn(r, own == NULL ? s : own, "found %s", why.data);
	}
}
