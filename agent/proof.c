#include "agent/proof.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/job.h"
#include "agent/pool.h"
#include "agent/probe/probe.h"
#include "agent/probing.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"

#define AGAIN_S 2 /* until a place is looked for again */

#define BAD (CERT_NOT_SERVED | CERT_DOWN)

/* One certificate that is being looked at. */
struct proof {
	uint32_t cert;
	uint64_t generation;
	uint32_t waiting; /* answers; 0: the place is free */
	bool again;       /* for the second time */
	uint8_t wanted[32];
	uint8_t old[32];
	struct job_probe *probes; /* owned */
};

/* -- asking -- */

static int make(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	const struct proof *p = &a->proofs[number >> PROBE_BITS];
	const struct spec_cert *c = &a->spec->certs[p->cert];
	const uint32_t k = number & ((1u << PROBE_BITS) - 1);
	const struct probing_patience patience =
	    probing_patience(p->again ? PROBE_GLANCE_MS : 0, 0, true);

	(void)e;
	probing_ask(m, a->spec, &a->spec->probes[c->probes.first + k], p->wanted,
		    p->old, probing_chained(a, p->cert, p->generation), &patience);
	return 0;
}

static void on_looked(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed);

/* Each endpoint, or those that were not well at first. */
static void ask(struct agent *a, struct proof *p)
{
	const uint32_t n = a->spec->certs[p->cert].probes.n;
	const uint32_t place = (uint32_t)(p - a->proofs);
	AUTO_FREE bool *asks = xcalloc(n, sizeof(*asks));

	for (uint32_t k = 0; k < n; k++) {
		asks[k] = !p->again || p->probes[k].verdict != PROBE_NEW;
		p->waiting += asks[k];
	}
	for (uint32_t k = 0; k < n; k++)
		if (asks[k])
			pool_call(a->pool, &(struct pool_task){
					       .issuer = POOL_PROBE,
					       .number = place << PROBE_BITS | k,
					       .make = make,
					       .done = on_looked,
					   });
}

static int begin(struct agent *a, uint32_t i, struct proof *p, struct err *e)
{
	struct memory m;
	bool found;

	TRY(state_get(a->state, agent_cert_name(a, i), &m, &found, e));
	if (!found || m.generation != a->certs[i].generation)
		return 0; /* it is not looked at yet what that is */
	*p = (struct proof){ .cert = i, .generation = m.generation };
	memcpy(p->wanted, m.facts.fingerprint, sizeof(p->wanted));
	probing_old(a, i, p->generation, p->old);
	p->probes = xcalloc(a->spec->certs[i].probes.n, sizeof(*p->probes));
	ask(a, p);
	return 0;
}

/* -- what came of it -- */

static uint32_t flags_of(const struct spec_cert *c, const struct job_probe *probes)
{
	uint32_t flags = 0;

	for (uint32_t k = 0; k < c->probes.n; k++)
		if (probes[k].verdict == PROBE_DOWN)
			flags |= CERT_DOWN;
		else if (probes[k].verdict != PROBE_NEW)
			flags |= CERT_NOT_SERVED;
	return flags;
}

/* Had it failed only because it was not served, it has not failed any more. */
static void forget_failure(struct agent *a, uint32_t i, struct memory *m)
{
	struct cert c = a->certs[i];
	const struct spec_cert *spec = &a->spec->certs[i];

	c.retry_at = 0;
	if (due(spec, a->spec->numbers + spec->issuers.first, &c, clock_now()).at <=
	    clock_now())
		return;
	m->failures = 0;
	m->retry_at = 0;
	m->last_error[0] = '\0';
	a->certs[i].failures = 0;
	a->certs[i].retry_at = 0;
	alarm_well(a, agent_cert_name(a, i), "failed");
}

static void tell_well(struct agent *a, uint32_t i, struct memory *m)
{
	const char *name = agent_cert_name(a, i);

	forget_failure(a, i, m);
	alarm_well(a, name, "not-served");
	agent_tell(a, name, "proved", a->certs[i].generation, "");
}

/* A job that is due now tells the hooks itself, if it does not help. */
static void tell_bad(struct agent *a, const struct proof *p, bool is_news)
{
	const uint32_t i = p->cert;
	const char *name = agent_cert_name(a, i);
	const int64_t now = clock_now();
	struct err why;
	bool told = false;

	if (probing_blame(a->spec, &a->spec->certs[i], p->probes, &why) == 0)
		return;
	if (agent_due(a, i, now).at > now)
		told = alarm_admit(a, name, "not-served",
				   probing_worst(&a->spec->certs[i], p->probes), NULL);
	if (is_news || told)
		agent_tell(a, name, "not-served", a->certs[i].generation, why.text);
	if (told)
		job_note(a, i, WHY_NOT_SERVED, EVENT_NOT_SERVED, why.text);
}

static int settle(struct agent *a, const struct proof *p, struct err *e)
{
	const uint32_t unfit = CERT_DAMAGED | CERT_FILES_DIFFER | CERT_FOREIGN;
	struct cert *c = &a->certs[p->cert];
	const char *name = agent_cert_name(a, p->cert);
	const uint32_t before = c->flags & BAD;
	uint32_t now = flags_of(&a->spec->certs[p->cert], p->probes);
	uint32_t chain;
	struct memory m;
	bool found, is_news = false;

	TRY(agent_write(a, e));
	TRY(probing_remember(a, p->cert, p->probes, e));
	TRY(state_get(a->state, name, &m, &found, e));
	if (!found || (c->flags & unfit) != 0)
		return 0;
	chain = probing_chain(a, p->cert, p->probes, (c->flags & CERT_CHAIN) != 0);
	c->flags = (c->flags & ~(BAD | CERT_CHAIN)) | now | chain;
	if (((m.flags ^ c->flags) & CERT_CHAIN) != 0)
		is_news = true;
	m.flags = (m.flags & ~(BAD | CERT_CHAIN)) | now | chain;
	if (now == 0 && before != 0)
		tell_well(a, p->cert, &m);
	if (now != before || is_news)
		TRY(state_put(a->state, name, &m, e));
	if (now != 0)
		tell_bad(a, p, (now & ~before) != 0);
	return 0;
}

static bool all_asked(const struct agent *a, const struct proof *p)
{
	for (uint32_t k = 0; k < a->spec->certs[p->cert].probes.n; k++)
		if (!p->probes[k].asked)
			return false;
	return true;
}

/* A job that has begun meanwhile looks for itself. */
static bool counts(struct agent *a, const struct proof *p)
{
	return !a->stopping && !agent_cut_off(a) && all_asked(a, p) &&
	       a->certs[p->cert].generation == p->generation &&
	       job_of_cert(a, p->cert) == NULL;
}

static void finish(struct agent *a, struct proof *p)
{
	struct err e;

	if (counts(a, p) && settle(a, p, &e) < 0)
		log_error("%s: what is served: %s", agent_cert_name(a, p->cert),
			  e.text);
	free(TAKE(p->probes));
	agenda_look(a, p->cert);
	agent_pass(a);
}

static void on_looked(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct proof *p = &a->proofs[number >> PROBE_BITS];

	probing_take(&p->probes[number & ((1u << PROBE_BITS) - 1)], m, failed);
	if (--p->waiting > 0)
		return;
	if (p->again || !counts(a, p) ||
	    probing_worst(&a->spec->certs[p->cert], p->probes) == PROBE_NEW) {
		finish(a, p);
		return;
	}
	p->again = true;
	ask(a, p);
}

/* -- when -- */

static bool has_to_be_proved(const struct agent *a, uint32_t i)
{
	const uint32_t unfit = CERT_UNREADABLE | CERT_DAMAGED;

	return a->proofs != NULL && !a->stopping && a->spec->certs[i].probes.n > 0 &&
	       (a->certs[i].flags & (CERT_PRESENT | unfit)) == CERT_PRESENT;
}

static struct proof *free_place(struct agent *a)
{
	for (size_t k = 0; k < PROOF_AT_ONCE; k++)
		if (a->proofs[k].waiting == 0)
			return &a->proofs[k];
	return NULL;
}

static bool is_looked_at(const struct agent *a, uint32_t i)
{
	for (size_t k = 0; k < PROOF_AT_ONCE; k++)
		if (a->proofs[k].waiting > 0 && a->proofs[k].cert == i)
			return true;
	return false;
}

static int64_t next_of(const struct agent *a, uint32_t i, int64_t now)
{
	return schedule_turn_at(a->spec->certs[i].probe_every_s,
				agent_draw(a, agent_cert_name(a, i)), now);
}

int64_t proof_look(struct agent *a, uint32_t i, int64_t now)
{
	struct cert *c = &a->certs[i];
	struct proof *p;
	int64_t next;
	struct err e;

	if (!has_to_be_proved(a, i) || is_looked_at(a, i))
		return INT64_MAX;
	next = next_of(a, i, now);
	if (c->prove_at == 0 || c->prove_at > next) /* the clock was set back */
		c->prove_at = next;
	if (c->prove_at > now)
		return c->prove_at;
	p = free_place(a);
	if (p == NULL)
		return now + AGAIN_S;
	c->prove_at = next;
	if (begin(a, i, p, &e) < 0)
		log_error("%s: what is served: %s", agent_cert_name(a, i), e.text);
	return next;
}

bool proof_busy(const struct agent *a)
{
	for (size_t k = 0; a->proofs != NULL && k < PROOF_AT_ONCE; k++)
		if (a->proofs[k].waiting > 0)
			return true;
	return false;
}

void proof_begin(struct agent *a)
{
	if (a->request->command != COMMAND_AGENT)
		return;
	a->proofs = xcalloc(PROOF_AT_ONCE, sizeof(*a->proofs));
	if ((a->request->flags & REQUEST_LOOK) == 0)
		return;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		a->certs[i].prove_at = clock_now();
}

void proof_free(struct agent *a)
{
	for (size_t k = 0; a->proofs != NULL && k < PROOF_AT_ONCE; k++)
		free(a->proofs[k].probes);
	free(TAKE(a->proofs));
}
