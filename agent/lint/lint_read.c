#include <stdlib.h>
#include <string.h>

#include "agent/lint/lint.h"
#include "agent/lint/lint_word.h"
#include "base/mem.h"

bool lint_among(const char *const *words, const char *word)
{
	while (*words != NULL && strcasecmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

uint32_t lint_scope(struct lint *l, uint32_t parent)
{
	l->scopes = xrealloc(l->scopes, l->n_scopes + 1, sizeof(*l->scopes));
	l->scopes[l->n_scopes] = (struct lint_scope){ .parent = parent };
	return l->n_scopes++;
}

/* The first setting of the line that the next one stands in. */
static size_t first_of(const struct lint *l, unsigned line)
{
	const struct lint_value *last;

	if (l->n_values == 0)
		return 0;
	last = &l->values[l->n_values - 1];
	return last->file == l->file && last->line == line ? last->first : l->n_values;
}

void lint_keep(struct lint *l, const struct lint_words *w, size_t i, uint32_t scope)
{
	const char *const *name = l->kind->watched;

	while (*name != NULL && strcasecmp(*name, lint_word(w, i)) != 0)
		name++;
	if (*name == NULL)
		return;
	l->values = xrealloc(l->values, l->n_values + 1, sizeof(*l->values));
	l->values[l->n_values] = (struct lint_value){
		.name = *name,
		.text = xstrdup(lint_word(w, i + 1)),
		.more = xstrdup(lint_word(w, i + 2)),
		.file = l->file,
		.line = w->line,
		.scope = scope,
		.before = l->scopes[scope].last,
		.first = first_of(l, w->line),
	};
	l->scopes[scope].last = ++l->n_values;
}

const struct lint_value *lint_in(const struct lint *l, uint32_t scope, const char *name,
				 const struct lint_value *v)
{
	size_t i = v == NULL ? l->scopes[scope].last : v->before;

	while (i > 0 && strcmp(l->values[i - 1].name, name) != 0)
		i = l->values[i - 1].before;
	return i == 0 ? NULL : &l->values[i - 1];
}

const struct lint_value *lint_set(const struct lint *l, uint32_t scope,
				  const char *name)
{
	const struct lint_value *v = NULL;

	for (; v == NULL && scope != LINT_NOBODY; scope = l->scopes[scope].parent)
		v = lint_in(l, scope, name, NULL);
	return v;
}

void lint_read(struct lint *l, const struct buf *text, uint32_t *scope)
{
	struct lint_text t = { text->data, text->data + text->len, 1, l->kind->style };
	struct lint_words w = { .n = 0 };

	while (text->len > 0 && lint_words_next(&t, &w)) {
		if (w.n > 0 && lint_among(l->kind->includes, lint_word(&w, 0)))
			lint_include(l, lint_word(&w, 1), scope);
		else if (w.n > 0 &&
			 (l->kind->take == NULL || !l->kind->take(l, &w, scope)))
			lint_keep(l, &w, 0, *scope);
		if (w.end == '{')
			*scope = lint_scope(l, *scope);
		else if (w.end == '}' && l->scopes[*scope].parent != LINT_NOBODY)
			*scope = l->scopes[*scope].parent;
	}
	lint_words_done(&w);
}
