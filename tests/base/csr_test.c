/* csr: the key and the names, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/x509.h"
#include "tests/help/certs.h"

static const struct name names[] = {
	{ NAME_DNS, "www.example.org" },
	{ NAME_DNS, "*.example.org" },
	{ NAME_IP, "192.0.2.7" },
	{ NAME_IP, "2001:db8::7" },
	{ NAME_EMAIL, "ops@example.org" },
	{ NAME_URI, "spiffe://example.org/web" },
	{ NAME_DNS, "xn--bcher-kva.example" },
};

#define N_NAMES (sizeof(names) / sizeof(*names))

static X509_REQ *make(EVP_PKEY *key, size_t n)
{
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at;
	X509_REQ *csr;
	struct err e;

	if (csr_make(key, names, n, &der, &e) < 0)
		fail_msg("%s", e.text);
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(csr);
	assert_ptr_equal(at, der.data + der.len);
	return csr;
}

/* RFC 8555 7.4: the names of the order, exactly. */
static void it_has_exactly_the_names_given(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	X509_REQ *csr = make(key, N_NAMES);
	struct name *got;
	size_t n;
	struct err e;

	(void)state;
	assert_int_equal(x509_csr_names(csr, &got, &n, &e), 0);
	assert_int_equal(n, N_NAMES);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(got[i].kind, names[i].kind);
		assert_string_equal(got[i].value, names[i].value);
	}
	x509_names_free(got, n);
	X509_REQ_free(csr);
}

static void it_says_nothing_else(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	X509_REQ *csr = make(key, N_NAMES);
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);

	(void)state;
	assert_int_equal(X509_REQ_get_version(csr), X509_REQ_VERSION_1);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(csr)), 0);
	assert_int_equal(X509_REQ_get_attr_count(csr), 1);
	assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(csr);
}

static void with_a_subject_it_is_the_first_name_that_can_be_one(void **state)
{
	static const char longest[] =
	    "a234567890123456789012345678901234567890123456789012345.example.x";
	static const struct {
		struct name names[2];
		const char *subject;
	} rows[] = {
		{ { { NAME_DNS, "a.example" }, { NAME_DNS, "b.example" } },
		  "CN=a.example" },
		{ { { NAME_EMAIL, "a@b.example" }, { NAME_IP, "192.0.2.7" } },
		  "CN=192.0.2.7" },
		{ { { NAME_DNS, longest }, { NAME_DNS, "b.example" } },
		  "CN=b.example" },
		{ { { NAME_DNS, longest }, { NAME_URI, "spiffe://x/y" } }, "" },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf der = { 0 };
		AUTO_CSR X509_REQ *csr = NULL;
		const unsigned char *at;
		X509_NAME *named;
		char *subject;
		struct err e;

		named = csr_subject(rows[i].names, 2);
		assert_int_equal(csr_make_as(key,
					     &(struct csr_asks){ .subject = named },
					     rows[i].names, 2, &der, &e),
				 0);
		X509_NAME_free(named);
		at = (const unsigned char *)der.data;
		csr = d2i_X509_REQ(NULL, &at, (long)der.len);
		assert_non_null(csr);
		assert_int_equal(X509_REQ_verify(csr, key), 1);
		subject = X509_NAME_oneline(X509_REQ_get_subject_name(csr), NULL, 0);
		assert_string_equal(subject[0] == '/' ? subject + 1 : subject,
				    rows[i].subject);
		OPENSSL_free(subject);
	}
}

static void every_type_of_key_signs_its_own(void **state)
{
	(void)state;
	for (enum key_type t = KEY_NONE + 1; t < KEY_TYPES; t++) {
		AUTO_KEY EVP_PKEY *key = t == KEY_RSA_3072 || t == KEY_RSA_4096
					     ? certs_key(KEY_RSA_2048)
					     : certs_key(t);
		X509_REQ *csr = make(key, 1);

		assert_true(key_same_public(X509_REQ_get0_pubkey(csr), key));
		assert_int_equal(X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)), 1);
		X509_REQ_free(csr);
	}
}

/* -- of others -- */

/* With `names` (as of X509V3 configuration) and a common name, in PEM; NULL: without. */
static void make_foreign(EVP_PKEY *key, const char *common, const char *sans,
			 struct buf *pem)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	AUTO_CSR X509_REQ *csr = X509_REQ_new();
	struct err e;

	if (common != NULL)
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr), "CN",
					   MBSTRING_UTF8, (const unsigned char *)common,
					   -1, -1, 0);
	if (sans != NULL) {
		sk_X509_EXTENSION_push(extensions,
				       X509V3_EXT_conf_nid(NULL, NULL,
							   NID_subject_alt_name, sans));
		X509_REQ_add_extensions(csr, extensions);
	}
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_set_pubkey(csr, key);
	assert_true(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
	assert_int_equal(csr_to_pem(csr, pem, &e), 0);
}

/* RFC 8555 7.4: in the common name, or among the SANs, or both. */
static void a_common_name_is_a_name_like_the_others(void **state)
{
	static const struct {
		const char *common, *sans, *want;
	} rows[] = {
		{ NULL, "DNS:a.example,DNS:b.example", "a.example b.example " },
		{ "C.Example", "DNS:a.example", "a.example c.example " },
		{ "A.example", "DNS:a.example", "a.example " },
		{ "*.a.example", NULL, "*.a.example " },
		{ "192.0.2.1", "IP:192.0.2.1", "192.0.2.1 " },
		{ NULL, NULL, NULL },
		{ "my server", "DNS:a.example", NULL },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf pem = { 0 }, got = { 0 };
		AUTO_CSR X509_REQ *csr = NULL;
		struct name *list;
		struct err e;
		size_t n;

		make_foreign(key, rows[i].common, rows[i].sans, &pem);
		assert_int_equal(csr_from_pem(pem.data, pem.len, &csr, &e), 0);
		if (rows[i].want == NULL) {
			assert_int_equal(csr_names(csr, &list, &n, &e), ERR_CONFIG);
			continue;
		}
		assert_int_equal(csr_names(csr, &list, &n, &e), 0);
		for (size_t k = 0; k < n; k++)
			buf_printf(&got, "%s ", list[k].value);
		assert_string_equal(got.data, rows[i].want);
		x509_names_free(list, n);
	}
}

static void what_its_key_has_not_signed_is_no_request(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *other = certs_key(KEY_ECDSA_P256);
	AUTO_BUF struct buf pem = { 0 }, long_pem = { 0 };
	AUTO_CSR X509_REQ *csr = X509_REQ_new(), *read = NULL;
	struct err e;

	(void)state;
	X509_REQ_set_pubkey(csr, key);
	assert_true(X509_REQ_sign(csr, other, EVP_sha256()) > 0);
	assert_int_equal(csr_to_pem(csr, &pem, &e), 0);
	assert_int_equal(csr_from_pem(pem.data, pem.len, &read, &e), ERR_TRUST);
	assert_int_equal(csr_from_pem("x", 1, &read, &e), ERR_CONFIG);
	while (long_pem.len <= LIMIT_CSR_BYTES)
		buf_puts(&long_pem, pem.data);
	assert_int_equal(csr_from_pem(long_pem.data, long_pem.len, &read, &e),
			 ERR_LIMIT);
	assert_null(read);
}

static void what_is_no_address_is_refused(void **state)
{
	static const struct name bad = { NAME_IP, "192.0.2" };
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(csr_make(key, &bad, 1, &der, &e), ERR_REFUSED);
	assert_int_equal(der.len, 0);
}

static void it_has_the_subject_that_is_given(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert =
	    certs_make(&(struct cert_plan){ .key = key, .subject = "www" });
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at;
	X509_REQ *csr;
	struct err e;

	(void)state;
	assert_int_equal(csr_make_as(key,
				     &(struct csr_asks){
					 .subject = X509_get_subject_name(cert) },
				     names, 1, &der, &e),
			 0);
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_int_equal(X509_NAME_cmp(X509_REQ_get_subject_name(csr),
				       X509_get_subject_name(cert)),
			 0);
	X509_REQ_free(csr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_exactly_the_names_given),
		cmocka_unit_test(it_says_nothing_else),
		cmocka_unit_test(with_a_subject_it_is_the_first_name_that_can_be_one),
		cmocka_unit_test(it_has_the_subject_that_is_given),
		cmocka_unit_test(every_type_of_key_signs_its_own),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_common_name_is_a_name_like_the_others),
		cmocka_unit_test(what_its_key_has_not_signed_is_no_request),
	};

	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
