/* What fails for names of a job's certificate, and the order after that (setback.h). */
#include <stdio.h>
#include <string.h>

#include "acme/refusal.h"
#include "agent/agent.h"
#include "agent/inventory.h"
#include "agent/job_steps.h"
#include "agent/ledger.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define TOLD_MAX 300 /* bytes, of what comes next */

static void save(struct agent *a, const struct job *j)
{
	struct err e;

	if (setbacks_save(&j->setbacks, a, &e) < 0)
		log_error("%s: remember what has failed: %s", j->name, e.text);
}

static void note(struct job *j, uint32_t name, uint32_t way, const char *why)
{
	AUTO_BUF struct buf shown = { 0 };

	text_escape(&shown, why, strlen(why), SETBACK_WHY_MAX);
	setbacks_note(&j->setbacks, name, way, shown.len == 0 ? "" : shown.data,
		      clock_now());
	j->refused = true;
}

int job_refused(struct job *j, uint64_t way, const char *name, const char *why,
		struct name_set *looked_at, struct err *e)
{
	const uint32_t k = setbacks_name(&j->setbacks, name);
	const struct list ways = j->setbacks.ways;

	if (k == SPEC_NOBODY)
		return err_set(e, ERR_PROTO, "a name that it has not is refused");
	if (way != ACME_ANY_WAY && (way < ways.first || way - ways.first >= ways.n))
		return err_set(e, ERR_PROTO, "a challenge that it has not has failed");
	note(j, k, way == ACME_ANY_WAY ? SPEC_NOBODY : (uint32_t)way, why);
	if (way != ACME_ANY_WAY)
		name_set_add(looked_at, k);
	return 0;
}

void job_way_failed(struct agent *a, const char *cert, const char *name, uint32_t way,
		    const struct err *e)
{
	struct job *j = a->jobs;
	uint32_t k;

	while (j != NULL && (strcmp(j->name, cert) != 0 || j->state != JOB_ORDERING))
		j = j->next;
	if (j == NULL || e->code == ERR_LATER || e->code == ERR_BUSY ||
	    agent_cut_off_by(a, e))
		return;
	k = setbacks_name(&j->setbacks, name);
	if (k != SPEC_NOBODY)
		note(j, k, way, e->text);
}

/* -- the next order -- */

int job_hold(struct agent *a, struct job *j, struct err *e)
{
	int rc;

	j->ordered_at = clock_now();
	j->out = setbacks_out(&j->setbacks, j->ordered_at);
	rc = ledger_hold(a, j->cert, j->issuer, &j->out, e);
	/* What there is no room for with those that come back, there may be without. */
	if (rc == ERR_LATER && setbacks_put_off(&j->setbacks, j->ordered_at,
						(e->retry_at_ms + 999) / 1000))
		j->refused = true;
	return rc;
}

/* What is tried for the names that have failed now: "; ... next". */
static void tell_next(const struct job *j, struct buf *out)
{
	const struct setbacks *s = &j->setbacks;

	for (size_t i = 0; i < s->n && out->len < TOLD_MAX; i++) {
		const struct setback *b = &s->list[i];
		AUTO_FREE char *way = NULL;
		uint32_t next;

		if (!b->now)
			continue;
		if (b->way == SPEC_NOBODY) {
			buf_printf(out, "; %s is left out", setbacks_word(s, b->name));
		} else if (setbacks_next(s, b->name, &next)) {
			way = setback_way(s->spec, next);
			buf_printf(out, "; %s is shown by %s next",
				   setbacks_word(s, b->name), way);
		}
	}
}

/* What is live is what the next order would bring, and has nothing else against it. */
static bool gains_nothing(const struct agent *a, const struct job *j)
{
	const int64_t now = clock_now();
	struct cert c = a->certs[j->cert];
	struct due d;

	if (j->memory.generation == 0 || j->memory.generation != j->previous ||
	    setbacks_hash(&j->setbacks, now) != j->memory.facts.names_hash)
		return false;
	c.names_hash = j->spec->names_hash;
	c.retry_at = c.retake_at = 0;
	c.flags &= ~CERT_ORDERED;
	d = due(j->spec, a->spec->numbers + j->spec->issuers.first, &c, now);
	return d.at > now || due_writes_again(d.why) || d.why == WHY_NOT_SERVED;
}

/* Names that were to come back do not: that is no failure of what is live. */
static void end_as_it_was(struct agent *a, struct job *j)
{
	struct memory *m = &j->memory;
	struct err e;

	m->state = JOB_IDLE;
	m->failures = 0;
	m->retry_at = 0;
	m->last_error[0] = '\0';
	if (agent_write(a, &e) < 0 || state_put(a->state, j->name, m, &e) < 0 ||
	    inventory_again(a, j->cert, &e) < 0)
		log_error("%s: remember: %s", j->name, e.text);
	job_end(a, j);
	agent_pass(a);
}

bool job_tries_again(struct agent *a, struct job *j, const struct err *e)
{
	AUTO_BUF struct buf next = { 0 };
	AUTO_FREE char *text = NULL;
	bool goes_on;

	if (!j->refused)
		return false;
	j->refused = false;
	goes_on =
	    setbacks_go_on(&j->setbacks, clock_now()) && ++j->n_tries < SETBACK_ORDERS;
	save(a, j);
	if (!goes_on)
		return false;
	tell_next(j, &next);
	text = xasprintf("%s%s", e->text, next.len == 0 ? "" : next.data);
	order_over(a, j);
	j->n_orders = 0;
	if (gains_nothing(a, j)) {
		agent_tell(a, j->name, "left-out", 0, text);
		end_as_it_was(a, j);
		return true;
	}
	a->orders[j->issuer].failed++;
	agent_tell(a, j->name, "failed", 0, text);
	buf_done(&j->chain);
	job_enter(a, j, JOB_ORDERING);
	return true;
}

void job_worked(struct agent *a, struct job *j)
{
	const size_t n = j->setbacks.n;

	if (n == 0)
		return;
	setbacks_worked(&j->setbacks, &j->out);
	save(a, j);
}
