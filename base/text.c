#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"

#define YEAR_0    (-62167219200) /* 0000-01-01T00:00:00Z */
#define YEAR_9999 253402300799   /* 9999-12-31T23:59:59Z */

struct unit {
	char letter;
	uint64_t worth;
};

static const struct unit spans[] = {
	{ 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 }, { 0, 0 }
};
static const struct unit sizes[] = {
	{ 'G', 1 << 30 }, { 'M', 1 << 20 }, { 'K', 1 << 10 }, { '\0', 1 }, { 0, 0 }
};

/* The digits that `word` begins with; NULL if there are none, or more than `max`. */
static const char *digits(const char *word, uint64_t max, uint64_t *v)
{
	const char *s = word;

	*v = 0;
	for (; *s >= '0' && *s <= '9'; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (digit > max || *v > (max - digit) / 10)
			return NULL;
		*v = *v * 10 + digit;
	}
	return s == word ? NULL : s;
}

static bool measure(const char *word, const struct unit *units, uint64_t max,
		    uint64_t *v)
{
	uint64_t n;
	const char *rest = digits(word, max, &n);

	if (rest == NULL || (*rest != '\0' && rest[1] != '\0'))
		return false;
	for (; units->worth != 0; units++)
		if (units->letter == *rest && n <= max / units->worth) {
			*v = n * units->worth;
			return true;
		}
	return false;
}

bool text_span(const char *word, int64_t *seconds)
{
	uint64_t v;

	if (!measure(word, spans, INT64_MAX, &v))
		return false;
	*seconds = (int64_t)v;
	return true;
}

bool text_size(const char *word, uint64_t *bytes)
{
	return measure(word, sizes, UINT64_MAX, bytes);
}

bool text_u64(const char *word, uint64_t max, uint64_t *v)
{
	uint64_t n;
	const char *rest = digits(word, max, &n);

	if (rest == NULL || *rest != '\0')
		return false;
	*v = n;
	return true;
}

const char *text_time(char out[TEXT_TIME_MAX], int64_t at)
{
	time_t t = at < YEAR_0 ? YEAR_0 : at > YEAR_9999 ? YEAR_9999 : at;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	/* The remainders tell the compiler what the clamp has already made sure of. */
	snprintf(out, TEXT_TIME_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return out;
}

/* -- RFC 3339 5.6 -- */

/* `n` digits, a number from `min` to `max`. */
static bool number(const char **s, int n, int min, int max, int *v)
{
	*v = 0;
	for (int i = 0; i < n; i++) {
		if (**s < '0' || **s > '9')
			return false;
		*v = *v * 10 + *(*s)++ - '0';
	}
	return *v >= min && *v <= max;
}

static bool skip(const char **s, const char *any)
{
	if (**s == '\0' || strchr(any, **s) == NULL)
		return false;
	++*s;
	return true;
}

static bool read_date_time(const char **s, struct tm *tm)
{
	return number(s, 4, 0, 9999, &tm->tm_year) && skip(s, "-") &&
	       number(s, 2, 1, 12, &tm->tm_mon) && skip(s, "-") &&
	       number(s, 2, 1, 31, &tm->tm_mday) && skip(s, "Tt") &&
	       number(s, 2, 0, 23, &tm->tm_hour) && skip(s, ":") &&
	       number(s, 2, 0, 59, &tm->tm_min) && skip(s, ":") &&
	       number(s, 2, 0, 60, &tm->tm_sec);
}

static bool pass_fraction(const char **s)
{
	int digit;

	if (!skip(s, "."))
		return true;
	if (!number(s, 1, 0, 9, &digit))
		return false;
	while (**s >= '0' && **s <= '9')
		++*s;
	return true;
}

static bool read_offset(const char **s, int *seconds)
{
	const int sign = **s == '-' ? -1 : 1;
	int hours, minutes;

	*seconds = 0;
	if (skip(s, "Zz"))
		return true;
	if (!skip(s, "+-") || !number(s, 2, 0, 23, &hours) || !skip(s, ":") ||
	    !number(s, 2, 0, 59, &minutes))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool text_time_read(const char *word, int64_t *at)
{
	struct tm tm = { 0 };
	int offset_s, day;
	int64_t t;

	if (!read_date_time(&word, &tm) || !pass_fraction(&word) ||
	    !read_offset(&word, &offset_s) || *word != '\0')
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (tm.tm_sec == 60) /* a leap second: Unix time has none */
		tm.tm_sec = 59;
	day = tm.tm_mday;
	t = timegm(&tm);
	if (tm.tm_mday != day) /* the 31st of a month of 30 days */
		return false;
	*at = t - offset_s;
	return true;
}

const char *text_span_of(char out[TEXT_SPAN_MAX], int64_t seconds)
{
	uint64_t left = (uint64_t)seconds, first, second;
	const struct unit *u = spans;

	if (seconds <= 0) {
		memcpy(out, "now", sizeof("now"));
		return out;
	}
	while (left < u->worth)
		u++;
	first = left / u->worth;
	second = u[1].worth == 0 ? 0 : left % u->worth / u[1].worth;
	if (second == 0)
		snprintf(out, TEXT_SPAN_MAX, "%" PRIu64 "%c", first, u->letter);
	else
		snprintf(out, TEXT_SPAN_MAX, "%" PRIu64 "%c %u%c", first, u->letter,
			 (unsigned)second % 100, u[1].letter);
	return out;
}

void text_hex(char *out, const void *data, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *byte = data;

	for (size_t i = 0; i < n; i++) {
		*out++ = hex[byte[i] >> 4];
		*out++ = hex[byte[i] & 15];
	}
	*out = '\0';
}

size_t text_utf8(const char *s, size_t len, uint32_t *character)
{
	/* By length: the lowest character that needs it; shorter forms are forgeries. */
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = len == 0 ? 0xff : (unsigned char)*s;
	size_t n = lead < 0x80             ? 1
		   : (lead & 0xe0) == 0xc0 ? 2
		   : (lead & 0xf0) == 0xe0 ? 3
		   : (lead & 0xf8) == 0xf0 ? 4
					   : 0;
	uint32_t c = n == 1 ? lead : lead & (0xffu >> (n + 1));

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		unsigned char next = (unsigned char)s[i];

		if ((next & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (next & 0x3f);
	}
	if (c < lowest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*character = c;
	return n;
}

/* C0, DEL, C1; line and paragraph separators, and marks that reorder what follows. */
static bool is_plain(uint32_t c)
{
	return c >= 0x20 && (c < 0x7f || c > 0x9f) && (c < 0x2028 || c > 0x202e) &&
	       (c < 0x2066 || c > 0x2069) && c != 0x200e && c != 0x200f && c != 0x61c &&
	       c != '\\';
}

static void escape_bytes(struct buf *out, const char *s, size_t n)
{
	static const char from[] = "\n\r\t\\", to[] = "nrt\\";
	const char *known = memchr(from, *s, sizeof(from) - 1);

	if (known != NULL) {
		buf_printf(out, "\\%c", to[known - from]);
		return;
	}
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "\\x%02x", (unsigned)(unsigned char)s[i]);
}

void text_escape(struct buf *out, const char *s, size_t len, size_t max)
{
	size_t at = 0;

	while (at < len) {
		uint32_t c = 0;
		size_t n = text_utf8(s + at, len - at, &c);
		size_t step = n == 0 ? 1 : n;

		if (step > max - at)
			break;
		if (n == 0 || !is_plain(c))
			escape_bytes(out, s + at, step);
		else
			buf_add(out, s + at, step);
		at += step;
	}
	if (at < len)
		buf_puts(out, "...");
}

void text_field(struct buf *out, const char *key, const char *s, size_t len, size_t max)
{
	AUTO_BUF struct buf safe = { 0 };

	text_escape(&safe, s, len, max);
	buf_printf(out, "%s=\"", key);
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.data[i] == '"')
			buf_add(out, "\\", 1);
		buf_add(out, &safe.data[i], 1);
	}
	buf_add(out, "\"", 1);
}
