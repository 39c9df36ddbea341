/* x509: what a certificate says is read as it stands, and nothing is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "tests/help/certs.h"

#define NOW 1800000000

static struct cert_plan plan_of(EVP_PKEY *key)
{
	return (struct cert_plan){
		.subject = "leaf",
		.key = key,
		.from = NOW - 10,
		.to = NOW + 1000,
		.basic = "critical,CA:FALSE",
		.key_usage = "critical,digitalSignature",
		.usage = "serverAuth",
		.names = "DNS:example.org",
	};
}

static void facts_are_what_the_certificate_says(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_BUF struct buf spki = { 0 }, der = { 0 };
	AUTO_X509 X509 *cert = NULL;
	struct x509_facts f;
	uint8_t hash[32];
	struct err e;

	(void)state;
	plan.serial = "00ab12";
	plan.names = "DNS:a.example,IP:192.0.2.1";
	cert = certs_make(&plan);
	assert_int_equal(x509_facts(cert, &f, &e), 0);
	assert_int_equal(f.not_before, NOW - 10);
	assert_int_equal(f.not_after, NOW + 1000);
	assert_int_equal(f.key, KEY_ECDSA_P256);
	assert_int_equal(f.usage, USAGE_SERVER);
	assert_false(f.is_ca);
	assert_int_equal(f.n_names, 2);
	assert_true(f.names_hash == names_hash(NAME_IP, "192.0.2.1") +
					names_hash(NAME_DNS, "a.example"));
	assert_string_equal(f.serial, "AB12");
	assert_int_equal(key_to_spki(key, &spki, &e), 0);
	EVP_Digest(spki.data, spki.len, hash, NULL, EVP_sha256(), NULL);
	assert_memory_equal(f.spki_hash, hash, 32);
	assert_int_equal(x509_to_der(cert, &der, &e), 0);
	EVP_Digest(der.data, der.len, hash, NULL, EVP_sha256(), NULL);
	assert_memory_equal(f.fingerprint, hash, 32);
}

/* = RFC 5280 4.2.1.12 "If the extension is present, then the certificate MUST only be
 * used for one of the purposes indicated." */
static void usage_is_what_is_allowed(void **state)
{
	static const struct row {
		const char *usage;
		unsigned facts;
	} rows[] = {
		{ "serverAuth", USAGE_SERVER },
		{ "clientAuth", USAGE_CLIENT },
		{ "serverAuth,clientAuth", USAGE_SERVER | USAGE_CLIENT },
		{ "codeSigning", 0 },
		{ "anyExtendedKeyUsage", 0 }, /* OpenSSL does not take it for TLS */
		{ NULL, USAGE_SERVER | USAGE_CLIENT },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cert_plan plan = plan_of(key);
		AUTO_X509 X509 *cert = NULL;
		struct x509_facts f;
		struct err e;

		plan.usage = rows[i].usage;
		cert = certs_make(&plan);
		assert_int_equal(x509_facts(cert, &f, &e), 0);
		if (f.usage != rows[i].facts)
			fail_msg("%s: %u", rows[i].usage, f.usage);
	}
}

static void a_ca_is_known_as_one(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *ca = NULL, *old = NULL;
	struct x509_facts f;
	struct err e;

	(void)state;
	plan.basic = "critical,CA:TRUE";
	ca = certs_make(&plan);
	assert_int_equal(x509_facts(ca, &f, &e), 0);
	assert_true(f.is_ca);
	plan.version_1 = true; /* from before a certificate could say */
	old = certs_make(&plan);
	assert_int_equal(x509_facts(old, &f, &e), 0);
	assert_true(f.is_ca);
}

/* What stands in the certificate (as openssl.cnf writes it), and how we spell it. */
static void names_are_canonical(void **state)
{
	static const struct row {
		const char *san;
		enum name_kind kind;
		const char *value; /* NULL: refused */
	} rows[] = {
		{ "DNS:example.org", NAME_DNS, "example.org" },
		{ "DNS:EXAMPLE.Org", NAME_DNS, "example.org" },
		{ "DNS:*.example.org", NAME_DNS, "*.example.org" },
		{ "DNS:xn--bcher-kva.example", NAME_DNS, "xn--bcher-kva.example" },
		{ "IP:192.0.2.7", NAME_IP, "192.0.2.7" },
		{ "IP:2001:db8:0:0:0:0:0:1", NAME_IP, "2001:db8::1" },
		{ "email:Me@EXAMPLE.org", NAME_EMAIL, "Me@example.org" },
		{ "URI:spiffe://LAB/x", NAME_URI, "spiffe://lab/x" },
		/* the same words in another kind of name are not those names */
		{ "DNS:192.0.2.7", NAME_KINDS, NULL },
		{ "DNS:email:a@b.example", NAME_KINDS, NULL },
		{ "DNS:uri:spiffe://lab/x", NAME_KINDS, NULL },
		{ "DNS:example.org.", NAME_KINDS, NULL },
		{ "DNS:ex ample.org", NAME_KINDS, NULL },
		{ "DNS:b\xc3\xbc"
		  "cher.example",
		  NAME_KINDS, NULL },
		{ "DNS:www.*.example", NAME_KINDS, NULL },
		{ "RID:1.2.3.4", NAME_KINDS, NULL },
		{ "otherName:1.2.3.4;UTF8:x", NAME_KINDS, NULL },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cert_plan plan = plan_of(key);
		AUTO_X509 X509 *cert = NULL;
		struct name *names = NULL;
		struct x509_facts f;
		struct err e = { 0 };
		size_t n = 0;
		int rc;

		plan.names = rows[i].san;
		cert = certs_make(&plan);
		rc = x509_names(cert, &names, &n, &e);
		if (rows[i].value == NULL && rc != ERR_PROTO)
			fail_msg("%s: not refused", rows[i].san);
		if (rows[i].value != NULL &&
		    (rc != 0 || n != 1 || names[0].kind != rows[i].kind ||
		     strcmp(names[0].value, rows[i].value) != 0))
			fail_msg("%s: %s", rows[i].san,
				 rc < 0 ? e.text : names[0].value);
		x509_names_free(names, n);
		/* the facts of a foreign certificate can be had all the same */
		assert_int_equal(x509_facts(cert, &f, &e), 0);
		assert_int_equal(f.names_hash != 0, rows[i].value != NULL);
	}
}

/* Add a SAN extension with one name of `type` and these bytes, whatever they are. */
static void add_raw_name(X509 *cert, int type, const char *bytes, int len)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_STRING *value;

	value = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING
						       : V_ASN1_IA5STRING);
	ASN1_STRING_set(value, bytes, len);
	GENERAL_NAME_set0_value(general, type, value);
	sk_GENERAL_NAME_push(all, general);
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0,
					   X509V3_ADD_APPEND),
			 1);
	GENERAL_NAMES_free(all);
}

static void names_that_openssl_would_not_make_are_refused(void **state)
{
	static const struct row {
		int type;
		const char *bytes;
		int len;
		bool twice;
		const char *said;
	} rows[] = {
		{ GEN_DNS, "example.org\0.evil", 17, false,
		  ": a name with byte 0x00 in it" },
		{ GEN_DNS, "example.org\n", 12, false,
		  ": a name with byte 0x0a in it" },
		{ GEN_DNS, "", 0, false, ": a name that is none: " },
		{ GEN_IPADD, "\300\0\2", 3, false, ": an address of 3 bytes" },
		{ GEN_IPADD, "\300\0\2\0\377\377\377\0", 8, false,
		  ": an address of 8 bytes" },
		{ GEN_DNS, "example.org", 11, true, "" },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cert_plan plan = plan_of(key);
		AUTO_X509 X509 *cert = NULL;
		struct name *names;
		struct err e;
		size_t n;

		plan.names = NULL;
		cert = certs_make(&plan);
		add_raw_name(cert, rows[i].type, rows[i].bytes, rows[i].len);
		if (rows[i].twice)
			add_raw_name(cert, rows[i].type, rows[i].bytes, rows[i].len);
		assert_int_equal(x509_names(cert, &names, &n, &e), ERR_PROTO);
		assert_memory_equal(e.text, "subject alternative names", 25);
		assert_string_equal(e.text + 25, rows[i].said);
	}
}

static void the_common_name_is_no_name(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *cert = NULL;
	AUTO_FREE char *subject = NULL;
	struct name *names;
	struct err e;
	size_t n;

	(void)state;
	plan.subject = "example.org";
	plan.names = NULL;
	cert = certs_make(&plan);
	assert_int_equal(x509_names(cert, &names, &n, &e), 0);
	assert_int_equal(n, 0);
	x509_names_free(names, n);
	subject = x509_subject(cert);
	assert_string_equal(subject, "CN=example.org");
}

/* The names in the extension request of a CSR, or why there are none. */
static int names_of_csr(const char *san, struct name **names, size_t *n, struct err *e)
{
	X509_EXTENSION *extension =
	    san == NULL ? NULL
			: X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509_REQ *csr = X509_REQ_new();
	int rc;

	if (extension != NULL) {
		sk_X509_EXTENSION_push(all, extension);
		assert_int_equal(X509_REQ_add_extensions(csr, all), 1);
	}
	rc = x509_csr_names(csr, names, n, e);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	X509_REQ_free(csr);
	return rc;
}

static void the_names_of_a_csr_are_read_alike(void **state)
{
	struct name *names;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(names_of_csr("DNS:A.example,IP:192.0.2.1", &names, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(names[0].value, "a.example");
	assert_string_equal(names[1].value, "192.0.2.1");
	x509_names_free(names, n);
	assert_int_equal(names_of_csr(NULL, &names, &n, &e), 0);
	assert_int_equal(n, 0);
	x509_names_free(names, n);
	assert_int_equal(names_of_csr("DNS:A.example,RID:1.2.3", &names, &n, &e),
			 ERR_PROTO);
}

static void subjects_are_for_people(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *cert = NULL, *none = NULL;
	AUTO_FREE char *subject = NULL, *issuer = NULL, *empty = NULL;

	(void)state;
	plan.subject = "L\xc3\xa4"
		       "b, \n1";
	cert = certs_make(&plan);
	subject = x509_subject(cert);
	issuer = x509_issuer(cert);
	assert_string_equal(subject, "CN=L\xc3\xa4"
				     "b\\, \\0A1");
	assert_string_equal(issuer, subject);
	plan.subject = NULL;
	none = certs_make(&plan);
	empty = x509_subject(none);
	assert_string_equal(empty, "");
}

static void a_chain_survives_being_written(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_X509 X509 *a = certs_make(&plan), *b = NULL;
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	(void)state;
	plan.serial = "02";
	b = certs_make(&plan);
	buf_puts(&pem, "subject=whatever\n\n");
	assert_int_equal(x509_to_pem(a, &pem, &e), 0);
	buf_puts(&pem, "\ntext between\n");
	assert_int_equal(key_to_pem(key, &pem, &e), 0); /* as in a combined file */
	assert_int_equal(x509_to_pem(b, &pem, &e), 0);
	buf_puts(&pem, "text behind");
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
	assert_int_equal(sk_X509_num(chain), 2);
	assert_int_equal(X509_cmp(sk_X509_value(chain, 0), a), 0);
	assert_int_equal(X509_cmp(sk_X509_value(chain, 1), b), 0);
	assert_int_equal(ERR_peek_error(), 0);
}

static void what_is_no_chain_is_refused(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *cert = certs_make(&plan);
	AUTO_BUF struct buf pem = { 0 }, many = { 0 }, bad = { 0 }, half = { 0 };
	STACK_OF(X509) *chain = NULL;
	struct err e;

	(void)state;
	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	assert_int_equal(x509_chain_from_pem("", 0, &chain, &e), ERR_PROTO);
	assert_int_equal(x509_chain_from_pem("hello", 5, &chain, &e), ERR_PROTO);
	assert_string_equal(e.text, "no certificate in it");
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len - 30, &chain, &e),
			 ERR_PROTO);
	buf_add(&half, pem.data, pem.len); /* a whole one and a piece */
	buf_add(&half, pem.data, pem.len - 30);
	assert_int_equal(x509_chain_from_pem(half.data, half.len, &chain, &e),
			 ERR_PROTO);
	for (int i = 0; i <= LIMIT_CHAIN_CERTS; i++)
		buf_add(&many, pem.data, pem.len);
	assert_int_equal(x509_chain_from_pem(many.data, many.len, &chain, &e),
			 ERR_LIMIT);
	while (many.len <= LIMIT_CHAIN_BYTES)
		buf_puts(&many, "a long story about certificates\n");
	assert_int_equal(x509_chain_from_pem(many.data, many.len, &chain, &e),
			 ERR_LIMIT);
	buf_puts(&bad, "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n"
		       "-----END CERTIFICATE-----\n");
	assert_int_equal(x509_chain_from_pem(bad.data, bad.len, &chain, &e), ERR_PROTO);
	assert_null(chain);
	assert_int_equal(ERR_peek_error(), 0);
}

/* A whole certificate with a byte behind it inside its block. */
static void bytes_behind_a_certificate_are_refused(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *cert = certs_make(&plan);
	AUTO_BUF struct buf der = { 0 }, pem = { 0 };
	STACK_OF(X509) *chain = NULL;
	unsigned char base64[2048];
	struct err e;

	(void)state;
	assert_int_equal(x509_to_der(cert, &der, &e), 0);
	buf_add(&der, "", 1);
	EVP_EncodeBlock(base64, (unsigned char *)der.data, (int)der.len);
	buf_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
	for (const char *at = (char *)base64; *at != '\0';) {
		size_t n = strlen(at) > 64 ? 64 : strlen(at);

		buf_printf(&pem, "%.*s\n", (int)n, at);
		at += n;
	}
	buf_puts(&pem, "-----END CERTIFICATE-----\n");
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), ERR_PROTO);
	assert_string_equal(e.text, "certificate 1: bytes after its end");
}

/* = RFC 5280 4.1.2.2 "Conforming CAs MUST NOT use serialNumber values longer than 20
 * octets." */
static void a_serial_that_is_too_long_is_refused(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *longest = NULL, *longer = NULL;
	struct x509_facts f;
	struct err e;

	(void)state;
	plan.serial = "7F00000000000000000000000000000000000000";
	longest = certs_make(&plan);
	assert_int_equal(x509_facts(longest, &f, &e), 0);
	assert_string_equal(f.serial, plan.serial);
	plan.serial = "7F0000000000000000000000000000000000000000";
	longer = certs_make(&plan);
	assert_int_equal(x509_facts(longer, &f, &e), ERR_PROTO);
}

static void text_that_was_read_before_is_not_read_again(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = plan_of(key);
	AUTO_X509 X509 *one = certs_make(&plan);
	AUTO_BUF struct buf pem = { 0 }, other = { 0 };
	AUTO_CHAIN STACK_OF(X509) *first = NULL;
	AUTO_CHAIN STACK_OF(X509) *same = NULL;
	AUTO_CHAIN STACK_OF(X509) *next = NULL;
	STACK_OF(X509) *none = NULL;
	struct x509_memo memo = { .chain = NULL };
	struct err e;

	(void)state;
	assert_int_equal(x509_to_pem(one, &pem, &e), 0);
	buf_add(&other, pem.data, pem.len);
	buf_add(&other, pem.data, pem.len);
	assert_int_equal(x509_chain_again(&memo, pem.data, pem.len, &first, &e), 0);
	assert_int_equal(x509_chain_again(&memo, pem.data, pem.len, &same, &e), 0);
	assert_ptr_equal(sk_X509_value(first, 0), sk_X509_value(same, 0));
	assert_int_equal(x509_chain_again(&memo, "no PEM", 6, &none, &e), ERR_PROTO);
	assert_int_equal(x509_chain_again(&memo, "no PEM", 6, &none, &e), ERR_PROTO);
	assert_int_equal(x509_chain_again(&memo, other.data, other.len, &next, &e), 0);
	assert_int_equal(sk_X509_num(next), 2);
	assert_ptr_not_equal(sk_X509_value(first, 0), sk_X509_value(next, 0));
	x509_memo_done(&memo);
	assert_int_equal(X509_cmp(sk_X509_value(first, 0), one), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_what_the_certificate_says),
		cmocka_unit_test(usage_is_what_is_allowed),
		cmocka_unit_test(a_ca_is_known_as_one),
		cmocka_unit_test(names_are_canonical),
		cmocka_unit_test(names_that_openssl_would_not_make_are_refused),
		cmocka_unit_test(the_common_name_is_no_name),
		cmocka_unit_test(the_names_of_a_csr_are_read_alike),
		cmocka_unit_test(subjects_are_for_people),
		cmocka_unit_test(a_chain_survives_being_written),
		cmocka_unit_test(what_is_no_chain_is_refused),
		cmocka_unit_test(bytes_behind_a_certificate_are_refused),
		cmocka_unit_test(a_serial_that_is_too_long_is_refused),
		cmocka_unit_test(text_that_was_read_before_is_not_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
