/* foreign: which pairs of somebody else are left where we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keeper/foreign.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/names.h"
#include "base/x509.h"
#include "store/set.h"
#include "tests/help/certs.h"

#define NOW 1795235000
#define D   86400

static const struct name names[] = { { NAME_DNS, "www.example.org" },
				     { NAME_DNS, "*.example.net" },
				     { NAME_IP, "192.0.2.7" } };
#define ALL "DNS:www.example.org,DNS:*.example.net,IP:192.0.2.7"

struct scene {
	EVP_PKEY *own;
	EVP_PKEY *other;
	struct set ours; /* from NOW - 30 d to NOW + 60 d */
};

static X509 *make(EVP_PKEY *key, int64_t from, int64_t to, const char *san)
{
	return certs_make(
	    &(struct cert_plan){ .key = key, .from = from, .to = to, .names = san });
}

static void put_cert(struct buf *out, EVP_PKEY *key, int64_t from, int64_t to,
		     const char *san)
{
	AUTO_X509 X509 *cert = make(key, from, to, san);
	struct err e;

	assert_int_equal(x509_to_pem(cert, out, &e), 0);
}

static void put_key(struct buf *out, EVP_PKEY *key)
{
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	assert_int_equal(key_to_pem(key, &pem, &e), 0);
	buf_add(out, pem.data, pem.len);
}

static int begin(void **state)
{
	static struct scene s;

	s = (struct scene){ .own = certs_key(KEY_ECDSA_P256),
			    .other = certs_key(KEY_ECDSA_P384) };
	put_cert(&s.ours.cert, s.own, NOW - 30 * D, NOW + 60 * D, ALL);
	put_key(&s.ours.key, s.own);
	*state = &s;
	return 0;
}

static int end(void **state)
{
	struct scene *s = *state;

	EVP_PKEY_free(s->own);
	EVP_PKEY_free(s->other);
	set_done(&s->ours);
	return 0;
}

static struct foreign judge(const struct scene *s, struct foreign_part *parts, size_t n)
{
	struct foreign f;

	foreign_judge(&(struct foreign_look){ .ours = &s->ours,
					      .names = names,
					      .n_names = 3,
					      .parts = parts,
					      .n_parts = n,
					      .now = NOW },
		      &f);
	return f;
}

static void what_is_valid_and_newer_is_left(void **state)
{
	static const struct {
		const char *what;
		int64_t from, to;
		const char *san;
		bool newer;
	} rows[] = {
		{ "begins and ends later", NOW - D, NOW + 89 * D, ALL, true },
		{ "begins later", NOW - D, NOW + 5 * D, ALL, true },
		{ "ends later", NOW - 99 * D, NOW + 61 * D, ALL, true },
		{ "is older", NOW - 31 * D, NOW + 59 * D, ALL, false },
		{ "is as old", NOW - 30 * D, NOW + 60 * D, ALL, false },
		{ "has ended", NOW - D, NOW, ALL, false },
		{ "is still to begin", NOW + D, NOW + 90 * D, ALL, false },
		{ "begins by another's clock", NOW + 200, NOW + 90 * D, ALL, true },
		{ "has more names", NOW - D, NOW + 89 * D, ALL ",DNS:x.org", true },
		{ "has a wildcard instead", NOW - D, NOW + 89 * D,
		  "DNS:*.example.org,DNS:*.example.net,IP:192.0.2.7", true },
		{ "lacks an address", NOW - D, NOW + 89 * D,
		  "DNS:www.example.org,DNS:*.example.net", false },
		{ "lacks the wildcard", NOW - D, NOW + 89 * D,
		  "DNS:www.example.org,DNS:a.example.net,IP:192.0.2.7", false },
		{ "has no names", NOW - D, NOW + 89 * D, NULL, false },
	};
	const struct scene *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct foreign_part p = { .number = 4, .differs = true };
		struct foreign f;

		put_key(&p.bytes, s->other);
		put_cert(&p.bytes, s->other, rows[i].from, rows[i].to, rows[i].san);
		f = judge(s, &p, 1);
		buf_done(&p.bytes);
		if (f.newer != rows[i].newer)
			fail_msg("%s: %d", rows[i].what, f.newer);
		if (f.newer)
			assert_true(f.number == 4 && f.not_after == rows[i].to);
	}
}

static void a_certificate_is_nothing_without_its_key(void **state)
{
	const struct scene *s = *state;
	struct foreign_part parts[2] = { { .differs = true }, { .number = 1 } };

	put_cert(&parts[0].bytes, s->other, NOW - D, NOW + 89 * D, ALL);
	assert_false(judge(s, parts, 1).newer);
	put_key(&parts[1].bytes, s->own);
	assert_false(judge(s, parts, 2).newer);
	buf_done(&parts[1].bytes);
	put_key(&parts[1].bytes, s->other);
	assert_true(judge(s, parts, 2).newer);
	buf_done(&parts[0].bytes);
	/* ... which may be ours. */
	put_cert(&parts[0].bytes, s->own, NOW - D, NOW + 89 * D, ALL);
	assert_true(judge(s, parts, 1).newer);
	parts[0].differs = false;
	assert_false(judge(s, parts, 1).newer);
	buf_done(&parts[0].bytes);
	buf_done(&parts[1].bytes);
}

static void der_is_read_too(void **state)
{
	const struct scene *s = *state;
	AUTO_X509 X509 *cert = make(s->other, NOW - D, NOW + 89 * D, ALL);
	struct foreign_part parts[2] = { { .differs = true }, { .number = 1 } };
	unsigned char *der = NULL;
	struct err e;
	int len = i2d_PrivateKey(s->other, &der);

	assert_true(len > 0);
	buf_add(&parts[1].bytes, der, (size_t)len);
	OPENSSL_free(der);
	assert_int_equal(x509_to_der(cert, &parts[0].bytes, &e), 0);
	assert_true(judge(s, parts, 2).newer);
	buf_done(&parts[0].bytes);
	buf_done(&parts[1].bytes);
}

static void whatever_is_there_does_no_harm(void **state)
{
	const struct scene *s = *state;
	struct foreign_part p = { .differs = true };

	put_key(&p.bytes, s->other);
	put_cert(&p.bytes, s->other, NOW - D, NOW + 89 * D, ALL);
	for (size_t len = p.bytes.len; len > 0; len -= len < 16 ? len : 16) {
		p.bytes.len = len;
		(void)judge(s, &p, 1);
	}
	for (unsigned i = 0; i < 3000; i++) {
		char c = (char)(i * 37);

		buf_add(&p.bytes, &c, 1);
	}
	assert_false(judge(s, &p, 1).newer);
	buf_done(&p.bytes);
	assert_false(judge(s, &p, 1).newer);
	assert_false(judge(s, NULL, 0).newer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_valid_and_newer_is_left, begin,
						end),
		cmocka_unit_test_setup_teardown(
		    a_certificate_is_nothing_without_its_key, begin, end),
		cmocka_unit_test_setup_teardown(der_is_read_too, begin, end),
		cmocka_unit_test_setup_teardown(whatever_is_there_does_no_harm, begin,
						end),
	};

	return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
