#include "agent/revoke.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/pool.h"
#include "agent/progress.h"
#include "agent/revoked.h"
#include "agent/role/lend.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "agent/state/state_revoke.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

/* -- what is noted -- */

struct revoking {
	struct revoke_row *rows; /* owned, strings too */
	size_t n;
	size_t at;      /* the next */
	bool asking;    /* the one before it */
	bool again;     /* looked at before, in this run */
	int64_t due_ms; /* clock_boot_ms() since when it waits for quiet; 0: not */
};

static int take(void *arg, const struct revoke_row *r)
{
	struct revoking *v = arg;

	v->rows = xrealloc(v->rows, v->n + 1, sizeof(*r));
	v->rows[v->n] = *r;
	v->rows[v->n].name = xstrdup(r->name);
	v->rows[v->n].issuer = xstrdup(r->issuer);
	v->rows[v->n].last_error = xstrdup(r->last_error);
	v->n++;
	return 0;
}

static void drop(struct revoking *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free((void *)(uintptr_t)v->rows[i].name);
		free((void *)(uintptr_t)v->rows[i].issuer);
		free((void *)(uintptr_t)v->rows[i].last_error);
	}
	free(v->rows);
	*v = (struct revoking){ .again = true };
}

static const struct revoke_row *current(const struct agent *a)
{
	return &a->revoking->rows[a->revoking->at - 1];
}

/* By a clock that is ahead everything has ended: a CA has to have told the time, but for the
 * embedded one, which has no other. */
static bool knows_time(const struct agent *a, const struct revoke_row *r)
{
	const uint32_t issuer = spec_issuer_called(a->spec, r->issuer);
	const bool is_ours =
	    issuer != SPEC_NOBODY && a->spec->issuers[issuer].type == ISSUER_LOCAL;

	return (a->clock.heard || is_ours) && clockwatch_is_sure(&a->clock);
}

/* No client takes it any more, or nobody has it. */
static bool is_past(const struct agent *a, const struct revoke_row *r)
{
	const uint32_t cert = spec_cert_called(a->spec, r->name);
	struct x509_facts facts;
	struct err e;

	if (cert == SPEC_NOBODY)
		return false;
	if (inventory_facts(a, cert, r->generation, NULL, &facts, &e) < 0)
		return e.sysno == ENOENT;
	return knows_time(a, r) && facts.not_after <= clock_now();
}

static void forget(struct agent *a, const struct revoke_row *r)
{
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_revoke_done(a->state, r->name, r->generation, &e) < 0 ||
	    agent_commit(a, &e) < 0)
		log_error("%s: forget it: %s", r->name, e.text);
}

static void forget_past(struct agent *a, const struct revoke_row *r)
{
	log_warn("%s: generation %llu is not revoked any more: it has ended, or is not "
		 "in the store",
		 r->name, (unsigned long long)r->generation);
	forget(a, r);
}

/* It has been replaced, and that is all that can be done. */
static void forget_beyond_us(struct agent *a, const struct revoke_row *r)
{
	log_warn("%s: generation %llu was %s", r->name,
		 (unsigned long long)r->generation, revoke_beyond_us(a, r));
	forget(a, r);
}

/* -- what was not done -- */

/* There is something to be done then. */
static void look_at(struct agent *a, int64_t at)
{
	if (at < a->revoke_at)
		a->revoke_at = at;
}

static int64_t retry_at(const struct agent *a, const struct revoke_row *r,
			const struct err *why)
{
	const int64_t now = clock_now();

	if (why->code == ERR_CONFIG) /* whoever mends it does not wait */
		return 0;
	if (why->code == ERR_LATER)
		return schedule_later_at(why->retry_at_ms / 1000, now);
	return schedule_retry_at(why->code, r->failures + 1, now, 0,
				 agent_draw(a, r->name));
}

/* Told once: a CA that does not want to says nothing else tomorrow. */
static bool was_refused(const struct revoke_row *r)
{
	return r->code == ERR_REFUSED;
}

static char *describe(const struct agent *a, const struct revoke_row *r,
		      const struct err *why)
{
	const uint32_t cert = spec_cert_called(a->spec, r->name);
	const bool live =
	    cert != SPEC_NOBODY && a->certs[cert].generation == r->generation;

	if (why->code != ERR_REFUSED)
		return xstrdup(why->text);
	return xasprintf("%s; it is asked again once a day until the certificate has "
			 "ended%s%s%s",
			 why->text, live ? "; try everleaf revoke " : "",
			 live ? r->name : "",
			 live ? " with --by-key or another --reason" : "");
}

static void tell_hooks(struct agent *a, const struct revoke_row *r,
		       const struct err *why, const char *text)
{
	const uint32_t cert = spec_cert_called(a->spec, r->name);
	AUTO_FREE char *words = xasprintf("generation %llu is not revoked: %s",
					  (unsigned long long)r->generation, text);

	if (cert != SPEC_NOBODY &&
	    alarm_admit(a, r->name, "not-revoked", (uint64_t)-why->code, NULL))
		job_note(a, cert, WHY_REVOKED, EVENT_FAILED, words);
}

static void not_done(struct agent *a, const struct revoke_row *r, const struct err *why)
{
	AUTO_FREE char *text = describe(a, r, why);
	const bool told = was_refused(r) && why->code == ERR_REFUSED;
	struct revoke_row row = *r;
	struct err e;

	row.retry_at = retry_at(a, r, why);
	row.failures++;
	row.code = why->code;
	row.last_error = why->text;
	if (agent_write(a, &e) < 0 || state_revoke_put(a->state, &row, &e) < 0)
		log_error("%s: remember: %s", r->name, e.text);
	if (!told) {
		a->n_failed++;
		log_error("%s: generation %llu is not revoked: %s", r->name,
			  (unsigned long long)r->generation, text);
		agent_tell(a, r->name, "not-revoked", r->generation, text);
		tell_hooks(a, r, why, text);
	}
	if (agent_commit(a, &e) < 0)
		log_error("%s: remember: %s", r->name, e.text);
	if (is_past(a, r))
		forget_past(a, r);
	else if (row.retry_at != 0)
		look_at(a, row.retry_at);
}

/* -- at the CA -- */

/* The ticket is not given: the worker waits in vain, and is not waited for. */
static void on_lent(void *arg, uint32_t number, struct msg *m,
		    const struct err *failed);
static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed);

static int make(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	AUTO_MSG struct msg lent = MSG_NONE;
	const struct revoke_row *r = current(a);
	const struct lend_ticket t = {
		.what = r->by_key ? LEND_REVOKE_BY_KEY : LEND_REVOKE,
		.issuer = spec_issuer_called(a->spec, r->issuer),
		.cert = number,
		.generation = r->generation,
		.reason = r->reason,
	};

	msg_begin(m, WORKER_REVOKE, 0);
	msg_put_u64(m, t.issuer);
	msg_put_u64(m, r->by_key);
	TRY(lend_begin(&t, &lent, &m->fd, e));
	link_call(&a->keeper, &lent, on_lent, number);
	return 0;
}

static int by_keeper(struct agent *a, const struct revoke_row *r, uint32_t issuer,
		     uint32_t cert, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct x509_facts facts;

	TRY(inventory_facts(a, cert, r->generation, NULL, &facts, e));
	msg_begin(&m, KEEPER_CA_REVOKE, 0);
	msg_put_u64(&m, issuer);
	msg_put_str(&m, facts.serial);
	msg_put_u64(&m, r->reason);
	link_call(&a->keeper, &m, on_answer, cert);
	return 0;
}

/* on_answer() is told what comes of it. */
static int ask(struct agent *a, const struct revoke_row *r, uint32_t cert,
	       struct err *e)
{
	const uint32_t issuer = spec_issuer_called(a->spec, r->issuer);
	const struct pool_task task = {
		.issuer = issuer, .number = cert, .make = make, .done = on_answer
	};

	if (cert == SPEC_NOBODY)
		return err_set(e, ERR_CONFIG,
			       "it is not in the configuration any more");
	if (issuer == SPEC_NOBODY)
		return err_set(e, ERR_CONFIG, "issuer %s is not in the configuration",
			       r->issuer);
	if (a->spec->issuers[issuer].type == ISSUER_LOCAL)
		return by_keeper(a, r, issuer, cert, e);
	pool_call(a->pool, &task);
	return 0;
}

static int remember(struct agent *a, const struct revoke_row *r, uint32_t cert,
		    struct err *e)
{
	TRY(agent_write(a, e));
	TRY(state_revoke_done(a->state, r->name, r->generation, e));
	revoked_tell(a, cert, r->generation, r->issuer);
	if (a->certs[cert].generation == r->generation)
		TRY(revoked_remember(a, cert, CERT_REVOKED, e));
	return agent_commit(a, e);
}

static int is_done(struct agent *a, struct msg *m, struct err *e)
{
	const struct revoke_row *r = current(a);

	TRY(msg_end(m, e));
	TRY(remember(a, r, spec_cert_called(a->spec, r->name), e));
	progress_hide(a);
	if (a->report.lines)
		printf("%s: generation %llu is revoked\n", r->name,
		       (unsigned long long)r->generation);
	return 0;
}

static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct err e;

	(void)number;
	if (!a->revoking->asking)
		return; /* it has failed by its ticket */
	if (failed != NULL)
		e = *failed;
	if (agent_cut_off(a) || (failed != NULL && agent_cut_off_by(a, &e)))
		return; /* nobody was asked, or can say so */
	a->revoking->asking = false;
	if (failed != NULL || is_done(a, m, &e) < 0)
		not_done(a, current(a), &e);
	agent_pass(a);
}

static void on_lent(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	if (failed != NULL)
		on_answer(arg, number, m, failed);
}

/* -- when -- */

/* Its time has not come, and nobody asks for it now. */
static bool holds_back(const struct agent *a, const struct revoke_row *r, int64_t now)
{
	return a->request->n_names == 0 && r->retry_at > now &&
	       r->retry_at - now <= SCHEDULE_WAIT_MAX;
}

/* The agent has other moments for that, and says nothing until then. */
static void tell_waiting(struct agent *a, const struct revoke_row *r, const char *until)
{
	a->n_failed++;
	if (a->request->command != COMMAND_AGENT)
		log_error("%s: generation %llu is not revoked yet%s", r->name,
			  (unsigned long long)r->generation, until);
}

static void wait_for(struct agent *a, const struct revoke_row *r)
{
	char at[TEXT_TIME_MAX];
	AUTO_FREE char *until = xasprintf(", and not tried again before %s: %s",
					  text_time(at, r->retry_at), r->last_error);

	look_at(a, r->retry_at);
	if (!was_refused(r))
		tell_waiting(a, r, until);
}

/* What only another configuration mends: that is another run. */
static bool is_hopeless(const struct agent *a, const struct revoke_row *r)
{
	return a->revoking->again && r->failures > 0 && r->code == ERR_CONFIG;
}

static void see_to(struct agent *a, const struct revoke_row *r)
{
	const uint32_t cert = spec_cert_called(a->spec, r->name);
	struct err e;

	if (a->request->n_names > 0 && (cert == SPEC_NOBODY || !a->wanted[cert]))
		return; /* this run is about others */
	/* Whoever asks now asks the CA, whatever this clock says. */
	if (a->request->command != COMMAND_REVOKE && is_past(a, r)) {
		forget_past(a, r);
	} else if (cert != SPEC_NOBODY && revoke_waits(a, r, cert)) {
		tell_waiting(a, r, ": it has to be replaced first");
	} else if (revoke_beyond_us(a, r) != NULL) {
		forget_beyond_us(a, r);
	} else if (holds_back(a, r, clock_now())) {
		wait_for(a, r);
	} else if (!is_hopeless(a, r)) {
		a->revoking->asking = true; /* until on_answer(): it may be at once */
		if (ask(a, r, cert, &e) == 0)
			return;
		a->revoking->asking = false;
		not_done(a, r, &e);
	}
}

bool revoke_next(struct agent *a)
{
	struct revoking *v = a->revoking;
	struct err e;

	if (v->asking)
		return true;
	if (v->rows == NULL && (a->revoke_at > clock_now() || a->clock.wrong))
		return false;
	v->due_ms = 0;
	if (v->rows == NULL) {
		a->revoke_at = INT64_MAX;
		if (state_revoke_each(a->state, take, v, &e) < 0)
			log_error("what is to be revoked: %s", e.text);
	}
	while (!a->stopping && v->at < v->n && !v->asking)
		see_to(a, &v->rows[v->at++]);
	if (v->asking)
		return true;
	drop(v);
	if (a->revoke_at != INT64_MAX && a->request->command == COMMAND_AGENT)
		agent_pass(a); /* the moment has to be armed */
	return false;
}

void revoke_check(struct agent *a)
{
	struct revoking *v = a->revoking;
	const int64_t now = clock_boot_ms();

	if (a->request->command != COMMAND_AGENT || a->stopping || agent_cut_off(a) ||
	    v->asking || (v->rows == NULL && a->revoke_at > clock_now()))
		return;
	if (v->due_ms == 0)
		v->due_ms = now;
	if (v->rows != NULL || now - v->due_ms >= REVOKE_QUIET_MS)
		(void)revoke_next(a);
}

void revoke_begin(struct agent *a)
{
	a->revoking = xcalloc(1, sizeof(*a->revoking));
	a->revoke_at = INT64_MIN;
}

void revoke_free(struct agent *a)
{
	drop(a->revoking);
	free(a->revoking);
	a->revoking = NULL;
}
