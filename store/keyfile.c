#include "store/keyfile.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "store/content.h"
#include "store/seal.h"
#include "store/set.h"

static bool put_sealed(BIO *bio, const struct set *set, const struct content *content,
		       const EVP_PKEY *key)
{
	AUTO_SEAL struct seal s = { .password = NULL };
	X509_SIG *sealed;
	int rc;

	seal_begin(&s, set, content);
	sealed = seal_key(&s, "key", key);
	if (sealed == NULL)
		return false;
	rc = content->key == CONTENT_KEY_DER ? i2d_PKCS8_bio(bio, sealed)
					     : PEM_write_bio_PKCS8(bio, sealed);
	X509_SIG_free(sealed);
	return rc == 1;
}

static bool put_plain(BIO *bio, const struct content *content, const EVP_PKEY *key)
{
	if (content->key == CONTENT_KEY_TRADITIONAL)
		return PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0,
							    NULL, NULL) == 1;
	return i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

static int put(const struct set *set, const struct content *content,
	       const EVP_PKEY *key, BIO *bio, struct err *e)
{
	bool done;

	if (content->key == CONTENT_KEY_TRADITIONAL && key_type_of(key) == KEY_ED25519)
		return err_set(e, ERR_CONFIG,
			       "an ed25519 key has no traditional format: pkcs8 is "
			       "all there is");
	done = content->password != NULL ? put_sealed(bio, set, content, key)
					 : put_plain(bio, content, key);
	return done ? 0 : key_openssl_err(e, ERR_SYS, "write the private key");
}

int keyfile_render(const struct set *set, const struct content *content,
		   struct buf *out, struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	BIO *bio;
	char *data;
	long len;
	int rc;

	if (content->key == CONTENT_KEY_PKCS8 && content->password == NULL) {
		buf_add(out, set->key.data, set->key.len);
		return 0;
	}
	TRY(key_from_pem(set->key.data, set->key.len, &key, e));
	bio = BIO_new(BIO_s_mem()); /* cleanses what it frees */
	if (bio == NULL)
		return key_openssl_err(e, ERR_SYS, "write the private key");
	rc = put(set, content, key, bio, e);
	len = BIO_get_mem_data(bio, &data);
	if (rc == 0)
		buf_add(out, data, (size_t)len);
	BIO_free(bio);
	return rc;
}
