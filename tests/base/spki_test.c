/* spki: the public key of a certificate is found where it stands, whatever is around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/spki.h"
#include "base/x509.h"
#include "tests/help/certs.h"

static X509 *make(EVP_PKEY *key)
{
	return certs_make(&(struct cert_plan){ .subject = "leaf",
					       .key = key,
					       .from = 1800000000,
					       .to = 1900000000,
					       .names = "DNS:example.org" });
}

static void put_pem(const char *what, const void *der, size_t len, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long n;

	assert_true(PEM_write_bio(bio, what, "", der, (long)len) > 0);
	n = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)n);
	BIO_free(bio);
}

static void that_of_a_request_is_the_key_it_is_signed_by(void **state)
{
	static const struct name name = { NAME_DNS, "example.org" };
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_RSA_2048);
	AUTO_BUF struct buf made = { 0 }, pem = { 0 }, der = { 0 };
	AUTO_BUF struct buf want = { 0 }, got = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(csr_make(key, &name, 1, &made, &e), 0);
	put_pem(PEM_STRING_X509_REQ, made.data, made.len, &pem);
	assert_int_equal(key_to_spki(key, &want, &e), 0);
	assert_int_equal(spki_of_csr(pem.data, pem.len, &der, &got, &e), 0);
	assert_int_equal(der.len, made.len);
	assert_memory_equal(der.data, made.data, made.len);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	/* a certificate is none, and what is cut off neither */
	assert_int_equal(spki_of_pem(pem.data, pem.len, &got, &e), ERR_PROTO);
	buf_done(&pem);
	buf_done(&der);
	put_pem(PEM_STRING_X509_REQ, made.data, 30, &pem);
	assert_int_equal(spki_of_csr(pem.data, pem.len, &der, &got, &e), ERR_PROTO);
}

static void it_is_the_key_of_the_first_certificate(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_ECDSA_P384,
					       KEY_RSA_2048, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		AUTO_KEY EVP_PKEY *key = certs_key(types[i]);
		AUTO_KEY EVP_PKEY *other = certs_key(KEY_ECDSA_P256);
		AUTO_X509 X509 *cert = make(key), *second = make(other);
		AUTO_BUF struct buf pem = { 0 }, want = { 0 }, got = { 0 };
		struct err e;

		assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
		assert_int_equal(x509_to_pem(second, &pem, &e), 0);
		assert_int_equal(key_to_spki(key, &want, &e), 0);
		assert_int_equal(spki_of_pem(pem.data, pem.len, &got, &e), 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
	}
}

/* Version 1 has no field for its version (RFC 5280 4.1.2.1). */
static void a_certificate_of_version_1_has_one_as_well(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert = X509_new();
	AUTO_BUF struct buf pem = { 0 }, want = { 0 }, got = { 0 };
	struct err e;

	(void)state;
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	assert_int_equal(key_to_spki(key, &want, &e), 0);
	assert_int_equal(spki_of_pem(pem.data, pem.len, &got, &e), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
}

/* Cut off at any byte it ends before its key, or says that it is longer than it is. */
static void half_a_certificate_is_none(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert = make(key);
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(x509_to_der(cert, &der, &e), 0);
	for (size_t len = 1; len < der.len; len++) {
		AUTO_BUF struct buf pem = { 0 }, got = { 0 };

		put_pem(PEM_STRING_X509, der.data, len, &pem);
		if (spki_of_pem(pem.data, pem.len, &got, &e) != ERR_PROTO ||
		    got.len != 0)
			fail_msg("%zu bytes of %zu pass", len, der.len);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void what_is_no_certificate_has_none(void **state)
{
	static const struct row {
		const char *name, *der;
		size_t len;
	} rows[] = {
		{ "a number", "\x02\x01\x05", 3 },
		{ "an endless sequence", "\x30\x80\x00\x00", 4 },
		{ "an empty one", "\x30\x00", 2 },
		{ "a length of 127 bytes", "\x30\xff\x01", 3 },
		{ "longer than there is", "\x30\x84\x7f\xff\xff\xff\x30\x00", 8 },
	};
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf pem = { 0 };

		put_pem(PEM_STRING_X509, rows[i].der, rows[i].len, &pem);
		if (spki_of_pem(pem.data, pem.len, &got, &e) != ERR_PROTO)
			fail_msg("%s: passes", rows[i].name);
	}
	assert_int_equal(spki_of_pem("junk", 4, &got, &e), ERR_PROTO);
	assert_int_equal(spki_of_pem("", 0, &got, &e), ERR_PROTO);
	assert_int_equal(spki_of_pem("", LIMIT_CHAIN_BYTES + 1, &got, &e), ERR_LIMIT);
	assert_int_equal(got.len, 0);
	assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(that_of_a_request_is_the_key_it_is_signed_by),
		cmocka_unit_test(it_is_the_key_of_the_first_certificate),
		cmocka_unit_test(a_certificate_of_version_1_has_one_as_well),
		cmocka_unit_test(half_a_certificate_is_none),
		cmocka_unit_test(what_is_no_certificate_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
