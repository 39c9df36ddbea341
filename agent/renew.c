#include "agent/renew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/alarm_owed.h"
#include "agent/ari.h"
#include "agent/batch.h"
#include "agent/challenge.h"
#include "agent/commit.h"
#include "agent/crlwatch.h"
#include "agent/drift.h"
#include "agent/job.h"
#include "agent/owncrl.h"
#include "agent/pool.h"
#include "agent/progress.h"
#include "agent/proof.h"
#include "agent/revoke.h"
#include "agent/revoked.h"
#include "agent/role/control.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rollback.h"
#include "agent/rootwatch.h"
#include "agent/strangers.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define JOBS_AT_ONCE   64    /* on their way to a batch: fills both cores */
#define PARKED_AT_ONCE 1000  /* besides, in memory: a CA that takes its time for each */
#define JOBS_MOST      10000 /* with those in a batch, 3 KiB each */

/* Requests in its socket, see link.h: they fit, and those for RSA keys, which it makes
 * beside, do not hold up the rest. */
#define KEEPER_AT_ONCE 8
#define FAR_FUTURE     4102444800. /* 2100: armed, and never comes */
#define TICK_S         0.25

/* For what is under way when the run is to end: less than the supervisor waits. */
#define STOP_MS 5000

/* The keeper does one thing after the other. If it says nothing for so long, a disk or a
 * key generator hangs, and both of us begin again from disk. */
#define KEEPER_SILENT_MS 110000

static bool may_begin(const struct agent *a)
{
	const struct job_count *n = &a->count;

	if (a->clock.wrong)
		return false;
	if (!clockwatch_is_sure(&a->clock))
		return a->jobs == NULL;
	return n->alone - n->parked < JOBS_AT_ONCE && n->parked < PARKED_AT_ONCE &&
	       n->jobs < JOBS_MOST;
}

static void keep_ticking(struct agent *a)
{
	if (!ev_is_active(&a->tick))
		ev_timer_again(a->loop, &a->tick);
}

static void finish_if_done(struct agent *a, bool more)
{
	struct err e;

	if (a->jobs != NULL || !batch_idle(a) || challenge_busy(a) || ari_busy(a) ||
	    (a->n_reaching > 0 && !a->stopping))
		return;
	if (a->request->command != COMMAND_AGENT &&
	    (crlwatch_busy(a) || owncrl_busy(a) || rootwatch_busy(a)))
		return;
	challenge_rest(a);
	if ((a->stopping || !more || a->request->command == COMMAND_AGENT) &&
	    revoke_next(a)) {
		keep_ticking(a);
		return;
	}
	if (a->look || alarm_next(a))
		return;
	(void)agent_commit(a, &e); /* it has said so */
	if (!pool_any(a->pool) && !crlwatch_busy(a) && !owncrl_busy(a) &&
	    !rootwatch_busy(a))
		ev_timer_stop(a->loop, &a->tick);
	a->over = a->stopping || !more;
	if (a->over)
		ev_break(a->loop, EVBREAK_ALL);
}

void agent_pass(struct agent *a)
{
	a->look = true;
}

#define AT_WORK "at work"

/* Say that we decide, and what comes next, to whom it may concern. */
static void tell_ready(struct agent *a, int64_t next, uint32_t i)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[sizeof(a->ready)] = AT_WORK;
	char at[TEXT_TIME_MAX];
	struct err e;

	if (a->stopping || agent_cut_off(a))
		return;
	if (a->request->command != COMMAND_AGENT)
		; /* it ends by itself */
	else if (a->clock.wrong)
		snprintf(text, sizeof(text), "the clock is wrong: nothing is begun");
	else if (a->jobs == NULL && next == INT64_MAX)
		snprintf(text, sizeof(text), "nothing to look after");
	else if (a->jobs == NULL)
		snprintf(text, sizeof(text), "next: %.160s at %s",
			 agent_cert_name(a, i), text_time(at, next));
	if (strcmp(text, a->ready) == 0)
		return;
	memcpy(a->ready, text, sizeof(text));
	msg_begin(&m, SUP_READY, 0);
	msg_put_str(&m, text);
	if (msg_send(a->super.fd, &m, &e) < 0)
		log_warn("say what comes next: %s", e.text);
}

/* What is to be done by now is begun when all else is quiet. */
static int64_t revoke_moment(const struct agent *a)
{
	return a->revoke_at > clock_now() ? a->revoke_at : INT64_MAX;
}

/* Decide first, act after. */
static void pass(struct agent *a)
{
	enum why why;
	int64_t next, crl_at, hook_at, strange_at, own_at, roots_at;
	uint32_t i = 0;

	a->look = false;
	a->passing = true;
	a->passed_at = clock_now();
	if (a->stopping)
		job_rest_all(a);
	roots_at = rootwatch_turn(a);
	agenda_decide(a);
	while (!a->stopping && !agent_cut_off(a) && may_begin(a) &&
	       agenda_take(a, &i, &why)) {
		a->tried[i] = a->request->command != COMMAND_AGENT;
		job_begin(a, i, why);
	}
	crl_at = crlwatch_turn(a);
	if (crlwatch_hooks(a, &hook_at))
		crl_at = INT64_MAX;
	strange_at = strangers_turn(a);
	own_at = owncrl_turn(a);
	a->passing = false;
	if (a->jobs != NULL || challenge_busy(a) || ari_busy(a) || proof_busy(a) ||
	    crlwatch_busy(a) || owncrl_busy(a) || rootwatch_busy(a))
		keep_ticking(a);
	else
		pool_rest(a->pool);
	if (a->clock_again_at <= clock_now())
		alarm_clock(a);
	next = agenda_next(a, &i);
	tell_ready(a, next, i);
	if (a->request->command == COMMAND_AGENT)
		next = clock_sooner(clock_sooner(clock_sooner(next, strange_at),
						 clock_sooner(crl_at, hook_at)),
				    clock_sooner(a->clock_again_at, revoke_moment(a)));
	next = clock_sooner(next, roots_at);
	next = clock_sooner(next, own_at); /* in this run, also where others are over */
	ev_periodic_stop(a->loop, &a->alarm);
	ev_periodic_set(&a->alarm, next == INT64_MAX ? FAR_FUTURE : (ev_tstamp)next, 0.,
			NULL);
	ev_periodic_start(a->loop, &a->alarm);
	batch_check(a);
	finish_if_done(a, a->due.n > 0 || next != INT64_MAX ||
			      a->request->command == COMMAND_AGENT);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct agent *a = timer->data;
	struct err e;

	(void)loop;
	(void)events;
	if (link_silent_ms(&a->keeper) > KEEPER_SILENT_MS) {
		log_error("the keeper says nothing any more");
		err_set(&e, ERR_NET, "the keeper says nothing any more");
		link_drop(&a->keeper, &e);
		return;
	}
	if (a->stopping && clock_awake_ms() > a->patience_ms) {
		log_warn("not everything could be finished: it is gone on with at the "
			 "next start");
		a->status = EXIT_CUT;
		ev_break(a->loop, EVBREAK_ALL);
		return;
	}
	progress_show(a);
	job_check_limits(a);
	pool_check(a->pool);
	challenge_check(a);
	ari_check(a);
	batch_keep(a);
	batch_check(a);
	alarm_check(a);
	revoke_check(a);
	if (a->jobs == NULL)
		agent_pass(a);
}

/* Everything is looked at again before anything is done by another clock. */
static void watch_clock(struct agent *a)
{
	int64_t jump_ms = clockwatch_turn(&a->clock, clock_now_ms(), clock_boot_ms());

	if (jump_ms == 0)
		return;
	log_warn("the clock was set by %lld s: everything is looked at again",
		 (long long)(jump_ms / 1000));
	alarm_clock(a);
	agenda_all(a);
	a->look = true;
}

/* What a commit brings on may be done in the same turn. */
static void end_turn(struct agent *a)
{
	watch_clock(a);
	while (commit_turn(a) || a->look)
		if (a->look)
			pass(a);
	challenge_turn(a);
}

static void on_turn(struct ev_loop *loop, ev_prepare *turn, int events)
{
	struct agent *a = turn->data;

	(void)loop;
	(void)events;
	end_turn(a);
	if (!state_is_damaged(a->state))
		return;
	a->status = EXIT_AGAIN;
	ev_break(a->loop, EVBREAK_ALL);
}

static void on_alarm(struct ev_loop *loop, ev_periodic *alarm, int events)
{
	(void)loop;
	(void)events;
	agent_pass(alarm->data);
}

/* The keeper or the supervisor is gone, or cannot be heard: nothing can be done any more
 * but by another agent. */
static void on_gone(void *arg, struct link *l)
{
	struct agent *a = arg;

	(void)l;
	a->status = EXIT_AGAIN;
	ev_break(a->loop, EVBREAK_ALL);
}

static void on_other(void *arg, struct link *l, struct msg *m)
{
	struct agent *a = arg;

	(void)l;
	if (m->type == ROLE_TELL) {
		a->ready[0] = '\0';
		agent_pass(a);
	}
	if (m->type != ROLE_STOP)
		return;
	a->stopping = true;
	a->patience_ms = clock_awake_ms() + STOP_MS;
	agent_pass(a);
}

static int open_loop(struct agent *a, struct err *e)
{
	a->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	if (a->loop == NULL)
		return err_sys(e, "epoll");
	link_open(&a->keeper, a->loop, ROLE_FD_PEER, KEEPER_AT_ONCE, a);
	link_open(&a->super, a->loop, ROLE_FD_SUPERVISOR, SIZE_MAX, a);
	a->keeper.gone = on_gone;
	a->super.gone = on_gone;
	a->super.other = on_other;
	a->pool = pool_new(a);
	revoke_begin(a);
	a->batch = batch_new(a);
	ev_timer_init(&a->tick, on_tick, TICK_S, TICK_S);
	ev_periodic_init(&a->alarm, on_alarm, FAR_FUTURE, 0., NULL);
	ev_prepare_init(&a->turn, on_turn);
	a->tick.data = a;
	a->alarm.data = a;
	a->turn.data = a;
	ev_prepare_start(a->loop, &a->turn);
	/* One periodic always armed, or libev wakes each minute to look for a jump of
	 * the clock. */
	ev_periodic_start(a->loop, &a->alarm);
	control_begin(a);
	notice_begin(a);
	rootwatch_begin(a);
	return 0;
}

static void close_loop(struct agent *a)
{
	while (a->jobs != NULL)
		job_end(a, a->jobs);
	notice_end(a);
	rootwatch_free(a);
	control_free(a);
	commit_free(a);
	challenge_free(a);
	ari_free(a);
	proof_free(a);
	revoke_free(a);
	alarm_free(a);
	batch_free(a->batch);
	pool_free(a->pool);
	link_close(&a->keeper);
	link_close(&a->super);
	x509_memo_done(&a->behind);
	x509_memo_done(&a->anchors);
	ev_loop_destroy(a->loop);
	a->loop = NULL;
}

/* Before an agent or keeper of this very run died: it is not asked for twice. */
static bool was_installed(const struct agent *a, uint32_t i)
{
	struct memory m;
	bool found;
	struct err e;

	return state_get(a->state, agent_cert_name(a, i), &m, &found, &e) == 0 &&
	       found && m.installed_run == a->request->run;
}

void renew_ask(struct agent *a)
{
	const bool force = (a->request->flags & REQUEST_FORCE) != 0;

	if (!force && a->request->n_names == 0)
		return;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		if (!a->wanted[i])
			continue;
		a->certs[i].retry_at = 0;
		/* A switch that was cut short brings a new one: it is finished. */
		if (force && a->certs[i].state < JOB_INSTALLING && !was_installed(a, i))
			a->certs[i].flags |= CERT_ASKED;
	}
}

static int exit_status(const struct agent *a)
{
	if (a->status != 0)
		return a->status;
	if (a->request->command == COMMAND_AGENT)
		return EXIT_SUCCESS; /* it was told to stop */
	return a->n_failed > 0 || a->stopping ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int begin_clock(struct agent *a, struct err *e)
{
	char now[TEXT_TIME_MAX];
	int64_t seen;

	if (history_last(a->state, &seen, e) < 0)
		log_warn("when something was last done is not known: %s", e->text);
	clockwatch_begin(&a->clock, clock_now_ms(), clock_boot_ms(), seen);
	if (a->clock.wrong && a->request->command != COMMAND_AGENT)
		return err_set(e, ERR_SYS,
			       "the clock says %s, which cannot be: set it first",
			       text_time(now, clock_now()));
	alarm_clock(a);
	return 0;
}

int agent_renew(struct agent *a, struct err *e)
{
	uint64_t generation = 0;
	uint32_t cert = 0;

	if (a->request->command == COMMAND_ROLLBACK)
		TRY(rollback_choose(a, &cert, &generation, e));
	if (a->request->command == COMMAND_REVOKE)
		TRY(revoke_ask(a, e));
	TRY(revoke_mark(a, e));
	renew_ask(a);
	report_begin(a);
	if (a->request->command != COMMAND_AGENT) /* nobody is told who does not ask */
		memcpy(a->ready, AT_WORK, sizeof(AT_WORK));
	a->wait_until_ms = a->request->command == COMMAND_AGENT
			       ? INT64_MAX
			       : clock_now_ms() + a->request->wait_s * 1000;
	TRY(begin_clock(a, e));
	TRY(open_loop(a, e));
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		drift_note(a, i);
	revoked_again(a);
	alarm_owed_again(a);
	challenge_begin(a);
	proof_begin(a);
	if (generation != 0)
		job_begin_rollback(a, cert, generation);
	agenda_all(a);
	agent_pass(a);
	end_turn(a);
	if (a->status == 0 && !a->over)
		ev_run(a->loop, 0);
	progress_hide(a);
	/* Cut off, what is not committed is done again, as after any crash. */
	if (!agent_cut_off(a))
		(void)agent_commit(a, e);
	if (a->status == 0 && !a->stopping && a->request->command == COMMAND_RENEW)
		renew_waiting(a);
	report_end(a);
	close_loop(a);
	return exit_status(a);
}
