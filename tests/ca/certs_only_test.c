/* certs_only: certificates in PKCS #7, in base64 with any line ends; and what is none. */
#include "ca/certs_only.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pkcs7.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/certs.h"

/* `n` certificates, in lines of `width` that end in `end`. */
static void make(int n, size_t width, const char *end, struct buf *body)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	PKCS7 *p7 = PKCS7_new();
	unsigned char *der = NULL;
	AUTO_FREE unsigned char *text = NULL;
	int len;

	assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
	assert_int_equal(PKCS7_content_new(p7, NID_pkcs7_data), 1);
	for (int i = 0; i < n; i++) {
		AUTO_X509 X509 *cert =
		    certs_make(&(struct cert_plan){ .key = key, .subject = "x" });

		assert_int_equal(PKCS7_add_certificate(p7, cert), 1);
	}
	len = i2d_PKCS7(p7, &der);
	assert_true(len > 0);
	text = xcalloc((size_t)len * 2, 1);
	len = EVP_EncodeBlock(text, der, len);
	for (size_t at = 0; at < (size_t)len; at += width)
		buf_printf(body, "%.*s%s", (int)width, (const char *)text + at, end);
	OPENSSL_free(der);
	PKCS7_free(p7);
}

static int count(const struct buf *body, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *certs = sk_X509_new_null();

	TRY(certs_only_read(body, certs, e));
	return sk_X509_num(certs);
}

static void lines_end_as_they_like(void **state)
{
	static const struct {
		size_t width;
		const char *end;
	} ways[] = { { 64, "\n" }, { 76, "\r\n" }, { 1000000, "" }, { 7, " \n" } };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		AUTO_BUF struct buf body = { 0 };

		make(3, ways[i].width, ways[i].end, &body);
		if (count(&body, &e) != 3)
			fail_msg("way %zu: %s", i, e.text);
	}
}

static void what_is_cut_short_is_none(void **state)
{
	AUTO_BUF struct buf body = { 0 };
	struct err e;

	(void)state;
	make(1, 1000000, "", &body);
	for (size_t len = 0; len < body.len; len++) {
		AUTO_BUF struct buf part = { 0 };

		buf_add(&part, body.data, len);
		if (count(&part, &e) != ERR_PROTO)
			fail_msg("%zu bytes of %zu", len, body.len);
	}
}

static void what_is_something_else_is_shown(void **state)
{
	static const char *const words[] = { "<html>", "AAAA", "MAA=", "-----BEGIN",
					     "MIIB" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		AUTO_BUF struct buf body = { 0 };

		buf_puts(&body, words[i]);
		assert_int_equal(count(&body, &e), ERR_PROTO);
		assert_non_null(strstr(e.text, words[i]));
	}
}

static void none_and_too_many_are_refused(void **state)
{
	AUTO_BUF struct buf none = { 0 };
	AUTO_BUF struct buf many = { 0 };
	struct err e;

	(void)state;
	make(0, 64, "\n", &none);
	assert_int_equal(count(&none, &e), ERR_PROTO);
	assert_string_equal(e.text, "it sends no certificate");
	make(LIMIT_CERTS_ONLY + 1, 64, "\n", &many);
	assert_int_equal(count(&many, &e), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_as_they_like),
		cmocka_unit_test(what_is_cut_short_is_none),
		cmocka_unit_test(what_is_something_else_is_shown),
		cmocka_unit_test(none_and_too_many_are_refused),
	};

	return cmocka_run_group_tests_name("certs_only", tests, NULL, NULL);
}
