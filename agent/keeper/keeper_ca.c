#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_authority.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/local.h"
#include "store/pending.h"

/* -- issuing -- */

static int issue_self(const struct spec_issuer *i, const struct local_request *r,
		      struct buf *chain, struct buf *anchors, struct err *e)
{
	struct local_request full = *r;

	full.lifetime_s = i->lifetime_s;
	TRY(local_self(&full, clock_now(), chain, e));
	buf_add(anchors, chain->data, chain->len); /* it is its own */
	return 0;
}

/* The CRL is signed anew with each issue: it is never older than the youngest leaf. */
static int issue(const struct keeper *k, uint64_t issuer, const struct local_request *r,
		 struct buf *chain, struct buf *anchors, struct err *e)
{
	AUTO_KEEPER_CAS struct keeper_cas all = { .n = 0 };
	AUTO_BUF struct buf url = { 0 };
	struct local_request full = *r;
	struct local_profile p;
	size_t i;

	TRY(keeper_cas_open(k, issuer, &all, e));
	i = keeper_cas_signing(&all);
	p = all.profile;
	if (p.crl_url != NULL) {
		local_crl_url(p.crl_url, all.numbers[i], &url);
		p.crl_url = url.data;
	}
	full.lifetime_s = p.lifetime_s;
	full.cross = local_bridge(all.cas, all.n, i, clock_now());
	TRY(local_issue(&p, &all.cas[i], &full, clock_now(), chain, e));
	TRY(keeper_cas_roots(&all, anchors, e));
	TRY(keeper_cas_crl(&all, NULL, 0, e));
	return keeper_cas_save(&all, e);
}

int keeper_issue(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	struct keeper_key *waits;
	AUTO_FREE struct name *names = NULL;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf anchors = { 0 };
	const struct spec_issuer *by;
	struct local_request r;
	const struct spec_cert *c;
	uint64_t issuer;
	uint32_t id = m->id;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	issuer = msg_get_u64(m);
	TRY(msg_end(m, e));
	if (!keeper_issues(k, c, issuer))
		return err_set(e, ERR_PROTO, "not an issuer of this certificate");
	TRY(keeper_waiting(k, c, &waits, e));
	if (waits->key == NULL)
		return err_set(e, ERR_PROTO, "there is no key that waits");
	names = keeper_names(k, c);
	by = &k->start.spec.issuers[issuer];
	r = (struct local_request){
		.names = names,
		.n_names = c->names.n,
		.public_key = waits->key,
		.usage = c->usage,
	};
	TRY(by->type == ISSUER_SELF ? issue_self(by, &r, &chain, &anchors, e)
				    : issue(k, issuer, &r, &chain, &anchors, e));
	msg_begin(m, KEEPER_ISSUE, id);
	msg_put_str(m, chain.data);
	msg_put_str(m, anchors.data);
	return 0;
}

/* -- everleaf ca -- */

int keeper_ca_init(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	AUTO_KEEPER_CAS struct keeper_cas all = { .n = 0 };
	uint64_t issuer = msg_get_u64(m);
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_cas_open(k, issuer, &all, e));
	msg_begin(m, KEEPER_CA_INIT, id);
	return 0;
}

int keeper_ca_rollover(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	AUTO_KEEPER_CAS struct keeper_cas all = { .n = 0 };
	const uint64_t issuer = msg_get_u64(m), at_once = msg_get_u64(m);
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_cas_load(k, issuer, &all, e));
	if (all.n == 0)
		return err_set(e, ERR_CONFIG, "there is no such CA yet");
	TRY(keeper_cas_roll(&all, at_once != 0, e));
	msg_begin(m, KEEPER_CA_ROLLOVER, id);
	msg_put_u64(m, all.count);
	msg_put_u64(m, (uint64_t)local_signs_at(&all.profile, &all.cas[all.n - 1]));
	return 0;
}

/* What other issuers say of themselves, this one does: roots, and what leads from one to
 * the other. */
int keeper_ca_roots(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	AUTO_KEEPER_CAS struct keeper_cas all = { .n = 0 };
	AUTO_BUF struct buf pem = { 0 };
	const uint64_t issuer = msg_get_u64(m);
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_cas_open(k, issuer, &all, e));
	TRY(keeper_cas_roots(&all, &pem, e));
	for (size_t i = 0; i < all.n; i++)
		if (all.cas[i].new_with_old != NULL) {
			TRY(x509_to_pem(all.cas[i].new_with_old, &pem, e));
			TRY(x509_to_pem(all.cas[i].old_with_new, &pem, e));
		}
	msg_begin(m, KEEPER_CA_ROOTS, id);
	msg_put_str(m, pem.data);
	return 0;
}

/* Only as names.h writes them: what is signed is what a person would read. */
static int check_name(const struct name *name, struct err *e)
{
	static const char *const prefixes[NAME_KINDS] = {
		[NAME_DNS] = "",
		[NAME_IP] = "",
		[NAME_EMAIL] = "email:",
		[NAME_URI] = "uri:",
	};
	AUTO_FREE char *word = xasprintf("%s%s", prefixes[name->kind], name->value);
	AUTO_FREE char *canonical = NULL;
	enum name_kind kind;

	TRY(names_parse(word, &kind, &canonical, e));
	if (kind != name->kind || strcmp(canonical, name->value) != 0)
		return err_set(e, ERR_PROTO, "\"%s\" is not written as \"%s\"", word,
			       canonical);
	return 0;
}

static void get_names(struct msg *m, struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t kind = msg_get_u64(m);

		if (kind >= NAME_KINDS)
			m->broken = true;
		names[i].kind = m->broken ? NAME_DNS : (enum name_kind)kind;
		names[i].value = msg_get_str(m);
	}
}

int keeper_ca_sign(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_FREE struct name *names = NULL;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf anchors = { 0 };
	struct local_request r = { 0 };
	uint64_t issuer = msg_get_u64(m);
	size_t spki_len;
	const void *spki = msg_get_bytes(m, &spki_len);
	uint32_t id = m->id;
	uint64_t usage;

	usage = msg_get_u64(m);
	r.n_names = msg_get_u64(m);
	if (m->broken)
		r.n_names = 0;
	if (r.n_names > LIMIT_IDS)
		return err_set(e, ERR_LIMIT, "%zu names, at most %d", r.n_names,
			       LIMIT_IDS);
	names = xcalloc(r.n_names, sizeof(*names));
	get_names(m, names, r.n_names);
	TRY(msg_end(m, e));
	if (usage == 0 || (usage & ~(uint64_t)(USAGE_SERVER | USAGE_CLIENT)) != 0)
		return err_set(e, ERR_PROTO, "there is no usage %llu",
			       (unsigned long long)usage);
	for (size_t i = 0; i < r.n_names; i++)
		TRY(check_name(&names[i], e));
	TRY(key_from_spki(spki, spki_len, &key, e));
	r.usage = (unsigned)usage;
	r.names = names;
	r.public_key = key;
	TRY(issue(k, issuer, &r, &chain, &anchors, e));
	msg_begin(m, KEEPER_CA_SIGN, id);
	msg_put_str(m, chain.data);
	return 0;
}

/* The first CRL of a CA makes it, as its first certificate does. */
static int sign_crl(const struct keeper *k, uint64_t issuer, const char *serial,
		    uint64_t reason, struct err *e)
{
	AUTO_KEEPER_CAS struct keeper_cas all = { .n = 0 };

	TRY(serial == NULL ? keeper_cas_open(k, issuer, &all, e)
			   : keeper_cas_load(k, issuer, &all, e));
	if (all.n == 0)
		return err_set(e, ERR_CONFIG,
			       "there is no such CA yet: it has issued nothing that "
			       "could be revoked");
	TRY(keeper_cas_crl(&all, serial, (int)reason, e));
	return keeper_cas_save(&all, e);
}

int keeper_ca_revoke(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	uint64_t issuer = msg_get_u64(m);
	AUTO_FREE char *serial = xstrdup(msg_get_str(m));
	uint64_t reason = msg_get_u64(m);
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	if (reason > REASON_LAST)
		return err_set(e, ERR_REFUSED, "%llu is no reason to revoke",
			       (unsigned long long)reason);
	TRY(sign_crl(k, issuer, serial, reason, e));
	msg_begin(m, KEEPER_CA_REVOKE, id);
	return 0;
}

int keeper_ca_crl(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	uint64_t issuer = msg_get_u64(m);
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(sign_crl(k, issuer, NULL, 0, e));
	msg_begin(m, KEEPER_CA_CRL, id);
	return 0;
}
