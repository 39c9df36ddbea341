#include "tests/help/signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/origin.h"
#include "base/x509.h"
#include "store/account.h"
#include "tests/help/jose.h"

static bool is_of(const struct spec *s, uint32_t cert, const char *value)
{
	const struct list names = s->certs[cert].names;

	for (uint32_t i = 0; i < names.n; i++)
		if (strcmp(spec_text(s, s->names[names.first + i].value), value) == 0)
			return true;
	return false;
}

/* Those that must not be left out. */
static size_t needed(const struct spec *s, uint32_t cert)
{
	const struct list names = s->certs[cert].names;
	size_t n = 0;

	for (uint32_t i = 0; i < names.n; i++)
		n += s->names[names.first + i].optional == 0;
	return n;
}

static void are_of(const struct spec *s, uint32_t cert, const struct name *names,
		   size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_of(s, cert, names[i].value))
			fail_msg("%s is signed for, which is no name of certificate %u",
				 names[i].value, cert);
	if (n < needed(s, cert))
		fail_msg("certificate %u is signed for with %zu names", cert, n);
}

static X509 *first_of(const char *pem, STACK_OF(X509) * *chain)
{
	struct err e;

	if (x509_chain_from_pem(pem, strlen(pem), chain, &e) < 0)
		fail_msg("what was signed is no certificate: %s", e.text);
	if (X509_check_ca(sk_X509_value(*chain, 0)) != 0)
		fail_msg("a certificate of a CA was signed");
	return sk_X509_value(*chain, 0);
}

void signed_leaf(const struct spec *s, uint32_t cert, const char *pem, const void *spki,
		 size_t len)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_BUF struct buf own = { 0 };
	X509 *leaf = first_of(pem, &chain);
	struct name *names = NULL;
	struct err e;
	size_t n = 0;

	assert_int_equal(x509_names(leaf, &names, &n, &e), 0);
	are_of(s, cert, names, n);
	x509_names_free(names, n);
	assert_int_equal(key_to_spki(X509_get0_pubkey(leaf), &own, &e), 0);
	if (len > 0 && (own.len != len || memcmp(own.data, spki, len) != 0))
		fail_msg("a certificate for another key was signed");
}

void signed_within(const char *domain, const char *pem)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	X509 *leaf = first_of(pem, &chain);
	struct name *names = NULL;
	struct err e;
	size_t n = 0;

	assert_int_equal(x509_names(leaf, &names, &n, &e), 0);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(names[i].value), end = strlen(domain);

		if (len < end || strcmp(names[i].value + len - end, domain) != 0)
			fail_msg("%s is signed for, which is not below %s",
				 names[i].value, domain);
	}
	x509_names_free(names, n);
}

void signed_request(const struct spec *s, uint32_t cert, const void *der, size_t len)
{
	const unsigned char *at = der;
	X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)len);
	struct name *names = NULL;
	struct err e;
	size_t n = 0;

	assert_non_null(csr);
	assert_int_equal(X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)), 1);
	assert_int_equal(x509_csr_names(csr, &names, &n, &e), 0);
	are_of(s, cert, names, n);
	x509_names_free(names, n);
	X509_REQ_free(csr);
}

/* -- JWS -- */

static void identifiers(const struct spec *s, uint32_t cert, const json_t *list)
{
	if (json_array_size(list) < needed(s, cert))
		fail_msg("an order of %zu names", json_array_size(list));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *value = jose_str(json_array_get(list, i), "value");

		if (!is_of(s, cert, value))
			fail_msg("an order of %s, which is no name of certificate %u",
				 value, cert);
	}
}

static void only_for(const struct lend_ticket *t, unsigned lends, const char *what)
{
	if ((lends & 1u << t->what) == 0)
		fail_msg("%s was signed on a ticket for %u", what, (unsigned)t->what);
}

static void payload(const struct spec *s, const struct lend_ticket *t,
		    const json_t *payload)
{
	const json_t *names = json_object_get(payload, "identifiers");
	const json_t *csr = json_object_get(payload, "csr");

	if (names != NULL) {
		only_for(t, 1u << LEND_ORDER, "an order");
		identifiers(s, t->cert, names);
	} else if (csr != NULL) {
		struct buf der = jose_bytes(json_string_value(csr));

		only_for(t, 1u << LEND_ORDER, "a request");
		signed_request(s, t->cert, der.data, der.len);
		buf_done(&der);
	} else if (json_object_get(payload, "certificate") != NULL) {
		only_for(t, 1u << LEND_REVOKE | 1u << LEND_REVOKE_BY_KEY,
			 "a revocation");
	} else if (json_object_get(payload, "status") != NULL) {
		only_for(t, 1u << LEND_DEACTIVATE, "a deactivation");
	} else if (json_object_get(payload, "protected") != NULL) {
		only_for(t, 1u << LEND_ROLLOVER, "a change of keys");
	} else if (json_object_size(payload) > 0 &&
		   json_object_get(payload, "contact") == NULL &&
		   json_object_get(payload, "termsOfServiceAgreed") == NULL &&
		   json_object_get(payload, "onlyReturnExisting") == NULL) {
		fail_msg("a payload that is none of ours was signed");
	}
}

/* While a roll-over is open either key may be the account's (RFC 8555 7.3.5). A key that
 * speaks for itself is one of ours, too. */
static bool is_ours(const struct jose *j, const struct account *a)
{
	const json_t *jwk = json_object_get(j->header, "jwk");
	AUTO_KEY EVP_PKEY *own = jwk == NULL ? NULL : jose_key(jwk);

	if (own == NULL)
		return jose_verifies(j, a->key) ||
		       (a->next != NULL && jose_verifies(j, a->next));
	return jose_verifies(j, NULL) &&
	       (key_same_public(own, a->key) ||
		(a->next != NULL && key_same_public(own, a->next)));
}

void signed_jws(const struct spec *s, int root, const struct lend_ticket *t,
		const char *text)
{
	const struct spec_issuer *issuer = &s->issuers[t->issuer];
	AUTO_ACCOUNT struct account a = { .key = NULL };
	AUTO_JOSE struct jose j;
	struct err e;

	jose_read(&j, text);
	if (!origin_same(jose_str(j.header, "url"), spec_text(s, issuer->url)))
		fail_msg("signed for \"%s\"", jose_str(j.header, "url"));
	if (j.payload != NULL)
		payload(s, t, j.payload);
	assert_int_equal(account_load(root, spec_text(s, issuer->name), &a, &e), 0);
	if (t->what == LEND_REVOKE_BY_KEY && json_object_get(j.header, "jwk") != NULL)
		assert_true(jose_verifies(&j, NULL)); /* the certificate's own key */
	else if (a.key == NULL || !is_ours(&j, &a))
		fail_msg("a signature that is not of the account at %s: %s",
			 spec_text(s, issuer->name), text);
	if (json_object_get(j.header, "kid") != NULL && a.url != NULL &&
	    !origin_same(jose_str(j.header, "kid"), spec_text(s, issuer->url)))
		fail_msg("signed as \"%s\"", jose_str(j.header, "kid"));
}
