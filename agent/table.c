#include "agent/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

static const char *const codes[] = {
	[COLOR_NONE] = "",        [COLOR_GOOD] = "\033[32m", [COLOR_WARN] = "\033[33m",
	[COLOR_BAD] = "\033[31m", [COLOR_FAINT] = "\033[2m",
};

static void add(struct table *t, enum table_color color, char *text)
{
	if ((t->n & (t->n - 1)) == 0) /* grow at each power of two */
		t->cells =
		    xrealloc(t->cells, t->n == 0 ? 1 : t->n * 2, sizeof(*t->cells));
	t->cells[t->n++] = (struct table_cell){ .text = text, .color = color };
}

/* Owned; `s` is freed. */
static char *escaped(char *s)
{
	AUTO_FREE char *raw = s;
	AUTO_BUF struct buf out = { 0 };

	text_escape(&out, raw, strlen(raw), SIZE_MAX);
	return xstrdup(out.data == NULL ? "" : out.data);
}

void table_begin(struct table *t, bool color, const char *const *heads, size_t columns)
{
	assert(columns <= TABLE_COLUMNS);
	*t = (struct table){ .columns = columns, .color = color };
	for (size_t i = 0; i < columns; i++)
		add(t, COLOR_FAINT, xstrdup(heads[i]));
}

void table_put(struct table *t, enum table_color color, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(t, color, escaped(xvasprintf(fmt, ap)));
	va_end(ap);
}

void table_note(struct table *t, const char *fmt, ...)
{
	struct table_cell *last = &t->cells[t->n - 1];
	AUTO_FREE char *before = last->note;
	AUTO_FREE char *note = NULL;
	va_list ap;

	va_start(ap, fmt);
	note = escaped(xvasprintf(fmt, ap));
	va_end(ap);
	last->note = xasprintf("%s%s%s", before == NULL ? "" : before,
			       before == NULL ? "" : "; ", note);
}

/* Characters, not bytes: the bar is drawn with some of three. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct table *t, const struct table_cell *c, size_t pad,
		       FILE *to)
{
	const bool color = t->color && c->color != COLOR_NONE;

	fprintf(to, "%s%s%s%*s", color ? codes[c->color] : "", c->text,
		color ? "\033[0m" : "", (int)pad, "");
}

/* Broken at spaces; a word longer than a line stays whole. */
static void print_note(const char *note, FILE *to)
{
	size_t at = TABLE_WIDTH;

	for (const char *word = note + strspn(note, " "); *word != '\0';) {
		size_t len = strcspn(word, " ");

		if (at + 1 + len > TABLE_WIDTH) {
			fprintf(to, "%s    ", word == note ? "" : "\n");
			at = 4;
		} else {
			fputc(' ', to);
			at++;
		}
		fprintf(to, "%.*s", (int)len, word);
		at += len;
		word += len;
		word += strspn(word, " ");
	}
	fputc('\n', to);
}

void table_print(const struct table *t, FILE *to)
{
	size_t width[TABLE_COLUMNS] = { 0 };

	assert(t->n % t->columns == 0);
	if (t->n == t->columns)
		return;
	for (size_t i = 0; i < t->n; i++) {
		size_t w = width_of(t->cells[i].text);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t k = i % t->columns;
		bool last = k == t->columns - 1;

		print_cell(t, &t->cells[i],
			   last ? 0 : width[k] - width_of(t->cells[i].text) + 2, to);
		if (!last)
			continue;
		fputc('\n', to);
		if (t->cells[i].note != NULL)
			print_note(t->cells[i].note, to);
	}
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->cells[i].text);
		free(t->cells[i].note);
	}
	free(t->cells);
}
