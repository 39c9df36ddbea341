#include "tests/help/jose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include "base/base64url.h"

struct buf jose_bytes(const char *text)
{
	struct buf out = { 0 };

	buf_puts(&out, "");
	if (!base64url_read(text, strlen(text), false, &out))
		fail_msg("\"%s\" is not base64url", text);
	return out;
}

const char *jose_str(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static json_t *read_part(const char *text)
{
	struct buf bytes = jose_bytes(text);
	json_t *j = json_loadb(bytes.data, bytes.len, JSON_REJECT_DUPLICATES, NULL);

	if (j == NULL)
		fail_msg("\"%s\" is not JSON", bytes.data);
	buf_done(&bytes);
	return j;
}

void jose_read(struct jose *j, const char *jws)
{
	json_t *all = json_loads(jws, JSON_REJECT_DUPLICATES, NULL);
	const char *header, *payload;

	if (all == NULL || json_object_size(all) != 3)
		fail_msg("not a flattened JWS: %s", jws);
	header = jose_str(all, "protected");
	payload = jose_str(all, "payload");
	*j = (struct jose){ .header = read_part(header) };
	if (*payload != '\0')
		j->payload = read_part(payload);
	buf_printf(&j->input, "%s.%s", header, payload);
	j->signature = jose_bytes(jose_str(all, "signature"));
	json_decref(all);
}

void jose_read_compact(struct jose *j, const char *token)
{
	const char *payload = strchr(token, '.');
	const char *signature = payload == NULL ? NULL : strchr(payload + 1, '.');
	struct buf json = { 0 };

	if (signature == NULL)
		fail_msg("not a compact JWS: %s", token);
	buf_printf(&json,
		   "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%s\"}",
		   (int)(payload - token), token, (int)(signature - payload - 1),
		   payload + 1, signature + 1);
	jose_read(j, json.data);
	buf_done(&json);
}

void jose_done(struct jose *j)
{
	json_decref(j->header);
	json_decref(j->payload);
	buf_done(&j->input);
	buf_done(&j->signature);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	struct buf x = jose_bytes(jose_str(jwk, "x"));
	struct buf y = jose_bytes(jose_str(jwk, "y"));
	struct buf point = { 0 };
	EVP_PKEY *key;

	assert_int_equal(x.len, y.len);
	buf_puts(&point, "\x04");
	buf_add(&point, x.data, x.len);
	buf_add(&point, y.data, y.len);
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
					jose_str(jwk, "crv"), 0);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data,
					 point.len);
	key = from_params("EC", build);
	buf_done(&x);
	buf_done(&y);
	buf_done(&point);
	return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	struct buf n = jose_bytes(jose_str(jwk, "n"));
	struct buf e = jose_bytes(jose_str(jwk, "e"));
	BIGNUM *modulus = BN_bin2bn((unsigned char *)n.data, (int)n.len, NULL);
	BIGNUM *exponent = BN_bin2bn((unsigned char *)e.data, (int)e.len, NULL);
	EVP_PKEY *key;

	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent);
	key = from_params("RSA", build);
	BN_free(modulus);
	BN_free(exponent);
	buf_done(&n);
	buf_done(&e);
	return key;
}

EVP_PKEY *jose_key(const json_t *jwk)
{
	const char *type = jose_str(jwk, "kty");
	struct buf x;
	EVP_PKEY *key;

	if (strcmp(type, "EC") == 0)
		return ec_key(jwk);
	if (strcmp(type, "RSA") == 0)
		return rsa_key(jwk);
	assert_string_equal(type, "OKP");
	assert_string_equal(jose_str(jwk, "crv"), "Ed25519");
	x = jose_bytes(jose_str(jwk, "x"));
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
					  (unsigned char *)x.data, x.len);
	buf_done(&x);
	assert_non_null(key);
	return key;
}

/* r and s as one number each, to what OpenSSL verifies. */
static struct buf der_of(const struct buf *raw)
{
	int half = (int)raw->len / 2;
	const unsigned char *at = (const unsigned char *)raw->data;
	ECDSA_SIG *s = ECDSA_SIG_new();
	struct buf out = { 0 };
	unsigned char *der = NULL;
	int len;

	ECDSA_SIG_set0(s, BN_bin2bn(at, half, NULL), BN_bin2bn(at + half, half, NULL));
	len = i2d_ECDSA_SIG(s, &der);
	assert_true(len > 0);
	buf_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	return out;
}

static bool verify(EVP_PKEY *key, const char *digest, const struct buf *input,
		   const struct buf *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool holds =
	    EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(ctx, (unsigned char *)signature->data, signature->len,
			     (unsigned char *)input->data, input->len) == 1;

	EVP_MD_CTX_free(ctx);
	return holds;
}

bool jose_holds(const char *alg, EVP_PKEY *key, const struct buf *input,
		const struct buf *signature)
{
	static const struct {
		const char *alg;
		const char *type;
		const char *digest;
		size_t halves;
	} rows[] = {
		{ "ES256", "EC", "SHA256", 64 },
		{ "ES384", "EC", "SHA384", 96 },
		{ "RS256", "RSA", "SHA256", 0 },
		{ "EdDSA", "ED25519", NULL, 0 },
	};
	struct buf der = { 0 };
	bool holds = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(alg, rows[i].alg) != 0 || !EVP_PKEY_is_a(key, rows[i].type))
			continue;
		if (rows[i].halves == 0)
			return verify(key, rows[i].digest, input, signature);
		if (signature->len != rows[i].halves)
			return false;
		der = der_of(signature);
		holds = verify(key, rows[i].digest, input, &der);
		buf_done(&der);
	}
	return holds;
}

bool jose_mac_holds(const char *alg, const struct buf *key, const struct buf *input,
		    const struct buf *mac)
{
	char digest[] = "SHA256";
	unsigned char expected[64];
	size_t len = 0;

	assert_true(strlen(alg) == 5 && strncmp(alg, "HS", 2) == 0);
	memcpy(digest + 3, alg + 2, 3);
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key->data, key->len,
				  (unsigned char *)input->data, input->len, expected,
				  sizeof(expected), &len));
	return len == mac->len && memcmp(expected, mac->data, len) == 0;
}

bool jose_verifies(const struct jose *j, EVP_PKEY *key)
{
	const json_t *jwk = json_object_get(j->header, "jwk");
	EVP_PKEY *own = jwk == NULL ? NULL : jose_key(jwk);
	bool holds = jose_holds(jose_str(j->header, "alg"), own == NULL ? key : own,
				&j->input, &j->signature);

	EVP_PKEY_free(own);
	return holds;
}
