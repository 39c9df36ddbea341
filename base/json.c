#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static void put_escape(struct buf *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *known = memchr(from, c, sizeof(from) - 1);

	if (known != NULL)
		buf_printf(out, "\\%c", to[known - from]);
	else
		buf_printf(out, "\\u%04x", (unsigned)c);
}

/* = RFC 8259 7 "All Unicode characters may be placed within the quotation marks, except
 * for the characters that MUST be escaped: quotation mark, reverse solidus, and the
 * control characters (U+0000 through U+001F)." [json-escape] */
static void put_string(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	buf_add(out, "\"", 1);
	while (len > 0) {
		uint32_t c = 0;
		size_t n = text_utf8(s, len, &c);
		size_t step = n == 0 ? 1 : n;

		if (n == 0)
			buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (c < 0x20 || c == '"' || c == '\\')
			put_escape(out, (unsigned char)c);
		else
			buf_add(out, s, n);
		s += step;
		len -= step;
	}
	buf_add(out, "\"", 1);
}

/* All that stands before a value: the comma and the key. */
static void put_key(struct json *j, const char *key)
{
	bool in_object = j->close[j->depth] == '}';

	assert(in_object == (key != NULL));
	assert(j->depth > 0 || !j->more[0]); /* one document */
	if (j->more[j->depth])
		buf_add(j->out, ",", 1);
	j->more[j->depth] = true;
	if (key != NULL) {
		put_string(j->out, key);
		buf_add(j->out, ":", 1);
	}
}

void json_begin(struct json *j, struct buf *out)
{
	*j = (struct json){ .out = out };
}

void json_open(struct json *j, const char *key, char bracket)
{
	assert(bracket == '{' || bracket == '[');
	assert(j->depth + 1 < JSON_DEPTH);
	put_key(j, key);
	j->depth++;
	j->close[j->depth] = bracket == '{' ? '}' : ']';
	j->more[j->depth] = false;
	buf_add(j->out, &bracket, 1);
}

void json_close(struct json *j)
{
	assert(j->depth > 0);
	buf_add(j->out, &j->close[j->depth], 1);
	j->depth--;
}

void json_str(struct json *j, const char *key, const char *value)
{
	put_key(j, key);
	if (value == NULL)
		buf_puts(j->out, "null");
	else
		put_string(j->out, value);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	put_key(j, key);
	buf_printf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	put_key(j, key);
	buf_puts(j->out, value ? "true" : "false");
}

void json_time(struct json *j, const char *key, int64_t at)
{
	char text[TEXT_TIME_MAX];

	json_str(j, key, at == 0 ? NULL : text_time(text, at));
}

void json_document(struct json *j, const char *key, const struct buf *document)
{
	put_key(j, key);
	buf_add(j->out, document->data, document->len);
}

void json_end(struct json *j)
{
	assert(j->depth == 0 && j->more[0]);
}
