/*
 * crl: lists that are damaged at random, with and without a new signature over the damage.
 *
 * Whatever comes, and in whatever pieces, is refused or good, and the same in any pieces;
 * and what everleaf calls good, OpenSSL does, too: servers that use it take the file.
 *
 *   FUZZ_ROUNDS=N   so many of each (default 1500)
 *   FUZZ_SEED=N     another course
 *   FUZZ_FILES="FILE..."  instead: hold these files against OpenSSL, as they are, and
 *                   signed anew by a CA of their issuer's name; a line for each
 *                   difference
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/crl_der.h"
#include "tests/help/certs.h"
#include "tests/help/crls.h"

#define SEEDS 4

struct stage {
	EVP_PKEY *key;
	X509 *ca;
	X509 *leaf;
	struct buf seeds[SEEDS];
	uint64_t rounds;
	unsigned n_alike[2]; /* files signed anew that both refuse, and call good */
	uint64_t state;      /* of the dice */
};

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	uint64_t n = otherwise;
	const char *text = getenv(name);

	if (text != NULL && !text_u64(text, UINT64_MAX, &n))
		fail_msg("%s is no number", name);
	return n;
}

static X509 *make_leaf(X509 *ca, EVP_PKEY *key)
{
	return certs_make(&(struct cert_plan){ .subject = "leaf",
					       .key = key,
					       .issuer = ca,
					       .issuer_key = key,
					       .from = CRLS_NOW - 86400,
					       .to = CRLS_NOW + 86400,
					       .serial = "07" });
}

static int stage_in(void **state)
{
	static struct stage s;
	static const struct crls_entry entries[] = {
		{ 7, 1, CRLS_NOW - 5000, NULL, NULL },
		{ 300, 6, 0, "1.2.3.4", "DER:0500" },
		{ 0x1122334455667788, -1, 0, NULL, NULL },
	};
	const struct crls_plan plans[SEEDS] = {
		{ .number = 5, .entries = entries, .n_entries = 3 },
		{ .number = -1 },
		{ .number = 300,
		  .n_more = 10,
		  .extensions = { { "issuingDistributionPoint",
				    "critical,onlyuser:TRUE" },
				  { "authorityKeyIdentifier", "keyid:always" } } },
		{ .number = 1,
		  .extensions = { { "issuingDistributionPoint",
				    "critical,fullname:URI:http://a/" } } },
	};

	s.key = certs_key(KEY_ECDSA_P256);
	s.ca = crls_ca("Lab", s.key, "critical,keyCertSign,cRLSign");
	s.leaf = make_leaf(s.ca, s.key);
	for (size_t i = 0; i < SEEDS; i++) {
		struct crls_plan plan = plans[i];

		plan.ca = s.ca;
		plan.key = s.key;
		crls_make(&plan, &s.seeds[i]);
	}
	s.rounds = number_of("FUZZ_ROUNDS", 1500);
	s.state = number_of("FUZZ_SEED", 1) * 0x9e3779b97f4a7c15ULL + 1;
	*state = &s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < SEEDS; i++)
		buf_done(&s->seeds[i]);
	EVP_PKEY_free(s->key);
	X509_free(s->ca);
	X509_free(s->leaf);
	return 0;
}

static size_t dice(struct stage *s, size_t n)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return n == 0 ? 0 : (size_t)(s->state >> 11) % n;
}

/* -- what OpenSSL says -- */

/* NULL: the list is good. */
static const char *verify(X509_CRL *crl, X509 *ca, X509 *leaf, int64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const char *why = NULL;
	int code;

	X509_STORE_add_cert(store, ca);
	X509_STORE_add_crl(store, crl);
	X509_STORE_CTX_init(ctx, store, leaf, NULL);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
	X509_verify_cert(ctx);
	code = X509_STORE_CTX_get_error(ctx);
	/* A list for a distribution point is none for a leaf that names none. */
	if (code != X509_V_OK && code != X509_V_ERR_CERT_REVOKED &&
	    code != X509_V_ERR_DIFFERENT_CRL_SCOPE)
		why = X509_verify_cert_error_string(code);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return why;
}

static X509_CRL *parse(const struct buf *b)
{
	const unsigned char *at = (const unsigned char *)b->data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)b->len);

	ERR_clear_error();
	if (crl != NULL && at == (const unsigned char *)b->data + b->len)
		return crl;
	X509_CRL_free(crl);
	return NULL;
}

static const char *openssl_says(const struct stage *s, const struct buf *b)
{
	X509_CRL *crl = parse(b);
	const char *why;

	if (crl == NULL)
		return "it is no CRL";
	why = verify(crl, s->ca, s->leaf, CRLS_NOW);
	X509_CRL_free(crl);
	return why;
}

/* -- damage -- */

static void damage(struct stage *s, struct buf *b)
{
	const size_t at = dice(s, b->len);
	const size_t n = dice(s, 1 + dice(s, 16));
	char byte = (char)dice(s, 256);

	switch (dice(s, 5)) {
	case 0:
		b->data[at] = (char)(b->data[at] ^ (1 << dice(s, 8)));
		break;
	case 1:
		b->data[at] = byte;
		break;
	case 2:
		b->len = at + 1;
		break;
	case 3: /* some are lost */
		if (at + n < b->len) {
			memmove(b->data + at, b->data + at + n, b->len - at - n);
			b->len -= n;
		}
		break;
	default: /* some come twice */
		if (at + n < b->len)
			memmove(b->data + at, b->data + dice(s, b->len - n), n);
		break;
	}
}

static void wrap(struct buf *to, uint8_t tag, const void *data, size_t len)
{
	const uint8_t head[] = { tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len };
	const uint8_t small[] = { tag, (uint8_t)len },
		      medium[] = { tag, 0x81, (uint8_t)len };

	if (len < 128)
		buf_add(to, small, 2);
	else if (len < 256)
		buf_add(to, medium, 3);
	else
		buf_add(to, head, 4);
	buf_add(to, data, len);
}

/* Sign what is in the TBSCertList of `b`, damaged as it may be, and put it together. */
static void sign_again(const struct stage *s, const struct der *tbs, struct buf *crl)
{
	static const uint8_t algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
					     0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
	AUTO_BUF struct buf all = { 0 }, bits = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[256];
	size_t len = sizeof(signature);

	wrap(&all, DER_SEQUENCE, tbs->at, tbs->len);
	EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->key);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)all.data,
					all.len),
			 1);
	EVP_MD_CTX_free(ctx);
	buf_add(&all, algorithm, sizeof(algorithm));
	buf_add(&bits, "", 1);
	buf_add(&bits, signature, len);
	wrap(&all, DER_BITS, bits.data, bits.len);
	buf_done(crl);
	wrap(crl, DER_SEQUENCE, all.data, all.len);
}

static void show(const struct buf *b, const char *what, const char *why)
{
	AUTO_FREE char *hex = xcalloc(1, 2 * b->len + 1);

	text_hex(hex, b->data, b->len);
	fail_msg("%s: %s: %s", what, why, hex);
}

static struct crl_want wanted(const struct stage *s)
{
	static const char *const points[] = { "http://a/" };
	static const uint64_t own[] = { 7 };

	return (struct crl_want){ .ca = s->ca,
				  .now = CRLS_NOW,
				  .points = points,
				  .n_points = 1,
				  .serials = own,
				  .n_serials = 1 };
}

/* Returns whether everleaf calls it good. */
static bool hold_against(struct stage *s, const struct buf *b)
{
	const struct crl_want want = wanted(s);
	AUTO_SAID struct crls_said whole = { 0 }, said = { 0 };
	const char *openssl;

	crls_look(&want, b, 0, false, &whole);
	crls_look(&want, b, 1 + dice(s, 40), false, &said);
	if (said.rc != whole.rc || strcmp(said.text, whole.text) != 0)
		show(b, "in pieces", said.text);
	if (whole.rc != 0 || whole.facts.unverified[0] != '\0')
		return false;
	openssl = openssl_says(s, b);
	if (openssl != NULL)
		show(b, "OpenSSL refuses", openssl);
	return true;
}

static void what_is_damaged_is_refused(void **state)
{
	struct stage *s = *state;

	for (uint64_t i = 0; i < s->rounds; i++) {
		const struct buf *seed = &s->seeds[dice(s, SEEDS)];
		AUTO_BUF struct buf b = { 0 };

		buf_add(&b, seed->data, seed->len);
		for (size_t n = 1 + dice(s, 3); n > 0; n--)
			damage(s, &b);
		if (hold_against(s, &b) &&
		    (b.len != seed->len || memcmp(b.data, seed->data, b.len) != 0))
			show(&b, "damaged", "good");
	}
}

static void what_is_signed_and_good_is_good_to_openssl(void **state)
{
	struct stage *s = *state;
	unsigned n_good = 0;

	for (uint64_t i = 0; i < s->rounds; i++) {
		const struct buf *seed = &s->seeds[dice(s, SEEDS)];
		struct der list = { (const uint8_t *)seed->data, seed->len };
		struct der in = { 0 }, tbs = { 0 };
		AUTO_BUF struct buf b = { 0 }, crl = { 0 };

		assert_true(der_take(&list, DER_SEQUENCE, &in));
		assert_true(der_take(&in, DER_SEQUENCE, &tbs));
		buf_add(&b, tbs.at, tbs.len);
		for (size_t n = dice(s, 3); n > 0; n--)
			damage(s, &b);
		sign_again(s, &(struct der){ (const uint8_t *)b.data, b.len }, &crl);
		n_good += hold_against(s, &crl);
	}
	assert_true(n_good > 0 || s->rounds < 100);
	print_message("%u of %u were good\n", n_good, (unsigned)s->rounds);
}

/* -- files of others -- */

static X509_CRL *read_any(const struct buf *b)
{
	BIO *bio = BIO_new_mem_buf(b->data, (int)b->len);
	X509_CRL *crl = b->data[0] == 0x30
			    ? parse(b)
			    : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return crl;
}

/* A CA of the list's issuer's name. */
static X509 *ca_of(const struct stage *s, const X509_CRL *crl)
{
	X509 *ca = X509_dup(s->ca);

	X509_set_subject_name(ca, X509_CRL_get_issuer(crl));
	X509_set_issuer_name(ca, X509_CRL_get_issuer(crl));
	X509_sign(ca, s->key, EVP_sha256());
	return ca;
}

/* Its authority key identifier is of a key that nobody has. */
static void drop_key_id(X509_CRL *crl)
{
	const int at = X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1);

	if (at >= 0)
		X509_EXTENSION_free(X509_CRL_delete_ext(crl, at));
}

/* The first URL that it is for, if it is for some only. NULL: none; owned. */
static char *point_of(const X509_CRL *crl)
{
	ISSUING_DIST_POINT *idp =
	    X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
	const GENERAL_NAME *name = NULL;
	char *url = NULL;

	if (idp != NULL && idp->distpoint != NULL && idp->distpoint->type == 0)
		name = sk_GENERAL_NAME_value(idp->distpoint->name.fullname, 0);
	if (name != NULL && name->type == GEN_URI)
		url = xstrndup((const char *)ASN1_STRING_get0_data(name->d.ia5),
			       (size_t)ASN1_STRING_length(name->d.ia5));
	ISSUING_DIST_POINT_free(idp);
	ERR_clear_error();
	return url;
}

static void compare_signed(struct stage *s, const char *path, X509_CRL *crl)
{
	AUTO_X509 X509 *ca = ca_of(s, crl);
	AUTO_X509 X509 *leaf = make_leaf(ca, s->key);
	AUTO_FREE char *point = point_of(crl);
	const char *points[] = { point == NULL ? "" : point };
	struct crl_want want = { .ca = ca, .points = points, .n_points = 1 };
	AUTO_SAID struct crls_said said = { 0 };
	struct buf der = { 0 };
	const char *openssl;
	X509_CRL *again;
	struct err e;

	drop_key_id(crl);
	if (x509_time(X509_CRL_get0_lastUpdate(crl), &want.now, &e) < 0 ||
	    X509_CRL_sign(crl, s->key, EVP_sha256()) <= 0)
		return;
	der.len = (size_t)i2d_X509_CRL(crl, (unsigned char **)&der.data);
	again = parse(&der);
	ASN1_TIME_set(X509_getm_notBefore(ca), want.now - 86400);
	ASN1_TIME_set(X509_getm_notAfter(ca), want.now + 86400);
	ASN1_TIME_set(X509_getm_notBefore(leaf), want.now - 86400);
	ASN1_TIME_set(X509_getm_notAfter(leaf), want.now + 86400);
	X509_sign(ca, s->key, EVP_sha256());
	X509_sign(leaf, s->key, EVP_sha256());
	crls_look(&want, &der, 0, false, &said);
	openssl = again == NULL ? "it is no CRL" : verify(again, ca, leaf, want.now);
	if ((said.rc == 0) == (openssl == NULL))
		s->n_alike[said.rc == 0]++;
	else
		print_message("signed\t%s\teverleaf: %s\tOpenSSL: %s\n", path,
			      said.rc == 0 ? "good" : said.text,
			      openssl == NULL ? "good" : openssl);
	OPENSSL_free(der.data);
	X509_CRL_free(again);
}

/* As it is: whether it can be read at all; the rest depends on a key that nobody has. */
static bool compare(struct stage *s, const char *path)
{
	char *bytes = xcalloc(1, 1 << 20);
	FILE *f = fopen(path, "r");
	struct buf b = { bytes, f == NULL ? 0 : fread(bytes, 1, (1 << 20) - 1, f), 0 };
	AUTO_SAID struct crls_said said = { 0 };
	X509_CRL *crl = b.len == 0 ? NULL : read_any(&b);
	AUTO_X509 X509 *ca = crl == NULL ? X509_dup(s->ca) : ca_of(s, crl);
	struct crl_want want = { .ca = ca, .now = CRLS_NOW };
	const bool theirs = crl != NULL;
	struct err e;
	bool ours;

	if (theirs)
		x509_time(X509_CRL_get0_lastUpdate(crl), &want.now, &e);
	crls_look(&want, &b, 0, false, &said);
	ours = said.rc != ERR_PROTO;
	if (ours != theirs)
		print_message("read\t%s\teverleaf: %s\tOpenSSL: %s\n", path,
			      ours ? "read" : said.text, theirs ? "read" : "-");
	if (theirs)
		compare_signed(s, path, crl);
	X509_CRL_free(crl);
	if (f != NULL)
		fclose(f);
	free(bytes);
	return theirs;
}

static void files_of_others_are_read_alike(void **state)
{
	struct stage *s = *state;
	AUTO_FREE char *files = xstrdup(getenv("FUZZ_FILES"));
	char *rest = files, *path;
	unsigned n = 0, n_theirs = 0;

	while ((path = strsep(&rest, " \n")) != NULL)
		if (path[0] != '\0') {
			n_theirs += compare(s, path);
			n++;
		}
	print_message(
	    "%u files, OpenSSL reads %u; signed anew both refuse %u and call %u "
	    "good\n",
	    n, n_theirs, s->n_alike[0], s->n_alike[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(what_is_signed_and_good_is_good_to_openssl),
	};
	const struct CMUnitTest files[] = {
		cmocka_unit_test(files_of_others_are_read_alike),
	};

	if (getenv("FUZZ_FILES") != NULL)
		return cmocka_run_group_tests(files, stage_in, stage_out);
	return cmocka_run_group_tests(tests, stage_in, stage_out);
}
