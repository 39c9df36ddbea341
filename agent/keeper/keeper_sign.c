#include "agent/keeper/keeper_sign.h"

#include <string.h>

#include "acme/ari.h"
#include "acme/client.h"
#include "acme/jws.h"
#include "agent/keeper/keeper_csr.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/base64url.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/origin.h"
#include "store/generation.h"

void payload_open(struct json *j, struct buf *out)
{
	json_begin(j, out);
	json_open(j, NULL, '{');
}

void payload_close(struct json *j)
{
	json_close(j);
	json_end(j);
}

static void put_base64(struct json *j, const char *key, const struct buf *data)
{
	AUTO_BUF struct buf text = { 0 };

	base64url_add(&text, data->data, data->len);
	json_str(j, key, text.data);
}

/* -- what there is -- */

int keeper_read_of(const struct keeper_lent *l, const char *file, size_t max,
		   struct buf *out, struct err *e)
{
	const struct keeper *k = l->keeper;
	const struct spec_cert *c = &k->start.spec.certs[l->ticket.cert];
	AUTO_FD int dir = -1;

	TRY(generation_open(k->root, keeper_text(k, c->name), l->ticket.generation,
			    &dir, e));
	return file_read(dir, file, max, out, e);
}

int keeper_leaf_of(const struct keeper_lent *l, STACK_OF(X509) * *leaf, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(keeper_read_of(l, "cert.pem", LIMIT_CHAIN_BYTES, &pem, e));
	return x509_chain_from_pem(pem.data, pem.len, leaf, e);
}

/* -- the order -- */

static int put_identifiers(const struct keeper_work *w, struct json *j, struct err *e)
{
	static const char *const types[NAME_KINDS] = {
		[NAME_DNS] = "dns", [NAME_IP] = "ip"
	};
	size_t n;
	AUTO_FREE struct name *names =
	    keeper_asked_names(w->keeper, w->cert, &w->lent->ticket.out, &n);

	json_open(j, "identifiers", '[');
	for (size_t i = 0; i < n; i++) {
		if (types[names[i].kind] == NULL)
			return err_set(e, ERR_CONFIG,
				       "%s: an ACME CA certifies no such name",
				       names[i].value);
		json_open(j, NULL, '{');
		json_str(j, "type", types[names[i].kind]);
		json_str(j, "value", names[i].value);
		json_close(j);
	}
	json_close(j);
	return 0;
}

/* = RFC 9773 5 "This unique identifier is constructed in the same way as the path component
 * for GET requests described in Section 4.1." [replaces] The worker has no say in it. */
static int put_replaces(const struct keeper_work *w, struct json *j, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	AUTO_BUF struct buf id = { 0 };

	if (w->lent->ticket.generation == 0)
		return err_set(e, ERR_PROTO, "the order replaces nothing");
	TRY(keeper_leaf_of(w->lent, &leaf, e));
	if (ari_id(sk_X509_value(leaf, 0), &id))
		json_str(j, "replaces", id.data);
	return 0;
}

static int new_order(const struct keeper_work *w, struct buf *out, struct err *e)
{
	const char *profile = keeper_text(w->keeper, w->issuer->profile);
	struct json j;

	if (w->ask.profile != NULL &&
	    (profile == NULL || strcmp(profile, w->ask.profile) != 0))
		return err_set(e, ERR_PROTO, "not the configured profile");
	payload_open(&j, out);
	TRY(put_identifiers(w, &j, e));
	if (w->ask.profile != NULL)
		json_str(&j, "profile", w->ask.profile);
	if (w->issuer->lifetime_s != 0) /* RFC 8555 7.4: most CAs refuse to be asked */
		json_time(&j, "notAfter", clock_now() + w->issuer->lifetime_s);
	if (w->ask.replaces)
		TRY(put_replaces(w, &j, e));
	payload_close(&j);
	return 0;
}

static int nothing(const struct keeper_work *w, struct buf *out, struct err *e)
{
	(void)w;
	(void)e;
	buf_puts(out, "");
	return 0;
}

static int answer(const struct keeper_work *w, struct buf *out, struct err *e)
{
	(void)w;
	(void)e;
	buf_puts(out, "{}");
	return 0;
}

static int finalize(const struct keeper_work *w, struct buf *out, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	struct json j;

	TRY(keeper_csr(w->lent->keeper, w->cert, &w->lent->ticket.out,
		       &(struct csr_asks){ .subject = NULL }, &der, e));
	payload_open(&j, out);
	put_base64(&j, "csr", &der);
	payload_close(&j);
	return 0;
}

/* -- revocation -- */

static int revocation(const struct keeper_work *w, struct buf *out, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	struct json j;

	TRY(keeper_leaf_of(w->lent, &leaf, e));
	TRY(x509_to_der(sk_X509_value(leaf, 0), &der, e));
	payload_open(&j, out);
	put_base64(&j, "certificate", &der);
	if (w->lent->ticket.reason != 0)
		json_int(&j, "reason", (int64_t)w->lent->ticket.reason);
	payload_close(&j);
	return 0;
}

/* -- the list -- */

enum signer {
	BY_ACCOUNT, /* as the account that the CA knows: kid */
	BY_KEY,     /* the key itself speaks: jwk */
	BY_NEXT,    /* the key that is to be the account's */
	BY_CERT,    /* the key of the certificate */
};

static const struct kind {
	int (*payload)(const struct keeper_work *w, struct buf *out, struct err *e);
	enum signer signer;
} kinds[ASK_KINDS] = {
	[ASK_NEW_ACCOUNT] = { keeper_new_account, BY_KEY },
	[ASK_FIND_ACCOUNT] = { keeper_find_account, BY_KEY },
	[ASK_FIND_ROLLED] = { keeper_find_account, BY_NEXT },
	[ASK_UPDATE_ACCOUNT] = { keeper_update_account, BY_ACCOUNT },
	[ASK_DEACTIVATE_ACCOUNT] = { keeper_deactivate_account, BY_ACCOUNT },
	[ASK_ROLL_KEY] = { keeper_roll_key, BY_ACCOUNT },
	[ASK_NEW_ORDER] = { new_order, BY_ACCOUNT },
	[ASK_FETCH] = { nothing, BY_ACCOUNT },
	[ASK_ANSWER] = { answer, BY_ACCOUNT },
	[ASK_FINALIZE] = { finalize, BY_ACCOUNT },
	[ASK_REVOKE] = { revocation, BY_ACCOUNT },
	[ASK_REVOKE_BY_CERT] = { revocation, BY_CERT },
};

static int cert_key(const struct keeper_work *w, EVP_PKEY **key, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	if (w->cert->csr.at != 0)
		return err_set(e, ERR_CONFIG,
			       "its key is elsewhere: its account alone can revoke it");
	TRY(keeper_read_of(w->lent, "privkey.pem", LIMIT_KEY_BYTES, &pem, e));
	return key_from_pem(pem.data, pem.len, key, e);
}

/* *key is another reference, the caller's. */
static int take_key(const struct keeper_work *w, EVP_PKEY **key, struct err *e)
{
	enum signer signer = kinds[w->ask.kind].signer;
	EVP_PKEY *of = signer == BY_NEXT ? w->account->next : w->account->key;

	if (signer == BY_CERT)
		return cert_key(w, key, e);
	if (of == NULL) /* another worker has ended the roll-over meanwhile */
		return err_set(e, ERR_BUSY, "there is no such key");
	EVP_PKEY_up_ref(of);
	*key = of;
	return 0;
}

static int sign(const struct keeper_work *w, struct buf *out, struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_BUF struct buf payload = { 0 };
	struct jws j = { .url = w->ask.url, .nonce = w->ask.nonce };

	if (kinds[w->ask.kind].signer == BY_ACCOUNT) {
		j.kid = keeper_kid(w->lent, w->account);
		/* Or not any more: another worker makes it again. */
		if (j.kid == NULL || w->account->key == NULL)
			return err_set(e, ERR_BUSY, "there is no account yet");
	}
	TRY(kinds[w->ask.kind].payload(w, &payload, e));
	TRY(take_key(w, &key, e));
	j.key = key;
	return jws_sign(&j, payload.data, out, e);
}

/* RFC 8555 6.5.2. Those of some CAs are letters of base64url that encode nothing. */
static bool is_nonce(const char *nonce)
{
	size_t len = strlen(nonce);

	return len <= LIMIT_NONCE && base64url_is(nonce, len);
}

static int check(const struct keeper_lent *l, uint64_t kind, uint64_t key,
		 const struct acme_ask *ask, struct err *e)
{
	const char *ca = keeper_text(l->keeper, keeper_issuer(l)->url);

	if (kind >= ASK_KINDS || !lend_allows(l->ticket.what, (enum acme_ask_kind)kind))
		return err_set(e, ERR_PROTO,
			       "signature %llu is not what this was lent "
			       "for",
			       (unsigned long long)kind);
	if (strlen(ask->url) > LIMIT_ACME_URL || !origin_same(ask->url, ca))
		return err_set(e, ERR_PROTO, "a request to another server than %s", ca);
	if (!is_nonce(ask->nonce))
		return err_set(e, ERR_PROTO, "a nonce that is none");
	if (key >= KEY_TYPES || (key != KEY_NONE && kind != ASK_NEW_ACCOUNT))
		return err_set(e, ERR_PROTO, "a key of another type is not for this");
	return 0;
}

int keeper_sign_jws(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	const struct keeper *k = l->keeper;
	struct keeper_work w = { .lent = l, .keeper = k, .issuer = keeper_issuer(l) };
	AUTO_BUF struct buf jws = { 0 };
	uint64_t kind = msg_get_u64(m), key;
	uint32_t id = m->id;

	w.ask.url = msg_get_str(m);
	w.ask.nonce = msg_get_str(m);
	w.ask.profile = msg_get_str(m);
	key = msg_get_u64(m);
	w.ask.replaces = msg_get_u64(m) != 0;
	TRY(msg_end(m, e));
	TRY(check(l, kind, key, &w.ask, e));
	w.ask.kind = (enum acme_ask_kind)kind;
	w.ask.key = (enum key_type)key;
	if (*w.ask.profile == '\0')
		w.ask.profile = NULL;
	if (l->ticket.what == LEND_ORDER || lend_revokes(l->ticket.what))
		w.cert = &k->start.spec.certs[l->ticket.cert];
	TRY(keeper_account(l, &w.account, e));
	TRY(sign(&w, &jws, e));
	msg_begin(m, SIGN_JWS, id);
	msg_put_str(m, jws.data);
	return 0;
}
