/*
 * fuzz: what the targets share. A target is tests/fuzz/NAME_fuzz.c with one function,
 * which gives its input to parsers of the rooms and asserts what holds for every input;
 * what it takes to reach their ends stands in tests/fuzz/seeds/NAME, each input that has
 * found something among them.
 *
 * Every text is a copy that ends where it ends, so that AddressSanitizer sees the octet
 * behind it.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What is left of the input. */
struct fuzz {
	const uint8_t *at;
	size_t len;
};

static inline uint8_t fuzz_byte(struct fuzz *f)
{
	if (f->len == 0)
		return 0;
	f->len--;
	return *f->at++;
}

/* Up to the next `end`, or all; not beyond a NUL. Owned. */
static inline char *fuzz_text(struct fuzz *f, char end)
{
	const uint8_t *to = f->len == 0 ? NULL : memchr(f->at, end, f->len);
	const size_t n = to == NULL ? f->len : (size_t)(to - f->at);
	const char *at = n == 0 ? "" : (const char *)f->at;
	char *text = xstrndup(at, strnlen(at, n));

	f->at += n + (to != NULL);
	f->len -= n + (to != NULL);
	return text;
}
