#include "store/seal.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/pkcs12.h>

#include "base/buf.h"
#include "store/content.h"
#include "store/set.h"

/* Its length first, so that "ab" "c" is not "a" "bc". */
static void add(struct buf *all, const void *data, size_t len)
{
	uint64_t n = len;

	buf_add(all, &n, sizeof(n));
	buf_add(all, data, len);
}

static void mac(const void *key, size_t key_len, const void *data, size_t len,
		uint8_t out[HASH_LEN])
{
	unsigned n = HASH_LEN;
	const void *done = HMAC(EVP_sha256(), key, (int)key_len, data, len, out, &n);

	/* It fails only where there is no SHA-256 at all. */
	assert(done != NULL && n == HASH_LEN);
}

void seal_begin(struct seal *s, const struct set *set, const struct content *content)
{
	AUTO_BUF struct buf all = { 0 };
	const uint32_t form[] = { content->kind, content->key, content->p12,
				  content->cert_first };

	add(&all, form, sizeof(form));
	add(&all, set->name, strlen(set->name));
	add(&all, set->cert.data, set->cert.len);
	add(&all, set->chain.data, set->chain.len);
	add(&all, content->password, strlen(content->password));
	if (content->kind == CONTENT_TRUSTSTORE)
		add(&all, set->ca.data, set->ca.len);
	mac(set->key.data, set->key.len, all.data, all.len, s->root);
	s->password = content->password;
	s->legacy = content->p12 == CONTENT_P12_LEGACY;
}

void seal_done(struct seal *s)
{
	OPENSSL_cleanse(s, sizeof(*s));
}

void seal_salt(const struct seal *s, const char *label, uint8_t salt[SEAL_SALT])
{
	uint8_t all[HASH_LEN];

	mac(s->root, sizeof(s->root), label, strlen(label), all);
	memcpy(salt, all, SEAL_SALT);
}

X509_ALGOR *seal_cipher(const struct seal *s, const char *label)
{
	uint8_t salt[SEAL_SALT], iv[SEAL_SALT];
	char iv_label[32] = "iv ";

	seal_salt(s, label, salt);
	if (s->legacy)
		return PKCS5_pbe_set(NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
				     SEAL_ITERATIONS, salt, SEAL_SALT);
	assert(strlen(label) < sizeof(iv_label) - 3);
	memcpy(iv_label + 3, label, strlen(label) + 1);
	seal_salt(s, iv_label, iv);
	return PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), SEAL_ITERATIONS, salt, SEAL_SALT,
				 iv, NID_hmacWithSHA256);
}

X509_SIG *seal_key(const struct seal *s, const char *label, const EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	X509_ALGOR *cipher = plain == NULL ? NULL : seal_cipher(s, label);
	X509_SIG *sealed = NULL;

	if (cipher != NULL)
		sealed = PKCS8_set0_pbe(s->password, -1, plain, cipher);
	if (sealed == NULL)
		X509_ALGOR_free(cipher);
	PKCS8_PRIV_KEY_INFO_free(plain);
	return sealed;
}
