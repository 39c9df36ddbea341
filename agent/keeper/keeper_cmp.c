#include "agent/keeper/keeper_cmp.h"

#include <openssl/cmp.h>
#include <openssl/x509v3.h>

#include "agent/keeper/keeper_csr.h"
#include "agent/keeper/keeper_sign.h"
#include "agent/keeper/keeper_twice.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/general.h"
#include "base/names.h"
#include "ca/cmp.h"

static const struct spec_cert *cert_of(const struct keeper_lent *l)
{
	return &l->keeper->start.spec.certs[l->ticket.cert];
}

/* -- a template, RFC 4211 5 -- */

static bool set_names(OSSL_CMP_CTX *ctx, const GENERAL_NAMES *all)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		if (OSSL_CMP_CTX_push1_subjectAltName(ctx,
						      sk_GENERAL_NAME_value(all, i)) !=
		    1)
			return false;
	return true;
}

/* What is asked for, in OpenSSL's words: `old` NULL: it replaces nothing. */
static int fill(const struct keeper_lent *l, OSSL_CMP_CTX *ctx, X509 *old,
		struct err *e)
{
	size_t n;
	AUTO_FREE struct name *names =
	    keeper_asked_names(l->keeper, cert_of(l), &l->ticket.out, &n);
	X509_NAME *first = old == NULL ? csr_subject(names, n) : NULL;
	const X509_NAME *subject = old == NULL ? first : X509_get_subject_name(old);
	GENERAL_NAMES *all = NULL;
	int rc = general_names(names, n, &all, e);

	if (rc == 0 &&
	    (!set_names(ctx, all) ||
	     (subject != NULL && OSSL_CMP_CTX_set1_subjectName(ctx, subject) != 1) ||
	     (old != NULL && OSSL_CMP_CTX_set1_oldCert(ctx, old) != 1)))
		rc = key_openssl_err(e, ERR_SYS, "the template");
	GENERAL_NAMES_free(all);
	X509_NAME_free(first);
	return rc;
}

/* RFC 4211 4.1: signed by the key that it is for. */
static int sign(OSSL_CMP_CTX *ctx, EVP_PKEY *key, bool is_kur, struct buf *der,
		struct err *e)
{
	OSSL_CRMF_MSG *crm = NULL;
	unsigned char *data = NULL;
	int len = 0, rc = 0;

	if (EVP_PKEY_up_ref(key) == 1 && OSSL_CMP_CTX_set0_newPkey(ctx, 1, key) == 1)
		crm = OSSL_CMP_CTX_setup_CRM(ctx, is_kur, 0);
	if (crm != NULL && OSSL_CRMF_MSG_create_popo(OSSL_CRMF_POPO_SIGNATURE, crm, key,
						     key_digest(key), NULL, NULL) == 1)
		len = i2d_OSSL_CRMF_MSG(crm, &data);
	if (len > 0)
		buf_add(der, data, (size_t)len);
	else
		rc = key_openssl_err(e, ERR_SYS, "sign the template");
	OPENSSL_free(data);
	OSSL_CRMF_MSG_free(crm);
	return rc;
}

static int make_template(const struct keeper_lent *l, EVP_PKEY *key, bool is_kur,
			 struct buf *der, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *old = NULL;
	OSSL_CMP_CTX *ctx;
	int rc;

	TRY(keeper_not_of_account(l->keeper, key, e));
	if (is_kur)
		TRY(keeper_leaf_of(l, &old, e));
	ctx = OSSL_CMP_CTX_new(NULL, NULL);
	if (ctx == NULL)
		return key_openssl_err(e, ERR_SYS, "the template");
	rc = fill(l, ctx, old == NULL ? NULL : sk_X509_value(old, 0), e);
	if (rc == 0)
		rc = sign(ctx, key, is_kur, der, e);
	OSSL_CMP_CTX_free(ctx);
	return rc;
}

/* -- what its ticket is for -- */

static int put_certificate(const struct keeper_lent *l, struct buf *der, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;

	TRY(keeper_leaf_of(l, &leaf, e));
	return x509_to_der(sk_X509_value(leaf, 0), der, e);
}

static int csr_spki(const struct buf *csr, struct buf *spki, struct err *e)
{
	const unsigned char *at = (const unsigned char *)csr->data;
	AUTO_CSR X509_REQ *read = d2i_X509_REQ(NULL, &at, (long)csr->len);

	return read == NULL ? key_openssl_err(e, ERR_SYS, "the request")
			    : key_to_spki(X509_REQ_get0_pubkey(read), spki, e);
}

static int put_request(const struct keeper_lent *l, bool by_live, struct cmp_ask *ask,
		       struct err *e)
{
	struct keeper_key *waits;

	TRY(keeper_waiting(l->keeper, cert_of(l), &waits, e));
	ask->what = (enum cmp_request)keeper_issuer(l)->cmd;
	if (waits->csr.len > 0)
		ask->what = CMP_P10CR; /* its key is elsewhere */
	else if (by_live && l->ticket.generation != 0)
		ask->what = CMP_KUR;
	if (ask->what == CMP_P10CR) {
		TRY(keeper_csr_named(l->keeper, cert_of(l), &l->ticket.out,
				     &(struct csr_asks){ .subject = NULL }, &ask->der,
				     e));
		return csr_spki(&ask->der, &ask->spki, e);
	}
	if (waits->key == NULL)
		return err_set(e, ERR_PROTO, "there is no key that waits");
	TRY(make_template(l, waits->key, ask->what == CMP_KUR, &ask->der, e));
	return key_to_spki(waits->key, &ask->spki, e);
}

int keeper_sign_cmp(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_BUF struct buf der = { 0 };
	AUTO_BUF struct buf spki = { 0 };
	struct cmp_ask ask = { .what = CMP_RR };
	const bool by_live = msg_get_u64(m) != 0;
	const uint32_t id = m->id;
	int rc;

	TRY(msg_end(m, e));
	rc = lend_revokes(l->ticket.what) ? put_certificate(l, &ask.der, e)
					  : put_request(l, by_live, &ask, e);
	der = ask.der;
	spki = ask.spki;
	TRY(rc);
	msg_begin(m, SIGN_CMP, id);
	msg_put_u64(m, ask.what);
	msg_put_bytes(m, der.data, der.len);
	msg_put_bytes(m, spki.data, spki.len);
	msg_put_u64(m, lend_revokes(l->ticket.what) ? l->ticket.reason : 0);
	return 0;
}

/* -- who enrols first -- */

int keeper_sign_cmp_first(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	const struct spec_issuer *i = keeper_issuer(l);
	const char *reference = keeper_text(l->keeper, i->login);
	AUTO_BUF struct buf secret = { 0 };
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf key = { 0 };
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	/* Without `trust` it is the secret by which the roots are known. */
	if (l->ticket.what == LEND_REVOKE_BY_KEY && i->trust.at != 0)
		return err_set(e, ERR_PROTO, "it is revoked by its own key alone");
	if (reference != NULL && i->password_file.at != 0)
		TRY(keeper_password(l->keeper, i->password_file, &secret, e));
	TRY(keeper_first_pair(l, &chain, &key, e));
	msg_begin(m, SIGN_CMP_FIRST, id);
	msg_put_str(m, secret.len == 0 ? "" : reference);
	msg_put_str(m, secret.data);
	msg_put_str(m, chain.data);
	msg_put_str(m, key.data);
	return 0;
}
