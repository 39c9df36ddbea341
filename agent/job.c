#include "agent/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/batch.h"
#include "agent/inventory.h"
#include "agent/job_steps.h"
#include "agent/nextkey.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/rule/schedule.h"
#include "base/clock.h"
#include "base/mem.h"

/* The states. `begin` makes the request, its answer is given to `end`. What has no
 * end is driven by the batch, or lasts. An order takes as long as whoever is asked may
 * be silent: KEEPER_SILENT_MS, pool_limit_ms(). */
static const struct state_row {
	const char *word;
	int limit_s;
	enum job_state next;
	int (*begin)(struct agent *a, struct job *j, struct err *e);
	int (*end)(struct agent *a, struct job *j, struct msg *m, struct err *e);
} rows[JOB_STATES] = {
	[JOB_IDLE] = { .word = "idle" },
	[JOB_KEYING] = { "keying", 120, JOB_ORDERING, keying_begin, keying_end },
	[JOB_ORDERING] = { "ordering", 0, JOB_VERIFYING, ordering_begin, ordering_end },
	[JOB_PARKED] = { "parked", 0, JOB_ORDERING, parking_begin, NULL },
	[JOB_VERIFYING] = { "verifying", 120, JOB_INSTALLING, verifying_begin,
			    verifying_end },
	[JOB_INSTALLING] = { .word = "installing", .begin = installing_begin },
	[JOB_HOOKING] = { .word = "hooking" },
	[JOB_PROBING] = { .word = "probing" },
};

const char *job_state_word(enum job_state state)
{
	return state < JOB_STATES ? rows[state].word : "idle";
}

struct job *job_called(struct agent *a, uint32_t id)
{
	for (struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->id == id)
			return j;
	return NULL;
}

struct job *job_of_cert(struct agent *a, uint32_t cert)
{
	for (struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->cert == cert)
			return j;
	return NULL;
}

static uint32_t new_id(struct agent *a)
{
	if (++a->last_job == 0)
		a->last_job = 1;
	return a->last_job;
}

bool job_any_alone(const struct agent *a)
{
	return a->count.alone > 0;
}

static void count(struct agent *a, const struct job *j, int by)
{
	a->count.jobs += (unsigned)by;
	if (j->state < JOB_INSTALLING)
		a->count.alone += (unsigned)by;
	if (j->state == JOB_PARKED)
		a->count.parked += (unsigned)by;
}

/* -- ends -- */

void job_free(struct job *j)
{
	free(j->order);
	setbacks_done(&j->setbacks);
	buf_done(&j->spki);
	buf_done(&j->chain);
	buf_done(&j->anchors);
	free(j->probes);
	free(j->hooks);
	free(j);
}

void job_end(struct agent *a, struct job *j)
{
	struct job **at = &a->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	count(a, j, -1);
	ev_timer_stop(a->loop, &j->timer);
	a->n_ended++;
	agenda_look(a, j->cert);
	if (j->err.code == 0 && j->spki.len > 0 && j->installed && a->clock.doubted &&
	    agenda_hold_s(a, j->issuer) == 0) {
		clockwatch_agree(&a->clock); /* as its CA does */
		alarm_clock(a);
	}
	if (j->installed) {
		a->certs[j->cert].next_key = NEXTKEY_UNKNOWN;
		a->revoke_at = INT64_MIN; /* its predecessor may be to be revoked */
	}
	if (!alarm_keep(a, j))
		job_free(j);
}

void job_fail(struct agent *a, struct job *j, const struct err *e)
{
	struct memory *m = &j->memory;
	int64_t now = clock_now();
	struct err se;

	if (agent_cut_off_by(a, e)) {
		job_end(a, j);
		return;
	}
	if (j->state >= JOB_ORDERING && j->state <= JOB_VERIFYING)
		a->orders[j->issuer].failed++;
	m->failures++;
	m->retry_at = schedule_retry_at(e->code, m->failures, now, m->facts.not_after,
					agent_draw(a, j->name));
	m->failed_by = agent_config_id(a);
	m->state = JOB_IDLE;
	snprintf(m->last_error, sizeof(m->last_error), "%s", e->text);
	if (agent_write(a, &se) < 0 || state_put(a->state, j->name, m, &se) < 0)
		log_error("%s: remember: %s", j->name, se.text);
	agent_tell(a, j->name, "failed", j->generation, e->text);
	a->certs[j->cert].failures = (uint16_t)m->failures;
	a->certs[j->cert].retry_at = m->retry_at;
	a->certs[j->cert].state = JOB_IDLE;
	a->certs[j->cert].flags &= ~CERT_ASKED;
	a->n_failed++;
	j->err = *e;
	if (alarm_admit(a, j->name, "failed", (uint64_t)-e->code, NULL))
		j->alarms |= 1u << EVENT_FAILED;
	report_job(a, j);
	job_end(a, j);
	agent_pass(a);
}

static void step_failed(struct agent *a, struct job *j, const struct err *e)
{
	if (!job_goes_on(a, j, e))
		job_fail(a, j, e);
}

void job_check_limits(struct agent *a)
{
	int64_t now = clock_awake_ms();
	struct job *next;
	struct err e;

	for (struct job *j = a->jobs; j != NULL; j = next) {
		next = j->next;
		if (rows[j->state].limit_s == 0 ||
		    now - j->since_ms < rows[j->state].limit_s * 1000 ||
		    now - a->keeper.since_ms < rows[j->state].limit_s * 1000)
			continue;
		err_set(&e, ERR_SYS, "%s took longer than %d s", rows[j->state].word,
			rows[j->state].limit_s);
		step_failed(a, j, &e);
		return; /* the list may be another one now; the rest next time */
	}
}

/* -- steps -- */

void job_enter(struct agent *a, struct job *j, enum job_state state)
{
	struct err e;

	count(a, j, -1);
	j->state = state;
	count(a, j, 1);
	j->since_ms = clock_awake_ms();
	j->id = new_id(a);
	if (rows[state].begin(a, j, &e) < 0)
		step_failed(a, j, &e);
}

void job_answered(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct job *j = job_called(a, number);
	struct err e;

	if (j == NULL || rows[j->state].end == NULL)
		return;
	if (failed != NULL)
		e = *failed;
	if (failed != NULL || rows[j->state].end(a, j, m, &e) < 0) {
		if (!spec_issuer_is_here(&a->spec->issuers[j->issuer]) &&
		    j->state == JOB_ORDERING)
			err_wrap(&e, "%s",
				 spec_text(a->spec, a->spec->issuers[j->issuer].name));
		err_wrap(&e, "%s", rows[j->state].word);
		step_failed(a, j, &e);
		return;
	}
	job_enter(a, j, rows[j->state].next);
}

/* -- beginnings -- */

static struct job *job_new(struct agent *a, uint32_t cert, enum why why)
{
	struct job *j = xcalloc(1, sizeof(*j));

	*j = (struct job){ .agent = a,
			   .id = new_id(a),
			   .begun_ms = clock_boot_ms(),
			   .cert = cert,
			   .why = why,
			   .spec = &a->spec->certs[cert],
			   .name = agent_cert_name(a, cert),
			   .next = a->jobs };
	j->probes = xcalloc(j->spec->probes.n, sizeof(*j->probes));
	j->hooks = xcalloc(j->spec->hooks.n, sizeof(*j->hooks));
	for (uint32_t k = 0; k < j->spec->hooks.n; k++)
		j->hooks[k] = (struct job_hook){
			.number = a->spec->numbers[j->spec->hooks.first + k],
			.owed = true,
			.passed = true,
		};
	a->jobs = j;
	count(a, j, 1);
	log_debug("%s: %s", j->name, why_word(why));
	return j;
}

void job_begin(struct agent *a, uint32_t cert, enum why why)
{
	struct job *j = job_new(a, cert, why);
	struct err e;

	if (job_prepare(a, j, &e) < 0)
		job_fail(a, j, &e);
	else if (job_came_ahead(j))
		job_give_up(a, j);
	else
		job_enter(a, j, j->generation == 0 ? JOB_KEYING : JOB_INSTALLING);
}

void job_begin_rollback(struct agent *a, uint32_t cert, uint64_t generation)
{
	struct job *j = job_new(a, cert, WHY_ASKED);
	struct err e;

	j->by_hand = true;
	j->generation = generation;
	if (job_prepare_rollback(a, j, &e) < 0)
		job_fail(a, j, &e);
	else
		job_enter(a, j, JOB_INSTALLING);
}

void job_note_of(struct agent *a, uint32_t cert, uint64_t generation, enum why why,
		 uint32_t event, const char *words)
{
	struct job *j = job_new(a, cert, why);
	struct err e;

	j->alarms = 1u << event;
	j->generation = generation;
	if (inventory_facts(a, cert, generation, NULL, &j->facts, &e) < 0 &&
	    generation == a->certs[cert].generation)
		log_warn("%s: %s", j->name, e.text);
	err_set(&j->err, ERR_SYS, "%s", words);
	job_end(a, j);
}

void job_note(struct agent *a, uint32_t cert, enum why why, uint32_t event,
	      const char *words)
{
	job_note_of(a, cert, a->certs[cert].generation, why, event, words);
}
