#include "tests/help/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "base/err.h"

static void add(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	if (value == NULL)
		return;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void set_serial(X509 *cert, const char *hex)
{
	BIGNUM *n = NULL;

	assert_true(BN_hex2bn(&n, hex == NULL ? "01" : hex) > 0);
	assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)));
	BN_free(n);
}

static void set_names(X509 *cert, const struct cert_plan *plan)
{
	X509_NAME *dn = X509_get_subject_name(cert);
	const unsigned char *text = (const unsigned char *)plan->subject;

	if (plan->subject != NULL)
		assert_int_equal(X509_NAME_add_entry_by_NID(dn, NID_commonName,
							    MBSTRING_UTF8, text, -1, -1,
							    0),
				 1);
	if (plan->issuer != NULL)
		dn = X509_get_subject_name(plan->issuer);
	assert_int_equal(X509_set_issuer_name(cert, dn), 1);
}

static void add_extensions(X509 *cert, const struct cert_plan *plan)
{
	X509 *issuer = plan->issuer == NULL ? cert : plan->issuer;

	add(cert, issuer, NID_basic_constraints, plan->basic);
	add(cert, issuer, NID_key_usage, plan->key_usage);
	add(cert, issuer, NID_ext_key_usage, plan->usage);
	add(cert, issuer, NID_subject_alt_name, plan->names);
	add(cert, issuer, NID_name_constraints, plan->constraints);
	add(cert, issuer, NID_subject_key_identifier, "hash");
	if (plan->issuer != NULL)
		add(cert, issuer, NID_authority_key_identifier, "keyid");
}

const EVP_MD *certs_digest(EVP_PKEY *key)
{
	char name[32] = "";

	/* 2: it must be this one */
	if (EVP_PKEY_get_default_digest_name(key, name, sizeof(name)) == 2 &&
	    strcmp(name, "UNDEF") == 0)
		return NULL;
	return key_digest(key);
}

X509 *certs_make(const struct cert_plan *plan)
{
	EVP_PKEY *signer = plan->issuer_key == NULL ? plan->key : plan->issuer_key;
	const EVP_MD *digest =
	    plan->digest == NULL ? certs_digest(signer) : plan->digest;
	X509 *cert = X509_new();

	assert_non_null(cert);
	assert_int_equal(X509_set_version(cert, plan->version_1 ? X509_VERSION_1
								: X509_VERSION_3),
			 1);
	assert_int_equal(X509_set_pubkey(cert, plan->key), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert), plan->from));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert), plan->to));
	set_serial(cert, plan->serial);
	set_names(cert, plan);
	if (!plan->version_1)
		add_extensions(cert, plan);
	assert_true(X509_sign(cert, signer, digest) > 0);
	return cert;
}

EVP_PKEY *certs_key(enum key_type type)
{
	EVP_PKEY *key = NULL;
	struct err e;

	assert_int_equal(key_make(type, &key, &e), 0);
	return key;
}
