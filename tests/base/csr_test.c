/* csr: the key and the names, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_exactly_the_names_given),
		cmocka_unit_test(it_says_nothing_else),
		cmocka_unit_test(every_type_of_key_signs_its_own),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
