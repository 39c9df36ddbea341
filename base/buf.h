/*
 * buf: bytes that grow. `data` is NULL while empty, else NUL-terminated one past
 * len. A zeroed struct is an empty buffer.
 */
#pragma once

#include <stddef.h>

struct buf {
	char *data; /* owned */
	size_t len;
	size_t cap;
};

#define AUTO_BUF __attribute__((cleanup(buf_done)))

/* Free what b owns; b is empty afterwards. The bytes are cleansed: what passes
 * through a buffer may have been a key. */
void buf_done(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Hand the bytes on: NUL-terminated, never NULL, owned by the caller. */
char *buf_take(struct buf *b);
