/* ari: how a CA calls a certificate, and what it may say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "acme/ari.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/certs.h"

#define KEY_ID                                                                 \
	"\x69\x88\x5b\x6b\x87\x46\x40\x41\xe1\xb3\x7b\x84\x7b\xa0\xae\x2c\xde" \
	"\x01\xc8\xd4"

static void set_key_id(X509 *cert, const char *id, size_t len)
{
	AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();

	assert_non_null(aki);
	if (id != NULL) {
		aki->keyid = ASN1_OCTET_STRING_new();
		assert_int_equal(ASN1_OCTET_STRING_set(aki->keyid,
						       (const unsigned char *)id,
						       (int)len),
				 1);
	}
	assert_int_equal(X509_add1_ext_i2d(cert, NID_authority_key_identifier, aki, 0,
					   0),
			 1);
	AUTHORITY_KEYID_free(aki);
}

/* As it is read from a file. `id` NULL: an identifier without a key; `len` 0: none. */
static X509 *make(const char *serial, const char *id, size_t len)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert = certs_make(
	    &(struct cert_plan){ .key = key, .serial = serial, .to = 4102444800 });
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at;
	struct err e;

	if (id == NULL || len > 0)
		set_key_id(cert, id, len);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(x509_to_der(cert, &der, &e), 0);
	at = (const unsigned char *)der.data;
	return d2i_X509(NULL, &at, (long)der.len);
}

/* = RFC 9773 4.1 [id] */
static void a_certificate_is_called_by_its_signer_and_its_serial(void **state)
{
	static const struct {
		const char *serial;
		const char *id;
	} rows[] = {
		{ "87654321", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" }, /* as there */
		{ "0087654321", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" },
		{ "7F", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.fw" },
		{ "80", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIA" },
		{ "01", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AQ" },
		{ "FF00", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AP8A" },
		{ "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
		  "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AP________________________8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_X509 X509 *cert = make(rows[i].serial, KEY_ID, 20);
		AUTO_BUF struct buf id = { 0 };

		assert_true(ari_id(cert, &id));
		assert_string_equal(id.data, rows[i].id);
		assert_true(id.len < LIMIT_ARI_ID);
	}
}

static void a_certificate_that_names_no_key_has_no_name_at_its_ca(void **state)
{
	static const char large[129] = { 1 };
	static const struct {
		const char *id;
		size_t len;
	} rows[] = { { "", 0 }, { NULL, 0 }, { large, sizeof(large) } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_X509 X509 *cert = make("01", rows[i].id, rows[i].len);
		AUTO_BUF struct buf id = { 0 };

		assert_false(ari_id(cert, &id));
	}
}

/* = RFC 9773 4.2 [window] */
static void a_window_has_a_beginning_and_a_later_end(void **state)
{
	static const struct {
		const char *start;
		const char *end;
		int64_t from; /* 0: it is none */
		int64_t to;
	} rows[] = {
		{ "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", 1795219200,
		  1795305600 },
		{ "2026-11-21T01:00:00+01:00", "2026-11-21T23:00:00.5-01:00",
		  1795219200, 1795305600 },
		{ "2026-11-21T00:00:00Z", "2026-11-21T00:00:01Z", 1795219200,
		  1795219201 },
		{ "2026-11-21T00:00:00Z", "2026-11-21T00:00:00Z", 0, 0 },
		{ "2026-11-21T00:00:00.1Z", "2026-11-21T00:00:00.9Z", 0, 0 },
		{ "2026-11-22T00:00:00Z", "2026-11-21T00:00:00Z", 0, 0 },
		{ "2026-11-21T00:00:00Z", NULL, 0, 0 },
		{ NULL, "2026-11-21T00:00:00Z", 0, 0 },
		{ "2026-11-21T00:00:00Z", "tomorrow", 0, 0 },
		{ "", "2026-11-21T00:00:00Z", 0, 0 },
		{ "2026-11-21 00:00:00", "2026-11-22 00:00:00", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ari_window w = { 0, 0 };
		bool is = ari_window_read(rows[i].start, rows[i].end, &w);

		assert_int_equal(is, rows[i].from != 0);
		assert_true(w.start == rows[i].from && w.end == rows[i].to);
	}
}

static void what_is_shown_is_a_plain_url(void **state)
{
	static const struct {
		const char *url;
		bool plain;
	} rows[] = {
		{ "https://ca.example/incident?id=7#now", true },
		{ "http://ca.example/", true },
		{ "HTTPS://ca.example/", false },
		{ "ftp://ca.example/", false },
		{ "javascript:alert(1)", false },
		{ "https://ca.example/a b", false },
		{ "https://ca.example/\n", false },
		{ "https://ca.example/\033[2J", false },
		{ "https://ca.example/\xc3\xa4", false },
		{ "https://ca.example/\"x", false },
		{ "https://ca.example/<b>", false },
		{ "", false },
	};
	char large[LIMIT_ARI_URL + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (ari_url_is_plain(rows[i].url) != rows[i].plain)
			fail_msg("%s", rows[i].url);
	memset(large, 'x', sizeof(large));
	memcpy(large, "https://", 8);
	large[LIMIT_ARI_URL + 1] = '\0';
	assert_false(ari_url_is_plain(large));
	large[LIMIT_ARI_URL] = '\0';
	assert_true(ari_url_is_plain(large));
}

static void a_ca_is_asked_again_between_a_minute_and_a_day(void **state)
{
	(void)state;
	assert_true(ari_ask_at(0, 1000) == 1000 + 21600);
	assert_true(ari_ask_at(1, 1000) == 1060);
	assert_true(ari_ask_at(1059, 1000) == 1060);
	assert_true(ari_ask_at(1061, 1000) == 1061);
	assert_true(ari_ask_at(1000 + 86400, 1000) == 1000 + 86400);
	assert_true(ari_ask_at(INT64_MAX, 1000) == 1000 + 86400);
	assert_true(ari_ask_at(INT64_MIN, 1000) == 1060);
}

/* = RFC 9773 4.3.3 [errors] */
static void after_a_failure_a_ca_is_asked_soon_and_then_every_six_hours(void **state)
{
	static const int64_t waits[] = { 120, 240, 480, 960, 1920, 21600, 21600 };

	(void)state;
	for (unsigned n = 1; n <= sizeof(waits) / sizeof(*waits); n++)
		assert_true(ari_retry_at(true, n, 1000) == 1000 + waits[n - 1]);
	assert_true(ari_retry_at(true, UINT32_MAX, 1000) == 1000 + 21600);
	assert_true(ari_retry_at(false, 1, 1000) == 1000 + 21600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_called_by_its_signer_and_its_serial),
		cmocka_unit_test(a_certificate_that_names_no_key_has_no_name_at_its_ca),
		cmocka_unit_test(a_window_has_a_beginning_and_a_later_end),
		cmocka_unit_test(what_is_shown_is_a_plain_url),
		cmocka_unit_test(a_ca_is_asked_again_between_a_minute_and_a_day),
		cmocka_unit_test(
		    after_a_failure_a_ca_is_asked_soon_and_then_every_six_hours),
	};

	return cmocka_run_group_tests_name("ari", tests, NULL, NULL);
}
