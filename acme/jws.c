#include "acme/jws.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>

#include "base/base64url.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/key.h"

#define NUMBER_MAX    1024 /* RSA-8192: more than the types that we make */
#define SIGNATURE_MAX NUMBER_MAX

/* How each type of key signs, RFC 7518 3.1 and RFC 8037 3.1. */
static const struct algorithm {
	const char *name;
	const char *curve;
	size_t half; /* of the signature: bytes of r and of s; 0: it is not in two */
	const EVP_MD *(*digest)(void); /* NULL: of its own */
} algorithms[KEY_TYPES] = {
	[KEY_ECDSA_P256] = { "ES256", "P-256", 32, EVP_sha256 },
	[KEY_ECDSA_P384] = { "ES384", "P-384", 48, EVP_sha384 },
	[KEY_RSA_2048] = { "RS256", NULL, 0, EVP_sha256 },
	[KEY_RSA_3072] = { "RS256", NULL, 0, EVP_sha256 },
	[KEY_RSA_4096] = { "RS256", NULL, 0, EVP_sha256 },
	[KEY_ED25519] = { "EdDSA", "Ed25519", 0, NULL },
};

static int algorithm_of(const EVP_PKEY *key, enum key_type *type, struct err *e)
{
	*type = key_type_of(key);
	if (algorithms[*type].name == NULL)
		return err_set(e, ERR_CONFIG, "a key of a type that signs no JWS");
	return 0;
}

/* -- the public key -- */

static void put_bytes(struct json *j, const char *key, const void *data, size_t len)
{
	AUTO_BUF struct buf text = { 0 };

	base64url_add(&text, data, len);
	json_str(j, key, text.data == NULL ? "" : text.data);
}

/* `width` bytes, or as many as it needs with 0. */
static int put_number(struct json *j, const char *key, const EVP_PKEY *of,
		      const char *param, size_t width, struct err *e)
{
	unsigned char bytes[NUMBER_MAX];
	BIGNUM *n = NULL;
	int len = -1;

	if (EVP_PKEY_get_bn_param(of, param, &n) == 1 &&
	    (size_t)BN_num_bytes(n) <= sizeof(bytes))
		len = width == 0 ? BN_bn2bin(n, bytes)
				 : BN_bn2binpad(n, bytes, (int)width);
	BN_free(n);
	if (len <= 0)
		return key_openssl_err(e, ERR_SYS, "public key: %s", param);
	put_bytes(j, key, bytes, (size_t)len);
	return 0;
}

/* = RFC 7518 6.2.1.2 "The length of this octet string MUST be the full size of a
 * coordinate for the curve specified in the "crv" parameter." [coordinate] */
static int put_ec(struct json *j, const EVP_PKEY *key, const struct algorithm *a,
		  struct err *e)
{
	json_str(j, "crv", a->curve);
	json_str(j, "kty", "EC");
	TRY(put_number(j, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, a->half, e));
	return put_number(j, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, a->half, e);
}

static int put_rsa(struct json *j, const EVP_PKEY *key, struct err *e)
{
	TRY(put_number(j, "e", key, OSSL_PKEY_PARAM_RSA_E, 0, e));
	json_str(j, "kty", "RSA");
	return put_number(j, "n", key, OSSL_PKEY_PARAM_RSA_N, 0, e);
}

static int put_okp(struct json *j, const EVP_PKEY *key, const struct algorithm *a,
		   struct err *e)
{
	unsigned char x[32];
	size_t len = sizeof(x);

	if (EVP_PKEY_get_raw_public_key(key, x, &len) != 1)
		return key_openssl_err(e, ERR_SYS, "public key");
	json_str(j, "crv", a->curve);
	json_str(j, "kty", "OKP");
	put_bytes(j, "x", x, len);
	return 0;
}

/* = RFC 7638 3 "containing only the required members of a JWK representing the key and
 * with no whitespace or line breaks before or after any syntactic elements and with the
 * required members ordered lexicographically by the Unicode code points of the member
 * names" [thumbprint] */
int jws_jwk(const EVP_PKEY *key, struct buf *out, struct err *e)
{
	enum key_type type;
	struct json j;

	TRY(algorithm_of(key, &type, e));
	json_begin(&j, out);
	json_open(&j, NULL, '{');
	if (type == KEY_ED25519)
		TRY(put_okp(&j, key, &algorithms[type], e));
	else if (algorithms[type].half > 0)
		TRY(put_ec(&j, key, &algorithms[type], e));
	else
		TRY(put_rsa(&j, key, e));
	json_close(&j);
	json_end(&j);
	return 0;
}

int jws_thumbprint(const EVP_PKEY *key, struct buf *out, struct err *e)
{
	AUTO_BUF struct buf jwk = { 0 };
	unsigned char hash[32];

	TRY(jws_jwk(key, &jwk, e));
	if (EVP_Digest(jwk.data, jwk.len, hash, NULL, EVP_sha256(), NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "hash the public key");
	base64url_add(out, hash, sizeof(hash));
	return 0;
}

/* -- signatures -- */

/* = RFC 7518 3.4 "Turn R and S into octet sequences in big-endian order, with each array
 * being be 32 octets long. The octet sequence representations MUST NOT be shortened to
 * omit any leading zero octets contained in the values." [es256] */
static int put_halves(unsigned char *signature, size_t *len, size_t half, struct err *e)
{
	const unsigned char *at = signature;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)*len);
	bool ok = s != NULL &&
		  BN_bn2binpad(ECDSA_SIG_get0_r(s), signature, (int)half) == (int)half;

	ok = ok && BN_bn2binpad(ECDSA_SIG_get0_s(s), signature + half, (int)half) ==
		       (int)half;
	ECDSA_SIG_free(s);
	if (!ok)
		return key_openssl_err(e, ERR_SYS, "write the signature");
	*len = 2 * half;
	return 0;
}

static int sign(EVP_PKEY *key, const struct algorithm *a, const struct buf *input,
		unsigned char signature[SIGNATURE_MAX], size_t *len, struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *digest = a->digest == NULL ? NULL : a->digest();
	bool ok = ctx != NULL &&
		  EVP_DigestSignInit(ctx, NULL, digest, NULL, key) == 1 &&
		  EVP_DigestSign(ctx, signature, len,
				 (const unsigned char *)input->data, input->len) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return key_openssl_err(e, ERR_SYS, "sign");
	return a->half > 0 ? put_halves(signature, len, a->half, e) : 0;
}

/* -- the flattened JSON serialization, RFC 7515 7.2.2 -- */

/* What is signed (RFC 7515 5.1): header "." payload. *dot is where the header ends. */
static void put_input(struct buf *input, const struct buf *header, const char *payload,
		      size_t len, size_t *dot)
{
	base64url_add(input, header->data, header->len);
	*dot = input->len;
	buf_add(input, ".", 1);
	base64url_add(input, payload, len);
}

/* Ends `input`: its dot becomes the end of the first of two strings. */
static void put_jws(struct buf *out, struct buf *input, size_t dot,
		    const void *signature, size_t len)
{
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	input->data[dot] = '\0';
	json_str(&j, "protected", input->data);
	json_str(&j, "payload", input->data + dot + 1);
	put_bytes(&j, "signature", signature, len);
	json_close(&j);
	json_end(&j);
}

/* = RFC 8555 6.2 "The "jwk" and "kid" fields are mutually exclusive. Servers MUST reject
 * requests that contain both." [kid] */
static int put_header(const struct jws *j, const char *alg, struct buf *out,
		      struct err *e)
{
	AUTO_BUF struct buf jwk = { 0 };
	struct json h;

	if (j->kid == NULL)
		TRY(jws_jwk(j->key, &jwk, e));
	json_begin(&h, out);
	json_open(&h, NULL, '{');
	json_str(&h, "alg", alg);
	if (j->kid == NULL)
		json_document(&h, "jwk", &jwk);
	else
		json_str(&h, "kid", j->kid);
	if (j->nonce != NULL)
		json_str(&h, "nonce", j->nonce);
	json_str(&h, "url", j->url);
	json_close(&h);
	json_end(&h);
	return 0;
}

int jws_sign(const struct jws *j, const char *payload, struct buf *out, struct err *e)
{
	AUTO_BUF struct buf header = { 0 };
	AUTO_BUF struct buf input = { 0 };
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature), dot;
	enum key_type type;

	TRY(algorithm_of(j->key, &type, e));
	TRY(put_header(j, algorithms[type].name, &header, e));
	put_input(&input, &header, payload, strlen(payload), &dot);
	TRY(sign(j->key, &algorithms[type], &input, signature, &len, e));
	put_jws(out, &input, dot, signature, len);
	return 0;
}

/* -- the compact serialization -- */

int jws_compact(EVP_PKEY *key, const char *name, const struct buf *value,
		const char *payload, struct buf *out, struct err *e)
{
	AUTO_BUF struct buf header = { 0 };
	AUTO_BUF struct buf input = { 0 };
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature), dot;
	enum key_type type;
	struct json h;

	TRY(algorithm_of(key, &type, e));
	json_begin(&h, &header);
	json_open(&h, NULL, '{');
	json_str(&h, "alg", algorithms[type].name);
	json_str(&h, "typ", "JWT");
	json_document(&h, name, value);
	json_close(&h);
	json_end(&h);
	put_input(&input, &header, payload, strlen(payload), &dot);
	TRY(sign(key, &algorithms[type], &input, signature, &len, e));
	buf_add(out, input.data, input.len);
	buf_add(out, ".", 1);
	base64url_add(out, signature, len);
	return 0;
}

/* -- external accounts -- */

static void put_eab_header(const struct jws_eab *b, struct buf *out)
{
	char alg[sizeof("HS256")] = "HS256";
	struct json h;

	if (b->bits != 256)
		memcpy(alg + 2, b->bits == 384 ? "384" : "512", 3);
	json_begin(&h, out);
	json_open(&h, NULL, '{');
	json_str(&h, "alg", alg);
	json_str(&h, "kid", b->kid);
	json_str(&h, "url", b->url);
	json_close(&h);
	json_end(&h);
}

static const EVP_MD *digest_of(int bits)
{
	if (bits == 256)
		return EVP_sha256();
	return bits == 384 ? EVP_sha384() : EVP_sha512();
}

int jws_bind(const struct jws_eab *b, const EVP_PKEY *account, struct buf *out,
	     struct err *e)
{
	AUTO_BUF struct buf jwk = { 0 };
	AUTO_BUF struct buf header = { 0 };
	AUTO_BUF struct buf input = { 0 };
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t dot;

	TRY(jws_jwk(account, &jwk, e));
	put_eab_header(b, &header);
	put_input(&input, &header, jwk.data, jwk.len, &dot);
	if (HMAC(digest_of(b->bits), b->mac_key, (int)b->mac_key_len,
		 (const unsigned char *)input.data, input.len, mac, &len) == NULL)
		return key_openssl_err(e, ERR_SYS, "external account binding");
	put_jws(out, &input, dot, mac, len);
	return 0;
}
