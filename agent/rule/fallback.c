#include "agent/rule/fallback.h"

#include "base/err.h"

/* Whether the issuer that was asked is given up. */
static bool gives_up(struct fallback *f, int code, int64_t wait_s)
{
	switch (code) {
	case ERR_REFUSED:
		return true;
	case ERR_NET:
	case ERR_PROTO:
	case ERR_LIMIT:
	case ERR_TRUST:
		return ++f->failures >= FALLBACK_FAILURES;
	case ERR_LATER:
		return wait_s > FALLBACK_LATER_S;
	default:
		return false;
	}
}

bool fallback_after(struct fallback *f, unsigned n_issuers, int code, int64_t wait_s)
{
	if (f->asked >= n_issuers) /* the list was another one then */
		*f = (struct fallback){ 0 };
	if (!gives_up(f, code, wait_s))
		return false;
	f->failures = 0;
	f->asked = f->asked + 1 < n_issuers ? f->asked + 1 : 0;
	return f->asked != 0;
}
