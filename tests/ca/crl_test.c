/* crl: which lists are good, and why the others are not. */
#include "ca/crl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/certs.h"
#include "tests/help/crls.h"

#define SIGNS "critical,keyCertSign,cRLSign"
#define HERE  "http://ca.example/1.crl"
#define IDP   "issuingDistributionPoint"

/* A CA, another of the same name and a third with another one. */
struct stage {
	EVP_PKEY *key;
	X509 *ca;
	EVP_PKEY *other_key;
	X509 *other;
	X509 *renamed;
};

static int stage_in(void **state)
{
	static struct stage s;

	s.key = certs_key(KEY_ECDSA_P256);
	s.ca = crls_ca("Lab", s.key, SIGNS);
	s.other_key = certs_key(KEY_ECDSA_P256);
	s.other = crls_ca("Lab", s.other_key, SIGNS);
	s.renamed = crls_ca("lab", s.key, SIGNS);
	*state = &s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;

	EVP_PKEY_free(s->key);
	X509_free(s->ca);
	EVP_PKEY_free(s->other_key);
	X509_free(s->other);
	X509_free(s->renamed);
	return 0;
}

static struct crl_want wants(X509 *ca)
{
	return (struct crl_want){ .ca = ca, .now = CRLS_NOW };
}

static void is_good(const struct crls_said *said)
{
	if (said->rc != 0)
		fail_msg("refused: %s", said->text);
}

/* -- good ones -- */

static void a_good_list_is_told_with_its_facts(void **state)
{
	const struct stage *s = *state;
	const struct crls_entry two[] = { { 7, 1, 0, NULL, NULL },
					  { 9, -1, 0, NULL, NULL } };
	struct crls_plan plan = { .ca = s->ca,
				  .key = s->key,
				  .number = 300,
				  .entries = two,
				  .n_entries = 2 };
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	assert_int_equal(said.facts.this_update, CRLS_NOW - 3600);
	assert_int_equal(said.facts.next_update, CRLS_NOW + 86400);
	assert_int_equal(said.facts.number.len, 2);
	assert_memory_equal(said.facts.number.octets, "\x01\x2c", 2);
	assert_int_equal(said.facts.n_entries, 2);
	assert_int_equal(said.facts.size, der.len);
	assert_int_equal(said.facts.covers, CRL_USERS | CRL_CAS);
	assert_string_equal(said.facts.unverified, "");
	assert_int_equal(said.der.len, der.len);
	assert_memory_equal(said.der.data, der.data, der.len);
}

static void pem_becomes_the_same_der(void **state)
{
	const struct stage *s = *state;
	struct crls_plan plan = { .ca = s->ca, .key = s->key, .number = 1 };
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 }, text = { 0 }, lines = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	for (unsigned more = 0; more < 3; more++) { /* each number of pads */
		AUTO_BUF struct buf pem = { 0 };

		plan.n_more = 2 + more;
		plan.number = more == 1 ? 1 : 1000;
		crls_make(&plan, &der);
		crls_pem(&der, &pem);
		crls_look(&want, &pem, 0, false, &said);
		is_good(&said);
		assert_int_equal(said.der.len, der.len);
		assert_memory_equal(said.der.data, der.data, der.len);
		if (more > 0)
			continue;
		buf_puts(&text, "Certificate Revocation List (CRL):\n    Version 2\n");
		buf_puts(&text, pem.data);
		for (size_t i = 0; i < pem.len; i++)
			buf_printf(&lines, "%s%c", pem.data[i] == '\n' ? "\r" : "",
				   pem.data[i]);
	}
	crls_look(&want, &text, 0, false, &said);
	is_good(&said);
	crls_look(&want, &lines, 0, false, &said);
	is_good(&said);
}

static void every_algorithm_that_is_not_broken_is_verified(void **state)
{
	static const struct row {
		const char *name;
		enum key_type type;
		bool pss;
		const char *digest;
		const char *mask;
	} rows[] = {
		{ "ECDSA P-256", KEY_ECDSA_P256, false, "SHA256", NULL },
		{ "ECDSA P-384", KEY_ECDSA_P384, false, "SHA384", NULL },
		{ "ECDSA and SHA-512", KEY_ECDSA_P256, false, "SHA512", NULL },
		{ "RSA", KEY_RSA_2048, false, "SHA256", NULL },
		{ "RSA and SHA-512", KEY_RSA_2048, false, "SHA512", NULL },
		{ "RSA-PSS", KEY_RSA_2048, true, "SHA256", NULL },
		{ "RSA-PSS and SHA-384", KEY_RSA_2048, true, "SHA384", NULL },
		{ "RSA-PSS, its mask by SHA-1", KEY_RSA_2048, true, "SHA256", "SHA1" },
		{ "Ed25519", KEY_ED25519, false, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_KEY EVP_PKEY *key = certs_key(rows[i].type);
		AUTO_KEY EVP_PKEY *other_key = certs_key(rows[i].type);
		AUTO_X509 X509 *ca = crls_ca("Lab", key, SIGNS);
		AUTO_X509 X509 *other = crls_ca("Lab", other_key, SIGNS);
		struct crls_plan plan = { .ca = ca,
					  .key = key,
					  .pss = rows[i].pss,
					  .number = 1,
					  .n_more = 50 };
		struct crl_want want = wants(ca);
		AUTO_BUF struct buf der = { 0 };
		AUTO_SAID struct crls_said said = { 0 };

		if (rows[i].digest != NULL)
			plan.digest = EVP_get_digestbyname(rows[i].digest);
		if (rows[i].mask != NULL)
			plan.mask = EVP_get_digestbyname(rows[i].mask);
		crls_make(&plan, &der);
		crls_look(&want, &der, 100, true, &said);
		if (said.rc != 0 || said.facts.unverified[0] != '\0')
			fail_msg("%s: %s%s", rows[i].name, said.text,
				 said.facts.unverified);
		want.ca = other;
		crls_look(&want, &der, 100, true, &said);
		if (said.rc != ERR_TRUST ||
		    strstr(said.text, "not by the CA's key") == NULL)
			fail_msg("%s, another key: %d %s", rows[i].name, said.rc,
				 said.text);
	}
}

/* OpenSSL 3.5 and later; of an older one it is a list that cannot be verified here. */
static void ml_dsa_is_verified_where_openssl_has_it(void **state)
{
	AUTO_KEY EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65");
	AUTO_KEY EVP_PKEY *other_key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65");
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	(void)state;
	ERR_clear_error();
	if (key == NULL) {
		print_message("skipped: this OpenSSL has no ML-DSA\n");
		skip();
	}
	for (int wrong = 0; wrong < 2; wrong++) {
		AUTO_X509 X509 *ca = crls_ca("Lab", key, SIGNS);
		AUTO_X509 X509 *other = crls_ca("Lab", other_key, SIGNS);
		struct crls_plan plan = { .ca = ca, .key = key, .n_more = 50 };
		struct crl_want want = wants(wrong ? other : ca);

		crls_make(&plan, &der);
		crls_look(&want, &der, 100, true, &said);
		if (said.rc != (wrong ? ERR_TRUST : 0) ||
		    said.facts.unverified[0] != '\0')
			fail_msg("%d: %s%s", said.rc, said.text, said.facts.unverified);
	}
}

/* -- those that cannot be verified here -- */

static void replace_all(struct buf *b, const char *what, const char *by, size_t len)
{
	for (size_t i = 0; i + len <= b->len; i++)
		if (memcmp(b->data + i, what, len) == 0)
			memcpy(b->data + i, by, len);
}

static void what_cannot_be_verified_here_is_not_called_bad(void **state)
{
	static const struct {
		const char *oid; /* in the place of ecdsa-with-SHA256 */
		const char *why;
	} rows[] = {
		{ "\x2a\x86\x48\xce\x3d\x04\x03\x7a",
		  "this OpenSSL does not know its signature algorithm "
		  "1.2.840.10045.4.3.122" },
		{ "\x2a\x85\x03\x07\x01\x01\x03\x02",
		  "everleaf does not verify GOST R 34.10-2012 with GOST R 34.11-2012 "
		  "(256 bit)" },
	};
	const struct stage *s = *state;
	const struct crls_entry own = { 7, 1, 0, NULL, NULL };
	struct crls_plan plan = {
		.ca = s->ca, .key = s->key, .number = 1, .entries = &own, .n_entries = 1
	};
	const uint64_t serials[] = { 7 };
	struct crl_want want = wants(s->ca);
	AUTO_KEY EVP_PKEY *ed = certs_key(KEY_ED25519);
	AUTO_X509 X509 *ed_ca = crls_ca("Lab", ed, SIGNS);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	want.serials = serials;
	want.n_serials = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		crls_make(&plan, &der);
		replace_all(&der, "\x2a\x86\x48\xce\x3d\x04\x03\x02", rows[i].oid, 8);
		crls_look(&want, &der, 0, true, &said);
		is_good(&said);
		assert_string_equal(said.facts.unverified, rows[i].why);
		assert_int_equal(said.n_hits, 0);
	}
	plan.ca = want.ca = ed_ca;
	plan.key = ed;
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	assert_non_null(strstr(said.facts.unverified, "nowhere to be read again"));
}

/* The same certificate, but that its key is of a kind that is not known. */
static X509 *with_unknown_key(X509 *ca)
{
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at;
	struct err e;
	X509 *other;

	assert_int_equal(x509_to_der(ca, &der, &e), 0);
	replace_all(&der, "\x2a\x86\x48\xce\x3d\x02\x01",
		    "\x2a\x86\x48\xce\x3d\x02\x79", 7);
	at = (const unsigned char *)der.data;
	other = d2i_X509(NULL, &at, (long)der.len);
	assert_non_null(other);
	return other;
}

static void a_ca_s_key_that_cannot_be_read_verifies_nothing(void **state)
{
	const struct stage *s = *state;
	AUTO_X509 X509 *ca = with_unknown_key(s->ca);
	const struct crls_plan plan = { .ca = s->ca, .key = s->key, .number = 1 };
	const struct crl_want want = wants(ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&plan, &der);
	crls_look(&want, &der, 0, true, &said);
	is_good(&said);
	assert_string_equal(said.facts.unverified,
			    "this OpenSSL cannot read the CA's key; the CRL is signed "
			    "with ecdsa-with-SHA256");
	assert_int_equal(ERR_peek_error(), 0);
}

/* -- our own -- */

static void our_own_are_found_with_what_is_said_of_them(void **state)
{
	const struct stage *s = *state;
	const struct crls_entry on_it[] = {
		{ 0x1122334455667788, 1, CRLS_NOW - 5000, NULL, NULL },
		{ 0xfedcba9876543210, -1, 0, NULL, NULL },
		{ 42, 6, 0, "1.2.3.4", "DER:0500" },
		{ 43, 5, 0, NULL, NULL },
	};
	const uint64_t serials[] = { 42, 77, 0xfedcba9876543210, 0x1122334455667788 };
	struct crls_plan plan = { .ca = s->ca,
				  .key = s->key,
				  .number = 1,
				  .entries = on_it,
				  .n_entries = 4,
				  .n_more = 500 };
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	want.serials = serials;
	want.n_serials = 4;
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	assert_int_equal(said.n_hits, 3);
	assert_int_equal(said.hits[0].index, 3);
	assert_int_equal(said.hits[0].reason, 1);
	assert_int_equal(said.hits[0].revoked_at, CRLS_NOW - 1000);
	assert_int_equal(said.hits[0].invalid_at, CRLS_NOW - 5000);
	assert_int_equal(said.hits[1].index, 2);
	assert_int_equal(said.hits[1].reason, 0);
	assert_int_equal(said.hits[1].serial.len, 8);
	assert_memory_equal(said.hits[1].serial.octets,
			    "\xfe\xdc\xba\x98\x76\x54\x32\x10", 8);
	assert_int_equal(said.hits[2].index, 0);
	assert_int_equal(said.hits[2].reason, 6);
}

static void ten_thousand_are_looked_for_and_as_many_told_as_fit(void **state)
{
	const struct stage *s = *state;
	struct crls_plan plan = {
		.ca = s->ca, .key = s->key, .number = 1, .n_more = CRL_HITS_MAX + 1
	};
	struct crl_want want = wants(s->ca);
	uint64_t *serials = xcalloc(CRL_SERIALS_MAX, sizeof(*serials));
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	for (uint64_t i = 0; i < CRL_SERIALS_MAX; i++)
		serials[i] = 1000000 + i * 2; /* every other one stands on it */
	want.serials = serials;
	want.n_serials = CRL_SERIALS_MAX;
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	assert_int_equal(said.n_hits, CRL_HITS_MAX / 2 + 1);
	assert_false(said.facts.more);
	for (uint64_t i = 0; i < CRL_SERIALS_MAX; i++)
		serials[i] = 1000000 + i;
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	assert_int_equal(said.n_hits, CRL_HITS_MAX);
	assert_true(said.facts.more);
	free(serials);
}

/* -- those that are refused -- */

static const struct crls_entry hold_ended = { 7, 8, 0, NULL, NULL };
static const struct crls_entry unknown = { 7, 1, 0, "1.2.3.4", "critical,DER:0500" };
/* RFC 5280 5.2 [critical], RFC 5280 5.2.3 [crlnumber], RFC 5280 5.3.1 [removefromcrl],
 * RFC 5280 6.3.3 [idp-name] */
static const struct refusal {
	const char *name;
	struct crls_plan plan;
	int code; /* 0: it is good */
	const char *text;
} refusals[] = {
	{ "one of the future",
	  { .from = CRL_SKEW_S + 1 },
	  ERR_TRUST,
	  "it is of the future: its thisUpdate is 2026-11-18T11:11:41Z" },
	{ "a clock that is a little ahead", { .from = CRL_SKEW_S }, 0, "" },
	{ "one that has ended",
	  { .from = -7200, .to = -1000 },
	  ERR_TRUST,
	  "it has ended: its nextUpdate was 2026-11-18T10:50:00Z" },
	{ "one that does not end",
	  { .to = -1 },
	  ERR_TRUST,
	  "it does not say when the next one comes (nextUpdate)" },
	{ "a delta",
	  { .delta = 3 },
	  ERR_TRUST,
	  "it is a delta CRL, which says only what has changed" },
	{ "an end of a hold",
	  { .entries = &hold_ended, .n_entries = 1 },
	  ERR_TRUST,
	  "an entry is removed from it, which only a delta CRL may say" },
	{ "a critical extension",
	  { .extensions = { { "1.2.3.4", "critical,DER:0500" } } },
	  ERR_TRUST,
	  "it has the critical extension 1.2.3.4, which servers do not know" },
	{ "one that is not critical",
	  { .extensions = { { "1.2.3.4", "DER:0500" } } },
	  0,
	  "" },
	{ "a critical extension of an entry",
	  { .entries = &unknown, .n_entries = 1 },
	  ERR_TRUST,
	  "an entry has the critical extension 1.2.3.4, which servers do not know" },
	{ "an indirect one",
	  { .extensions = { { IDP, "critical,indirectCRL:TRUE" } } },
	  ERR_TRUST,
	  "it is an indirect CRL, which most servers do not understand (indirect = "
	  "true "
	  "takes it)" },
	{ "some reasons",
	  { .extensions = { { IDP, "critical,onlysomereasons:keyCompromise" } } },
	  ERR_TRUST,
	  "it is for some reasons only" },
	{ "attribute certificates",
	  { .extensions = { { IDP, "critical,onlyAA:TRUE" } } },
	  ERR_TRUST,
	  "it is for attribute certificates only" },
	{ "CA certificates only",
	  { .extensions = { { IDP, "critical,onlyCA:TRUE" } } },
	  ERR_TRUST,
	  "it is for CA certificates only" },
	{ "no CA certificates",
	  { .extensions = { { IDP, "critical,onlyuser:TRUE" } } },
	  0,
	  "" },
	{ "both and so none",
	  { .extensions = { { IDP, "critical,onlyuser:TRUE,onlyCA:TRUE" } } },
	  ERR_PROTO,
	  "it is for CA certificates only and for no CA certificates" },
	{ "our distribution point",
	  { .extensions = { { IDP, "critical,fullname:URI:" HERE } } },
	  0,
	  "" },
	{ "another distribution point",
	  { .extensions = { { IDP,
			      "critical,fullname:URI:http://ca.example/2.crl" } } },
	  ERR_TRUST,
	  "it is only for certificates that name the distribution point "
	  "http://ca.example/2.crl" },
	{ "no number", { .number = -1 }, 0, "" },
	{ "another key's identifier",
	  { .extensions = { { "authorityKeyIdentifier", "DER:30048002abcd" } } },
	  ERR_TRUST,
	  "its authority key identifier is of another key than the CA's" },
	{ "our key's identifier",
	  { .extensions = { { "authorityKeyIdentifier", "keyid:always" } } },
	  0,
	  "" },
	{ "a number that is negative",
	  { .number = -1, .extensions = { { "2.5.29.20", "DER:0201ff" } } },
	  ERR_PROTO,
	  "its number is none that RFC 5280 5.2.3 allows" },
	{ "a number of 21 octets",
	  { .number = -1,
	    .extensions = { { "2.5.29.20",
			      "DER:"
			      "021501020304050607080910111213141516171819202a" } } },
	  ERR_PROTO,
	  "its number is none that RFC 5280 5.2.3 allows" },
	{ "a number of 20 octets",
	  { .number = -1,
	    .extensions = { { "2.5.29.20",
			      "DER:021401020304050607080910111213141516171819aa" } } },
	  0,
	  "" },
	{ "an extension twice",
	  { .extensions = { { "2.5.29.20", "DER:020102" } } },
	  ERR_PROTO,
	  "it has an extension twice" },
};

static void each_wrong_list_is_refused_with_its_reason(void **state)
{
	const struct stage *s = *state;
	static const char *const points[] = { "http://ca.example/0.crl", HERE };
	struct crl_want want = wants(s->ca);

	want.covers = CRL_USERS;
	want.points = points;
	want.n_points = 2;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct crls_plan plan = r->plan;
		AUTO_BUF struct buf der = { 0 };
		AUTO_SAID struct crls_said said = { 0 };

		plan.ca = s->ca;
		plan.key = s->key;
		crls_make(&plan, &der);
		crls_look(&want, &der, 0, false, &said);
		if (said.rc != r->code || strcmp(said.text, r->text) != 0)
			fail_msg("%s: %d, %s", r->name, said.rc, said.text);
	}
}

static void a_list_with_an_entry_of_another_ca_is_refused(void **state)
{
	const struct stage *s = *state;
	/* GeneralNames { directoryName { } } */
	const struct crls_entry other = { 7, 1, 0, "2.5.29.29",
					  "critical,DER:3004a4023000" };
	struct crls_plan plan = {
		.ca = s->ca, .key = s->key, .entries = &other, .n_entries = 1
	};
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_TRUST);
	assert_string_equal(said.text,
			    "an entry is of another CA: an indirect CRL, which "
			    "most servers do not understand (indirect = true takes "
			    "it)");
}

static void one_of_others_is_taken_by_who_wants_it(void **state)
{
	const struct stage *s = *state;
	/* The same serial, of another CA and of who signs. */
	const struct crls_entry other = { 7, 1, 0, "2.5.29.29",
					  "critical,DER:3004a4023000" };
	const struct crls_entry own = { 7, 1, 0, NULL, NULL };
	struct crls_plan plan = {
		.ca = s->ca,
		.key = s->key,
		.entries = &other,
		.n_entries = 1,
		.extensions = { { IDP, "critical,indirectCRL:TRUE" } },
	};
	struct crl_want want = wants(s->ca);
	AUTO_SAID struct crls_said of_other = { 0 };
	AUTO_SAID struct crls_said of_own = { 0 };
	AUTO_BUF struct buf der = { 0 };

	want.indirect = true;
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &of_other);
	assert_int_equal(of_other.rc, 0);
	assert_int_equal(of_other.facts.n_entries, 1);
	plan.entries = &own;
	buf_done(&der);
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &of_own);
	assert_int_equal(of_own.rc, 0);
	assert_memory_not_equal(of_other.facts.digest, of_own.facts.digest,
				CRL_HASH_LEN);
}

static void the_issuer_is_the_ca_byte_for_byte(void **state)
{
	const struct stage *s = *state;
	struct crls_plan plan = { .ca = s->renamed, .key = s->key, .number = 1 };
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	/* To OpenSSL "lab" and "Lab" are the same name. */
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_TRUST);
	assert_string_equal(said.text, "it is issued by another than the CA");
}

static void a_hash_that_is_broken_is_refused(void **state)
{
	static const struct row {
		const char *digest;
		bool pss;
	} rows[] = { { "SHA1", false }, { "MD5", false }, { "SHA1", true } };
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_RSA_2048);
	AUTO_X509 X509 *ca = crls_ca("Lab", key, SIGNS);
	struct crl_want want = wants(ca);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct crls_plan plan = { .ca = ca, .key = key, .pss = rows[i].pss };
		AUTO_BUF struct buf der = { 0 };
		AUTO_SAID struct crls_said said = { 0 };

		plan.digest = EVP_get_digestbyname(rows[i].digest);
		crls_make(&plan, &der);
		crls_look(&want, &der, 0, false, &said);
		if (said.rc != ERR_TRUST ||
		    strstr(said.text, "not to be trusted") == NULL)
			fail_msg("%s: %d, %s", rows[i].digest, said.rc, said.text);
	}
}

/* The first of its parameters has a tag that none of them has. */
static void spoil_pss(struct buf *der)
{
	for (size_t i = 0; i + 6 <= der->len; i++)
		if (memcmp(der->data + i, "\x01\x01\x0a\x30", 4) == 0)
			der->data[i + 5] = '\xa7';
}

/* RSA-PSS without parameters (RFC 4055 3.1) is made of sha256WithRSAEncryption. */
static void what_no_key_of_the_ca_signs_is_refused(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_RSA_2048);
	AUTO_X509 X509 *ca = crls_ca("Lab", key, SIGNS);
	struct crls_plan by_ecdsa = { .ca = s->ca, .key = s->key, .number = 1 };
	struct crls_plan by_rsa = { .ca = ca, .key = key, .number = 1 };
	const struct crl_want of_ecdsa = wants(s->ca), of_rsa = wants(ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&by_ecdsa, &der);
	crls_look(&of_rsa, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_TRUST);
	assert_string_equal(
	    said.text, "it is signed with ecdsa-with-SHA256, not with the CA's key");
	crls_make(&by_rsa, &der);
	crls_look(&of_ecdsa, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_TRUST);
	replace_all(&der, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b",
		    "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9);
	crls_look(&of_rsa, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_PROTO);
	assert_string_equal(said.text, "its RSA-PSS parameters cannot be read");
	by_rsa.pss = true;
	crls_make(&by_rsa, &der);
	spoil_pss(&der);
	crls_look(&of_rsa, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_PROTO);
	assert_non_null(strstr(said.text, "its RSA-PSS parameters cannot be read: "));
	/* Nor is that told of the next one. */
	assert_int_equal(ERR_peek_error(), 0);
}

/* RFC 5280 6.3.3 [crlsign] */
static void a_ca_that_may_not_sign_lists_is_said_to_be_wrong(void **state)
{
	const struct stage *s = *state;
	AUTO_X509 X509 *ca = crls_ca("Lab", s->key, "critical,keyCertSign");
	AUTO_X509 X509 *old = crls_ca("Lab", s->key, NULL);
	struct crls_plan plan = { .ca = s->ca, .key = s->key, .number = 1 };
	struct crl_want want = wants(ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_CONFIG);
	assert_string_equal(said.text, "the CA's key usage does not let it sign CRLs");
	want.ca = old;
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
}

static void an_older_list_of_the_same_scope_is_refused(void **state)
{
	const struct stage *s = *state;
	struct crls_plan plan = { .ca = s->ca, .key = s->key, .number = 300 };
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&plan, &der);
	want.floor = (struct crl_number){ 2, { 1, 44 } };
	crls_look(&want, &der, 0, false, &said); /* the same number */
	is_good(&said);
	want.floor = (struct crl_number){ 2, { 1, 45 } };
	crls_look(&want, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_TRUST);
	assert_string_equal(said.text,
			    "it is older than the one that we have: number 012c "
			    "(hex), not 012d or more");
	want.scope[0] = 1; /* what we have is for something else */
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	want.scope[0] = 0;
	plan.number = -1;
	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	assert_int_equal(said.rc, ERR_TRUST);
	assert_string_equal(said.text, "it has no number; the one that we have: 012d");
}

static void a_list_for_some_has_a_scope_of_its_own(void **state)
{
	const struct stage *s = *state;
	static const uint8_t none[CRL_HASH_LEN];
	struct crls_plan plan = { .ca = s->ca,
				  .key = s->key,
				  .number = 1,
				  .extensions = { { IDP, "critical,onlyuser:TRUE" } } };
	struct crl_want want = wants(s->ca);
	AUTO_BUF struct buf der = { 0 };
	AUTO_SAID struct crls_said said = { 0 };

	crls_make(&plan, &der);
	crls_look(&want, &der, 0, false, &said);
	is_good(&said);
	assert_int_equal(said.facts.covers, CRL_USERS);
	assert_memory_not_equal(said.facts.scope, none, sizeof(none));
}

static void the_digest_tells_whom_a_list_revokes_and_nothing_else(void **state)
{
	const struct stage *s = *state;
	const struct crl_want want = wants(s->ca);
	static const struct crls_entry seven = { 7, 1, 0, NULL, NULL },
				       nine = { 9, -1, 0, NULL, NULL },
				       ten = { 10, -1, 0, NULL, NULL };
	const struct {
		const char *name;
		struct crls_entry entries[2];
		size_t n;
		int number;
		bool same;
	} rows[] = {
		{ "both", { seven, nine }, 2, 1, true },
		{ "signed anew", { seven, nine }, 2, 2, true },
		{ "the other way round", { nine, seven }, 2, 3, true },
		{ "one", { seven }, 1, 4, false },
		{ "another", { seven, ten }, 2, 5, false },
		{ "twice", { seven, seven }, 2, 6, false },
		{ "nobody", { { 0 } }, 0, 7, false },
	};
	uint8_t first[CRL_HASH_LEN] = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct crls_plan plan = { .ca = s->ca,
						.key = s->key,
						.number = rows[i].number,
						.entries = rows[i].entries,
						.n_entries = rows[i].n };
		AUTO_BUF struct buf der = { 0 };
		AUTO_SAID struct crls_said said = { 0 };

		crls_make(&plan, &der);
		crls_look(&want, &der, 0, false, &said);
		is_good(&said);
		if (i == 0)
			memcpy(first, said.facts.digest, sizeof(first));
		if ((memcmp(first, said.facts.digest, sizeof(first)) == 0) !=
		    rows[i].same)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_list_is_told_with_its_facts),
		cmocka_unit_test(pem_becomes_the_same_der),
		cmocka_unit_test(every_algorithm_that_is_not_broken_is_verified),
		cmocka_unit_test(ml_dsa_is_verified_where_openssl_has_it),
		cmocka_unit_test(what_cannot_be_verified_here_is_not_called_bad),
		cmocka_unit_test(a_ca_s_key_that_cannot_be_read_verifies_nothing),
		cmocka_unit_test(our_own_are_found_with_what_is_said_of_them),
		cmocka_unit_test(ten_thousand_are_looked_for_and_as_many_told_as_fit),
		cmocka_unit_test(each_wrong_list_is_refused_with_its_reason),
		cmocka_unit_test(a_list_with_an_entry_of_another_ca_is_refused),
		cmocka_unit_test(one_of_others_is_taken_by_who_wants_it),
		cmocka_unit_test(the_issuer_is_the_ca_byte_for_byte),
		cmocka_unit_test(a_hash_that_is_broken_is_refused),
		cmocka_unit_test(what_no_key_of_the_ca_signs_is_refused),
		cmocka_unit_test(a_ca_that_may_not_sign_lists_is_said_to_be_wrong),
		cmocka_unit_test(an_older_list_of_the_same_scope_is_refused),
		cmocka_unit_test(a_list_for_some_has_a_scope_of_its_own),
		cmocka_unit_test(the_digest_tells_whom_a_list_revokes_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, stage_in, stage_out);
}
