#include "agent/rollback.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "store/generation.h"

struct fate {
	uint64_t number;
	bool is_revoked;
};

/* A number may have been used before, by what is forgotten. */
static int see_event(void *arg, const struct event *ev)
{
	struct fate *f = arg;

	if (ev->generation != f->number)
		return 0;
	if (strcmp(ev->what, "issued") == 0)
		f->is_revoked = false;
	else if (strcmp(ev->what, event_words[EVENT_REVOKED]) == 0)
		f->is_revoked = true;
	return 0;
}

/* As far as the history knows. */
static bool is_revoked(const struct agent *a, uint32_t cert, uint64_t number)
{
	struct fate f = { .number = number };
	struct err e;

	if (history_each(a->state, agent_cert_name(a, cert), see_event, &f, &e) < 0)
		log_warn("%s: its history: %s", agent_cert_name(a, cert), e.text);
	return f.is_revoked;
}

static bool usable(const struct agent *a, uint32_t cert, uint64_t number)
{
	struct x509_facts facts;
	struct err e;

	/* One that came by a clock that was ahead is of no use before it begins. */
	if (inventory_facts(a, cert, number, NULL, &facts, &e) == 0)
		return facts.not_before <= clock_now() && facts.not_after > clock_now();
	log_warn("%s: generation %llu: %s", agent_cert_name(a, cert),
		 (unsigned long long)number, e.text);
	return false;
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

/* The newest usable one below what is live. 0: none. */
static uint64_t newest_before(const struct agent *a, uint32_t cert,
			      const uint64_t *numbers, size_t n)
{
	for (size_t i = n; i > 0; i--)
		if (numbers[i - 1] < a->certs[cert].generation &&
		    usable(a, cert, numbers[i - 1]) &&
		    !is_revoked(a, cert, numbers[i - 1]))
			return numbers[i - 1];
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

	if (!is_among(numbers, n, number))
		return err_set(e, ERR_CONFIG,
			       "%s: there is no generation %llu; see `everleaf history "
			       "%s`",
			       name, (unsigned long long)number, name);
	if (number == a->certs[cert].generation && number != begun &&
	    (a->request->flags & REQUEST_AGAIN) == 0)
		return err_set(e, ERR_CONFIG, "%s: generation %llu is live already",
			       name, (unsigned long long)number);
	if (!usable(a, cert, number))
		return err_set(
		    e, ERR_CONFIG,
		    "%s: generation %llu has expired, has not begun or cannot "
		    "be read",
		    name, (unsigned long long)number);
	if (number != begun && is_revoked(a, cert, number))
		return err_set(e, ERR_CONFIG,
			       "%s: generation %llu is revoked; see `everleaf history "
			       "%s`",
			       name, (unsigned long long)number, name);
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
		number = newest_before(a, i, numbers, n);
	if (number == 0)
		return err_set(e, ERR_CONFIG,
			       "%s: no earlier generation is kept that has not expired "
			       "and is not revoked",
			       agent_cert_name(a, i));
	TRY(check(a, i, numbers, n, number, begun, e));
	*cert = i;
	*generation = number;
	return 0;
}
