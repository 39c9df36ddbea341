/* x509_order: whatever order a CA has sent a chain in, it is the one that TLS wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "base/x509_order.h"
#include "tests/help/certs.h"

#define NOW 1800000000

enum { LEAF, LOW, HIGH, ROOT, OTHER, CERTS };

static const char letters[] = "LIHRO"; /* as rows below call them */

struct stage {
	EVP_PKEY *keys[CERTS];
	X509 *certs[CERTS];
	struct buf spki; /* of the leaf's key */
};

static X509 *make(const struct stage *s, int which, int issuer)
{
	const char name[] = { letters[which], '\0' };
	const struct cert_plan plan = {
		.subject = name,
		.key = s->keys[which],
		.issuer = issuer < 0 ? NULL : s->certs[issuer],
		.issuer_key = issuer < 0 ? NULL : s->keys[issuer],
		.from = NOW,
		.to = NOW + 1000,
		.basic = which == LEAF ? "critical,CA:FALSE" : "critical,CA:TRUE",
		.key_usage = which == LEAF ? "critical,digitalSignature"
					   : "critical,keyCertSign",
		.names = which == LEAF ? "DNS:a.example" : NULL,
	};

	return certs_make(&plan);
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));
	struct err e;

	for (int i = 0; i < CERTS; i++)
		s->keys[i] = certs_key(KEY_ECDSA_P256);
	s->certs[ROOT] = make(s, ROOT, -1);
	s->certs[HIGH] = make(s, HIGH, ROOT);
	s->certs[LOW] = make(s, LOW, HIGH);
	s->certs[LEAF] = make(s, LEAF, LOW);
	s->certs[OTHER] = make(s, OTHER, -1);
	assert_int_equal(key_to_spki(s->keys[LEAF], &s->spki, &e), 0);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;

	for (int i = 0; i < CERTS; i++) {
		X509_free(s->certs[i]);
		EVP_PKEY_free(s->keys[i]);
	}
	buf_done(&s->spki);
	test_free(s);
	return 0;
}

static void what_a_ca_sends_is_put_in_order(void **state)
{
	static const struct {
		const char *sent;
		const char *ordered;
		int n; /* in their place */
	} rows[] = {
		{ "L", "L", 1 },         { "LI", "LI", 2 },       { "IL", "LI", 2 },
		{ "LIH", "LIH", 3 },     { "HIL", "LIH", 3 },     { "RHIL", "LIHR", 4 },
		{ "HLRI", "LIHR", 4 },   { "OLI", "LIO", 2 },     { "LOI", "LIO", 2 },
		{ "OILHR", "LIHRO", 4 }, { "LH", "LH", 1 },       { "HL", "LH", 1 },
		{ "LRH", "LRH", 1 },     { "LL", "LL", 1 },       { "LIIH", "LIHI", 3 },
		{ "RR", "RR", 0 },       { "IH", "IH", 0 },       { "HI", "HI", 0 },
		{ "", "", 0 },           { "LIHRO", "LIHRO", 4 },
	};
	const struct stage *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_CHAIN STACK_OF(X509) *chain = sk_X509_new_null();
		char got[CERTS + 1] = "";
		int in_place;

		for (const char *c = rows[i].sent; *c != '\0'; c++) {
			X509 *cert = s->certs[strchr(letters, *c) - letters];

			X509_up_ref(cert);
			assert_true(sk_X509_push(chain, cert) > 0);
		}
		in_place = x509_order(chain, s->spki.data, s->spki.len);
		for (int k = 0; k < sk_X509_num(chain); k++)
			for (int n = 0; n < CERTS; n++)
				if (sk_X509_value(chain, k) == s->certs[n])
					got[k] = letters[n];
		if (strcmp(got, rows[i].ordered) != 0 || in_place != rows[i].n)
			fail_msg("\"%s\": %d of \"%s\", not \"%s\"", rows[i].sent,
				 in_place, got, rows[i].ordered);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_ca_sends_is_put_in_order,
						stage_in, stage_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
