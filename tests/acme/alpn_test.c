/* alpn: what a CA asks is read exactly, and what it is shown has nothing else in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/x509v3.h>

#include "acme/alpn.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"

#define AUTH "DGyRejmCefe7v4NfDGDKfA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

/* RFC 8737 3 [ALPN] */
static void only_the_one_protocol_is_asked_for(void **state)
{
	static const struct {
		const char *what;
		const uint8_t *ext;
		size_t len;
		bool asked;
	} rows[] = {
		{ "acme-tls/1", BYTES("\0\13\12acme-tls/1"), true },
		{ "none", BYTES("\0\0"), false },
		{ "nothing", BYTES(""), false },
		{ "another", BYTES("\0\3\2h2"), false },
		{ "h2 beside it", BYTES("\0\16\12acme-tls/1\2h2"), false },
		{ "h2 before it", BYTES("\0\16\2h2\12acme-tls/1"), false },
		{ "twice", BYTES("\0\26\12acme-tls/1\12acme-tls/1"), false },
		{ "in capitals", BYTES("\0\13\12ACME-TLS/1"), false },
		{ "a byte after it", BYTES("\0\13\12acme-tls/1x"), false },
		{ "its end missing", BYTES("\0\13\12acme-tls/"), false },
		{ "another version", BYTES("\0\13\12acme-tls/2"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (alpn_is_asked(rows[i].ext, rows[i].len) != rows[i].asked)
			fail_msg("%s", rows[i].what);
}

static void one_host_name_is_read(void **state)
{
	static const struct {
		const char *what;
		const uint8_t *ext;
		size_t len;
		const char *name; /* NULL: refused */
	} rows[] = {
		{ "a name", BYTES("\0\14\0\0\11a.example"), "a.example" },
		{ "in capitals", BYTES("\0\14\0\0\11A.eXample"), "a.example" },
		{ "with its final dot", BYTES("\0\15\0\0\12a.example."), "a.example" },
		{ "two", BYTES("\0\10\0\0\1a\0\0\1b"), NULL },
		{ "of another type", BYTES("\0\4\1\0\1a"), NULL },
		{ "empty", BYTES("\0\3\0\0\0"), NULL },
		{ "no list", BYTES(""), NULL },
		{ "a list that ends early", BYTES("\0\4\0\0\1"), NULL },
		{ "a name that ends early", BYTES("\0\4\0\0\2a"), NULL },
		{ "a byte after it", BYTES("\0\4\0\0\1ab"), NULL },
		{ "a NUL in it", BYTES("\0\6\0\0\3a\0b"), NULL },
	};
	char long_one[5 + DNS_NAME_SIZE] = { 0, (char)(DNS_NAME_SIZE + 3 - 256), 0, 0,
					     (char)DNS_NAME_SIZE };
	char name[DNS_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool read = alpn_read_sni(rows[i].ext, rows[i].len, name);

		if (read != (rows[i].name != NULL) ||
		    (read && strcmp(name, rows[i].name) != 0))
			fail_msg("%s: \"%s\"", rows[i].what, read ? name : "refused");
	}
	long_one[0] = 1;
	memset(long_one + 5, 'a', DNS_NAME_SIZE);
	assert_false(alpn_read_sni((const uint8_t *)long_one, sizeof(long_one), name));
}

/* RFC 8738 6: the second is its example. */
static void an_address_is_asked_for_by_its_reverse(void **state)
{
	static const struct {
		const char *name, *sni;
	} rows[] = {
		{ "192.0.2.7", "7.2.0.192.in-addr.arpa" },
		{ "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				 "8.b.d.0.1.0.0.2.ip6.arpa" },
		{ "2001:db8:fedc:ba98:7654:3210:f:e0",
		  "0.e.0.0.f.0.0.0.0.1.2.3.4.5.6.7.8.9.a.b.c.d.e.f.8.b.d.0.1.0.0.2."
		  "ip6.arpa" },
		{ "a.example", "a.example" },
	};
	char long_one[DNS_NAME_SIZE + 1];
	char sni[DNS_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		alpn_sni_of(rows[i].name, sni);
		assert_string_equal(sni, rows[i].sni);
	}
	memset(long_one, 'a', DNS_NAME_SIZE);
	long_one[DNS_NAME_SIZE] = '\0';
	alpn_sni_of(long_one, sni);
	assert_string_equal(sni, "");
}

/* RFC 8737 3 [acmeIdentifier]; an extension that no library knows by name. */
static void expect_identifier(X509 *cert)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	const int at = X509_get_ext_by_OBJ(cert, oid, -1);
	X509_EXTENSION *ext = X509_get_ext(cert, at);
	uint8_t sum[HASH_LEN];
	const uint8_t *data;

	ASN1_OBJECT_free(oid);
	assert_true(at >= 0);
	assert_int_equal(X509_EXTENSION_get_critical(ext), 1);
	data = ASN1_STRING_get0_data(X509_EXTENSION_get_data(ext));
	assert_int_equal(ASN1_STRING_length(X509_EXTENSION_get_data(ext)), 2 + 32);
	assert_memory_equal(data, "\x04\x20", 2);
	hash_all(AUTH, strlen(AUTH), sum);
	assert_memory_equal(data + 2, sum, sizeof(sum));
}

/* RFC 8737 3 [dNSName] */
static void expect_only_name(X509 *cert, const char *name)
{
	struct name *names;
	struct err e;
	size_t n;

	assert_int_equal(x509_names(cert, &names, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(names[0].value, name);
	assert_int_equal(X509_get_ext_count(cert), 2);
	x509_names_free(names, n);
}

static void the_certificate_has_one_name_and_the_digest(void **state)
{
	static const char *const rows[] = { "a.example", "192.0.2.7", "2001:db8::1" };
	AUTO_KEY EVP_PKEY *key = NULL;
	struct err e;

	(void)state;
	assert_int_equal(key_make(KEY_ECDSA_P256, &key, &e), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_X509 X509 *cert = NULL;

		if (alpn_certificate(key, rows[i], AUTH, &cert, &e) < 0)
			fail_msg("%s", e.text);
		expect_only_name(cert, rows[i]);
		expect_identifier(cert);
		assert_int_equal(X509_verify(cert, key), 1);
		assert_int_equal(X509_get_version(cert), X509_VERSION_3);
	}
}

static void there_is_none_for_what_tls_cannot_ask_for(void **state)
{
	static const char *const rows[] = { "*.a.example", "email:a@b.example",
					    "uri:spiffe://a/b", "", "a b" };
	AUTO_KEY EVP_PKEY *key = NULL;
	struct err e;

	(void)state;
	assert_int_equal(key_make(KEY_ECDSA_P256, &key, &e), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_X509 X509 *cert = NULL;

		if (alpn_certificate(key, rows[i], AUTH, &cert, &e) == 0)
			fail_msg("%s", rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_one_protocol_is_asked_for),
		cmocka_unit_test(one_host_name_is_read),
		cmocka_unit_test(an_address_is_asked_for_by_its_reverse),
		cmocka_unit_test(the_certificate_has_one_name_and_the_digest),
		cmocka_unit_test(there_is_none_for_what_tls_cannot_ask_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
