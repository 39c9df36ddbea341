/*
 * doc: a JSON document (RFC 8259) that came from outside, on jansson. For workers.
 *
 * It was bounded in size when it was received; how deep and of how many values it may be
 * is looked at before it is parsed. A document with a member twice is none. Getters
 * answer NULL, 0 or `otherwise` for what is missing or of another type: unknown members
 * are ignored and wrong ones are missing, so a reader asks only for what it needs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct doc; /* a value within a document; opaque */

#define LIMIT_DOC_DEPTH  32
#define LIMIT_DOC_VALUES 16384 /* of 200 bytes each; an order of 100 names has 600 */

#define AUTO_DOC __attribute__((cleanup(doc_done_)))

/* The caller owns *doc. ERR_PROTO, ERR_LIMIT. */
int doc_parse(const struct buf *text, struct doc **doc, struct err *e);
void doc_free(struct doc *doc);

static inline void doc_done_(struct doc **doc)
{
	doc_free(*doc);
}

/* Borrowed from the document; a NULL `doc` has no members. A string with a NUL in it is
 * missing. */
const char *doc_str(const struct doc *doc, const char *key);
int64_t doc_int(const struct doc *doc, const char *key, int64_t otherwise);
bool doc_true(const struct doc *doc, const char *key); /* it is there, and true */
const struct doc *doc_member(const struct doc *doc, const char *key);

/* Of an array: its length (0 for anything else), its members, its strings. */
size_t doc_len(const struct doc *doc);
const struct doc *doc_at(const struct doc *doc, size_t i);
const char *doc_str_at(const struct doc *doc, size_t i);

/* The i-th key of an object, or NULL after the last. */
const char *doc_key_at(const struct doc *doc, size_t i);
