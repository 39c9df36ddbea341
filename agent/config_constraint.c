#include "agent/config_constraint.h"

#include <arpa/inet.h>
#include <string.h>

#include "agent/config_report.h"
#include "agent/config_value.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"

#define LIMIT_CONSTRAINTS 1000

static const char expected[] = "\"example.org\", \".example.org\", \"10.0.0.0/8\", "
			       "\"2001:db8::/32\" or \"email:example.org\"";

/* No bit may be set behind the prefix: that is a mistake somewhere. */
static bool rest_is_zero(const uint8_t *ip, uint64_t bits, size_t len)
{
	for (uint64_t i = bits; i < len * 8; i++)
		if ((ip[i / 8] & (0x80 >> (i % 8))) != 0)
			return false;
	return true;
}

static bool is_prefix(const char *word)
{
	const char *slash = strchr(word, '/');
	int family = strchr(word, ':') != NULL ? AF_INET6 : AF_INET;
	size_t len = family == AF_INET6 ? 16 : 4;
	AUTO_FREE char *address = xstrndup(word, (size_t)(slash - word));
	uint8_t ip[16];
	uint64_t bits;

	return inet_pton(family, address, ip) == 1 &&
	       text_u64(slash + 1, len * 8, &bits) && rest_is_zero(ip, bits, len);
}

/* The canonical text of a constraint, owned, or NULL. */
static char *canonical(const char *word)
{
	const char *kept = strncmp(word, "email:", 6) == 0 ? "email:" : "";
	const char *domain = word + strlen(kept);
	AUTO_FREE char *name = NULL;
	enum name_kind kind;
	struct err e;

	if (strchr(word, '/') != NULL)
		return is_prefix(word) ? xstrdup(word) : NULL;
	if (*kept != '\0' && strchr(domain, '@') != NULL) /* one mailbox */
		return names_parse(word, &kind, &name, &e) < 0
			   ? NULL
			   : xasprintf("email:%s", name);
	if (names_parse(domain + (domain[0] == '.'), &kind, &name, &e) < 0 ||
	    kind != NAME_DNS || name[0] == '*')
		return NULL;
	return xasprintf("%s%s%s", kept, domain[0] == '.' ? "." : "", name);
}

void config_constraints(struct config_reader *r, const config_setting_t *s,
			struct list *out)
{
	struct text words[LIMIT_CONSTRAINTS];
	unsigned n = config_items(s), n_words = 0;

	if (!config_items_max(r, s, LIMIT_CONSTRAINTS))
		return;
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *item = config_item(s, i);
		const char *word = config_string(r, item, expected);
		AUTO_FREE char *text = word == NULL ? NULL : canonical(word);

		if (word != NULL && text == NULL)
			config_expected(r, item, "%s", expected);
		if (text != NULL)
			words[n_words++] = snapshot_text(r->b, text);
	}
	*out = snapshot_add(r->b, SPEC_WORDS, words, n_words);
}
