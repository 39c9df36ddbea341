#include "agent/config/config_reader.h"

#include <string.h>

#include "agent/config/config_report.h"
#include "agent/role/spec_image.h"

static const struct config_rule *rule_called(const struct config_rule *rules,
					     const char *name)
{
	for (; rules->name != NULL; rules++)
		if (strcmp(rules->name, name) == 0)
			return rules;
	return NULL;
}

const struct config_rule *config_rule_of(struct config_reader *r,
					 const config_setting_t *s,
					 const struct config_rule *rules,
					 uint32_t types)
{
	const struct config_rule *rule = rule_called(rules, config_setting_name(s));

	if (rule == NULL) {
		config_unknown(r, s, rules, types);
		return NULL;
	}
	if (rule->only != 0 && (rule->only & types) == 0) {
		config_error(r, s, "found a setting that does not belong here");
		return NULL;
	}
	return rule;
}

bool config_group(struct config_reader *r, const config_setting_t *s,
		  const struct config_rule *rules, uint32_t types, void *into)
{
	unsigned n;

	if (!config_setting_is_group(s)) {
		config_expected(r, s, "a group { ... }");
		return false;
	}
	n = (unsigned)config_setting_length(s);
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *m = config_setting_get_elem(s, i);
		const struct config_rule *rule = config_rule_of(r, m, rules, types);

		if (rule != NULL)
			rule->read(r, m, into);
	}
	return true;
}

static bool is_list(const config_setting_t *s)
{
	return config_setting_is_list(s) || config_setting_is_array(s);
}

unsigned config_items(const config_setting_t *s)
{
	return is_list(s) ? (unsigned)config_setting_length(s) : 1;
}

const config_setting_t *config_item(const config_setting_t *s, unsigned i)
{
	return is_list(s) ? config_setting_get_elem(s, i) : s;
}

bool config_items_max(struct config_reader *r, const config_setting_t *s, unsigned max)
{
	if (config_items(s) <= max)
		return true;
	config_error(r, s, "found %u, expected at most %u", config_items(s), max);
	return false;
}

const config_setting_t *config_member(const config_setting_t *s, const char *name)
{
	return config_setting_is_group(s) ? config_setting_get_member(s, name) : NULL;
}

bool config_name(struct config_reader *r, const config_setting_t *s, const char *name,
		 struct config_index *ix, uint32_t number, struct text *out)
{
	const config_setting_t *at = config_member(s, "name");
	const struct config_entry *before;

	if (at == NULL)
		at = s;
	if (!spec_is_plain_name(name)) {
		config_error(
		    r, at,
		    "found \"%.60s\", expected a name of 1 to 200 characters "
		    "A-Z a-z 0-9 . _ - that does not start with \".\" or \"-\"",
		    name);
		return false;
	}
	*out = snapshot_text(r->b, name);
	before = out->at == 0 ? NULL : config_index_find(ix, *out);
	if (before != NULL && before->at != NULL) {
		config_error(r, at,
			     "found \"%s\" again, expected another name: %s:%u has it",
			     name, config_source_of(before->at)->path,
			     before->at->line);
		return false;
	}
	if (out->at != 0)
		config_index_add(ix, *out, number, at);
	return out->at != 0;
}

const struct config_source *config_source_of(const config_setting_t *s)
{
	while (s->parent != NULL)
		s = s->parent;
	return s->hook;
}
