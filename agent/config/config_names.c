#include "agent/config/config_names.h"

#include <string.h>

#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/idn.h"

struct set {
	struct spec_name names[LIMIT_IDS];
	uint32_t n;
	uint64_t hash;
};

static bool has(const struct set *set, const struct spec_name *n)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (set->names[i].kind == n->kind &&
		    set->names[i].value.at == n->value.at)
			return true;
	return false;
}

int config_name_parse(const struct config_reader *r, const char *word,
		      enum name_kind *kind, char **canonical, struct err *e)
{
	AUTO_FREE char *ascii = NULL;

	TRY(idn_to_ascii(r->host->idn, word, &ascii, e));
	return names_parse(ascii, kind, canonical, e);
}

void config_dns_name(struct config_reader *r, const config_setting_t *s,
		     struct text *out)
{
	static const char dns[] = "a DNS name";
	const char *word = config_string(r, s, dns);
	AUTO_FREE char *canonical = NULL;
	enum name_kind kind;
	struct err e;

	if (word == NULL)
		return;
	if (config_name_parse(r, word, &kind, &canonical, &e) < 0 || kind != NAME_DNS ||
	    canonical[0] == '*')
		config_expected(r, s, "%s", dns);
	else
		*out = snapshot_text(r->b, canonical);
}

static void read_name(struct config_reader *r, const config_setting_t *s, bool optional,
		      struct set *set)
{
	const char *word = config_string(r, s, "a name such as \"example.org\"");
	AUTO_FREE char *canonical = NULL;
	enum name_kind kind;
	struct spec_name n;
	struct err e;

	if (word == NULL)
		return;
	if (config_name_parse(r, word, &kind, &canonical, &e) < 0) {
		config_expected(r, s, "a name: %s%s", e.text,
				strpbrk(word, ", ") == NULL
				    ? ""
				    : "; each is a string of its own, as in "
				      "[ \"a\", \"b\" ]");
		return;
	}
	n = (struct spec_name){ snapshot_text(r->b, canonical), kind, optional };
	if (has(set, &n)) {
		config_expected(r, s, "each name once");
		return;
	}
	set->names[set->n++] = n;
	set->hash += names_hash(kind, canonical);
}

static void read_names(struct config_reader *r, const config_setting_t *s,
		       bool optional, struct set *set)
{
	unsigned n = config_items(s);

	if (set->n + n > LIMIT_IDS) {
		config_error(r, s, "found %u names, expected at most %d", set->n + n,
			     LIMIT_IDS);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		read_name(r, config_item(s, i), optional, set);
}

void config_names_of_csr(struct config_reader *r, const config_setting_t *s,
			 const struct name *names, size_t n, struct spec_cert *c)
{
	struct set set = { .n = 0 };

	if (n > LIMIT_IDS)
		config_expected(r, s, "a request for at most %d names", LIMIT_IDS);
	for (size_t i = 0; i < n && n <= LIMIT_IDS; i++) {
		const struct spec_name name = { snapshot_text(r->b, names[i].value),
						names[i].kind, 0 };

		if (has(&set, &name))
			continue;
		set.names[set.n++] = name;
		set.hash += names_hash(names[i].kind, names[i].value);
	}
	c->names = snapshot_add(r->b, SPEC_NAMES, set.names, set.n);
	c->names_hash = set.hash;
}

void config_names(struct config_reader *r, const config_setting_t *s,
		  struct spec_cert *c)
{
	const config_setting_t *names = config_member(s, "names");
	const config_setting_t *optional = config_member(s, "optional");
	struct set set = { .n = 0 };

	if (names == NULL || config_items(names) == 0)
		config_missing(r, s, "names", "at least one name, or csr");
	else
		read_names(r, names, false, &set);
	if (optional != NULL)
		read_names(r, optional, true, &set);
	c->names = snapshot_add(r->b, SPEC_NAMES, set.names, set.n);
	c->names_hash = set.hash;
}

const char *config_names_default(struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *names = config_member(s, "names");
	const config_setting_t *first = names == NULL ? NULL : config_item(names, 0);
	const char *word = first == NULL ? NULL : config_setting_get_string(first);
	AUTO_FREE char *canonical = NULL;
	enum name_kind kind;
	struct text t;
	struct err e;

	if (word == NULL || config_name_parse(r, word, &kind, &canonical, &e) < 0)
		return NULL;
	t = snapshot_text(r->b, canonical[0] == '*' ? canonical + 2 : canonical);
	return snapshot_string(r->b, t);
}
