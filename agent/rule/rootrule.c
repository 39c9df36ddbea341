#include "agent/rule/rootrule.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/x509.h"

#define STRENGTH_MIN 112 /* bits, as in verify.c */
#define SKEW_S       300 /* what clocks of hosts are off by */

static void push(STACK_OF(X509) * all, X509 *cert)
{
	if (!X509_add_cert(all, cert, X509_ADD_FLAG_UP_REF))
		abort(); /* out of memory, as in mem.h */
}

bool rootrule_has(const STACK_OF(X509) * all, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_cmp(sk_X509_value(all, i), cert) == 0)
			return true;
	return false;
}

static bool has_print(X509 *cert, const char *print)
{
	uint8_t sum[32];
	char hex[65];

	if (X509_digest(cert, EVP_sha256(), sum, NULL) != 1)
		return false;
	text_hex(hex, sum, sizeof(sum));
	return strcmp(hex, print) == 0;
}

static bool is_now(X509 *cert, int64_t now)
{
	struct x509_facts f;
	struct err e;

	return x509_facts(cert, &f, &e) == 0 && f.not_before <= now + SKEW_S &&
	       f.not_after > now;
}

/* NULL: it is one. Static. */
static const char *no_root(X509 *cert, int64_t now)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (X509_self_signed(cert, 1) != 1)
		return "it is not signed by its own key";
	if (X509_check_ca(cert) != 1)
		return "it is not a CA certificate";
	if (key == NULL || EVP_PKEY_get_security_bits(key) < STRENGTH_MIN)
		return "its key is too weak";
	if (!is_now(cert, now))
		return "it has expired, or is not valid yet (is the clock right?)";
	return NULL;
}

/* "CN=Lab CA (sha256:0123...)". */
static void name_it(struct buf *out, X509 *cert)
{
	AUTO_FREE char *who = x509_subject(cert);
	uint8_t sum[32] = { 0 };
	char hex[65];

	(void)X509_digest(cert, EVP_sha256(), sum, NULL);
	text_hex(hex, sum, sizeof(sum));
	buf_printf(out, "%.200s (sha256:%s)", who == NULL ? "?" : who, hex);
}

/* Whether `old` has signed this very name and key into itself, by a CA certificate that
 * holds now. */
static bool vouches(X509 *old, X509 *root, const struct rootrule *rule)
{
	for (int i = 0; i < sk_X509_num(rule->named); i++) {
		X509 *cross = sk_X509_value(rule->named, i);

		if (X509_NAME_cmp(X509_get_subject_name(cross),
				  X509_get_subject_name(root)) == 0 &&
		    EVP_PKEY_eq(X509_get0_pubkey(cross), X509_get0_pubkey(root)) == 1 &&
		    X509_check_ca(cross) == 1 && is_now(cross, rule->now) &&
		    X509_check_issued(old, cross) == X509_V_OK &&
		    X509_verify(cross, X509_get0_pubkey(old)) == 1)
			return true;
	}
	return false;
}

static bool is_vouched_for(const STACK_OF(X509) * roots, X509 *root,
			   const struct rootrule *rule)
{
	for (int i = 0; i < sk_X509_num(roots); i++)
		if (is_now(sk_X509_value(roots, i), rule->now) &&
		    vouches(sk_X509_value(roots, i), root, rule))
			return true;
	return false;
}

static bool may_join(const STACK_OF(X509) * roots, X509 *root,
		     const struct rootrule *rule)
{
	if (rule->print != NULL && has_print(root, rule->print))
		return true;
	return rule->kept == NULL ? rule->print == NULL
				  : is_vouched_for(roots, root, rule);
}

/* Each may vouch for the next: until no more joins. */
static void join_all(STACK_OF(X509) * roots, const struct rootrule *rule)
{
	const int n = sk_X509_num(rule->named);
	bool more = true;

	while (more) {
		more = false;
		for (int i = 0; i < n; i++) {
			X509 *cert = sk_X509_value(rule->named, i);

			if (rootrule_has(roots, cert) ||
			    no_root(cert, rule->now) != NULL ||
			    !may_join(roots, cert, rule))
				continue;
			push(roots, cert);
			more = true;
		}
	}
}

/* Of those that say of themselves that they are roots. */
static void tell_refused(const STACK_OF(X509) * roots, const struct rootrule *rule,
			 struct buf *refused)
{
	for (int i = 0; i < sk_X509_num(rule->named); i++) {
		X509 *cert = sk_X509_value(rule->named, i);
		const char *why = no_root(cert, rule->now);

		if (rootrule_has(roots, cert) || X509_self_signed(cert, 0) != 1)
			continue;
		buf_puts(refused, refused->len == 0 ? "" : "; ");
		name_it(refused, cert);
		buf_printf(refused, ": %s",
			   why != NULL ? why
			   : rule->kept == NULL
			       ? "it has not the fingerprint of trust"
			       : "no root that is trusted so far has signed it");
	}
}

static int nothing(const struct rootrule *rule, const struct buf *refused,
		   struct err *e)
{
	for (int i = 0; rule->print != NULL && i < sk_X509_num(rule->named); i++) {
		X509 *cert = sk_X509_value(rule->named, i);

		if (has_print(cert, rule->print))
			return err_set(e, ERR_TRUST,
				       "the certificate with the fingerprint of trust "
				       "is no root: %s",
				       no_root(cert, rule->now));
	}
	if (refused->len == 0)
		return err_set(e, ERR_TRUST,
			       "it names no root: let trust name a file with it");
	return err_set(e, ERR_TRUST, "none of the roots that it names is accepted: %s",
		       refused->data);
}

int rootrule_read(const char *pem, STACK_OF(X509) * *named, struct err *e)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";

	*named = sk_X509_new_null();
	for (const char *at = strstr(pem, begin), *next; at != NULL; at = next) {
		AUTO_CHAIN STACK_OF(X509) *one = NULL;

		next = strstr(at + 1, begin);
		TRY(x509_chain_from_pem(at,
					next == NULL ? strlen(at) : (size_t)(next - at),
					&one, e));
		if (!X509_add_cert(*named, sk_X509_value(one, 0), X509_ADD_FLAG_UP_REF))
			return err_set(e, ERR_SYS, "out of memory");
	}
	return 0;
}

int rootrule_accept(const struct rootrule *rule, STACK_OF(X509) * *roots,
		    struct buf *refused, struct err *e)
{
	*roots = sk_X509_new_null();
	for (int i = 0; i < sk_X509_num(rule->kept); i++)
		push(*roots, sk_X509_value(rule->kept, i));
	join_all(*roots, rule);
	tell_refused(*roots, rule, refused);
	ERR_clear_error();
	return sk_X509_num(*roots) > 0 ? 0 : nothing(rule, refused, e);
}

int rootrule_by_person(const struct rootrule *rule, STACK_OF(X509) * *roots)
{
	*roots = sk_X509_new_null();
	for (int i = 0; i < sk_X509_num(rule->kept); i++)
		push(*roots, sk_X509_value(rule->kept, i));
	for (int i = 0; i < sk_X509_num(rule->named); i++)
		if (!rootrule_has(*roots, sk_X509_value(rule->named, i)))
			push(*roots, sk_X509_value(rule->named, i));
	return 0;
}

static bool has_signed(X509 *root, X509 *cert)
{
	return X509_cmp(root, cert) == 0 ||
	       (X509_check_issued(root, cert) == X509_V_OK &&
		X509_verify(cert, X509_get0_pubkey(root)) == 1);
}

void rootrule_leads_to(const STACK_OF(X509) * chain, const STACK_OF(X509) * roots,
		       STACK_OF(X509) * out)
{
	for (int i = 0; i < sk_X509_num(chain) && sk_X509_num(out) == 0; i++)
		for (int k = 0; k < sk_X509_num(roots); k++)
			if (has_signed(sk_X509_value(roots, k),
				       sk_X509_value(chain, i)))
				push(out, sk_X509_value(roots, k));
	ERR_clear_error();
}
