#include "agent/inspect/inspect_check.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_fact.h"
#include "agent/inspect/inspect_word.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#define SOON_PART 10 /* of the lifetime: by then a renewal has failed for long */
#define SOON_S    (30 * 86400L) /* ... but a CA with years to go is in no hurry */

/* -- what kinds have in common -- */

/* Fewer bits than NIST SP 800-57 allows since 2014. */
static void check_key(struct inspect *in, const struct inspect_item *item,
		      const EVP_PKEY *key)
{
	const int least = key != NULL && EVP_PKEY_is_a(key, "RSA") == 1 ? 2048 : 224;
	AUTO_FREE char *word = NULL;

	if (key == NULL ||
	    (EVP_PKEY_get_bits(key) >= least && EVP_PKEY_is_a(key, "DSA") != 1))
		return;
	word = fact_key(key);
	inspect_say_of(in, FOUND_KEY_WEAK, item, "its key, %s, can be broken", word);
}

static bool is_weak(int nid)
{
	return nid == NID_sha1WithRSAEncryption || nid == NID_md5WithRSAEncryption ||
	       nid == NID_sha1WithRSA || nid == NID_md2WithRSAEncryption ||
	       nid == NID_md4WithRSAEncryption || nid == NID_ecdsa_with_SHA1 ||
	       nid == NID_dsaWithSHA1;
}

/* -- certificates -- */

static void check_dates(struct inspect *in, const struct inspect_item *item)
{
	char at[TEXT_TIME_MAX], span[TEXT_SPAN_MAX];
	int64_t from, until;
	struct err ignored;

	if (x509_time(X509_get0_notBefore(item->cert), &from, &ignored) < 0 ||
	    x509_time(X509_get0_notAfter(item->cert), &until, &ignored) < 0)
		return;
	if (until < in->now)
		inspect_say_of(in, FOUND_EXPIRED, item, "it ended at %s, %s ago",
			       text_time(at, until),
			       text_span_of(span, in->now - until));
	else if (from > in->now)
		inspect_say_of(in, FOUND_NOT_YET_VALID, item, "it begins at %s, in %s",
			       text_time(at, from), text_span_of(span, from - in->now));
	else if (until - in->now < clock_sooner((until - from) / SOON_PART, SOON_S))
		inspect_say_of(in, FOUND_EXPIRES_SOON, item, "it ends at %s, in %s",
			       text_time(at, until),
			       text_span_of(span, until - in->now));
}

static void check_leaf(struct inspect *in, const struct inspect_item *item)
{
	const uint32_t usages = X509_get_extended_key_usage(item->cert);
	size_t n;
	char **names = fact_names(item->cert, &n);

	fact_values_free(names, n);
	if (n == 0)
		inspect_say_of(in, FOUND_NO_NAMES, item,
			       "it has no subject alternative name");
	if ((usages & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
		inspect_say_of(in, FOUND_NOT_FOR_SERVERS, item,
			       "it may not be used by a server");
}

static void check_cert(struct inspect *in, const struct inspect_item *item)
{
	check_dates(in, item);
	check_key(in, item, X509_get0_pubkey(item->cert));
	if (is_weak(X509_get_signature_nid(item->cert)) && !word_is_root(item->cert))
		inspect_say_of(in, FOUND_SIGNATURE_WEAK, item, "it is signed with %s",
			       OBJ_nid2ln(X509_get_signature_nid(item->cert)));
	if (!word_is_ca(item->cert))
		check_leaf(in, item);
}

/* -- requests -- */

static void check_csr(struct inspect *in, const struct inspect_item *item)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(item->csr);
	size_t n;
	char **names = fact_csr_names(item->csr, &n);

	fact_values_free(names, n);
	if (key == NULL || X509_REQ_verify(item->csr, key) != 1)
		inspect_say_of(in, FOUND_CSR_SIGNATURE, item,
			       "its signature is not by its own key");
	check_key(in, item, key);
	if (n == 0)
		inspect_say_of(in, FOUND_CSR_NO_NAMES, item,
			       "it asks for no subject alternative name");
}

/* -- revocation lists -- */

static void check_crl_dates(struct inspect *in, const struct inspect_item *item)
{
	char at[TEXT_TIME_MAX], span[TEXT_SPAN_MAX];
	int64_t from, until;
	struct err ignored;

	if (x509_time(X509_CRL_get0_lastUpdate(item->crl), &from, &ignored) == 0 &&
	    from > in->now)
		inspect_say_of(in, FOUND_CRL_NOT_YET_VALID, item,
			       "it begins at %s, in %s", text_time(at, from),
			       text_span_of(span, from - in->now));
	/* = RFC 5280 5.1.2.5 "Conforming CRL issuers MUST include the nextUpdate field in
	 * all CRLs." */
	if (X509_CRL_get0_nextUpdate(item->crl) == NULL)
		inspect_say_of(in, FOUND_CRL_ENDLESS, item,
			       "it does not say when the next one comes");
	else if (x509_time(X509_CRL_get0_nextUpdate(item->crl), &until, &ignored) ==
		     0 &&
		 until < in->now)
		inspect_say_of(in, FOUND_CRL_EXPIRED, item,
			       "the next one was due at %s, %s ago",
			       text_time(at, until),
			       text_span_of(span, in->now - until));
}

/* By a certificate of its issuer's name that is here; without one nothing is said. */
static void check_crl_signature(struct inspect *in, const struct inspect_item *item)
{
	bool named = false;

	for (size_t i = 0; i < in->n_items; i++) {
		X509 *cert = in->items[i].cert;

		if (cert == NULL || X509_NAME_cmp(X509_get_subject_name(cert),
						  X509_CRL_get_issuer(item->crl)) != 0)
			continue;
		named = true;
		if (X509_CRL_verify(item->crl, X509_get0_pubkey(cert)) == 1)
			return;
	}
	if (named)
		inspect_say_of(in, FOUND_CRL_SIGNATURE, item,
			       "its issuer is here and has not signed it");
}

static void check_revoked(struct inspect *in, const struct inspect_item *item)
{
	for (size_t i = 0; i < in->n_items; i++) {
		X509 *cert = in->items[i].cert;
		X509_REVOKED *entry = NULL;
		char at[TEXT_TIME_MAX];
		struct err ignored;
		int64_t when = 0;

		if (cert == NULL ||
		    X509_NAME_cmp(X509_get_issuer_name(cert),
				  X509_CRL_get_issuer(item->crl)) != 0 ||
		    X509_CRL_get0_by_cert(item->crl, &entry, cert) != 1)
			continue;
		(void)x509_time(X509_REVOKED_get0_revocationDate(entry), &when,
				&ignored);
		inspect_say_of(in, FOUND_REVOKED, &in->items[i],
			       "revocation list %u says that it was revoked at %s",
			       item->number, text_time(at, when));
	}
}

static void check_crl(struct inspect *in, const struct inspect_item *item)
{
	check_crl_dates(in, item);
	check_crl_signature(in, item);
	check_revoked(in, item);
}

void inspect_check(struct inspect *in)
{
	for (size_t i = 0; i < in->n_items; i++) {
		const struct inspect_item *item = &in->items[i];

		if (item->cert != NULL)
			check_cert(in, item);
		else if (item->csr != NULL)
			check_csr(in, item);
		else if (item->crl != NULL)
			check_crl(in, item);
		else if (item->key != NULL && item->partner == 0)
			check_key(in, item, item->key);
	}
	ERR_clear_error();
}
