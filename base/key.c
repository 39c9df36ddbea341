#include "base/key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define POINT_MAX 97 /* bytes: of P-384, not compressed */

#define AUTO_BIO __attribute__((cleanup(bio_done)))

/* How each type is made, and how it is known again. */
static const struct kind {
	const char *word;
	const char *algorithm; /* OpenSSL's name */
	int curve;             /* EC only: its NID */
	int bits;              /* RSA only */
	int strength;
} kinds[KEY_TYPES] = {
	[KEY_ECDSA_P256] = { "ecdsa-p256", "EC", NID_X9_62_prime256v1, 0, 128 },
	[KEY_ECDSA_P384] = { "ecdsa-p384", "EC", NID_secp384r1, 0, 192 },
	[KEY_RSA_2048] = { "rsa-2048", "RSA", NID_undef, 2048, 112 },
	[KEY_RSA_3072] = { "rsa-3072", "RSA", NID_undef, 3072, 128 },
	[KEY_RSA_4096] = { "rsa-4096", "RSA", NID_undef, 4096, 152 },
	[KEY_ED25519] = { "ed25519", "ED25519", NID_undef, 0, 128 },
};

static void bio_done(BIO **bio)
{
	BIO_free(*bio);
}

/* One block of a PEM file. */
struct block {
	char *label;
	char *header;
	unsigned char *der;
	long len;
};

static void block_done(struct block *b)
{
	OPENSSL_free(b->label);
	OPENSSL_free(b->header);
	OPENSSL_clear_free(b->der, (size_t)b->len);
}

#define AUTO_BLOCK __attribute__((cleanup(block_done)))

int key_openssl_err(struct err *e, int code, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX / 2];
	const char *data = NULL, *reason;
	unsigned long first;
	int flags = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	first = ERR_get_error_all(NULL, NULL, NULL, &data, &flags); /* the innermost */
	if (first == 0)
		return err_set(e, code, "%s", what);
	reason = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
					 : ERR_reason_error_string(first);
	if (reason == NULL)
		reason = "OpenSSL gives no reason";
	if ((flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != '\0')
		err_set(e, code, "%s: %s (%s)", what, reason, data);
	else
		err_set(e, code, "%s: %s", what, reason);
	ERR_clear_error();
	return code;
}

/* As CRYPTO_malloc(3) and its like, where there is nothing to be had for nothing. */
static void *get(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size == 0 ? NULL : xmalloc(size);
}

static void let_go(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void *resize(void *p, size_t size, const char *file, int line)
{
	if (size > 0)
		return xresize(p, size);
	let_go(p, file, line);
	return NULL;
}

void key_openssl_begin(void)
{
	CRYPTO_set_mem_functions(get, resize, let_go);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

const char *key_type_word(enum key_type type)
{
	return kinds[type].word;
}

enum key_type key_type_called(const char *word)
{
	for (enum key_type t = KEY_NONE + 1; t < KEY_TYPES; t++)
		if (strcmp(word, kinds[t].word) == 0)
			return t;
	return KEY_NONE;
}

int key_strength(enum key_type type)
{
	return kinds[type].strength;
}

bool key_takes_long(enum key_type type)
{
	return kinds[type].bits != 0;
}

static EVP_PKEY *generate(const struct kind *k)
{
	if (k->curve != NID_undef)
		return EVP_PKEY_Q_keygen(NULL, NULL, k->algorithm,
					 OBJ_nid2sn(k->curve));
	if (k->bits != 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, k->algorithm, (size_t)k->bits);
	return EVP_PKEY_Q_keygen(NULL, NULL, k->algorithm);
}

int key_make(enum key_type type, EVP_PKEY **key, struct err *e)
{
	EVP_PKEY *made;

	if (kinds[type].word == NULL)
		return err_set(e, ERR_CONFIG, "make key: no such type");
	made = generate(&kinds[type]);
	if (made == NULL)
		return key_openssl_err(e, ERR_SYS, "make %s key", kinds[type].word);
	*key = made;
	return 0;
}

/* A curve spelled out in parameters is not a named curve, even if they are the same.
 * = RFC 5480 2.1.1 "implicitCurve and specifiedCurve MUST NOT be used in PKIX." */
static enum key_type ec_type_of(const EVP_PKEY *key)
{
	char name[64] = "", encoding[16] = "";
	size_t len;

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name,
					   sizeof(name), &len) != 1 ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding,
					   sizeof(encoding), &len) != 1 ||
	    strcmp(encoding, "named_curve") != 0)
		return KEY_NONE;
	for (enum key_type t = KEY_ECDSA_P256; t <= KEY_ECDSA_P384; t++)
		if (strcmp(name, OBJ_nid2sn(kinds[t].curve)) == 0)
			return t;
	return KEY_NONE;
}

enum key_type key_type_of(const EVP_PKEY *key)
{
	enum key_type type = KEY_NONE;

	if (EVP_PKEY_is_a(key, "EC") == 1)
		type = ec_type_of(key);
	else if (EVP_PKEY_is_a(key, "ED25519") == 1)
		type = KEY_ED25519;
	else if (EVP_PKEY_is_a(key, "RSA") == 1)
		for (enum key_type t = KEY_RSA_2048; t <= KEY_RSA_4096; t++)
			if (EVP_PKEY_get_bits(key) == kinds[t].bits)
				type = t;
	ERR_clear_error(); /* of the parameters that this kind of key does not have */
	return type;
}

bool key_same_public(const EVP_PKEY *a, const EVP_PKEY *b)
{
	bool same = EVP_PKEY_eq(a, b) == 1;

	ERR_clear_error(); /* two kinds of key are a reason to OpenSSL, not to us */
	return same;
}

const EVP_MD *key_digest(const EVP_PKEY *key)
{
	enum key_type type = key_type_of(key);

	if (type == KEY_ED25519)
		return NULL;
	return type == KEY_ECDSA_P384 ? EVP_sha384() : EVP_sha256();
}

int key_to_pem(const EVP_PKEY *key, struct buf *pem, struct err *e)
{
	AUTO_BIO BIO *bio = BIO_new(BIO_s_mem()); /* cleanses what it frees */
	char *data;
	long len;

	if (bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "write private key");
	len = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)len);
	return 0;
}

/* What PKCS#8 calls the algorithm of the key in it; NULL if it is something else. */
static const char *algorithm_in(const char *label, const unsigned char *der, long len,
				char name[80])
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	const ASN1_OBJECT *algorithm;
	const char *found = NULL;

	if (strcmp(label, PEM_STRING_PKCS8INF) == 0)
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, len);
	if (info != NULL && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1 &&
	    OBJ_obj2txt(name, 80, algorithm, 0) > 0)
		found = name;
	PKCS8_PRIV_KEY_INFO_free(info);
	return found;
}

/* OpenSSL tries a decoder for every kind of key that there is, which takes four times
 * as long, unless it is told the kind. */
static EVP_PKEY *decode(const struct block *b)
{
	const unsigned char *at = b->der;
	size_t left = (size_t)b->len;
	char name[80];
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *ctx;

	if (b->header[0] != '\0' || strcmp(b->label, PEM_STRING_PKCS8) == 0)
		return NULL; /* encrypted */
	ctx =
	    OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL,
					  algorithm_in(b->label, b->der, b->len, name),
					  EVP_PKEY_KEYPAIR, NULL, NULL);
	if (ctx != NULL && OSSL_DECODER_from_data(ctx, &at, &left) != 1)
		key = NULL;
	OSSL_DECODER_CTX_free(ctx);
	return key;
}

/* The first private key; parameters of its curve may stand before it. */
static int next_key(BIO *bio, struct block *b)
{
	static const char what[] = "PRIVATE KEY";
	size_t len;

	do {
		block_done(b);
		*b = (struct block){ .label = NULL };
		if (PEM_read_bio(bio, &b->label, &b->header, &b->der, &b->len) != 1)
			return 0;
		len = strlen(b->label);
	} while (len < strlen(what) ||
		 strcmp(b->label + len - strlen(what), what) != 0);
	return 1;
}

int key_from_pem(const void *pem, size_t len, EVP_PKEY **key, struct err *e)
{
	AUTO_BIO BIO *bio = NULL;
	AUTO_BLOCK struct block b = { .label = NULL };
	EVP_PKEY *read = NULL;

	if (len > LIMIT_KEY_BYTES)
		return err_set(e, ERR_LIMIT, "private key: %zu bytes, more than %d",
			       len, LIMIT_KEY_BYTES);
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio != NULL && next_key(bio, &b))
		read = decode(&b);
	if (read == NULL)
		return key_openssl_err(e, ERR_PROTO, "read private key");
	ERR_clear_error(); /* of decoders that were tried and did not fit */
	*key = read;
	return 0;
}

bool key_put_point(const EVP_PKEY *key, X509_PUBKEY *spki)
{
	const int curve = kinds[key_type_of(key)].curve;
	unsigned char room[POINT_MAX], *point = NULL;
	size_t len;

	if (curve != NID_undef &&
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
					    room, sizeof(room), &len) == 1)
		point = OPENSSL_memdup(room, len);
	if (point != NULL &&
	    X509_PUBKEY_set0_param(spki, OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
				   V_ASN1_OBJECT, OBJ_nid2obj(curve), point,
				   (int)len) == 1)
		return true;
	OPENSSL_free(point);
	return false;
}

static int point_to_der(const EVP_PKEY *key, unsigned char **der)
{
	X509_PUBKEY *spki = X509_PUBKEY_new();
	int len = 0;

	if (spki != NULL && key_put_point(key, spki))
		len = i2d_X509_PUBKEY(spki, der);
	X509_PUBKEY_free(spki);
	return len;
}

int key_to_spki(const EVP_PKEY *key, struct buf *der, struct err *e)
{
	unsigned char *data = NULL;
	int len = point_to_der(key, &data);

	if (len <= 0)
		len = i2d_PUBKEY(key, &data);
	if (len <= 0)
		return key_openssl_err(e, ERR_SYS, "write public key");
	buf_add(der, data, (size_t)len);
	OPENSSL_free(data);
	return 0;
}

int key_from_spki(const void *der, size_t len, EVP_PKEY **key, struct err *e)
{
	const unsigned char *at = der, *end = at + len;
	AUTO_KEY EVP_PKEY *read = NULL;

	if (len > LIMIT_KEY_BYTES)
		return err_set(e, ERR_LIMIT, "public key: %zu bytes, more than %d", len,
			       LIMIT_KEY_BYTES);
	read = d2i_PUBKEY(NULL, &at, (long)len);
	if (read == NULL)
		return key_openssl_err(e, ERR_PROTO, "read public key");
	if (at != end)
		return err_set(e, ERR_PROTO, "public key: bytes after its end");
	ERR_clear_error();
	*key = read;
	read = NULL;
	return 0;
}
