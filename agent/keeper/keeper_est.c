#include "agent/keeper/keeper_est.h"

#include <fcntl.h>
#include <string.h>

#include "agent/keeper/keeper_csr.h"
#include "agent/keeper/keeper_sign.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/file.h"
#include "store/pending.h"

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

static const struct spec_cert *cert_of(const struct keeper_lent *l)
{
	return &l->keeper->start.spec.certs[l->ticket.cert];
}

static int put_der(X509_REQ *csr, struct buf *der, struct err *e)
{
	unsigned char *data = NULL;
	const int len = i2d_X509_REQ(csr, &data);

	if (len <= 0)
		return key_openssl_err(e, ERR_SYS, "the request in DER");
	buf_add(der, data, (size_t)len);
	OPENSSL_free(data);
	return 0;
}

/* What is kept, if it is for that key; else nothing, and that is no failure. */
static int find_kept(const struct keeper_lent *l, const EVP_PKEY *key, struct buf *der,
		     struct err *e)
{
	AUTO_CSR X509_REQ *kept = NULL;
	const char *name = keeper_text(l->keeper, cert_of(l)->name);

	if (pending_request(l->keeper->root, name, &kept, e) < 0)
		return e->code == ERR_SYS ? ERR_SYS : 0;
	if (kept == NULL || EVP_PKEY_eq(X509_REQ_get0_pubkey(kept), key) != 1)
		return 0;
	return put_der(kept, der, e);
}

static int keep(const struct keeper_lent *l, const struct keeper_key *waits,
		const struct buf *der, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	buf_add(&pem, waits->pem.data, waits->pem.len);
	TRY(csr_der_to_pem(der->data, der->len, &pem, e));
	return pending_keep(l->keeper->root, keeper_text(l->keeper, cert_of(l)->name),
			    &pem, e);
}

/* That of what is live, for a renewal. */
static int make(const struct keeper_lent *l, struct csr_asks *asks, struct buf *der,
		struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *live = NULL;

	if (l->ticket.generation == 0)
		return keeper_csr_named(l->keeper, cert_of(l), &l->ticket.out, asks,
					der, e);
	TRY(keeper_leaf_of(l, &live, e));
	asks->subject = X509_get_subject_name(sk_X509_value(live, 0));
	return keeper_csr(l->keeper, cert_of(l), &l->ticket.out, asks, der, e);
}

static int request(const struct keeper_lent *l, bool again, struct csr_asks *asks,
		   struct buf *der, struct err *e)
{
	struct keeper_key *waits;

	TRY(keeper_waiting(l->keeper, cert_of(l), &waits, e));
	if (again && waits->key != NULL && waits->csr.len == 0)
		TRY(find_kept(l, waits->key, der, e));
	if (der->len > 0)
		return 0;
	TRY(make(l, asks, der, e));
	return waits->csr.len > 0 ? 0 : keep(l, waits, der, e);
}

/* What the CA wants in it, as far as that is no more than a leaf may ask for. */
static int get_asks(struct msg *m, struct csr_asks *asks, struct err *e)
{
	const char *challenge = msg_get_str(m);
	const uint64_t usages = msg_get_u64(m), purposes = msg_get_u64(m);

	TRY(msg_end(m, e));
	if (strlen(challenge) > CSR_CHALLENGE ||
	    challenge[strspn(challenge, BASE64)] != '\0')
		return err_set(e, ERR_PROTO, "a challenge that is none");
	if ((usages & ~(uint64_t)CSR_USAGES) != 0 ||
	    (purposes & ~(uint64_t)CSR_PURPOSES) != 0)
		return err_set(e, ERR_PROTO, "a usage that no leaf asks for");
	*asks = (struct csr_asks){ .challenge = challenge,
				   .usages = (uint32_t)usages,
				   .purposes = (uint32_t)purposes };
	return 0;
}

int keeper_sign_est(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_BUF struct buf der = { 0 };
	const bool again = msg_get_u64(m) != 0;
	const uint32_t id = m->id;
	struct csr_asks asks;

	TRY(get_asks(m, &asks, e));
	TRY(request(l, again, &asks, &der, e));
	msg_begin(m, SIGN_EST, id);
	msg_put_bytes(m, der.data, der.len);
	return 0;
}

int keeper_sign_est_user(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	const struct spec_issuer *i = keeper_issuer(l);
	const char *user = keeper_text(l->keeper, i->login);
	AUTO_BUF struct buf password = { 0 };
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	if (user != NULL && i->password_file.at != 0)
		TRY(keeper_password(l->keeper, i->password_file, &password, e));
	msg_begin(m, SIGN_EST_USER, id);
	msg_put_str(m, password.len == 0 ? "" : user);
	msg_put_str(m, password.data);
	return 0;
}

static void put_pair(struct msg *m, enum message what, const struct buf *chain,
		     const struct buf *key)
{
	msg_begin(m, what, m->id);
	msg_put_str(m, chain->data);
	msg_put_str(m, key->data);
}

int keeper_first_pair(const struct keeper_lent *l, struct buf *chain, struct buf *key,
		      struct err *e)
{
	const struct spec_issuer *i = keeper_issuer(l);
	const char *path = keeper_text(l->keeper, i->certificate_file);

	if (path == NULL)
		return 0;
	TRY(file_read(AT_FDCWD, path, LIMIT_CHAIN_BYTES, chain, e));
	return file_read(AT_FDCWD, keeper_text(l->keeper, i->key_file), LIMIT_KEY_BYTES,
			 key, e);
}

int keeper_sign_est_first(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf key = { 0 };

	TRY(msg_end(m, e));
	TRY(keeper_first_pair(l, &chain, &key, e));
	put_pair(m, SIGN_EST_FIRST, &chain, &key);
	return 0;
}

int keeper_sign_live(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf key = { 0 };

	TRY(msg_end(m, e));
	if (l->ticket.generation == 0)
		return err_set(e, ERR_PROTO, "it renews nothing");
	if (cert_of(l)->csr.at == 0) { /* else the key is elsewhere */
		TRY(keeper_read_of(l, "fullchain.pem", LIMIT_CHAIN_BYTES, &chain, e));
		TRY(keeper_read_of(l, "privkey.pem", LIMIT_KEY_BYTES, &key, e));
	}
	put_pair(m, SIGN_LIVE, &chain, &key);
	return 0;
}
