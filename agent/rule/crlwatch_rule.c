#include "agent/rule/crlwatch_rule.h"

#include <stddef.h>

int64_t crl_look_at(int64_t from, int64_t until, int64_t now, uint32_t draw)
{
	int64_t wait = until > from ? (until - from) / 8 : CRL_LOOK_S;

	if (wait > CRL_LOOK_S)
		wait = CRL_LOOK_S;
	if (wait < CRL_LOOK_LEAST_S)
		wait = CRL_LOOK_LEAST_S;
	/* By up to a tenth: not all hosts at the same second. */
	return now + wait - (wait / 10 * (int64_t)(draw >> 1) >> 31);
}

struct crl_number crl_floor(const struct crl_number *number, int64_t until, int64_t now)
{
	const struct crl_number none = { .len = 0 };

	return until != 0 && until <= now ? none : *number;
}

enum crl_age crl_age(int64_t from, int64_t until, int64_t now, int64_t *next)
{
	const int64_t life = until > from ? until - from : 0;
	const int64_t begins[] = { until - life / 2, until - life / 4, until };
	enum crl_age age = CRL_FRESH;

	*next = INT64_MAX;
	if (until == 0)
		return age;
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		if (now < begins[i]) {
			*next = begins[i];
			break;
		}
		age = (enum crl_age)(CRL_LATE + i);
	}
	return age;
}

enum crl_age crl_loaded_age(int64_t loaded_until, int64_t from, int64_t until,
			    int64_t now, int64_t *next)
{
	const int64_t life = until > from ? until - from : 0;
	const int64_t old_at =
	    loaded_until < until ? loaded_until - life / 4 : loaded_until;

	*next = INT64_MAX;
	if (loaded_until == 0)
		return CRL_FRESH;
	if (loaded_until <= now)
		return CRL_OVER;
	*next = now < old_at ? old_at : loaded_until;
	return now < old_at ? CRL_FRESH : CRL_OLD;
}

int64_t crl_load_at(int64_t loaded_until, int64_t from, int64_t until)
{
	if (loaded_until == 0 || loaded_until == until)
		return INT64_MAX;
	return loaded_until - (until > from ? (until - from) / 2 : 0);
}
