/*
 * base64: as EST (RFC 8951 3) and JSON have it (RFC 4648 4), in lines of any length that end
 * as they like, or in one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

/* Appended to `out`. False: it is none, or not all of it, and nothing is. */
bool base64_read(const char *text, size_t len, struct buf *out);

/* In lines of 64, the last one ended too. */
int base64_lines(const void *data, size_t len, struct buf *out, struct err *e);
