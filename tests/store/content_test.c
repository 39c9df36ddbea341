/* content: what each kind holds, to the byte. */
#include "tests/scratch.h"

#include <stdbool.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "base/err.h"
#include "base/x509.h"
#include "store/content.h"
#include "tests/store/sets.h"

static void each_content_holds_its_parts_in_order(void **state)
{
	static const struct row {
		const char *name;
		struct content content;
		const char *holds; /* k key, c leaf, i chain, a anchors */
	} rows[] = {
		{ "fullchain", { .kind = CONTENT_FULLCHAIN }, "ci" },
		{ "cert", { .kind = CONTENT_CERT }, "c" },
		{ "chain", { .kind = CONTENT_CHAIN }, "i" },
		{ "key", { .kind = CONTENT_KEY }, "k" },
		{ "combined", { .kind = CONTENT_COMBINED }, "kci" },
		{ "combined, certificate first",
		  { .kind = CONTENT_COMBINED, .cert_first = true },
		  "cik" },
		{ "ca", { .kind = CONTENT_CA }, "a" },
	};
	AUTO_SET struct set set = { 0 };
	struct err e;

	(void)state;
	make_set(&set);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf got = { 0 }, want = { 0 };

		for (const char *p = rows[i].holds; *p != '\0'; p++) {
			const struct buf *b = *p == 'k'   ? &set.key
					      : *p == 'c' ? &set.cert
					      : *p == 'i' ? &set.chain
							  : &set.ca;

			buf_add(&want, b->data, b->len);
		}
		buf_puts(&got, "what was here before");
		if (content_render(&set, &rows[i].content, &got, &e) < 0 ||
		    strcmp(got.data, want.data) != 0)
			fail_msg("%s", rows[i].name);
	}
}

static void blocks_without_a_last_newline_do_not_run_together(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	buf_puts(&set.key, "key");
	buf_puts(&set.cert, "cert");
	buf_puts(&set.chain, "chain\n");
	assert_int_equal(content_render(&set,
					&(struct content){ .kind = CONTENT_COMBINED },
					&got, &e),
			 0);
	assert_string_equal(got.data, "key\ncert\nchain\n");
}

static void der_is_the_leaf_in_binary(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 }, pem = { 0 };
	AUTO_X509 X509 *cert = NULL;
	const unsigned char *p;
	struct err e;

	(void)state;
	make_set(&set);
	assert_int_equal(content_render(&set, &(struct content){ .kind = CONTENT_DER },
					&got, &e),
			 0);
	p = (const unsigned char *)got.data;
	cert = d2i_X509(NULL, &p, (long)got.len);
	assert_non_null(cert);
	assert_ptr_equal(p, got.data + got.len);
	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	assert_string_equal(pem.data, set.cert.data);
}

static EVP_PKEY *key_of(const struct set *set)
{
	EVP_PKEY *key = NULL;
	struct err e;

	assert_int_equal(key_from_pem(set->key.data, set->key.len, &key, &e), 0);
	return key;
}

static void ok(const struct set *set, const struct content *content, struct buf *out)
{
	struct err e;

	if (content_render(set, content, out, &e) < 0)
		fail_msg("%s", e.text);
}

static void a_traditional_key_has_the_older_form(void **state)
{
	static const struct row {
		enum key_type type;
		const char *begin;
	} rows[] = {
		{ KEY_ECDSA_P384, "-----BEGIN EC PRIVATE KEY-----\n" },
		{ KEY_RSA_2048, "-----BEGIN RSA PRIVATE KEY-----\n" },
	};
	const struct content content = { .kind = CONTENT_KEY,
					 .key = CONTENT_KEY_TRADITIONAL };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_SET struct set set = { 0 };
		AUTO_BUF struct buf got = { 0 };
		AUTO_KEY EVP_PKEY *want = NULL, *back = NULL;
		struct err e;

		make_set_of(rows[i].type, &set);
		want = key_of(&set);
		ok(&set, &content, &got);
		assert_memory_equal(got.data, rows[i].begin, strlen(rows[i].begin));
		assert_int_equal(key_from_pem(got.data, got.len, &back, &e), 0);
		assert_true(key_same_public(want, back));
	}
}

static void an_ed25519_key_has_no_traditional_form(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	make_set_of(KEY_ED25519, &set);
	assert_int_equal(content_render(&set,
					&(struct content){
					    .kind = CONTENT_COMBINED,
					    .key = CONTENT_KEY_TRADITIONAL },
					&got, &e),
			 ERR_CONFIG);
	assert_null(got.data);
}

static void a_key_in_der_is_pkcs8(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	AUTO_KEY EVP_PKEY *want = NULL, *back = NULL;
	PKCS8_PRIV_KEY_INFO *info;
	const unsigned char *p;

	(void)state;
	make_set(&set);
	want = key_of(&set);
	ok(&set, &(struct content){ .kind = CONTENT_KEY, .key = CONTENT_KEY_DER },
	   &got);
	p = (const unsigned char *)got.data;
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)got.len);
	assert_non_null(info);
	assert_ptr_equal(p, got.data + got.len);
	back = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	assert_true(key_same_public(want, back));
}

/* The key in `sealed`, or NULL if that is not the password. */
static EVP_PKEY *open_key(const struct buf *sealed, bool der, const char *password)
{
	BIO *bio = BIO_new_mem_buf(sealed->data, (int)sealed->len);
	char word[64];
	EVP_PKEY *key;

	snprintf(word, sizeof(word), "%s", password);
	key = der ? d2i_PKCS8PrivateKey_bio(bio, NULL, NULL, word)
		  : PEM_read_bio_PrivateKey(bio, NULL, NULL, word);
	BIO_free(bio);
	return key;
}

static void an_encrypted_key_opens_with_its_password_alone(void **state)
{
	static const enum content_key forms[] = { CONTENT_KEY_PKCS8, CONTENT_KEY_DER };
	AUTO_SET struct set set = { 0 };
	AUTO_KEY EVP_PKEY *want = NULL;

	(void)state;
	make_set(&set);
	want = key_of(&set);
	for (size_t i = 0; i < 2; i++) {
		const struct content content = { .kind = CONTENT_KEY,
						 .key = forms[i],
						 .password = "correct" };
		bool der = forms[i] == CONTENT_KEY_DER;
		AUTO_BUF struct buf got = { 0 };
		AUTO_KEY EVP_PKEY *back = NULL;

		ok(&set, &content, &got);
		if (!der)
			assert_memory_equal(got.data, "-----BEGIN ENCRYPTED", 20);
		assert_null(open_key(&got, der, "wrong"));
		back = open_key(&got, der, "correct");
		assert_true(back != NULL && key_same_public(want, back));
	}
}

static void what_is_encrypted_is_the_same_each_time(void **state)
{
	static const struct content contents[] = {
		{ .kind = CONTENT_KEY, .password = "p" },
		{ .kind = CONTENT_KEY, .key = CONTENT_KEY_DER, .password = "p" },
		{ .kind = CONTENT_COMBINED, .password = "p" },
		{ .kind = CONTENT_PKCS12, .password = "p" },
		{ .kind = CONTENT_PKCS12, .p12 = CONTENT_P12_LEGACY, .password = "p" },
	};
	AUTO_SET struct set set = { 0 };

	(void)state;
	make_set(&set);
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		AUTO_BUF struct buf one = { 0 }, two = { 0 };

		ok(&set, &contents[i], &one);
		ok(&set, &contents[i], &two);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.data, two.data, one.len);
	}
}

static void sds_is_one_secret_of_the_name_of_the_certificate(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };

	(void)state;
	set.name = "www";
	buf_puts(&set.key, "key\n");
	buf_puts(&set.cert, "cert\n");
	buf_puts(&set.chain, "chain\n");
	ok(&set, &(struct content){ .kind = CONTENT_SDS }, &got);
	assert_string_equal(
	    got.data,
	    "{\"resources\":[{\"@type\":\"type.googleapis.com/"
	    "envoy.extensions.transport_sockets.tls.v3.Secret\",\"name\":\"www\","
	    "\"tls_certificate\":{\"certificate_chain\":{\"inline_string\":"
	    "\"cert\\nchain\\n\"},\"private_key\":{\"inline_string\":\"key\\n\"}}}]}"
	    "\n");
}

static void what_cannot_be_rendered_is_a_matter_of_configuration(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(content_render(&set, &(struct content){ .kind = CONTENT_CA },
					&got, &e),
			 ERR_CONFIG);
	assert_null(got.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_content_holds_its_parts_in_order),
		cmocka_unit_test(blocks_without_a_last_newline_do_not_run_together),
		cmocka_unit_test(der_is_the_leaf_in_binary),
		cmocka_unit_test(a_traditional_key_has_the_older_form),
		cmocka_unit_test(an_ed25519_key_has_no_traditional_form),
		cmocka_unit_test(a_key_in_der_is_pkcs8),
		cmocka_unit_test(an_encrypted_key_opens_with_its_password_alone),
		cmocka_unit_test(what_is_encrypted_is_the_same_each_time),
		cmocka_unit_test(sds_is_one_secret_of_the_name_of_the_certificate),
		cmocka_unit_test(what_cannot_be_rendered_is_a_matter_of_configuration),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
