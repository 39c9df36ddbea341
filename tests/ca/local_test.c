/* local: what the embedded CA issues is what was asked for, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "tests/help/certs.h"
#include "tests/help/lab.h"

#define NAMES(n) (sizeof(n) / sizeof((n)[0]))

static struct x509_facts facts_of(X509 *cert)
{
	struct x509_facts f;
	struct err e;

	assert_int_equal(x509_facts(cert, &f, &e), 0);
	return f;
}

static void a_leaf_is_exactly_what_was_asked_for(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	AUTO_X509 X509 *leaf = NULL;
	AUTO_FREE char *subject = NULL, *issuer = NULL;
	struct local_profile p = lab_profile();
	struct local_request r = lab_ask(key);
	struct x509_facts f;
	int critical;
	void *names;

	(void)state;
	r.names = lab_wildcard;
	r.n_names = 2;
	lab_make(&p, 1800000000, &ca);
	leaf = lab_issue(&p, &ca, &r, 1800000000);
	f = facts_of(leaf);
	assert_int_equal(f.n_names, 2);
	assert_true(f.names_hash == names_hash(NAME_DNS, "example.org") +
					names_hash(NAME_DNS, "*.example.org"));
	assert_int_equal(f.key, KEY_ECDSA_P256);
	assert_int_equal(f.usage, USAGE_SERVER);
	assert_false(f.is_ca);
	assert_true(key_same_public(X509_get0_pubkey(leaf), key));
	subject = x509_subject(leaf);
	issuer = x509_issuer(leaf);
	assert_string_equal(subject, "");
	assert_string_equal(issuer, "CN=Lab CA,O=Example");
	/* = RFC 5280 4.2.1.6 "If the subject field contains an empty sequence, then the
	 * issuing CA MUST include a subjectAltName extension that is marked as
	 * critical." */
	names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
	GENERAL_NAMES_free(names);
	assert_int_equal(critical, 1);
	assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
	assert_true(X509_get_ext_by_NID(leaf, NID_basic_constraints, -1) >= 0);
	assert_int_equal(X509_get_ext_by_NID(leaf, NID_crl_distribution_points, -1),
			 -1);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf),
					       X509_get0_subject_key_id(ca.root)),
			 0);
}

/* = RFC 5280 4.1.2.2 "The serial number MUST be a positive integer" */
static void serials_are_128_random_bits(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();
	struct local_request r = lab_ask(key);
	uint8_t seen_one[16] = { 0 }, seen_zero[16] = { 0 };

	(void)state;
	lab_make(&p, 1800000000, &ca);
	for (int i = 0; i < 100; i++) { /* a bit that never moves: one in 2^99 */
		AUTO_X509 X509 *leaf = lab_issue(&p, &ca, &r, 1800000000);
		const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
		int len = ASN1_STRING_length(serial);
		uint8_t octets[16] = { 0 };

		assert_true(len <= 16);
		assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER);
		memcpy(octets + 16 - len, ASN1_STRING_get0_data(serial), (size_t)len);
		for (int at = 0; at < 16; at++) {
			seen_one[at] |= octets[at];
			seen_zero[at] |= (uint8_t)~octets[at];
		}
	}
	for (int at = 0; at < 16; at++)
		assert_int_equal(seen_one[at] & seen_zero[at], 0xff);
}

/* = RFC 7093 2 "The keyIdentifier is composed of the leftmost 160-bits of the SHA-256
 * hash of the value of the BIT STRING subjectPublicKey" */
static void a_key_is_identified_by_its_hash(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ED25519);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();
	struct local_request r = lab_ask(key);
	AUTO_X509 X509 *leaf = NULL;
	const ASN1_OCTET_STRING *id;
	uint8_t raw[32], hash[32];
	size_t len = sizeof(raw);

	(void)state;
	lab_make(&p, 1800000000, &ca);
	leaf = lab_issue(&p, &ca, &r, 1800000000);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
	EVP_Digest(raw, len, hash, NULL, EVP_sha256(), NULL);
	id = X509_get0_subject_key_id(leaf);
	assert_int_equal(ASN1_STRING_length(id), 20);
	assert_memory_equal(ASN1_STRING_get0_data(id), hash, 20);
}

static void a_lifetime_is_the_whole_span(void **state)
{
	static const struct row {
		int64_t lifetime_s;
		int64_t before; /* now - notBefore */
	} rows[] = {
		{ 30, 3 },
		{ 10, 1 },
		{ 5, 0 },
		{ 300, 30 },
		{ 3000, 300 },
		{ LAB_DAY, 300 },
		{ 30 * LAB_DAY, 300 },
		{ 10 * LAB_YEAR, 300 },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();
	const int64_t now = 1800000000;

	(void)state;
	lab_make(&p, now - LAB_DAY, &ca);
	for (size_t i = 0; i < NAMES(rows); i++) {
		struct local_request r = lab_ask(key);
		AUTO_X509 X509 *leaf = NULL;
		struct x509_facts f;

		r.lifetime_s = rows[i].lifetime_s;
		leaf = lab_issue(&p, &ca, &r, now);
		f = facts_of(leaf);
		if (f.not_after - f.not_before != rows[i].lifetime_s ||
		    now - f.not_before != rows[i].before)
			fail_msg("%lld s: from %lld to %lld",
				 (long long)rows[i].lifetime_s,
				 (long long)(f.not_before - now),
				 (long long)(f.not_after - now));
	}
}

static void a_leaf_does_not_outlive_its_issuer(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();
	struct local_request r = lab_ask(key);
	AUTO_X509 X509 *leaf = NULL;
	AUTO_BUF struct buf pem = { 0 };
	int64_t now = 1800000000, end;
	struct err e;

	(void)state;
	p.ca_lifetime_s = 40 * LAB_DAY;
	lab_make(&p, now, &ca);
	end = facts_of(ca.root).not_after;
	leaf = lab_issue(&p, &ca, &r, now + 20 * LAB_DAY);
	assert_int_equal(facts_of(leaf).not_after, end);
	assert_int_equal(local_issue(&p, &ca, &r, end, &pem, &e), ERR_REFUSED);
	assert_string_equal(
	    e.text, "issue: the CA's own certificate ends at 2027-02-24T07:55:00Z");
	assert_int_equal(local_issue(&p, &ca, &r, now - LAB_DAY, &pem, &e),
			 ERR_REFUSED);
	assert_int_equal(pem.len, 0);
}

static void requests_that_make_no_sense_are_refused(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	static const struct name bad_address[] = { { NAME_IP, "192.0.2" } };
	static const struct name bad_kind[] = { { NAME_KINDS, "x" } };
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();
	struct local_request rows[6];
	static const char *const said[6] = {
		"issue: a certificate without a name",
		"issue: a certificate without a usage",
		"issue: a key of 80 bits of strength, not 112",
		"issue: 192.0.2 is no address",
		"issue: a name of no kind",
		"issue: a lifetime of nothing",
	};

	(void)state;
	lab_make(&p, 1800000000, &ca);
	for (size_t i = 0; i < 6; i++)
		rows[i] = lab_ask(key);
	rows[0].n_names = 0;
	rows[1].usage = 0;
	rows[2].public_key = weak;
	rows[3].names = bad_address;
	rows[4].names = bad_kind;
	rows[5].lifetime_s = 0;
	for (size_t i = 0; i < 6; i++) {
		AUTO_BUF struct buf pem = { 0 };
		struct err e;

		assert_true(local_issue(&p, &ca, &rows[i], 1800000000, &pem, &e) < 0);
		assert_string_equal(e.text, said[i]);
		assert_int_equal(pem.len, 0);
	}
}

/* What nonsense is, is the same; a key without its private half can sign nothing. */
static void a_leaf_may_be_signed_by_its_own_key(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_FREE char *subject = NULL, *issuer = NULL;
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct local_request r = lab_ask(key);
	AUTO_BUF struct buf pem = { 0 };
	const int64_t now = 1800000000;
	struct x509_facts f;
	struct err e;
	X509 *leaf;

	(void)state;
	assert_int_equal(local_self(&r, now, &pem, &e), 0);
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
	assert_int_equal(sk_X509_num(chain), 1);
	leaf = sk_X509_value(chain, 0);
	f = facts_of(leaf);
	assert_int_equal(X509_self_signed(leaf, 1), 1);
	assert_false(f.is_ca);
	assert_int_equal(f.not_after - f.not_before, r.lifetime_s);
	assert_true(f.names_hash == names_hash(NAME_DNS, "example.org"));
	subject = x509_subject(leaf);
	issuer = x509_issuer(leaf);
	/* = RFC 5280 4.1.2.4 "The issuer field MUST contain a non-empty distinguished name
	 * (DN)." */
	assert_string_equal(subject, "CN=example.org");
	assert_string_equal(issuer, "CN=example.org");
	/* = RFC 5280 4.2.1.1 "There is one exception; where a CA distributes its public key
	 * in the form of a "self-signed" certificate, the authority key identifier MAY be
	 * omitted." */
	assert_true(X509_get_ext_by_NID(leaf, NID_authority_key_identifier, -1) < 0);
	r.n_names = 0;
	assert_int_equal(local_self(&r, now, &pem, &e), ERR_REFUSED);
	assert_string_equal(e.text, "self-signed: a certificate without a name");
}

static void a_crl_url_stands_in_the_leaf(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();
	struct local_request r = lab_ask(key);
	AUTO_X509 X509 *leaf = NULL;
	CRL_DIST_POINTS *points;
	const DIST_POINT *point;
	const GENERAL_NAME *name;

	(void)state;
	p.crl_url = "http://ca.lab.example/lab.crl";
	lab_make(&p, 1800000000, &ca);
	leaf = lab_issue(&p, &ca, &r, 1800000000);
	points = X509_get_ext_d2i(leaf, NID_crl_distribution_points, NULL, NULL);
	assert_non_null(points);
	assert_int_equal(sk_DIST_POINT_num(points), 1);
	point = sk_DIST_POINT_value(points, 0);
	name = sk_GENERAL_NAME_value(point->distpoint->name.fullname, 0);
	assert_int_equal(name->type, GEN_URI);
	assert_int_equal(ASN1_STRING_length(name->d.ia5), strlen(p.crl_url));
	assert_memory_equal(ASN1_STRING_get0_data(name->d.ia5), p.crl_url,
			    strlen(p.crl_url));
	CRL_DIST_POINTS_free(points);
}

static void ca_certificates_are_limited_as_configured(void **state)
{
	AUTO_LOCAL_CA struct local_ca plain = { 0 }, deep = { 0 };
	AUTO_FREE char *subject = NULL, *issuer = NULL;
	struct local_profile p = lab_profile();

	(void)state;
	p.path_length = 0;
	lab_make(&p, 1800000000, &plain);
	assert_int_equal(X509_get_pathlen(plain.root), 0);
	assert_int_equal(X509_get_key_usage(plain.root),
			 KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_null(plain.intermediate);
	p.path_length = -1;
	p.intermediate = true;
	lab_make(&p, 1800000000, &deep);
	assert_int_equal(X509_get_pathlen(deep.root), -1);
	assert_int_equal(X509_get_pathlen(deep.intermediate), 0);
	assert_true(facts_of(deep.intermediate).is_ca);
	assert_false(key_same_public(deep.root_key, deep.intermediate_key));
	subject = x509_subject(deep.intermediate);
	issuer = x509_issuer(deep.intermediate);
	assert_string_equal(subject, "CN=Intermediate,CN=Lab CA,O=Example");
	assert_string_equal(issuer, "CN=Lab CA,O=Example");
}

static void profiles_that_make_no_sense_are_refused(void **state)
{
	static const char *const nowhere[] = { "not a name", NULL };
	struct local_profile rows[6];
	static const char *const said[6] = {
		"a lifetime of nothing",
		"the CA would end before its certificates",
		"no type of key for the CA",
		"a path length of 0 leaves no place for an intermediate",
		"subject \"Lab CA\": \"Lab CA\" where CN=",
		"permitted name \"not a name\"",
	};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		rows[i] = lab_profile();
	rows[0].lifetime_s = 0;
	rows[1].ca_lifetime_s = LAB_DAY;
	rows[2].ca_key = KEY_NONE;
	rows[3].intermediate = true;
	rows[3].path_length = 0;
	rows[4].subject = "Lab CA";
	rows[5].permitted = nowhere;
	for (size_t i = 0; i < 6; i++) {
		struct local_ca ca = { 0 };
		struct err e;

		assert_int_equal(local_check(&rows[i], &e), ERR_CONFIG);
		if (strncmp(e.text, said[i], strlen(said[i])) != 0)
			fail_msg("%s, not %s", e.text, said[i]);
		assert_int_equal(local_make(&rows[i], 1800000000, &ca, &e), ERR_CONFIG);
		assert_null(ca.root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaf_is_exactly_what_was_asked_for),
		cmocka_unit_test(serials_are_128_random_bits),
		cmocka_unit_test(a_key_is_identified_by_its_hash),
		cmocka_unit_test(a_lifetime_is_the_whole_span),
		cmocka_unit_test(a_leaf_does_not_outlive_its_issuer),
		cmocka_unit_test(requests_that_make_no_sense_are_refused),
		cmocka_unit_test(a_leaf_may_be_signed_by_its_own_key),
		cmocka_unit_test(a_crl_url_stands_in_the_leaf),
		cmocka_unit_test(ca_certificates_are_limited_as_configured),
		cmocka_unit_test(profiles_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
