#include "ca/cmp.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "ca/answer.h"
#include "ca/cmp_task.h"

const char *const cmp_words[] = {
	[CMP_IR] = "ir",   [CMP_CR] = "cr", [CMP_P10CR] = "p10cr",
	[CMP_KUR] = "kur", [CMP_RR] = "rr", [CMP_REQUESTS] = NULL,
};

/* -- what has come -- */

/* Not a root where that is no anchor: it may be one of ours under another name. */
static X509 *issuer_in(X509 *cert, const STACK_OF(X509) * all, bool with_roots)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *ca = sk_X509_value(all, i);

		if (X509_check_issued(ca, cert) == X509_V_OK &&
		    (with_roots || !cmp_task_is_root(ca)))
			return ca;
	}
	return NULL;
}

/* The leaf and what leads from it to an anchor, and nothing else of what has come. */
static int put_chain(struct cmp_task *t, X509 *leaf, struct buf *chain, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *extra = OSSL_CMP_CTX_get1_extraCertsIn(t->ctx);
	AUTO_CHAIN STACK_OF(X509) *pubs = OSSL_CMP_CTX_get1_caPubs(t->ctx);
	const STACK_OF(X509) *const places[] = { extra, pubs, t->cas };
	X509 *at = leaf;

	for (int n = 0; at != NULL && n < LIMIT_CHAIN_CERTS; n++) {
		X509 *next = NULL;

		TRY(x509_to_pem(at, chain, e));
		if (issuer_in(at, t->anchors, true) == NULL)
			for (size_t k = 0; k < 3 && next == NULL; k++)
				next = issuer_in(at, places[k], false);
		at = next;
	}
	return 0;
}

static bool leads_to_anchor(const struct cmp_task *t, OSSL_CMP_CTX *ctx, X509 *cert)
{
	X509_STORE *store = cmp_task_store(t, X509_V_FLAG_NO_CHECK_TIME);
	const bool ok =
	    store != NULL && OSSL_CMP_validate_cert_path(ctx, store, cert) == 1;

	X509_STORE_free(store);
	return ok;
}

/* What we confirm to the CA (RFC 4210 5.3.18): that it is for our key, and by a CA that is
 * trusted. Else it is told so, and may revoke what nobody uses. */
static int on_cert(OSSL_CMP_CTX *ctx, X509 *cert, int wrong, const char **text)
{
	struct cmp_task *t = OSSL_CMP_CTX_get_certConf_cb_arg(ctx);
	struct err *e = &t->wrong;

	if (wrong != 0 || X509_check_private_key(cert, t->new_key) != 1) {
		*text = "not for the key of the request";
		err_set(e, ERR_TRUST,
			"the certificate that it sends is not for the key "
			"of the request");
	} else if (!leads_to_anchor(t, ctx, cert)) {
		*text = "not of a CA that is trusted";
		err_set(e, ERR_TRUST,
			"the certificate that it sends does not lead to "
			"what is trusted: look at trust");
	} else {
		return 0;
	}
	return wrong != 0 ? wrong : 1 << OSSL_CMP_PKIFAILUREINFO_incorrectData;
}

/* -- enrolling -- */

/* It is gone on with when the CA has said, within bounds, by whoever does then. */
static int wait_for(struct cmp_task *t, int after_s, struct err *e)
{
	const char *word = cmp_words[t->ask.what];
	AUTO_FREE char *handle = NULL;
	int span_s = after_s < ANSWER_SOON_S ? ANSWER_SOON_S : after_s;

	if (cmp_link_handle(&t->link, word, &handle, e) < 0)
		return err_wrap(e, "%s: %s", t->s->url, word);
	TRY(t->host->waits(t->host->arg, handle, e));
	if (span_s > ANSWER_MOST_S)
		span_s = ANSWER_MOST_S;
	err_later(e, clock_now_ms() + span_s * INT64_C(1000),
		  "the CA has the request wait for %d s", span_s);
	return err_wrap(e, "%s: %s", t->s->url, word);
}

static int set_request(struct cmp_task *t, OSSL_CRMF_MSG **crm, struct err *e)
{
	const unsigned char *at = (const unsigned char *)t->ask.der.data;
	const long len = (long)t->ask.der.len;
	AUTO_CSR X509_REQ *csr = NULL;
	bool ok;

	TRY(key_from_spki(t->ask.spki.data, t->ask.spki.len, &t->new_key, e));
	if (t->ask.what == CMP_P10CR) {
		csr = d2i_X509_REQ(NULL, &at, len);
		ok = csr != NULL && OSSL_CMP_CTX_set1_p10CSR(t->ctx, csr) == 1;
	} else {
		/* The proof is in it. By "none" OpenSSL 3.5 expects a key from the CA. */
		*crm = d2i_OSSL_CRMF_MSG(NULL, &at, len);
		ok = *crm != NULL &&
		     OSSL_CMP_CTX_set_option(t->ctx, OSSL_CMP_OPT_POPO_METHOD,
					     OSSL_CRMF_POPO_RAVERIFIED) == 1 &&
		     EVP_PKEY_up_ref(t->new_key) == 1 &&
		     OSSL_CMP_CTX_set0_newPkey(t->ctx, 0, t->new_key) == 1;
	}
	ok = ok &&
	     OSSL_CMP_CTX_set_option(t->ctx, OSSL_CMP_OPT_IMPLICIT_CONFIRM,
				     t->s->implicit_confirm) == 1 &&
	     OSSL_CMP_CTX_set_certConf_cb(t->ctx, on_cert) == 1 &&
	     OSSL_CMP_CTX_set_certConf_cb_arg(t->ctx, t) == 1;
	return ok ? 0 : key_openssl_err(e, ERR_SYS, "the request");
}

/* With a handle, the first try ends with what was said before, and the second is new. */
static int run(struct cmp_task *t, const OSSL_CRMF_MSG *crm, const char *handle,
	       struct enrolled *r, struct err *e)
{
	static const int types[] = { [CMP_IR] = OSSL_CMP_IR,
				     [CMP_CR] = OSSL_CMP_CR,
				     [CMP_P10CR] = OSSL_CMP_P10CR,
				     [CMP_KUR] = OSSL_CMP_KUR };
	const int type = types[t->ask.what];
	int after = 0, rc = -1;

	if (handle != NULL)
		TRY(cmp_link_resume(&t->link, t->ctx, handle, e));
	for (int n = handle == NULL ? 1 : 2; n > 0 && rc == -1; n--)
		rc = OSSL_CMP_try_certreq(t->ctx, type, crm, &after);
	r->clock_ahead_s = t->link.clock_ahead_s;
	if (rc == -1)
		return wait_for(t, after, e);
	if (rc != 1)
		return cmp_task_failed(t, cmp_words[t->ask.what], e);
	return put_chain(t, OSSL_CMP_CTX_get0_newCert(t->ctx), &r->chain, e);
}

static int enrol(struct cmp_task *t, const char *handle, struct enrolled *r,
		 struct err *e)
{
	OSSL_CRMF_MSG *crm = NULL;
	int rc;

	cmp_task_again(t);
	TRY(t->host->request(t->host->arg, t->chain.len > 0, &t->ask, e));
	if (t->ask.what >= CMP_RR)
		return err_set(e, ERR_PROTO, "that is no request for a certificate");
	TRY(cmp_task_begin(t, e));
	if (handle != NULL && !cmp_link_is(handle, t->s->url, cmp_words[t->ask.what]))
		handle = NULL; /* something else is asked for by now */
	rc = set_request(t, &crm, e);
	if (rc == 0)
		rc = run(t, crm, handle, r, e);
	OSSL_CRMF_MSG_free(crm);
	return rc;
}

/* 1: it was not taken, and there is somebody else to ask as. */
static int by_live(struct cmp_task *t, const char *handle, struct enrolled *r,
		   struct err *e)
{
	struct err none;

	TRY(t->host->live(t->host->arg, &t->chain, &t->key, e));
	if (t->key.len == 0)
		return 1;
	if (enrol(t, handle, r, e) == 0)
		return 0;
	if (!t->shut_out)
		return e->code;
	if (cmp_task_first(t, &none) < 0 || !cmp_task_has_first(t))
		return err_wrap(e, "there is no first credential to enrol by instead");
	r->note = xasprintf("%s: enrolled by %s again", e->text,
			    t->first.key.len > 0 ? "certificate_file" : "reference");
	buf_done(&t->chain);
	buf_done(&t->key);
	return 1;
}

/* Whether nobody can go on with it. */
static bool is_over(const struct err *e)
{
	return e->code != ERR_LATER && e->code != ERR_NET && e->code != ERR_SYS &&
	       e->code != ERR_CONFIG;
}

int cmp_enrol(const struct cmp_settings *settings, const struct cmp_host *host,
	      bool renews, const char *handle, struct enrolled *r, struct err *e)
{
	AUTO_CMP_TASK struct cmp_task t = { .s = settings, .host = host };
	const bool by_kur =
	    handle == NULL || cmp_link_is(handle, settings->url, cmp_words[CMP_KUR]);
	struct err none;
	int rc = 1;

	TRY(cmp_task_open(&t, e));
	if (renews && by_kur)
		rc = by_live(&t, handle, r, e);
	if (rc == 1) {
		TRY(cmp_task_first(&t, e));
		rc = enrol(&t, r->note == NULL ? handle : NULL, r, e);
	}
	if (rc < 0 && handle != NULL && is_over(e))
		host->waits(host->arg, "", &none);
	return rc < 0 ? rc : x509_all_to_pem(t.anchors, &r->anchors, e);
}

/* -- revocation -- */

static int have_revoked(struct cmp_task *t, struct err *e)
{
	const unsigned char *at = (const unsigned char *)t->ask.der.data;
	AUTO_X509 X509 *cert = d2i_X509(NULL, &at, (long)t->ask.der.len);

	TRY(cmp_task_begin(t, e));
	if (cert == NULL || OSSL_CMP_CTX_set1_oldCert(t->ctx, cert) != 1 ||
	    (t->ask.reason != 0 &&
	     OSSL_CMP_CTX_set_option(t->ctx, OSSL_CMP_OPT_REVOCATION_REASON,
				     (int)t->ask.reason) != 1))
		return key_openssl_err(e, ERR_SYS, "the certificate to revoke");
	return OSSL_CMP_exec_RR_ses(t->ctx) == 1 ? 0 : cmp_task_failed(t, "rr", e);
}

int cmp_revoke(const struct cmp_settings *settings, const struct cmp_host *host,
	       bool by_key, struct err *e)
{
	AUTO_CMP_TASK struct cmp_task t = { .s = settings, .host = host };

	TRY(cmp_task_open(&t, e));
	TRY(host->request(host->arg, true, &t.ask, e));
	if (t.ask.what != CMP_RR)
		return err_set(e, ERR_PROTO, "that is nothing to revoke");
	TRY(host->live(host->arg, &t.chain, &t.key, e));
	if (t.key.len == 0 && by_key)
		return err_set(e, ERR_CONFIG, "its key is not here");
	if (t.key.len > 0) {
		const int rc = have_revoked(&t, e);

		if (rc == 0 || by_key || !t.shut_out)
			return rc;
	}
	buf_done(&t.chain);
	buf_done(&t.key);
	TRY(cmp_task_first(&t, e));
	return have_revoked(&t, e);
}
