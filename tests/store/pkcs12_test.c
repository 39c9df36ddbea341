/* pkcs12: what is in the file, and for whom it opens. */
#include "tests/scratch.h"

#include <stdbool.h>

#include <openssl/pkcs12.h>

#include "base/err.h"
#include "base/x509.h"
#include "store/content.h"
#include "store/pkcs12.h"
#include "store/seal.h"
#include "tests/store/sets.h"

static void make(const struct set *set, enum content_p12 form, const char *password,
		 struct buf *out)
{
	const struct content content = { .kind = CONTENT_PKCS12,
					 .p12 = form,
					 .password = password };
	struct err e;

	if (content_render(set, &content, out, &e) < 0)
		fail_msg("%s", e.text);
}

/* All of it is one PKCS#12 object. */
static PKCS12 *read_back(const struct buf *b)
{
	const unsigned char *p = (const unsigned char *)b->data;
	PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)b->len);

	assert_non_null(p12);
	assert_ptr_equal(p, b->data + b->len);
	return p12;
}

static void same_cert(X509 *got, const struct buf *want)
{
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	assert_int_equal(x509_to_pem(got, &pem, &e), 0);
	assert_string_equal(pem.data, want->data);
}

static void expect_whole(const struct set *set, const struct buf *b,
			 const char *password)
{
	PKCS12 *p12 = read_back(b);
	AUTO_KEY EVP_PKEY *key = NULL, *want = NULL;
	AUTO_X509 X509 *leaf = NULL;
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct err e;
	int len = 0;

	assert_int_equal(key_from_pem(set->key.data, set->key.len, &want, &e), 0);
	assert_int_equal(PKCS12_parse(p12, password, &key, &leaf, &chain), 1);
	PKCS12_free(p12);
	assert_int_equal(EVP_PKEY_eq(key, want), 1);
	same_cert(leaf, &set->cert);
	assert_string_equal((const char *)X509_alias_get0(leaf, &len), set->name);
	assert_int_equal(sk_X509_num(chain), 1);
	same_cert(sk_X509_value(chain, 0), &set->chain);
}

static void each_form_holds_all_of_it(void **state)
{
	AUTO_SET struct set set = { 0 };

	(void)state;
	make_set(&set);
	for (enum content_p12 f = 0; f < CONTENT_P12_FORMS; f++) {
		AUTO_BUF struct buf got = { 0 };

		if (f == CONTENT_P12_PBMAC1 && !pkcs12_has_pbmac1())
			continue;
		make(&set, f, "correct", &got);
		expect_whole(&set, &got, "correct");
	}
}

static void a_set_without_a_chain_has_one_certificate(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	AUTO_X509 X509 *leaf = NULL;
	AUTO_KEY EVP_PKEY *key = NULL;
	STACK_OF(X509) *chain = NULL;
	PKCS12 *p12;

	(void)state;
	make_set(&set);
	buf_done(&set.chain);
	make(&set, CONTENT_P12_MODERN, "p", &got);
	p12 = read_back(&got);
	assert_int_equal(PKCS12_parse(p12, "p", &key, &leaf, &chain), 1);
	assert_true(sk_X509_num(chain) <= 0);
	sk_X509_free(chain);
	PKCS12_free(p12);
}

static void another_password_does_not_open_it(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	PKCS12 *p12;

	(void)state;
	make_set(&set);
	make(&set, CONTENT_P12_MODERN, "correct", &got);
	p12 = read_back(&got);
	assert_int_equal(PKCS12_verify_mac(p12, "corrects", -1), 0);
	assert_int_equal(PKCS12_verify_mac(p12, "correct", -1), 1);
	PKCS12_free(p12);
}

static void a_password_may_have_letters_of_any_script(void **state)
{
	AUTO_SET struct set set = { 0 };

	(void)state;
	make_set(&set);
	for (enum content_p12 f = 0; f < CONTENT_P12_FORMS; f += 2) {
		AUTO_BUF struct buf got = { 0 };

		make(&set, f, "z\xc3\xbcrich \xe6\x9d\xb1", &got);
		expect_whole(&set, &got, "z\xc3\xbcrich \xe6\x9d\xb1");
	}
}

static int mac_digest(const struct buf *b)
{
	PKCS12 *p12 = read_back(b);
	const X509_ALGOR *digest = NULL;
	const ASN1_OBJECT *which = NULL;
	int nid;

	PKCS12_get0_mac(NULL, &digest, NULL, NULL, p12);
	X509_ALGOR_get0(&which, NULL, NULL, digest);
	nid = OBJ_obj2nid(which);
	PKCS12_free(p12);
	return nid;
}

/* The salt and initial vector of the part with the certificates, as DER. */
static void put_cipher(const struct buf *b, struct buf *out)
{
	PKCS12 *p12 = read_back(b);
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	X509_ALGOR *algor = sk_PKCS7_value(safes, 0)->d.encrypted->enc_data->algorithm;
	unsigned char *der = NULL;
	int len = i2d_X509_ALGOR(algor, &der);

	assert_true(len > 0);
	buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	PKCS12_free(p12);
}

static int cipher_of(const struct buf *b)
{
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *p;
	X509_ALGOR *algor;
	int nid;

	put_cipher(b, &der);
	p = (const unsigned char *)der.data;
	algor = d2i_X509_ALGOR(NULL, &p, (long)der.len);
	nid = OBJ_obj2nid(algor->algorithm);
	X509_ALGOR_free(algor);
	return nid;
}

static void each_form_has_its_algorithms(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf modern = { 0 }, legacy = { 0 };

	(void)state;
	make_set(&set);
	make(&set, CONTENT_P12_MODERN, "p", &modern);
	assert_int_equal(cipher_of(&modern), NID_pbes2);
	assert_int_equal(mac_digest(&modern), NID_sha256);
	make(&set, CONTENT_P12_LEGACY, "p", &legacy);
	assert_int_equal(cipher_of(&legacy), NID_pbe_WithSHA1And3_Key_TripleDES_CBC);
	assert_int_equal(mac_digest(&legacy), NID_sha1);
}

static void pbmac1_is_there_or_refused(void **state)
{
	const struct content content = { .kind = CONTENT_PKCS12,
					 .p12 = CONTENT_P12_PBMAC1,
					 .password = "p" };
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	make_set(&set);
	if (pkcs12_has_pbmac1()) {
		make(&set, CONTENT_P12_PBMAC1, "p", &got);
		assert_string_equal(OBJ_nid2sn(mac_digest(&got)), "PBMAC1");
		return;
	}
	assert_int_equal(content_render(&set, &content, &got, &e), ERR_CONFIG);
	assert_non_null(strstr(e.text, "3.4"));
}

/* One salt for two plain texts would let
 * who has both files compare what they begin with. */
static void whatever_changes_the_salts_change_too(void **state)
{
	AUTO_SET struct set set = { 0 };
	struct buf salts[5] = { { 0 } };
	const char *password = "p";

	(void)state;
	make_set(&set);
	for (size_t i = 0; i < 5; i++) {
		AUTO_BUF struct buf got = { 0 };

		if (i == 1)
			set.name = "mail";
		if (i == 2)
			password = "q";
		if (i == 3)
			buf_puts(&set.chain, set.cert.data);
		if (i == 4)
			buf_done(&set.chain);
		make(&set, CONTENT_P12_MODERN, password, &got);
		put_cipher(&got, &salts[i]);
		for (size_t k = 0; k < i; k++)
			if (memcmp(salts[i].data, salts[k].data, salts[k].len) == 0)
				fail_msg("%zu and %zu", k, i);
	}
	for (size_t i = 0; i < 5; i++)
		buf_done(&salts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_holds_all_of_it),
		cmocka_unit_test(a_set_without_a_chain_has_one_certificate),
		cmocka_unit_test(another_password_does_not_open_it),
		cmocka_unit_test(a_password_may_have_letters_of_any_script),
		cmocka_unit_test(each_form_has_its_algorithms),
		cmocka_unit_test(pbmac1_is_there_or_refused),
		cmocka_unit_test(whatever_changes_the_salts_change_too),
	};

	return cmocka_run_group_tests_name("pkcs12", tests, NULL, NULL);
}
