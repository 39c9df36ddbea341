/* local: what the embedded CA issues is accepted by others, here the openssl program. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "tests/help/certs.h"
#include "tests/help/lab.h"
#include "tests/help/openssl.h"

#define NAMES(n) (sizeof(n) / sizeof((n)[0]))

/* What `openssl verify` says; fails the test unless it is `expected`. */
static void outsider_says(const char *what, const struct local_ca *ca,
			  const struct buf *chain, const char *purpose,
			  const char *option, const char *value, int expected)
{
	const char *argv[] = {
		"openssl",    "verify",   "-x509_strict", "-crl_check",
		"-purpose",   purpose,    "-CAfile",      "root.pem",
		"-untrusted", "leaf.pem", "-CRLfile",     "crl.pem",
		option,       value,      "leaf.pem",     NULL,
	};
	AUTO_BUF struct buf root = { 0 }, crl = { 0 }, out = { 0 };
	void *dir = NULL;
	struct err e;
	int rc;

	assert_int_equal(scratch_in(&dir), 0);
	assert(dir != NULL);
	assert_int_equal(x509_to_pem(ca->root, &root, &e), 0);
	assert_int_equal(crl_to_pem(ca->crl, &crl, &e), 0);
	scratch_put(dir, "root.pem", root.data);
	scratch_put(dir, "crl.pem", crl.data);
	scratch_put(dir, "leaf.pem", chain->data);
	rc = openssl_run(dir, argv, &out);
	scratch_out(&dir);
	if (rc == -1) {
		print_message("%s: skipped: there is no openssl program\n", what);
		skip();
	}
	if (rc != expected)
		fail_msg("%s: exit %d: %s", what, rc, out.data);
}

static const struct name addresses[] = { { NAME_IP, "192.0.2.7" },
					 { NAME_IP, "2001:db8::1" } };
static const struct name mail[] = { { NAME_EMAIL, "me@example.org" } };
static const struct name uri[] = { { NAME_URI, "spiffe://lab/web" } };

static void others_accept_what_is_issued(void **state)
{
	static const struct row {
		const char *what;
		enum key_type ca_key;
		bool intermediate;
		enum key_type key;
		const struct name *names;
		size_t n_names;
		unsigned usage;
		int64_t lifetime_s;
		const char *option;
		const char *value;
	} rows[] = {
		{ "root and leaf", KEY_ECDSA_P256, false, KEY_ECDSA_P256, lab_name, 1,
		  USAGE_SERVER, 30 * LAB_DAY, "-verify_hostname", "example.org" },
		{ "with an intermediate", KEY_ECDSA_P256, true, KEY_ECDSA_P256,
		  lab_name, 1, USAGE_SERVER, 30 * LAB_DAY, "-verify_hostname",
		  "example.org" },
		{ "p384", KEY_ECDSA_P384, true, KEY_ECDSA_P384, lab_name, 1,
		  USAGE_SERVER, LAB_DAY, "-auth_level", "2" },
		{ "rsa", KEY_RSA_2048, true, KEY_RSA_2048, lab_name, 1, USAGE_SERVER,
		  LAB_DAY, "-auth_level", "2" },
		{ "ed25519", KEY_ED25519, true, KEY_ED25519, lab_name, 1, USAGE_SERVER,
		  LAB_DAY, "-auth_level", "2" },
		{ "rsa leaf of an ed25519 CA", KEY_ED25519, false, KEY_RSA_3072,
		  lab_name, 1, USAGE_SERVER, LAB_DAY, "-auth_level", "2" },
		{ "wildcard", KEY_ECDSA_P256, false, KEY_ECDSA_P256, lab_wildcard, 2,
		  USAGE_SERVER, LAB_DAY, "-verify_hostname", "www.example.org" },
		{ "IPv4", KEY_ECDSA_P256, false, KEY_ECDSA_P256, addresses, 2,
		  USAGE_SERVER, LAB_DAY, "-verify_ip", "192.0.2.7" },
		{ "IPv6", KEY_ECDSA_P256, false, KEY_ECDSA_P256, addresses, 2,
		  USAGE_SERVER, LAB_DAY, "-verify_ip", "2001:db8::1" },
		{ "email", KEY_ECDSA_P256, false, KEY_ECDSA_P256, mail, 1, USAGE_CLIENT,
		  LAB_DAY, "-verify_email", "me@example.org" },
		{ "uri", KEY_ECDSA_P256, false, KEY_ECDSA_P256, uri, 1, USAGE_CLIENT,
		  LAB_DAY, "-verify_depth", "1" },
		{ "client and server", KEY_ECDSA_P256, false, KEY_ECDSA_P256, lab_name,
		  1, USAGE_CLIENT | USAGE_SERVER, LAB_DAY, "-verify_depth", "1" },
		{ "30 seconds", KEY_ECDSA_P256, true, KEY_ECDSA_P256, lab_name, 1,
		  USAGE_SERVER, 30, "-verify_depth", "2" },
		{ "10 years", KEY_ECDSA_P256, true, KEY_ECDSA_P256, lab_name, 1,
		  USAGE_SERVER, 10 * LAB_YEAR, "-verify_depth", "2" },
	};

	(void)state;
	for (size_t i = 0; i < NAMES(rows); i++) {
		const struct row *t = &rows[i];
		AUTO_KEY EVP_PKEY *key = certs_key(t->key);
		AUTO_LOCAL_CA struct local_ca ca = { 0 };
		AUTO_BUF struct buf chain = { 0 };
		struct local_profile p = lab_profile();
		struct local_request r = { t->names, t->n_names,    key,
					   t->usage, t->lifetime_s, NULL };
		struct err e;

		p.ca_key = t->ca_key;
		p.intermediate = t->intermediate;
		p.lifetime_s = t->lifetime_s;
		p.crl_url = "http://ca.lab.example/lab.crl";
		lab_make(&p, clock_now(), &ca);
		assert_int_equal(local_issue(&p, &ca, &r, clock_now(), &chain, &e), 0);
		if ((t->usage & USAGE_SERVER) != 0)
			outsider_says(t->what, &ca, &chain, "sslserver", t->option,
				      t->value, 0);
		if ((t->usage & USAGE_CLIENT) != 0)
			outsider_says(t->what, &ca, &chain, "sslclient", t->option,
				      t->value, 0);
	}
}

static void others_refuse_what_was_not_asked_for(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_LOCAL_CA struct local_ca ca = { 0 };
	AUTO_BUF struct buf chain = { 0 };
	struct local_profile p = lab_profile();
	struct local_request r = lab_ask(key);
	struct err e;

	(void)state;
	lab_make(&p, clock_now(), &ca);
	assert_int_equal(local_issue(&p, &ca, &r, clock_now(), &chain, &e), 0);
	outsider_says("other name", &ca, &chain, "sslserver", "-verify_hostname",
		      "evil.example", 2);
	outsider_says("other usage", &ca, &chain, "sslclient", "-verify_depth", "1", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_accept_what_is_issued),
		cmocka_unit_test(others_refuse_what_was_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
