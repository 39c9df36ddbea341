#include "agent/config_challenge.h"

#include <string.h>

#include "agent/config_host.h"
#include "agent/config_names.h"
#include "agent/config_report.h"
#include "agent/config_value.h"
#include "agent/responder.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"

#define LIMIT_CHALLENGES 100

#define HTTP     (1u << CHALLENGE_HTTP_01)
#define TLS_ALPN (1u << CHALLENGE_TLS_ALPN_01)
#define DNS      (1u << CHALLENGE_DNS_01)

static void read_nothing(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* `type` was read first: it says what else may stand here */
	(void)s;
	(void)into;
}

static void read_webroot(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_folder(r, s, &((struct spec_challenge *)into)->webroot);
}

/* A challenge is answered on all addresses, so all are bound at once. */
static void read_listen(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct text *listen = &((struct spec_challenge *)into)->listen;

	if (!config_listen(r, s, false, listen) ||
	    config_index_find(&r->listens, *listen) != NULL)
		return;
	if (r->listens.n == RESPONDER_ADDRESSES)
		config_expected(r, s, "not more than %d different addresses in all",
				RESPONDER_ADDRESSES);
	else if (listen->at != 0)
		config_index_add(&r->listens, *listen, 0, s);
}

static void read_hook(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_program(r, s, &((struct spec_challenge *)into)->hook);
}

static void read_dialect(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = { "everleaf",   "certbot", "uacme",
					     "dehydrated", "acme.sh", "lego",
					     NULL };
	uint32_t i;

	if (config_choice(r, s, words, &i))
		((struct spec_challenge *)into)->dialect =
		    snapshot_text(r->b, words[i]);
}

/* A name, or an address, each with or without a port. */
static void read_server(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_text(r, s, "a name server such as \"192.0.2.1\" or \"[2001:db8::1]:53\"",
		    &((struct spec_challenge *)into)->server);
}

static void read_zone(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_dns_name(r, s, &((struct spec_challenge *)into)->zone);
}

/* A TSIG key's name has the form of a domain name, but any label is one. */
static void read_key_name(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_text(r, s, "the name of a TSIG key",
		    &((struct spec_challenge *)into)->key_name);
}

static void read_key_algorithm(struct config_reader *r, const config_setting_t *s,
			       void *into)
{
	static const char *const words[] = { "hmac-sha256", "hmac-sha224",
					     "hmac-sha384", "hmac-sha512", NULL };
	uint32_t i;

	if (config_choice(r, s, words, &i))
		((struct spec_challenge *)into)->key_algorithm =
		    snapshot_text(r->b, words[i]);
}

static void read_key_file(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_secret(r, s, &((struct spec_challenge *)into)->key_file);
}

static const struct config_rule rfc2136_rules[] = {
	{ "server", read_server, 0 },     { "zone", read_zone, 0 },
	{ "key_name", read_key_name, 0 }, { "key_algorithm", read_key_algorithm, 0 },
	{ "key_file", read_key_file, 0 }, { NULL, NULL, 0 },
};

static void read_rfc2136(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_challenge *c = into;

	c->key_algorithm = snapshot_text(r->b, "hmac-sha256");
	if (!config_group(r, s, rfc2136_rules, CONFIG_ALL, c))
		return;
	if (config_member(s, "server") == NULL)
		config_missing(r, s, "server", "a name server");
	if (config_member(s, "key_name") == NULL)
		config_missing(r, s, "key_name", "the name of a TSIG key");
	if (config_member(s, "key_file") == NULL)
		config_missing(r, s, "key_file", "the path of the TSIG key");
}

static void read_only(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_words(r, s, "names of the certificate",
		     &((struct spec_challenge *)into)->only);
}

static const struct config_rule rules[] = {
	{ "type", read_nothing, 0 },
	{ "webroot", read_webroot, HTTP },
	{ "listen", read_listen, HTTP | TLS_ALPN },
	{ "rfc2136", read_rfc2136, DNS },
	{ "hook", read_hook, DNS },
	{ "dialect", read_dialect, DNS },
	{ "only", read_only, 0 },
	{ NULL, NULL, 0 },
};

/* Exactly one of two ways. */
static void check_way(struct config_reader *r, const config_setting_t *s, const char *a,
		      const char *b)
{
	bool has_a = config_member(s, a) != NULL, has_b = config_member(s, b) != NULL;

	if (has_a == has_b)
		config_error(r, s, "found %s, expected either %s or %s",
			     has_a ? "both" : "neither", a, b);
}

static void read_challenge(struct config_reader *r, const config_setting_t *s,
			   struct spec_challenge *c)
{
	static const char *const types[] = { "http-01", "tls-alpn-01", "dns-01", NULL };
	const config_setting_t *type = config_member(s, "type");

	if (!config_setting_is_group(s)) {
		config_expected(r, s, "a group { type = ...; ... }");
		return;
	}
	if (type == NULL) {
		config_missing(r, s, "type",
			       "one of \"http-01\" \"tls-alpn-01\" \"dns-01\"");
		return;
	}
	if (!config_choice(r, type, types, &c->type))
		return;
	if (c->type != CHALLENGE_HTTP_01)
		config_later(r, type);
	config_group(r, s, rules, 1u << c->type, c);
	if (c->type == CHALLENGE_HTTP_01)
		check_way(r, s, "webroot", "listen");
	if (c->type == CHALLENGE_DNS_01)
		check_way(r, s, "rfc2136", "hook");
	if (c->type == CHALLENGE_TLS_ALPN_01 && config_member(s, "listen") == NULL)
		config_missing(r, s, "listen", "an address such as \"[::]:443\"");
}

void config_challenges(struct config_reader *r, const config_setting_t *s,
		       struct list *out)
{
	struct spec_challenge challenges[LIMIT_CHALLENGES] = { 0 };
	unsigned n = config_items(s);

	if (!config_items_max(r, s, LIMIT_CHALLENGES))
		return;
	for (unsigned i = 0; i < n; i++)
		read_challenge(r, config_item(s, i), &challenges[i]);
	*out = snapshot_add(r->b, SPEC_CHALLENGES, challenges, n);
}
