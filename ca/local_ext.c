#include "ca/local_ext.h"

#include "base/auto.h"
#include "base/err.h"
#include "base/general.h"
#include "base/key.h"
#include "base/names.h"
#include "base/x509.h"

/* The one way to add an extension; `value` stays the caller's. */
static int add(X509 *cert, int nid, void *value, bool critical, struct err *e)
{
	if (value == NULL || X509_add1_ext_i2d(cert, nid, value, critical ? 1 : 0,
					       X509V3_ADD_DEFAULT) != 1)
		return key_openssl_err(e, ERR_SYS, "extension %s", OBJ_nid2sn(nid));
	return 0;
}

int local_ext_leaf(X509 *cert, struct err *e)
{
	BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new(); /* CA:FALSE by default */
	int rc = add(cert, NID_basic_constraints, value, true, e);

	BASIC_CONSTRAINTS_free(value);
	return rc;
}

int local_ext_ca(X509 *cert, int path_length, struct err *e)
{
	BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new();
	int rc;

	if (value != NULL)
		value->ca = 0xff;
	if (value != NULL && path_length >= 0) {
		value->pathlen = ASN1_INTEGER_new();
		if (value->pathlen == NULL ||
		    ASN1_INTEGER_set_int64(value->pathlen, path_length) != 1) {
			BASIC_CONSTRAINTS_free(value);
			value = NULL;
		}
	}
	rc = add(cert, NID_basic_constraints, value, true, e);
	BASIC_CONSTRAINTS_free(value);
	return rc;
}

int local_ext_key_usage(X509 *cert, unsigned bits, struct err *e)
{
	ASN1_BIT_STRING *value = ASN1_BIT_STRING_new();
	int rc;

	/* KU_* have the bits of a byte as they are sent: bit 0 is the highest. */
	for (int bit = 0; value != NULL && bit < 8; bit++)
		if ((bits & (0x80u >> bit)) != 0 &&
		    ASN1_BIT_STRING_set_bit(value, bit, 1) != 1) {
			ASN1_BIT_STRING_free(value);
			value = NULL;
		}
	rc = add(cert, NID_key_usage, value, true, e);
	ASN1_BIT_STRING_free(value);
	return rc;
}

int local_ext_usage(X509 *cert, unsigned usage, struct err *e)
{
	EXTENDED_KEY_USAGE *value = sk_ASN1_OBJECT_new_null();
	int rc;

	if (value != NULL && (usage & USAGE_SERVER) != 0)
		sk_ASN1_OBJECT_push(value, OBJ_nid2obj(NID_server_auth));
	if (value != NULL && (usage & USAGE_CLIENT) != 0)
		sk_ASN1_OBJECT_push(value, OBJ_nid2obj(NID_client_auth));
	rc = add(cert, NID_ext_key_usage, value, false, e);
	sk_ASN1_OBJECT_free(value); /* the objects are static */
	return rc;
}

/* = RFC 7093 2 "The keyIdentifier is composed of the leftmost 160-bits of the
 * SHA-256 hash of the value of the BIT STRING subjectPublicKey" */
int local_ext_ski(X509 *cert, struct err *e)
{
	const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(cert);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	unsigned char hash[32];
	int rc;

	if (value == NULL ||
	    EVP_Digest(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key),
		       hash, NULL, EVP_sha256(), NULL) != 1 ||
	    ASN1_OCTET_STRING_set(value, hash, 20) != 1)
		rc = key_openssl_err(e, ERR_SYS, "subject key identifier");
	else
		rc = add(cert, NID_subject_key_identifier, value, false, e);
	ASN1_OCTET_STRING_free(value);
	return rc;
}

static AUTHORITY_KEYID *make_aki(X509 *issuer)
{
	AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();

	if (aki == NULL)
		return NULL;
	aki->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(issuer));
	if (aki->keyid == NULL) {
		AUTHORITY_KEYID_free(aki);
		return NULL;
	}
	return aki;
}

int local_ext_aki(X509 *cert, X509 *issuer, struct err *e)
{
	AUTHORITY_KEYID *aki = make_aki(issuer);
	int rc = add(cert, NID_authority_key_identifier, aki, false, e);

	AUTHORITY_KEYID_free(aki);
	return rc;
}

int local_ext_crl_aki(X509_CRL *crl, X509 *issuer, struct err *e)
{
	AUTHORITY_KEYID *aki = make_aki(issuer);
	int ok = aki == NULL ? 0
			     : X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier,
						     aki, 0, X509V3_ADD_DEFAULT);

	AUTHORITY_KEYID_free(aki);
	return ok == 1 ? 0 : key_openssl_err(e, ERR_SYS, "authority key identifier");
}

/* = RFC 5280 4.2.1.6 "If the subject field contains an empty sequence, then the issuing
 * CA MUST include a subjectAltName extension that is marked as critical." */
int local_ext_names(X509 *cert, const struct name *names, size_t n, struct err *e)
{
	GENERAL_NAMES *all = NULL;
	int rc;

	TRY(general_names(names, n, &all, e));
	rc = add(cert, NID_subject_alt_name, all, true, e);
	GENERAL_NAMES_free(all);
	return rc;
}

/* The point's name is `url`, in full. */
static int fill_point(DIST_POINT *point, const char *url, struct err *e)
{
	const struct name name = { NAME_URI, url };

	point->distpoint = DIST_POINT_NAME_new();
	if (point->distpoint == NULL)
		return key_openssl_err(e, ERR_SYS, "CRL distribution point");
	point->distpoint->type = 0; /* fullName */
	return general_names(&name, 1, &point->distpoint->name.fullname, e);
}

int local_ext_crl_url(X509 *cert, const char *url, struct err *e)
{
	CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
	DIST_POINT *point = DIST_POINT_new();
	int rc;

	if (points == NULL || point == NULL || sk_DIST_POINT_push(points, point) <= 0) {
		DIST_POINT_free(point);
		CRL_DIST_POINTS_free(points);
		return key_openssl_err(e, ERR_SYS, "CRL distribution point");
	}
	rc = fill_point(point, url, e);
	if (rc == 0)
		rc = add(cert, NID_crl_distribution_points, points, false, e);
	CRL_DIST_POINTS_free(points);
	return rc;
}
