#include "agent/notice.h"

#include <stdlib.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/audit.h"
#include "agent/crlwatch.h"
#include "agent/drift.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/role/keeper_state.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rollback.h"
#include "agent/rootwatch.h"
#include "agent/state/state_alarm.h"
#include "agent/strangers.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"

int64_t notice_patience(unsigned repairs)
{
	int64_t ms = NOTICE_QUIET_S * 1000;

	while (repairs-- > 0 && ms < NOTICE_PEACE_MS)
		ms *= 2;
	return ms < NOTICE_PEACE_MS ? ms : NOTICE_PEACE_MS;
}

#define NOTICE_WAY "watch" /* a row of the host, see state_alarm.h */

/* -- when -- */

static void wait_ms(struct agent *a, int64_t ms)
{
	ev_timer_stop(a->loop, &a->notice.quiet);
	ev_timer_set(&a->notice.quiet, (double)(ms < 0 ? 0 : ms) / 1000, 0.);
	ev_timer_start(a->loop, &a->notice.quiet);
}

/* Something has just changed. */
static void wait_for_quiet(struct agent *a)
{
	const int64_t now = clock_boot_ms();
	int64_t left;

	ev_now_update(a->loop);
	if (a->notice.first_ms == 0)
		a->notice.first_ms = now;
	left = a->notice.first_ms + NOTICE_MOST_S * 1000 - now;
	wait_ms(a, left < NOTICE_QUIET_S * 1000 ? left : NOTICE_QUIET_S * 1000);
}

/* -- being told -- */

static void on_answer(void *arg, uint32_t number, struct msg *m, const struct err *e)
{
	struct agent *a = arg;

	(void)number;
	a->notice.asked = m != NULL;
	if (m == NULL && !agent_cut_off(a))
		log_error("changes of files are not told of: %s", e->text);
}

static void ask(struct agent *a)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, KEEPER_WATCH, 0);
	link_call(&a->keeper, &m, on_answer, 0);
}

/* For `status`, which is another process. */
static void remember_way(struct agent *a)
{
	const struct alarm_row row = { .kind = a->notice.way, .told_at = clock_now() };
	struct alarm_row last = { .kind = KEEPER_SETS_UP };
	bool found;
	struct err e;

	if (state_alarm_get(a->state, "", NOTICE_WAY, &last, &found, &e) == 0 &&
	    last.kind == row.kind)
		return;
	if (agent_write(a, &e) < 0 ||
	    state_alarm_put(a->state, "", NOTICE_WAY, &row, &e) < 0)
		log_error("remember how files are watched: %s", e.text);
	agent_pass(a);
}

const char *notice_way(const struct agent *a)
{
	struct alarm_row row = { .kind = KEEPER_SETS_UP };
	bool found;
	struct err e;

	if (a->start.agent_pid == 0 ||
	    state_alarm_get(a->state, "", NOTICE_WAY, &row, &found, &e) < 0)
		return NULL;
	return row.kind == KEEPER_WATCHES  ? "inotify"
	       : row.kind == KEEPER_SWEEPS ? "sweep"
					   : NULL;
}

bool notice_stands(const struct agent *a, uint32_t i, const struct memory *m)
{
	return a->notice.certs != NULL && a->notice.way == KEEPER_WATCHES &&
	       a->notice.certs[i].stamp == 0 && m->generation == a->certs[i].generation;
}

static void take_way(struct agent *a, uint64_t way)
{
	if (way == a->notice.way)
		return;
	a->notice.way = way;
	remember_way(a);
	log_debug("%s", way == KEEPER_WATCHES  ? "files are watched"
			: way == KEEPER_SWEEPS ? "files are swept"
					       : "files will be watched");
}

/* Certificates, and CRLs behind them. */
static uint32_t n_watched(const struct agent *a)
{
	return a->spec->n[SPEC_CERTS] + a->spec->n[SPEC_CRLS];
}

/* NULL: it is a certificate. */
static struct crl *crl_at(const struct agent *a, uint32_t i)
{
	return i < a->spec->n[SPEC_CERTS] ? NULL
					  : &a->crls->crls[i - a->spec->n[SPEC_CERTS]];
}

static const char *name_of(const struct agent *a, uint32_t i)
{
	const struct crl *c = crl_at(a, i);

	return c == NULL ? agent_cert_name(a, i) : c->name;
}

static void take(struct agent *a, struct msg *m, uint64_t n)
{
	for (uint64_t k = 0; k < n && !m->broken; k++) {
		const uint64_t i = msg_get_u64(m);
		const uint64_t stamp = msg_get_u64(m);

		if (i >= n_watched(a))
			continue;
		a->notice.certs[i].stamp = stamp == 0 ? 1 : stamp;
		log_debug("%s: changed", name_of(a, (uint32_t)i));
	}
}

void notice_other(void *arg, struct link *l, struct msg *m)
{
	struct agent *a = arg;
	uint64_t n;

	(void)l;
	if (m->type != KEEPER_CHANGED || !a->notice.asked || a->stopping)
		return;
	a->notice.asked = false;
	take_way(a, msg_get_u64(m));
	if (msg_get_u64(m) != 0)
		strangers_changed(a);
	n = msg_get_u64(m);
	take(a, m, n);
	if (n > 0)
		wait_for_quiet(a);
	ask(a);
}

/* -- looking -- */

static int take_audit(struct agent *a, uint32_t i, struct msg *m, struct err *e)
{
	const uint64_t stamp = a->notice.certs[i].stamp;

	a->notice.certs[i].stamp = 0;
	TRY(audit_take(a, i, stamp, m, e));
	TRY(rollback_missing(a, i, e));
	drift_note(a, i);
	agenda_look(a, i);
	agent_pass(a);
	return 0;
}

/* Not at once: look_at_ms() says when. */
static void look_again(struct agent *a, uint32_t i)
{
	if (a->notice.certs[i].stamp == 0)
		a->notice.certs[i].stamp = 1;
	wait_for_quiet(a);
}

static void on_audit(void *arg, uint32_t i, struct msg *m, const struct err *why)
{
	struct agent *a = arg;
	struct err e;

	if (job_of_cert(a, i) != NULL) { /* begun meanwhile */
		wait_for_quiet(a);
		return;
	}
	if (m != NULL && take_audit(a, i, m, &e) == 0)
		return;
	if (agent_cut_off(a))
		return;
	log_error("%s: its key and files could not be looked at: %s",
		  agent_cert_name(a, i), m == NULL ? why->text : e.text);
	look_again(a, i);
}

static void on_again(void *arg, uint32_t i, struct msg *m, const struct err *why)
{
	struct agent *a = arg;

	a->notice.n_again--;
	on_audit(arg, i, m, why);
	agent_pass(a);
}

static void audit(struct agent *a, uint32_t i, link_done *done)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (inventory_again(a, i, &e) < 0) {
		done(a, i, NULL, &e);
		return;
	}
	msg_begin(&m, KEEPER_AUDIT, 0);
	msg_put_u64(&m, i);
	msg_put_u64(&m, 0);
	link_call(&a->keeper, &m, done, i);
}

void notice_again(struct agent *a, uint32_t i)
{
	const int64_t retry_at = a->certs[i].retry_at;

	if (a->notice.certs[i].stamp == 0)
		a->notice.certs[i].stamp = 1;
	a->notice.n_again++;
	audit(a, i, on_again);
	if (a->wanted[i]) /* a person may have asked for it now */
		a->certs[i].retry_at = retry_at;
}

static void look(struct agent *a, uint32_t i)
{
	struct notice_cert *c = &a->notice.certs[i];
	const int64_t now = clock_boot_ms();

	c->repairs = c->looked_ms != 0 && now - c->looked_ms < NOTICE_PEACE_MS
			 ? (uint8_t)(c->repairs + (c->repairs < UINT8_MAX))
			 : 0;
	c->looked_ms = now;
	if (crl_at(a, i) != NULL) {
		c->stamp = 0;
		crlwatch_mend(crl_at(a, i));
		return;
	}
	rootwatch_changed(a, i);
	audit(a, i, on_audit);
}

/* When certificate `i` may be looked at. */
static int64_t look_at_ms(struct agent *a, uint32_t i, int64_t now)
{
	const struct notice_cert *c = &a->notice.certs[i];
	const struct crl *crl = crl_at(a, i);

	if (crl == NULL ? job_of_cert(a, i) != NULL : crl->looking)
		return now + NOTICE_QUIET_S * 1000;
	return c->looked_ms == 0 ? now : c->looked_ms + notice_patience(c->repairs);
}

static void on_quiet(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct agent *a = timer->data;
	const int64_t now = clock_boot_ms();
	int64_t next = INT64_MAX;

	(void)loop;
	(void)events;
	a->notice.first_ms = 0;
	for (uint32_t i = 0; i < n_watched(a) && !a->stopping; i++) {
		int64_t at;

		if (a->notice.certs[i].stamp == 0)
			continue;
		at = look_at_ms(a, i, now);
		if (at <= now)
			look(a, i);
		else if (at < next)
			next = at;
	}
	if (next != INT64_MAX)
		wait_ms(a, next - now);
}

void notice_begin(struct agent *a)
{
	a->notice.certs = xcalloc(n_watched(a), sizeof(*a->notice.certs));
	ev_timer_init(&a->notice.quiet, on_quiet, NOTICE_QUIET_S, 0.);
	a->notice.quiet.data = a;
	a->keeper.other = notice_other;
	if (a->request->command != COMMAND_AGENT)
		return;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		if (a->drift[i].unseen)
			look_again(a, i);
	ask(a);
}

void notice_end(struct agent *a)
{
	ev_timer_stop(a->loop, &a->notice.quiet);
	free(TAKE(a->notice.certs));
}
