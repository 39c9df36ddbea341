#include "agent/config/config_challenge.h"

#include <string.h>

#include "acme/tsig.h"
#include "agent/config/config_host.h"
#include "agent/config/config_names.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/listen.h"
#include "base/auto.h"
#include "base/dns.h"
#include "base/err.h"
#include "base/text.h"
#include "hooks/dialect.h"

#define LIMIT_CHALLENGES 100
#define LIMIT_RESOLVERS  8

#define TIMEOUT_S     300 /* of a program: many wait for a name server */
#define TIMEOUT_MAX_S 3600

#define WAIT_S     600 /* name servers that pull a zone do so every few minutes */
#define WAIT_MAX_S 3600

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

static uint16_t port_of(const struct config_reader *r, struct text address)
{
	struct listen_address a = { .port = 0 };

	return address.at != 0 && listen_parse(snapshot_string(r->b, address), &a)
		   ? a.port
		   : 0;
}

/* Who comes to a port is answered by TLS, or without. */
static bool is_mixed(const struct config_reader *r, const struct spec_challenge *c)
{
	const uint16_t port = port_of(r, c->listen);

	if (c->type == CHALLENGE_TLS_ALPN_01 && port == port_of(r, r->global.http))
		return true;
	for (size_t i = 0; i < r->listens.n_slots; i++) {
		const struct config_entry *o = &r->listens.slots[i];

		if (o->key != 0 && o->number != c->type &&
		    port_of(r, (struct text){ o->key }) == port)
			return true;
	}
	return false;
}

/* A challenge is answered on all addresses, so all are bound at once. */
static void read_listen(struct config_reader *r, const config_setting_t *s, void *into)
{
	const struct spec_challenge *c = into;
	struct text *listen = &((struct spec_challenge *)into)->listen;

	if (!config_listen(r, s, false, listen))
		return;
	if (is_mixed(r, c))
		config_expected(r, s, "a port at which nothing but %s is answered",
				c->type == CHALLENGE_HTTP_01 ? "http-01"
							     : "tls-alpn-01");
	if (config_index_find(&r->listens, *listen) != NULL)
		return;
	if (r->listens.n == RESPONDER_ADDRESSES)
		config_expected(r, s, "not more than %d different addresses in all",
				RESPONDER_ADDRESSES);
	else if (listen->at != 0)
		config_index_add(&r->listens, *listen, c->type, s);
}

static void read_dnsapi(struct config_reader *r, const config_setting_t *s,
			struct spec_challenge *c)
{
	const char *file;

	if (!config_words(r, s, "a file dns_xx.sh", &c->hook))
		return;
	file = config_setting_get_string(config_item(s, 0));
	if (c->hook.n > 1 || file[0] != '/')
		config_expected(r, config_item(s, 0),
				"the path of a file dnsapi/dns_xx.sh");
	else
		config_sourced_fits(r, s, file);
}

static void read_hook(struct config_reader *r, const config_setting_t *s, void *into)
{
	const config_setting_t *dialect =
	    config_member(config_setting_parent(s), "dialect");
	const char *word = dialect == NULL ? NULL : config_setting_get_string(dialect);

	if (word != NULL && strcmp(word, dialect_words[DIALECT_ACME_SH]) == 0)
		read_dnsapi(r, s, into);
	else
		config_program(r, s, &((struct spec_challenge *)into)->hook);
}

static void read_cleanup(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_program(r, s, &((struct spec_challenge *)into)->cleanup);
}

static void read_dialect(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_choice(r, s, dialect_words, &((struct spec_challenge *)into)->dialect);
}

static void read_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_challenge *c = into;
	struct config_owner o;

	if (!config_user(r, s, &o))
		return;
	c->user = o.name;
	c->home = o.home;
	c->uid = o.uid;
	c->gid = o.gid;
}

static void read_timeout(struct config_reader *r, const config_setting_t *s, void *into)
{
	int64_t span;

	if (config_span(r, s, 1, TIMEOUT_MAX_S, &span))
		((struct spec_challenge *)into)->timeout_s = (uint32_t)span;
}

static bool is_server(struct config_reader *r, const config_setting_t *s,
		      const char *text)
{
	char host[DNS_NAME_SIZE], port[6];

	if (dns_server_read(text, host, port))
		return true;
	config_expected(r, s,
			"a name server such as \"192.0.2.1\" or \"[2001:db8::1]:53\"");
	return false;
}

static void read_server(struct config_reader *r, const config_setting_t *s, void *into)
{
	const char *text = config_string(r, s, "a name server");

	if (text != NULL && is_server(r, s, text))
		((struct spec_challenge *)into)->server = snapshot_text(r->b, text);
}

static void read_resolvers(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	const unsigned n = config_items(s);

	if (!config_items_max(r, s, LIMIT_RESOLVERS))
		return;
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *item = config_item(s, i);
		const char *text = config_string(r, item, "a name server");

		if (text == NULL || !is_server(r, item, text))
			return;
	}
	config_words(r, s, "name servers", &((struct spec_challenge *)into)->resolvers);
}

static void read_wait(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_span(r, s, 0, WAIT_MAX_S, &((struct spec_challenge *)into)->wait_s);
}

static void read_zone(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_dns_name(r, s, &((struct spec_challenge *)into)->zone);
}

/* A TSIG key's name has the form of a domain name (RFC 8945 4.2). */
static void read_key_name(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	const char *text = config_string(r, s, "the name of a TSIG key");
	char name[DNS_NAME_SIZE];

	if (text == NULL)
		return;
	if (dns_name_read(text, name))
		((struct spec_challenge *)into)->key_name = snapshot_text(r->b, name);
	else
		config_expected(
		    r, s,
		    "the name of a TSIG key: letters, digits, - and _, with "
		    "dots between");
}

static void read_key_algorithm(struct config_reader *r, const config_setting_t *s,
			       void *into)
{
	uint32_t i;

	if (config_choice(r, s, tsig_algorithms, &i))
		((struct spec_challenge *)into)->key_algorithm =
		    snapshot_text(r->b, tsig_algorithms[i]);
}

static void read_key_file(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_secret(r, s, &((struct spec_challenge *)into)->key_file);
}

static const struct config_rule rfc2136_rules[] = {
	{ "server", read_server, 0 },     { "zone", read_zone, 0 },
	{ "key_name", read_key_name, 0 }, { "key_algorithm", read_key_algorithm, 0 },
	{ "key_file", read_key_file, 0 }, { "resolvers", read_resolvers, 0 },
	{ "wait", read_wait, 0 },         { NULL, NULL, 0 },
};

static void read_rfc2136(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_challenge *c = into;

	c->key_algorithm = snapshot_text(r->b, tsig_algorithms[0]);
	c->wait_s = WAIT_S;
	if (!config_group(r, s, rfc2136_rules, CONFIG_ALL, c))
		return;
	if (config_member(s, "server") == NULL)
		config_missing(r, s, "server", "a name server");
	if (config_member(s, "key_name") == NULL)
		config_missing(r, s, "key_name", "the name of a TSIG key");
	if (config_member(s, "key_file") == NULL)
		config_missing(r, s, "key_file", "the path of the TSIG key");
}

static void read_self_test(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	uint32_t yes;

	if (config_bool(r, s, &yes))
		((struct spec_challenge *)into)->self_test =
		    yes != 0 ? SELF_TEST_YES : SELF_TEST_NO;
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
	{ "hook", read_hook, 0 },
	{ "cleanup", read_cleanup, 0 },
	{ "dialect", read_dialect, 0 },
	{ "user", read_user, 0 },
	{ "timeout", read_timeout, 0 },
	{ "resolvers", read_resolvers, DNS },
	{ "wait", read_wait, DNS },
	{ "self_test", read_self_test, HTTP },
	{ "only", read_only, 0 },
	{ NULL, NULL, 0 },
};

/* What shows it: exactly one of these. */
static const char *const ways[CHALLENGE_TYPES][4] = {
	[CHALLENGE_HTTP_01] = { "webroot", "listen", "hook", NULL },
	[CHALLENGE_TLS_ALPN_01] = { "listen", "hook", NULL },
	[CHALLENGE_DNS_01] = { "rfc2136", "hook", NULL },
};

static bool is_dehydrated(const struct spec_challenge *c)
{
	return c->dialect == DIALECT_DEHYDRATED ||
	       c->dialect == DIALECT_DEHYDRATED_CHAIN;
}

/* dehydrated puts the file there before it calls its hook. */
static bool may_both(const struct spec_challenge *c, const config_setting_t *s)
{
	return is_dehydrated(c) && config_member(s, "webroot") != NULL &&
	       config_member(s, "listen") == NULL;
}

static void check_way(struct config_reader *r, const config_setting_t *s,
		      const struct spec_challenge *c)
{
	AUTO_BUF struct buf names = { 0 };
	unsigned n = 0;

	for (const char *const *way = ways[c->type]; *way != NULL; way++) {
		n += config_member(s, *way) != NULL;
		buf_printf(&names, "%s%s", way == ways[c->type] ? "" : ", ", *way);
	}
	if (n != 1 && !(n == 2 && may_both(c, s)))
		config_error(r, s, "found %s, expected one of %s",
			     n == 0 ? "none" : "several", names.data);
}

/* Settings that are of a program, or of one dialect. */
static void check_program(struct config_reader *r, const config_setting_t *s,
			  const struct spec_challenge *c)
{
	static const char *const of_hook[] = { "cleanup", "dialect",   "user",
					       "timeout", "resolvers", "wait" };
	enum { OF_RFC2136_TOO = 4 }; /* the first of them */
	const char *dialect = dialect_words[c->dialect];
	const config_setting_t *at = config_member(s, "dialect");

	for (size_t i = 0; i < sizeof(of_hook) / sizeof(*of_hook); i++)
		if (c->hook.n == 0 && config_member(s, of_hook[i]) != NULL)
			config_error(r, config_member(s, of_hook[i]),
				     "found no hook beside it, which it is for%s",
				     c->server.at == 0 || i < OF_RFC2136_TOO
					 ? ""
					 : "; with rfc2136 it stands in that group");
	if (c->cleanup.n > 0 && c->dialect != DIALECT_CERTBOT)
		config_error(r, config_member(s, "cleanup"),
			     "found a program of its own to clean up, which is for "
			     "dialect = \"certbot\"");
	if (!dialect_has((enum dialect)c->dialect, challenge_words[c->type]))
		config_error(r, at == NULL ? s : at,
			     "found \"%s\", whose programs do not show %s", dialect,
			     challenge_words[c->type]);
}

static void read_challenge(struct config_reader *r, const config_setting_t *s,
			   struct spec_challenge *c)
{
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
	if (!config_choice(r, type, challenge_words, &c->type))
		return;
	config_group(r, s, rules, 1u << c->type, c);
	check_way(r, s, c);
	check_program(r, s, c);
	config_runs(r, s, c->uid);
}

void config_challenges(struct config_reader *r, const config_setting_t *s,
		       struct list *out)
{
	struct spec_challenge challenges[LIMIT_CHALLENGES] = { 0 };
	unsigned n = config_items(s);

	if (!config_items_max(r, s, LIMIT_CHALLENGES))
		return;
	for (unsigned i = 0; i < n; i++) {
		challenges[i].uid = challenges[i].gid = SPEC_NOBODY;
		challenges[i].timeout_s = TIMEOUT_S;
		read_challenge(r, config_item(s, i), &challenges[i]);
	}
	*out = snapshot_add(r->b, SPEC_CHALLENGES, challenges, n);
}
