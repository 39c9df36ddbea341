#include "agent/config/config_constraint.h"

#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/idn.h"
#include "ca/local_constraints.h"

#define LIMIT_CONSTRAINTS 1000

static const char expected[] = "\"example.org\", \"10.0.0.0/8\", \"2001:db8::/32\", "
			       "\"email:example.org\" or \"uri:example.org\"";

static bool is_constraint(const char *word)
{
	const char *const words[] = { word, NULL };
	NAME_CONSTRAINTS *constraints = NULL;
	struct err e;

	if (local_constraints_parse(words, NULL, &constraints, &e) < 0)
		return false;
	NAME_CONSTRAINTS_free(constraints);
	return true;
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
		AUTO_FREE char *ascii = NULL;
		struct err e;

		if (word == NULL)
			continue;
		word += word[0] == '.';
		if (idn_to_ascii(r->host->idn, word, &ascii, &e) == 0 &&
		    is_constraint(ascii))
			words[n_words++] = snapshot_text(r->b, ascii);
		else
			config_expected(r, item, "%s", expected);
	}
	*out = snapshot_add(r->b, SPEC_WORDS, words, n_words);
}
