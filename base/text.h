/* text: numbers, times and bytes as people and files write them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define TEXT_TIME_MAX 24 /* "2026-11-21T04:23:00Z" */
#define TEXT_SPAN_MAX 32 /* "29d 23h" */

/* "30d" "12h" "90m" "45s" into seconds; "10M" "64K" "1G" (of 1024) or "512" into bytes.
 * False: not one, or too large for its type; the result is then not written. */
bool text_span(const char *word, int64_t *seconds);
bool text_size(const char *word, uint64_t *bytes);
bool text_u64(const char *word, uint64_t max, uint64_t *v); /* decimal digits only */

/* RFC 3339 in UTC; before year 0 and after 9999 the nearest that can be written.
 * Returns `out`. */
const char *text_time(char out[TEXT_TIME_MAX], int64_t at);

/* RFC 3339, of any offset, fractions of a second cut off; false: not that, and nothing
 * else before or after it. */
bool text_time_read(const char *word, int64_t *at);

/* The two largest units of a span, "29d 23h", "4m 10s", "30d", "now" for 0 and below. */
const char *text_span_of(char out[TEXT_SPAN_MAX], int64_t seconds);

/* Lower-case hex of n bytes into 2n+1. */
void text_hex(char *out, const void *data, size_t n);

/* The character that s begins with and its length in bytes; 0: `s` is empty or does not
 * begin with one of UTF-8 (RFC 3629: shortest form, no surrogates). */
size_t text_utf8(const char *s, size_t len, uint32_t *character);

/*
 * `s` for logs and messages about things from outside: what could move a terminal's
 * cursor, end a line or turn the direction of writing comes out as \n \r \t \xHH (each
 * byte), as do bytes that are not UTF-8; a backslash as \\. Of more than `max` bytes
 * the first ones, whole characters, and "...".
 */
void text_escape(struct buf *out, const char *s, size_t len, size_t max);

/* KEY="...", a field of a line in logfmt: escaped as above, and quotes, too. */
void text_field(struct buf *out, const char *key, const char *s, size_t len,
		size_t max);
