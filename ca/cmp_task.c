#include "ca/cmp_task.h"

#include <openssl/err.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/x509.h"
#include "ca/cmp_genm.h"
#include "ca/cmp_said.h"
#include "ca/local_dn.h"
#include "ca/trust.h"

void cmp_task_again(struct cmp_task *t)
{
	buf_done(&t->ask.der);
	buf_done(&t->ask.spki);
	EVP_PKEY_free(t->new_key);
	t->new_key = NULL;
}

void cmp_task_done(struct cmp_task *t)
{
	OSSL_CMP_CTX_free(t->ctx);
	http_free(t->http);
	cmp_link_done(&t->link);
	cmp_task_again(t);
	buf_done(&t->first.reference);
	buf_done(&t->first.secret);
	buf_done(&t->first.chain);
	buf_done(&t->first.key);
	buf_done(&t->chain);
	buf_done(&t->key);
	sk_X509_pop_free(t->cas, X509_free);
	sk_X509_pop_free(t->anchors, X509_free);
	ERR_clear_error();
}

/* -- who asks -- */

bool cmp_task_has_first(const struct cmp_task *t)
{
	return t->first.secret.len > 0 || t->first.key.len > 0;
}

int cmp_task_first(struct cmp_task *t, struct err *e)
{
	if (t->knows_first)
		return 0;
	TRY(t->host->first(t->host->arg, &t->first, e));
	t->knows_first = true;
	return 0;
}

/* RFC 4210 5.1.3.1; OpenSSL's own choice would be SHA-1. */
static bool set_secret(struct cmp_task *t)
{
	const struct cmp_first *f = &t->first;

	return OSSL_CMP_CTX_set1_referenceValue(
		   t->ctx, (const unsigned char *)f->reference.data,
		   (int)f->reference.len) == 1 &&
	       OSSL_CMP_CTX_set1_secretValue(t->ctx,
					     (const unsigned char *)f->secret.data,
					     (int)f->secret.len) == 1 &&
	       OSSL_CMP_CTX_set_option(t->ctx, OSSL_CMP_OPT_OWF_ALGNID, NID_sha256) ==
		   1 &&
	       OSSL_CMP_CTX_set_option(t->ctx, OSSL_CMP_OPT_MAC_ALGNID,
				       NID_hmacWithSHA256) == 1;
}

/* RFC 4210 5.1.3.3 */
static int set_signer(struct cmp_task *t, const struct buf *chain,
		      const struct buf *key, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *certs = NULL;
	AUTO_KEY EVP_PKEY *private = NULL;

	TRY(x509_chain_from_pem(chain->data, chain->len, &certs, e));
	TRY(key_from_pem(key->data, key->len, &private, e));
	if (OSSL_CMP_CTX_set1_cert(t->ctx, sk_X509_value(certs, 0)) != 1 ||
	    OSSL_CMP_CTX_set1_pkey(t->ctx, private) != 1 ||
	    OSSL_CMP_CTX_build_cert_chain(t->ctx, NULL, certs) != 1)
		return key_openssl_err(e, ERR_CONFIG, "the certificate that signs");
	return 0;
}

static int set_who(struct cmp_task *t, struct err *e)
{
	if (t->chain.len > 0)
		return set_signer(t, &t->chain, &t->key, e);
	if (t->first.key.len > 0)
		return set_signer(t, &t->first.chain, &t->first.key, e);
	if (t->first.secret.len == 0)
		return err_set(e, ERR_CONFIG,
			       "nobody is configured to ask at first: set reference "
			       "and secret_file, or certificate_file and key_file");
	return set_secret(t) ? 0 : key_openssl_err(e, ERR_SYS, "the secret");
}

static int set_recipient(struct cmp_task *t, struct err *e)
{
	X509_NAME *dn = NULL;
	int rc = 0;

	if (t->s->recipient == NULL)
		return 0;
	TRY(local_dn_parse(t->s->recipient, &dn, e));
	if (OSSL_CMP_CTX_set1_recipient(t->ctx, dn) != 1)
		rc = key_openssl_err(e, ERR_SYS, "the recipient");
	X509_NAME_free(dn);
	return rc;
}

/* -- a transaction -- */

/* Who is trusted to sign; of what is issued, dates are not for here to judge. */
X509_STORE *cmp_task_store(const struct cmp_task *t, unsigned long flags)
{
	X509_STORE *store = X509_STORE_new();

	for (int i = 0; store != NULL && i < sk_X509_num(t->anchors); i++)
		X509_STORE_add_cert(store, sk_X509_value(t->anchors, i));
	if (store != NULL)
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | flags);
	return store;
}

int cmp_task_begin(struct cmp_task *t, struct err *e)
{
	X509_STORE *trusted = cmp_task_store(t, 0);

	OSSL_CMP_CTX_free(t->ctx);
	t->ctx = OSSL_CMP_CTX_new(NULL, NULL);
	cmp_link_done(&t->link);
	t->link = (struct cmp_link){ .http = t->http, .url = t->s->url };
	t->shut_out = false;
	t->wrong.code = 0;
	if (t->ctx == NULL || trusted == NULL || !cmp_link_use(&t->link, t->ctx) ||
	    OSSL_CMP_CTX_set_option(t->ctx, OSSL_CMP_OPT_UNPROTECTED_ERRORS, 1) != 1 ||
	    (sk_X509_num(t->cas) > 0 &&
	     OSSL_CMP_CTX_set1_untrusted(t->ctx, t->cas) != 1) ||
	    OSSL_CMP_CTX_set0_trustedStore(t->ctx, trusted) != 1) {
		X509_STORE_free(trusted);
		return key_openssl_err(e, ERR_SYS, "begin a transaction");
	}
	TRY(set_who(t, e));
	return set_recipient(t, e);
}

/* What has kept it from its end: no answer, or what was said. */
int cmp_task_failed(struct cmp_task *t, const char *word, struct err *e)
{
	if (t->wrong.code != 0)
		*e = t->wrong;
	else if (t->link.failed.code != 0)
		*e = t->link.failed;
	else
		cmp_said(t->ctx, &t->shut_out, e);
	t->shut_out = t->shut_out || t->link.status == 401 || t->link.status == 403;
	ERR_clear_error();
	return err_wrap(e, "%s: %s", t->s->url, word);
}

/* -- what the CA trusts -- */

bool cmp_task_is_root(X509 *ca)
{
	return X509_self_signed(ca, 0) == 1;
}

static int take_roots(struct cmp_task *t, struct err *e)
{
	for (int i = 0; i < sk_X509_num(t->cas); i++) {
		X509 *ca = sk_X509_value(t->cas, i);

		if (cmp_task_is_root(ca) &&
		    !X509_add_cert(t->anchors, ca,
				   X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
			return err_set(e, ERR_SYS, "out of memory");
	}
	if (sk_X509_num(t->anchors) > 0)
		return 0;
	return err_set(e, ERR_CONFIG, "%s: genm: it names no root: set trust",
		       t->s->url);
}

static int know_roots(struct cmp_task *t, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	if (t->s->http.trust != NULL)
		return trust_read(t->s->http.trust, &pem, &t->anchors, e);
	TRY(cmp_task_first(t, e));
	t->anchors = sk_X509_new_null();
	t->cas = sk_X509_new_null();
	if (t->anchors == NULL || t->cas == NULL)
		return err_set(e, ERR_SYS, "out of memory");
	if (t->first.secret.len == 0)
		return err_set(e, ERR_CONFIG,
			       "without a secret nothing proves whose roots are told: "
			       "set trust");
	TRY(cmp_task_begin(t, e));
	if (cmp_genm_cas(t, e) < 0)
		return e->code == ERR_REFUSED || e->code == ERR_PROTO
			   ? err_wrap(e, "it does not tell its roots, set trust")
			   : e->code;
	return take_roots(t, e);
}

int cmp_task_open(struct cmp_task *t, struct err *e)
{
	struct http_settings http = t->s->http;

	http.origin = t->s->url;
	http.plain = true;
	TRY(http_new(&http, &t->http, e));
	return know_roots(t, e);
}
