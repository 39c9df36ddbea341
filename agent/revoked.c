#include "agent/revoked.h"

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/job.h"
#include "base/auto.h"
#include "base/mem.h"

/* The issuer that it did not come from: a chain of that one leads to the same CA. */
static void ask_next(const struct agent *a, uint32_t i, struct memory *m)
{
	const struct list issuers = a->spec->certs[i].issuers;
	const uint32_t from = a->certs[i].issuer;

	for (uint32_t k = 0; k < issuers.n; k++)
		if (a->spec->numbers[issuers.first + k] == from)
			m->fallback = (struct fallback){ .asked = (k + 1) % issuers.n };
}

static void apply(const struct agent *a, uint32_t i, uint32_t flag, struct memory *m)
{
	m->flags |= flag;
	if (m->state != JOB_PARKED)
		m->retry_at = 0;
	if (flag == CERT_CA_REVOKED)
		ask_next(a, i, m);
}

/* A job that is under way has its own copy of what is remembered. */
static void mark(struct agent *a, uint32_t i, uint32_t flag, const struct memory *m)
{
	struct job *j = job_of_cert(a, i);
	struct cert *c = &a->certs[i];

	if (j != NULL)
		j->memory.flags |= flag;
	c->flags |= flag;
	c->asked = (uint8_t)m->fallback.asked;
	if (c->state != JOB_PARKED)
		c->retry_at = 0;
	agenda_look(a, i);
}

int revoked_remember(struct agent *a, uint32_t i, uint32_t flag, struct err *e)
{
	const char *name = agent_cert_name(a, i);
	struct memory m;
	bool found;

	TRY(agent_write(a, e));
	TRY(state_get(a->state, name, &m, &found, e));
	apply(a, i, flag, &m);
	TRY(state_put(a->state, name, &m, e));
	mark(a, i, flag, &m);
	return 0;
}

void revoked_tell(struct agent *a, uint32_t i, uint64_t generation, const char *text)
{
	const char *name = agent_cert_name(a, i);
	AUTO_FREE char *words = xasprintf("generation %llu is revoked: %s",
					  (unsigned long long)generation, text);

	agent_tell(a, name, "revoked", generation, text);
	if (alarm_admit(a, name, "revoked", generation, NULL))
		job_note(a, i, WHY_REVOKED, EVENT_REVOKED, words);
}
