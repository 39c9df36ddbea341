/*
 * tsig, txt: what we sign another implementation (ldns) verifies, what it signs we do, and
 * nothing else; updates are what it reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "acme/tsig.h"
#include "acme/txt.h"
#include "base/buf.h"
#include "base/dns.h"
#include "base/err.h"

#define SECRET "7lUewS12rGWHUvTqEAx0tzIMTkwMNoSWi2GRZxsbS7Q="
#define NOW    1795280000

/* ldns knows no hmac-sha384. */
static const char *const algorithms[] = { "hmac-sha256", "hmac-sha512" };

static void put(struct buf *out, const char *text)
{
	out->len = 0;
	buf_puts(out, text);
}

static struct tsig_key key_of(const char *algorithm, struct buf *secret)
{
	AUTO_BUF struct buf text = { 0 };
	struct err e;

	secret->len = 0;
	put(&text, SECRET "\n");
	assert_int_equal(tsig_secret(&text, algorithm, secret, &e), 0);
	return (struct tsig_key){ .name = "acme-key",
				  .algorithm = algorithm,
				  .secret = secret->data,
				  .len = secret->len };
}

static void make_update(bool add, struct buf *m)
{
	static const struct txt_record records[] = {
		{ "_acme-challenge.example.org", "one" },
		{ "_acme-challenge.a.example.org", "two" },
	};
	struct err e;

	assert_int_equal(txt_update(0x1234, "example.org", add, records, 2, m, &e), 0);
}

static ldns_pkt *parsed(const struct buf *m)
{
	ldns_pkt *p = NULL;

	assert_int_equal(ldns_wire2pkt(&p, (const uint8_t *)m->data, m->len),
			 LDNS_STATUS_OK);
	return p;
}

/* -- updates -- */

static void expect_record(const ldns_pkt *p, size_t i, const char *want)
{
	char *text = ldns_rr2str(ldns_rr_list_rr(ldns_pkt_authority(p), i));

	assert_string_equal(text, want);
	free(text);
}

static void records_are_added_as_the_rfc_says(void **state)
{
	AUTO_BUF struct buf m = { 0 };
	ldns_pkt *p;

	(void)state;
	make_update(true, &m);
	p = parsed(&m);
	assert_int_equal(ldns_pkt_id(p), 0x1234);
	assert_int_equal(ldns_pkt_get_opcode(p), LDNS_PACKET_UPDATE);
	assert_int_equal(ldns_pkt_ancount(p), 0);
	expect_record(p, 0, "_acme-challenge.example.org.\t60\tIN\tTXT\t\"one\"\n");
	expect_record(p, 1, "_acme-challenge.a.example.org.\t60\tIN\tTXT\t\"two\"\n");
	ldns_pkt_free(p);
}

static void records_are_deleted_one_by_one(void **state)
{
	AUTO_BUF struct buf m = { 0 };
	ldns_pkt *p;

	(void)state;
	make_update(false, &m);
	p = parsed(&m);
	expect_record(p, 0, "_acme-challenge.example.org.\t0\tNONE\tTXT\t\"one\"\n");
	expect_record(p, 1, "_acme-challenge.a.example.org.\t0\tNONE\tTXT\t\"two\"\n");
	ldns_pkt_free(p);
}

/* = RFC 8555 8.4 "The record provisioned to the DNS contains the base64url encoding of this
 * digest." [dns01] What openssl and basenc have made of it. */
static void a_record_says_the_digest_of_the_key_authorization(void **state)
{
	char value[TXT_VALUE_LEN + 1];

	(void)state;
	txt_value("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA."
		  "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
		  value);
	assert_string_equal(value, "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM");
}

static void nothing_outside_of_the_zone_is_written(void **state)
{
	static const struct txt_record records[] = {
		{ "example.net", "x" },
		{ "aexample.org", "x" },
		{ "a b.example.org", "x" },
		{ "", "x" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		AUTO_BUF struct buf m = { 0 };

		assert_int_equal(txt_update(1, "example.org", true, &records[i], 1, &m,
					    &e),
				 ERR_PROTO);
		assert_int_equal(m.len, 0);
	}
	assert_int_equal(txt_update(1, "example.org", true, records, 0, NULL, &e),
			 ERR_PROTO);
	assert_int_equal(txt_update(1, "example.org", true, records, TXT_MAX + 1, NULL,
				    &e),
			 ERR_PROTO);
	assert_int_equal(txt_update(1, "", true, records, 1, NULL, &e), ERR_PROTO);
}

/* -- requests -- */

static void another_implementation_verifies_what_we_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_BUF struct buf secret = { 0 };
		AUTO_BUF struct buf m = { 0 };
		AUTO_BUF struct buf mac = { 0 };
		struct tsig_key key = key_of(algorithms[i], &secret);
		struct err e;
		ldns_pkt *p;

		make_update(true, &m);
		assert_int_equal(tsig_sign(&key, NOW, &m, &mac, &e), 0);
		p = parsed(&m);
		assert_int_equal(ldns_pkt_arcount(p), 0); /* ldns counts it apart */
		assert_true(ldns_pkt_tsig_verify(p, (const uint8_t *)m.data, m.len,
						 "acme-key.", SECRET, NULL));
		ldns_pkt_free(p);
	}
}

/* -- replies -- */

/* A reply by ldns to the request with `mac`, in its parts: `m` without the TSIG record. */
struct answer {
	struct buf m;
	uint8_t mac[TSIG_MAC_MAX];
	struct tsig_reply r;
};

static ldns_rdf *mac_rdf(const struct buf *mac)
{
	uint8_t data[2 + TSIG_MAC_MAX];

	data[0] = 0;
	data[1] = (uint8_t)mac->len;
	memcpy(data + 2, mac->data, mac->len);
	return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, mac->len + 2, data);
}

static void answer(struct answer *a, const char *algorithm, const struct buf *mac)
{
	char name[32];
	ldns_pkt *p = ldns_pkt_new();
	ldns_rdf *request = mac_rdf(mac), *sum, *at;
	uint8_t *wire;
	size_t n;

	snprintf(name, sizeof(name), "%s.", algorithm);
	ldns_pkt_set_id(p, 0x1234);
	ldns_pkt_set_qr(p, true);
	ldns_pkt_set_opcode(p, LDNS_PACKET_UPDATE);
	assert_int_equal(ldns_pkt2wire(&wire, p, &n), LDNS_STATUS_OK);
	buf_add(&a->m, wire, n);
	free(wire);
	assert_int_equal(ldns_pkt_tsig_sign(p, "acme-key.", SECRET, TSIG_FUDGE, name,
					    request),
			 LDNS_STATUS_OK);
	at = ldns_rr_rdf(ldns_pkt_tsig(p), 1);
	sum = ldns_rr_rdf(ldns_pkt_tsig(p), 3);
	n = ldns_rdf_size(sum) - 2;
	memcpy(a->mac, ldns_rdf_data(sum) + 2, n);
	a->r = (struct tsig_reply){ .message = a->m.data,
				    .len = a->m.len,
				    .fudge = TSIG_FUDGE,
				    .mac = a->mac,
				    .n_mac = n };
	for (size_t i = 0; i < 6; i++)
		a->r.at = a->r.at << 8 | ldns_rdf_data(at)[i];
	ldns_rdf_deep_free(request);
	ldns_pkt_free(p);
}

/* = RFC 8945 4.3.1 "the validated request MAC MUST be included in the MAC computation."
 * [request_mac] */
static void a_reply_is_of_who_has_the_secret_and_to_this_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_BUF struct buf secret = { 0 };
		AUTO_BUF struct buf m = { 0 };
		AUTO_BUF struct buf mac = { 0 };
		struct tsig_key key = key_of(algorithms[i], &secret);
		struct answer a = { .m = { 0 } };
		struct err e;
		int64_t now;

		make_update(true, &m);
		assert_int_equal(tsig_sign(&key, NOW, &m, &mac, &e), 0);
		answer(&a, algorithms[i], &mac);
		now = (int64_t)a.r.at;
		assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), 0);
		mac.data[0] ^= 1;
		assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), ERR_TRUST);
		mac.data[0] ^= 1;
		a.m.data[3] ^= 5;
		assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), ERR_TRUST);
		a.m.data[3] ^= 5;
		a.r.error = 17;
		assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), ERR_TRUST);
		a.r.error = 0;
		a.r.n_mac--;
		assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), ERR_TRUST);
		a.r.n_mac = 0;
		assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), ERR_TRUST);
		buf_done(&a.m);
	}
}

static void a_reply_of_another_time_is_none(void **state)
{
	static const struct {
		int64_t off;
		int rc;
	} rows[] = { { 0, 0 },
		     { TSIG_FUDGE, 0 },
		     { -TSIG_FUDGE, 0 },
		     { TSIG_FUDGE + 1, ERR_TRUST },
		     { -TSIG_FUDGE - 1, ERR_TRUST } };
	AUTO_BUF struct buf secret = { 0 };
	AUTO_BUF struct buf mac = { 0 };
	struct tsig_key key = key_of("hmac-sha256", &secret);
	struct answer a = { .m = { 0 } };
	struct err e;
	int64_t now;

	(void)state;
	put(&mac, "01234567890123456789012345678901");
	answer(&a, "hmac-sha256", &mac);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(tsig_check(&key, &mac, &a.r,
					    (int64_t)a.r.at + rows[i].off, &e),
				 rows[i].rc);
	now = (int64_t)a.r.at;
	a.r.at |= (uint64_t)1 << 63; /* the signed 48 bits stay as they were */
	assert_int_equal(tsig_check(&key, &mac, &a.r, now, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "signed at"));
	buf_done(&a.m);
}

/* -- secrets -- */

static const struct {
	const char *text;
	size_t len; /* of the secret; 0: it is none */
} secrets[] = {
	{ SECRET, 32 },
	{ SECRET "\n", 32 },
	{ "key \"acme-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
	  "\";\n};\n",
	  32 },
	{ "key acme { algorithm \"hmac-sha256\"; secret " SECRET "; };", 32 },
	{ "key acme { algorithm hmac-sha512; secret \"" SECRET "\"; };", 0 },
	{ "key acme { algorithm hmac-md5; secret \"" SECRET "\"; };", 0 },
	{ "key acme { secret \"\"; };", 0 },
	{ "MTIzNDU2Nzg5MDEyMzQ1", 0 }, /* 15 bytes */
	{ "MTIzNDU2Nzg5MDEyMzQ1Ng==", 16 },
	{ "not a secret!", 0 },
	{ "", 0 },
	/* It is called as its settings are. */
	{ "key \"secret-algorithm-1\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
	  "\";\n};\n",
	  32 },
};

static void a_key_file_is_base64_or_what_tsig_keygen_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		AUTO_BUF struct buf text = { 0 };
		AUTO_BUF struct buf secret = { 0 };
		struct err e;
		int rc;

		put(&text, secrets[i].text);
		rc = tsig_secret(&text, "hmac-sha256", &secret, &e);
		if (rc != (secrets[i].len > 0 ? 0 : ERR_CONFIG) ||
		    (rc == 0 && secret.len != secrets[i].len))
			fail_msg("%s", secrets[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_added_as_the_rfc_says),
		cmocka_unit_test(records_are_deleted_one_by_one),
		cmocka_unit_test(a_record_says_the_digest_of_the_key_authorization),
		cmocka_unit_test(nothing_outside_of_the_zone_is_written),
		cmocka_unit_test(another_implementation_verifies_what_we_sign),
		cmocka_unit_test(a_reply_is_of_who_has_the_secret_and_to_this_request),
		cmocka_unit_test(a_reply_of_another_time_is_none),
		cmocka_unit_test(a_key_file_is_base64_or_what_tsig_keygen_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
