#include "acme/weblink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/mem.h"

#define SPACE " \t"

/* RFC 9110 5.6.2 */
#define TOKEN                                                              \
	"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm" \
	"nopqrstuvwxyz"

static void skip_space(const char **at)
{
	*at += strspn(*at, SPACE);
}

static bool skip(const char **at, char c)
{
	skip_space(at);
	if (**at != c)
		return false;
	++*at;
	return true;
}

/* RFC 9110 5.6.4: after a backslash a character stands for itself. */
static bool read_quoted(const char **at, struct buf *value)
{
	const char *c = *at + 1;

	for (; *c != '"'; c++) {
		if (*c == '\\')
			c++;
		if (*c == '\0')
			return false;
		buf_add(value, c, 1);
	}
	*at = c + 1;
	return true;
}

static bool read_value(const char **at, struct buf *value)
{
	size_t len;

	skip_space(at);
	if (**at == '"')
		return read_quoted(at, value);
	len = strspn(*at, TOKEN);
	buf_add(value, *at, len);
	*at += len;
	return len > 0;
}

/* Relations stand side by side, in any case (RFC 8288 2.1, 3.3). */
static bool lists(const struct buf *relations, const char *rel)
{
	const char *word = relations->data == NULL ? "" : relations->data;
	const size_t len = strlen(rel);

	for (; *word != '\0'; word += strcspn(word, SPACE)) {
		word += strspn(word, SPACE);
		if (strcspn(word, SPACE) == len && strncasecmp(word, rel, len) == 0)
			return true;
	}
	return false;
}

static bool is_called(const char *name, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(name, word, len) == 0;
}

struct link_said {
	bool has_rel;
	bool is_rel;
	bool anchored;
};

/* = RFC 8288 3.3 "The rel parameter MUST be present but MUST NOT appear more than once in a
 * given link-value; occurrences after the first MUST be ignored by parsers." [rel] */
static bool read_param(const char **at, const char *rel, struct link_said *said)
{
	AUTO_BUF struct buf value = { 0 };
	const char *name;
	size_t len;

	skip_space(at);
	name = *at;
	len = strspn(name, TOKEN);
	*at += len;
	if (skip(at, '=') && !read_value(at, &value))
		return false;
	if (is_called(name, len, "anchor"))
		said->anchored = true;
	if (!is_called(name, len, "rel") || said->has_rel)
		return true;
	said->has_rel = true;
	said->is_rel = lists(&value, rel);
	return true;
}

/* One link, from its "<" on. False: it breaks the grammar. */
static bool read_link(const char **at, const char *rel, char **url,
		      struct link_said *said)
{
	const char *open;
	size_t len;

	if (!skip(at, '<'))
		return false;
	open = *at;
	len = strcspn(open, ">");
	*at += len;
	if (!skip(at, '>'))
		return false;
	while (skip(at, ';'))
		if (!read_param(at, rel, said))
			return false;
	if (**at != ',' && **at != '\0')
		return false;
	*url = xstrndup(open, len);
	return true;
}

char *weblink_next(const char **at, const char *rel)
{
	for (;;) {
		AUTO_FREE char *url = NULL;
		struct link_said said = { .has_rel = false };

		while (skip(at, ',')) /* empty elements count for nothing */
			;
		if (**at == '\0' || !read_link(at, rel, &url, &said))
			return NULL;
		if (said.is_rel && !said.anchored)
			return TAKE(url);
	}
}
