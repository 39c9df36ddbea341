/* local_constraints: an embedded CA stays within the names that it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "ca/local_constraints.h"
#include "tests/help/certs.h"

#define NOW INT64_C(1800000000)

static struct local_profile lab(const char *const *permitted,
				const char *const *excluded, bool intermediate)
{
	return (struct local_profile){
		.subject = "CN=Lab CA",
		.lifetime_s = 86400,
		.ca_lifetime_s = 864000,
		.ca_key = KEY_ECDSA_P256,
		.intermediate = intermediate,
		.path_length = -1,
		.permitted = permitted,
		.excluded = excluded,
	};
}

/* = RFC 5280 4.2.1.10 "encoded in the style of RFC 4632 (CIDR)" */
static void names_outside_of_the_constraints_are_not_issued(void **state)
{
	static const struct row {
		const char *permitted[3];
		const char *excluded[2];
		struct name name;
		bool allowed;
	} rows[] = {
		{ { "lab.example" }, { NULL }, { NAME_DNS, "lab.example" }, true },
		{ { "lab.example" }, { NULL }, { NAME_DNS, "a.b.lab.example" }, true },
		{ { "lab.example" }, { NULL }, { NAME_DNS, "*.lab.example" }, true },
		{ { "lab.example" }, { NULL }, { NAME_DNS, "example" }, false },
		{ { "lab.example" }, { NULL }, { NAME_DNS, "evillab.example" }, false },
		{ { "lab.example" }, { NULL }, { NAME_IP, "192.0.2.1" }, true },
		{ { "LAB.example", "b.example" },
		  { NULL },
		  { NAME_DNS, "b.example" },
		  true },
		{ { "10.0.0.0/8" }, { NULL }, { NAME_IP, "10.1.2.3" }, true },
		{ { "10.0.0.0/8" }, { NULL }, { NAME_IP, "11.1.2.3" }, false },
		{ { "192.0.2.64/26" }, { NULL }, { NAME_IP, "192.0.2.127" }, true },
		{ { "192.0.2.64/26" }, { NULL }, { NAME_IP, "192.0.2.128" }, false },
		{ { "192.0.2.1" }, { NULL }, { NAME_IP, "192.0.2.1" }, true },
		{ { "192.0.2.1" }, { NULL }, { NAME_IP, "192.0.2.2" }, false },
		{ { "192.0.2.1" }, { NULL }, { NAME_IP, "2001:db8::1" }, false },
		{ { "2001:db8::/33" },
		  { NULL },
		  { NAME_IP, "2001:db8:7fff::1" },
		  true },
		{ { "2001:db8::/33" },
		  { NULL },
		  { NAME_IP, "2001:db8:8000::1" },
		  false },
		{ { "0.0.0.0/0" }, { NULL }, { NAME_IP, "203.0.113.9" }, true },
		{ { "email:lab.example" },
		  { NULL },
		  { NAME_EMAIL, "a@lab.example" },
		  true },
		{ { "email:lab.example" },
		  { NULL },
		  { NAME_EMAIL, "a@b.lab.example" },
		  false },
		{ { "email:.lab.example" },
		  { NULL },
		  { NAME_EMAIL, "a@b.lab.example" },
		  true },
		{ { "email:a@lab.example" },
		  { NULL },
		  { NAME_EMAIL, "b@lab.example" },
		  false },
		{ { "uri:lab.example" },
		  { NULL },
		  { NAME_URI, "spiffe://lab.example/x" },
		  true },
		{ { "uri:lab.example" },
		  { NULL },
		  { NAME_URI, "spiffe://b.example/x" },
		  false },
		{ { NULL }, { "bad.example" }, { NAME_DNS, "good.example" }, true },
		{ { NULL }, { "bad.example" }, { NAME_DNS, "so.bad.example" }, false },
		{ { "lab.example" },
		  { "no.lab.example" },
		  { NAME_DNS, "no.lab.example" },
		  false },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct local_profile p =
		    lab(rows[i].permitted, rows[i].excluded, i % 2 == 1);
		struct local_request r = { &rows[i].name, 1,    key,
					   USAGE_SERVER,  3600, NULL };
		AUTO_LOCAL_CA struct local_ca ca = { 0 };
		AUTO_BUF struct buf pem = { 0 };
		struct err e = { 0 };
		int rc;

		assert_int_equal(local_make(&p, NOW, &ca, &e), 0);
		rc = local_issue(&p, &ca, &r, NOW, &pem, &e);
		if (rc != (rows[i].allowed ? 0 : ERR_REFUSED))
			fail_msg("row %zu, %s: %s", i, rows[i].name.value,
				 rc == 0 ? "issued" : e.text);
		assert_int_equal(pem.len == 0, !rows[i].allowed);
	}
}

/* The constraints that count are those in the CA's certificates, not in the file. */
static void a_changed_profile_does_not_widen_a_ca(void **state)
{
	static const char *const permitted[] = { "lab.example", NULL };
	static const struct name other[] = { { NAME_DNS, "other.example" } };
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct local_request r = { other, 1, key, USAGE_SERVER, 3600, NULL };
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab(permitted, NULL, false);
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(local_make(&p, NOW, &ca, &e), 0);
	p.permitted = NULL;
	assert_int_equal(local_issue(&p, &ca, &r, NOW, &pem, &e), ERR_REFUSED);
	assert_string_equal(e.text,
			    "issue: a name is outside of the name constraints of "
			    "CN=Lab CA: permitted subtree violation");
}

/* = RFC 5280 4.2.1.10 "Conforming CAs MUST mark this extension as critical" */
static void constraints_are_critical_and_in_every_ca_certificate(void **state)
{
	static const char *const permitted[] = { "lab.example", NULL };
	struct local_profile p = lab(permitted, NULL, true);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct err e;
	int critical = 0;

	(void)state;
	assert_int_equal(local_make(&p, NOW, &ca, &e), 0);
	NAME_CONSTRAINTS_free(
	    X509_get_ext_d2i(ca.root, NID_name_constraints, &critical, NULL));
	assert_int_equal(critical, 1);
	critical = 0;
	NAME_CONSTRAINTS_free(
	    X509_get_ext_d2i(ca.intermediate, NID_name_constraints, &critical, NULL));
	assert_int_equal(critical, 1);
}

static void words_that_are_no_constraint_are_refused(void **state)
{
	static const char *const words[] = {
		"",
		"*.lab.example",
		".lab.example",
		"192.0.2.1/24",
		"10.0.0.0/33",
		"10.0.0.0/",
		"2001:db8::/129",
		"10.0.0/8",
		"email:",
		"email:*.lab",
		"email:@lab.example",
		"uri:",
		"uri:a/b",
		"email:192.0.2.1",
		"10.0.0.0/8/8",
		"2001:db8::1/64",
		"uri:..lab",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *list[] = { words[i], NULL };
		NAME_CONSTRAINTS *constraints = NULL;
		struct err e;

		if (local_constraints_parse(NULL, list, &constraints, &e) != ERR_CONFIG)
			fail_msg("\"%s\" was taken", words[i]);
		assert_non_null(strstr(e.text, "excluded name \""));
		assert_null(constraints);
	}
}

static void no_constraints_are_none(void **state)
{
	static const char *const nothing[] = { NULL };
	NAME_CONSTRAINTS *constraints = NULL;
	struct err e;

	(void)state;
	assert_int_equal(local_constraints_parse(NULL, NULL, &constraints, &e), 0);
	assert_null(constraints);
	assert_int_equal(local_constraints_parse(nothing, nothing, &constraints, &e),
			 0);
	assert_null(constraints);
}

/* An OCTET STRING, or NULL, in the place of what should be there. */
static void what_cannot_be_read_allows_nothing(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct cert_plan plan = { .subject = "Lab CA",
				  .key = key,
				  .from = NOW,
				  .to = NOW + 86400,
				  .basic = "critical,CA:TRUE",
				  .constraints = "critical,permitted;DNS:lab.example" };
	AUTO_X509 X509 *ca = certs_make(&plan), *bad_ca = NULL;
	AUTO_X509 X509 *leaf = NULL, *bad_leaf = NULL;
	struct err e;

	(void)state;
	plan.constraints = "critical,DER:0500";
	bad_ca = certs_make(&plan);
	plan = (struct cert_plan){ .subject = "www",
				   .key = key,
				   .from = NOW,
				   .to = NOW + 86400,
				   .names = "DNS:www.lab.example" };
	leaf = certs_make(&plan);
	plan.names = "DER:0401ff";
	bad_leaf = certs_make(&plan);
	assert_int_equal(local_constraints_allow(ca, leaf, &e), 0);
	assert_int_equal(local_constraints_allow(bad_ca, leaf, &e), ERR_SYS);
	assert_non_null(strstr(e.text, "read the CA's name constraints"));
	assert_int_equal(local_constraints_allow(ca, bad_leaf, &e), ERR_SYS);
	assert_non_null(strstr(e.text, "read the new certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_outside_of_the_constraints_are_not_issued),
		cmocka_unit_test(a_changed_profile_does_not_widen_a_ca),
		cmocka_unit_test(constraints_are_critical_and_in_every_ca_certificate),
		cmocka_unit_test(words_that_are_no_constraint_are_refused),
		cmocka_unit_test(no_constraints_are_none),
		cmocka_unit_test(what_cannot_be_read_allows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
