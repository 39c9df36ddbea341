#include <stdlib.h>
#include <string.h>

#include "agent/keeper.h"
#include "agent/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/local.h"
#include "ca/local_crl.h"
#include "store/authority.h"
#include "store/pending.h"

/* -- a CA between the disk (PEM) and memory -- */

struct profile {
	struct local_profile local;
	const char **permitted; /* owned arrays */
	const char **excluded;
};

static void profile_done(struct profile *p)
{
	free((void *)p->permitted);
	free((void *)p->excluded);
}

#define AUTO_PROFILE __attribute__((cleanup(profile_done)))

static int profile_of(const struct keeper *k, uint64_t n, struct profile *p,
		      struct err *e)
{
	const struct spec *s = &k->start.spec;
	const struct spec_issuer *i;

	if (n >= s->n[SPEC_ISSUERS] || s->issuers[n].type != ISSUER_LOCAL)
		return err_set(e, ERR_PROTO, "issuer %llu is not an embedded CA",
			       (unsigned long long)n);
	i = &s->issuers[n];
	p->permitted = spec_words(s, i->permitted);
	p->excluded = spec_words(s, i->excluded);
	p->local = (struct local_profile){
		.subject = spec_text(s, i->subject),
		.crl_url = spec_text(s, i->crl_url),
		.lifetime_s = i->lifetime_s,
		.ca_lifetime_s = i->ca_lifetime_s,
		.ca_key = (enum key_type)i->ca_key,
		.intermediate = i->intermediate != 0,
		.path_length = i->path_length == SPEC_NOBODY ? -1 : (int)i->path_length,
		.permitted = p->permitted,
		.excluded = p->excluded,
	};
	return 0;
}

static const char *issuer_name(const struct keeper *k, uint64_t n)
{
	return keeper_text(k, k->start.spec.issuers[n].name);
}

static int first_cert(const struct buf *pem, X509 **cert, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;

	TRY(x509_chain_from_pem(pem->data, pem->len, &chain, e));
	*cert = sk_X509_shift(chain);
	return 0;
}

static int from_disk(const struct authority *a, struct local_ca *ca, struct err *e)
{
	TRY(first_cert(&a->root_pem, &ca->root, e));
	TRY(key_from_pem(a->root_key.data, a->root_key.len, &ca->root_key, e));
	if (a->intermediate_pem.len > 0) {
		TRY(first_cert(&a->intermediate_pem, &ca->intermediate, e));
		TRY(key_from_pem(a->intermediate_key.data, a->intermediate_key.len,
				 &ca->intermediate_key, e));
	}
	if (a->crl_pem.len > 0)
		TRY(crl_from_pem(a->crl_pem.data, a->crl_pem.len, &ca->crl, e));
	return 0;
}

static int to_disk(const struct local_ca *ca, struct authority *a, struct err *e)
{
	TRY(x509_to_pem(ca->root, &a->root_pem, e));
	TRY(key_to_pem(ca->root_key, &a->root_key, e));
	if (ca->intermediate == NULL)
		return 0;
	TRY(x509_to_pem(ca->intermediate, &a->intermediate_pem, e));
	return key_to_pem(ca->intermediate_key, &a->intermediate_key, e);
}

static int save_crl(const struct keeper *k, const char *name, const struct local_ca *ca,
		    struct buf *pem, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };

	TRY(local_crl_to_pem(ca, pem, e));
	TRY(crl_to_der(ca->crl, &der, e));
	return authority_save_crl(k->root, name, pem, &der, e);
}

static int load_ca(const struct keeper *k, uint64_t n, struct local_ca *ca, bool *found,
		   struct err *e)
{
	AUTO_AUTHORITY struct authority a = { .root_pem = { 0 } };

	TRY(authority_load(k->root, issuer_name(k, n), &a, found, e));
	return *found ? from_disk(&a, ca, e) : 0;
}

/* The CA of issuer `n`, made now if it is not there yet. */
static int open_ca(const struct keeper *k, uint64_t n, const struct profile *p,
		   struct local_ca *ca, struct err *e)
{
	AUTO_AUTHORITY struct authority a = { .root_pem = { 0 } };
	AUTO_BUF struct buf crl = { 0 };
	const char *name = issuer_name(k, n);
	bool found;

	TRY(load_ca(k, n, ca, &found, e));
	if (found)
		return 0;
	TRY(local_make(&p->local, clock_now(), ca, e));
	TRY(to_disk(ca, &a, e));
	TRY(authority_save(k->root, name, &a, e));
	return save_crl(k, name, ca, &crl, e);
}

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
	AUTO_LOCAL_CA struct local_ca ca = { .root = NULL };
	AUTO_PROFILE struct profile p = { .permitted = NULL };
	AUTO_BUF struct buf crl = { 0 };
	struct local_request full = *r;

	TRY(profile_of(k, issuer, &p, e));
	TRY(open_ca(k, issuer, &p, &ca, e));
	full.lifetime_s = p.local.lifetime_s;
	TRY(local_issue(&p.local, &ca, &full, clock_now(), chain, e));
	TRY(x509_to_pem(ca.root, anchors, e));
	TRY(local_crl(&p.local, &ca, NULL, 0, clock_now(), e));
	return save_crl(k, issuer_name(k, issuer), &ca, &crl, e);
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
	AUTO_LOCAL_CA struct local_ca ca = { .root = NULL };
	AUTO_PROFILE struct profile p = { .permitted = NULL };
	uint64_t issuer = msg_get_u64(m);
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(profile_of(k, issuer, &p, e));
	TRY(open_ca(k, issuer, &p, &ca, e));
	msg_begin(m, KEEPER_CA_INIT, id);
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
	AUTO_BUF struct buf pem = { 0 };
	AUTO_LOCAL_CA struct local_ca ca = { .root = NULL };
	AUTO_PROFILE struct profile p = { .permitted = NULL };
	bool found = true;

	TRY(profile_of(k, issuer, &p, e));
	if (serial == NULL)
		TRY(open_ca(k, issuer, &p, &ca, e));
	else
		TRY(load_ca(k, issuer, &ca, &found, e));
	if (!found)
		return err_set(e, ERR_CONFIG,
			       "there is no such CA yet: it has issued nothing that "
			       "could be revoked");
	TRY(local_crl(&p.local, &ca, serial, (int)reason, clock_now(), e));
	return save_crl(k, issuer_name(k, issuer), &ca, &pem, e);
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
