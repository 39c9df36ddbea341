#include "base/doc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <jansson.h>

#include "base/err.h"
#include "base/mem.h"

static const json_t *json(const struct doc *doc)
{
	return (const json_t *)(const void *)doc;
}

static const struct doc *doc_of(const json_t *j)
{
	return (const struct doc *)(const void *)j;
}

/* Depth and number of values are known from the text; the parser would need a frame for
 * each level, and 100 times the bytes of "[[],[],[]". */
static int bound(const struct buf *text, struct err *e)
{
	size_t depth = 0, values = 1;
	bool quoted = false;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i];

		if (c == '\\' && quoted)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && depth > 0)
			depth--;
		values += !quoted && (c == ',' || c == '[' || c == '{');
		if (depth > LIMIT_DOC_DEPTH)
			return err_set(e, ERR_LIMIT, "JSON: more than %d levels",
				       LIMIT_DOC_DEPTH);
		if (values > LIMIT_DOC_VALUES)
			return err_set(e, ERR_LIMIT, "JSON: more than %d values",
				       LIMIT_DOC_VALUES);
	}
	return 0;
}

/* jansson would read /dev/urandom, which a sandbox does not have, and go by the time. */
static void seed_hashes(void)
{
	unsigned seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) == sizeof(seed))
		json_object_seed(seed | 1); /* the first one stands */
}

int doc_parse(const struct buf *text, struct doc **doc, struct err *e)
{
	json_error_t why;
	json_t *j;

	TRY(bound(text, e));
	json_set_alloc_funcs(xmalloc, free);
	seed_hashes();
	j = json_loadb(text->data == NULL ? "" : text->data, text->len,
		       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (j == NULL)
		return err_set(e, ERR_PROTO, "no JSON: line %d, column %d", why.line,
			       why.column);
	*doc = (struct doc *)(void *)j;
	return 0;
}

void doc_free(struct doc *doc)
{
	json_decref((json_t *)(void *)doc);
}

static const char *string(const json_t *j)
{
	const char *s = json_string_value(j);

	return s != NULL && strlen(s) == json_string_length(j) ? s : NULL;
}

const struct doc *doc_member(const struct doc *doc, const char *key)
{
	return doc_of(json_object_get(json(doc), key));
}

const char *doc_str(const struct doc *doc, const char *key)
{
	return string(json(doc_member(doc, key)));
}

int64_t doc_int(const struct doc *doc, const char *key, int64_t otherwise)
{
	const json_t *j = json(doc_member(doc, key));

	return json_is_integer(j) ? json_integer_value(j) : otherwise;
}

bool doc_true(const struct doc *doc, const char *key)
{
	return json_is_true(json(doc_member(doc, key)));
}

size_t doc_len(const struct doc *doc)
{
	return json_array_size(json(doc));
}

const struct doc *doc_at(const struct doc *doc, size_t i)
{
	return doc_of(json_array_get(json(doc), i));
}

const char *doc_str_at(const struct doc *doc, size_t i)
{
	return string(json(doc_at(doc, i)));
}

const char *doc_key_at(const struct doc *doc, size_t i)
{
	/* jansson's iterators want a value they could change; these do not. */
	json_t *j = (json_t *)(uintptr_t)doc;
	void *at = json_object_iter(j);

	while (at != NULL && i-- > 0)
		at = json_object_iter_next(j, at);
	return at == NULL ? NULL : json_object_iter_key(at);
}
