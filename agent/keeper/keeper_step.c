#include "agent/keeper/keeper_step.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "acme/jws.h"
#include "agent/keeper/keeper_csr.h"
#include "agent/keeper/keeper_sign.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "ca/step_key.h"

#define TOKEN_S   300 /* as step's own tokens */
#define JTI_BYTES 32

struct keeper_step {
	unsigned char of[32]; /* SHA-256 of password and JWE */
	struct step_key key;
};

void keeper_step_free(struct keeper_step *s)
{
	if (s == NULL)
		return;
	step_key_done(&s->key);
	free(s);
}

/* -- the provisioner's key -- */

static void put_part(struct buf *all, const struct buf *part)
{
	buf_printf(all, "%zu:", part->len);
	buf_add(all, part->data, part->len);
}

static int fingerprint(const struct step_jwe *j, const struct buf *password,
		       unsigned char hash[32], struct err *e)
{
	const struct buf *const parts[] = { password, &j->header, &j->salt, &j->wrapped,
					    &j->iv,   &j->text,   &j->tag };
	AUTO_BUF struct buf all = { 0 };

	buf_printf(&all, "%llu:", (unsigned long long)j->rounds);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		put_part(&all, parts[i]);
	if (EVP_Digest(all.data, all.len, hash, NULL, EVP_sha256(), NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "hash a JWE");
	return 0;
}

/* *key is another reference, the caller's. */
static int share(const struct step_key *of, struct step_key *key)
{
	EVP_PKEY_up_ref(of->key);
	key->key = of->key;
	buf_add(&key->kid, of->kid.data, of->kid.len);
	return 0;
}

static int open_jwe(const struct keeper_lent *l, const struct step_jwe *j,
		    struct step_key *key, struct err *e)
{
	struct keeper_step **kept = &l->keeper->accounts[l->ticket.issuer].step;
	const char *path = keeper_text(l->keeper, keeper_issuer(l)->password_file);
	AUTO_BUF struct buf password = { 0 };
	struct keeper_step new = { .of = { 0 } };

	if (path == NULL)
		return err_set(e, ERR_CONFIG,
			       "its key is encrypted: set password_file");
	TRY(keeper_password(l->keeper, keeper_issuer(l)->password_file, &password, e));
	TRY(fingerprint(j, &password, new.of, e));
	if (*kept != NULL && memcmp((*kept)->of, new.of, sizeof(new.of)) == 0)
		return share(&(*kept)->key, key);
	if (step_key_open(j, &password, &new.key, e) < 0)
		return err_wrap(e, "password_file %s", path);
	keeper_step_free(*kept);
	*kept = xcalloc(1, sizeof(new));
	**kept = new;
	return share(&new.key, key);
}

/* JWE, JWK or PEM. */
static int read_key_file(const struct keeper_lent *l, const char *path,
			 struct step_key *key, struct err *e)
{
	AUTO_JWE struct step_jwe jwe = { .rounds = 0 };
	AUTO_BUF struct buf text = { 0 };

	TRY(file_read(AT_FDCWD, path, LIMIT_KEY_BYTES, &text, e));
	if (text.len > 0 && strstr(text.data, "-----BEGIN ") != NULL)
		return key_from_pem(text.data, text.len, &key->key, e);
	if (text.len > 0 && step_key_read(text.data, text.len, key, e) == 0)
		return 0;
	if (text.len == 0 || step_jwe_read(text.data, text.len, &jwe, e) < 0)
		return err_set(e, ERR_CONFIG, "no key in PEM, as JWK or JWE");
	return open_jwe(l, &jwe, key, e);
}

static int provisioner_key(const struct keeper_lent *l, const struct step_jwe *jwe,
			   struct step_key *key, struct err *e)
{
	const struct spec_issuer *i = keeper_issuer(l);
	const char *path = keeper_text(l->keeper, i->key_file);
	int rc =
	    path == NULL ? open_jwe(l, jwe, key, e) : read_key_file(l, path, key, e);

	if (rc < 0 && path != NULL)
		err_wrap(e, "key %s", path);
	return rc < 0 ? err_wrap(e, "provisioner \"%s\"",
				 keeper_text(l->keeper, i->provisioner))
		      : 0;
}

/* -- who signs: a member of the header -- */

static int put_kid(const struct step_key *key, struct buf *value, struct err *e)
{
	AUTO_BUF struct buf kid = { 0 };
	struct json j;

	if (key->kid.len == 0)
		TRY(jws_thumbprint(key->key, &kid, e));
	json_begin(&j, value);
	json_str(&j, NULL, kid.len > 0 ? kid.data : key->kid.data);
	json_end(&j);
	return 0;
}

/* RFC 7515 4.1.6: base64, and not as URLs have it. */
static int put_cert(X509 *cert, struct json *j, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	AUTO_FREE char *text = NULL;

	TRY(x509_to_der(cert, &der, e));
	text = xcalloc((der.len + 2) / 3 * 4 + 1, 1);
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)der.data,
			(int)der.len);
	json_str(j, NULL, text);
	return 0;
}

static int put_chain(const struct buf *pem, struct buf *value, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct json j;

	TRY(x509_chain_from_pem(pem->data, pem->len, &chain, e));
	json_begin(&j, value);
	json_open(&j, NULL, '[');
	for (int i = 0; i < sk_X509_num(chain); i++)
		TRY(put_cert(sk_X509_value(chain, i), &j, e));
	json_close(&j);
	json_end(&j);
	return 0;
}

struct signer {
	struct step_key key;
	const char *member; /* of the header; static */
	struct buf value;
	const char *issuer; /* borrowed */
	const char *suffix; /* of the audience; borrowed */
};

#define AUTO_SIGNER __attribute__((cleanup(signer_done)))

static void signer_done(struct signer *s)
{
	step_key_done(&s->key);
	buf_done(&s->value);
}

static int by_provisioner(const struct keeper_lent *l, const struct step_jwe *jwe,
			  struct signer *s, struct err *e)
{
	const struct spec_issuer *i = keeper_issuer(l);
	const char *path = keeper_text(l->keeper, i->certificate_file);
	AUTO_BUF struct buf pem = { 0 };

	s->issuer = keeper_text(l->keeper, i->provisioner);
	s->suffix = path == NULL ? "" : "#x5c/";
	TRY(provisioner_key(l, jwe, &s->key, e));
	s->member = path == NULL ? "kid" : "x5c";
	if (path == NULL)
		return put_kid(&s->key, &s->value, e);
	if (file_read(AT_FDCWD, path, LIMIT_CHAIN_BYTES, &pem, e) < 0 ||
	    put_chain(&pem, &s->value, e) < 0)
		return err_wrap(e, "certificate_file %s", path);
	return 0;
}

static int by_live(const struct keeper_lent *l, struct signer *s, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf key = { 0 };

	TRY(keeper_read_of(l, "fullchain.pem", LIMIT_CHAIN_BYTES, &pem, e));
	TRY(keeper_read_of(l, "privkey.pem", LIMIT_KEY_BYTES, &key, e));
	s->issuer = "step-ca-client/1.0"; /* what step-ca wants there */
	s->suffix = "";
	s->member = "x5cInsecure";
	TRY(key_from_pem(key.data, key.len, &s->key.key, e));
	return put_chain(&pem, &s->value, e);
}

/* -- the token -- */

struct claims {
	const char *step; /* of the API */
	char *subject;    /* owned */
	struct name *names;
	size_t n_names; /* 0: none are said */
	unsigned char root[32];
	bool has_root;
};

#define AUTO_CLAIMS __attribute__((cleanup(claims_done)))

static void claims_done(struct claims *c)
{
	free(c->subject);
	x509_names_free(c->names, c->n_names);
}

static char *audience(const struct keeper_lent *l, const struct signer *s,
		      const char *step)
{
	const char *url = keeper_text(l->keeper, keeper_issuer(l)->url);
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	return xasprintf("%.*s/1.0/%s%s%s", (int)len, url, step, s->suffix,
			 *s->suffix == '\0' ? "" : s->issuer);
}

static int put_random(struct json *j, struct err *e)
{
	unsigned char jti[JTI_BYTES];
	char hex[2 * JTI_BYTES + 1];

	if (RAND_bytes(jti, sizeof(jti)) != 1)
		return key_openssl_err(e, ERR_SYS, "random bytes");
	text_hex(hex, jti, sizeof(jti));
	json_str(j, "jti", hex);
	return 0;
}

static void put_names(const struct claims *c, struct json *j)
{
	if (c->n_names == 0)
		return;
	json_open(j, "sans", '[');
	for (size_t i = 0; i < c->n_names; i++)
		json_str(j, NULL, c->names[i].value);
	json_close(j);
}

static int sign(const struct keeper_lent *l, const struct signer *s,
		const struct claims *c, struct buf *token, struct err *e)
{
	AUTO_FREE char *aud = audience(l, s, c->step);
	AUTO_BUF struct buf payload = { 0 };
	const int64_t now = clock_now();
	char sha[2 * sizeof(c->root) + 1];
	struct json j;

	payload_open(&j, &payload);
	json_str(&j, "aud", aud);
	json_int(&j, "exp", now + TOKEN_S);
	json_int(&j, "iat", now);
	json_str(&j, "iss", s->issuer);
	TRY(put_random(&j, e));
	json_int(&j, "nbf", now);
	put_names(c, &j);
	text_hex(sha, c->root, sizeof(c->root));
	if (c->has_root)
		json_str(&j, "sha", sha);
	json_str(&j, "sub", c->subject);
	payload_close(&j);
	return jws_compact(s->key.key, s->member, &s->value, payload.data, token, e);
}

/* -- what it is for -- */

static char *common_name(const X509_NAME *subject)
{
	const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	char *name = NULL;

	if (at >= 0 &&
	    ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
					   X509_NAME_get_entry(subject, at))) >= 0)
		name = xstrdup((char *)text);
	OPENSSL_free(text);
	return name;
}

static int make_csr(const struct keeper_lent *l, struct buf *der, struct err *e)
{
	const struct lend_ticket *t = &l->ticket;

	return keeper_csr_named(l->keeper, &l->keeper->start.spec.certs[t->cert],
				&t->out, &(struct csr_asks){ .subject = NULL }, der, e);
}

/* The request that it is for is made again: it has the same names, or is the user's own.
 * The CA compares them one by one, and the subject. */
static int claim_names(const struct keeper_lent *l, struct claims *c, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	AUTO_CSR X509_REQ *csr = NULL;
	const unsigned char *at;

	TRY(make_csr(l, &der, e));
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	if (csr == NULL)
		return key_openssl_err(e, ERR_SYS, "the request");
	TRY(x509_csr_names(csr, &c->names, &c->n_names, e));
	c->subject = common_name(X509_REQ_get_subject_name(csr));
	if (c->subject == NULL)
		return err_set(e, ERR_CONFIG,
			       "step-ca wants a common name, and no name of this "
			       "certificate is short enough for one");
	return 0;
}

static int claim_live(const struct keeper_lent *l, struct claims *c, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;

	TRY(keeper_leaf_of(l, &leaf, e));
	c->subject = common_name(X509_get_subject_name(sk_X509_value(leaf, 0)));
	if (c->subject == NULL)
		c->subject = xstrdup("");
	return 0;
}

static int make_token(const struct keeper_lent *l, enum step_what what,
		      const struct step_jwe *jwe, struct claims *c,
		      struct step_told *told, struct err *e)
{
	AUTO_SIGNER struct signer s = { .member = NULL };
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	AUTO_FREE char *serial = NULL;

	if (lend_revokes(l->ticket.what)) {
		TRY(keeper_leaf_of(l, &leaf, e));
		TRY(x509_serial_decimal(sk_X509_value(leaf, 0), &serial, e));
		buf_puts(&told->serial, serial);
		told->reason = l->ticket.reason;
		c->subject = TAKE(serial);
	}
	if (what == STEP_ITSELF)
		return 0;
	if (what == STEP_SIGN)
		TRY(claim_names(l, c, e));
	if (what == STEP_RENEW)
		TRY(claim_live(l, c, e));
	TRY(what == STEP_RENEW ? by_live(l, &s, e) : by_provisioner(l, jwe, &s, e));
	return sign(l, &s, c, &told->token, e);
}

/* -- the messages -- */

static void get_part(struct msg *m, struct buf *part)
{
	size_t len;
	const void *data = msg_get_bytes(m, &len);

	buf_add(part, data, len);
}

static int get_fields(const struct keeper_lent *l, struct msg *m, struct claims *c,
		      struct step_jwe *jwe, uint64_t *what, struct err *e)
{
	static const char *const steps[STEP_WHATS] = { "sign", "renew", "revoke", "" };
	const enum lend lent = l->ticket.what;
	AUTO_BUF struct buf root = { 0 };

	*what = msg_get_u64(m);
	get_part(m, &root);
	get_part(m, &jwe->header);
	jwe->rounds = msg_get_u64(m);
	get_part(m, &jwe->salt);
	get_part(m, &jwe->wrapped);
	get_part(m, &jwe->iv);
	get_part(m, &jwe->text);
	get_part(m, &jwe->tag);
	TRY(msg_end(m, e));
	if (*what >= STEP_WHATS || (lent == LEND_REVOKE) != (*what == STEP_REVOKE) ||
	    (lent == LEND_REVOKE_BY_KEY) != (*what == STEP_ITSELF))
		return err_set(e, ERR_PROTO, "token %llu is not what this was lent for",
			       (unsigned long long)*what);
	if (*what == STEP_RENEW && l->ticket.generation == 0)
		return err_set(e, ERR_PROTO, "it renews nothing");
	c->step = steps[*what];
	c->has_root = root.len == sizeof(c->root);
	if (c->has_root)
		memcpy(c->root, root.data, sizeof(c->root));
	return 0;
}

int keeper_sign_step(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_JWE struct step_jwe jwe = { .rounds = 0 };
	AUTO_CLAIMS struct claims c = { .step = NULL };
	AUTO_TOLD struct step_told told = { .reason = 0 };
	const uint32_t id = m->id;
	uint64_t what;

	TRY(get_fields(l, m, &c, &jwe, &what, e));
	TRY(make_token(l, (enum step_what)what, &jwe, &c, &told, e));
	msg_begin(m, SIGN_STEP, id);
	msg_put_str(m, told.token.data);
	msg_put_str(m, told.serial.data);
	msg_put_u64(m, told.reason);
	return 0;
}

int keeper_sign_step_csr(void *lent, struct msg *m, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(make_csr(lent, &der, e));
	msg_begin(m, SIGN_STEP_CSR, id);
	msg_put_bytes(m, der.data, der.len);
	return 0;
}
