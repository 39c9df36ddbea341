#include "ca/crl_der.h"

#include <string.h>
#include <time.h>

#define ZEROS 0x3030303030303030ULL
#define HIGHS 0xf0f0f0f0f0f0f0f0ULL

/* Eight octets at once: each is 0x30 to 0x39. */
static bool are_digits(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return (v & HIGHS) == ZEROS && ((v + 0x0606060606060606ULL) & HIGHS) == ZEROS;
}

bool der_is_oid(const struct der *d)
{
	bool begins = true;

	for (size_t i = 0; i < d->len; i++) {
		if (begins && d->at[i] == 0x80)
			return false;
		begins = d->at[i] < 0x80;
	}
	return d->len > 0 && begins;
}

bool der_is_time(uint8_t tag, const struct der *d)
{
	if (tag == DER_UTC)
		return d->len == 13 && are_digits(d->at) && are_digits(d->at + 4) &&
		       d->at[12] == 'Z';
	return tag == DER_GENERALIZED && d->len == 15 && are_digits(d->at) &&
	       are_digits(d->at + 6) && d->at[14] == 'Z';
}

static int two(const uint8_t *at)
{
	return (at[0] - '0') * 10 + (at[1] - '0');
}

/* = RFC 5280 4.1.2.5.1 "Where YY is greater than or equal to 50, the year SHALL be
 * interpreted as 19YY" [utctime] */
bool der_time(uint8_t tag, const struct der *d, int64_t *at)
{
	const uint8_t *t = d->at;
	struct tm tm = { 0 }, same;
	int year;

	if (!der_is_time(tag, d))
		return false;
	if (tag == DER_UTC) {
		year = two(t) >= 50 ? 1900 + two(t) : 2000 + two(t);
		t += 2;
	} else {
		year = two(t) * 100 + two(t + 2);
		t += 4;
	}
	tm = (struct tm){ .tm_year = year - 1900,
			  .tm_mon = two(t) - 1,
			  .tm_mday = two(t + 2),
			  .tm_hour = two(t + 4),
			  .tm_min = two(t + 6),
			  .tm_sec = two(t + 8) };
	same = tm;
	*at = timegm(&tm);
	return tm.tm_mon == same.tm_mon && tm.tm_mday == same.tm_mday &&
	       tm.tm_hour == same.tm_hour && tm.tm_min == same.tm_min &&
	       tm.tm_sec == same.tm_sec;
}
