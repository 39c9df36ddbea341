#include "tests/help/crls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/crl.h"
#include "base/err.h"
#include "base/key.h"
#include "tests/help/certs.h"

#define DAY 86400

X509 *crls_ca(const char *name, EVP_PKEY *key, const char *usage)
{
	return certs_make(&(struct cert_plan){ .subject = name,
					       .key = key,
					       .from = CRLS_NOW - DAY,
					       .to = CRLS_NOW + DAY,
					       .basic = "critical,CA:TRUE",
					       .key_usage = usage });
}

static void set_time(X509_CRL *crl, int64_t at,
		     int (*set)(X509_CRL *, const ASN1_TIME *))
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, at);

	assert_int_equal(set(crl, t), 1);
	ASN1_TIME_free(t);
}

static void add_number(X509_CRL *crl, int nid, long value, int critical)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	assert_int_equal(ASN1_INTEGER_set(n, value), 1);
	assert_int_equal(X509_CRL_add1_ext_i2d(crl, nid, n, critical, 0), 1);
	ASN1_INTEGER_free(n);
}

static X509_EXTENSION *extension(X509 *ca, X509_CRL *crl, const char *name,
				 const char *value)
{
	X509_EXTENSION *x;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, ca, NULL, NULL, crl, 0);
	x = X509V3_EXT_nconf(NULL, &ctx, name, value);
	if (x == NULL)
		fail_msg("no extension: %s = %s", name, value);
	return x;
}

static void add_about(X509_REVOKED *r, const struct crls_plan *plan,
		      const struct crls_entry *e)
{
	if (e->reason >= 0) {
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

		assert_int_equal(ASN1_ENUMERATED_set(reason, e->reason), 1);
		assert_int_equal(X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, reason, 0,
							   0),
				 1);
		ASN1_ENUMERATED_free(reason);
	}
	if (e->invalid_at != 0) {
		ASN1_GENERALIZEDTIME *t = ASN1_GENERALIZEDTIME_set(NULL, e->invalid_at);

		assert_int_equal(X509_REVOKED_add1_ext_i2d(r, NID_invalidity_date, t, 0,
							   0),
				 1);
		ASN1_GENERALIZEDTIME_free(t);
	}
	if (e->oid != NULL) {
		X509_EXTENSION *x = extension(plan->ca, NULL, e->oid, e->value);

		assert_int_equal(X509_REVOKED_add_ext(r, x, -1), 1);
		X509_EXTENSION_free(x);
	}
}

static void add_entry(X509_CRL *crl, const struct crls_plan *plan,
		      const struct crls_entry *e)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, CRLS_NOW - 1000);

	assert_int_equal(ASN1_INTEGER_set_uint64(serial, e->serial), 1);
	assert_int_equal(X509_REVOKED_set_serialNumber(r, serial), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(r, t), 1);
	add_about(r, plan, e);
	assert_int_equal(X509_CRL_add0_revoked(crl, r), 1);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(t);
}

static void sign(X509_CRL *crl, const struct crls_plan *plan)
{
	const EVP_MD *md =
	    plan->digest == NULL ? certs_digest(plan->key) : plan->digest;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key = NULL;

	assert_int_equal(EVP_DigestSignInit(ctx, &key, md, NULL, plan->key), 1);
	if (plan->pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key,
							      RSA_PKCS1_PSS_PADDING),
				 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, -1), 1);
		if (plan->mask != NULL)
			assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(key, plan->mask),
					 1);
	}
	assert_true(X509_CRL_sign_ctx(crl, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

static X509_CRL *build(const struct crls_plan *plan)
{
	X509_CRL *crl = X509_CRL_new();

	assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(plan->ca)),
			 1);
	set_time(crl, CRLS_NOW + (plan->from == 0 ? -3600 : plan->from),
		 X509_CRL_set1_lastUpdate);
	if (plan->to != -1)
		set_time(crl, CRLS_NOW + (plan->to == 0 ? DAY : plan->to),
			 X509_CRL_set1_nextUpdate);
	for (size_t i = 0; i < plan->n_entries; i++)
		add_entry(crl, plan, &plan->entries[i]);
	for (unsigned i = 0; i < plan->n_more; i++)
		add_entry(crl, plan,
			  &(struct crls_entry){ 1000000 + i, -1, 0, NULL, NULL });
	if (plan->number >= 0)
		add_number(crl, NID_crl_number, plan->number, 0);
	if (plan->delta > 0)
		add_number(crl, NID_delta_crl, plan->delta, 1);
	for (int i = 0; i < 4 && plan->extensions[i][0] != NULL; i++) {
		X509_EXTENSION *x = extension(plan->ca, crl, plan->extensions[i][0],
					      plan->extensions[i][1]);

		assert_int_equal(X509_CRL_add_ext(crl, x, -1), 1);
		X509_EXTENSION_free(x);
	}
	return crl;
}

void crls_make(const struct crls_plan *plan, struct buf *der)
{
	X509_CRL *crl = build(plan);
	struct err e;

	sign(crl, plan);
	buf_done(der);
	assert_int_equal(crl_to_der(crl, der, &e), 0);
	X509_CRL_free(crl);
}

void crls_pem(const struct buf *der, struct buf *pem)
{
	const unsigned char *at = (const unsigned char *)der->data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der->len);
	struct err e;

	assert_non_null(crl);
	assert_int_equal(crl_to_pem(crl, pem, &e), 0);
	X509_CRL_free(crl);
}

/* -- what is said of one -- */

struct passed {
	struct buf *der;
	int fd;
};

static int pass_on(void *arg, const void *der, size_t len, struct err *e)
{
	struct passed *p = arg;

	buf_add(p->der, der, len);
	if (p->fd >= 0 && write(p->fd, der, len) != (ssize_t)len)
		return err_sys(e, "write");
	return 0;
}

static void take_hits(const struct crl_scan *s, struct crls_said *said)
{
	const struct crl_hit *hits = crl_scan_hits(s, &said->n_hits);

	for (size_t i = 0; i < said->n_hits && i < 8; i++)
		said->hits[i] = hits[i];
}

void crls_look(const struct crl_want *want, const struct buf *list, size_t piece,
	       bool file, struct crls_said *said)
{
	struct passed to = { .der = &said->der,
			     .fd = file ? memfd_create("crl", MFD_CLOEXEC) : -1 };
	struct crl_scan *s = NULL;
	struct err e = { .text = "" };

	crls_forget(said);
	*said = (struct crls_said){ .rc = crl_scan_new(want, pass_on, &to, &s, &e) };
	if (piece == 0)
		piece = list->len + 1;
	for (size_t at = 0; said->rc == 0 && at < list->len; at += piece) {
		size_t n = list->len - at < piece ? list->len - at : piece;

		said->rc = crl_scan_feed(s, list->data + at, n, &e);
	}
	if (said->rc == 0)
		said->rc = crl_scan_end(s, to.fd, &said->facts, &e);
	if (said->rc == 0)
		take_hits(s, said);
	else
		snprintf(said->text, sizeof(said->text), "%s", e.text);
	crl_scan_free(s);
	if (to.fd >= 0)
		close(to.fd);
}

void crls_forget(struct crls_said *said)
{
	buf_done(&said->der);
}
