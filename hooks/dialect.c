#include "hooks/dialect.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/env.h"

#define LIMIT_WORDS 1000 /* 3 for each of 100 items, and what a person has written */
#define NAME_MAX_   253
#define DIGEST_LEN  43

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

#define HTTP 1u
#define ALPN 2u
#define DNS  4u

const char *const dialect_words[DIALECTS + 1] = {
	[DIALECT_EVERLEAF] = "everleaf",
	[DIALECT_CERTBOT] = "certbot",
	[DIALECT_UACME] = "uacme",
	[DIALECT_DEHYDRATED] = "dehydrated",
	[DIALECT_DEHYDRATED_CHAIN] = "dehydrated-chain",
	[DIALECT_ACME_SH] = "acme.sh",
	[DIALECT_LEGO] = "lego",
	[DIALECT_LEGO_RAW] = "lego-raw",
};

/* What is sourced is the file of a person, by its path; all that comes from elsewhere is
 * an argument. acme.sh without arguments sets itself up and shows its help. What a file
 * saves for one domain (_readdomainconf) is below the name that acme.sh was given first:
 * of ours, the first that it has a folder of. */
static const char acme_sh[] =
    "everleaf_file=$1 everleaf_call=$2\n"
    "everleaf_record=$3 everleaf_value=$4\n"
    "everleaf_names=$5 everleaf_main=${5%% *}\n"
    "set --\n"
    ". \"$0\" >/dev/null || exit 1\n"
    "everleaf_has() {\n"
    "	[ -d \"$CERT_HOME/$1\" ] || [ -d \"$CERT_HOME/$1_ecc\" ]\n"
    "}\n"
    "for everleaf_name in $everleaf_names; do\n"
    "	! everleaf_has \"*.$everleaf_name\" || everleaf_main=\"*.$everleaf_name\"\n"
    "	! everleaf_has \"$everleaf_name\" || everleaf_main=$everleaf_name\n"
    "	! everleaf_has \"$everleaf_main\" || break\n"
    "done\n"
    "_initpath \"$everleaf_main\" >/dev/null\n"
    "[ -z \"$DOMAIN_PATH\" ] || mkdir -p \"$DOMAIN_PATH\"\n"
    ". \"$everleaf_file\" || exit 1\n"
    "\"$everleaf_call\" \"$everleaf_record\" \"$everleaf_value\"\n";

/* A call that is being made: what all dialects need of its first item. */
struct making {
	const struct dialect_call *call;
	const struct dialect_item *item;
	const char *token;
	const char *shown; /* what the CA looks for */
	struct dialect_made *made;
	size_t n_argv;
};

static bool is_dns(const struct dialect_call *c)
{
	return strcmp(c->type, "dns-01") == 0;
}

static bool is_http(const struct dialect_call *c)
{
	return strcmp(c->type, "http-01") == 0;
}

static bool is_present(const struct dialect_call *c)
{
	return c->step == DIALECT_PRESENT;
}

static int add(struct making *m, const char *word, struct err *e)
{
	if (m->n_argv == LIMIT_WORDS)
		return err_set(e, ERR_LIMIT, "more than %d words", LIMIT_WORDS);
	m->made->argv[m->n_argv++] = xstrdup(word);
	return 0;
}

static int add_words(struct making *m, const char *const *words, struct err *e)
{
	for (; words != NULL && *words != NULL; words++)
		TRY(add(m, *words, e));
	return 0;
}

static int put(const struct making *m, const char *name, const char *value,
	       struct err *e)
{
	return hook_env_put(m->made->env, name, value, e);
}

/* `s` with each comma as a space; owned. */
static char *spaced(const char *s)
{
	char *out = xstrdup(s);

	for (char *at = out; (at = strchr(at, ',')) != NULL;)
		*at = ' ';
	return out;
}

/* -- each dialect -- */

static int make_everleaf(struct making *m, struct err *e)
{
	const struct dialect_call *c = m->call;

	TRY(add_words(m, c->program, e));
	TRY(add(m, is_present(c) ? "present" : "withdraw", e));
	TRY(put(m, "EVERLEAF_NAME", c->name, e));
	TRY(put(m, "EVERLEAF_CHALLENGE", c->type, e));
	TRY(put(m, "EVERLEAF_IDENTIFIER", m->item->identifier, e));
	TRY(put(m, "EVERLEAF_TOKEN", m->token, e));
	TRY(put(m, "EVERLEAF_AUTHORIZATION", m->item->authorization, e));
	TRY(put(m, "EVERLEAF_VALUE", m->shown, e));
	return put(m, "EVERLEAF_RECORD", is_dns(c) ? m->item->record : NULL, e);
}

static int make_certbot(struct making *m, struct err *e)
{
	const struct dialect_call *c = m->call;
	char left[16];

	snprintf(left, sizeof(left), "%u", c->left);
	m->made->keep = is_present(c);
	TRY(add_words(m, is_present(c) ? c->program : c->cleanup, e));
	TRY(put(m, "CERTBOT_DOMAIN", m->item->identifier, e));
	TRY(put(m, "CERTBOT_IDENTIFIER", m->item->identifier, e));
	TRY(put(m, "CERTBOT_VALIDATION", m->shown, e));
	TRY(put(m, "CERTBOT_TOKEN", is_http(c) ? m->token : NULL, e));
	TRY(put(m, "CERTBOT_ALL_DOMAINS", c->all, e));
	TRY(put(m, "CERTBOT_ALL_IDENTIFIERS", c->all, e));
	TRY(put(m, "CERTBOT_REMAINING_CHALLENGES", left, e));
	return hook_env_put_said(m->made->env, "CERTBOT_AUTH_OUTPUT",
				 is_present(c) ? NULL : m->item->said, e);
}

static int make_uacme(struct making *m, struct err *e)
{
	static const char *const methods[DIALECT_STEPS] = {
		[DIALECT_PRESENT] = "begin",
		[DIALECT_WITHDRAW] = "done",
		[DIALECT_FAILED] = "failed",
	};
	const char *method = methods[m->call->step];

	TRY(add_words(m, m->call->program, e));
	TRY(add(m, method, e));
	TRY(add(m, m->call->type, e));
	TRY(add(m, m->item->identifier, e));
	TRY(add(m, m->token, e));
	TRY(add(m, m->shown, e));
	TRY(put(m, "UACME_METHOD", method, e));
	TRY(put(m, "UACME_TYPE", m->call->type, e));
	TRY(put(m, "UACME_IDENT", m->item->identifier, e));
	TRY(put(m, "UACME_TOKEN", m->token, e));
	TRY(put(m, "UACME_AUTH", m->shown, e));
	return put(m, "UACME_VERBOSE", "0", e);
}

static char *token_of(const struct dialect_item *i)
{
	return xasprintf("%.*s", (int)strcspn(i->authorization, "."), i->authorization);
}

static int make_dehydrated(struct making *m, struct err *e)
{
	const struct dialect_call *c = m->call;
	AUTO_FREE char *well_known =
	    c->webroot == NULL ? NULL
			       : xasprintf("%s/.well-known/acme-challenge", c->webroot);
	AUTO_FREE char *names = spaced(c->all);

	TRY(add_words(m, c->program, e));
	TRY(add(m, is_present(c) ? "deploy_challenge" : "clean_challenge", e));
	for (size_t i = 0; i < c->n; i++) {
		const struct dialect_item *item = &c->items[i];
		AUTO_FREE char *token = token_of(item);

		TRY(add(m, item->identifier, e));
		TRY(add(m, token, e));
		TRY(add(m, is_http(c) ? item->authorization : item->digest, e));
	}
	TRY(put(m, "CHALLENGETYPE", c->type, e));
	TRY(put(m, "COMMAND", "sign_domains", e));
	TRY(put(m, "WELLKNOWN", well_known, e));
	TRY(put(m, "alias", c->name, e));
	return put(m, "altnames", names, e);
}

/* ".../dnsapi/dns_xx.sh" has dns_xx_add and dns_xx_rm, and stands below its acme.sh. */
static int make_acme_sh(struct making *m, struct err *e)
{
	static const char dnsapi[] = "/dnsapi/";
	const char *file = m->call->program[0];
	const char *at = strstr(file, dnsapi);
	AUTO_FREE char *names = spaced(m->call->all);
	AUTO_FREE char *home = NULL;
	AUTO_FREE char *call = NULL;
	AUTO_FREE char *main = NULL;
	size_t n;

	if (at == NULL || strchr(at + strlen(dnsapi), '/') != NULL)
		return err_set(e, ERR_CONFIG, "%s: not in the dnsapi of an acme.sh",
			       file);
	home = xasprintf("%.*s", (int)(at - file), file);
	main = xasprintf("%s/acme.sh", home);
	at += strlen(dnsapi);
	n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		       "0123456789_");
	if (n == 0 || strcmp(at + n, ".sh") != 0)
		return err_set(e, ERR_CONFIG, "%s: not called dns_xx.sh", file);
	call = xasprintf("%.*s_%s", (int)n, at, is_present(m->call) ? "add" : "rm");
	TRY(add_words(m, (const char *const[]){ "/bin/sh", "-c", acme_sh, NULL }, e));
	m->made->file = m->n_argv;
	m->made->n_files = 2;
	TRY(add(m, main, e));
	TRY(add(m, file, e));
	TRY(add(m, call, e));
	TRY(add(m, m->item->record, e));
	TRY(add(m, m->shown, e));
	TRY(add(m, names, e));
	return put(m, "LE_WORKING_DIR", home, e);
}

static const char *lego_step(const struct making *m)
{
	return is_present(m->call) ? "present" : "cleanup";
}

static int make_lego(struct making *m, struct err *e)
{
	AUTO_FREE char *record = xasprintf("%s.", m->item->record);

	TRY(add_words(m, m->call->program, e));
	TRY(add(m, lego_step(m), e));
	TRY(add(m, record, e));
	return add(m, m->shown, e);
}

static int make_lego_raw(struct making *m, struct err *e)
{
	TRY(add_words(m, m->call->program, e));
	TRY(add(m, lego_step(m), e));
	TRY(add(m, "--", e));
	TRY(add(m, m->item->identifier, e));
	TRY(add(m, m->token, e));
	return add(m, m->item->authorization, e);
}

/* What exiting with another status than 0 means. */
static const struct {
	int (*make)(struct making *m, struct err *e);
	unsigned types;
	enum dialect_outcome presented;
	enum dialect_outcome withdrawn;
} dialects[DIALECTS] = {
	[DIALECT_EVERLEAF] = { make_everleaf, HTTP | ALPN | DNS, DIALECT_REFUSED,
			       DIALECT_REFUSED },
	[DIALECT_CERTBOT] = { make_certbot, HTTP | DNS, DIALECT_IGNORED,
			      DIALECT_IGNORED },
	[DIALECT_UACME] = { make_uacme, HTTP | ALPN | DNS, DIALECT_DECLINED,
			    DIALECT_IGNORED },
	[DIALECT_DEHYDRATED] = { make_dehydrated, HTTP | DNS, DIALECT_REFUSED,
				 DIALECT_REFUSED },
	[DIALECT_DEHYDRATED_CHAIN] = { make_dehydrated, HTTP | DNS, DIALECT_REFUSED,
				       DIALECT_REFUSED },
	[DIALECT_ACME_SH] = { make_acme_sh, DNS, DIALECT_REFUSED, DIALECT_REFUSED },
	[DIALECT_LEGO] = { make_lego, DNS, DIALECT_REFUSED, DIALECT_REFUSED },
	[DIALECT_LEGO_RAW] = { make_lego_raw, DNS, DIALECT_REFUSED, DIALECT_REFUSED },
};

/* -- what all have -- */

static bool has_only(const char *s, const char *set, size_t min, size_t max)
{
	size_t n = strspn(s, set);

	return s[n] == '\0' && n >= min && n <= max;
}

static bool is_name(const char *s)
{
	return s[0] != '-' && has_only(s, BASE64URL ".:", 1, NAME_MAX_);
}

static bool is_authorization(const char *s)
{
	size_t token = strspn(s, BASE64URL);

	return token > 0 && s[token] == '.' &&
	       has_only(s + token + 1, BASE64URL, 1, DIGEST_LEN);
}

static int check(const struct dialect_call *c, struct err *e)
{
	if (c->n == 0 || (c->n > 1 && !dialect_is_chain(c->dialect)) ||
	    !dialect_has(c->dialect, c->type))
		return err_set(e, ERR_PROTO, "programs for %s are not called so",
			       dialect_words[c->dialect]);
	for (size_t i = 0; i < c->n; i++) {
		const struct dialect_item *item = &c->items[i];

		if (!is_name(item->identifier) || (is_dns(c) && !is_name(item->record)))
			return err_set(e, ERR_PROTO, "what is no name to show");
		if (!is_authorization(item->authorization) ||
		    !has_only(item->digest, BASE64URL, DIGEST_LEN, DIGEST_LEN))
			return err_set(e, ERR_PROTO,
				       "what is no key authorization to show");
	}
	if (!has_only(c->all, BASE64URL ".:,", 1, LIMIT_HOOK_NAMES))
		return err_set(e, ERR_PROTO, "what are no names to show");
	return 0;
}

static int make(const struct dialect_call *c, const char *home, const char *run,
		struct dialect_made *made, struct err *e)
{
	AUTO_FREE char *token = token_of(&c->items[0]);
	struct making m = { .call = c,
			    .item = &c->items[0],
			    .token = token,
			    .shown = is_http(c) ? c->items[0].authorization
						: c->items[0].digest,
			    .made = made };

	TRY(hook_env_begin(made->env, home, run, e));
	return dialects[c->dialect].make(&m, e);
}

int dialect_make(const struct dialect_call *c, const char *home, const char *run,
		 struct dialect_made *made, struct err *e)
{
	struct dialect_made m = { 0 };

	TRY(check(c, e));
	m.argv = xcalloc(LIMIT_WORDS + 1, sizeof(*m.argv));
	m.env = hook_env_new();
	if (make(c, home, run, &m, e) < 0) {
		dialect_done(&m);
		return e->code;
	}
	*made = m;
	return 0;
}

void dialect_done(struct dialect_made *made)
{
	hook_env_free(made->argv);
	hook_env_free(made->env);
	*made = (struct dialect_made){ 0 };
}

bool dialect_is_chain(enum dialect d)
{
	return d == DIALECT_DEHYDRATED_CHAIN;
}

bool dialect_has(enum dialect d, const char *type)
{
	static const struct {
		const char *type;
		unsigned bit;
	} types[] = { { "http-01", HTTP }, { "tls-alpn-01", ALPN }, { "dns-01", DNS } };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].type, type) == 0)
			return (dialects[d].types & types[i].bit) != 0;
	return false;
}

/* 126 and 127 are what a program that could not be run has ended with (child.h). */
enum dialect_outcome dialect_judge(enum dialect d, enum dialect_step step, int status)
{
	if (status == 0)
		return DIALECT_OK;
	if (status < 0 || status == 126 || status == 127)
		return DIALECT_REFUSED;
	return step == DIALECT_PRESENT ? dialects[d].presented : dialects[d].withdrawn;
}
