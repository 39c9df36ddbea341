#include "agent/config/config_report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/config/config_reader.h"
#include "base/text.h"

#define SHOWN_MAX 60 /* bytes of a value in a message */
#define WORD_MAX  31 /* of a setting's name that is looked at for a suggestion */

/* What people call the list member `s`, or NULL. */
static const char *label(const config_setting_t *s)
{
	const config_setting_t *m = config_member(s, "name");

	if (m == NULL)
		m = config_member(s, "names");
	if (m != NULL && config_items(m) > 0)
		m = config_item(m, 0);
	return m == NULL ? NULL : config_setting_get_string(m);
}

/* A group that stands where the list could, as in certificates = { ... }; */
static void add_lone_label(struct buf *out, const config_setting_t *s, const char *list)
{
	const char *name = s->parent->parent == NULL ? label(s) : NULL;

	if (name == NULL || strcmp(list, "defaults") == 0)
		return;
	buf_puts(out, ".");
	text_escape(out, name, strlen(name), SHOWN_MAX);
}

static void add_path(struct buf *out, const config_setting_t *s)
{
	const char *name;

	if (s->parent == NULL)
		return;
	add_path(out, s->parent);
	name = config_setting_name(s);
	if (name == NULL)
		name = label(s);
	if (name == NULL) {
		buf_printf(out, "[%d]", config_setting_index(s));
		return;
	}
	if (s->parent->parent != NULL)
		buf_puts(out, ".");
	text_escape(out, name, strlen(name), SHOWN_MAX);
	add_lone_label(out, s, name);
}

static void add_value(struct buf *out, const config_setting_t *s)
{
	const char *word;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		word = config_setting_get_string(s);
		buf_puts(out, "\"");
		text_escape(out, word, strlen(word), SHOWN_MAX);
		buf_puts(out, "\"");
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		buf_printf(out, "the number %lld", config_setting_get_int64(s));
		break;
	case CONFIG_TYPE_FLOAT:
		buf_printf(out, "the number %g", config_setting_get_float(s));
		break;
	case CONFIG_TYPE_BOOL:
		buf_puts(out, config_setting_get_bool(s) ? "true" : "false");
		break;
	case CONFIG_TYPE_GROUP:
		buf_puts(out, "a group");
		break;
	default:
		buf_puts(out,
			 config_setting_length(s) == 0 ? "an empty list" : "a list");
	}
}

static void send(struct config_reader *r, bool warning, const config_setting_t *s,
		 const struct buf *text)
{
	if (!warning)
		r->errors++;
	r->host->report(r->host->arg, warning, config_source_of(s)->path,
			s->line == 0 ? 1 : s->line, text->data); /* the root has none */
}

/* "path: " */
static void begin(struct buf *out, const config_setting_t *s)
{
	add_path(out, s);
	if (out->len > 0)
		buf_puts(out, ": ");
}

__attribute__((format(printf, 2, 0))) static void add_format(struct buf *out,
							     const char *fmt,
							     va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	buf_puts(out, text);
}

void config_error(struct config_reader *r, const config_setting_t *s, const char *fmt,
		  ...)
{
	AUTO_BUF struct buf text = { 0 };
	va_list ap;

	begin(&text, s);
	va_start(ap, fmt);
	add_format(&text, fmt, ap);
	va_end(ap);
	send(r, false, s, &text);
}

void config_warn(struct config_reader *r, const config_setting_t *s, const char *fmt,
		 ...)
{
	AUTO_BUF struct buf text = { 0 };
	va_list ap;

	begin(&text, s);
	va_start(ap, fmt);
	add_format(&text, fmt, ap);
	va_end(ap);
	send(r, true, s, &text);
}

void config_expected(struct config_reader *r, const config_setting_t *s,
		     const char *fmt, ...)
{
	AUTO_BUF struct buf text = { 0 };
	va_list ap;

	begin(&text, s);
	buf_puts(&text, "found ");
	add_value(&text, s);
	buf_puts(&text, ", expected ");
	va_start(ap, fmt);
	add_format(&text, fmt, ap);
	va_end(ap);
	send(r, false, s, &text);
}

void config_missing(struct config_reader *r, const config_setting_t *s,
		    const char *member, const char *what)
{
	AUTO_BUF struct buf text = { 0 };

	add_path(&text, s);
	buf_printf(&text, "%s%s: found nothing, expected %s", text.len > 0 ? "." : "",
		   member, what);
	send(r, false, s, &text);
}

bool config_pair(struct config_reader *r, const config_setting_t *s, const char *has,
		 const char *needs, const char *what)
{
	const bool is_there = config_member(s, has) != NULL;

	if (is_there && config_member(s, needs) == NULL)
		config_missing(r, s, needs, what);
	return is_there;
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance of two words, the rest of long ones ignored. */
static unsigned distance(const char *a, const char *b)
{
	size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX);
	unsigned row[WORD_MAX + 1];

	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned above = row[j];

			row[j] = smallest(above + 1, row[j - 1] + 1,
					  diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}

void config_unknown(struct config_reader *r, const config_setting_t *s,
		    const struct config_rule *rules, unsigned types)
{
	const char *name = config_setting_name(s), *nearest = NULL;
	unsigned best = (unsigned)strnlen(name, WORD_MAX) / 3 + 2; /* a guess helps */

	for (; rules->name != NULL; rules++) {
		unsigned d = distance(name, rules->name);

		if (d < best && (rules->only == 0 || (rules->only & types) != 0)) {
			best = d;
			nearest = rules->name;
		}
	}
	if (nearest == NULL)
		config_error(r, s, "found an unknown setting");
	else
		config_error(r, s, "found an unknown setting, did you mean \"%s\"?",
			     nearest);
}
