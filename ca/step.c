#include "ca/step.h"

#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/x509.h"
#include "base/x509_order.h"
#include "ca/step_api.h"

static int ask_token(struct step *s, enum step_what what, struct step_told *told,
		     struct err *e)
{
	AUTO_JWE struct step_jwe jwe = { .rounds = 0 };

	if (s->s.fetch_key && (what == STEP_SIGN || what == STEP_REVOKE))
		TRY(step_find_key(s, &jwe, e));
	return s->host->token(s->host->arg, what, s->has_root ? s->root : NULL, &jwe,
			      told, e);
}

/* What may be wrong where it does not know who asks. */
static const char not_shown[] = "it does not take the live certificate";
static const char not_own[] =
    "it does not renew by the key of the live certificate: the provisioner may not "
    "allow it (allowRenewalAfterExpiry)";
static const char not_token[] =
    "it does not take the token: look whether the provisioner has this key, and "
    "whether the CA calls itself by the host in url (dnsNames)";

/* -- what has come -- */

static int read_issued(const struct step_reply *r, struct buf *pem, struct err *e)
{
	const struct doc *all = doc_member(r->doc, "certChain");
	const char *leaf = doc_str(r->doc, "crt"), *ca = doc_str(r->doc, "ca");

	if (doc_len(all) > LIMIT_CHAIN_CERTS)
		return err_set(e, ERR_LIMIT, "it sends %zu certificates", doc_len(all));
	for (size_t i = 0; i < doc_len(all); i++) {
		const char *text = doc_str_at(all, i);

		if (text != NULL)
			TRY(step_add_pem(text, pem, e));
	}
	if (pem->len == 0 && leaf != NULL)
		TRY(step_add_pem(leaf, pem, e));
	if (pem->len > 0 && doc_len(all) == 0 && ca != NULL)
		TRY(step_add_pem(ca, pem, e));
	if (pem->len == 0)
		return err_set(e, ERR_PROTO, "it sends no certificate");
	return 0;
}

/* For the key of this SubjectPublicKeyInfo, leaf first. */
static int take_issued(const struct step *s, const char *step,
		       const struct step_reply *r, const struct buf *spki,
		       struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_BUF struct buf came = { 0 };
	AUTO_FREE char *url = step_url(s, step);

	if (read_issued(r, &came, e) < 0 ||
	    x509_chain_from_pem(came.data, came.len, &chain, e) < 0)
		return err_wrap(e, "%s", url);
	if (x509_order(chain, spki->data, spki->len) == 0)
		return err_set(e, ERR_TRUST,
			       "%s: what it sends (%d) has no certificate for the key "
			       "that was asked for",
			       url, sk_X509_num(chain));
	return x509_all_to_pem(chain, pem, e);
}

static int spki_of_csr(struct step *s, struct err *e)
{
	const unsigned char *at = (const unsigned char *)s->csr.data;
	AUTO_CSR X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)s->csr.len);
	EVP_PKEY *key = csr == NULL ? NULL : X509_REQ_get0_pubkey(csr);

	if (key == NULL)
		return err_set(e, ERR_PROTO, "the request has no key");
	return key_to_spki(key, &s->spki, e);
}

/* -- asking for one -- */

static int put_csr(const struct step *s, struct json *j, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(csr_der_to_pem(s->csr.data, s->csr.len, &pem, e));
	json_str(j, "csr", pem.data);
	return 0;
}

/* By a token, or with NULL by what is shown. */
static int post_csr(struct step *s, const char *step, const char *token,
		    struct enrolled *result, struct err *e)
{
	AUTO_REPLY struct step_reply r = { 0 };
	AUTO_BUF struct buf body = { 0 };
	const struct step_ask a = { .step = step,
				    .body = &body,
				    .doubt = token == NULL ? not_shown : not_token,
				    .by_token = token != NULL };
	struct json j;

	json_begin(&j, &body);
	json_open(&j, NULL, '{');
	TRY(put_csr(s, &j, e));
	if (token != NULL)
		json_str(&j, "ott", token);
	json_close(&j);
	json_end(&j);
	TRY(step_ask(s, &a, &r, e));
	return take_issued(s, step, &r, &s->spki, &result->chain, e);
}

static int by_provisioner(struct step *s, struct enrolled *r, struct err *e)
{
	AUTO_TOLD struct step_told told = { .reason = 0 };

	TRY(step_connect(s, false, e));
	TRY(step_anchors(s, &r->anchors, e));
	TRY(ask_token(s, STEP_SIGN, &told, e));
	return post_csr(s, "sign", told.token.data, r, e);
}

/* -- renewal -- */

struct shown {
	bool same_key; /* as is asked for */
	bool has_ended;
	struct buf spki;
};

#define AUTO_SHOWN __attribute__((cleanup(shown_done)))

static void shown_done(struct shown *shown)
{
	buf_done(&shown->spki);
}

static int look_at_shown(const struct step *s, struct shown *shown, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct x509_facts facts;

	TRY(x509_chain_from_pem(s->chain.data, s->chain.len, &chain, e));
	TRY(x509_facts(sk_X509_value(chain, 0), &facts, e));
	TRY(key_to_spki(X509_get0_pubkey(sk_X509_value(chain, 0)), &shown->spki, e));
	shown->has_ended = facts.not_after <= clock_now();
	shown->same_key = shown->spki.len == s->spki.len &&
			  memcmp(shown->spki.data, s->spki.data, s->spki.len) == 0;
	return 0;
}

/* An empty body is a POST all the same. */
static int renew(struct step *s, const char *authorization, const struct buf *spki,
		 struct buf *pem, struct err *e)
{
	AUTO_REPLY struct step_reply r = { 0 };
	AUTO_BUF struct buf body = { 0 };
	const struct step_ask a = { .step = "renew",
				    .body = &body,
				    .authorization = authorization,
				    .doubt =
					authorization == NULL ? not_shown : not_own,
				    .by_token = authorization != NULL };

	buf_puts(&body, "");
	TRY(step_ask(s, &a, &r, e));
	return take_issued(s, "renew", &r, spki, pem, e);
}

static int by_shown(struct step *s, const struct shown *shown, struct enrolled *r,
		    struct err *e)
{
	TRY(step_connect(s, true, e));
	TRY(step_anchors(s, &r->anchors, e));
	return shown->same_key ? renew(s, NULL, &s->spki, &r->chain, e)
			       : post_csr(s, "rekey", NULL, r, e);
}

/* What comes is of the key that has ended; it vouches for the new one. */
static int by_own_token(struct step *s, const struct shown *shown, struct enrolled *r,
			struct err *e)
{
	AUTO_TOLD struct step_told told = { .reason = 0 };
	AUTO_BUF struct buf bearer = { 0 };
	AUTO_BUF struct buf pem = { 0 };

	TRY(step_connect(s, false, e));
	TRY(step_anchors(s, &r->anchors, e));
	TRY(ask_token(s, STEP_RENEW, &told, e));
	buf_printf(&bearer, "Bearer %s", told.token.data);
	TRY(renew(s, bearer.data, &shown->spki, &pem, e));
	if (shown->same_key) {
		buf_add(&r->chain, pem.data, pem.len);
		return 0;
	}
	buf_done(&s->chain);
	buf_add(&s->chain, pem.data, pem.len);
	TRY(step_connect(s, true, e));
	return post_csr(s, "rekey", NULL, r, e);
}

/* 1: it was not taken, and the provisioner is to be asked. */
static int by_pair(struct step *s, struct enrolled *r, struct err *e)
{
	AUTO_SHOWN struct shown shown = { .same_key = false };
	int rc = 1;

	TRY(s->host->pair(s->host->arg, &s->chain, &s->key, e));
	if (s->key.len == 0)
		return 1;
	TRY(look_at_shown(s, &shown, e));
	if (!shown.has_ended)
		rc = by_shown(s, &shown, r, e);
	if (rc == 1 || (rc < 0 && s->shut_out && e->code != ERR_LATER)) {
		rc = by_own_token(s, &shown, r, e);
		/* Not even where nothing is shown: it is not there. */
		if (rc < 0 && e->code == ERR_NET)
			return rc;
	}
	if (rc == 0 || !s->shut_out || e->code == ERR_LATER)
		return rc;
	r->note = xasprintf("%s: asked by provisioner \"%s\" again", e->text,
			    s->s.provisioner);
	return 1;
}

int step_enrol(const struct step_settings *settings, const struct step_host *host,
	       bool renews, struct enrolled *r, struct err *e)
{
	AUTO_STEP struct step s = { .s = *settings, .host = host };
	int rc = 1;

	TRY(host->request(host->arg, &s.csr, e));
	TRY(spki_of_csr(&s, e));
	if (renews)
		rc = by_pair(&s, r, e);
	if (rc == 1)
		rc = by_provisioner(&s, r, e);
	r->clock_ahead_s = s.ahead_s;
	return rc;
}

/* -- revocation -- */

static void put_revocation(const struct step_told *told, struct buf *body)
{
	struct json j;

	json_begin(&j, body);
	json_open(&j, NULL, '{');
	json_str(&j, "serial", told->serial.data);
	if (told->token.len > 0)
		json_str(&j, "ott", told->token.data);
	json_int(&j, "reasonCode", (int64_t)told->reason);
	json_bool(&j, "passive", true); /* there is no other way yet */
	json_close(&j);
	json_end(&j);
}

int step_revoke(const struct step_settings *settings, const struct step_host *host,
		bool by_itself, struct err *e)
{
	AUTO_STEP struct step s = { .s = *settings, .host = host };
	AUTO_TOLD struct step_told told = { .reason = 0 };
	AUTO_REPLY struct step_reply r = { 0 };
	AUTO_BUF struct buf body = { 0 };
	const struct step_ask a = { .step = "revoke",
				    .body = &body,
				    .doubt = by_itself ? not_shown : not_token,
				    .by_token = !by_itself };
	const char *said;

	if (by_itself)
		TRY(host->pair(host->arg, &s.chain, &s.key, e));
	if (by_itself && s.key.len == 0)
		return err_set(e, ERR_CONFIG,
			       "its key is elsewhere: do without --by-key");
	TRY(step_connect(&s, by_itself, e));
	TRY(ask_token(&s, by_itself ? STEP_ITSELF : STEP_REVOKE, &told, e));
	put_revocation(&told, &body);
	if (step_ask(&s, &a, &r, e) == 0)
		return 0;
	said = doc_str(r.doc, "message");
	return said != NULL && strstr(said, "already revoked") != NULL ? 0 : e->code;
}
