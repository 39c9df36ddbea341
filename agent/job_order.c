#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/order.h"
#include "acme/token.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/ari.h"
#include "agent/challenge.h"
#include "agent/commit.h"
#include "agent/job_steps.h"
#include "agent/ledger.h"
#include "agent/pool.h"
#include "agent/role/lend.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "agent/state/state_order.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/cmp.h"
#include "store/generation.h"

/* What took so long is nothing that a CA remembers. An ACME order needs nobody who says yes:
 * one that is not done by then never will be, by a CA that has lost it. */
#define ORDER_LIFE_S      (7 * 86400)
#define ORDER_LIFE_ACME_S (2 * 86400)

/* One, and one in the place of another that the CA does not know any more. A CA that
 * forgets each would be sent new ones as fast as it answers. */
#define ORDERS_MAX 2

#define CLOCK_OFF_S 60 /* what a host without a time server is off after weeks */

static const char *issuer_name(const struct agent *a, const struct job *j)
{
	return spec_text(a->spec, a->spec->issuers[j->issuer].name);
}

bool job_by_worker(const struct agent *a, const struct job *j)
{
	return spec_issuer_by_worker(&a->spec->issuers[j->issuer]);
}

/* -- the row -- */

int order_keep(struct agent *a, const struct job *j, int64_t retry_at, struct err *e)
{
	const struct order_row row = {
		.name = j->name,
		.issuer = issuer_name(a, j),
		.url = j->order,
		.wanted = setbacks_hash(&j->setbacks, j->ordered_at),
		.created_at = j->ordered_at,
		.retry_at = retry_at,
		.polls = j->polls,
	};

	TRY(agent_write(a, e));
	return state_order_put(a->state, &row, e);
}

void order_over(struct agent *a, struct job *j)
{
	struct err e;

	if (j->order == NULL)
		return;
	free(j->order);
	j->order = NULL;
	j->polls = 0;
	a->certs[j->cert].flags &= ~CERT_ORDERED;
	if (agent_write(a, &e) < 0 || state_order_done(a->state, j->name, &e) < 0)
		log_error("%s: forget its order: %s", j->name, e.text);
	challenge_withdraw(a, j->name, j->generation != 0);
}

static bool has_come(int64_t at, int64_t since, int64_t now)
{
	return since < at && at <= now;
}

/* Or what is live ends, and with it what can be waited for; and once before, at its last
 * moment, so that there is another attempt that may still come in time. */
static bool is_late(const struct job *j, int64_t since, int64_t now)
{
	const struct x509_facts *live = &j->old_facts;

	return live->not_after != 0 &&
	       (has_come(schedule_last_at(live->not_before, live->not_after), since,
			 now) ||
		has_come(live->not_after, since, now));
}

bool order_is_lost(const struct agent *a, const struct job *j)
{
	const int64_t now = clock_now();

	return j->order != NULL && clockwatch_is_sure(&a->clock) &&
	       a->spec->issuers[j->issuer].type == ISSUER_ACME &&
	       (j->ordered_at <= now - ORDER_LIFE_ACME_S ||
		is_late(j, j->ordered_at, now));
}

/* By a clock that is ahead each is old: then its CA says whether it knows it. */
static bool is_old(const struct agent *a, const struct order_row *row)
{
	return row->created_at <= clock_now() - ORDER_LIFE_S &&
	       clockwatch_is_sure(&a->clock);
}

static bool is_ours(const struct agent *a, const struct job *j,
		    const struct order_row *row)
{
	return row->wanted == setbacks_hash(&j->setbacks, row->created_at) &&
	       strcmp(row->issuer, issuer_name(a, j)) == 0 && !is_old(a, row);
}

struct resuming {
	const struct agent *agent;
	struct job *job;
	bool of_another;
};

static int take_row(void *arg, const struct order_row *row)
{
	struct resuming *r = arg;

	r->of_another = !is_ours(r->agent, r->job, row);
	r->job->order = xstrdup(row->url);
	r->job->ordered_at = row->created_at;
	r->job->out = setbacks_out(&r->job->setbacks, row->created_at);
	r->job->polls = row->polls;
	return 0;
}

int order_resume(struct agent *a, struct job *j, struct err *e)
{
	struct resuming r = { .agent = a, .job = j };

	TRY(state_order_each(a->state, j->name, take_row, &r, e));
	if (r.of_another)
		order_over(a, j);
	if (j->order == NULL)
		return 0;
	log_info("%s: goes on with its order at %s", j->name, issuer_name(a, j));
	challenge_resume(a, j->name);
	return 0;
}

/* -- what the worker asks -- */

/* A commit_done and a challenge_done: the worker goes on. */
static void answer_checkpoint(struct agent *a, uint32_t number, const struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct job *j = job_called(a, number);

	if (j == NULL)
		return;
	msg_begin(&m, e == NULL ? WORKER_CHECKPOINT : MSG_FAILED, j->checkpoint);
	if (e != NULL)
		msg_put_err(&m, e);
	pool_answer(a->pool, number, &m);
}

static bool is_listed(struct list l, uint64_t challenge)
{
	return challenge >= l.first && challenge - l.first < l.n;
}

/* A worker that was taken over may not choose where tokens go; nor what they say, which
 * is for the keeper to judge (KEEPER_PRESENT). */
static int take_tokens(const struct agent *a, const struct job *j, struct msg *m,
		       struct challenge_token *tokens, size_t n, struct err *e)
{
	const struct list own = j->spec->challenges;
	const struct list list =
	    own.n > 0 ? own : a->spec->issuers[j->issuer].challenges;

	for (size_t i = 0; i < n; i++) {
		uint64_t challenge = msg_get_u64(m);

		tokens[i] = (struct challenge_token){ .challenge = (uint32_t)challenge,
						      .name = msg_get_str(m) };
		tokens[i].token = msg_get_str(m);
		tokens[i].authorization = msg_get_str(m);
		if (!is_listed(list, challenge))
			return err_set(e, ERR_PROTO,
				       "a token for a challenge that it has not");
		if (!token_is_authorization(tokens[i].token, tokens[i].authorization))
			return err_set(e, ERR_PROTO, "something that is no token");
	}
	return msg_end(m, e);
}

/* It is over, and these names are why. */
static int take_refusals(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	struct name_set looked_at = { { 0 } };
	const bool was_there = j->order != NULL;
	const uint64_t n = msg_get_u64(m);

	if (n > ORDER_AUTHZ_MAX)
		return err_set(e, ERR_PROTO, "too many names are refused");
	for (uint64_t i = 0; i < n; i++) {
		const uint64_t way = msg_get_u64(m);
		const char *name = msg_get_str(m);
		const char *why = msg_get_str(m);

		if (!m->broken)
			TRY(job_refused(j, way, name, why, &looked_at, e));
	}
	TRY(msg_end(m, e));
	order_over(a, j);
	TRY(setbacks_save(&j->setbacks, a, e));
	return was_there
		   ? ledger_failed(a, j->cert, j->issuer, n > 0 ? &looked_at : NULL, e)
		   : 0;
}

/* What follows a # is how far it is (ca/cmp.h). */
static bool is_same_order(const char *one, const char *other)
{
	const size_t n = strcspn(one, "#");

	return strcspn(other, "#") == n && memcmp(one, other, n) == 0;
}

static int take_url(struct agent *a, struct job *j, const char *url, struct err *e)
{
	if (strlen(url) > LIMIT_CMP_HANDLE)
		return err_set(e, ERR_LIMIT, "the URL of an order of %zu bytes",
			       strlen(url));
	j->uncounted = j->order != NULL && is_same_order(j->order, url);
	if (j->uncounted && strcmp(j->order, url) == 0)
		return 0;
	if (j->uncounted) {
		free(j->order);
		j->order = xstrdup(url);
		return order_keep(a, j, 0, e);
	}
	if (j->n_orders++ == ORDERS_MAX)
		return err_set(e, ERR_PROTO, "the CA forgets each order that it makes");
	order_over(a, j); /* the CA does not know that one any more */
	j->order = xstrdup(url);
	j->polls = 0;
	a->certs[j->cert].flags |= CERT_ORDERED;
	TRY(ledger_ordered(a, j->cert, j->issuer, &j->out, e));
	return order_keep(a, j, 0, e);
}

/* Nothing is answered before it is on disk. */
static int take_checkpoint(struct agent *a, uint32_t number, struct msg *m,
			   struct err *e)
{
	struct challenge_token tokens[ORDER_AUTHZ_MAX];
	struct job *j = job_called(a, number);
	uint64_t job = msg_get_u64(m);
	const char *url = msg_get_str(m);
	uint64_t n = msg_get_u64(m);

	if (m->broken || j == NULL || job != number || n > ORDER_AUTHZ_MAX)
		return err_set(e, ERR_PROTO, "a checkpoint of another job");
	if (url[0] == '\0' && n > 0) /* nothing would take them back */
		return err_set(e, ERR_PROTO, "tokens of no order");
	if (url[0] == '\0') {
		TRY(take_refusals(a, j, m, e));
	} else {
		TRY(take_tokens(a, j, m, tokens, n, e));
		TRY(take_url(a, j, url, e));
	}
	j->uncounted = j->uncounted && n == 0;
	j->checkpoint = m->id;
	if (n > 0)
		challenge_present(a, j->name, tokens, n, answer_checkpoint, number);
	else
		commit_then(a, answer_checkpoint, number);
	return 0;
}

/* -- the order -- */

/* The keeper does not sign for it: the worker waits in vain, and is not waited for. */
static void on_lent(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	if (failed != NULL)
		job_answered(arg, number, m, failed);
}

/* The generation that a new certificate takes the place of at its CA: what is live, if it
 * came from there and nothing has come since (which the CA would call its replacement). */
static uint64_t replaced(const struct agent *a, const struct job *j)
{
	const struct spec_issuer *i = &a->spec->issuers[j->issuer];
	AUTO_FREE uint64_t *numbers = NULL;
	struct err e;
	size_t n = 0;

	if (j->previous == 0 || i->type != ISSUER_ACME || i->ari == 0 ||
	    ari_is_silent(a, j->issuer) ||
	    (a->certs[j->cert].flags & CERT_UNREADABLE) != 0 ||
	    strcmp(j->memory.issuer, issuer_name(a, j)) != 0 ||
	    generation_list(a->root, j->name, &numbers, &n, &e) < 0)
		return 0;
	return n > 0 && numbers[n - 1] == j->previous ? j->previous : 0;
}

/* The generation that shows who asks: what is live, if it came from there, still holds (a
 * step-ca may take what has ended, too), has the names that are asked for, and nothing is
 * known to be wrong with it. */
static uint64_t shown(const struct agent *a, const struct job *j)
{
	const struct spec_issuer *i = &a->spec->issuers[j->issuer];
	const bool shows =
	    spec_issuer_by_live(i) && j->old_ok &&
	    strcmp(j->memory.issuer, issuer_name(a, j)) == 0 &&
	    (i->type == ISSUER_STEP || j->old_facts.not_after > clock_now()) &&
	    j->old_facts.names_hash == setbacks_hash(&j->setbacks, clock_now());

	return shows ? j->previous : 0;
}

/* What has failed, and what programs have declined. */
static void put_exceptions(const struct agent *a, const struct job *j, struct msg *m)
{
	size_t n = 0;

	setbacks_put(&j->setbacks, &n, NULL);
	challenge_put_declined(a, j->name, &n, NULL);
	if (n > LIMIT_EXCEPTIONS)
		n = 0; /* as if nothing had failed */
	msg_put_u64(m, n);
	if (n == 0)
		return;
	setbacks_put(&j->setbacks, &n, m);
	challenge_put_declined(a, j->name, &n, m);
}

static int make_order(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	AUTO_MSG struct msg lent = MSG_NONE;
	const struct job *j = job_called(a, number);
	uint64_t generation;

	if (j == NULL)
		return err_set(e, ERR_BUSY, "the job has ended");
	generation = shown(a, j);
	if (generation == 0)
		generation = replaced(a, j);
	msg_begin(m, WORKER_ORDER, 0);
	msg_put_u64(m, j->id);
	msg_put_u64(m, j->issuer);
	msg_put_u64(m, j->cert);
	msg_put_str(m, j->order);
	msg_put_u64(m, j->polls);
	msg_put_u64(m, generation != 0);
	msg_put_u64(m, j->previous == 0 || j->memory.failures > 0);
	name_set_put(&j->out, m);
	put_exceptions(a, j, m);
	TRY(lend_begin(&(struct lend_ticket){ .what = LEND_ORDER,
					      .issuer = j->issuer,
					      .cert = j->cert,
					      .generation = generation,
					      .out = j->out },
		       &lent, &m->fd, e));
	link_call(&a->keeper, &lent, on_lent, number);
	return 0;
}

int order_begin(struct agent *a, struct job *j, struct err *e)
{
	const struct pool_task task = {
		.issuer = j->issuer,
		.number = j->id,
		.names = j->spec->names.n,
		.make = make_order,
		.done = job_answered,
		.asked = take_checkpoint,
	};

	if (j->order == NULL)
		TRY(job_hold(a, j, e));
	pool_call(a->pool, &task);
	return 0;
}

/* Once: all that is due is due by this clock. */
static void tell_clock(struct agent *a, const struct job *j, int64_t ahead_s)
{
	const uint64_t off_s = ahead_s < 0 ? 0 - (uint64_t)ahead_s : (uint64_t)ahead_s;
	char span[TEXT_SPAN_MAX];

	if (a->clock_told || off_s <= CLOCK_OFF_S)
		return;
	a->clock_told = true;
	log_warn(
	    "the clock of this host is %s %s that of %s: what is due, and what has "
	    "expired, goes by it",
	    text_span_of(span, (int64_t)off_s), ahead_s < 0 ? "ahead of" : "behind",
	    issuer_name(a, j));
}

int order_end(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	const char *chain = msg_get_str(m);
	const char *anchors = msg_get_str(m);
	const char *note = msg_get_str(m);
	const int64_t ahead_s = msg_get_i64(m);
	const bool has_ari = msg_get_u64(m) != 0;

	TRY(msg_end(m, e));
	ari_hear(a, j->issuer, has_ari);
	tell_clock(a, j, ahead_s);
	if (clockwatch_hear(&a->clock, ahead_s, clock_boot_ms()))
		alarm_clock(a);
	buf_puts(&j->chain, chain);
	buf_puts(&j->anchors, anchors);
	if (note[0] != '\0')
		log_warn("%s: %s: %s", j->name, issuer_name(a, j), note);
	return 0;
}
