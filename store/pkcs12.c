#include "store/pkcs12.h"

#include <openssl/pkcs12.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/content.h"
#include "store/seal.h"
#include "store/set.h"

#define TRUSTED_KEY_USAGE "2.16.840.1.113894.746875.1.1" /* of Oracle */

#define AUTO_BAGS  __attribute__((cleanup(bags_done)))
#define AUTO_SAFES __attribute__((cleanup(safes_done)))

static void bags_done(STACK_OF(PKCS12_SAFEBAG) * *bags)
{
	sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
}

static void safes_done(STACK_OF(PKCS7) * *safes)
{
	sk_PKCS7_pop_free(*safes, PKCS7_free);
}

/* What all steps need. */
struct work {
	const struct set *set;
	struct seal seal;
	EVP_PKEY *key;          /* owned; NULL: of trust there is none */
	STACK_OF(X509) * leaf;  /* owned, one */
	STACK_OF(X509) * chain; /* owned; NULL: none; of trust all there is */
};

static void work_done(struct work *w)
{
	seal_done(&w->seal);
	EVP_PKEY_free(w->key);
	chain_done_(&w->leaf);
	chain_done_(&w->chain);
}

#define AUTO_WORK __attribute__((cleanup(work_done)))

static bool push(STACK_OF(PKCS12_SAFEBAG) * bags, PKCS12_SAFEBAG *bag)
{
	if (bag != NULL && sk_PKCS12_SAFEBAG_push(bags, bag) > 0)
		return true;
	PKCS12_SAFEBAG_free(bag);
	return false;
}

/* Readers find the certificate of a key by this, and show both by the name. */
static bool mark(const struct work *w, PKCS12_SAFEBAG *bag)
{
	unsigned char id[EVP_MAX_MD_SIZE];
	unsigned len = sizeof(id);

	return bag != NULL &&
	       X509_digest(sk_X509_value(w->leaf, 0), EVP_sha256(), id, &len) == 1 &&
	       PKCS12_add_localkeyid(bag, id, (int)len) == 1 &&
	       PKCS12_add_friendlyname_utf8(bag, w->set->name, -1) == 1;
}

static bool push_marked(const struct work *w, STACK_OF(PKCS12_SAFEBAG) * bags,
			PKCS12_SAFEBAG *bag)
{
	if (mark(w, bag))
		return push(bags, bag);
	PKCS12_SAFEBAG_free(bag);
	return false;
}

static PKCS12_SAFEBAG *key_bag(const struct work *w)
{
	X509_SIG *sealed = seal_key(&w->seal, "key", w->key);
	PKCS12_SAFEBAG *bag =
	    sealed == NULL ? NULL : PKCS12_SAFEBAG_create0_pkcs8(sealed);

	if (bag == NULL)
		X509_SIG_free(sealed);
	return bag;
}

static PKCS7 *key_safe(const struct work *w)
{
	AUTO_BAGS STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();

	if (bags == NULL || !push_marked(w, bags, key_bag(w)))
		return NULL;
	return PKCS12_pack_p7data(bags);
}

/* PKCS12_pack_p7encdata(), with an initial vector of ours. */
static bool encrypt(const struct work *w, STACK_OF(PKCS12_SAFEBAG) * bags, PKCS7 *p7)
{
	X509_ALGOR *cipher = seal_cipher(&w->seal, "certificates");
	PKCS7_ENC_CONTENT *to;

	if (cipher == NULL || PKCS7_set_type(p7, NID_pkcs7_encrypted) != 1) {
		X509_ALGOR_free(cipher);
		return false;
	}
	to = p7->d.encrypted->enc_data;
	X509_ALGOR_free(to->algorithm);
	to->algorithm = cipher;
	ASN1_OCTET_STRING_free(to->enc_data);
	to->enc_data = PKCS12_item_i2d_encrypt(cipher, ASN1_ITEM_rptr(PKCS12_SAFEBAGS),
					       w->seal.password, -1, bags, 1);
	return to->enc_data != NULL;
}

static PKCS7 *seal_bags(const struct work *w, STACK_OF(PKCS12_SAFEBAG) * bags)
{
	PKCS7 *p7 = PKCS7_new();

	if (p7 == NULL || encrypt(w, bags, p7))
		return p7;
	PKCS7_free(p7);
	return NULL;
}

static PKCS7 *certs_safe(const struct work *w)
{
	AUTO_BAGS STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
	bool ok =
	    bags != NULL &&
	    push_marked(w, bags, PKCS12_SAFEBAG_create_cert(sk_X509_value(w->leaf, 0)));

	for (int i = 0; ok && i < sk_X509_num(w->chain); i++)
		ok = push(bags, PKCS12_SAFEBAG_create_cert(sk_X509_value(w->chain, i)));
	return ok ? seal_bags(w, bags) : NULL;
}

/* Java takes a certificate without a key for trusted where its bag has this attribute. */
static bool mark_trusted(const struct work *w, PKCS12_SAFEBAG *bag, int i)
{
	ASN1_OBJECT *any = OBJ_nid2obj(NID_anyExtendedKeyUsage);
	AUTO_FREE char *alias = xasprintf("%s-%d", w->set->name, i + 1);

	return bag != NULL && PKCS12_add_friendlyname_utf8(bag, alias, -1) == 1 &&
	       PKCS12_add1_attr_by_txt(bag, TRUSTED_KEY_USAGE, V_ASN1_OBJECT,
				       (const unsigned char *)any, -1) == 1;
}

static PKCS7 *trust_safe(const struct work *w)
{
	AUTO_BAGS STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
	bool ok = bags != NULL;

	for (int i = 0; ok && i < sk_X509_num(w->chain); i++) {
		PKCS12_SAFEBAG *bag =
		    PKCS12_SAFEBAG_create_cert(sk_X509_value(w->chain, i));

		ok = mark_trusted(w, bag, i);
		if (!ok)
			PKCS12_SAFEBAG_free(bag);
		else
			ok = push(bags, bag);
	}
	return ok ? seal_bags(w, bags) : NULL;
}

static bool push_safe(STACK_OF(PKCS7) * safes, PKCS7 *p7)
{
	if (p7 != NULL && sk_PKCS7_push(safes, p7) > 0)
		return true;
	PKCS7_free(p7);
	return false;
}

bool pkcs12_has_pbmac1(void)
{
	return OPENSSL_VERSION_NUMBER >= 0x30400000L;
}

static bool put_mac(const struct work *w, const struct content *content, PKCS12 *p12)
{
	uint8_t salt[SEAL_SALT];

	seal_salt(&w->seal, "mac", salt);
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
	if (content->p12 == CONTENT_P12_PBMAC1)
		return PKCS12_set_pbmac1_pbkdf2(p12, content->password, -1, salt,
						SEAL_SALT, SEAL_ITERATIONS,
						EVP_sha256(), "SHA256") == 1;
#endif
	return PKCS12_set_mac(p12, content->password, -1, salt, SEAL_SALT,
			      SEAL_ITERATIONS,
			      w->seal.legacy ? EVP_sha1() : EVP_sha256()) == 1;
}

static int write_der(const PKCS12 *p12, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_PKCS12(p12, &der);

	if (len <= 0)
		return -1;
	buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}

static int pack(const struct work *w, const struct content *content, struct buf *out,
		struct err *e)
{
	AUTO_SAFES STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	PKCS12 *p12 = NULL;
	bool ok = safes != NULL && (w->key == NULL ? push_safe(safes, trust_safe(w))
						   : push_safe(safes, certs_safe(w)) &&
							 push_safe(safes, key_safe(w)));

	if (ok)
		p12 = PKCS12_add_safes(safes, 0);
	ok = p12 != NULL && put_mac(w, content, p12) && write_der(p12, out) == 0;
	PKCS12_free(p12);
	return ok ? 0 : key_openssl_err(e, ERR_SYS, "make PKCS#12");
}

static int check_form(const struct content *content, struct err *e)
{
	if (content->p12 == CONTENT_P12_PBMAC1 && !pkcs12_has_pbmac1())
		return err_set(e, ERR_CONFIG,
			       "pbmac1: this everleaf is built with an OpenSSL before "
			       "3.4");
	return 0;
}

int pkcs12_render_trust(const struct set *set, const struct content *content,
			struct buf *out, struct err *e)
{
	AUTO_WORK struct work w = { .set = set };

	TRY(check_form(content, e));
	TRY(x509_chain_from_pem(set->ca.data, set->ca.len, &w.chain, e));
	seal_begin(&w.seal, set, content);
	return pack(&w, content, out, e);
}

int pkcs12_render(const struct set *set, const struct content *content, struct buf *out,
		  struct err *e)
{
	AUTO_WORK struct work w = { .set = set };

	TRY(check_form(content, e));
	TRY(key_from_pem(set->key.data, set->key.len, &w.key, e));
	TRY(x509_chain_from_pem(set->cert.data, set->cert.len, &w.leaf, e));
	if (set->chain.len > 0)
		TRY(x509_chain_from_pem(set->chain.data, set->chain.len, &w.chain, e));
	seal_begin(&w.seal, set, content);
	return pack(&w, content, out, e);
}
