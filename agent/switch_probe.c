/* What a switch asks probes: one request per endpoint, whose number is the job's place in
 * the batch, and which of its endpoints. */
#include "agent/switch.h"

#include <errno.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/job.h"
#include "agent/pool.h"
#include "agent/probing.h"
#include "base/clock.h"

static void ask_probe(struct batch *b, uint32_t number);

/* That who looked has died says nothing about the server: another one looks. But once: it
 * may have been the server that did it. */
static void on_probed(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct batch *b = a->batch;
	struct job *j = b->jobs[number >> PROBE_BITS];
	struct job_probe *p = &j->probes[number & ((1u << PROBE_BITS) - 1)];

	if (failed != NULL && failed->sysno == EPIPE && !p->again) {
		p->again = true;
		ask_probe(b, number);
		return;
	}
	probing_take(p, m, failed);
	b->waiting--;
	switch_go_on(b);
}

/* Which leaf should be there: of what is live now. */
static int make_probe(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	const struct spec *s = a->spec;
	const struct job *j = a->batch->jobs[number >> PROBE_BITS];
	const uint32_t k = number & ((1u << PROBE_BITS) - 1);
	const struct spec_probe *p = &s->probes[j->spec->probes.first + k];
	const struct x509_facts *wanted = j->undone ? &j->old_facts : &j->facts;
	const struct x509_facts *old = j->undone ? &j->facts : &j->old_facts;
	const struct probing_patience patience =
	    probing_patience(j->probe_ms, clock_boot_ms() - a->batch->probing_ms,
			     j->probes[k].was_up);

	(void)e;
	probing_ask(m, s, p, wanted->fingerprint, old->fingerprint,
		    probing_chained(a, j->cert,
				    j->undone ? j->previous : j->generation),
		    &patience);
	return 0;
}

static void ask_probe(struct batch *b, uint32_t number)
{
	const struct pool_task task = {
		.issuer = POOL_PROBE,
		.number = number,
		.make = make_probe,
		.done = on_probed,
	};

	pool_call(b->agent->pool, &task);
}

void switch_probe(struct batch *b, size_t i, int64_t deadline_ms)
{
	struct job *j = b->jobs[i];

	j->state = JOB_PROBING;
	j->probe_ms = deadline_ms;
	b->probing_ms = clock_boot_ms();
	for (uint32_t k = 0; k < j->spec->probes.n; k++) {
		j->probes[k].again = false;
		b->waiting++;
		ask_probe(b, (uint32_t)(i << PROBE_BITS | k));
	}
}
