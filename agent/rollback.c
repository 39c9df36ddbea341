#include "agent/rollback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/audit.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/meta.h"
#include "agent/role/log.h"
#include "agent/setback.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "store/generation.h"

struct fate {
	uint64_t number;
	bool is_issued, is_revoked;
};

/* A number may have been used before, by what is forgotten. */
static int see_event(void *arg, const struct event *ev)
{
	struct fate *f = arg;

	if (ev->generation != f->number)
		return 0;
	if (strcmp(ev->what, "issued") == 0)
		*f = (struct fate){ .number = f->number, .is_issued = true };
	else if (strcmp(ev->what, event_words[EVENT_REVOKED]) == 0)
		f->is_revoked = true;
	return 0;
}

/* As far as the history knows. */
static struct fate fate_of(const struct agent *a, uint32_t cert, uint64_t number)
{
	struct fate f = { .number = number };
	struct err e;

	if (history_each(a->state, agent_cert_name(a, cert), see_event, &f, &e) < 0)
		log_warn("%s: its history: %s", agent_cert_name(a, cert), e.text);
	return f;
}

/* What speaks against going back to generation `number`, in `why` (text "": nothing). What
 * was begun is finished, revoked or not. */
static int judge(const struct agent *a, uint32_t cert, uint64_t number, bool begun,
		 struct err *why, struct err *e)
{
	const int64_t now = clock_now();
	struct x509_facts facts;

	if (inventory_facts(a, cert, number, NULL, &facts, e) < 0) {
		err_set(why, ERR_TRUST, "cannot be read: %s", e->text);
		return err_is_short(e) ? e->code : 0;
	}
	why->text[0] = '\0';
	if (a->loop == NULL) /* else it looks before it makes it live */
		TRY(audit_generation(cert, number, why, e));
	if (facts.not_after <= now)
		err_set(why, ERR_TRUST, "has expired");
	else if (facts.not_before > now) /* it came by a clock that was ahead */
		err_set(why, ERR_TRUST, "has not begun");
	else if (!begun && fate_of(a, cert, number).is_revoked)
		err_set(why, ERR_TRUST, "is revoked; see `everleaf history %s`",
			agent_cert_name(a, cert));
	else if (why->text[0] != '\0')
		err_wrap(why, "is damaged");
	return 0;
}

/* A roll-back that was cut short leads to where it was to lead, wherever it has come to:
 * chosen anew from what is live now, it might go one too far. 0: there is none. */
static int begun_before(const struct agent *a, uint32_t cert, uint64_t *number,
			struct err *e)
{
	struct memory m;
	bool found;

	*number = 0;
	if ((a->request->flags & REQUEST_SWEEP) == 0)
		return 0;
	TRY(state_get(a->state, agent_cert_name(a, cert), &m, &found, e));
	if (found && m.state == JOB_INSTALLING && (m.flags & CERT_ROLLED_BACK) != 0)
		*number = m.generation;
	return 0;
}

/* The newest below what is live that may be gone back to, of all if nothing is. 0: there is
 * none. */
static int newest_before(const struct agent *a, uint32_t cert, const uint64_t *numbers,
			 size_t n, uint64_t *number, struct err *e)
{
	const uint64_t live = a->certs[cert].generation;
	struct err why;

	*number = 0;
	for (size_t i = n; i > 0; i--) {
		if (live != 0 && numbers[i - 1] >= live)
			continue;
		TRY(judge(a, cert, numbers[i - 1], false, &why, e));
		if (why.text[0] == '\0') {
			*number = numbers[i - 1];
			return 0;
		}
		if (request_writes(a->request))
			log_warn("%s: generation %llu is passed over: it %s",
				 agent_cert_name(a, cert),
				 (unsigned long long)numbers[i - 1], why.text);
	}
	return 0;
}

static bool is_among(const uint64_t *numbers, size_t n, uint64_t number)
{
	for (size_t i = 0; i < n; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static int check(const struct agent *a, uint32_t cert, const uint64_t *numbers,
		 size_t n, uint64_t number, uint64_t begun, struct err *e)
{
	const char *name = agent_cert_name(a, cert);
	struct err why;

	if (!is_among(numbers, n, number))
		return err_set(e, ERR_CONFIG,
			       "%s: there is no generation %llu; see `everleaf history "
			       "%s`",
			       name, (unsigned long long)number, name);
	if (number == a->certs[cert].generation && number != begun &&
	    (a->request->flags & REQUEST_AGAIN) == 0)
		return err_set(e, ERR_CONFIG, "%s: generation %llu is live already",
			       name, (unsigned long long)number);
	TRY(judge(a, cert, number, number == begun, &why, e));
	if (why.text[0] != '\0')
		return err_set(e, ERR_CONFIG, "%s: generation %llu %s", name,
			       (unsigned long long)number, why.text);
	return 0;
}

int rollback_choose(struct agent *a, uint32_t *cert, uint64_t *generation,
		    struct err *e)
{
	AUTO_FREE uint64_t *numbers = NULL;
	uint64_t number = a->request->generation;
	uint32_t i = spec_cert_called(a->spec, a->request->names[0]);
	uint64_t begun;
	size_t n;

	for (uint32_t k = 0; k < a->spec->n[SPEC_CERTS]; k++)
		a->tried[k] = true;
	TRY(generation_list(a->root, agent_cert_name(a, i), &numbers, &n, e));
	TRY(begun_before(a, i, &begun, e));
	if (number == 0)
		number = begun;
	if (number == 0 && (a->request->flags & REQUEST_AGAIN) != 0)
		return err_set(
		    e, ERR_SYS,
		    "%s: it was cut short before it began or after its end: see "
		    "`everleaf history %s`",
		    agent_cert_name(a, i), agent_cert_name(a, i));
	if (number == 0)
		TRY(newest_before(a, i, numbers, n, &number, e));
	if (number == 0)
		return err_set(e, ERR_CONFIG,
			       "%s: no earlier generation is kept that is whole, has "
			       "not expired and is not revoked",
			       agent_cert_name(a, i));
	TRY(check(a, i, numbers, n, number, begun, e));
	*cert = i;
	*generation = number;
	return 0;
}

/* -- unasked -- */

/* As what is held, which is what the next attempt installs. */
static int hold(struct agent *a, uint32_t cert, uint64_t number,
		const struct x509_facts *facts, struct err *e)
{
	const char *name = agent_cert_name(a, cert);
	struct memory m;
	struct meta meta;
	bool found;

	TRY(state_get(a->state, name, &m, &found, e));
	meta_read(a->root, name, number, &meta);
	if (meta.issuer[0] !=
	    '\0') /* it may have come from another one than the last */
		snprintf(m.issuer, sizeof(m.issuer), "%s", meta.issuer);
	m.held = number;
	m.held_not_after = facts->not_after;
	m.held_names_hash = facts->names_hash;
	m.held_key = facts->key;
	m.state = JOB_IDLE;
	m.retry_at = 0;
	TRY(inventory_refresh(a, cert, &m, e));
	if (!request_writes(a->request))
		return 0;
	log_warn("%s: nothing is live of it: generation %llu is to be again, and no "
		 "other is ordered",
		 name, (unsigned long long)number);
	TRY(agent_write(a, e));
	if (!fate_of(a, cert, number).is_issued)
		agent_tell(a, name, "issued", number,
			   "found in the store, where nobody remembered it");
	return state_put(a->state, name, &m, e);
}

int rollback_missing(struct agent *a, uint32_t cert, struct err *e)
{
	const struct spec_cert *spec = &a->spec->certs[cert];
	const struct cert *c = &a->certs[cert];
	AUTO_FREE uint64_t *numbers = NULL;
	struct x509_facts facts;
	uint64_t number;
	size_t n = 0;

	/* What an order has brought is known by that (job_prepare.c). */
	if ((c->flags & (CERT_PRESENT | CERT_ORDERED)) != 0 || c->held != 0 ||
	    a->root < 0)
		return 0;
	if (a->wanted[cert] && (a->request->flags & REQUEST_FORCE) != 0)
		return 0; /* another one is asked for */
	TRY(generation_list(a->root, agent_cert_name(a, cert), &numbers, &n, e));
	TRY(newest_before(a, cert, numbers, n, &number, e));
	if (number == 0)
		return 0;
	TRY(inventory_facts(a, cert, number, NULL, &facts, e));
	if (!inventory_has_names(a, cert, facts.names_hash, SETBACK_ANY_TIME, NULL) ||
	    !inventory_key_fits(a, spec, &facts) ||
	    (spec->usage & ~(uint32_t)facts.usage) != 0)
		return 0;
	return hold(a, cert, number, &facts, e);
}
