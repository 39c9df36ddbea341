/* text: numbers, times and bytes as people and files write them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define TEXT_TIME_MAX 24 /* "2026-11-21T04:23:00Z" */
#define TEXT_SPAN_MAX 24 /* "29d 23h" */

/* "30d" "12h" "90m" "45s" into seconds; "10M" into bytes. False: not one. */
bool text_span(const char *word, int64_t *seconds);
bool text_size(const char *word, uint64_t *bytes);
bool text_u64(const char *word, uint64_t max, uint64_t *v); /* decimal digits only */

/* RFC 3339 in UTC. Returns `out`. */
const char *text_time(char out[TEXT_TIME_MAX], int64_t at);

/* The two largest units of a span, "29d 23h", "4m 10s", "now" for 0 and below. */
const char *text_span_of(char out[TEXT_SPAN_MAX], int64_t seconds);

/* Lower-case hex of n bytes into 2n+1. */
void text_hex(char *out, const void *data, size_t n);

/* `s` with control bytes, invalid UTF-8 and backslashes escaped, at most `max` bytes
 * of it: for logs and messages about things from outside. */
void text_escape(struct buf *out, const char *s, size_t len, size_t max);
