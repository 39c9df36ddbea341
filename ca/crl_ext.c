#include "ca/crl_ext.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"

static bool read_value(const struct der *value, struct crl_number *n)
{
	const size_t zeros = value->len > 1 && value->at[0] == 0;
	const size_t len = value->len - zeros;

	if (!der_is_integer(value) || value->at[0] >= 0x80 || len > CRL_NUMBER_MAX)
		return false;
	*n = (struct crl_number){ .len = (uint8_t)len };
	memcpy(n->octets, value->at + zeros, len);
	return true;
}

static int read_number(X509_EXTENSION *x, struct crl_facts *facts, struct err *e)
{
	const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(x);
	struct der d = { ASN1_STRING_get0_data(data),
			 (size_t)ASN1_STRING_length(data) };
	struct der value;

	/* = RFC 5280 5.2.3 "CRL verifiers MUST be able to handle CRLNumber values up to
	 * 20 octets." [crlnumber] */
	if (!der_take(&d, DER_INTEGER, &value) || d.len > 0 ||
	    !read_value(&value, &facts->number))
		return err_set(e, ERR_PROTO,
			       "its number is none that RFC 5280 5.2.3 allows");
	return 0;
}

/* -- who signed it -- */

static int check_key(X509_EXTENSION *x, X509 *ca, struct err *e)
{
	AUTHORITY_KEYID *id = X509V3_EXT_d2i(x);
	int differs;

	if (id == NULL)
		return key_openssl_err(e, ERR_PROTO, "its authority key identifier");
	differs = X509_check_akid(ca, id);
	AUTHORITY_KEYID_free(id);
	if (differs == X509_V_OK)
		return 0;
	return err_set(e, ERR_TRUST,
		       "its authority key identifier is of another key than the CA's");
}

/* -- what it speaks for -- */

static bool is_wanted(const struct crl_want *want, const char *uri, size_t len)
{
	for (size_t i = 0; i < want->n_points; i++)
		if (strlen(want->points[i]) == len &&
		    memcmp(want->points[i], uri, len) == 0)
			return true;
	return false;
}

/* = RFC 5280 6.3.3 "If the distribution point name is present in the IDP CRL extension
 * and the distribution field is present in the DP, then verify that one of the names in
 * the IDP matches one of the names in the DP." [idp-name] */
static int check_point(const DIST_POINT_NAME *point, const struct crl_want *want,
		       struct err *e)
{
	AUTO_BUF struct buf shown = { 0 };

	if (point->type != 0)
		return err_set(e, ERR_TRUST,
			       "it is for a distribution point that is no URL");
	for (int i = 0; i < sk_GENERAL_NAME_num(point->name.fullname); i++) {
		const GENERAL_NAME *name =
		    sk_GENERAL_NAME_value(point->name.fullname, i);
		const char *uri;
		size_t len;

		if (name->type != GEN_URI)
			continue;
		uri = (const char *)ASN1_STRING_get0_data(name->d.ia5);
		len = (size_t)ASN1_STRING_length(name->d.ia5);
		if (is_wanted(want, uri, len))
			return 0;
		if (shown.len == 0)
			text_escape(&shown, uri, len, ERR_TEXT_MAX / 4);
	}
	return err_set(
	    e, ERR_TRUST,
	    "it is only for certificates that name the distribution point %s",
	    shown.data == NULL ? "(no URL)" : shown.data);
}

static const char *words_of(unsigned covers)
{
	return covers == CRL_USERS ? "no CA certificates" : "CA certificates only";
}

static int check_covers(const ISSUING_DIST_POINT *idp, const struct crl_want *want,
			struct crl_facts *facts, struct err *e)
{
	if (idp->onlyattr > 0)
		return err_set(e, ERR_TRUST, "it is for attribute certificates only");
	if (idp->onlyuser > 0 && idp->onlyCA > 0)
		return err_set(e, ERR_PROTO,
			       "it is for CA certificates only and for no CA "
			       "certificates");
	if (idp->onlyuser > 0)
		facts->covers = CRL_USERS;
	if (idp->onlyCA > 0)
		facts->covers = CRL_CAS;
	if ((want->covers & ~facts->covers) != 0)
		return err_set(e, ERR_TRUST, "it is for %s", words_of(facts->covers));
	return 0;
}

static int check_idp(const ISSUING_DIST_POINT *idp, const struct crl_want *want,
		     struct crl_facts *facts, struct err *e)
{
	if (idp->indirectCRL > 0 && !want->indirect)
		return err_set(e, ERR_TRUST,
			       "it is an indirect CRL, which most servers do not "
			       "understand (indirect = true takes it)");
	if (idp->onlysomereasons != NULL)
		return err_set(e, ERR_TRUST, "it is for some reasons only");
	TRY(check_covers(idp, want, facts, e));
	return idp->distpoint == NULL ? 0 : check_point(idp->distpoint, want, e);
}

static int read_idp(X509_EXTENSION *x, const struct crl_want *want,
		    struct crl_facts *facts, struct err *e)
{
	const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(x);
	ISSUING_DIST_POINT *idp = X509V3_EXT_d2i(x);
	int rc;

	if (idp == NULL)
		return key_openssl_err(e, ERR_PROTO, "its issuing distribution point");
	rc = check_idp(idp, want, facts, e);
	ISSUING_DIST_POINT_free(idp);
	if (rc == 0 &&
	    EVP_Digest(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data),
		       facts->scope, NULL, EVP_sha256(), NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "hash");
	return rc;
}

/* -- all of them -- */

static int refuse_critical(const ASN1_OBJECT *object, struct err *e)
{
	char name[64];

	OBJ_obj2txt(name, sizeof(name), object, 0);
	return err_set(e, ERR_TRUST,
		       "it has the critical extension %s, which servers do not know",
		       name);
}

static int read_one(X509_EXTENSION *x, const struct crl_want *want,
		    struct crl_facts *facts, struct err *e)
{
	const ASN1_OBJECT *object = X509_EXTENSION_get_object(x);

	switch (OBJ_obj2nid(object)) {
	case NID_delta_crl:
		return err_set(e, ERR_TRUST,
			       "it is a delta CRL, which says only what has changed");
	case NID_issuing_distribution_point:
		return read_idp(x, want, facts, e);
	case NID_authority_key_identifier:
		return check_key(x, want->ca, e);
	/* = RFC 5280 5.2 "If a CRL contains a critical extension that the application
	 * cannot process, then the application MUST NOT use that CRL to determine the
	 * status of certificates." [critical] OpenSSL, and so most servers, cannot
	 * process a number that is critical. */
	default:
		if (X509_EXTENSION_get_critical(x))
			return refuse_critical(object, e);
		return OBJ_obj2nid(object) == NID_crl_number ? read_number(x, facts, e)
							     : 0;
	}
}

static int read_all(const STACK_OF(X509_EXTENSION) * all, const struct crl_want *want,
		    struct crl_facts *facts, struct err *e)
{
	for (int i = 0; i < sk_X509_EXTENSION_num(all); i++) {
		X509_EXTENSION *x = sk_X509_EXTENSION_value(all, i);

		if (X509v3_get_ext_by_OBJ(all, X509_EXTENSION_get_object(x), i) >= 0)
			return err_set(e, ERR_PROTO, "it has an extension twice");
		TRY(read_one(x, want, facts, e));
	}
	return 0;
}

int crl_ext_read(const struct der *der, const struct crl_want *want,
		 struct crl_facts *facts, struct err *e)
{
	const unsigned char *at = der->at;
	X509_EXTENSIONS *all = d2i_X509_EXTENSIONS(NULL, &at, (long)der->len);
	int rc;

	if (all == NULL || at != der->at + der->len)
		rc = key_openssl_err(e, ERR_PROTO, "its extensions");
	else
		rc = read_all(all, want, facts, e);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return rc;
}

int crl_ext_floor(const struct crl_want *want, const struct crl_facts *facts,
		  struct err *e)
{
	char ours[2 * CRL_NUMBER_MAX + 1], its[2 * CRL_NUMBER_MAX + 1];

	if (memcmp(want->scope, facts->scope, sizeof(want->scope)) != 0 ||
	    crl_number_cmp(&facts->number, &want->floor) >= 0)
		return 0;
	text_hex(ours, want->floor.octets, want->floor.len);
	text_hex(its, facts->number.octets, facts->number.len);
	if (facts->number.len == 0)
		return err_set(e, ERR_TRUST,
			       "it has no number; the one that we have: %s", ours);
	return err_set(
	    e, ERR_TRUST,
	    "it is older than the one that we have: number %s (hex), not %s or "
	    "more",
	    its, ours);
}
