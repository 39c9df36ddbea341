#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/job.h"
#include "agent/owncrl.h"
#include "agent/revoked.h"
#include "agent/role/log.h"
#include "agent/role/reason.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

void owncrl_members(const struct agent *a, uint32_t l, struct own_members *m)
{
	const struct own *o = a->own;
	const uint32_t n_certs = a->spec->n[SPEC_CERTS];
	const size_t room = o->lists[l].n_leaves + o->n_cas;

	*m = (struct own_members){ .who = xcalloc(room, sizeof(*m->who)),
				   .keys = xcalloc(room, sizeof(*m->keys)) };
	for (uint32_t i = 0; i < n_certs && m->n < room; i++)
		if (o->leaves[i].generation != 0 && o->leaves[i].list == l) {
			m->who[m->n] = i;
			m->keys[m->n++] = o->leaves[i].key;
		}
	for (uint32_t k = 0; k < o->n_cas && m->n < room; k++)
		if (o->cas[k].list == l) {
			m->who[m->n] = k | OWN_CA;
			m->keys[m->n++] = owncrl_key(o->cas[k].serial);
		}
}

/* A key is the end of a serial: the whole has to be ours. */
static bool is_same(const struct crl_number *serial, const char *ours)
{
	char hex[2 * CRL_NUMBER_MAX + 1];

	text_hex(hex, serial->octets, serial->len);
	return strcasecmp(hex, ours) == 0;
}

static char *describe(const char *who, const struct crl_hit *hit, const char *url)
{
	char at[TEXT_TIME_MAX];

	return xasprintf("%ssince %s (%s), says %s", who,
			 text_time(at, hit->revoked_at), reason_word(hit->reason), url);
}

static int put_found(struct agent *a, uint32_t l, const struct memory *m, uint32_t i,
		     const struct crl_hit *hit, struct err *e)
{
	const struct own_row row = {
		.name = agent_cert_name(a, i),
		.generation = m->generation,
		.serial = m->facts.serial,
		.list = a->own->lists[l].row.id,
		.revoked_at = hit->revoked_at,
		.reason = hit->reason,
	};

	TRY(agent_write(a, e));
	return state_own_put(a->state, &row, e);
}

/* Told once; a person may have had it revoked, and know. */
static int find_leaf(struct agent *a, uint32_t l, uint32_t i, const char *url,
		     const struct crl_hit *hit, bool *is_ours, struct err *e)
{
	AUTO_FREE char *text = describe("", hit, url);
	struct memory m;
	bool found;

	TRY(state_get(a->state, agent_cert_name(a, i), &m, &found, e));
	*is_ours = found && m.generation == a->certs[i].generation &&
		   is_same(&hit->serial, m.facts.serial);
	if (!*is_ours)
		return 0;
	TRY(put_found(a, l, &m, i, hit, e));
	if ((a->certs[i].flags & CERT_REVOKED) != 0)
		return 0;
	TRY(revoked_remember(a, i, CERT_REVOKED, e));
	revoked_tell(a, i, m.generation, text);
	return 0;
}

static char *name_of(struct agent *a, uint32_t k)
{
	AUTO_X509 X509 *ca = NULL;
	AUTO_FREE char *subject = NULL;
	struct err e;

	if (owncrl_ca(a, k, &ca, &e) < 0)
		return xstrdup("its CA is, ");
	subject = x509_subject(ca);
	return xasprintf("its CA %.200s is, ", subject);
}

static int find_ca(struct agent *a, uint32_t k, const char *url,
		   const struct crl_hit *hit, bool *is_ours, struct err *e)
{
	struct own_ca *ca = &a->own->cas[k];
	AUTO_FREE char *who = NULL;
	AUTO_FREE char *text = NULL;

	*is_ours = is_same(&hit->serial, ca->serial);
	if (!*is_ours || ca->revoked_at != 0)
		return 0;
	ca->revoked_at = hit->revoked_at;
	ca->reason = hit->reason;
	owncrl_put_ca(a, k);
	who = name_of(a, k);
	text = describe(who, hit, url);
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		if (!owncrl_is_below(a->own, i, k))
			continue;
		TRY(revoked_remember(a, i, CERT_CA_REVOKED, e));
		revoked_tell(a, i, a->certs[i].generation, text);
	}
	return 0;
}

bool owncrl_found(struct agent *a, uint32_t l, uint32_t member, const char *url,
		  const struct crl_hit *hit)
{
	bool is_ours = false;
	struct err e;
	const int rc = (member & OWN_CA) != 0
			   ? find_ca(a, member & ~OWN_CA, url, hit, &is_ours, &e)
			   : find_leaf(a, l, member, url, hit, &is_ours, &e);

	if (rc < 0)
		log_error("remember who is revoked: %s", e.text);
	return is_ours;
}
