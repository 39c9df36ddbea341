/* jws: keys and signatures as the RFCs have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "acme/jws.h"
#include "base/err.h"
#include "base/key.h"
#include "tests/help/certs.h"
#include "tests/help/jose.h"

#define RSA_N                                                                          \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFF"   \
	"xuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_" \
	"RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQv"  \
	"RL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"  \
	"xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

static const enum key_type types[] = { KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_RSA_2048,
				       KEY_ED25519 };
static const char *const algs[] = { "ES256", "ES384", "RS256", "EdDSA" };

#define N_TYPES (sizeof(types) / sizeof(*types))

static EVP_PKEY *read_key(const char *jwk)
{
	json_t *j = json_loads(jwk, 0, NULL);
	EVP_PKEY *key = jose_key(j);

	json_decref(j);
	return key;
}

/* -- public keys -- */

/* The keys of RFC 7638 3.1, RFC 8037 A.2 and RFC 7515 A.3, members in order. */
static const struct vector {
	const char *jwk;
	const char *thumbprint; /* NULL: the RFC has none */
} vectors[] = {
	{ "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}",
	  "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
	{ "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
	  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	{ "{\"crv\":\"P-256\",\"kty\":\"EC\","
	  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	  NULL },
};

/* RFC 7638 3 [thumbprint] */
static void a_public_key_is_written_as_the_rfcs_write_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		AUTO_KEY EVP_PKEY *key = read_key(vectors[i].jwk);
		AUTO_BUF struct buf jwk = { 0 };
		AUTO_BUF struct buf thumbprint = { 0 };
		struct err e;

		assert_int_equal(jws_jwk(key, &jwk, &e), 0);
		assert_string_equal(jwk.data, vectors[i].jwk);
		assert_int_equal(jws_thumbprint(key, &thumbprint, &e), 0);
		if (vectors[i].thumbprint != NULL)
			assert_string_equal(thumbprint.data, vectors[i].thumbprint);
	}
}

/* RFC 7518 6.2.1.2: a coordinate with a leading zero byte, one key of 256 or so. */
static void a_coordinate_keeps_its_leading_zeros(void **state)
{
	bool seen = false;

	(void)state;
	for (int i = 0; i < 20000 && !seen; i++) {
		AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
		AUTO_KEY EVP_PKEY *back = NULL;
		AUTO_BUF struct buf jwk = { 0 };
		struct err e;

		assert_int_equal(jws_jwk(key, &jwk, &e), 0);
		if (strstr(jwk.data, "\"x\":\"AA") == NULL &&
		    strstr(jwk.data, "\"x\":\"AB") == NULL)
			continue;
		seen = true;
		back = read_key(jwk.data);
		assert_true(key_same_public(key, back));
	}
	assert_true(seen);
}

/* -- the judge -- */

static bool judge(const char *alg, EVP_PKEY *key, const char *input,
		  const char *signature)
{
	AUTO_BUF struct buf in = { 0 };
	AUTO_BUF struct buf bytes = jose_bytes(signature);

	buf_puts(&in, input);
	return jose_holds(alg, key, &in, &bytes);
}

/* RFC 7515 A.1 and A.3, RFC 8037 A.4: what follows is judged by functions that know
 * right from wrong. */
static void the_judge_of_these_tests_agrees_with_the_rfcs(void **state)
{
	static const char claims[] =
	    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
	    "bS9pc19yb290Ijp0cnVlfQ";
	AUTO_KEY EVP_PKEY *ed = read_key(vectors[1].jwk);
	AUTO_KEY EVP_PKEY *ec = read_key(vectors[2].jwk);
	AUTO_BUF struct buf key =
	    jose_bytes("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
		       "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
	AUTO_BUF struct buf mac =
	    jose_bytes("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	AUTO_BUF struct buf es = { 0 };
	AUTO_BUF struct buf hs = { 0 };
	static const char es_signature[] =
	    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJ"
	    "qPP3-Kg6NU1Q";

	(void)state;
	buf_printf(&es, "eyJhbGciOiJFUzI1NiJ9.%s", claims);
	assert_true(judge("ES256", ec, es.data, es_signature));
	es.data[0] ^= 1;
	assert_false(judge("ES256", ec, es.data, es_signature));
	assert_true(
	    judge("EdDSA", ed,
		  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGj"
		  "g5BhVsPt9g7sVvpAr_MuM0KAg"));
	buf_printf(&hs, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.%s", claims);
	assert_true(jose_mac_holds("HS256", &key, &hs, &mac));
}

/* -- signatures -- */

static void sign(const struct jws *j, const char *payload, struct jose *read)
{
	AUTO_BUF struct buf out = { 0 };
	struct err e;

	if (jws_sign(j, payload, &out, &e) < 0)
		fail_msg("%s", e.text);
	jose_read(read, out.data);
}

static void every_type_of_key_signs_with_its_algorithm(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		AUTO_KEY EVP_PKEY *key = certs_key(types[i]);
		AUTO_JOSE struct jose j;

		sign(&(struct jws){ key, "https://ca.example/a/1",
				    "https://ca.example/", "bm9uY2U" },
		     "{\"a\":\"b\"}", &j);
		assert_string_equal(jose_str(j.header, "alg"), algs[i]);
		assert_true(jose_verifies(&j, key));
		assert_string_equal(jose_str(j.payload, "a"), "b");
	}
}

/* RFC 7518 3.4 [es256]: one of r and s is short in one signature of 128. */
static void a_signature_keeps_its_leading_zeros(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	unsigned seen = 0;

	(void)state;
	for (int i = 0; i < 5000 && seen < 3; i++) {
		AUTO_JOSE struct jose j;

		sign(&(struct jws){ key, "https://ca.example/a/1",
				    "https://ca.example/", NULL },
		     "", &j);
		assert_int_equal(j.signature.len, 64);
		if (j.signature.data[0] != 0 && j.signature.data[32] != 0)
			continue;
		seen++;
		assert_true(jose_verifies(&j, key));
	}
	assert_int_equal(seen, 3);
}

/* RFC 8555 6.2: alg, nonce, url, and one of jwk and kid. */
static void a_header_names_the_key_once(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_JOSE struct jose by_kid;
	AUTO_JOSE struct jose by_jwk;
	AUTO_JOSE struct jose inner;

	(void)state;
	sign(&(struct jws){ key, "https://ca.example/a/1", "https://ca.example/o",
			    "bm9uY2U" },
	     "{}", &by_kid);
	assert_int_equal(json_object_size(by_kid.header), 4);
	assert_string_equal(jose_str(by_kid.header, "kid"), "https://ca.example/a/1");
	assert_string_equal(jose_str(by_kid.header, "url"), "https://ca.example/o");
	assert_string_equal(jose_str(by_kid.header, "nonce"), "bm9uY2U");
	sign(&(struct jws){ key, NULL, "https://ca.example/a", "bm9uY2U" }, "{}",
	     &by_jwk);
	assert_int_equal(json_object_size(by_jwk.header), 4);
	assert_non_null(json_object_get(by_jwk.header, "jwk"));
	assert_true(jose_verifies(&by_jwk, NULL));
	sign(&(struct jws){ key, NULL, "https://ca.example/k", NULL }, "{}", &inner);
	assert_int_equal(json_object_size(inner.header), 3);
}

static void a_token_is_compact_and_says_who_signs(void **state)
{
	static const char kid[] = "\"abc\"";

	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		AUTO_KEY EVP_PKEY *key = certs_key(types[i]);
		AUTO_BUF struct buf value = { 0 };
		AUTO_BUF struct buf token = { 0 };
		AUTO_JOSE struct jose read;
		struct err e;

		buf_puts(&value, kid);
		assert_int_equal(jws_compact(key, "kid", &value, "{\"sub\":\"x\"}",
					     &token, &e),
				 0);
		jose_read_compact(&read, token.data);
		assert_int_equal(json_object_size(read.header), 3);
		assert_string_equal(jose_str(read.header, "alg"), algs[i]);
		assert_string_equal(jose_str(read.header, "typ"), "JWT");
		assert_string_equal(jose_str(read.header, "kid"), "abc");
		assert_string_equal(jose_str(read.payload, "sub"), "x");
		assert_true(jose_verifies(&read, key));
	}
}

/* RFC 8555 6.3: the payload of POST-as-GET is nothing, which is not an empty object. */
static void an_empty_payload_is_empty(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_JOSE struct jose get;
	AUTO_JOSE struct jose answer;

	(void)state;
	sign(&(struct jws){ key, "https://ca.example/a/1", "https://ca.example/o",
			    "bg" },
	     "", &get);
	assert_null(get.payload);
	assert_true(jose_verifies(&get, key));
	sign(&(struct jws){ key, "https://ca.example/a/1", "https://ca.example/c",
			    "bg" },
	     "{}", &answer);
	assert_true(json_is_object(answer.payload));
}

/* RFC 8555 7.3.4: the account's JWK, MACed with the CA's key; no nonce. */
static void an_external_account_is_bound_by_each_mac(void **state)
{
	static const int bits[] = { 256, 384, 512 };
	static const char *const names[] = { "HS256", "HS384", "HS512" };
	AUTO_KEY EVP_PKEY *account = certs_key(KEY_ECDSA_P256);
	AUTO_BUF struct buf key = { 0 };

	(void)state;
	buf_puts(&key, "a key that the CA gave us for it");
	for (size_t i = 0; i < 3; i++) {
		const struct jws_eab eab = { "kid-1", "https://ca.example/new-account",
					     key.data, key.len, bits[i] };
		AUTO_BUF struct buf out = { 0 };
		AUTO_KEY EVP_PKEY *bound = NULL;
		AUTO_JOSE struct jose j;
		struct err e;

		assert_int_equal(jws_bind(&eab, account, &out, &e), 0);
		jose_read(&j, out.data);
		assert_int_equal(json_object_size(j.header), 3);
		assert_string_equal(jose_str(j.header, "alg"), names[i]);
		assert_string_equal(jose_str(j.header, "kid"), "kid-1");
		assert_string_equal(jose_str(j.header, "url"),
				    "https://ca.example/new-account");
		bound = jose_key(j.payload);
		assert_true(key_same_public(bound, account));
		assert_true(jose_mac_holds(names[i], &key, &j.input, &j.signature));
	}
}

static void a_key_of_another_kind_signs_nothing(void **state)
{
	AUTO_KEY EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	AUTO_BUF struct buf out = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(jws_sign(&(struct jws){ key, NULL, "https://ca.example/",
						 "bg" },
				  "{}", &out, &e),
			 ERR_CONFIG);
	assert_int_equal(jws_thumbprint(key, &out, &e), ERR_CONFIG);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_public_key_is_written_as_the_rfcs_write_it),
		cmocka_unit_test(a_coordinate_keeps_its_leading_zeros),
		cmocka_unit_test(the_judge_of_these_tests_agrees_with_the_rfcs),
		cmocka_unit_test(every_type_of_key_signs_with_its_algorithm),
		cmocka_unit_test(a_signature_keeps_its_leading_zeros),
		cmocka_unit_test(a_header_names_the_key_once),
		cmocka_unit_test(an_empty_payload_is_empty),
		cmocka_unit_test(a_token_is_compact_and_says_who_signs),
		cmocka_unit_test(an_external_account_is_bound_by_each_mac),
		cmocka_unit_test(a_key_of_another_kind_signs_nothing),
	};

	return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
