/* local_crl: what was revoked stays on the list, and the list does not go stale. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "ca/local_crl.h"
#include "tests/help/certs.h"
#include "tests/help/lab.h"
#include "tests/help/openssl.h"

#define NOW INT64_C(1800000000)

static void revoke_one(const struct local_profile *p, struct local_ca *ca,
		       const char *serial, int reason, int64_t now)
{
	struct err e = { 0 };

	if (local_crl(p, ca, serial, reason, now, &e) < 0)
		fail_msg("%s", e.text);
}

static int64_t number_of(const X509_CRL *crl)
{
	ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	int64_t value = -1;

	assert_non_null(n);
	ASN1_INTEGER_get_int64(&value, n);
	ASN1_INTEGER_free(n);
	return value;
}

/* The entry of `serial` (hex), or NULL. */
static X509_REVOKED *entry_of(X509_CRL *crl, const char *serial)
{
	ASN1_INTEGER *n = s2i_ASN1_INTEGER(NULL, serial);
	X509_REVOKED *entry = NULL;

	assert_non_null(n);
	X509_CRL_get0_by_serial(crl, &entry, n);
	ASN1_INTEGER_free(n);
	return entry;
}

static int reason_of(const X509_REVOKED *entry)
{
	ASN1_ENUMERATED *value =
	    X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	int reason = value == NULL ? -1 : (int)ASN1_ENUMERATED_get(value);

	ASN1_ENUMERATED_free(value);
	return reason;
}

static int64_t time_of(const ASN1_TIME *t)
{
	struct err e;
	int64_t at;

	assert_int_equal(x509_time(t, &at, &e), 0);
	return at;
}

static void a_new_ca_has_an_empty_crl(void **state)
{
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();

	(void)state;
	lab_make(&p, NOW, &ca);
	assert_int_equal(number_of(ca.crl), 1);
	assert_int_equal(X509_CRL_get_version(ca.crl), X509_CRL_VERSION_2);
	assert_true(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(ca.crl)) <= 0);
	assert_int_equal(X509_CRL_verify(ca.crl, ca.root_key), 1);
	assert_true(X509_CRL_get_ext_by_NID(ca.crl, NID_authority_key_identifier, -1) >=
		    0);
}

/* = RFC 5280 5.2.3 "conveys a monotonically increasing sequence number" */
static void what_is_revoked_stays_revoked(void **state)
{
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();

	(void)state;
	lab_make(&p, NOW, &ca);
	revoke_one(&p, &ca, "ABCDEF", 1, NOW + 10);
	revoke_one(&p, &ca, "0A", 0, NOW + 20);
	revoke_one(&p, &ca, NULL, 0, NOW + 30);
	assert_int_equal(number_of(ca.crl), 4);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(ca.crl)), 2);
	assert_int_equal(reason_of(entry_of(ca.crl, "0xABCDEF")), 1);
	/* = RFC 5280 5.3.1 "the reason code CRL entry extension SHOULD be absent instead
	 * of using the unspecified (0) reasonCode value." */
	assert_int_equal(reason_of(entry_of(ca.crl, "0x0A")), -1);
	assert_int_equal(time_of(X509_REVOKED_get0_revocationDate(
			     entry_of(ca.crl, "0xABCDEF"))),
			 NOW + 10);
	assert_null(entry_of(ca.crl, "0x0B"));
}

static void revoking_twice_keeps_the_first_entry(void **state)
{
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();

	(void)state;
	lab_make(&p, NOW, &ca);
	revoke_one(&p, &ca, "AB", 1, NOW + 10);
	revoke_one(&p, &ca, "00ab", 4, NOW + 20);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(ca.crl)), 1);
	assert_int_equal(reason_of(entry_of(ca.crl, "0xAB")), 1);
	assert_int_equal(number_of(ca.crl), 3);
}

static void a_crl_survives_being_written(void **state)
{
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	AUTO_BUF struct buf pem = { 0 }, der = { 0 }, again = { 0 };
	AUTO_CRL X509_CRL *read = NULL;
	struct local_profile p = lab_profile();
	struct err e;

	(void)state;
	lab_make(&p, NOW, &ca);
	revoke_one(&p, &ca, "AB", 1, NOW + 10);
	assert_int_equal(crl_to_pem(ca.crl, &pem, &e), 0);
	assert_int_equal(crl_to_der(ca.crl, &der, &e), 0);
	assert_int_equal(crl_from_pem(pem.data, pem.len, &read, &e), 0);
	assert_int_equal(crl_to_der(read, &again, &e), 0);
	assert_int_equal(again.len, der.len);
	assert_memory_equal(again.data, der.data, der.len);
	X509_CRL_free(ca.crl); /* as the keeper does after a restart */
	ca.crl = read;
	read = NULL;
	revoke_one(&p, &ca, "CD", 0, NOW + 20);
	assert_non_null(entry_of(ca.crl, "0xAB"));
	assert_non_null(entry_of(ca.crl, "0xCD"));
	assert_int_equal(number_of(ca.crl), 3);
}

static void a_crl_file_can_be_carried_on_from(void **state)
{
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	AUTO_BUF struct buf pem = { 0 };
	AUTO_CRL X509_CRL *read = NULL;
	struct local_profile p = lab_profile();
	struct err e;

	(void)state;
	p.intermediate = true;
	lab_make(&p, NOW, &ca);
	revoke_one(&p, &ca, "AB", 1, NOW + 10);
	assert_int_equal(local_crl_to_pem(&ca, &pem, &e), 0);
	assert_int_equal(crl_from_pem(pem.data, pem.len, &read, &e), 0);
	assert_int_equal(X509_CRL_verify(read, ca.intermediate_key), 1);
	assert_non_null(entry_of(read, "0xAB"));
}

static void a_crl_lasts_as_long_as_what_is_issued(void **state)
{
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();

	(void)state;
	lab_make(&p, NOW, &ca);
	assert_int_equal(time_of(X509_CRL_get0_lastUpdate(ca.crl)), NOW - 300);
	assert_int_equal(time_of(X509_CRL_get0_nextUpdate(ca.crl)), NOW + 30 * LAB_DAY);
	/* A shorter lifetime does not cut off what was issued for the longer one. */
	p.lifetime_s = LAB_DAY;
	revoke_one(&p, &ca, NULL, 0, NOW + LAB_DAY);
	assert_int_equal(time_of(X509_CRL_get0_nextUpdate(ca.crl)), NOW + 30 * LAB_DAY);
	revoke_one(&p, &ca, NULL, 0, NOW + 40 * LAB_DAY);
	assert_int_equal(time_of(X509_CRL_get0_nextUpdate(ca.crl)), NOW + 41 * LAB_DAY);
}

/* = RFC 5280 4.1.2.2 "Conforming CAs MUST NOT use serialNumber values longer than 20
 * octets." */
static void what_is_no_serial_or_reason_is_refused(void **state)
{
	static const struct row {
		const char *serial;
		int reason;
	} rows[] = {
		{ "", 0 },    { "0x12", 0 },
		{ "12 ", 0 }, { "12:34", 0 },
		{ "-12", 0 }, { "xyz", 0 },
		{ "12", 6 },  { "12", 7 },
		{ "12", 8 },  { "12", 11 },
		{ "12", -1 }, { "12345678901234567890123456789012345678901", 0 },
	};
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	struct local_profile p = lab_profile();

	(void)state;
	lab_make(&p, NOW, &ca);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e;

		if (local_crl(&p, &ca, rows[i].serial, rows[i].reason, NOW, &e) !=
		    (strcmp(rows[i].serial, "12") == 0 ? ERR_REFUSED : ERR_CONFIG))
			fail_msg("\"%s\", %d was taken", rows[i].serial,
				 rows[i].reason);
		assert_int_equal(number_of(ca.crl), 1);
	}
}

/* What `openssl verify -crl_check_all` says, as nginx checks: 0 good, 2 not. */
static int outsider_says(const struct local_ca *ca, const struct buf *leaf)
{
	static const char *const argv[] = {
		"openssl",  "verify",  "-x509_strict", "-crl_check_all",
		"-CAfile",  "ca.pem",  "-untrusted",   "leaf.pem",
		"-CRLfile", "crl.pem", "leaf.pem",     NULL,
	};
	AUTO_BUF struct buf root = { 0 }, crl = { 0 }, out = { 0 };
	void *dir = NULL;
	struct err e;
	int rc;

	assert_int_equal(scratch_in(&dir), 0);
	assert(dir != NULL);
	assert_int_equal(x509_to_pem(ca->root, &root, &e), 0);
	assert_int_equal(local_crl_to_pem(ca, &crl, &e), 0);
	scratch_put(dir, "ca.pem", root.data);
	scratch_put(dir, "crl.pem", crl.data);
	scratch_put(dir, "leaf.pem", leaf->data);
	rc = openssl_run(dir, argv, &out);
	scratch_out(&dir);
	if (rc == -1) {
		print_message("skipped: there is no openssl program\n");
		skip();
	}
	assert_int_equal(rc != 0, strstr(out.data, "certificate revoked") != NULL);
	return rc;
}

static void others_see_what_is_revoked(void **state)
{
	static const struct name names[] = { { NAME_DNS, "example.org" } };
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct local_request r = { names, 1, key, USAGE_SERVER, LAB_DAY, NULL };

	(void)state;
	for (int intermediate = 0; intermediate < 2; intermediate++) {
		AUTO_LOCAL_CA struct local_ca ca = { 0 };
		AUTO_CHAIN STACK_OF(X509) *chain = NULL;
		AUTO_BUF struct buf leaf = { 0 };
		struct local_profile p = lab_profile();
		struct x509_facts f;
		struct err e;

		p.intermediate = intermediate == 1;
		lab_make(&p, clock_now(), &ca);
		assert_int_equal(local_issue(&p, &ca, &r, clock_now(), &leaf, &e), 0);
		revoke_one(&p, &ca, "1234", 0, clock_now());
		assert_int_equal(outsider_says(&ca, &leaf), 0);
		assert_int_equal(x509_chain_from_pem(leaf.data, leaf.len, &chain, &e),
				 0);
		assert_int_equal(x509_facts(sk_X509_value(chain, 0), &f, &e), 0);
		revoke_one(&p, &ca, f.serial, 4, clock_now());
		assert_int_equal(outsider_says(&ca, &leaf), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_ca_has_an_empty_crl),
		cmocka_unit_test(what_is_revoked_stays_revoked),
		cmocka_unit_test(revoking_twice_keeps_the_first_entry),
		cmocka_unit_test(a_crl_survives_being_written),
		cmocka_unit_test(a_crl_file_can_be_carried_on_from),
		cmocka_unit_test(a_crl_lasts_as_long_as_what_is_issued),
		cmocka_unit_test(what_is_no_serial_or_reason_is_refused),
		cmocka_unit_test(others_see_what_is_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
