#include "ca/crl_armor.h"

#include <string.h>

#include "base/err.h"

#define BEGIN   "-----BEGIN X509 CRL-----"
#define END     "-----END X509 CRL-----"
#define NOT_B64 0x80

/* What a character of base64 stands for; NOT_B64: it is none. */
static const uint8_t values[256] = {
#define ROW8  NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64
#define ROW16 ROW8, ROW8
	/* clang-format off */
	ROW16, ROW16, ROW8, NOT_B64, NOT_B64, NOT_B64, 62,
	NOT_B64, NOT_B64, NOT_B64, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61,
	NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
	NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64,
	26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
	39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
	NOT_B64, NOT_B64, NOT_B64, NOT_B64, NOT_B64,
	ROW16, ROW16, ROW16, ROW16, ROW16, ROW16, ROW16, ROW16,
/* clang-format on */
#undef ROW16
#undef ROW8
};

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void put_group(uint32_t bits, uint8_t **out)
{
	(*out)[0] = (uint8_t)(bits >> 16);
	(*out)[1] = (uint8_t)(bits >> 8);
	(*out)[2] = (uint8_t)bits;
	*out += 3;
}

/* Whole groups without anything between them, which is nearly all there is. */
static size_t body_groups(const uint8_t *at, size_t len, uint8_t **out)
{
	size_t done = 0;

	for (; len - done >= 4; done += 4) {
		const uint8_t a = values[at[done]], b = values[at[done + 1]];
		const uint8_t c = values[at[done + 2]], d = values[at[done + 3]];

		if (((a | b | c | d) & NOT_B64) != 0)
			break;
		put_group((uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d,
			  out);
	}
	return done;
}

/* The last group: one octet, or two. */
static void put_last(struct crl_armor *a, uint8_t **out)
{
	const uint32_t bits = a->bits << (a->n == 2 ? 12 : 6);

	*(*out)++ = (uint8_t)(bits >> 16);
	if (a->n == 3)
		*(*out)++ = (uint8_t)(bits >> 8);
}

static bool body_char(struct crl_armor *a, char c, uint8_t **out)
{
	const uint8_t v = values[(uint8_t)c];

	if (is_space(c))
		return true;
	if (c == '=') {
		if (a->pads == 0 && a->n < 2)
			return false;
		if (a->pads++ == 0)
			put_last(a, out);
		return a->n + a->pads <= 4;
	}
	if (c == '"' && a->is_json) {
		a->state = ARMOR_REST;
		return a->pads == 0 ? a->n == 0 : a->n + a->pads == 4;
	}
	if (c == '-' && !a->is_json) {
		a->state = ARMOR_END;
		a->line[0] = c;
		a->n_line = 1;
		return a->pads == 0 ? a->n == 0 : a->n + a->pads == 4;
	}
	if (v == NOT_B64 || a->pads > 0)
		return false;
	a->bits = a->bits << 6 | v;
	if (++a->n == 4) {
		put_group(a->bits, out);
		a->n = 0;
		a->bits = 0;
	}
	return true;
}

static size_t feed_body(struct crl_armor *a, const char *text, size_t len,
			uint8_t **out, bool *good)
{
	size_t at = 0;

	while (at < len && a->state == ARMOR_BODY && *good) {
		if (a->n == 0 && a->pads == 0)
			at += body_groups((const uint8_t *)text + at, len - at, out);
		if (at < len)
			*good = body_char(a, text[at++], out);
	}
	return at;
}

/* A line before or at the end of the block is whole. */
static int end_line(struct crl_armor *a, struct err *e)
{
	size_t n = a->n_line < CRL_LINE_MAX ? a->n_line : CRL_LINE_MAX;

	while (n > 0 && is_space(a->line[n - 1]))
		n--;
	a->line[n] = '\0';
	a->n_line = 0;
	if (a->state == ARMOR_END) {
		a->state = ARMOR_AFTER;
		return strcmp(a->line, END) == 0
			   ? 0
			   : err_set(e, ERR_PROTO, "PEM: its block is not ended");
	}
	if (strcmp(a->line, BEGIN) == 0)
		a->state = ARMOR_BODY;
	else if (strncmp(a->line, "-----BEGIN ", 11) == 0)
		return err_set(e, ERR_PROTO, "PEM: not a CRL, but %.*s",
			       (int)strcspn(a->line + 11, "-"), a->line + 11);
	return 0;
}

/* The word begins anew where it does not go on; nothing in it begins it but its first
 * character. */
static void json_char(struct crl_armor *a, char c)
{
	/* "result":" as Go writes it, without blanks. */
	static const char word[] = { '"', 'r', 'e', 's', 'u', 'l', 't', '"', ':', '"' };

	a->n_line = c == word[a->n_line] ? a->n_line + 1 : c == word[0];
	if (a->n_line == sizeof(word))
		a->state = ARMOR_BODY;
}

static int line_char(struct crl_armor *a, char c, struct err *e)
{
	if (a->state == ARMOR_BEFORE && ++a->n_before > LIMIT_CRL_BEFORE)
		return err_set(e, ERR_PROTO,
			       "neither DER nor PEM: there is no CRL in "
			       "its first 64 kB");
	if (a->n_line == 0 && c == '<')
		return err_set(e, ERR_PROTO, "it is a web page, not a CRL");
	if (a->n_before == 1 && c == '\x1f')
		return err_set(e, ERR_PROTO, "it is compressed (gzip), not a CRL");
	if (a->n_before == 1 && c == '{') {
		a->state = ARMOR_JSON;
		a->is_json = true;
		return 0;
	}
	if (c == '\n')
		return end_line(a, e);
	if (a->n_line < CRL_LINE_MAX)
		a->line[a->n_line] = c;
	a->n_line++;
	return 0;
}

static int feed(struct crl_armor *a, const char *text, size_t len, uint8_t **to,
		struct err *e)
{
	bool good = true;
	size_t at = 0;

	while (at < len) {
		if (a->state == ARMOR_BODY) {
			at += feed_body(a, text + at, len - at, to, &good);
		} else if (a->state == ARMOR_JSON) {
			if (++a->n_before > LIMIT_CRL_BEFORE)
				return err_set(e, ERR_PROTO,
					       "JSON: there is no CRL in its first "
					       "64 kB");
			json_char(a, text[at++]);
		} else if (a->state == ARMOR_REST) {
			at = len;
		} else if (a->state == ARMOR_AFTER) {
			if (!is_space(text[at++]))
				return err_set(e, ERR_PROTO,
					       "something stands after the CRL");
		} else {
			TRY(line_char(a, text[at++], e));
		}
		if (!good)
			return err_set(e, ERR_PROTO, "PEM: this is no base64");
	}
	return 0;
}

int crl_armor_feed(struct crl_armor *a, const char *text, size_t len, uint8_t *out,
		   size_t *n_out, struct err *e)
{
	uint8_t *to = out;
	int rc = feed(a, text, len, &to, e);

	*n_out = (size_t)(to - out);
	return rc;
}

int crl_armor_end(struct crl_armor *a, struct err *e)
{
	if (a->state == ARMOR_END)
		TRY(end_line(a, e)); /* the last line need not be ended */
	if (a->state == ARMOR_BEFORE)
		return err_set(e, ERR_PROTO,
			       "neither DER nor PEM: there is no CRL in it");
	if (a->state == ARMOR_JSON)
		return err_set(e, ERR_PROTO, "JSON: there is no CRL in it");
	if (a->state == ARMOR_BODY)
		return err_set(e, ERR_PROTO, "it is cut off inside of its PEM block");
	return 0;
}
