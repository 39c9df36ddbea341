/* What a person wants revoked is noted; see revoke.h. */
#include "agent/revoke.h"

#include "agent/agent.h"
#include "agent/state/state_revoke.h"
#include "base/err.h"

/* Begun again: this very run may have noted it before, and even have done it. */
static int begun_before(struct agent *a, const struct memory *m, bool replace,
			bool *begun, struct err *e)
{
	bool noted;

	*begun = false;
	if ((a->request->flags & REQUEST_AGAIN) == 0)
		return 0;
	TRY(state_revoke_has(a->state, a->request->names[0], &noted, e));
	*begun = noted || (replace ? m->installed_run == a->request->run
				   : (m->flags & CERT_REVOKED) != 0);
	return 0;
}

const char *revoke_beyond_us(const struct agent *a, const struct revoke_row *r)
{
	const uint32_t issuer = spec_issuer_called(a->spec, r->issuer);

	if (issuer != SPEC_NOBODY && a->spec->issuers[issuer].type == ISSUER_SELF)
		return "self-signed, so nobody can revoke it: whoever trusts it has to "
		       "be told";
	if (issuer != SPEC_NOBODY && a->spec->issuers[issuer].type == ISSUER_EXEC)
		return "from a program, which cannot revoke it: its CA has to be told";
	return NULL;
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
	if (!replace && revoke_beyond_us(a, &row) != NULL)
		return err_set(e, ERR_CONFIG,
			       "%s: it is %s; everleaf revoke %s --replace gives it a "
			       "new key",
			       name, revoke_beyond_us(a, &row), name);
	if (!found || spec_issuer_called(a->spec, m.issuer) == SPEC_NOBODY)
		return err_set(e, ERR_CONFIG,
			       "%s: its issuer %s is not in the configuration", name,
			       found && m.issuer[0] != '\0' ? m.issuer : "(not known)");
	TRY(agent_write(a, e));
	TRY(state_revoke_put(a->state, &row, e));
	return agent_commit(a, e);
}

bool revoke_waits(const struct agent *a, const struct revoke_row *r, uint32_t cert)
{
	return r->replace && a->certs[cert].generation == r->generation;
}

static int mark(void *arg, const struct revoke_row *r)
{
	struct agent *a = arg;
	uint32_t cert = spec_cert_called(a->spec, r->name);

	if (cert != SPEC_NOBODY && revoke_waits(a, r, cert))
		a->certs[cert].flags |= CERT_REVOKED;
	return 0;
}

int revoke_mark(struct agent *a, struct err *e)
{
	return state_revoke_each(a->state, mark, a, e);
}
