#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/commit.h"
#include "agent/drift.h"
#include "agent/inventory.h"
#include "agent/job_steps.h"
#include "agent/probing.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/clock.h"
#include "store/generation.h"

/* What is live, to be gone back to. That it cannot be read is no reason not to replace
 * it. */
static void look_at_old(struct agent *a, struct job *j)
{
	const struct cert *c = &a->certs[j->cert];
	struct err e;

	if (j->previous == 0 || (c->flags & CERT_UNREADABLE) != 0)
		return;
	if (inventory_facts(a, j->cert, j->previous, &j->memory, &j->old_facts, &e) < 0)
		log_warn("%s: generation %llu cannot be gone back to: %s", j->name,
			 (unsigned long long)j->previous, e.text);
	else
		j->old_ok =
		    (c->flags & (CERT_REVOKED | CERT_CA_REVOKED | CERT_DAMAGED)) == 0;
}

/* It is in the store, with j->facts. */
static void take(const struct agent *a, struct job *j, uint64_t number)
{
	j->generation = number;
	inventory_stored(a, j->cert, number, &j->stored);
}

/* The held generation, if it is there and still what is asked for. What cannot be used
 * is forgotten: it must not keep a new one from being ordered. */
static int take_held(struct agent *a, struct job *j, bool *taken, struct err *e)
{
	struct cert *c = &a->certs[j->cert];
	int rc;

	*taken = false;
	if (!due_installs_held(c, clock_now()) || (c->flags & CERT_ASKED) != 0)
		return 0;
	rc = inventory_facts(a, j->cert, c->held, NULL, &j->facts, e);
	if (rc < 0 && err_is_short(e)) /* it may be whole */
		return rc;
	if (rc == 0 && j->facts.names_hash == j->memory.held_names_hash &&
	    inventory_key_fits(a, j->spec, &j->facts) &&
	    j->facts.not_after == j->memory.held_not_after &&
	    (j->spec->usage & ~j->facts.usage) == 0) {
		take(a, j, c->held);
		*taken = true;
		return 0;
	}
	log_warn("%s: the held generation %llu cannot be used: a new one is ordered",
		 j->name, (unsigned long long)c->held);
	j->memory.held = 0;
	c->held = 0;
	return 0;
}

/* Nothing is ordered that could not be made live: what somebody has put in the place of the
 * link, who meant it. */
static int check_place(const struct agent *a, const struct job *j, struct err *e)
{
	const bool over = drift_over(a, j);
	struct err why, ignored;

	if (generation_yields(a->root, j->name, over, &why) == 0)
		return 0;
	if (!over && generation_yields(a->root, j->name, true, &ignored) == 0)
		return err_set(e, ERR_SYS,
			       "%s; remove it, or `everleaf renew %s --force` writes "
			       "over it",
			       why.text, j->name);
	return err_set(e, ERR_SYS, "%s; move it away", why.text);
}

static struct job_hook *hook_called(const struct agent *a, struct job *j,
				    const char *name)
{
	for (uint32_t k = 0; k < j->spec->hooks.n; k++)
		if (strcmp(spec_text(a->spec, a->spec->hooks[j->hooks[k].number].name),
			   name) == 0)
			return &j->hooks[k];
	return NULL;
}

struct owing {
	const struct agent *agent;
	struct job *job;
};

static int take_owed(void *arg, const struct pending_hook *p)
{
	const struct owing *o = arg;
	struct job *j = o->job;
	struct job_hook *h = hook_called(o->agent, j, p->hook);

	if (h == NULL || p->generation != j->generation)
		return 0;
	for (uint32_t k = 0; k < j->spec->hooks.n && !j->owed; k++)
		j->hooks[k].owed = false;
	j->owed = true;
	h->owed = true;
	h->passed = p->test_passed;
	j->was_up = p->was_up;
	j->previous = p->previous;
	return 0;
}

/*
 * What is live, with something missing: files, or hooks that are owed. Nothing changes,
 * so there is nothing to go back to, but where a crash came before the new generation
 * was tested and proven.
 */
static int take_live(struct agent *a, struct job *j, struct err *e)
{
	struct owing owing = { a, j };

	j->generation = a->certs[j->cert].generation;
	TRY(inventory_facts(a, j->cert, j->generation, &j->memory, &j->facts, e));
	TRY(state_hook_each(a->state, j->name, take_owed, &owing, e));
	if (j->owed && j->previous != j->generation)
		look_at_old(a, j);
	j->old_ok = j->old_ok && j->cut;
	j->again = j->why == WHY_NOT_SERVED && !j->owed && !j->cut;
	if (j->again)
		probing_old(a, j->cert, j->generation, j->old_facts.fingerprint);
	return 0;
}

/* A crash came after the certificate of the order was stored, and before that was
 * remembered: it is there, and nobody knows of it. */
static int take_stored(struct agent *a, struct job *j, struct err *e)
{
	AUTO_FREE uint64_t *numbers = NULL;
	struct file_stamp stamp;
	struct x509_facts facts;
	uint64_t number;
	size_t n;

	TRY(generation_list(a->root, j->name, &numbers, &n, e));
	number = n == 0 ? 0 : numbers[n - 1];
	inventory_stored(a, j->cert, number, &stamp);
	if (number <= j->previous || stamp.mtime_ns / 1000000000 < j->ordered_at ||
	    inventory_facts(a, j->cert, number, NULL, &facts, e) < 0 ||
	    facts.names_hash != setbacks_hash(&j->setbacks, j->ordered_at) ||
	    !inventory_key_fits(a, j->spec, &facts))
		return 0;
	j->facts = facts;
	take(a, j, number);
	return job_stored(a, j, e);
}

int job_prepare(struct agent *a, struct job *j, struct err *e)
{
	bool found, taken;

	TRY(state_get(a->state, j->name, &j->memory, &found, e));
	TRY(check_place(a, j, e));
	j->cut = j->memory.state >= JOB_INSTALLING;
	if (j->memory.state == JOB_PARKED)
		j->memory.state = JOB_IDLE;
	j->previous = a->certs[j->cert].generation;
	look_at_old(a, j);
	TRY(take_held(a, j, &taken, e));
	if (taken)
		return 0;
	if (due_writes_again(j->why) || j->why == WHY_NOT_SERVED)
		return take_live(a, j, e);
	TRY(commit_room(a, e));
	issuer_choose(a, j);
	TRY(setbacks_of(a, j->cert, &j->setbacks, e));
	TRY(order_resume(a, j, e));
	if (j->order != NULL)
		return take_stored(a, j, e);
	if ((a->certs[j->cert].flags & CERT_ASKED) == 0 || j->setbacks.n == 0)
		return 0;
	setbacks_clear(&j->setbacks); /* a person has mended something */
	return setbacks_save(&j->setbacks, a, e);
}

int job_prepare_rollback(struct agent *a, struct job *j, struct err *e)
{
	bool found;

	TRY(state_get(a->state, j->name, &j->memory, &found, e));
	TRY(check_place(a, j, e));
	j->previous = a->certs[j->cert].generation;
	look_at_old(a, j);
	return inventory_facts(a, j->cert, j->generation, NULL, &j->facts, e);
}
