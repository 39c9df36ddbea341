#include "agent/owncrl_rule.h"

#include <stdlib.h>
#include <string.h>

#include "agent/owncrl.h"
#include "agent/role/crlcall.h"
#include "agent/rule/crlwatch_rule.h"
#include "agent/rule/schedule.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

uint64_t owncrl_key(const char *serial)
{
	const size_t len = strlen(serial);

	return strtoull(serial + (len > 16 ? len - 16 : 0), NULL, 16);
}

/* -- what has come -- */

int owncrl_judge(const struct crl_part *known, const struct crl_answer *w, int64_t now,
		 struct err *e)
{
	char at[TEXT_TIME_MAX], ours[TEXT_TIME_MAX];

	if (w->verdict == CRL_UNVERIFIED)
		return err_set(e, ERR_TRUST, "the CRL cannot be verified here: %s",
			       w->facts.unverified);
	if (w->verdict == CRL_UNCHANGED && known->next_update != 0 &&
	    known->next_update <= now)
		return err_set(e, ERR_TRUST,
			       "the CRL has ended at %s, and there is no newer one",
			       text_time(at, known->next_update));
	if (w->verdict == CRL_GOOD && w->facts.this_update < known->this_update)
		return err_set(e, ERR_TRUST, "the CRL is of %s, older than one of %s",
			       text_time(at, w->facts.this_update),
			       text_time(ours, known->this_update));
	return 0;
}

enum crl_age owncrl_age(const struct crl_part *p, int64_t looked_at, int64_t public_s,
			int64_t now)
{
	int64_t next;
	const enum crl_age age = crl_age(p->this_update, p->next_update, now, &next);

	return age == CRL_FRESH && public_s != 0 &&
		       looked_at - p->this_update > public_s
		   ? CRL_LATE
		   : age;
}

int64_t owncrl_retry_at(const struct err *why, unsigned failures, int64_t until,
			int64_t now, uint32_t draw)
{
	if (why->code == ERR_LATER)
		return schedule_later_at(why->retry_at_ms / 1000, now);
	return clock_sooner(schedule_retry_at(why->code, failures, now, until, draw),
			    crl_look_at(0, 0, now, draw));
}

size_t own_members_asked(const struct own_members *m)
{
	const size_t rest = m->n - m->first;

	return rest > CRL_SERIALS_MAX ? CRL_SERIALS_MAX : rest;
}

size_t own_members_pass(struct own_members *m, bool more)
{
	const size_t asked = own_members_asked(m);
	size_t n = m->first, found;

	for (size_t i = m->first; i < m->n; i++) {
		m->who[n] = m->who[i];
		m->keys[n] = m->keys[i];
		n += m->who[i] != OWN_NONE;
	}
	found = m->n - n;
	m->n = n;
	if (!more || found == 0)
		m->first += asked - found;
	return found;
}
