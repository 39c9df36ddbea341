#include "agent/inspect/inspect_secret.h"

#include <string.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "agent/inspect/inspect.h"
#include "base/auto.h"
#include "base/key.h"
#include "base/mem.h"

/* The key, NULL: it is none. All of its bytes belong to it. */
static EVP_PKEY *decode(const unsigned char *der, long len)
{
	EVP_PKEY *key = NULL;
	const unsigned char *at = der;
	size_t left = (size_t)len;
	OSSL_DECODER_CTX *ctx;

	if (len <= 0 || len > LIMIT_KEY_BYTES)
		return NULL;
	ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR,
					    NULL, NULL);
	if (ctx != NULL &&
	    (OSSL_DECODER_from_data(ctx, &at, &left) != 1 || left != 0)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

static const char *form_of(const unsigned char *der, long len)
{
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, len);
	const bool is_pkcs8 = info != NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	return is_pkcs8 ? "PKCS#8" : "traditional";
}

/* Take `key`. */
static struct inspect_item *add(struct inspect *in, uint32_t input, EVP_PKEY *key,
				const char *form)
{
	struct inspect_item *item = inspect_item(in, ITEM_KEY, input, form);

	if (item != NULL)
		item->key = key;
	else
		EVP_PKEY_free(key);
	return item;
}

bool inspect_secret_plain(struct inspect *in, uint32_t input, const unsigned char *der,
			  long len)
{
	EVP_PKEY *key = decode(der, len);

	if (key == NULL)
		return false;
	add(in, input, key, form_of(der, len));
	return true;
}

static void add_sealed(struct inspect *in, uint32_t input, const char *form)
{
	struct inspect_item *item = inspect_item(in, ITEM_KEY, input, form);

	if (item == NULL)
		return;
	item->sealed = true;
	if (in->password == NULL)
		inspect_say_of(in, FOUND_KEY_ENCRYPTED, item,
			       "it is encrypted, and no password was given");
	else
		inspect_say_of(in, FOUND_PASSWORD_WRONG, item,
			       "the password does not open it");
}

bool inspect_secret_sealed(struct inspect *in, uint32_t input, const unsigned char *der,
			   long len)
{
	const unsigned char *at = der;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &at, len);
	PKCS8_PRIV_KEY_INFO *info = NULL;
	EVP_PKEY *key = NULL;

	if (sealed == NULL || at != der + len) {
		X509_SIG_free(sealed);
		ERR_clear_error();
		return false;
	}
	if (in->password != NULL)
		info = PKCS8_decrypt(sealed, in->password, (int)strlen(in->password));
	if (info != NULL)
		key = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(sealed);
	ERR_clear_error();
	if (key != NULL)
		add(in, input, key, "PKCS#8, encrypted");
	else
		add_sealed(in, input, "PKCS#8, encrypted");
	return true;
}

static int give_password(char *to, int size, int writing, void *password)
{
	const size_t len = strlen(password);

	(void)writing;
	if (len > (size_t)size)
		return -1;
	memcpy(to, password, len);
	return (int)len;
}

void inspect_secret_old(struct inspect *in, uint32_t input, const char *header,
			const unsigned char *der, long len)
{
	AUTO_FREE char *words = xstrdup(header);
	AUTO_FREE char *password = in->password == NULL ? NULL : xstrdup(in->password);
	EVP_CIPHER_INFO cipher;
	unsigned char *copy = OPENSSL_memdup(der, (size_t)len);
	long n = len;
	EVP_PKEY *key = NULL;

	if (password != NULL && copy != NULL &&
	    PEM_get_EVP_CIPHER_INFO(words, &cipher) == 1 &&
	    PEM_do_header(&cipher, copy, &n, give_password, password) == 1)
		key = decode(copy, n);
	ERR_clear_error();
	OPENSSL_clear_free(copy, (size_t)len);
	if (password != NULL)
		OPENSSL_cleanse(password, strlen(password));
	if (key != NULL)
		add(in, input, key, "traditional, encrypted");
	else
		add_sealed(in, input, "traditional, encrypted");
}
