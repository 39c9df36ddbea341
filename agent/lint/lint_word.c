#include "agent/lint/lint_word.h"

#include <string.h>

static bool is_blank(const struct lint_text *t, char c)
{
	if (c == '=')
		return (t->style & LINT_EQUALS) != 0;
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* What ends a directive; a brace does so where it has a meaning. */
static bool is_end(const struct lint_text *t, char c)
{
	switch (c) {
	case '\n':
		return (t->style & LINT_LINES) != 0;
	case ';':
		return (t->style & (LINT_SEMICOLON | LINT_REMARKS)) != 0;
	case '{':
	case '}':
		return (t->style & LINT_BRACES) != 0;
	default:
		return false;
	}
}

static bool is_remark(const struct lint_text *t, char c)
{
	return c == '#' || (c == ';' && (t->style & LINT_REMARKS) != 0);
}

/* Its end of a line is left. */
static void skip_remark(struct lint_text *t)
{
	const char *end = memchr(t->at, '\n', (size_t)(t->end - t->at));

	t->at = end == NULL ? t->end : end;
}

static char take(struct lint_text *t)
{
	t->line += *t->at == '\n';
	return *t->at++;
}

/* What a backslash takes its meaning from; a line that goes on is a blank. */
static void take_escaped(struct lint_text *t, struct buf *out)
{
	const char c = t->at == t->end ? '\0' : take(t);

	buf_add(out, &c, c != '\0' && c != '\n');
}

static void take_quoted(struct lint_text *t, char quote, struct buf *out)
{
	while (t->at < t->end) {
		const char c = take(t);

		if (c == quote)
			return;
		if (c == '\\')
			take_escaped(t, out);
		else
			buf_add(out, &c, c != '\0');
	}
}

/* A variable is a part of the word that it stands in. */
static bool take_variable(struct lint_text *t, struct buf *out)
{
	const char *end = NULL;

	if (t->end - t->at > 1 && t->at[0] == '$' && t->at[1] == '{')
		end = memchr(t->at, '}', (size_t)(t->end - t->at));
	if (end == NULL || memchr(t->at, '\n', (size_t)(end - t->at)) != NULL)
		return false;
	buf_add(out, t->at, (size_t)(end + 1 - t->at));
	t->at = end + 1;
	return true;
}

static void take_word(struct lint_text *t, struct buf *out)
{
	while (t->at < t->end && !is_blank(t, *t->at) && !is_end(t, *t->at)) {
		char c;

		if (take_variable(t, out))
			continue;
		c = take(t);
		if (c == '"' || c == '\'')
			take_quoted(t, c, out);
		else if (c == '\\')
			take_escaped(t, out);
		else
			buf_add(out, &c, 1);
	}
	buf_add(out, "", 1);
}

/* To where the next word begins, or what ends the directive is. */
static void skip_blanks(struct lint_text *t)
{
	while (t->at < t->end) {
		if (is_remark(t, *t->at))
			skip_remark(t);
		else if (t->end - t->at > 1 && t->at[0] == '\\' && t->at[1] == '\n')
			t->at++, take(t);
		else if (is_blank(t, *t->at) && !is_end(t, *t->at))
			take(t);
		else
			return;
	}
}

static void take_end(struct lint_text *t, struct lint_words *w)
{
	const char c = t->at == t->end ? '\0' : take(t);

	w->end = c == '{' || c == '}' ? c : '\0';
}

bool lint_words_next(struct lint_text *t, struct lint_words *w)
{
	w->text.len = w->n = 0;
	w->end = '\0';
	while (t->at < t->end) {
		skip_blanks(t);
		if (t->at == t->end)
			break;
		if (is_end(t, *t->at)) {
			take_end(t, w);
			if (w->n > 0 || w->end != '\0')
				return true;
			continue;
		}
		if (w->n == 0)
			w->line = t->line;
		if (w->n < LINT_WORDS_MAX)
			w->begins[w->n++] = w->text.len;
		take_word(t, &w->text);
	}
	return w->n > 0;
}

const char *lint_word(const struct lint_words *w, size_t i)
{
	return i < w->n ? w->text.data + w->begins[i] : "";
}

void lint_words_done(struct lint_words *w)
{
	buf_done(&w->text);
}
