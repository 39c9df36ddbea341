#include "agent/config/config_issuer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/config/config_acme.h"
#include "agent/config/config_cfssl.h"
#include "agent/config/config_cmp.h"
#include "agent/config/config_est.h"
#include "agent/config/config_exec.h"
#include "agent/config/config_host.h"
#include "agent/config/config_limits.h"
#include "agent/config/config_local.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_report.h"
#include "agent/config/config_step.h"
#include "agent/config/config_value.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/origin.h"

#define DAY_S 86400

#define LEAF_LIFETIME_S (90LL * DAY_S)
#define CA_LIFETIME_S   (3650LL * DAY_S)
#define PARALLEL        8
#define SHA256_DIGITS   64
#define PARALLEL_MAX    1000

#define LOCAL  (1u << ISSUER_LOCAL)
#define ACME   (1u << ISSUER_ACME)
#define SELF   (1u << ISSUER_SELF)
#define CFSSL  (1u << ISSUER_CFSSL)
#define EXEC   (1u << ISSUER_EXEC)
#define EST    (1u << ISSUER_EST)
#define STEP   (1u << ISSUER_STEP)
#define CMP    (1u << ISSUER_CMP)
#define HERE   (LOCAL | SELF)
#define REMOTE (~(HERE | EXEC))

static const char *const types[] = {
	[ISSUER_LOCAL] = "local", [ISSUER_SELF] = "self", [ISSUER_ACME] = "acme",
	[ISSUER_EST] = "est",     [ISSUER_STEP] = "step", [ISSUER_CMP] = "cmp",
	[ISSUER_CFSSL] = "cfssl", [ISSUER_EXEC] = "exec", [ISSUER_TYPES] = NULL,
};

static void read_nothing(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* `name` and `type` are read by read_issuer() */
	(void)s;
	(void)into;
}

static void read_url(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_issuer *i = into;
	/* RFC 8555 6.1 and RFC 7030 3.3: HTTPS only. CMP protects itself. */
	bool plain = i->type == ISSUER_CMP || i->type == ISSUER_CFSSL;

	const char *url;

	if (!config_url(r, s, plain ? "http https" : "https", &i->url))
		return;
	url = config_string(r, s, "a URL");
	/* The client would refuse it. */
	if (url != NULL && !origin_same(url, url) && !(plain && origin_is_http(url)))
		config_expected(r, s, "http%s://HOST[:PORT]/PATH", plain ? "[s]" : "s");
}

/* They are kept as roots/NAME.pem: whoever reads a file of trust reads that one. */
static void keep_roots(struct config_reader *r, const config_setting_t *s,
		       struct spec_issuer *i)
{
	const config_setting_t *name = config_member(config_setting_parent(s), "name");
	AUTO_FREE char *path =
	    xasprintf("%s/roots/%s.pem", snapshot_string(r->b, r->global.state_dir),
		      name == NULL ? "" : config_string(r, name, "a name"));

	if (i->type == ISSUER_ACME || i->type == ISSUER_EXEC)
		config_expected(r, s, "a file: this type of issuer names no roots");
	i->trust = snapshot_text(r->b, path);
}

static void read_print(struct config_reader *r, const config_setting_t *s,
		       const char *hex, struct spec_issuer *i)
{
	char lower[SHA256_DIGITS + 1] = "";
	size_t n = 0;

	/* openssl and browsers put colons between the bytes. */
	for (; *hex != '\0' && n < SHA256_DIGITS; hex++)
		if (isxdigit((unsigned char)*hex))
			lower[n++] = (char)tolower((unsigned char)*hex);
		else if (*hex != ':')
			break;
	if (n != SHA256_DIGITS || *hex != '\0') {
		config_expected(r, s, "\"sha256:\" and %d hexadecimal digits",
				SHA256_DIGITS);
		return;
	}
	i->trust_by = TRUST_PRINT;
	i->print = snapshot_text(r->b, lower);
	keep_roots(r, s, i);
}

static void read_trust(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char print[] = "sha256:";
	struct spec_issuer *i = into;
	const char *word =
	    config_string(r, s, "a file, a fingerprint or \"from-issuer\"");

	if (word == NULL)
		return;
	if (strncasecmp(word, print, strlen(print)) == 0) {
		read_print(r, s, word + strlen(print), i);
	} else if (strcmp(word, "from-issuer") == 0) {
		i->trust_by = TRUST_ISSUER;
		keep_roots(r, s, i);
	} else {
		if (config_present(r, s, &i->trust) && i->type != ISSUER_EXEC)
			config_network_reads(r, s);
	}
}

static void read_proxy(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_url(r, s, "http https", &((struct spec_issuer *)into)->proxy);
}

static void read_source_address(struct config_reader *r, const config_setting_t *s,
				void *into)
{
	const char *word = config_string(r, s, "an address");
	uint8_t raw[16];

	if (word == NULL)
		return;
	if (inet_pton(AF_INET, word, raw) != 1 && inet_pton(AF_INET6, word, raw) != 1)
		config_expected(r, s, "an address");
	else
		((struct spec_issuer *)into)->source_address =
		    snapshot_text(r->b, word);
}

static void read_parallel(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_int(r, s, 1, PARALLEL_MAX, &((struct spec_issuer *)into)->parallel);
}

static void read_profile(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_text(r, s, "the name of a profile",
		    &((struct spec_issuer *)into)->profile);
}

static void read_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	const struct spec_issuer *i = into;

	if (i->type == ISSUER_EXEC)
		config_exec_user(r, s, into);
	else
		config_est_user(r, s, into);
}

static const struct config_rule rules[] = {
	{ "name", read_nothing, 0 },
	{ "type", read_nothing, 0 },
	{ "subject", config_local_subject, LOCAL },
	{ "lifetime", config_local_lifetime, HERE | ACME },
	{ "ca_lifetime", config_local_ca_lifetime, LOCAL },
	{ "ca_key", config_local_ca_key, LOCAL },
	{ "intermediate", config_local_intermediate, LOCAL },
	{ "path_length", config_local_path_length, LOCAL },
	{ "permitted", config_local_permitted, LOCAL },
	{ "excluded", config_local_excluded, LOCAL },
	{ "crl_url", config_local_crl_url, LOCAL },
	{ "url", read_url, REMOTE },
	{ "trust", read_trust, REMOTE | EXEC },
	{ "proxy", read_proxy, REMOTE },
	{ "source_address", read_source_address, REMOTE },
	{ "parallel", read_parallel, REMOTE | EXEC },
	{ "contact", config_acme_contact, ACME },
	{ "agree_terms", config_acme_agree_terms, ACME },
	{ "eab", config_acme_eab, ACME },
	{ "profile", read_profile, ACME | CFSSL },
	{ "need_profile", config_acme_need_profile, ACME },
	{ "chain", config_acme_chain, ACME },
	{ "account_key", config_acme_account_key, ACME },
	{ "ari", config_acme_ari, ACME },
	{ "limits", config_limits, ACME },
	{ "challenge", config_acme_challenge, ACME },
	{ "auth_key_file", config_cfssl_auth_key_file, CFSSL },
	{ "user", read_user, EST | EXEC },
	{ "password_file", config_est_password_file, EST | STEP },
	{ "certificate_file", config_est_certificate_file, EST | STEP | CMP },
	{ "key_file", config_est_key_file, EST | STEP | CMP },
	{ "provisioner", config_step_provisioner, STEP },
	{ "reference", config_cmp_reference, CMP },
	{ "secret_file", config_cmp_secret_file, CMP },
	{ "recipient", config_cmp_recipient, CMP },
	{ "cmd", config_cmp_cmd, CMP },
	{ "implicit_confirm", config_cmp_implicit_confirm, CMP },
	{ "program", config_exec_program, EXEC },
	{ "dialect", config_exec_dialect, EXEC },
	{ "timeout", config_exec_timeout, EXEC },
	{ NULL, NULL, 0 },
};

static struct spec_issuer new_issuer(const struct config_reader *r, uint32_t type)
{
	return (struct spec_issuer){
		.type = type,
		.lifetime_s = type == ISSUER_ACME ? 0 : LEAF_LIFETIME_S,
		.ca_lifetime_s = CA_LIFETIME_S,
		.ca_key = KEY_ECDSA_P256,
		.path_length = SPEC_NOBODY,
		.contact = r->contact,
		.account_key = KEY_ECDSA_P256,
		.agree_terms = r->agree_terms,
		.parallel = PARALLEL,
		.ari = 1,
		.timeout_s = CONFIG_EXEC_TIMEOUT_S,
		.uid = SPEC_NOBODY,
		.gid = SPEC_NOBODY,
	};
}

static void check_remote(struct config_reader *r, const config_setting_t *s,
			 const struct spec_issuer *i)
{
	if (config_member(s, "url") == NULL)
		config_missing(r, s, "url", "where the CA is");
	if (i->need_profile && i->profile.at == 0)
		config_missing(r, s, "profile", "the one that is needed");
	if (i->type == ISSUER_CFSSL && i->trust_by == TRUST_ISSUER && i->url.at != 0 &&
	    origin_is_http(snapshot_string(r->b, i->url)))
		config_expected(r, config_member(s, "trust"),
				"a file or a fingerprint: by http nobody proves what "
				"it names");
	if (i->type == ISSUER_EST)
		config_est_check(r, s);
	else if (i->type == ISSUER_STEP)
		config_step_check(r, s);
	else if (i->type == ISSUER_CMP)
		config_cmp_check(r, s, i);
}

static uint32_t n_issuers(const struct config_reader *r)
{
	return (uint32_t)(r->issuers.len / sizeof(struct config_issuer));
}

static void add(struct config_reader *r, const struct spec_issuer *spec)
{
	struct config_issuer i = { .spec = *spec };

	buf_add(&r->issuers, &i, sizeof(i));
}

static void read_issuer(struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *type = config_member(s, "type");
	const config_setting_t *at = config_member(s, "name");
	const char *name = at == NULL ? NULL : config_string(r, at, "a name");
	struct spec_issuer i = { 0 };
	uint32_t t = ISSUER_TYPES;

	if (!config_setting_is_group(s)) {
		config_expected(r, s, "a group { name = ...; type = ...; }");
		return;
	}
	if (at == NULL)
		config_missing(r, s, "name", "a name");
	if (type == NULL)
		config_missing(r, s, "type", "\"local\", \"acme\", \"est\" ...");
	else
		config_choice(r, type, types, &t);
	if (name == NULL || t == ISSUER_TYPES)
		return;
	i = new_issuer(r, t);
	i.line = s->line;
	config_limits_begin(&i);
	config_group(r, s, rules, 1u << t, &i);
	if (t == ISSUER_LOCAL)
		config_local_check(r, s, &i, name);
	else if (t == ISSUER_EXEC)
		config_exec_check(r, s, &i);
	else if (t != ISSUER_SELF)
		check_remote(r, s, &i);
	/* One that brings its own anchors is not a CA that everyone trusts. */
	i.is_public = t == ISSUER_ACME && i.trust.at == 0;
	config_limits_end(&i);
	if (config_name(r, s, name, &r->issuer_names, n_issuers(r), &i.name))
		add(r, &i);
}

void config_issuers(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	for (unsigned i = 0; i < config_items(s); i++)
		read_issuer(r, config_item(s, i));
}

static void built_in(struct config_reader *r, const char *name, uint32_t type,
		     const char *url, bool is_public)
{
	struct spec_issuer i = new_issuer(r, type);

	i.name = snapshot_text(r->b, name);
	i.url = snapshot_text(r->b, url);
	i.is_public = is_public;
	config_limits_begin(&i);
	config_limits_end(&i);
	if (type == ISSUER_LOCAL)
		i.subject = snapshot_text(r->b, "CN=everleaf local CA");
	if (i.name.at == 0 || config_index_find(&r->issuer_names, i.name) != NULL)
		return;
	config_index_add(&r->issuer_names, i.name, n_issuers(r), NULL);
	add(r, &i);
}

void config_issuers_built_in(struct config_reader *r)
{
	built_in(r, "letsencrypt", ISSUER_ACME,
		 "https://acme-v02.api.letsencrypt.org/directory", true);
	built_in(r, "letsencrypt-staging", ISSUER_ACME,
		 "https://acme-staging-v02.api.letsencrypt.org/directory", false);
	built_in(r, "local", ISSUER_LOCAL, NULL, false);
}

const struct spec_issuer *config_issuer_at(const struct config_reader *r,
					   uint32_t number)
{
	return &((const struct config_issuer *)(const void *)r->issuers.data)[number]
		    .spec;
}

void config_issuer_choices(const struct config_reader *r, struct buf *out)
{
	uint32_t n = n_issuers(r);

	buf_puts(out, "one of");
	for (uint32_t i = 0; i < n && i < 20; i++)
		buf_printf(out, " \"%s\"",
			   snapshot_string(r->b, config_issuer_at(r, i)->name));
}

/* What is only wrong once a certificate wants it: said once for each issuer. */
static void use(struct config_reader *r, const config_setting_t *s,
		struct config_issuer *i)
{
	if (i->used)
		return;
	i->used = true;
	if (i->spec.type == ISSUER_ACME && !i->spec.agree_terms)
		config_expected(r, s,
				"agree_terms = true, once its terms have been read");
}

bool config_issuer_called(struct config_reader *r, const config_setting_t *s,
			  uint32_t *number)
{
	const char *name = config_string(r, s, "the name of an issuer");
	AUTO_BUF struct buf choices = { 0 };
	const struct config_entry *found;

	if (name == NULL)
		return false;
	found = config_index_find(&r->issuer_names, snapshot_text(r->b, name));
	if (found == NULL) {
		config_issuer_choices(r, &choices);
		config_expected(r, s, "%s", choices.data);
		return false;
	}
	*number = found->number;
	use(r, s, &((struct config_issuer *)(void *)r->issuers.data)[*number]);
	return true;
}
