#include "agent/verify.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "agent/role/name_set.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "base/x509.h"

#define STRENGTH_MIN 112 /* bits: RSA-2048, SHA-224; SHA-1 has 63 left, MD5 39 */

#define ID_BYTES 8 /* of a key's hash: enough to tell two keys apart in a message */

/* What the checks look at. */
struct view {
	const struct verify_want *want;
	STACK_OF(X509) * chain;
	X509 *leaf;
	struct x509_facts facts;
};

static int check_length(const struct view *v, struct err *e)
{
	int n = sk_X509_num(v->chain);

	if (n < 1 || n > LIMIT_CHAIN_CERTS)
		return err_set(e, ERR_TRUST, "%d certificates, not 1 to %d", n,
			       LIMIT_CHAIN_CERTS);
	return 0;
}

static int check_key(const struct view *v, struct err *e)
{
	char asked[2 * ID_BYTES + 1], got[2 * ID_BYTES + 1];
	uint8_t hash[32];

	if (EVP_Digest(v->want->spki, v->want->spki_len, hash, NULL, EVP_sha256(),
		       NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "hash the key");
	if (memcmp(hash, v->facts.spki_hash, sizeof(hash)) == 0)
		return 0;
	text_hex(asked, hash, ID_BYTES);
	text_hex(got, v->facts.spki_hash, ID_BYTES);
	return err_set(e, ERR_TRUST, "asked for the key %s, got one for %s", asked,
		       got);
}

static const struct spec_name *asked_name(const struct view *v, size_t i)
{
	return &v->want->spec->names[v->want->cert->names.first + i];
}

static bool is_asked(const struct view *v, const struct name *name)
{
	for (size_t i = 0; i < v->want->cert->names.n; i++) {
		const struct spec_name *asked = asked_name(v, i);

		if (asked->kind == (uint32_t)name->kind &&
		    strcmp(spec_text(v->want->spec, asked->value), name->value) == 0)
			return true;
	}
	return false;
}

static bool is_there(const struct view *v, const struct spec_name *asked,
		     const struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (asked->kind == (uint32_t)names[i].kind &&
		    strcmp(spec_text(v->want->spec, asked->value), names[i].value) == 0)
			return true;
	return false;
}

static bool is_left_out(const struct view *v, size_t i)
{
	return v->want->out != NULL && name_set_has(v->want->out, (uint32_t)i);
}

/* Both directions; the order does not matter, and neither does a name that is twice. */
static int compare_names(const struct view *v, const struct name *names, size_t n,
			 struct err *e)
{
	const char *missing = NULL, *extra = NULL;

	for (size_t i = 0; i < v->want->cert->names.n && missing == NULL; i++) {
		const struct spec_name *asked = asked_name(v, i);

		if (!is_left_out(v, i) && !is_there(v, asked, names, n))
			missing = spec_text(v->want->spec, asked->value);
	}
	for (size_t i = 0; i < n && extra == NULL; i++)
		if (!is_asked(v, &names[i]))
			extra = names[i].value;
	if (missing != NULL && extra != NULL)
		return err_set(e, ERR_TRUST, "asked for %.200s, got %.200s", missing,
			       extra);
	if (missing != NULL)
		return err_set(e, ERR_TRUST, "asked for %.200s, which is not there",
			       missing);
	if (extra != NULL)
		return err_set(e, ERR_TRUST, "got %.200s, which was not asked for",
			       extra);
	return n > 0 ? 0 : err_set(e, ERR_TRUST, "there are none");
}

static int check_names(const struct view *v, struct err *e)
{
	struct name *names;
	struct err why;
	size_t n;
	int rc;

	if (x509_names(v->leaf, &names, &n, &why) < 0)
		return err_set(e, ERR_TRUST, "%s", why.text);
	rc = compare_names(v, names, n, e);
	x509_names_free(names, n);
	return rc;
}

static int check_dates(const struct view *v, struct err *e)
{
	int64_t from = v->facts.not_before, to = v->facts.not_after;
	int64_t now = v->want->now, live = v->want->live_not_after;
	char begin[TEXT_TIME_MAX], end[TEXT_TIME_MAX], at[TEXT_TIME_MAX];

	text_time(begin, from);
	text_time(end, to);
	if (from >= to)
		return err_set(e, ERR_TRUST, "it begins at %s and ends at %s", begin,
			       end);
	if (to <= now)
		return err_set(e, ERR_TRUST, "it has ended at %s, now it is %s", end,
			       text_time(at, now));
	if (from > now + VERIFY_AHEAD_S)
		return err_set(e, ERR_TRUST,
			       "it begins at %s, now it is %s: is the clock right?",
			       begin, text_time(at, now));
	if (to < live && !v->want->shorter_ok)
		return err_set(e, ERR_TRUST, "it ends at %s, what is live at %s", end,
			       text_time(at, live));
	return 0;
}

static int check_kind(const struct view *v, struct err *e)
{
	return v->facts.is_ca ? err_set(e, ERR_TRUST, "it is a CA") : 0;
}

static const char *usage_words(unsigned usage)
{
	static const char *const words[] = { "nothing", "server", "client",
					     "server and client" };

	return words[usage & (USAGE_SERVER | USAGE_CLIENT)];
}

static int check_usage(const struct view *v, struct err *e)
{
	unsigned asked = v->want->cert->usage, got = v->facts.usage;

	if (asked == 0 || (asked & ~got) != 0)
		return err_set(e, ERR_TRUST, "asked for %s, got %s", usage_words(asked),
			       usage_words(got));
	if ((X509_get_key_usage(v->leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return err_set(e, ERR_TRUST, "its key may not sign (digitalSignature)");
	return 0;
}

/* The key of a certificate in the chain, and the signature on it. */
static int check_link_strength(X509 *cert, int i, struct err *e)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	int bits = key == NULL ? 0 : EVP_PKEY_get_security_bits(key), signature = 0;

	if (bits < STRENGTH_MIN)
		return err_set(
		    e, ERR_TRUST,
		    "certificate %d has a key of %d bits of strength, not %d", i + 1,
		    bits, STRENGTH_MIN);
	if (X509_self_signed(cert, 0) == 1) /* trusted or not, but not by that */
		return 0;
	if (X509_get_signature_info(cert, NULL, NULL, &signature, NULL) != 1)
		signature = 0;
	if (signature < STRENGTH_MIN)
		return err_set(e, ERR_TRUST,
			       "certificate %d is signed with %s, %d bits of strength, "
			       "not %d",
			       i + 1, OBJ_nid2ln(X509_get_signature_nid(cert)),
			       signature, STRENGTH_MIN);
	return 0;
}

static int check_strength(const struct view *v, struct err *e)
{
	enum key_type asked = (enum key_type)v->want->cert->key;
	EVP_PKEY *key = X509_get0_pubkey(v->leaf);
	int bits = key == NULL ? 0 : EVP_PKEY_get_security_bits(key);

	if (bits < key_strength(asked))
		return err_set(e, ERR_TRUST,
			       "asked for %s, %d bits of strength, got %d",
			       key_type_word(asked), key_strength(asked), bits);
	for (int i = 0; i < sk_X509_num(v->chain); i++)
		TRY(check_link_strength(sk_X509_value(v->chain, i), i, e));
	return 0;
}

static int check_link(X509 *cert, X509 *issuer, int i, struct err *e)
{
	AUTO_FREE char *wanted = x509_issuer(cert), *got = x509_subject(issuer);
	int verdict = X509_check_issued(issuer, cert);

	if (verdict != X509_V_OK)
		return err_set(e, ERR_TRUST,
			       "certificate %d is of %.100s, behind it is %.100s: %s",
			       i + 1, wanted, got,
			       X509_verify_cert_error_string(verdict));
	if (X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
		return err_set(e, ERR_TRUST,
			       "the signature of certificate %d is not by the one "
			       "behind it, %.100s",
			       i + 1, got);
	return 0;
}

/* A chain that comes back to itself leads nowhere. */
static int check_end(const struct view *v, struct err *e)
{
	const int n = sk_X509_num(v->chain);
	X509 *last = sk_X509_value(v->chain, n - 1);

	for (int i = 0; i + 1 < n; i++)
		if (X509_check_issued(sk_X509_value(v->chain, i), last) == X509_V_OK)
			return err_set(e, ERR_TRUST,
				       "certificate %d, the last, is of certificate %d "
				       "again",
				       n, i + 1);
	return 0;
}

static int check_order(const struct view *v, struct err *e)
{
	for (int i = 0; i + 1 < sk_X509_num(v->chain); i++)
		TRY(check_link(sk_X509_value(v->chain, i),
			       sk_X509_value(v->chain, i + 1), i, e));
	return check_end(v, e);
}

/* What the anchors are asked for: the rules, the moment, the purpose. */
static void set_rules(X509_STORE_CTX *ctx, const struct view *v, int purpose)
{
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(ctx);
	int64_t from = v->facts.not_before, now = v->want->now;

	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN |
					       (v->want->anchors == NULL
						    ? 0
						    : X509_V_FLAG_X509_STRICT));
	/* A certificate that begins in a moment is looked at in that moment. */
	X509_VERIFY_PARAM_set_time(rules, from > now ? from : now);
	X509_VERIFY_PARAM_set_purpose(rules, purpose);
	X509_VERIFY_PARAM_set_auth_level(rules, 2); /* 112 bits, anchors too */
	X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

static int refuse(X509_STORE_CTX *ctx, struct err *e)
{
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	AUTO_FREE char *who = at == NULL ? NULL : x509_issuer(at);
	int verdict = X509_STORE_CTX_get_error(ctx);

	return err_set(e, ERR_TRUST, "certificate %d, of %.100s: %s",
		       X509_STORE_CTX_get_error_depth(ctx) + 1,
		       who == NULL ? "nobody" : who,
		       X509_verify_cert_error_string(verdict));
}

static int verify_for(const struct view *v, X509_STORE *store, int purpose,
		      struct err *e)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc = 0;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, v->leaf, v->chain) != 1) {
		X509_STORE_CTX_free(ctx);
		return key_openssl_err(e, ERR_SYS, "verify");
	}
	set_rules(ctx, v, purpose);
	if (X509_verify_cert(ctx) != 1)
		rc = refuse(ctx, e);
	X509_STORE_CTX_free(ctx);
	return rc;
}

static int verify_usages(const struct view *v, X509_STORE *store, struct err *e)
{
	if ((v->want->cert->usage & USAGE_SERVER) != 0)
		TRY(verify_for(v, store, X509_PURPOSE_SSL_SERVER, e));
	if ((v->want->cert->usage & USAGE_CLIENT) != 0)
		TRY(verify_for(v, store, X509_PURPOSE_SSL_CLIENT, e));
	return 0;
}

/* An ACME CA names none: it was trusted for its TLS, and so is what it calls the issuer,
 * or the leaf that comes alone; that has to be a CA's, and not be over, all the same. What
 * is above may be: clients have roots of their own. */
static int add_anchors(const struct view *v, X509_STORE *store, struct err *e)
{
	const STACK_OF(X509) *anchors = v->want->anchors;
	int rc = 1;

	if (anchors == NULL)
		rc = X509_STORE_add_cert(
		    store, sk_X509_value(v->chain, sk_X509_num(v->chain) > 1 ? 1 : 0));
	for (int i = 0; i < sk_X509_num(anchors) && rc == 1; i++)
		rc = X509_STORE_add_cert(store, sk_X509_value(anchors, i));
	return rc == 1 ? 0 : key_openssl_err(e, ERR_SYS, "anchors");
}

/* The store holds the issuer's anchors and nothing that the system trusts. An anchor need
 * not be a root: it is what the configuration says it is. */
static int check_trust(const struct view *v, struct err *e)
{
	X509_STORE *store = X509_STORE_new();
	int rc;

	if (store == NULL)
		return key_openssl_err(e, ERR_SYS, "verify");
	rc = add_anchors(v, store, e);
	if (rc == 0)
		rc = verify_usages(v, store, e);
	X509_STORE_free(store);
	return rc;
}

static int look_at(struct view *v, struct err *e)
{
	struct err why;

	v->leaf = sk_X509_value(v->chain, 0);
	if (x509_facts(v->leaf, &v->facts, &why) < 0)
		return err_set(e, ERR_TRUST, "%s", why.text);
	return 0;
}

static const struct check {
	const char *word;
	int (*run)(const struct view *v, struct err *e);
} checks[] = {
	{ "key", check_key },     { "names", check_names },
	{ "dates", check_dates }, { "kind", check_kind },
	{ "usage", check_usage }, { "strength", check_strength },
	{ "order", check_order }, { "trust", check_trust },
};

static int run_checks(const struct view *v, struct err *e)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i].run(v, e) < 0)
			return err_wrap(e, "%s", checks[i].word);
	return 0;
}

static int verify(struct view *v, struct err *e)
{
	if (check_length(v, e) < 0)
		return err_wrap(e, "length");
	TRY(look_at(v, e));
	return run_checks(v, e);
}

int verify_chain(const struct verify_want *want, STACK_OF(X509) * chain, struct err *e)
{
	struct view v = { .want = want, .chain = chain };
	int rc = verify(&v, e);

	ERR_clear_error(); /* what OpenSSL has to say is in the message */
	if (rc < 0)
		err_wrap(e, "verify %s", spec_text(want->spec, want->cert->name));
	return rc;
}
