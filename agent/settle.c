#include "agent/settle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/batch.h"
#include "agent/drift.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/probing.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "agent/state/state_alarm.h"
#include "agent/state/state_revoke.h"
#include "agent/switch.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"

static const char *hook_name(const struct agent *a, uint32_t hook)
{
	return spec_text(a->spec, a->spec->hooks[hook].name);
}

/* -- owing -- */

/* A roll-back by hand stands from the moment that its generation is live: what is
 * remembered of that one counts as soon as the link points to it. */
static void mark_by_hand(const struct agent *a, struct job *j)
{
	struct memory *m = &j->memory;

	m->generation = j->generation;
	m->stamp = (struct file_stamp){ .inode = 0 }; /* to be looked at anew */
	m->facts = j->facts;
	inventory_by_hand(a, j->cert, m);
	if ((a->certs[j->cert].flags & CERT_ROLLED_BACK) != 0) /* if this is undone */
		m->flags |= CERT_WAS_BACK;
}

static int owe_hooks(struct batch *b, const struct job *j, struct err *e)
{
	for (size_t i = 0; i < b->n_hooks; i++) {
		const struct batch_hook *h = &b->hooks[i];
		const struct job_hook *used = switch_uses(j, h->hook);

		if (used == NULL || !h->told)
			continue;
		TRY(state_hook_put(b->agent->state,
				   &(struct pending_hook){
				       .name = j->name,
				       .hook = hook_name(b->agent, h->hook),
				       .generation = j->generation,
				       .previous = j->previous,
				       .test_passed = used->passed,
				       .was_up = j->was_up,
				   },
				   e));
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
		if (!j->again) /* ... it is installed: only its hooks are owed */
			j->memory.state = JOB_INSTALLING;
		j->memory.installed_run = b->agent->request->run;
		j->memory.retry_at = 0; /* a crash does not wait for it */
		if (j->by_hand)
			mark_by_hand(b->agent, j);
		TRY(owe_hooks(b, j, e));
		TRY(state_put(b->agent->state, j->name, &j->memory, e));
	}
	return agent_commit(b->agent, e);
}

void settle_installed(struct agent *a, struct job *j, struct msg *m)
{
	if (j->by_hand)
		agent_tell(a, j->name, "rolled-back", j->generation, "by hand");
	else if (j->cut || (j->generation != j->previous && !j->owed))
		agent_tell(a, j->name, "installed", j->generation, "");
	drift_installed(a, j, m);
}

void settle_rolled_back(struct agent *a, struct job *j)
{
	agent_tell(a, j->name, "rolled-back", j->previous, j->err.text);
	if (j->memory.held == j->generation)
		agent_tell(a, j->name, "held", j->generation,
			   "will be installed next, without another order");
}

void settle_ran(struct batch *b, const struct batch_hook *h, bool ok,
		bool (*which)(const struct job *j))
{
	struct agent *a = b->agent;
	const char *hook = hook_name(a, h->hook);
	struct err e;

	if (agent_cut_off(a))
		return; /* it may have run, or not: it runs again */
	a->hooked[h->hook].ok += ok;
	a->hooked[h->hook].failed += !ok;
	for (size_t i = 0; i < b->n_jobs; i++) {
		const struct job *j = b->jobs[i];
		AUTO_FREE char *text = NULL;

		if (switch_uses(j, h->hook) == NULL || !which(j))
			continue;
		text = ok ? xstrdup(hook) : xasprintf("%s: %s", hook, h->text);
		if (ok && (agent_write(a, &e) < 0 ||
			   state_hook_done(a->state, j->name, hook, &e) < 0))
			log_error("%s: remember hook %s: %s", j->name, hook, e.text);
		agent_tell(a, j->name, ok ? "hooked" : "hook-failed",
			   j->undone ? j->previous : j->generation, text);
	}
}

/* -- judging -- */

static bool rolls_back(const struct agent *a, uint32_t hook)
{
	return a->spec->hooks[hook].rollback != 0;
}

bool settle_can_go_back(const struct job *j)
{
	return j->old_ok && !j->undone && j->previous != j->generation &&
	       j->old_facts.not_after > clock_now();
}

static void refuse(const struct agent *a, struct job *j, const struct batch_hook *h,
		   const struct job_hook *used)
{
	const char *hook = hook_name(a, h->hook);

	if (h->unstarted) {
		if (j->err.code == 0)
			err_set(&j->err, ERR_HOOK,
				"hook %s: its test could not be started, and says "
				"nothing: %s",
				hook, h->text);
		return;
	}
	if (used->passed && rolls_back(a, h->hook) && settle_can_go_back(j))
		j->undo = true;
	else if (j->err.code != 0)
		return; /* the first reason is told */
	if (used->passed)
		err_set(&j->err, ERR_HOOK, "hook %s: its test refuses it: %s", hook,
			h->text);
	else
		err_set(&j->err, ERR_HOOK,
			"hook %s: its test failed already before the switch, so the "
			"service has a problem of its own: %s",
			hook, h->text);
}

void settle_refused(struct batch *b, const struct batch_hook *h)
{
	for (size_t i = 0; i < b->n_jobs; i++) {
		struct job *j = b->jobs[i];
		const struct job_hook *used = switch_uses(j, h->hook);

		if (used != NULL && switch_in_place(j))
			refuse(b->agent, j, h, used);
	}
}

bool settle_all_ran(const struct batch *b, const struct job *j)
{
	for (size_t h = 0; h < b->n_hooks; h++)
		if (switch_uses(j, b->hooks[h].hook) != NULL && b->hooks[h].told &&
		    !b->hooks[h].ran)
			return false;
	return true;
}

enum probe_verdict settle_worst(const struct job *j)
{
	return probing_worst(j->spec, j->probes);
}

static void blame_hooks(const struct batch *b, struct job *j)
{
	for (size_t h = 0; h < b->n_hooks; h++)
		if (switch_uses(j, b->hooks[h].hook) != NULL && !b->hooks[h].ran) {
			err_set(&j->err, ERR_HOOK, "hook %s: %s",
				hook_name(b->agent, b->hooks[h].hook),
				b->hooks[h].text);
			return;
		}
}

/* An endpoint that was answered before the switch, and is not answered now. */
static bool went_down(const struct job *j)
{
	for (uint32_t k = 0; k < j->spec->probes.n; k++) {
		const struct job_probe *p = &j->probes[k];

		if (p->was_up && p->asked && p->verdict == PROBE_DOWN)
			return true;
	}
	return false;
}

void settle_judge(const struct batch *b, struct job *j)
{
	bool may = j->spec->hooks.n == 0;

	if (!switch_in_place(j))
		return;
	for (uint32_t k = 0; k < j->spec->hooks.n; k++)
		may = may || rolls_back(b->agent, j->hooks[k].number);
	if (may && went_down(j) && settle_can_go_back(j)) {
		(void)probing_blame(b->agent->spec, j->spec, j->probes, &j->err);
		j->undo = true;
		return;
	}
	if (j->err.code == 0)
		blame_hooks(b, j);
	if (j->err.code == 0)
		(void)probing_blame(b->agent->spec, j->spec, j->probes, &j->err);
}

/* -- remembering -- */

/* The keeper has just looked at all of it. */
static void remember_whole(struct memory *m, uint64_t stamp)
{
	m->disk_stamp = stamp;
	m->flags &= ~(unsigned)CERT_FILES_DIFFER;
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
	m->retry_at = schedule_retry_at(j->err.code, m->failures, clock_now(),
					m->facts.not_after, agent_draw(a, j->name));
	m->failed_by = agent_config_id(a);
	snprintf(m->last_error, sizeof(m->last_error), "%s", j->err.text);
}

/* A hook that has to run for what is live now, and did not. */
static bool owes(const struct batch *b, const struct job *j, const struct batch_hook *h)
{
	const uint32_t on = b->agent->spec->hooks[h->hook].on;

	if (switch_uses(j, h->hook) == NULL)
		return false;
	if (j->undone)
		return !h->ran_back && (on & 1u << EVENT_ROLLED_BACK) != 0;
	return j->installed && !h->ran;
}

static bool is_owed(const struct batch *b, const struct job *j)
{
	for (size_t i = 0; i < b->n_hooks; i++)
		if (owes(b, j, &b->hooks[i]))
			return true;
	return false;
}

/* It could not be installed: the rest of it is done next time, but for what never can
 * be. */
static void remember_half_done(const struct job *j, struct memory *m)
{
	if (j->err.code == ERR_TRUST || j->err.code == ERR_CONFIG)
		m->held = 0;
	else
		m->state = JOB_INSTALLING;
}

/* What is still owed: nothing when all went well, not even to a hook that it has no
 * more; after going back, each hook that did not run for the previous generation. */
static int remember_hooks(struct batch *b, const struct job *j, struct err *e)
{
	struct agent *a = b->agent;

	if (j->err.code == 0 || j->undone)
		TRY(state_hook_clear(a->state, j->name, e));
	for (size_t i = 0; i < b->n_hooks && j->undone; i++) {
		const struct batch_hook *h = &b->hooks[i];

		if (!owes(b, j, h))
			continue;
		TRY(state_hook_put(a->state,
				   &(struct pending_hook){
				       .name = j->name,
				       .hook = hook_name(a, h->hook),
				       .generation = j->previous,
				       .previous = j->previous,
				       .test_passed = true,
				       .was_up = j->was_up,
				   },
				   e));
	}
	return 0;
}

/* The keeper has said so. Who does not find it so looks again later, not at once for ever:
 * it would be due as if nothing had been done. */
static void expect_live(const struct agent *a, struct job *j)
{
	const struct cert *c = &a->certs[j->cert];

	if (j->installed && j->err.code == 0 &&
	    (c->generation != j->generation || (c->flags & CERT_UNREADABLE) != 0))
		err_set(&j->err, ERR_SYS,
			"generation %" PRIu64 " was made live, and is not found there",
			j->generation);
}

static int remember(struct batch *b, struct job *j, struct err *e)
{
	struct agent *a = b->agent;
	struct memory *m = &j->memory;
	bool served = settle_worst(j) == PROBE_NEW;
	const bool chain_known = (a->certs[j->cert].flags & CERT_CHAIN) != 0;
	const uint32_t stays = /* of what is said of its files */
	    drift_leaves(a, j) ? a->certs[j->cert].flags & CERT_FILES_DIFFER : 0;

	m->flags &= ~(unsigned)(CERT_NOT_SERVED | CERT_DOWN | CERT_CHAIN);
	m->state = JOB_IDLE;
	if (!j->installed && !j->undone)
		remember_half_done(j, m);
	TRY(remember_hooks(b, j, e));
	if (j->installed)
		inventory_live(m, j->generation, &j->facts, &j->stored);
	TRY(inventory_refresh(a, j->cert, m, e));
	expect_live(a, j);
	if (j->installed || j->undone)
		m->flags &= ~CERT_WAS_BACK;
	if (j->stamp != 0)
		remember_whole(m, j->stamp);
	if (!served && (j->installed || j->undone))
		m->flags |= CERT_NOT_SERVED;
	if (j->installed || j->undone)
		m->flags |= probing_chain(a, j->cert, j->probes, chain_known);
	else if (chain_known)
		m->flags |= CERT_CHAIN;
	if (j->err.code != 0)
		remember_failure(a, j, m);
	else
		remember_success(m);
	if (j->err.code == 0)
		TRY(state_alarm_over(a->state, j->name, e));
	TRY(probing_remember(a, j->cert, j->probes, e));
	TRY(state_put(a->state, j->name, m, e));
	TRY(inventory_refresh(a, j->cert, m, e));
	a->certs[j->cert].flags |= stays;
	if (is_owed(b, j))
		a->certs[j->cert].flags |= CERT_HOOKS_PENDING;
	if (j->left)
		a->certs[j->cert].flags |= CERT_FILES_DIFFER | CERT_FOREIGN;
	return 0;
}

static void tell_end(struct agent *a, struct job *j)
{
	const enum probe_verdict worst = settle_worst(j);

	if (j->err.code != 0) {
		agent_tell(a, j->name, "failed", j->generation, j->err.text);
		a->n_failed++;
		if (alarm_admit(a, j->name, "failed", (uint64_t)-j->err.code, NULL))
			j->alarms |= 1u << EVENT_FAILED;
		if (j->installed && worst != PROBE_NEW &&
		    alarm_admit(a, j->name, "not-served", worst, NULL))
			j->alarms |= 1u << EVENT_NOT_SERVED;
	} else if (j->spec->probes.n > 0) {
		agent_tell(a, j->name, "proved", j->generation, "");
	}
	report_job(a, j);
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

/* Old generations are kept until the new one is proven, and each as long as one is to be
 * revoked: nobody is asked to revoke what is not in the store. */
static void prune(struct batch *b, size_t i)
{
	AUTO_MSG struct msg m = MSG_NONE;
	bool noted;
	struct err e;

	if (state_revoke_has(b->agent->state, b->jobs[i]->name, &noted, &e) < 0) {
		log_warn("%s: prune: %s", b->jobs[i]->name, e.text);
		return;
	}
	if (noted)
		return;
	msg_begin(&m, KEEPER_PRUNE, 0);
	msg_put_u64(&m, b->jobs[i]->cert);
	msg_put_u64(&m, b->jobs[i]->memory.held);
	b->waiting++;
	link_call(&b->agent->keeper, &m, on_pruned, (uint32_t)i);
}

/* Nothing of it is remembered. What is live now is seen on disk, or else it would be done all
 * over; and not at once again. */
static void see_live(struct agent *a, struct job *j)
{
	struct memory m = j->memory;
	struct err e;

	if (j->installed)
		inventory_live(&m, j->generation, &j->facts, &j->stored);
	m.state = JOB_INSTALLING; /* its hooks are owed still */
	m.retry_at = clock_now() + 60;
	m.failed_by = 0;
	if (inventory_refresh(a, j->cert, &m, &e) < 0)
		log_error("%s: %s", j->name, e.text);
	a->certs[j->cert].retry_at = m.retry_at;
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
	if (rc < 0)
		log_error("remember: %s", e.text);
	else
		rc = agent_commit(a, &e);
	if (rc < 0) {
		a->n_failed++;
		for (size_t i = 0; i < b->n_jobs; i++)
			see_live(a, b->jobs[i]);
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
	while (n > 0) /* the newest first, as in a->jobs */
		job_end(a, b->jobs[--n]);
	agent_pass(a);
}
