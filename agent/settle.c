#include "agent/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/log.h"
#include "agent/messages.h"
#include "agent/schedule.h"
#include "agent/switch.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"

static const char *hook_name(const struct agent *a, uint32_t hook)
{
	return spec_text(a->spec, a->spec->hooks[hook].name);
}

/* -- owing -- */

static int owe_job(struct batch *b, const struct job *j, struct err *e)
{
	for (uint32_t i = 0; i < j->spec->hooks.n; i++) {
		struct pending_hook p = {
			.name = j->name,
			.hook = hook_name(b->agent, j->hook_numbers[i]),
			.generation = j->generation,
			.previous = j->previous,
			.test_passed = j->test_passed,
			.was_up = j->was_up,
		};

		TRY(state_hook_put(b->agent->state, &p, e));
	}
	return 0;
}

int settle_owe(struct batch *b, struct err *e)
{
	TRY(agent_write(b->agent, e));
	for (size_t i = 0; i < b->n_jobs; i++) {
		struct job *j = b->jobs[i];

		if (j->owed)
			continue;
		j->memory.state = JOB_INSTALLING;
		TRY(owe_job(b, j, e));
		TRY(state_put(b->agent->state, j->name, &j->memory, e));
	}
	return agent_commit(b->agent, e);
}

void settle_installed(struct agent *a, struct job *j)
{
	if (j->by_hand)
		agent_tell(a, j->name, "rolled-back", j->generation, "by hand");
	else if (j->generation != j->previous)
		agent_tell(a, j->name, "installed", j->generation, "");
	else if (j->why == WHY_FILES_DIFFER)
		agent_tell(a, j->name, "repaired", j->generation, "");
}

void settle_rolled_back(struct agent *a, struct job *j)
{
	agent_tell(a, j->name, "rolled-back", j->previous, j->err.text);
	agent_tell(a, j->name, "held", j->generation,
		   "will be installed next, without another order");
}

void settle_ran(struct batch *b, const struct batch_hook *h)
{
	struct agent *a = b->agent;
	const char *hook = hook_name(a, h->hook);
	struct err e;

	for (size_t i = 0; i < b->n_jobs; i++) {
		const struct job *j = b->jobs[i];
		AUTO_FREE char *text = NULL;

		if (!switch_uses(j, h->hook))
			continue;
		text = h->ran ? xstrdup(hook) : xasprintf("%s: %s", hook, h->text);
		if (h->ran && (agent_write(a, &e) < 0 ||
			       state_hook_done(a->state, j->name, hook, &e) < 0))
			log_error("%s: remember hook %s: %s", j->name, hook, e.text);
		agent_tell(a, j->name, h->ran ? "hooked" : "hook-failed",
			   j->undone ? j->previous : j->generation, text);
	}
}

/* -- judging -- */

static bool rolls_back(const struct agent *a, uint32_t hook)
{
	return a->spec->hooks[hook].rollback != 0;
}

static bool can_go_back(const struct job *j)
{
	return j->old_ok && !j->undone && j->previous != j->generation;
}

void settle_refused(struct batch *b, const struct batch_hook *h)
{
	const char *hook = hook_name(b->agent, h->hook);

	for (size_t i = 0; i < b->n_jobs; i++) {
		struct job *j = b->jobs[i];

		if (!switch_uses(j, h->hook) || j->err.code != 0)
			continue;
		if (h->passed_before)
			err_set(&j->err, ERR_HOOK, "hook %s: its test refuses it: %s",
				hook, h->text);
		else
			err_set(
			    &j->err, ERR_HOOK,
			    "hook %s: its test failed already before the switch, so "
			    "the service has a problem of its own: %s",
			    hook, h->text);
		j->undo =
		    h->passed_before && rolls_back(b->agent, h->hook) && can_go_back(j);
	}
}

bool settle_hooks_ran(const struct batch *b, const struct job *j)
{
	for (size_t h = 0; h < b->n_hooks; h++)
		if (switch_uses(j, b->hooks[h].hook) && !b->hooks[h].ran)
			return false;
	return true;
}

enum probe_verdict settle_worst(const struct job *j)
{
	enum probe_verdict worst = PROBE_NEW;

	for (uint32_t i = 0; i < j->spec->probes.n; i++)
		if (j->probes[i].verdict > worst)
			worst = j->probes[i].verdict;
	return worst;
}

static const struct job_probe *worst_probe(const struct job *j, uint32_t *k)
{
	for (*k = 0; *k < j->spec->probes.n; ++*k)
		if (j->probes[*k].verdict == settle_worst(j))
			return &j->probes[*k];
	return NULL;
}

static void blame_probe(const struct agent *a, struct job *j)
{
	uint32_t k;
	const struct job_probe *p = worst_probe(j, &k);

	if (p == NULL || p->verdict == PROBE_NEW)
		return;
	err_set(&j->err, ERR_HOOK, "probe %s: %s: %s",
		spec_text(a->spec, a->spec->probes[j->spec->probes.first + k].label),
		probe_word(p->verdict), p->detail);
}

static void blame_hooks(const struct batch *b, struct job *j)
{
	for (size_t h = 0; h < b->n_hooks; h++)
		if (switch_uses(j, b->hooks[h].hook) && !b->hooks[h].ran) {
			err_set(&j->err, ERR_HOOK, "hook %s: %s",
				hook_name(b->agent, b->hooks[h].hook),
				b->hooks[h].text);
			return;
		}
}

void settle_judge(const struct batch *b, struct job *j)
{
	bool may = j->spec->hooks.n == 0;

	if (j->undone || j->err.code != 0)
		return;
	for (uint32_t i = 0; i < j->spec->hooks.n; i++)
		may = may || rolls_back(b->agent, j->hook_numbers[i]);
	blame_hooks(b, j);
	if (j->err.code == 0)
		blame_probe(b->agent, j);
	j->undo = may && j->was_up && settle_worst(j) == PROBE_DOWN && can_go_back(j);
}

/* -- remembering -- */

static int put_served(struct agent *a, const struct job *j, struct err *e)
{
	for (uint32_t i = 0; i < j->spec->probes.n; i++) {
		const struct job_probe *p = &j->probes[i];
		struct served v = {
			.endpoint =
			    spec_text(a->spec,
				      a->spec->probes[j->spec->probes.first + i].label),
			.verdict = probe_word(p->verdict),
			.detail = p->detail,
			.at = clock_now(),
		};

		memcpy(v.fingerprint, p->seen, sizeof(v.fingerprint));
		TRY(state_served_put(a->state, j->name, &v, e));
	}
	return 0;
}

static void remember_success(struct memory *m)
{
	m->failures = 0;
	m->retry_at = 0;
	m->last_error[0] = '\0';
	m->last_success_at = clock_now();
}

static void remember_failure(const struct agent *a, const struct job *j,
			     struct memory *m)
{
	m->failures++;
	m->retry_at =
	    schedule_retry_at(j->err.code, m->failures, clock_now(), m->facts.not_after,
			      schedule_draw(a->start.host_id, j->name,
					    strlen(j->name)));
	snprintf(m->last_error, sizeof(m->last_error), "%s", j->err.text);
}

/* Hooks that ran for the generation that is live again are owed no more. */
static int forgive(struct agent *a, const struct job *j, struct err *e)
{
	for (uint32_t i = 0; i < j->spec->hooks.n; i++)
		TRY(state_hook_done(a->state, j->name, hook_name(a, j->hook_numbers[i]),
				    e));
	return 0;
}

static int remember(struct batch *b, struct job *j, struct err *e)
{
	struct agent *a = b->agent;
	struct memory *m = &j->memory;
	bool served = settle_worst(j) == PROBE_NEW;

	m->state = JOB_IDLE;
	m->flags &= ~(unsigned)(CERT_NOT_SERVED | CERT_ROLLED_BACK);
	if (!j->undone && m->held == j->generation && j->err.code != ERR_SYS)
		m->held = 0;
	if (j->undone)
		TRY(forgive(a, j, e));
	TRY(inventory_refresh(a, j->cert, m, e));
	if (!served)
		m->flags |= CERT_NOT_SERVED;
	if (j->by_hand && !j->undone) {
		m->flags |= CERT_ROLLED_BACK;
		m->renew_at = schedule_rolled_back_at(m->renew_at, m->facts.not_before,
						      m->facts.not_after, clock_now());
	}
	if (j->err.code == 0)
		remember_success(m);
	else
		remember_failure(a, j, m);
	TRY(put_served(a, j, e));
	TRY(state_put(a->state, j->name, m, e));
	return inventory_refresh(a, j->cert, m, e);
}

static void tell_end(struct agent *a, const struct job *j)
{
	if (j->err.code != 0) {
		agent_tell(a, j->name, "failed", j->generation, j->err.text);
		a->n_failed++;
		return;
	}
	if (j->spec->probes.n > 0)
		agent_tell(a, j->name, "proved", j->generation, "");
	a->n_done++;
}

static void on_pruned(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct batch *b = ((struct agent *)arg)->batch;

	(void)m;
	if (failed != NULL)
		log_warn("%s: prune: %s", b->jobs[number]->name, failed->text);
	b->waiting--;
	switch_go_on(b);
}

/* Old generations are kept until the new one is proven. */
static void prune(struct batch *b, size_t i)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, KEEPER_PRUNE, 0);
	msg_put_u64(&m, b->jobs[i]->cert);
	msg_put_u64(&m, b->jobs[i]->memory.held);
	b->waiting++;
	link_call(&b->agent->keeper, &m, on_pruned, (uint32_t)i);
}

void settle_batch(struct batch *b)
{
	struct agent *a = b->agent;
	struct err e;
	int rc = agent_write(a, &e);

	for (size_t i = 0; i < b->n_jobs && rc == 0; i++) {
		rc = remember(b, b->jobs[i], &e);
		tell_end(a, b->jobs[i]);
	}
	if (rc == 0)
		rc = agent_commit(a, &e);
	if (rc < 0) {
		log_error("remember: %s", e.text);
		a->n_failed++;
	}
	for (size_t i = 0; i < b->n_jobs && rc == 0; i++)
		if (b->jobs[i]->err.code == 0)
			prune(b, i);
}

void settle_end(struct batch *b)
{
	struct agent *a = b->agent;
	size_t n = b->n_jobs;

	b->n_jobs = 0;
	for (size_t i = 0; i < n; i++)
		job_end(a, b->jobs[i]);
	batch_check(a);
	agent_pass(a);
}
