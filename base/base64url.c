#include "base/base64url.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

#define SPACE " \t\r\n"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_add(struct buf *out, const void *data, size_t len)
{
	const uint8_t *in = data;
	char four[4];

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;

		if (n > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			v |= in[i + 2];
		for (size_t k = 0; k <= n; k++)
			four[k] = alphabet[v >> (18 - 6 * k) & 63];
		buf_add(out, four, n + 1);
	}
}

/* 0 to 63, or -1. */
static int digit(char c, bool lenient)
{
	const char *at;

	if (lenient && (c == '+' || c == '/'))
		return c == '+' ? 62 : 63;
	at = c == '\0' ? NULL : strchr(alphabet, c);
	return at == NULL ? -1 : (int)(at - alphabet);
}

/* Without what stands around it in a file: white space, padding. */
static void strip(const char **text, size_t *len)
{
	while (*len > 0 && memchr(SPACE, **text, sizeof(SPACE) - 1) != NULL) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && memchr(SPACE, (*text)[*len - 1], sizeof(SPACE) - 1) != NULL)
		(*len)--;
	for (int i = 0; i < 2 && *len > 0 && (*text)[*len - 1] == '='; i++)
		(*len)--;
}

/* A last group of one digit holds no byte, and bits that are left over are zero. */
static bool ends_well(size_t len, uint32_t v)
{
	static const uint32_t rest[] = { 0, UINT32_MAX, 15, 3 };

	return (v & rest[len % 4]) == 0 && len % 4 != 1;
}

bool base64url_read(const char *text, size_t len, bool lenient, struct buf *out)
{
	AUTO_BUF struct buf got = { 0 };
	uint32_t v = 0;

	if (lenient)
		strip(&text, &len);
	for (size_t i = 0; i < len; i++) {
		int d = digit(text[i], lenient);
		uint8_t byte;

		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
		byte = (uint8_t)(v >> (6 - i % 4 * 2));
		if (i % 4 > 0)
			buf_add(&got, &byte, 1);
	}
	if (!ends_well(len, v))
		return false;
	buf_add(out, got.data, got.len);
	return true;
}

bool base64url_is(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (digit(text[i], false) < 0)
			return false;
	return len > 0;
}
