#include "agent/inventory_load.h"

#include "agent/agent.h"
#include "agent/ari.h"
#include "agent/audit.h"
#include "agent/inventory.h"
#include "agent/role/log.h"
#include "agent/rollback.h"
#include "agent/state/state_order.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* What the keeper is to look at in full. */
struct closer {
	uint32_t cert;
	bool is_new; /* nothing is remembered of it */
	uint64_t stamp;
	struct audited before;
};

struct loading {
	struct agent *agent;
	struct stamps stamps;
	uint32_t next; /* the first that was not looked at yet */
	struct closer *closer;
	size_t n_closer;
	size_t room;
	struct err *err; /* borrowed; of what is called for each row */
};

static void look_closer(struct loading *l, const struct closer *c)
{
	if (l->n_closer == l->room) {
		l->room = l->room == 0 ? 64 : l->room * 2;
		l->closer = xrealloc(l->closer, l->room, sizeof(*l->closer));
	}
	l->closer[l->n_closer++] = *c;
}

/* The next one. Where the keeper's stamp is what it was, what is live is what it was. */
static int load_cert(struct loading *l, struct memory *m, bool is_new)
{
	struct agent *a = l->agent;
	const uint32_t i = l->next++;
	const struct audited known = audited_as(m);
	struct closer c = { .cert = i, .is_new = is_new };
	bool stands;

	TRY(stamps_get(&l->stamps, i, &c.stamp, l->err));
	stands = m->generation != 0 && audited_stands(&known, c.stamp);
	TRY(inventory_take(a, i, m, stands, l->err));
	c.before = audited_as(m);
	if ((a->certs[i].flags & CERT_PRESENT) != 0 &&
	    !audited_stands(&c.before, c.stamp))
		look_closer(l, &c);
	return 0;
}

/* Those before `end`, of which nothing is remembered. */
static int load_new(struct loading *l, uint32_t end)
{
	while (l->next < end) {
		struct memory m = { .failures = 0 };

		TRY(load_cert(l, &m, true));
	}
	return 0;
}

/* In the order of their names, as the certificates of the snapshot. */
static int load_row(void *arg, const char *name, const struct memory *row)
{
	struct loading *l = arg;
	const uint32_t i = spec_cert_called(l->agent->spec, name);
	struct memory m = *row;

	if (i == SPEC_NOBODY)
		return 0;
	TRY(load_new(l, i));
	return load_cert(l, &m, false);
}

void inventory_asked(const struct agent *a, uint32_t *first, uint32_t *end)
{
	*first = 0;
	*end = a->spec->n[SPEC_CERTS];
	if (request_writes(a->request))
		return;
	while (*first < *end && !a->wanted[*first])
		++*first;
	while (*end > *first && !a->wanted[*end - 1])
		--*end;
}

static int load_certs(struct loading *l, struct err *e)
{
	const struct agent *a = l->agent;
	uint32_t end;
	int rc;

	inventory_asked(a, &l->next, &end);
	if (l->next == end)
		return 0;
	l->err = e;
	stamps_begin(&l->stamps, l->next, end);
	rc = state_between(a->state, agent_cert_name(a, l->next),
			   agent_cert_name(a, end - 1), load_row, l, e);
	if (rc == 0)
		rc = load_new(l, end);
	stamps_end(&l->stamps);
	return rc;
}

/* From now on it is remembered. */
static int remember_new(struct agent *a, uint32_t i, struct err *e)
{
	struct memory m = { .renew_at = a->certs[i].renew_at };

	if (a->state == NULL || !request_writes(a->request))
		return 0;
	inventory_see(a, i, &m);
	TRY(agent_write(a, e));
	return state_put(a->state, agent_cert_name(a, i), &m, e);
}

/* Is it owed to a hook that the certificate has no more? */
static bool has_hook(const struct agent *a, uint32_t i, const char *name)
{
	const struct list hooks = a->spec->certs[i].hooks;
	uint32_t hook = spec_hook_called(a->spec, name);

	for (uint32_t k = 0; k < hooks.n; k++)
		if (a->spec->numbers[hooks.first + k] == hook)
			return true;
	return false;
}

static int take_hook(void *arg, const struct pending_hook *p)
{
	struct agent *a = arg;
	uint32_t i = spec_cert_called(a->spec, p->name);

	if (i != SPEC_NOBODY && a->certs[i].generation == p->generation &&
	    has_hook(a, i, p->hook))
		a->certs[i].flags |= CERT_HOOKS_PENDING;
	return 0;
}

/* What was begun is gone on with, though a person had asked for it in another run; not
 * if it is of another configuration. */
static int take_order(void *arg, const struct order_row *o)
{
	struct agent *a = arg;
	uint32_t i = spec_cert_called(a->spec, o->name);

	if (i != SPEC_NOBODY &&
	    inventory_has_names(a, i, o->wanted, o->created_at, NULL))
		a->certs[i].flags |= CERT_ORDERED;
	return 0;
}

int inventory_load(struct agent *a, struct err *e)
{
	struct loading l = { .agent = a };
	const int rc = load_certs(&l, e);
	AUTO_FREE struct closer *closer = l.closer;
	uint32_t first, end;

	TRY(rc);
	inventory_asked(a, &first, &end);
	for (size_t k = 0; k < l.n_closer; k++)
		if (closer[k].is_new)
			TRY(remember_new(a, closer[k].cert, e));
	TRY(state_hook_each(a->state, NULL, take_hook, a, e));
	TRY(state_order_each(a->state, NULL, take_order, a, e));
	for (uint32_t i = first; i < end; i++)
		if (rollback_missing(a, i, e) < 0)
			log_error("%s: what is kept of it: %s", agent_cert_name(a, i),
				  e->text);
	TRY(ari_load(a, e));
	for (size_t k = 0; k < l.n_closer; k++)
		TRY(audit_ask(a, closer[k].cert, closer[k].stamp, &closer[k].before,
			      e));
	return 0;
}
