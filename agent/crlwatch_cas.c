#include "agent/crlwatch.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/log.h"
#include "base/auto.h"
#include "base/hash.h"
#include "base/mem.h"

/* Whoever has issued another CA of the file is asked whom of CAs he has revoked, the
 * others whom of those that are none. */
static unsigned covers_of(X509 *const *certs, uint32_t n, uint32_t i)
{
	for (uint32_t k = 0; k < n; k++)
		if (k != i && X509_NAME_cmp(X509_get_issuer_name(certs[k]),
					    X509_get_subject_name(certs[i])) == 0)
			return CRL_CAS;
	return CRL_USERS;
}

static void take_ca(struct crl_ca *to, const void *der, size_t len)
{
	buf_add(&to->der, der, len);
	hash_all(der, len, to->part.ca);
}

/* What is known of the same CA stays known. */
static void keep_known(struct crl_ca *to, const struct crl_ca *known, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (memcmp(known[i].part.ca, to->part.ca, CRL_HASH_LEN) == 0)
			to->part = known[i].part;
}

/* Which CAs there are is what the rows of a CRL say until its next look. */
static void remember_cas(struct crl *c)
{
	struct agent *a = c->agent;
	struct err e;

	if (agent_write(a, &e) < 0 || state_crl_drop_parts(a->state, c->name, &e) < 0)
		log_error("%s: remember: %s", c->name, e.text);
	for (uint32_t i = 0; i < c->n_cas; i++)
		if (c->cas[i].part.this_update != 0)
			crlwatch_put_part(c, &c->cas[i].part);
}

int crlwatch_take_cas(struct crl *c, struct msg *m, struct err *e)
{
	AUTO_FREE struct crl_ca *got = xcalloc(LIMIT_CHAIN_CERTS, sizeof(*got));
	X509 *certs[LIMIT_CHAIN_CERTS] = { NULL };
	const uint64_t n = msg_get_u64(m);

	if (n == 0 || n > LIMIT_CHAIN_CERTS)
		return err_set(e, ERR_PROTO, "there is no CA");
	for (uint32_t i = 0; i < n; i++) {
		size_t len = 0;
		const uint8_t *der = msg_get_bytes(m, &len);

		take_ca(&got[i], der, len);
		keep_known(&got[i], c->cas, c->n_cas);
		certs[i] = d2i_X509(NULL, &der, (long)len);
		if (certs[i] == NULL)
			m->broken = true;
	}
	for (uint32_t i = 0; i < n && !m->broken; i++)
		got[i].covers = covers_of(certs, (uint32_t)n, i);
	for (uint32_t i = 0; i < n; i++)
		X509_free(certs[i]);
	for (uint32_t i = 0; i < c->n_cas; i++)
		buf_done(&c->cas[i].der);
	memcpy(c->cas, got, sizeof(c->cas));
	c->n_cas = (uint32_t)n;
	TRY(msg_end(m, e));
	remember_cas(c);
	return 0;
}
