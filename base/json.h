/*
 * json: a writer that cannot produce a broken document (RFC 8259).
 *
 * Keys are put in snake_case by the caller, NULL inside an array. Strings are escaped;
 * each byte that is not UTF-8 becomes U+FFFD. One document: json_end() asserts that there
 * is one and that all of it is closed.
 *
 *     json_begin(&j, &out);
 *     json_open(&j, NULL, '{');
 *     json_str(&j, "name", name);
 *     json_open(&j, "names", '['); json_str(&j, NULL, x); json_close(&j);
 *     json_close(&j);
 *     json_end(&j);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define JSON_DEPTH 16 /* one of them for the document itself */

struct json {
	struct buf *out; /* borrowed */
	size_t depth;
	char close[JSON_DEPTH];
	bool more[JSON_DEPTH];
};

void json_begin(struct json *j, struct buf *out);
void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j);
void json_str(struct json *j, const char *key, const char *value); /* NULL: null */
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_time(struct json *j, const char *key, int64_t at); /* RFC 3339; 0: null */
/* A whole document that json_end() has seen. */
void json_document(struct json *j, const char *key, const struct buf *document);
void json_end(struct json *j);
