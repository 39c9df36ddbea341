/* crl: what comes in pieces, cut off, changed, or is something else. */
#include "ca/crl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/certs.h"
#include "tests/help/crls.h"

#define MANY 1000000

struct stage {
	EVP_PKEY *key;
	X509 *ca;
	struct crl_want want;
	struct buf der; /* of 300 entries */
	struct buf pem;
	struct buf small; /* of one */
};

static int stage_in(void **state)
{
	static struct stage s;
	static const uint64_t own[] = { 7, 1000299 };
	static const struct crls_entry entry = { 7, 1, CRLS_NOW - 5000, "1.2.3.4",
						 "DER:0500" };
	struct crls_plan plan = { .number = 5, .entries = &entry, .n_entries = 1 };

	s.key = certs_key(KEY_ECDSA_P256);
	s.ca = crls_ca("Lab", s.key, "critical,cRLSign");
	s.want = (struct crl_want){
		.ca = s.ca, .now = CRLS_NOW, .serials = own, .n_serials = 2
	};
	plan.ca = s.ca;
	plan.key = s.key;
	crls_make(&plan, &s.small);
	plan.n_more = 300;
	crls_make(&plan, &s.der);
	crls_pem(&s.der, &s.pem);
	*state = &s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;

	EVP_PKEY_free(s->key);
	X509_free(s->ca);
	buf_done(&s->der);
	buf_done(&s->pem);
	buf_done(&s->small);
	return 0;
}

/* The same is said of it however it is cut. */
static void in_pieces(const struct stage *s, const struct buf *list, int code)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 33, 64, 100, 1000 };
	AUTO_SAID struct crls_said whole = { 0 };

	crls_look(&s->want, list, 0, false, &whole);
	assert_int_equal(whole.rc, code);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		AUTO_SAID struct crls_said said = { 0 };

		crls_look(&s->want, list, pieces[i], false, &said);
		assert_int_equal(said.rc, whole.rc);
		assert_string_equal(said.text, whole.text);
		if (code != 0)
			continue;
		assert_memory_equal(&said.facts, &whole.facts, sizeof(said.facts));
		assert_int_equal(said.n_hits, 2);
		assert_memory_equal(said.hits, whole.hits, sizeof(said.hits));
		assert_int_equal(said.der.len, whole.der.len);
		assert_memory_equal(said.der.data, whole.der.data, whole.der.len);
	}
}

static void the_pieces_that_it_comes_in_do_not_matter(void **state)
{
	const struct stage *s = *state;
	AUTO_BUF struct buf longer = { 0 }, cut = { 0 }, twice = { 0 };

	in_pieces(s, &s->der, 0);
	in_pieces(s, &s->pem, 0);
	buf_add(&longer, s->der.data, s->der.len);
	buf_puts(&longer, "\n");
	in_pieces(s, &longer, ERR_PROTO);
	buf_add(&cut, s->der.data, s->der.len / 2);
	in_pieces(s, &cut, ERR_PROTO);
	buf_puts(&twice, s->pem.data);
	buf_puts(&twice, s->pem.data);
	in_pieces(s, &twice, ERR_PROTO);
}

static void a_list_that_is_cut_off_anywhere_is_refused(void **state)
{
	const struct stage *s = *state;

	for (int pem = 0; pem < 2; pem++)
		for (size_t len = 0; len < s->small.len; len++) {
			struct buf cut = pem ? s->pem : s->small;
			AUTO_SAID struct crls_said said = { 0 };

			cut.len = len;
			crls_look(&s->want, &cut, 0, false, &said);
			if (said.rc != ERR_PROTO)
				fail_msg("%zu octets: %d", len, said.rc);
		}
}

/* All but the two algorithms and the signature is signed, and those must be the same. */
static void whatever_bit_is_changed_it_is_refused(void **state)
{
	const struct stage *s = *state;

	for (size_t bit = 0; bit < 8 * s->small.len; bit++) {
		AUTO_SAID struct crls_said said = { 0 };
		char *octet = &s->small.data[bit / 8];

		*octet = (char)(*octet ^ (1 << bit % 8));
		crls_look(&s->want, &s->small, 0, false, &said);
		*octet = (char)(*octet ^ (1 << bit % 8));
		if (said.rc == 0 && said.facts.unverified[0] == '\0')
			fail_msg("bit %zu is not looked at", bit);
	}
}

static void what_is_no_list_is_said_to_be_what_it_is(void **state)
{
	static const struct row {
		const char *what;
		size_t len; /* 0: a string */
		const char *text;
	} rows[] = {
		{ "<!DOCTYPE html><title>404</title>", 0,
		  "it is a web page, not a CRL" },
		{ "\r\n\r\n<html>", 0, "it is a web page, not a CRL" },
		{ "\x1f\x8b\x08\x00", 4, "it is compressed (gzip), not a CRL" },
		{ "not found\n", 0, "neither DER nor PEM: there is no CRL in it" },
		{ "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n", 0,
		  "PEM: not a CRL, but CERTIFICATE" },
		{ "-----BEGIN X509 CRL-----\nMA*A\n-----END X509 CRL-----\n", 0,
		  "PEM: this is no base64" },
		{ "-----BEGIN X509 CRL-----\nMA=A\n-----END X509 CRL-----\n", 0,
		  "PEM: this is no base64" },
		{ "-----BEGIN X509 CRL-----\nMIAAA\n-----END X509 CRL-----\n", 0,
		  "it is no CRL: its DER is not that of RFC 5280 5.1" },
		{ "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n", 0,
		  "it is cut off in its first octets" },
		{ "-----BEGIN X509 CRL-----\nMIA\n-----BEGIN X509 CRL-----\n", 0,
		  "PEM: this is no base64" },
		{ "{\"success\":false,\"result\":null}", 0,
		  "JSON: there is no CRL in it" },
		{ "{\"result\":\"MA*A\"}", 0, "PEM: this is no base64" },
		{ "{\"result\":\"MIAAA\"}", 0,
		  "it is no CRL: its DER is not that of RFC 5280 5.1" },
		{ "-----BEGIN X509 CRL-----\n\n-----END CRL-----\n", 0,
		  "PEM: its block is not ended" },
		{ "\x30\x80", 2, "it is no CRL: its DER is not that of RFC 5280 5.1" },
		{ "\x30\x81\x01", 3,
		  "it is no CRL: its DER is not that of RFC 5280 5.1" },
		{ "\x30\x03\x02\x01\x01", 5,
		  "it is no CRL: its DER is not that of RFC 5280 5.1" },
		{ "\x30\x84\xff\xff\xff\xff", 6,
		  "it is cut off: 6 octets of 4294967301" },
		{ "\x30\x82\x20\x00\x30\x81\xff\x02\x01\x00", 10,
		  "it is of a version that nobody knows" },
	};
	const struct stage *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf b = { 0 };
		AUTO_SAID struct crls_said said = { 0 };

		buf_add(&b, rows[i].what,
			rows[i].len == 0 ? strlen(rows[i].what) : rows[i].len);
		for (size_t piece = 0; piece < 2; piece++) {
			crls_look(&s->want, &b, piece, false, &said);
			assert_int_equal(said.rc, ERR_PROTO);
			assert_string_equal(said.text, rows[i].text);
		}
	}
}

static void nothing_is_no_list(void **state)
{
	const struct stage *s = *state;
	const struct buf none = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_look(&s->want, &none, 0, false, &said);
	assert_int_equal(said.rc, ERR_PROTO);
	assert_string_equal(said.text, "it is empty");
}

static void text_without_end_is_given_up(void **state)
{
	const struct stage *s = *state;
	AUTO_BUF struct buf text = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	for (int i = 0; i < 20000; i++)
		buf_puts(&text, "words ");
	crls_look(&s->want, &text, 0, false, &said);
	assert_int_equal(said.rc, ERR_PROTO);
	assert_string_equal(said.text,
			    "neither DER nor PEM: there is no CRL in its first "
			    "64 kB");
}

/* -- by hand: a list that is not ended and not signed -- */

static const uint8_t algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
				     0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

/* Up to the first entry, with room for `n` octets of them, 16 MiB or more. */
static void begin(const struct stage *s, struct buf *b, uint32_t n)
{
	const uint32_t sizes[] = { n + 200, n + 150, n };
	const uint8_t *name;
	size_t len;

	X509_NAME_get0_der(X509_get_subject_name(s->ca), &name, &len);
	for (int i = 0; i < 3; i++) {
		const uint8_t head[] = { 0x30,
					 0x84,
					 (uint8_t)(sizes[i] >> 24),
					 (uint8_t)(sizes[i] >> 16),
					 (uint8_t)(sizes[i] >> 8),
					 (uint8_t)sizes[i] };

		if (i == 2) {
			buf_add(b, algorithm, sizeof(algorithm));
			buf_add(b, name, len);
			buf_puts(b, "\x17\x0d"
				    "261118100000Z\x17\x0d"
				    "261119100000Z");
		}
		buf_add(b, head, sizeof(head));
	}
}

/* 0: until then all was well. */
static int feed(struct crl_scan *s, const struct buf *b, struct err *e)
{
	return crl_scan_feed(s, b->data, b->len, e);
}

static void memory_does_not_grow_with_the_list(void **state)
{
	const struct stage *s = *state;
	const uint8_t entry[] = { 0x30, 0x14, 0x02, 0x03, 0x01, 0x02, 0x03, 0x17,
				  0x0d, '2',  '6',  '1',  '1',  '1',  '8',  '1',
				  '0',  '0',  '0',  '0',  '0',  'Z' };
	AUTO_BUF struct buf b = { 0 };
	struct crl_scan *scan = NULL;
	struct rusage before, after;
	struct crl_facts facts;
	struct err e;

	assert_int_equal(crl_scan_new(&s->want, NULL, NULL, &scan, &e), 0);
	begin(s, &b, MANY * sizeof(entry));
	assert_int_equal(feed(scan, &b, &e), 0);
	buf_done(&b);
	for (int i = 0; i < 1000; i++)
		buf_add(&b, entry, sizeof(entry));
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < MANY / 1000; i++)
		assert_int_equal(feed(scan, &b, &e), 0);
	getrusage(RUSAGE_SELF, &after);
	assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 4096);
	assert_int_equal(crl_scan_end(scan, -1, &facts, &e), ERR_PROTO);
	crl_scan_free(scan);
}

static void an_element_that_is_too_large_is_refused(void **state)
{
	const struct stage *s = *state;
	const uint8_t large[] = { 0x30, 0x83, 0x01, 0x00, 0x00 }; /* 64 kB */
	AUTO_BUF struct buf b = { 0 };
	struct crl_scan *scan = NULL;
	struct err e;

	assert_int_equal(crl_scan_new(&s->want, NULL, NULL, &scan, &e), 0);
	begin(s, &b, 22 * MANY);
	buf_add(&b, large, sizeof(large));
	assert_int_equal(feed(scan, &b, &e), ERR_LIMIT);
	assert_string_equal(e.text, "one element of it has 65536 octets");
	crl_scan_free(scan);
}

static void what_is_no_entry_is_refused(void **state)
{
	static const struct row {
		const char *entry;
		const char *text;
	} rows[] = {
		{ "\x30\x12\x02\x01\x07\x17\x0d"
		  "26111810000xZ",
		  "an entry's date is not as RFC 5280 has it" },
		{ "\x30\x12\x02\x01\x07\x17\x0d"
		  "2611181000000",
		  "an entry's date is not as RFC 5280 has it" },
		{ "\x30\x12\x03\x01\x07\x17\x0d"
		  "261118100000Z",
		  "an entry's serial number is not as RFC 5280 has it" },
		{ "\x30\x13\x02\x02\xff\x80\x17\x0d"
		  "261118100000Z",
		  "an entry's serial number is not as RFC 5280 has it" },
		{ "\x30\x14\x02\x01\x07\x17\x0d"
		  "261118100000Z\x05\x05",
		  "an entry's end is not as RFC 5280 has it" },
		{ "\x31\x12\x02\x01\x07\x17\x0d"
		  "261118100000Z",
		  "it is no CRL: its DER is not that of RFC 5280 5.1" },
	};
	const struct stage *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf b = { 0 };
		struct crl_scan *scan = NULL;
		struct err e;

		assert_int_equal(crl_scan_new(&s->want, NULL, NULL, &scan, &e), 0);
		begin(s, &b, 22 * MANY);
		buf_puts(&b, rows[i].entry);
		assert_int_equal(feed(scan, &b, &e), ERR_PROTO);
		assert_string_equal(e.text, rows[i].text);
		crl_scan_free(scan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pieces_that_it_comes_in_do_not_matter),
		cmocka_unit_test(a_list_that_is_cut_off_anywhere_is_refused),
		cmocka_unit_test(whatever_bit_is_changed_it_is_refused),
		cmocka_unit_test(what_is_no_list_is_said_to_be_what_it_is),
		cmocka_unit_test(nothing_is_no_list),
		cmocka_unit_test(text_without_end_is_given_up),
		cmocka_unit_test(memory_does_not_grow_with_the_list),
		cmocka_unit_test(an_element_that_is_too_large_is_refused),
		cmocka_unit_test(what_is_no_entry_is_refused),
	};

	return cmocka_run_group_tests(tests, stage_in, stage_out);
}
