#include "agent/revoke.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/borrow.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/lend.h"
#include "agent/log.h"
#include "agent/messages.h"
#include "agent/schedule.h"
#include "agent/state_revoke.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

/* -- noting -- */

struct search {
	const char *name;
	bool found;
};

static int is_it(void *arg, const struct revoke_row *r)
{
	struct search *s = arg;

	s->found = s->found || strcmp(r->name, s->name) == 0;
	return 0;
}

/* Begun again: this very run may have noted it before, and even have done it. */
static int begun_before(struct agent *a, const struct memory *m, bool replace,
			bool *begun, struct err *e)
{
	struct search s = { .name = a->request->names[0] };

	*begun = false;
	if ((a->request->flags & REQUEST_AGAIN) == 0)
		return 0;
	TRY(state_revoke_each(a->state, is_it, &s, e));
	*begun = s.found || (replace ? m->installed_run == a->request->run
				     : (m->flags & CERT_REVOKED) != 0);
	return 0;
}

int revoke_ask(struct agent *a, struct err *e)
{
	const bool replace = (a->request->flags & REQUEST_REPLACE) != 0;
	const char *name = a->request->names[0];
	uint32_t i = spec_cert_called(a->spec, name);
	struct revoke_row row = {
		.name = name,
		.generation = a->certs[i].generation,
		.reason = a->request->reason,
		.by_key = (a->request->flags & REQUEST_BY_KEY) != 0,
		.replace = replace,
	};
	struct memory m;
	bool found, begun;

	for (uint32_t k = 0; k < a->spec->n[SPEC_CERTS]; k++)
		a->tried[k] = k != i || !replace;
	if (row.generation == 0)
		return err_set(e, ERR_CONFIG,
			       "%s: nothing is live that could be revoked", name);
	TRY(state_get(a->state, name, &m, &found, e));
	TRY(begun_before(a, &m, replace, &begun, e));
	if (begun)
		return 0;
	row.issuer = m.issuer;
	if (!found || spec_issuer_called(a->spec, m.issuer) == SPEC_NOBODY)
		return err_set(e, ERR_CONFIG,
			       "%s: its issuer %s is not in the configuration", name,
			       found && m.issuer[0] != '\0' ? m.issuer : "(not known)");
	TRY(agent_write(a, e));
	TRY(state_revoke_put(a->state, &row, e));
	return agent_commit(a, e);
}

/* Whether it is live and may not be revoked as long as it is. */
static bool waits(const struct agent *a, const struct revoke_row *r, uint32_t cert)
{
	return r->replace && a->certs[cert].generation == r->generation;
}

static int mark(void *arg, const struct revoke_row *r)
{
	struct agent *a = arg;
	uint32_t cert = spec_cert_called(a->spec, r->name);

	if (cert != SPEC_NOBODY && waits(a, r, cert))
		a->certs[cert].flags |= CERT_REVOKED;
	return 0;
}

int revoke_mark(struct agent *a, struct err *e)
{
	return state_revoke_each(a->state, mark, a, e);
}

/* -- at the CA -- */

static int by_ticket(const struct revoke_row *r, uint32_t issuer, uint32_t cert,
		     struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const struct lend_ticket t = { .what = LEND_REVOKE,
				       .issuer = issuer,
				       .cert = cert,
				       .generation = r->generation,
				       .reason = r->reason };

	msg_begin(&m, WORKER_REVOKE, 0);
	msg_put_u64(&m, issuer);
	msg_put_u64(&m, r->by_key);
	TRY(borrow(&t, &m, e));
	return msg_end(&m, e);
}

static int by_keeper(const struct agent *a, const struct revoke_row *r, uint32_t issuer,
		     uint32_t cert, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct x509_facts facts;

	TRY(inventory_facts(a, cert, r->generation, NULL, &facts, e));
	msg_begin(&m, KEEPER_CA_REVOKE, 0);
	msg_put_u64(&m, issuer);
	msg_put_str(&m, facts.serial);
	msg_put_u64(&m, r->reason);
	return link_ask(ROLE_FD_PEER, &m, e);
}

static int at_ca(const struct agent *a, const struct revoke_row *r, uint32_t cert,
		 struct err *e)
{
	uint32_t issuer = spec_issuer_called(a->spec, r->issuer);

	if (issuer == SPEC_NOBODY)
		return err_set(e, ERR_CONFIG, "issuer %s is not in the configuration",
			       r->issuer);
	if (a->spec->issuers[issuer].type == ISSUER_LOCAL)
		return by_keeper(a, r, issuer, cert, e);
	return by_ticket(r, issuer, cert, e);
}

/* What is live and revoked is due to be replaced, at once: an attempt that failed before
 * was for a lesser reason. What a CA has said is kept to. */
static int remember(struct agent *a, const struct revoke_row *r, uint32_t cert,
		    struct err *e)
{
	struct memory m;
	bool found;

	TRY(agent_write(a, e));
	TRY(state_revoke_done(a->state, r->name, r->generation, e));
	agent_tell(a, r->name, "revoked", r->generation, r->issuer);
	if (a->certs[cert].generation != r->generation)
		return agent_commit(a, e);
	TRY(state_get(a->state, r->name, &m, &found, e));
	m.flags |= CERT_REVOKED;
	if (m.state != JOB_PARKED)
		m.retry_at = 0;
	TRY(state_put(a->state, r->name, &m, e));
	return agent_commit(a, e);
}

static int do_one(struct agent *a, const struct revoke_row *r, struct err *e)
{
	uint32_t cert = spec_cert_called(a->spec, r->name);

	if (cert == SPEC_NOBODY)
		return err_set(e, ERR_CONFIG,
			       "it is not in the configuration any more");
	TRY(at_ca(a, r, cert, e));
	TRY(remember(a, r, cert, e));
	if (a->report.lines)
		printf("%s: generation %llu is revoked\n", r->name,
		       (unsigned long long)r->generation);
	return 0;
}

/* -- what is noted -- */

struct noted {
	struct revoke_row *rows; /* owned, strings too */
	size_t n;
};

static int take(void *arg, const struct revoke_row *r)
{
	struct noted *noted = arg;

	noted->rows = xrealloc(noted->rows, noted->n + 1, sizeof(*r));
	noted->rows[noted->n] = *r;
	noted->rows[noted->n].name = xstrdup(r->name);
	noted->rows[noted->n].issuer = xstrdup(r->issuer);
	noted->rows[noted->n].last_error = xstrdup(r->last_error);
	noted->n++;
	return 0;
}

static void drop(struct noted *noted)
{
	for (size_t i = 0; i < noted->n; i++) {
		free((void *)(uintptr_t)noted->rows[i].name);
		free((void *)(uintptr_t)noted->rows[i].issuer);
		free((void *)(uintptr_t)noted->rows[i].last_error);
	}
	free(noted->rows);
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
	return facts.not_after <= clock_now();
}

static void forget_past(struct agent *a, const struct revoke_row *r)
{
	struct err e;

	log_warn("%s: generation %llu is not revoked any more: it has ended, or is not "
		 "in the store",
		 r->name, (unsigned long long)r->generation);
	if (agent_write(a, &e) < 0 ||
	    state_revoke_done(a->state, r->name, r->generation, &e) < 0 ||
	    agent_commit(a, &e) < 0)
		log_error("%s: forget it: %s", r->name, e.text);
}

/* -- what was not done -- */

static int64_t retry_at(const struct agent *a, const struct revoke_row *r,
			const struct err *why)
{
	const int64_t now = clock_now();

	if (why->code == ERR_CONFIG) /* whoever mends it does not wait */
		return 0;
	if (why->code == ERR_LATER)
		return schedule_later_at(why->retry_at_ms / 1000, now);
	return schedule_retry_at(why->code, r->failures + 1, now, 0,
				 schedule_draw(a->start.host_id, r->name,
					       strlen(r->name)));
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
	}
	if (agent_commit(a, &e) < 0)
		log_error("%s: remember: %s", r->name, e.text);
}

/* Its time has not come, and nobody asks for it now. */
static bool holds_back(const struct agent *a, const struct revoke_row *r, int64_t now)
{
	return a->request->n_names == 0 && r->retry_at > now &&
	       r->retry_at - now <= SCHEDULE_WAIT_MAX;
}

static void tell_waiting(struct agent *a, const struct revoke_row *r)
{
	char at[TEXT_TIME_MAX];

	if (was_refused(r))
		return;
	a->n_failed++;
	log_error("%s: generation %llu is not revoked yet, and not tried again before "
		  "%s: %s",
		  r->name, (unsigned long long)r->generation,
		  text_time(at, r->retry_at), r->last_error);
}

static void see_to(struct agent *a, const struct revoke_row *r)
{
	const uint32_t cert = spec_cert_called(a->spec, r->name);
	struct err e;

	if (a->request->n_names > 0 && (cert == SPEC_NOBODY || !a->wanted[cert]))
		return; /* this run is about others */
	if (is_past(a, r)) {
		forget_past(a, r);
	} else if (cert != SPEC_NOBODY && waits(a, r, cert)) {
		a->n_failed++;
		log_error("%s: generation %llu is not revoked yet: it has to be "
			  "replaced first",
			  r->name, (unsigned long long)r->generation);
	} else if (holds_back(a, r, clock_now())) {
		tell_waiting(a, r);
	} else if (do_one(a, r, &e) < 0) {
		if (agent_cut_off_by(a, &e))
			a->status = EXIT_AGAIN; /* nobody was asked, or can say so */
		else
			not_done(a, r, &e);
	}
}

void revoke_noted(struct agent *a)
{
	struct noted noted = { .rows = NULL };
	struct err e;

	if (state_revoke_each(a->state, take, &noted, &e) < 0)
		log_error("what is to be revoked: %s", e.text);
	for (size_t i = 0; i < noted.n && a->status == 0; i++)
		see_to(a, &noted.rows[i]);
	drop(&noted);
}
