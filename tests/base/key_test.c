/* key: keys are what was asked for, survive being written, and compare by what is public. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"

static const struct row {
	const char *word;
	enum key_type type;
	int strength;
	const char *digest;
} rows[] = {
	{ "ecdsa-p256", KEY_ECDSA_P256, 128, "SHA256" },
	{ "ecdsa-p384", KEY_ECDSA_P384, 192, "SHA384" },
	{ "rsa-2048", KEY_RSA_2048, 112, "SHA256" },
	{ "rsa-3072", KEY_RSA_3072, 128, "SHA256" },
	{ "ed25519", KEY_ED25519, 128, NULL },
};

static void a_key_is_what_was_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_KEY EVP_PKEY *key = NULL;
		const EVP_MD *digest;
		struct err e;

		assert_int_equal(key_type_called(rows[i].word), rows[i].type);
		assert_string_equal(key_type_word(rows[i].type), rows[i].word);
		assert_int_equal(key_strength(rows[i].type), rows[i].strength);
		assert_int_equal(key_make(rows[i].type, &key, &e), 0);
		if (key_type_of(key) != rows[i].type)
			fail_msg("%s: made something else", rows[i].word);
		assert_int_equal(EVP_PKEY_get_security_bits(key), rows[i].strength);
		digest = key_digest(key);
		if (rows[i].digest == NULL)
			assert_null(digest);
		else
			assert_true(EVP_MD_is_a(digest, rows[i].digest));
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void a_public_key_is_written_as_openssl_writes_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509_PUBKEY *spki = X509_PUBKEY_new();
		AUTO_KEY EVP_PKEY *key = NULL;
		AUTO_BUF struct buf der = { 0 };
		unsigned char *want = NULL;
		struct err e;
		int len;

		assert_int_equal(key_make(rows[i].type, &key, &e), 0);
		assert_int_equal(key_to_spki(key, &der, &e), 0);
		len = i2d_PUBKEY(key, &want);
		if ((size_t)len != der.len || memcmp(der.data, want, der.len) != 0)
			fail_msg("%s: other bytes", rows[i].word);
		if (key_put_point(key, spki) != EVP_PKEY_is_a(key, "EC"))
			fail_msg("%s: a point or none", rows[i].word);
		OPENSSL_free(want);
		X509_PUBKEY_free(spki);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void words_that_are_no_type_are_none(void **state)
{
	EVP_PKEY *key = NULL;
	struct err e;

	(void)state;
	assert_int_equal(key_type_called("rsa-1024"), KEY_NONE);
	assert_int_equal(key_type_called(""), KEY_NONE);
	assert_int_equal(key_type_called("ECDSA-P256"), KEY_NONE);
	assert_null(key_type_word(KEY_NONE));
	assert_int_equal(key_make(KEY_NONE, &key, &e), ERR_CONFIG);
	assert_null(key);
}

static void a_key_survives_being_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_KEY EVP_PKEY *key = NULL, *read = NULL, *half = NULL;
		AUTO_BUF struct buf pem = { 0 }, spki = { 0 };
		struct err e;

		assert_int_equal(key_make(rows[i].type, &key, &e), 0);
		assert_int_equal(key_to_pem(key, &pem, &e), 0);
		assert_non_null(strstr(pem.data, "-----BEGIN PRIVATE KEY-----"));
		assert_int_equal(key_from_pem(pem.data, pem.len, &read, &e), 0);
		assert_true(key_same_public(key, read));
		assert_int_equal(key_to_spki(key, &spki, &e), 0);
		assert_int_equal(key_from_spki(spki.data, spki.len, &half, &e), 0);
		assert_true(key_same_public(key, half));
		assert_int_equal(key_type_of(half), rows[i].type);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void different_keys_are_different(void **state)
{
	AUTO_KEY EVP_PKEY *a = NULL, *b = NULL, *c = NULL;
	struct err e;

	(void)state;
	assert_int_equal(key_make(KEY_ECDSA_P256, &a, &e), 0);
	assert_int_equal(key_make(KEY_ECDSA_P256, &b, &e), 0);
	assert_int_equal(key_make(KEY_ED25519, &c, &e), 0);
	assert_false(key_same_public(a, b));
	assert_false(key_same_public(a, c));
	assert_int_equal(ERR_peek_error(), 0);
}

/* Sizes and curves that we do not make are read, and known as none of ours. */
static void kinds_that_we_do_not_make_are_none(void **state)
{
	AUTO_KEY EVP_PKEY *p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	AUTO_KEY EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	AUTO_KEY EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

	(void)state;
	assert_int_equal(key_type_of(p521), KEY_NONE);
	assert_int_equal(key_type_of(rsa), KEY_NONE);
	assert_int_equal(key_type_of(x25519), KEY_NONE);
	assert_int_equal(ERR_peek_error(), 0);
}

/* = RFC 5480 2.1.1 "implicitCurve and specifiedCurve MUST NOT be used in PKIX." */
static void a_curve_spelled_out_is_not_a_named_one(void **state)
{
	AUTO_KEY EVP_PKEY *key = NULL, *read = NULL;
	AUTO_BUF struct buf spki = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(key_make(KEY_ECDSA_P256, &key, &e), 0);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key,
							OSSL_PKEY_PARAM_EC_ENCODING,
							"explicit"),
			 1);
	assert_int_equal(key_to_spki(key, &spki, &e), 0);
	assert_int_equal(key_from_spki(spki.data, spki.len, &read, &e), 0);
	assert_int_equal(key_type_of(read), KEY_NONE);
}

static void a_key_in_an_older_form_is_read(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_RSA_2048 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		AUTO_KEY EVP_PKEY *key = NULL;
		AUTO_KEY EVP_PKEY *read = NULL;
		BIO *bio = BIO_new(BIO_s_mem());
		char *data;
		struct err e;
		long len;

		assert_int_equal(key_make(types[i], &key, &e), 0);
		BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
			      "-----END EC PARAMETERS-----\n");
		assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL,
								      NULL, 0, NULL,
								      NULL),
				 1);
		len = BIO_get_mem_data(bio, &data);
		assert_int_equal(key_from_pem(data, (size_t)len, &read, &e), 0);
		assert_true(key_same_public(key, read));
		BIO_free(bio);
	}
}

static void what_is_no_private_key_is_refused(void **state)
{
	static char large[LIMIT_KEY_BYTES + 1];
	AUTO_BUF struct buf pem = { 0 };
	AUTO_KEY EVP_PKEY *key = NULL;
	EVP_PKEY *read = NULL;
	struct err e;

	(void)state;
	assert_int_equal(key_from_pem("", 0, &read, &e), ERR_PROTO);
	assert_int_equal(key_from_pem("rubbish", 7, &read, &e), ERR_PROTO);
	assert_int_equal(key_from_pem(large, sizeof(large), &read, &e), ERR_LIMIT);
	assert_int_equal(key_make(KEY_ECDSA_P256, &key, &e), 0);
	assert_int_equal(key_to_pem(key, &pem, &e), 0);
	assert_int_equal(key_from_pem(pem.data, pem.len / 2, &read, &e), ERR_PROTO);
	assert_null(read);
	assert_int_equal(ERR_peek_error(), 0);
}

static void an_encrypted_key_is_refused_and_nobody_is_asked(void **state)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	EVP_PKEY *read = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char word[] = "secret", *data;
	struct err e;
	long len;

	(void)state;
	assert_int_equal(key_make(KEY_ECDSA_P256, &key, &e), 0);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(),
						       word, 6, NULL, NULL),
			 1);
	len = BIO_get_mem_data(bio, &data);
	assert_int_equal(key_from_pem(data, (size_t)len, &read, &e), ERR_PROTO);
	assert_null(read);
	BIO_free(bio);
}

static void what_is_no_public_key_is_refused(void **state)
{
	static char large[LIMIT_KEY_BYTES + 1];
	AUTO_BUF struct buf spki = { 0 };
	AUTO_KEY EVP_PKEY *key = NULL;
	EVP_PKEY *read = NULL;
	struct err e;

	(void)state;
	assert_int_equal(key_make(KEY_ECDSA_P256, &key, &e), 0);
	assert_int_equal(key_to_spki(key, &spki, &e), 0);
	assert_int_equal(key_from_spki(large, sizeof(large), &read, &e), ERR_LIMIT);
	assert_int_equal(key_from_spki("", 0, &read, &e), ERR_PROTO);
	assert_int_equal(key_from_spki(spki.data, spki.len - 1, &read, &e), ERR_PROTO);
	buf_add(&spki, "", 1);
	assert_int_equal(key_from_spki(spki.data, spki.len, &read, &e), ERR_PROTO);
	assert_string_equal(e.text, "public key: bytes after its end");
	assert_null(read);
}

static void an_openssl_failure_is_one_line_and_leaves_nothing_behind(void **state)
{
	struct err e;

	(void)state;
	ERR_raise_data(ERR_LIB_PEM, PEM_R_NO_START_LINE, "Expecting: %s", "X");
	ERR_raise(ERR_LIB_PEM, PEM_R_BAD_END_LINE);
	assert_int_equal(key_openssl_err(&e, ERR_PROTO, "read %s", "it"), ERR_PROTO);
	assert_string_equal(e.text, "read it: no start line (Expecting: X)");
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(key_openssl_err(&e, ERR_SYS, "again"), ERR_SYS);
	assert_string_equal(e.text, "again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_what_was_asked_for),
		cmocka_unit_test(a_public_key_is_written_as_openssl_writes_it),
		cmocka_unit_test(words_that_are_no_type_are_none),
		cmocka_unit_test(a_key_survives_being_written),
		cmocka_unit_test(different_keys_are_different),
		cmocka_unit_test(kinds_that_we_do_not_make_are_none),
		cmocka_unit_test(a_curve_spelled_out_is_not_a_named_one),
		cmocka_unit_test(a_key_in_an_older_form_is_read),
		cmocka_unit_test(what_is_no_private_key_is_refused),
		cmocka_unit_test(an_encrypted_key_is_refused_and_nobody_is_asked),
		cmocka_unit_test(what_is_no_public_key_is_refused),
		cmocka_unit_test(
		    an_openssl_failure_is_one_line_and_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
