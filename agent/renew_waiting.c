#include "agent/renew.h"

#include <stdio.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/job.h"
#include "agent/report.h"
#include "agent/role/log.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

/* Would it be due, had it not failed before? */
static bool waits(const struct agent *a, uint32_t i, int64_t now, struct due *d)
{
	const struct spec_cert *c = &a->spec->certs[i];
	struct cert cert = a->certs[i];

	if (!a->wanted[i] || a->tried[i] || cert.retry_at <= now)
		return false;
	cert.retry_at = 0;
	*d = due(c, a->spec->numbers + c->issuers.first, &cert, now);
	return d->at <= now;
}

static void tell_parked(const struct agent *a, uint32_t i, const char *error)
{
	char at[TEXT_TIME_MAX];

	log_error("%s: parked until %s: %s (the next run goes on)",
		  agent_cert_name(a, i), text_time(at, a->certs[i].retry_at), error);
}

static void tell_failing(const struct agent *a, uint32_t i, enum why why,
			 const char *error)
{
	const struct cert *c = &a->certs[i];
	char at[TEXT_TIME_MAX];

	log_error("%s: %s, and not tried again before %s, after %u failure%s in a row, "
		  "the last of which was: %s; `everleaf renew %s` tries now",
		  agent_cert_name(a, i), why_word(why), text_time(at, c->retry_at),
		  c->failures, c->failures == 1 ? "" : "s", error,
		  agent_cert_name(a, i));
}

/* What it waits after, and until when. */
static void tell_one(struct agent *a, uint32_t i, enum why why)
{
	const bool is_parked = a->certs[i].state == JOB_PARKED;
	struct memory m;
	struct err e;
	bool found;

	if (state_get(a->state, agent_cert_name(a, i), &m, &found, &e) < 0)
		snprintf(m.last_error, sizeof(m.last_error), "%s", e.text);
	report_waiting(a, i, is_parked ? "parked" : "waiting", why, m.last_error);
	if (is_parked)
		tell_parked(a, i, m.last_error);
	else
		tell_failing(a, i, why, m.last_error);
}

void renew_waiting(struct agent *a)
{
	int64_t now = clock_now();

	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		struct due d;

		if (!waits(a, i, now, &d))
			continue;
		a->n_failed++;
		tell_one(a, i, d.why);
	}
	crlwatch_tell_waiting(a);
}
