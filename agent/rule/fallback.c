#include "agent/rule/fallback.h"

#include "base/err.h"

static bool is_last(const struct fallback *f, unsigned n_issuers)
{
	return f->asked + 1 >= n_issuers;
}

/* Behind the last there is nobody to gain by leaving what it has begun. */
static bool puts_off(const struct fallback_failure *why, bool last)
{
	return why->put_off_s > FALLBACK_DUE_S ||
	       (why->wait_s > FALLBACK_LATER_S && !(last && why->ordered));
}

/* Whether the issuer that was asked is given up. */
static bool gives_up(struct fallback *f, const struct fallback_failure *why, bool last)
{
	switch (why->code) {
	case ERR_REFUSED:
		return true;
	case ERR_NET:
	case ERR_PROTO:
	case ERR_LIMIT:
	case ERR_TRUST:
		return ++f->failures >= FALLBACK_FAILURES;
	case ERR_LATER:
		return puts_off(why, last);
	default:
		return false;
	}
}

bool fallback_after(struct fallback *f, unsigned n_issuers,
		    const struct fallback_failure *why)
{
	if (f->asked >= n_issuers) /* the list was another one then */
		*f = (struct fallback){ 0 };
	if (!gives_up(f, why, is_last(f, n_issuers)))
		return false;
	f->failures = 0;
	f->asked = is_last(f, n_issuers) ? 0 : f->asked + 1;
	return f->asked != 0;
}
