#include "agent/role/spec_image.h"

#include <string.h>

#include "base/err.h"
#include "base/names.h"
#include "ca/cmp.h"
#include "hooks/dialect.h"
#include "hooks/enrol.h"

/* Longer lists are refused: they cost a hostile snapshot nothing, and us time. */
#define LIMIT_LIST   1000
#define LIMIT_SPAN_S (200LL * 366 * 86400)
#define NAME_LEN_MAX 200

enum kind {
	TEXT,    /* set or not */
	STRING,  /* set */
	PLAIN,   /* set, and a plain name */
	PATH,    /* absolute, or not set */
	LIST,    /* of table `limit` */
	NUMBERS, /* of SPEC_NUMBERS, each a record of table `limit` */
	BELOW,   /* uint32_t below `limit` */
	SPAN,    /* int64_t, 0 to 200 years */
};

struct field {
	enum spec_table table;
	enum kind kind;
	size_t at;
	uint32_t limit;
};

#define FIELD(t, s, f, kind, limit)                   \
	{                                             \
		t, kind, offsetof(struct s, f), limit \
	}
#define GLOBAL(f, ...)    FIELD(SPEC_GLOBAL, spec_global, f, __VA_ARGS__)
#define CERT(f, ...)      FIELD(SPEC_CERTS, spec_cert, f, __VA_ARGS__)
#define NAME(f, ...)      FIELD(SPEC_NAMES, spec_name, f, __VA_ARGS__)
#define ISSUER(f, ...)    FIELD(SPEC_ISSUERS, spec_issuer, f, __VA_ARGS__)
#define HOOK(f, ...)      FIELD(SPEC_HOOKS, spec_hook, f, __VA_ARGS__)
#define FILE_(f, ...)     FIELD(SPEC_FILES, spec_file, f, __VA_ARGS__)
#define PROBE(f, ...)     FIELD(SPEC_PROBES, spec_probe, f, __VA_ARGS__)
#define CHALLENGE(f, ...) FIELD(SPEC_CHALLENGES, spec_challenge, f, __VA_ARGS__)
#define CRL(f, ...)       FIELD(SPEC_CRLS, spec_crl, f, __VA_ARGS__)

/* Every member of every record that can point, choose or be divided by. Numbers that
 * mean the same whatever they are (a line, a uid) are not here. */
static const struct field fields[] = {
	GLOBAL(state_dir, PATH, 1),
	GLOBAL(runtime_dir, PATH, 1),
	GLOBAL(http, TEXT, 0),
	GLOBAL(log_json, BELOW, 2),
	GLOBAL(log_level, BELOW, LEVELS),

	CERT(name, PLAIN, 0),
	CERT(names, LIST, SPEC_NAMES),
	CERT(issuers, NUMBERS, SPEC_ISSUERS),
	CERT(files, LIST, SPEC_FILES),
	CERT(hooks, NUMBERS, SPEC_HOOKS),
	CERT(probes, LIST, SPEC_PROBES),
	CERT(challenges, LIST, SPEC_CHALLENGES),
	CERT(csr, PATH, 0),
	CERT(request, TEXT, 0),
	CERT(csr_key, TEXT, 0),
	CERT(before_s, SPAN, 0),
	CERT(probe_every_s, SPAN, 0),
	CERT(key, BELOW, KEY_TYPES),
	CERT(reuse_key, BELOW, 2),
	CERT(next_key, BELOW, 2),
	CERT(usage, BELOW, (USAGE_SERVER | USAGE_CLIENT) + 1),
	CERT(mode, BELOW, 01000),
	CERT(on_drift, BELOW, DRIFTS),
	CERT(keep, BELOW, 1001),
	CERT(allow_private, BELOW, 2),
	CERT(file, STRING, 0),

	NAME(value, STRING, 0),
	NAME(kind, BELOW, NAME_KINDS),
	NAME(optional, BELOW, 2),

	ISSUER(name, PLAIN, 0),
	ISSUER(type, BELOW, ISSUER_TYPES),
	ISSUER(subject, TEXT, 0),
	ISSUER(crl_url, TEXT, 0),
	ISSUER(lifetime_s, SPAN, 0),
	ISSUER(ca_lifetime_s, SPAN, 0),
	ISSUER(intermediate, BELOW, 2),
	ISSUER(ca_key, BELOW, KEY_TYPES),
	ISSUER(permitted, LIST, SPEC_WORDS),
	ISSUER(excluded, LIST, SPEC_WORDS),
	ISSUER(url, TEXT, 0),
	ISSUER(contact, TEXT, 0),
	ISSUER(trust, PATH, 0),
	ISSUER(trust_by, BELOW, ISSUER_TRUSTS),
	ISSUER(print, TEXT, 0),
	ISSUER(profile, TEXT, 0),
	ISSUER(need_profile, BELOW, 2),
	ISSUER(chain, TEXT, 0),
	ISSUER(proxy, TEXT, 0),
	ISSUER(source_address, TEXT, 0),
	ISSUER(eab_kid, TEXT, 0),
	ISSUER(eab_key_file, PATH, 0),
	ISSUER(auth_key_file, PATH, 0),
	ISSUER(provisioner, TEXT, 0),
	ISSUER(login, TEXT, 0),
	ISSUER(password_file, PATH, 0),
	ISSUER(certificate_file, PATH, 0),
	ISSUER(key_file, PATH, 0),
	ISSUER(certificate_file, PATH, 0),
	ISSUER(key_file, PATH, 0),
	ISSUER(recipient, TEXT, 0),
	ISSUER(cmd, BELOW, CMP_KUR),
	ISSUER(implicit_confirm, BELOW, 2),
	ISSUER(challenges, LIST, SPEC_CHALLENGES),
	ISSUER(account_key, BELOW, KEY_TYPES),
	ISSUER(eab_mac, BELOW, 3),
	ISSUER(agree_terms, BELOW, 2),
	ISSUER(parallel, BELOW, 1001),
	ISSUER(ari, BELOW, 2),
	ISSUER(is_public, BELOW, 2),
	ISSUER(limits[PER_ACCOUNT].most, BELOW, SPEC_LIMIT_MOST + 1),
	ISSUER(limits[PER_ACCOUNT].span_s, SPAN, 0),
	ISSUER(limits[PER_SET].most, BELOW, SPEC_LIMIT_MOST + 1),
	ISSUER(limits[PER_SET].span_s, SPAN, 0),
	ISSUER(limits[PER_NAME].most, BELOW, SPEC_LIMIT_MOST + 1),
	ISSUER(limits[PER_NAME].span_s, SPAN, 0),
	ISSUER(program, LIST, SPEC_WORDS),
	ISSUER(dialect, BELOW, ENROL_DIALECTS),
	ISSUER(user, TEXT, 0),
	ISSUER(home, TEXT, 0),

	HOOK(name, PLAIN, 0),
	HOOK(test, LIST, SPEC_WORDS),
	HOOK(run, LIST, SPEC_WORDS),
	HOOK(user, TEXT, 0),
	HOOK(home, TEXT, 0),
	HOOK(on, BELOW, 1u << EVENTS),
	HOOK(rollback, BELOW, 2),

	FILE_(path, PATH, 1),
	FILE_(password_file, PATH, 0),
	FILE_(content, BELOW, CONTENT_KINDS),
	FILE_(key_form, BELOW, CONTENT_KEY_FORMS),
	FILE_(p12, BELOW, CONTENT_P12_FORMS),
	FILE_(cert_first, BELOW, 2),
	FILE_(mode, BELOW, 01000),
	FILE_(on_stale, BELOW, STALES),

	PROBE(label, STRING, 0),
	PROBE(host, STRING, 0),
	PROBE(port, TEXT, 0),
	PROBE(name, TEXT, 0),
	PROBE(proto, BELOW, PROBE_PROTOS),

	CHALLENGE(type, BELOW, CHALLENGE_TYPES),
	CHALLENGE(webroot, PATH, 0),
	CHALLENGE(listen, TEXT, 0),
	CHALLENGE(hook, LIST, SPEC_WORDS),
	CHALLENGE(cleanup, LIST, SPEC_WORDS),
	CHALLENGE(dialect, BELOW, DIALECTS),
	CHALLENGE(user, TEXT, 0),
	CHALLENGE(home, TEXT, 0),
	CHALLENGE(server, TEXT, 0),
	CHALLENGE(zone, TEXT, 0),
	CHALLENGE(key_name, TEXT, 0),
	CHALLENGE(key_algorithm, TEXT, 0),
	CHALLENGE(key_file, PATH, 0),
	CHALLENGE(self_test, BELOW, SELF_TESTS),
	CHALLENGE(resolvers, LIST, SPEC_WORDS),
	CHALLENGE(wait_s, SPAN, 0),
	CHALLENGE(only, LIST, SPEC_WORDS),

	CRL(name, PLAIN, 0),
	CRL(urls, LIST, SPEC_WORDS),
	CRL(ca, PATH, 0),
	CRL(bundle, PATH, 0),
	CRL(files, LIST, SPEC_FILES),
	CRL(hooks, NUMBERS, SPEC_HOOKS),
	CRL(servers, LIST, SPEC_WORDS),
	CRL(allow_local, BELOW, 2),
	CRL(indirect, BELOW, 2),
	CRL(on_stale, BELOW, STALES),

	{ SPEC_WATCH, STRING, 0, 0 },
	{ SPEC_WORDS, STRING, 0, 0 },
};

static const size_t record_sizes[SPEC_TABLES] = {
	[SPEC_GLOBAL] = sizeof(struct spec_global),
	[SPEC_CERTS] = sizeof(struct spec_cert),
	[SPEC_NAMES] = sizeof(struct spec_name),
	[SPEC_ISSUERS] = sizeof(struct spec_issuer),
	[SPEC_HOOKS] = sizeof(struct spec_hook),
	[SPEC_FILES] = sizeof(struct spec_file),
	[SPEC_PROBES] = sizeof(struct spec_probe),
	[SPEC_CHALLENGES] = sizeof(struct spec_challenge),
	[SPEC_CRLS] = sizeof(struct spec_crl),
	[SPEC_WATCH] = sizeof(struct text),
	[SPEC_WORDS] = sizeof(struct text),
	[SPEC_NUMBERS] = sizeof(uint32_t),
};

size_t spec_record_size(enum spec_table table)
{
	return record_sizes[table];
}

bool spec_is_plain_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n > 0 && n <= NAME_LEN_MAX && name[n] == '\0' && name[0] != '.' &&
	       name[0] != '-';
}

static bool text_ok(const struct spec *s, uint32_t text_len, enum kind kind,
		    bool required, struct text t)
{
	const char *string = s->text + t.at;

	if (t.at == 0)
		return !required;
	if (t.at >= text_len || string[-1] != '\0')
		return false;
	if (kind == PLAIN)
		return spec_is_plain_name(string);
	return kind == PATH ? string[0] == '/' : true;
}

static bool list_ok(const struct spec *s, enum spec_table table, struct list l)
{
	uint32_t most = table == SPEC_NAMES ? LIMIT_IDS : LIMIT_LIST;

	return l.n <= most && l.first <= s->n[table] && l.n <= s->n[table] - l.first;
}

static bool numbers_ok(const struct spec *s, enum spec_table of, struct list l)
{
	if (!list_ok(s, SPEC_NUMBERS, l))
		return false;
	for (uint32_t i = 0; i < l.n; i++)
		if (s->numbers[l.first + i] >= s->n[of])
			return false;
	return true;
}

static bool field_ok(const struct spec *s, uint32_t text_len, const struct field *f,
		     const void *at)
{
	switch (f->kind) {
	case TEXT:
		return text_ok(s, text_len, TEXT, false, *(const struct text *)at);
	case STRING:
	case PLAIN:
		return text_ok(s, text_len, f->kind, true, *(const struct text *)at);
	case PATH:
		return text_ok(s, text_len, PATH, f->limit != 0,
			       *(const struct text *)at);
	case LIST:
		return list_ok(s, (enum spec_table)f->limit, *(const struct list *)at);
	case NUMBERS:
		return numbers_ok(s, (enum spec_table)f->limit,
				  *(const struct list *)at);
	case BELOW:
		return *(const uint32_t *)at < f->limit;
	case SPAN:
		return *(const int64_t *)at >= 0 &&
		       *(const int64_t *)at <= LIMIT_SPAN_S;
	}
	return false;
}

static const char *table_at(const struct spec_head *h, enum spec_table t)
{
	return (const char *)h + h->tables[t].at;
}

static int fields_check(const struct spec_head *h, const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];
		const char *at = table_at(h, f->table) + f->at;

		for (uint32_t n = 0; n < s->n[f->table]; n++) {
			if (!field_ok(s, h->text_len, f, at))
				return err_set(
				    e, ERR_PROTO,
				    "snapshot: table %u, record %u, byte %zu: "
				    "not a value it may have",
				    (unsigned)f->table, n, f->at);
			at += record_sizes[f->table];
		}
	}
	return 0;
}

/* What takes more than one member to say. */
static int certs_check(const struct spec *s, struct err *e)
{
	for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++) {
		const struct spec_cert *c = &s->certs[i];

		if (i > 0 &&
		    strcmp(spec_text(s, c[-1].name), spec_text(s, c->name)) >= 0)
			return err_set(e, ERR_PROTO,
				       "snapshot: certificates: not sorted");
		if ((c->before_num == 0) != (c->before_den == 0) ||
		    c->before_num > c->before_den)
			return err_set(e, ERR_PROTO, "snapshot: %s: not a fraction",
				       spec_text(s, c->name));
		if (c->keep == 0 || c->key == KEY_NONE || c->usage == 0 ||
		    (c->csr.at == 0) != (c->request.at == 0) ||
		    (c->csr.at == 0) != (c->csr_key.at == 0))
			return err_set(e, ERR_PROTO, "snapshot: %s: not set",
				       spec_text(s, c->name));
	}
	return 0;
}

static int head_check(const struct spec_head *h, size_t len, struct err *e)
{
	if (len < sizeof(*h) || len > SPEC_MAX ||
	    memcmp(h->magic, SPEC_MAGIC, sizeof(SPEC_MAGIC)) != 0 || h->len != len)
		return err_set(e, ERR_PROTO, "snapshot: not one of ours");
	for (unsigned t = 0; t < SPEC_TABLES; t++)
		if (h->tables[t].size != record_sizes[t] || h->tables[t].at % 8 != 0 ||
		    h->tables[t].at > len ||
		    h->tables[t].n > (len - h->tables[t].at) / record_sizes[t])
			return err_set(e, ERR_PROTO, "snapshot: table %u does not fit",
				       t);
	if (h->tables[SPEC_GLOBAL].n != 1)
		return err_set(e, ERR_PROTO, "snapshot: no global record");
	if (h->text_at > len || h->text_len > len - h->text_at || h->text_len == 0)
		return err_set(e, ERR_PROTO, "snapshot: text does not fit");
	return 0;
}

static void point(const struct spec_head *h, struct spec *s)
{
	s->global = (const void *)table_at(h, SPEC_GLOBAL);
	s->certs = (const void *)table_at(h, SPEC_CERTS);
	s->names = (const void *)table_at(h, SPEC_NAMES);
	s->issuers = (const void *)table_at(h, SPEC_ISSUERS);
	s->hooks = (const void *)table_at(h, SPEC_HOOKS);
	s->files = (const void *)table_at(h, SPEC_FILES);
	s->probes = (const void *)table_at(h, SPEC_PROBES);
	s->challenges = (const void *)table_at(h, SPEC_CHALLENGES);
	s->crls = (const void *)table_at(h, SPEC_CRLS);
	s->watch = (const void *)table_at(h, SPEC_WATCH);
	s->words = (const void *)table_at(h, SPEC_WORDS);
	s->numbers = (const void *)table_at(h, SPEC_NUMBERS);
	s->text = (const char *)h + h->text_at;
	for (unsigned t = 0; t < SPEC_TABLES; t++)
		s->n[t] = h->tables[t].n;
}

int spec_check(void *map, size_t len, struct spec *s, struct err *e)
{
	const struct spec_head *h = map;
	struct spec found = { .map = map, .len = len };

	TRY(head_check(h, len, e));
	point(h, &found);
	if (found.text[0] != '\0' || found.text[h->text_len - 1] != '\0')
		return err_set(e, ERR_PROTO, "snapshot: text does not end");
	TRY(fields_check(h, &found, e));
	TRY(certs_check(&found, e));
	*s = found;
	return 0;
}
