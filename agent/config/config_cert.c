#include "agent/config/config_cert.h"

#include <string.h>

#include "agent/config/config_challenge.h"
#include "agent/config/config_csr.h"
#include "agent/config/config_file.h"
#include "agent/config/config_hook.h"
#include "agent/config/config_host.h"
#include "agent/config/config_issuer.h"
#include "agent/config/config_names.h"
#include "agent/config/config_probe.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/config/config_way.h"
#include "base/auto.h"
#include "base/text.h"

#define KEEP_MAX      1000
#define LIMIT_ISSUERS 20 /* of one certificate */
#define BEFORE_MAX_S  (3650LL * 86400)

#define PROBE_EVERY_S     3600
#define PROBE_EVERY_MIN_S 10 /* more often is a burden to the server */
#define PROBE_EVERY_MAX_S (365LL * 86400)

#define CERT     (1u << 0)
#define DEFAULTS (1u << 1)

static void read_nothing(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* names, or what is instead of them, are read by read_cert() */
	(void)s;
	(void)into;
}

/* From a CA that everyone trusts to one that only we do is a step to be asked for. */
static void check_private(struct config_reader *r, const config_setting_t *s,
			  const uint32_t *issuers, uint32_t n, bool allowed)
{
	for (uint32_t i = 1; i < n && !allowed; i++)
		if (config_issuer_at(r, issuers[0])->is_public &&
		    !config_issuer_at(r, issuers[i])->is_public) {
			config_expected(
			    r, s,
			    "allow_private = true, to go from a public "
			    "issuer to \"%s\", which has roots of its own",
			    snapshot_string(r->b,
					    config_issuer_at(r, issuers[i])->name));
			return;
		}
}

static void read_issuers(struct config_reader *r, const config_setting_t *s, void *into)
{
	const config_setting_t *allow = config_member(s->parent, "allow_private");
	uint32_t numbers[LIMIT_ISSUERS], n_numbers = 0;
	struct spec_cert *c = into;
	unsigned n = config_items(s);
	bool allowed =
	    allow == NULL ? c->allow_private != 0 : config_setting_get_bool(allow) != 0;

	if (!config_items_max(r, s, LIMIT_ISSUERS))
		return;
	for (unsigned i = 0; i < n; i++)
		if (config_issuer_called(r, config_item(s, i), &numbers[n_numbers]))
			n_numbers++;
	check_private(r, s, numbers, n_numbers, allowed);
	c->issuers = snapshot_add(r->b, SPEC_NUMBERS, numbers, n_numbers);
}

static void read_allow_private(struct config_reader *r, const config_setting_t *s,
			       void *into)
{
	config_bool(r, s, &((struct spec_cert *)into)->allow_private);
}

static void read_key(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_key_type(r, s, &((struct spec_cert *)into)->key);
}

static void read_reuse_key(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	config_bool(r, s, &((struct spec_cert *)into)->reuse_key);
}

static void read_next_key(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_bool(r, s, &((struct spec_cert *)into)->next_key);
}

static void read_usage(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = { "server", "client", NULL };
	struct spec_cert *c = into;
	uint32_t usage = 0, i;

	if (config_items(s) == 0)
		config_expected(r, s, "\"server\", \"client\" or both");
	for (unsigned n = 0; n < config_items(s); n++)
		if (config_choice(r, config_item(s, n), words, &i))
			usage |= i == 0 ? USAGE_SERVER : USAGE_CLIENT;
	if (usage != 0)
		c->usage = usage;
}

/* "1/3" of the lifetime, at most half of it. */
static bool fraction(const char *word, uint32_t *num, uint32_t *den)
{
	const char *slash = strchr(word, '/');
	char left[8] = "";
	uint64_t n, d;

	if (slash == NULL || (size_t)(slash - word) >= sizeof(left))
		return false;
	memcpy(left, word, (size_t)(slash - word));
	if (!text_u64(left, 10000, &n) || !text_u64(slash + 1, 10000, &d) || n == 0 ||
	    n > d / 2)
		return false;
	*num = (uint32_t)n;
	*den = (uint32_t)d;
	return true;
}

static void read_before(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char expected[] =
	    "a part of the lifetime up to \"1/2\", or a span such as \"30d\"";
	const char *word = config_string(r, s, expected);
	struct spec_cert *c = into;
	int64_t span = 0;
	uint32_t num = 0, den = 0;

	if (word == NULL)
		return;
	if (!fraction(word, &num, &den) &&
	    (!text_span(word, &span) || span == 0 || span > BEFORE_MAX_S)) {
		config_expected(r, s, "%s", expected);
		return;
	}
	c->before_num = num;
	c->before_den = den;
	c->before_s = span;
}

static const struct config_rule renew_rules[] = {
	{ "before", read_before, 0 },
	{ NULL, NULL, 0 },
};

static void read_renew(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_group(r, s, renew_rules, CONFIG_ALL, into);
}

static void read_challenge(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	config_challenges(r, s, &((struct spec_cert *)into)->challenges);
}

static void read_owner(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct config_owner o;

	if (config_user(r, s, &o))
		((struct spec_cert *)into)->uid = o.uid;
}

static void read_group(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_group_id(r, s, &((struct spec_cert *)into)->gid);
}

static void read_mode(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_cert *c = into;

	if (config_mode(r, s, &c->mode))
		config_key_mode(r, s, c->mode);
}

static void read_files(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_files(r, s, CONFIG_FOR_CERT, &((struct spec_cert *)into)->files);
}

static void read_on_drift(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	static const char *const words[] = {
		[DRIFT_REPAIR] = "repair",
		[DRIFT_REPORT] = "report",
		[DRIFTS] = NULL,
	};

	config_choice(r, s, words, &((struct spec_cert *)into)->on_drift);
}

static void read_hooks(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_hook_names(r, s, &((struct spec_cert *)into)->hooks);
}

static void read_probe(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_probes(r, s, &((struct spec_cert *)into)->probes);
}

static void read_probe_every(struct config_reader *r, const config_setting_t *s,
			     void *into)
{
	config_span(r, s, PROBE_EVERY_MIN_S, PROBE_EVERY_MAX_S,
		    &((struct spec_cert *)into)->probe_every_s);
}

static void read_keep(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_int(r, s, 1, KEEP_MAX, &((struct spec_cert *)into)->keep);
}

static const struct config_rule rules[] = {
	{ "name", read_nothing, CERT },
	{ "names", read_nothing, CERT },
	{ "optional", read_nothing, CERT },
	{ "csr", read_nothing, CERT },
	{ "files", read_files, CERT },
	{ "issuer", read_issuers, 0 },
	{ "allow_private", read_allow_private, 0 },
	{ "key", read_key, 0 },
	{ "reuse_key", read_reuse_key, 0 },
	{ "next_key", read_next_key, 0 },
	{ "usage", read_usage, 0 },
	{ "renew", read_renew, 0 },
	{ "challenge", read_challenge, 0 },
	{ "owner", read_owner, 0 },
	{ "group", read_group, 0 },
	{ "mode", read_mode, 0 },
	{ "on_drift", read_on_drift, 0 },
	{ "hooks", read_hooks, 0 },
	{ "probe", read_probe, 0 },
	{ "probe_every", read_probe_every, 0 },
	{ "keep", read_keep, 0 },
	{ NULL, NULL, 0 },
};

void config_cert_defaults(struct config_reader *r)
{
	uint32_t id = r->host->is_root ? 0 : SPEC_NOBODY;

	r->defaults = (struct spec_cert){
		.key = KEY_ECDSA_P256,
		.usage = USAGE_SERVER,
		.uid = id,
		.gid = id,
		.mode = 0600,
		.probe_every_s = PROBE_EVERY_S,
		.keep = 3,
	};
}

/* Its live set is for its owner too. */
static void check_reach(struct config_reader *r, const config_setting_t *s,
			const struct spec_cert *c)
{
	config_reach(r, s, snapshot_string(r->b, r->global.state_dir), c->uid, c->gid,
		     c->mode);
}

void config_defaults(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	if (config_group(r, s, rules, DEFAULTS, &r->defaults))
		check_reach(r, s, &r->defaults);
}

static void check_issuers(struct config_reader *r, const config_setting_t *s,
			  const struct spec_cert *c)
{
	AUTO_BUF struct buf choices = { 0 };
	const config_setting_t *own = config_member(s, "issuer");

	if (c->issuers.n > 0 || (own != NULL && config_items(own) > 0))
		return; /* one that is wrong has been reported */
	config_issuer_choices(r, &choices);
	config_missing(r, s, "issuer", choices.data);
}

static void read_csr(struct config_reader *r, const config_setting_t *s,
		     struct spec_cert *c)
{
	static const char *const others[] = { "names", "optional", "key", "reuse_key",
					      "next_key" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (config_member(s, others[i]) != NULL)
			config_error(r, config_member(s, others[i]),
				     "found it beside csr, expected only one of them");
	config_csr(r, config_member(s, "csr"), c);
}

/* The key of the next one cannot be made beforehand where it is to be this one. */
static void check_keys(struct config_reader *r, const config_setting_t *s,
		       const struct spec_cert *c)
{
	const config_setting_t *at = config_member(s, "next_key");

	if (at == NULL)
		at = config_member(s, "reuse_key");
	if (c->next_key != 0 && c->reuse_key != 0)
		config_error(r, at == NULL ? s : at,
			     "found reuse_key and next_key, expected only one of them");
}

static void name_it(struct config_reader *r, const config_setting_t *s,
		    struct spec_cert *c)
{
	const config_setting_t *at = config_member(s, "name");
	const char *name = NULL;

	if (at != NULL)
		name = config_string(r, at, "a name");
	else if (config_member(s, "csr") != NULL)
		config_missing(r, s, "name", "a name, beside csr");
	else if (c->names.n > 0)
		name = config_names_default(r, s);
	if (name == NULL)
		return;
	if (config_name(r, s, name, &r->cert_names, 0, &c->name))
		buf_add(&r->certs, c, sizeof(*c));
}

static void read_cert(struct config_reader *r, const config_setting_t *s)
{
	struct spec_cert c = r->defaults;

	c.line = s->line;
	c.file = snapshot_text(r->b, config_source_of(s)->path);
	if (!config_group(r, s, rules, CERT, &c))
		return;
	check_issuers(r, s, &c);
	if (config_member(s, "csr") != NULL)
		read_csr(r, s, &c);
	else
		config_names(r, s, &c);
	check_keys(r, s, &c);
	config_files_fit(r, config_member(s, "files"), &c);
	config_ways(r, s, &c);
	check_reach(r, s, &c);
	name_it(r, s, &c);
}

void config_certs(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	for (unsigned i = 0; i < config_items(s); i++)
		read_cert(r, config_item(s, i));
}
