/* json: a document that is read is written, and what is written is read as the same. */
#include "base/auto.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

#define DEEP 8

/* All that getters say of a value; strings only where it has some. */
static void put(struct json *j, const struct doc *doc, int depth)
{
	const char *key;

	json_open(j, NULL, '[');
	for (size_t i = 0; (key = doc_key_at(doc, i)) != NULL; i++) {
		json_str(j, NULL, key);
		json_str(j, NULL, doc_str(doc, key));
		json_int(j, NULL, doc_int(doc, key, -1));
		json_bool(j, NULL, doc_true(doc, key));
		if (depth < DEEP)
			put(j, doc_member(doc, key), depth + 1);
	}
	for (size_t i = 0; i < doc_len(doc); i++) {
		json_str(j, NULL, doc_str_at(doc, i));
		if (depth < DEEP)
			put(j, doc_at(doc, i), depth + 1);
	}
	json_close(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF struct buf text = { 0 }, out = { 0 };
	AUTO_DOC struct doc *doc = NULL, *again = NULL;
	struct err e = { .text = "" };
	struct json j;

	buf_add(&text, data, len);
	if (doc_parse(&text, &doc, &e) < 0) {
		assert(doc == NULL && e.text[0] != '\0');
		return 0;
	}
	json_begin(&j, &out);
	json_open(&j, NULL, '{');
	json_open(&j, "said", '[');
	put(&j, doc, 0);
	json_close(&j);
	json_close(&j);
	json_end(&j);
	assert(doc_parse(&out, &again, &e) == 0 || e.code == ERR_LIMIT);
	return 0;
}
