/*
 * inspect: what cannot be made with the openssl command, and that no bytes whatever do it
 * harm. What is said of files, code for code, is in tests/real/inspect_test.sh.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_chain.h"
#include "agent/inspect/inspect_check.h"
#include "agent/inspect/inspect_pair.h"
#include "agent/inspect/inspect_print.h"
#include "agent/inspect/inspect_read.h"
#include "agent/inspect/inspect_served.h"
#include "agent/probe/probe_show.h"
#include "agent/role/messages.h"
#include "agent/role/request.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "tests/help/certs.h"

#define NOW 1800000000
#define DAY 86400

/* Read `data`, say all that there is to say. */
static void explain(struct inspect *in, const void *data, size_t len, struct buf *out)
{
	const uint32_t input = inspect_input(in, "it");

	inspect_read(in, input, data, len);
	inspect_pair(in);
	inspect_chains(in);
	inspect_check(in);
	inspect_print(in, 0, out);
	inspect_print(in, REQUEST_JSON, out);
}

static bool has(const struct inspect *in, enum inspect_code code)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (in->findings[i].code == code)
			return true;
	return false;
}

static size_t findings(const void *data, size_t len, enum inspect_code code)
{
	struct inspect in = { .now = NOW, .password = "secret" };
	AUTO_BUF struct buf out = { 0 };
	size_t n;

	explain(&in, data, len, &out);
	if (!has(&in, code))
		fail_msg("not found: %s\n%s", inspect_code_word(code), out.data);
	n = in.n_findings;
	inspect_done(&in);
	return n;
}

/* -- the table -- */

static void read_manual(struct buf *out)
{
	FILE *f = fopen("agent/everleaf.8", "re");
	char part[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(out, part, n);
	fclose(f);
}

static void every_code_has_a_word_a_remedy_and_a_line_in_the_manual(void **state)
{
	AUTO_BUF struct buf manual = { 0 };

	(void)state;
	read_manual(&manual);
	for (enum inspect_code c = 0; c < FOUND_CODES; c++) {
		AUTO_FREE char *line = NULL;

		assert_non_null(inspect_code_word(c));
		assert_non_null(inspect_code_remedy(c));
		line = xasprintf("\n.It Li %s\n", inspect_code_word(c));
		if (strstr(manual.data, line) == NULL)
			fail_msg("not in the manual: %s", inspect_code_word(c));
		for (enum inspect_code d = 0; d < c; d++)
			assert_string_not_equal(inspect_code_word(c),
						inspect_code_word(d));
	}
}

/* -- revocation lists -- */

static X509_CRL *make_crl(EVP_PKEY *key, int64_t next)
{
	X509_CRL *crl = X509_CRL_new();
	X509_NAME *name = X509_NAME_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, NOW - DAY);

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"Lab", -1, -1, 0);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, name);
	X509_CRL_set1_lastUpdate(crl, at);
	if (next != 0)
		X509_CRL_set1_nextUpdate(crl, ASN1_TIME_set(at, next));
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	ASN1_TIME_free(at);
	return crl;
}

/* RFC 5280 5.1.2.5 */
static void a_list_that_never_ends_is_a_finding(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_CRL X509_CRL *endless = make_crl(key, 0);
	AUTO_CRL X509_CRL *ended = make_crl(key, NOW - 1);
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(crl_to_der(endless, &der, &e), 0);
	assert_int_equal(findings(der.data, der.len, FOUND_CRL_ENDLESS), 1);
	buf_done(&der);
	assert_int_equal(crl_to_der(ended, &der, &e), 0);
	assert_int_equal(findings(der.data, der.len, FOUND_CRL_EXPIRED), 1);
}

/* -- what bounds it -- */

static void make_certificate(int64_t from, int64_t to, const char *names,
			     struct buf *pem)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	const struct cert_plan plan = { .subject = "it",
					.key = key,
					.issuer_key = key,
					.from = from,
					.to = to,
					.basic = "critical,CA:FALSE",
					.names = names };
	AUTO_X509 X509 *cert = certs_make(&plan);
	struct err e;

	assert_int_equal(x509_to_pem(cert, pem, &e), 0);
	assert_int_equal(key_to_pem(key, pem, &e), 0);
}

static void the_moments_of_a_certificate_are_told_apart(void **state)
{
	static const struct {
		int64_t from, to; /* days from now */
		enum inspect_code code;
		size_t findings; /* with that it is signed by itself */
	} rows[] = {
		{ -90, -1, FOUND_EXPIRED, 2 },       { 1, 90, FOUND_NOT_YET_VALID, 2 },
		{ -85, 5, FOUND_EXPIRES_SOON, 2 },   { -45, 45, FOUND_SELF_SIGNED, 1 },
		{ -3600, 31, FOUND_SELF_SIGNED, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf pem = { 0 };

		make_certificate(NOW + rows[i].from * DAY, NOW + rows[i].to * DAY,
				 "DNS:it.example", &pem);
		assert_int_equal(findings(pem.data, pem.len, rows[i].code),
				 rows[i].findings);
	}
}

static void what_a_name_has_in_it_moves_no_cursor(void **state)
{
	struct inspect in = { .now = NOW };
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf out = { 0 };

	(void)state;
	make_certificate(NOW - DAY, NOW + 90 * DAY, "DNS:a\033[2Jb,email:c\rd", &pem);
	explain(&in, pem.data, pem.len, &out);
	assert_null(strchr(out.data, '\033'));
	assert_null(strchr(out.data, '\r'));
	assert_non_null(strstr(out.data, "a\\x1b[2Jb"));
	inspect_done(&in);
}

/* -- endpoints, as a probe tells of them -- */

static int try_to_tell(struct inspect *in, const char *address, enum probe_stage stage,
		       int sysno, const struct buf *der, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, INSPECT_SERVED, 0);
	msg_put_str(&m, "it.example:443");
	msg_put_str(&m, "it.example");
	msg_put_str(&m, address);
	msg_put_u64(&m, stage);
	msg_put_u64(&m, (uint64_t)(unsigned)sysno);
	msg_put_u64(&m, 0);
	msg_put_str(&m, stage == STAGE_DONE ? "" : "it says why");
	msg_put_str(&m, "TLSv1.3");
	msg_put_u64(&m, 0);
	msg_put_u64(&m, 0);
	msg_put_u64(&m, der != NULL);
	if (der != NULL)
		msg_put_bytes(&m, der->data, der->len);
	return inspect_served(in, &m, e);
}

static void tell(struct inspect *in, const char *address, enum probe_stage stage,
		 int sysno, const struct buf *der)
{
	struct err e;

	if (try_to_tell(in, address, stage, sysno, der, &e) < 0)
		fail_msg("%s", e.text);
}

static void make_der(struct buf *der)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct err e;

	make_certificate(NOW - DAY, NOW + 90 * DAY, "DNS:it.example", &pem);
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
	assert_int_equal(x509_to_der(sk_X509_value(chain, 0), der, &e), 0);
}

static void addresses_that_show_the_same_are_one(void **state)
{
	static const char seen[] =
	    "\"addresses\":[{\"address\":\"192.0.2.1:443\",\"said\":\"TLSv1.3\"},"
	    "{\"address\":\"192.0.2.2:443\",\"said\":\"TLSv1.3\"}]";
	struct inspect in = { .now = NOW };
	AUTO_BUF struct buf one = { 0 };
	AUTO_BUF struct buf other = { 0 };
	AUTO_BUF struct buf json = { 0 };

	(void)state;
	make_der(&one);
	make_der(&other);
	tell(&in, "192.0.2.1:443", STAGE_DONE, 0, &one);
	tell(&in, "192.0.2.2:443", STAGE_DONE, 0, &one);
	inspect_served_all(&in);
	assert_int_equal(in.n_inputs, 1);
	assert_int_equal(in.n_items, 1);
	assert_int_equal(in.inputs[0].n_seen, 2);
	assert_int_equal(in.n_findings, 0);
	inspect_print(&in, REQUEST_JSON, &json);
	if (strstr(json.data, seen) == NULL)
		fail_msg("%s", json.data);
	tell(&in, "192.0.2.3:443", STAGE_DONE, 0, &other);
	assert_true(has(&in, FOUND_ADDRESSES_DIFFER));
	assert_int_equal(in.n_inputs, 2);
	assert_int_equal(in.n_items, 2);
	inspect_done(&in);
}

static void an_address_without_a_route_matters_only_if_there_is_no_other(void **state)
{
	struct inspect in = { .now = NOW };
	AUTO_BUF struct buf der = { 0 };

	(void)state;
	make_der(&der);
	tell(&in, "[2001:db8::1]:443", STAGE_CONNECT, ENETUNREACH, NULL);
	inspect_served_all(&in);
	assert_true(has(&in, FOUND_NO_ROUTE));
	assert_true(has(&in, FOUND_NO_ANSWER));
	inspect_done(&in);
	in.now = NOW;
	tell(&in, "[2001:db8::1]:443", STAGE_CONNECT, ENETUNREACH, NULL);
	tell(&in, "192.0.2.1:443", STAGE_DONE, 0, &der);
	inspect_served_all(&in);
	assert_true(has(&in, FOUND_NO_ROUTE));
	assert_false(inspect_is_bad(&in));
	inspect_done(&in);
}

/* By which two would be told apart. */
static void a_certificate_that_no_address_shows_is_refused(void **state)
{
	struct inspect in = { .now = NOW };
	AUTO_BUF struct buf one = { 0 };
	AUTO_BUF struct buf other = { 0 };
	struct err e;

	(void)state;
	make_der(&one);
	make_der(&other);
	assert_int_equal(try_to_tell(&in, "", STAGE_DONE, 0, &one, &e), ERR_PROTO);
	assert_int_equal(try_to_tell(&in, "", STAGE_DONE, 0, &other, &e), ERR_PROTO);
	assert_int_equal(in.n_items, 0);
	inspect_done(&in);
}

/* Cut off anywhere, it is refused, or says no more than it did. */
static void a_message_that_is_cut_off_does_no_harm(void **state)
{
	AUTO_BUF struct buf der = { 0 };

	(void)state;
	make_der(&der);
	for (size_t cut = 0; cut < der.len; cut++) {
		struct inspect in = { .now = NOW };
		const struct buf part = { der.data, cut, 0 };
		AUTO_BUF struct buf out = { 0 };

		tell(&in, "192.0.2.1:443", STAGE_DONE, 0, &part);
		inspect_served_all(&in);
		inspect_print(&in, 0, &out);
		inspect_done(&in);
	}
}

/* -- secrets -- */

static void seal(EVP_PKEY *key, const char *password, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const char *data;
	long len;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(),
						       password, (int)strlen(password),
						       NULL, NULL),
			 1);
	len = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)len);
	BIO_free(bio);
}

static void an_encrypted_key_is_open_to_its_password_alone(void **state)
{
	static const struct {
		const char *password;
		bool sealed, wrong;
	} rows[] = {
		{ NULL, true, false },
		{ "", false, true },
		{ "Secret", false, true },
		{ "secret", false, false },
	};
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_BUF struct buf pem = { 0 };

	(void)state;
	seal(key, "secret", &pem);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct inspect in = { .now = NOW, .password = rows[i].password };
		AUTO_BUF struct buf out = { 0 };

		explain(&in, pem.data, pem.len, &out);
		if (has(&in, FOUND_KEY_ENCRYPTED) != rows[i].sealed ||
		    has(&in, FOUND_PASSWORD_WRONG) != rows[i].wrong ||
		    (strstr(out.data, "ecdsa-p256") != NULL) !=
			(!rows[i].sealed && !rows[i].wrong))
			fail_msg("row %zu: %s", i, out.data);
		inspect_done(&in);
	}
}

/* A certificate and its key. */
static void make_p12(const char *password, struct buf *out)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_KEY EVP_PKEY *key = NULL;
	unsigned char *der = NULL;
	PKCS12 *p12;
	struct err e;
	int len;

	make_certificate(NOW - DAY, NOW + 90 * DAY, "DNS:it.example", &pem);
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
	assert_int_equal(key_from_pem(pem.data, pem.len, &key, &e), 0);
	p12 = PKCS12_create(password, "it", key, sk_X509_value(chain, 0), NULL, 0, 0, 1,
			    1, 0);
	len = i2d_PKCS12(p12, &der);
	assert_true(len > 0);
	buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	PKCS12_free(p12);
}

static void a_bundle_is_open_to_its_password_alone(void **state)
{
	static const enum inspect_code codes[] = { FOUND_PASSWORD_NEEDED,
						   FOUND_PASSWORD_WRONG,
						   FOUND_PASSWORD_EMPTY };
	static const struct {
		const char *sealed;
		const char *password;
		int said; /* which of them; -1: none */
	} rows[] = {
		{ "secret", NULL, 0 },
		{ "secret", "Secret", 1 },
		{ "", NULL, 2 },
		{ "secret", "secret", -1 },
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct inspect in = { .now = NOW, .password = rows[i].password };
		AUTO_BUF struct buf der = { 0 }, out = { 0 };

		make_p12(rows[i].sealed, &der);
		explain(&in, der.data, der.len, &out);
		for (int k = 0; k < 3; k++)
			if (has(&in, codes[k]) != (k == rows[i].said))
				fail_msg("row %d: %s", i, out.data);
		inspect_done(&in);
	}
}

/* -- hostile bytes -- */

/* Each byte of it once changed, and the whole cut off there. */
static void survives(const char *data, size_t len)
{
	AUTO_FREE char *copy = xcalloc(len + 1, 1);

	for (size_t i = 0; i < len; i++) {
		AUTO_BUF struct buf out = { 0 };
		struct inspect in = { .now = NOW, .password = "secret" };

		memcpy(copy, data, len);
		copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
		explain(&in, copy, len, &out);
		inspect_done(&in);
		in.now = NOW;
		explain(&in, data, i, &out);
		inspect_done(&in);
	}
}

static void no_change_of_a_byte_does_harm(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_CRL X509_CRL *crl = make_crl(key, NOW + DAY);
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf der = { 0 };
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct err e;

	(void)state;
	make_certificate(NOW - DAY, NOW + 90 * DAY, "DNS:it.example,IP:192.0.2.1",
			 &pem);
	survives(pem.data, pem.len);
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
	assert_int_equal(x509_to_der(sk_X509_value(chain, 0), &der, &e), 0);
	survives(der.data, der.len);
	buf_done(&der);
	assert_int_equal(crl_to_der(crl, &der, &e), 0);
	survives(der.data, der.len);
}

static void no_change_of_a_byte_of_pkcs12_does_harm(void **state)
{
	AUTO_BUF struct buf der = { 0 };

	(void)state;
	make_p12("secret", &der);
	survives(der.data, der.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_code_has_a_word_a_remedy_and_a_line_in_the_manual),
		cmocka_unit_test(a_list_that_never_ends_is_a_finding),
		cmocka_unit_test(the_moments_of_a_certificate_are_told_apart),
		cmocka_unit_test(what_a_name_has_in_it_moves_no_cursor),
		cmocka_unit_test(addresses_that_show_the_same_are_one),
		cmocka_unit_test(
		    an_address_without_a_route_matters_only_if_there_is_no_other),
		cmocka_unit_test(a_certificate_that_no_address_shows_is_refused),
		cmocka_unit_test(a_message_that_is_cut_off_does_no_harm),
		cmocka_unit_test(an_encrypted_key_is_open_to_its_password_alone),
		cmocka_unit_test(a_bundle_is_open_to_its_password_alone),
		cmocka_unit_test(no_change_of_a_byte_does_harm),
		cmocka_unit_test(no_change_of_a_byte_of_pkcs12_does_harm),
	};

	return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}
