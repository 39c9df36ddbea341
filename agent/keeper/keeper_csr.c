#include "agent/keeper/keeper_csr.h"

#include "agent/keeper/keeper_twice.h"
#include "agent/role/messages.h"
#include "agent/role/name_set.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/names.h"

struct name *keeper_asked_names(const struct keeper *k, const struct spec_cert *c,
				const struct name_set *out, size_t *n)
{
	struct name *names = keeper_names(k, c);

	*n = 0;
	for (uint32_t i = 0; i < c->names.n; i++)
		if (!name_set_has(out, i))
			names[(*n)++] = names[i];
	return names;
}

int keeper_csr(struct keeper *k, const struct spec_cert *c, const struct name_set *out,
	       const struct csr_asks *asks, struct buf *der, struct err *e)
{
	struct keeper_key *waits;
	size_t n;
	AUTO_FREE struct name *names = keeper_asked_names(k, c, out, &n);

	TRY(keeper_waiting(k, c, &waits, e));
	if (waits->key == NULL)
		return err_set(e, ERR_PROTO, "there is no key that waits");
	TRY(keeper_not_of_account(k, waits->key, e));
	if (waits->csr.len == 0)
		return csr_make_as(waits->key, asks, names, n, der, e);
	buf_add(der, waits->csr.data, waits->csr.len);
	return 0;
}

int keeper_csr_named(struct keeper *k, const struct spec_cert *c,
		     const struct name_set *out, const struct csr_asks *asks,
		     struct buf *der, struct err *e)
{
	size_t n;
	AUTO_FREE struct name *names = keeper_asked_names(k, c, out, &n);
	X509_NAME *subject = csr_subject(names, n);
	struct csr_asks named = *asks;
	int rc;

	named.subject = subject;
	rc = keeper_csr(k, c, out, &named, der, e);

	X509_NAME_free(subject);
	return rc;
}

int keeper_csr_asked(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	AUTO_BUF struct buf der = { 0 };
	const struct spec_cert *c;
	struct name_set out;
	uint64_t issuer;
	uint32_t id = m->id;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	issuer = msg_get_u64(m);
	out = name_set_get(m);
	TRY(msg_end(m, e));
	if (!keeper_issues(k, c, issuer))
		return err_set(e, ERR_PROTO, "not an issuer of this certificate");
	if (!name_set_may_be_out(&k->start.spec, c, &out))
		return err_set(e, ERR_PROTO, "a name that must not be left out");
	TRY(keeper_csr_named(k, c, &out, &(struct csr_asks){ .subject = NULL }, &der,
			     e));
	msg_begin(m, KEEPER_CSR, id);
	msg_put_bytes(m, der.data, der.len);
	return 0;
}
