#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/inventory.h"
#include "agent/job_exec.h"
#include "agent/job_steps.h"
#include "agent/pool.h"
#include "agent/role/log.h"
#include "agent/rule/schedule.h"
#include "agent/verify.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

/* A shorter wait is spent in memory, to the millisecond; a longer one outlives us. So
 * does each that comes after ten minutes: a CA that says "soon" for ever keeps no run
 * from its end. */
#define PARK_MEMORY_MS 60000
#define PARK_TOTAL_MS  600000

static const char *issuer_at(const struct agent *a, const struct job *j, unsigned place)
{
	const uint32_t issuer = a->spec->numbers[j->spec->issuers.first + place];

	return spec_text(a->spec, a->spec->issuers[issuer].name);
}

void issuer_choose(const struct agent *a, struct job *j)
{
	if (j->memory.fallback.asked >= j->spec->issuers.n)
		j->memory.fallback.asked = 0;
	j->issuer = a->spec->numbers[j->spec->issuers.first + j->memory.fallback.asked];
}

/* -- another issuer -- */

/* Remembered before that is asked for: its order must not be taken for the one before. */
static void order_anew(struct agent *a, struct job *j, const char *text)
{
	struct err e;

	order_over(a, j);
	setbacks_again(&j->setbacks);
	j->n_orders = 0;
	a->orders[j->issuer].failed++;
	agent_tell(a, j->name, "failed", 0, text);
	if (agent_write(a, &e) < 0 || state_put(a->state, j->name, &j->memory, &e) < 0)
		log_error("%s: remember: %s", j->name, e.text);
	buf_done(&j->chain);
	buf_done(&j->anchors);
	job_enter(a, j, JOB_ORDERING);
}

static void ask_next(struct agent *a, struct job *j, const struct err *why)
{
	AUTO_FREE char *text = xasprintf("%s; %s is asked next", why->text,
					 issuer_at(a, j, j->memory.fallback.asked));

	order_anew(a, j, text);
}

/* What the CA has lost is not waited for any more. */
static void ask_again(struct agent *a, struct job *j, const struct err *why)
{
	AUTO_FREE char *text =
	    xasprintf("%s; it is given up, and another order is made", why->text);

	order_anew(a, j, text);
}

/* -- parking -- */

static void on_time(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct job *j = timer->data;

	(void)loop;
	(void)events;
	job_enter(j->agent, j, JOB_ORDERING);
}

/* The job ends, and is looked at again when the CA said: that is no failure. Where the CA has
 * an order of it, and where a person has asked, it is gone on with; else if it is due then,
 * which by another clock it may not be. */
static void park_on_disk(struct agent *a, struct job *j)
{
	struct memory *m = &j->memory;
	struct cert *c = &a->certs[j->cert];
	char until[TEXT_TIME_MAX];
	AUTO_FREE char *text = NULL;
	struct err e;
	int rc;

	m->state = JOB_PARKED;
	m->retry_at = schedule_later_at((j->until_ms + 999) / 1000, clock_now());
	/* As long as it is this CA that is asked, whatever else the configuration says. */
	m->failed_by = j->generation == 0 ? inventory_ca(a, j->issuer) : 0;
	m->flags = (m->flags & ~CERT_ASKED) | (c->flags & CERT_ASKED);
	rc = agent_write(a, &e);
	if (rc == 0)
		rc = state_put(a->state, j->name, m, &e);
	if (rc == 0 && j->order != NULL)
		rc = order_keep(a, j, m->retry_at, &e);
	if (rc < 0)
		log_error("%s: remember: %s", j->name, e.text);
	text = xasprintf("until %s: %s", text_time(until, m->retry_at), m->last_error);
	agent_tell(a, j->name, "parked", 0, text);
	c->retry_at = m->retry_at;
	c->state = JOB_PARKED;
	a->tried[j->cert] = false; /* a run that is still there then goes on */
	job_end(a, j);
	agent_pass(a);
}

static bool stays_in_memory(const struct agent *a, const struct job *j)
{
	return !a->stopping && j->until_ms <= a->wait_until_ms &&
	       j->until_ms - clock_now_ms() < PARK_MEMORY_MS &&
	       clock_boot_ms() - j->begun_ms < PARK_TOTAL_MS;
}

int parking_begin(struct agent *a, struct job *j, struct err *e)
{
	(void)e;
	ev_timer_init(&j->timer, on_time,
		      (double)(j->until_ms - clock_now_ms()) / 1000., 0.);
	j->timer.data = j;
	ev_timer_start(a->loop, &j->timer);
	return 0;
}

static void park(struct agent *a, struct job *j, const struct err *e)
{
	int64_t now_ms = clock_now_ms();

	j->polls += !j->uncounted;
	j->uncounted = false;
	j->until_ms =
	    schedule_poll_at_ms(e->retry_at_ms,
				j->order == NULL ? clock_now() : j->ordered_at, now_ms);
	snprintf(j->memory.last_error, sizeof(j->memory.last_error), "%s", e->text);
	if (stays_in_memory(a, j))
		job_enter(a, j, JOB_PARKED);
	else
		park_on_disk(a, j);
}

bool job_begins_later(const struct job *j)
{
	const int64_t now = clock_now();

	return j->generation != j->previous && !j->by_hand && !j->owed && j->old_ok &&
	       j->old_facts.not_after > now &&
	       j->facts.not_before > now + VERIFY_SKEW_S;
}

bool job_came_ahead(const struct job *j)
{
	return due_is_ahead(j->facts.not_before, clock_now()) &&
	       j->facts.not_before <= j->stored.mtime_ns / 1000000000;
}

void job_give_up(struct agent *a, struct job *j)
{
	struct err e;

	log_warn("%s: generation %" PRIu64 " came by a clock that was ahead, and is "
		 "not used",
		 j->name, j->generation);
	j->memory.held = 0;
	if (agent_write(a, &e) < 0 ||
	    state_put(a->state, j->name, &j->memory, &e) < 0 ||
	    inventory_refresh(a, j->cert, &j->memory, &e) < 0)
		log_error("%s: remember: %s", j->name, e.text);
	a->tried[j->cert] = false;
	job_end(a, j);
	agent_pass(a);
}

void job_hold_back(struct agent *a, struct job *j)
{
	struct memory *m = &j->memory;
	char begin[TEXT_TIME_MAX];
	struct err e;

	if (job_came_ahead(j)) {
		job_give_up(a, j);
		return;
	}
	j->until_ms = clock_sooner(j->facts.not_before, j->old_facts.not_after) * 1000;
	snprintf(m->last_error, sizeof(m->last_error),
		 "generation %" PRIu64 " begins at %s", j->generation,
		 text_time(begin, j->facts.not_before));
	if (inventory_refresh(a, j->cert, m, &e) < 0)
		log_error("%s: %s", j->name, e.text);
	park_on_disk(a, j);
}

int installing_begin(struct agent *a, struct job *j, struct err *e)
{
	(void)e;
	batch_join(a, j);
	return 0;
}

/* A key that comes later waits for the next job. */
static bool nobody_works(struct agent *a, const struct job *j)
{
	if (j->state == JOB_ORDERING)
		return job_is_exec(a, j) ? !j->runs
					 : pool_take_back(a->pool, j->id, job_answered);
	return j->state == JOB_KEYING;
}

void job_rest_all(struct agent *a)
{
	struct job *next;

	for (struct job *j = a->jobs; j != NULL; j = next) {
		next = j->next;
		if (j->state == JOB_PARKED)
			park_on_disk(a, j);
		else if (nobody_works(a, j))
			job_end(a, j);
	}
}

/* -- after a failure -- */

/* What may be gone on with another time. On the way to the CA, trust and configuration
 * are about the way; once there is a chain they are about what the order has brought. */
static bool keeps_order(const struct job *j, int code)
{
	if (code == ERR_TRUST || code == ERR_CONFIG)
		return j->state == JOB_ORDERING;
	return code == ERR_LATER || code == ERR_NET || code == ERR_SYS ||
	       code == ERR_BUSY;
}

/* Of what was never issued it is remembered in the place of its next moment since when it
 * has been asked for. */
static int64_t put_off_s(const struct agent *a, struct job *j)
{
	int64_t *since = &j->memory.renew_at;

	if (j->order != NULL)
		return clock_now() - j->ordered_at;
	if (j->previous != 0)
		return clock_now() - due_moment(j->spec, &a->certs[j->cert]);
	if (*since == 0)
		*since = clock_now();
	return clock_now() - *since;
}

bool job_goes_on(struct agent *a, struct job *j, const struct err *e)
{
	const bool later = e->code == ERR_LATER;
	struct fallback_failure why = { .code = e->code };

	if (agent_cut_off_by(a, e) || j->state < JOB_ORDERING ||
	    j->state > JOB_VERIFYING)
		return false;
	if (job_tries_again(a, j, e))
		return true;
	why.ordered = j->order != NULL;
	why.wait_s = later ? e->retry_at_ms / 1000 - clock_now() : 0;
	why.put_off_s = put_off_s(a, j);
	if (fallback_after(&j->memory.fallback, j->spec->issuers.n, &why)) {
		issuer_choose(a, j);
		ask_next(a, j, e);
		return true;
	}
	if (later && order_is_lost(a, j)) {
		ask_again(a, j, e);
		return true;
	}
	if (later) {
		park(a, j, e);
		return true;
	}
	if (!keeps_order(j, e->code) || order_is_lost(a, j))
		order_over(a, j);
	return false;
}
