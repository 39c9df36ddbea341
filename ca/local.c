#include "ca/local.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/local_constraints.h"
#include "ca/local_crl.h"
#include "ca/local_dn.h"
#include "ca/local_ext.h"

#define SERIAL_BYTES 16

#define STRENGTH_MIN 112 /* bits; what everyone asks for since 2014 (SP 800-131A) */

#define AUTO_NAME        __attribute__((cleanup(name_done)))
#define AUTO_CONSTRAINTS __attribute__((cleanup(constraints_done)))

static void name_done(X509_NAME **dn)
{
	X509_NAME_free(*dn);
}

static void constraints_done(NAME_CONSTRAINTS **constraints)
{
	NAME_CONSTRAINTS_free(*constraints);
}

/* = RFC 5280 4.1.2.2 "The serial number MUST be a positive integer": 128 random bits,
 * which are zero never. */
static int set_serial(X509 *cert, struct err *e)
{
	unsigned char octets[SERIAL_BYTES];
	BIGNUM *n = NULL;
	int ok = 0;

	if (RAND_bytes(octets, sizeof(octets)) == 1)
		n = BN_bin2bn(octets, sizeof(octets), NULL);
	if (n != NULL && !BN_is_zero(n))
		ok = BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
	BN_free(n);
	return ok ? 0 : key_openssl_err(e, ERR_SYS, "serial number");
}

/* From a little before now for `lifetime_s`, within the issuer's own span. */
static int set_span(X509 *cert, X509 *issuer, int64_t now, int64_t lifetime_s,
		    struct err *e)
{
	int64_t from = now - local_backdate(lifetime_s), to = from + lifetime_s, first,
		last;
	char end[TEXT_TIME_MAX];

	if (lifetime_s <= 0)
		return err_set(e, ERR_CONFIG, "a lifetime of nothing");
	if (issuer != NULL) {
		TRY(x509_time(X509_get0_notBefore(issuer), &first, e));
		TRY(x509_time(X509_get0_notAfter(issuer), &last, e));
		from = from < first ? first : from;
		to = to > last ? last : to;
	}
	if (to <= now || from > now)
		return err_set(e, ERR_REFUSED, "the CA's own certificate ends at %s",
			       text_time(end, to));
	if (ASN1_TIME_set(X509_getm_notBefore(cert), from) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), to) == NULL)
		return key_openssl_err(e, ERR_CONFIG, "its span");
	return 0;
}

/* What all certificates have: version, serial, span, key. */
static int begin(X509 **made, X509 *issuer, EVP_PKEY *key, int64_t now,
		 int64_t lifetime_s, struct err *e)
{
	AUTO_X509 X509 *cert = X509_new();

	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    (!key_put_point(key, X509_get_X509_PUBKEY(cert)) &&
	     X509_set_pubkey(cert, key) != 1))
		return key_openssl_err(e, ERR_SYS, "new certificate");
	TRY(set_serial(cert, e));
	TRY(set_span(cert, issuer, now, lifetime_s, e));
	*made = TAKE(cert);
	return 0;
}

static int sign(X509 *cert, EVP_PKEY *key, struct err *e)
{
	if (X509_sign(cert, key, key_digest(key)) <= 0)
		return key_openssl_err(e, ERR_SYS, "sign certificate");
	return 0;
}

/* Constraints stand in the intermediate too: not everyone looks for them in an anchor. */
static int add_constraints(X509 *cert, const struct local_profile *p, struct err *e)
{
	AUTO_CONSTRAINTS NAME_CONSTRAINTS *limits = NULL;

	TRY(local_constraints_parse(p->permitted, p->excluded, &limits, e));
	/* = RFC 5280 4.2.1.10 "Conforming CAs MUST mark this extension as critical" */
	if (limits != NULL && X509_add1_ext_i2d(cert, NID_name_constraints, limits, 1,
						X509V3_ADD_DEFAULT) != 1)
		return key_openssl_err(e, ERR_SYS, "name constraints");
	return 0;
}

static int add_ca_extensions(X509 *cert, const struct local_profile *p, int path_length,
			     struct err *e)
{
	TRY(local_ext_ca(cert, path_length, e));
	TRY(local_ext_key_usage(cert, KU_KEY_CERT_SIGN | KU_CRL_SIGN, e));
	TRY(local_ext_ski(cert, e));
	return add_constraints(cert, p, e);
}

static int make_root(const struct local_profile *p, int64_t now, struct local_ca *ca,
		     struct err *e)
{
	AUTO_NAME X509_NAME *subject = NULL;

	TRY(local_dn_parse(p->subject, &subject, e));
	TRY(key_make(p->ca_key, &ca->root_key, e));
	TRY(begin(&ca->root, NULL, ca->root_key, now, p->ca_lifetime_s, e));
	if (X509_set_subject_name(ca->root, subject) != 1 ||
	    X509_set_issuer_name(ca->root, subject) != 1)
		return key_openssl_err(e, ERR_SYS, "its subject");
	TRY(add_ca_extensions(ca->root, p, p->path_length, e));
	return sign(ca->root, ca->root_key, e);
}

/* The root's name with CN=Intermediate below it: it must have one of its own. */
static int name_intermediate(X509 *cert, X509 *root, struct err *e)
{
	AUTO_NAME X509_NAME *dn = X509_NAME_dup(X509_get_subject_name(root));

	if (dn == NULL ||
	    X509_NAME_add_entry_by_NID(dn, NID_commonName, MBSTRING_ASC,
				       (const unsigned char *)"Intermediate", -1, -1,
				       0) != 1 ||
	    X509_set_subject_name(cert, dn) != 1 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(root)) != 1)
		return key_openssl_err(e, ERR_SYS, "its subject");
	return 0;
}

static int make_intermediate(const struct local_profile *p, int64_t now,
			     struct local_ca *ca, struct err *e)
{
	TRY(key_make(p->ca_key, &ca->intermediate_key, e));
	TRY(begin(&ca->intermediate, ca->root, ca->intermediate_key, now,
		  p->ca_lifetime_s, e));
	TRY(name_intermediate(ca->intermediate, ca->root, e));
	TRY(add_ca_extensions(ca->intermediate, p, 0, e));
	TRY(local_ext_aki(ca->intermediate, ca->root, e));
	return sign(ca->intermediate, ca->root_key, e);
}

X509 *local_signer(const struct local_ca *ca)
{
	return ca->intermediate != NULL ? ca->intermediate : ca->root;
}

EVP_PKEY *local_signer_key(const struct local_ca *ca)
{
	return ca->intermediate != NULL ? ca->intermediate_key : ca->root_key;
}

int64_t local_backdate(int64_t lifetime_s)
{
	return lifetime_s / 10 < LOCAL_BACKDATE_S ? lifetime_s / 10 : LOCAL_BACKDATE_S;
}

int local_check(const struct local_profile *p, struct err *e)
{
	AUTO_NAME X509_NAME *subject = NULL;
	AUTO_CONSTRAINTS NAME_CONSTRAINTS *limits = NULL;

	if (p->lifetime_s <= 0 || p->ca_lifetime_s <= 0)
		return err_set(e, ERR_CONFIG, "a lifetime of nothing");
	if (p->ca_lifetime_s < p->lifetime_s)
		return err_set(e, ERR_CONFIG,
			       "the CA would end before its certificates");
	if (key_type_word(p->ca_key) == NULL)
		return err_set(e, ERR_CONFIG, "no type of key for the CA");
	if (p->intermediate && p->path_length == 0)
		return err_set(
		    e, ERR_CONFIG,
		    "a path length of 0 leaves no place for an intermediate");
	TRY(local_dn_parse(p->subject, &subject, e));
	return local_constraints_parse(p->permitted, p->excluded, &limits, e);
}

/* -- a root under another one -- */

/* What both of them hold for; all else is as `root` has it. */
static int set_cross_span(X509 *cross, X509 *by, int64_t now, struct err *e)
{
	int64_t first, last, by_first, by_last;

	TRY(x509_time(X509_get0_notBefore(cross), &first, e));
	TRY(x509_time(X509_get0_notAfter(cross), &last, e));
	TRY(x509_time(X509_get0_notBefore(by), &by_first, e));
	TRY(x509_time(X509_get0_notAfter(by), &by_last, e));
	first = first > by_first ? first : by_first;
	last = last < by_last ? last : by_last;
	if (last <= now)
		return err_set(e, ERR_REFUSED, "a root of the two has ended");
	if (ASN1_TIME_set(X509_getm_notBefore(cross), first) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cross), last) == NULL)
		return key_openssl_err(e, ERR_SYS, "its span");
	return 0;
}

int local_cross(const struct local_ca *by, X509 *root, int64_t now, X509 **cross,
		struct err *e)
{
	AUTO_X509 X509 *cert = X509_dup(root);
	X509_NAME *issuer = X509_get_subject_name(by->root);

	if (X509_get_pathlen(by->root) >= 0 &&
	    X509_NAME_cmp(issuer, X509_get_subject_name(root)) != 0)
		return err_set(e, ERR_REFUSED,
			       "its path length leaves no place for a root of another "
			       "name: let subject be what it was");
	if (cert == NULL || X509_set_issuer_name(cert, issuer) != 1)
		return key_openssl_err(e, ERR_SYS, "cross certificate");
	TRY(set_serial(cert, e));
	TRY(set_cross_span(cert, by->root, now, e));
	TRY(local_ext_aki(cert, by->root, e));
	TRY(sign(cert, by->root_key, e));
	*cross = TAKE(cert);
	return 0;
}

int local_make(const struct local_profile *p, int64_t now, struct local_ca *ca,
	       struct err *e)
{
	AUTO_LOCAL_CA struct local_ca made = { 0 };

	TRY(local_check(p, e));
	if (make_root(p, now, &made, e) < 0)
		return err_wrap(e, "root of \"%.100s\"", p->subject);
	if (p->intermediate && make_intermediate(p, now, &made, e) < 0)
		return err_wrap(e, "intermediate of \"%.100s\"", p->subject);
	TRY(local_crl(p, &made, NULL, 0, now, e));
	*ca = made;
	made = (struct local_ca){ 0 };
	return 0;
}

void local_done(struct local_ca *ca)
{
	X509_free(ca->root);
	EVP_PKEY_free(ca->root_key);
	X509_free(ca->intermediate);
	EVP_PKEY_free(ca->intermediate_key);
	X509_CRL_free(ca->crl);
	X509_free(ca->new_with_old);
	X509_free(ca->old_with_new);
	*ca = (struct local_ca){ 0 };
}

static int check_request(const struct local_request *r, struct err *e)
{
	int strength = EVP_PKEY_get_security_bits(r->public_key);

	if (r->n_names == 0)
		return err_set(e, ERR_REFUSED, "a certificate without a name");
	if ((r->usage & (USAGE_SERVER | USAGE_CLIENT)) == 0)
		return err_set(e, ERR_REFUSED, "a certificate without a usage");
	if (strength < STRENGTH_MIN)
		return err_set(e, ERR_REFUSED, "a key of %d bits of strength, not %d",
			       strength, STRENGTH_MIN);
	return 0;
}

/* = RFC 5280 4.2.1.1 "There is one exception; where a CA distributes its public key in the
 * form of a "self-signed" certificate, the authority key identifier MAY be omitted." That
 * is what `issuer` NULL means. */
static int add_leaf_extensions(X509 *cert, const struct local_profile *p, X509 *issuer,
			       const struct local_request *r, struct err *e)
{
	TRY(local_ext_leaf(cert, e));
	TRY(local_ext_key_usage(cert, KU_DIGITAL_SIGNATURE, e));
	TRY(local_ext_usage(cert, r->usage, e));
	TRY(local_ext_ski(cert, e));
	if (issuer != NULL)
		TRY(local_ext_aki(cert, issuer, e));
	TRY(local_ext_names(cert, r->names, r->n_names, e));
	return p->crl_url != NULL ? local_ext_crl_url(cert, p->crl_url, e) : 0;
}

/* -- a leaf that nobody else has signed -- */

/* = RFC 5280 4.1.2.4 "The issuer field MUST contain a non-empty distinguished name (DN)." */
static int name_self(X509 *cert, const char *first, struct err *e)
{
	const bool fits = strlen(first) <= ub_common_name;
	const char *name = fits ? first : "self-signed";
	AUTO_NAME X509_NAME *dn = X509_NAME_new();

	if (dn == NULL ||
	    X509_NAME_add_entry_by_NID(dn, NID_commonName, MBSTRING_UTF8,
				       (const unsigned char *)name, -1, -1, 0) != 1 ||
	    X509_set_subject_name(cert, dn) != 1 || X509_set_issuer_name(cert, dn) != 1)
		return key_openssl_err(e, ERR_SYS, "its subject");
	return 0;
}

static int sign_self(const struct local_request *r, int64_t now, X509 **leaf,
		     struct err *e)
{
	static const struct local_profile no_crl = { .subject = NULL };
	AUTO_X509 X509 *cert = NULL;

	TRY(check_request(r, e));
	TRY(begin(&cert, NULL, r->public_key, now, r->lifetime_s, e));
	TRY(name_self(cert, r->names[0].value, e));
	TRY(add_leaf_extensions(cert, &no_crl, NULL, r, e));
	TRY(sign(cert, r->public_key, e));
	*leaf = TAKE(cert);
	return 0;
}

int local_self(const struct local_request *r, int64_t now, struct buf *chain_pem,
	       struct err *e)
{
	AUTO_X509 X509 *leaf = NULL;

	if (sign_self(r, now, &leaf, e) < 0)
		return err_wrap(e, "self-signed");
	return x509_to_pem(leaf, chain_pem, e);
}

/* -- a leaf of the CA -- */

static int issue_leaf(const struct local_profile *p, const struct local_ca *ca,
		      const struct local_request *r, int64_t now, X509 **leaf,
		      struct err *e)
{
	AUTO_X509 X509 *cert = NULL;
	X509 *issuer = local_signer(ca);

	TRY(check_request(r, e));
	TRY(begin(&cert, issuer, r->public_key, now, r->lifetime_s, e));
	if (X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1)
		return key_openssl_err(e, ERR_SYS, "its issuer");
	TRY(add_leaf_extensions(cert, p, issuer, r, e));
	TRY(sign(cert, local_signer_key(ca), e));
	TRY(local_constraints_allow(issuer, cert, e)); /* the root has the same */
	*leaf = TAKE(cert);
	return 0;
}

int local_issue(const struct local_profile *p, const struct local_ca *ca,
		const struct local_request *r, int64_t now, struct buf *chain_pem,
		struct err *e)
{
	AUTO_X509 X509 *leaf = NULL;

	if (issue_leaf(p, ca, r, now, &leaf, e) < 0)
		return err_wrap(e, "issue");
	TRY(x509_to_pem(leaf, chain_pem, e));
	if (ca->intermediate != NULL)
		TRY(x509_to_pem(ca->intermediate, chain_pem, e));
	return r->cross != NULL ? x509_to_pem(r->cross, chain_pem, e) : 0;
}
