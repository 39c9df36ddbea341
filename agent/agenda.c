#include "agent/agenda.h"

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/ari.h"
#include "agent/job.h"
#include "agent/nextkey.h"
#include "agent/owncrl.h"
#include "agent/proof.h"
#include "agent/rootwatch.h"
#include "base/clock.h"

#define NOW INT64_MIN

void agenda_all(struct agent *a)
{
	for (uint32_t i = 0; i < a->agenda.room; i++)
		agenda_look(a, i);
}

void agenda_look(struct agent *a, uint32_t i)
{
	if (i >= a->agenda.room) /* no loop, no agenda */
		return;
	heap_take(&a->due, i);
	heap_put(&a->agenda, i, NOW);
}

/* Whether this run is still there at the moment `at` of certificate `i`: the agent is, and
 * others wait for a CA that said when. */
static bool waits_for(const struct agent *a, uint32_t i, int64_t at)
{
	return a->request->command == COMMAND_AGENT ||
	       (a->certs[i].state == JOB_PARKED && at <= a->wait_until_ms / 1000);
}

int64_t agenda_hold_s(const struct agent *a, uint32_t issuer)
{
	const bool is_here = spec_issuer_is_here(&a->spec->issuers[issuer]);

	if (a->request->command != COMMAND_AGENT)
		return 0;
	return (clockwatch_hold_ms(&a->clock, is_here, clock_boot_ms()) + 999) / 1000;
}

/* What has to be done, or not yet if nothing but the clock says that it has to. */
static struct due look(const struct agent *a, uint32_t i, int64_t now)
{
	struct due d = agent_due(a, i, now);

	if ((d.why == WHY_EXPIRING || d.why == WHY_ARI) && d.at <= now)
		d.at = now + agenda_hold_s(a, agent_issuer_number(a, i));
	return d;
}

#define LIFE_S (90 * 86400) /* of what was never there */

/* Who has least time left goes first. What has failed goes behind what has only just become
 * due, further each time: many whose CA does not answer would take all places there are in
 * each round, and what another CA would renew at once would never have its turn. */
static int64_t turn_of(const struct cert *c, int64_t now)
{
	const int64_t life =
	    c->not_after > c->not_before ? c->not_after - c->not_before : LIFE_S;

	if (c->failures == 0)
		return c->not_after;
	return (c->not_after > now ? c->not_after : now) + c->failures * (life / 3);
}

static void decide(struct agent *a, uint32_t i, int64_t now)
{
	struct due d;
	int64_t ask_at, tell_at, prove_at, key_at;

	heap_take(&a->agenda, i);
	owncrl_note(a, i);
	if (!a->wanted[i] || job_of_cert(a, i) != NULL)
		return;
	ask_at = ari_look(a, i, now); /* also about what has just been issued */
	if (a->certs[i].ari_asking || a->certs[i].next_key == NEXTKEY_ASKING)
		return;
	d = look(a, i, now);
	if (d.at <= now && !a->tried[i] && !due_writes_again(d.why) &&
	    d.why != WHY_NOT_SERVED) {
		const int64_t hold = rootwatch_hold(a, agent_issuer_number(a, i));

		if (hold != 0 && hold != INT64_MAX)
			heap_put(&a->agenda, i, hold);
		if (hold != 0)
			return;
	}
	if (d.at <= now && !a->tried[i]) {
		heap_put(&a->due, i, turn_of(&a->certs[i], now));
		return;
	}
	key_at = nextkey_look(a, i, now);
	if (a->certs[i].next_key == NEXTKEY_ASKING)
		return;
	tell_at = alarm_look(a, i, now); /* what an attempt would not mend now */
	prove_at = proof_look(a, i, now);
	if (!a->tried[i] && waits_for(a, i, d.at))
		heap_put(&a->agenda, i,
			 clock_sooner(clock_sooner(clock_sooner(d.at, key_at),
						   prove_at),
				      clock_sooner(ask_at, tell_at)));
}

void agenda_decide(struct agent *a)
{
	const int64_t now = clock_now();
	uint32_t i;
	int64_t at;

	ari_admit(a);
	while (heap_first(&a->agenda, &i, &at) && at <= now)
		decide(a, i, now);
}

bool agenda_take(struct agent *a, uint32_t *cert, enum why *why)
{
	const int64_t now = clock_now();
	int64_t not_after;

	while (heap_first(&a->due, cert, &not_after)) {
		const struct due d = look(a, *cert, now);

		heap_take(&a->due, *cert);
		*why = d.why;
		if (d.at <= now)
			return true;
		agenda_look(a, *cert);
		a->look = true;
	}
	return false;
}

int64_t agenda_next(const struct agent *a, uint32_t *cert)
{
	int64_t at;

	return heap_first(&a->agenda, cert, &at) ? at : INT64_MAX;
}
