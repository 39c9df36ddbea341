#include "base/csr.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/common_name.h"
#include "base/err.h"
#include "base/general.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"

static const int purposes[] = { NID_server_auth, NID_client_auth, NID_email_protect,
				NID_code_sign, NID_ipsec_IKE };
_Static_assert(CSR_PURPOSES == (1u << sizeof(purposes) / sizeof(*purposes)) - 1,
	       "a bit for each");

uint32_t csr_purpose(int nid)
{
	for (size_t i = 0; i < sizeof(purposes) / sizeof(*purposes); i++)
		if (purposes[i] == nid)
			return 1u << i;
	return 0;
}

/* KU_* counts bits from the left, as DER does (RFC 5280 4.2.1.3). */
static int add_usages(STACK_OF(X509_EXTENSION) * *extensions, uint32_t usages)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	int ok = bits != NULL;

	for (int i = 0; ok && i < 8; i++)
		if ((usages & 0x80u >> i) != 0)
			ok = ASN1_BIT_STRING_set_bit(bits, i, 1);
	ok = ok && X509V3_add1_i2d(extensions, NID_key_usage, bits, 1,
				   X509V3_ADD_DEFAULT) == 1;
	ASN1_BIT_STRING_free(bits);
	return ok;
}

static int add_purposes(STACK_OF(X509_EXTENSION) * *extensions, uint32_t wanted)
{
	EXTENDED_KEY_USAGE *all = sk_ASN1_OBJECT_new_null();
	int ok = all != NULL;

	for (size_t i = 0; ok && i < sizeof(purposes) / sizeof(*purposes); i++)
		if ((wanted & 1u << i) != 0)
			ok = sk_ASN1_OBJECT_push(all, OBJ_nid2obj(purposes[i])) > 0;
	ok = ok && X509V3_add1_i2d(extensions, NID_ext_key_usage, all, 0,
				   X509V3_ADD_DEFAULT) == 1;
	EXTENDED_KEY_USAGE_free(all);
	return ok;
}

static int add_extensions(X509_REQ *csr, GENERAL_NAMES *all,
			  const struct csr_asks *asks)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	int ok = X509V3_add1_i2d(&extensions, NID_subject_alt_name, all, 0,
				 X509V3_ADD_DEFAULT) == 1 &&
		 (asks->usages == 0 || add_usages(&extensions, asks->usages)) &&
		 (asks->purposes == 0 || add_purposes(&extensions, asks->purposes)) &&
		 X509_REQ_add_extensions(csr, extensions) == 1;

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return ok;
}

static int add_challenge(X509_REQ *csr, const char *challenge)
{
	return challenge == NULL || challenge[0] == '\0' ||
	       X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_challengePassword, MBSTRING_ASC,
					 (const unsigned char *)challenge, -1) == 1;
}

static int set_key(X509_REQ *csr, EVP_PKEY *key)
{
	return key_put_point(key, X509_REQ_get_X509_PUBKEY(csr)) ||
	       X509_REQ_set_pubkey(csr, key) == 1;
}

static int write_der(X509_REQ *csr, struct buf *der)
{
	unsigned char *data = NULL;
	int len = i2d_X509_REQ(csr, &data);

	if (len > 0)
		buf_add(der, data, (size_t)len);
	OPENSSL_free(data);
	return len > 0;
}

static int set_subject(X509_REQ *csr, const X509_NAME *subject)
{
	return subject == NULL || X509_REQ_set_subject_name(csr, subject) == 1;
}

int csr_make_as(EVP_PKEY *key, const struct csr_asks *asks, const struct name *names,
		size_t n, struct buf *der, struct err *e)
{
	X509_REQ *csr = X509_REQ_new(); /* version 1, the subject empty */
	GENERAL_NAMES *all = NULL;
	int rc = general_names(names, n, &all, e);

	if (rc == 0 &&
	    (csr == NULL || !set_subject(csr, asks->subject) || !set_key(csr, key) ||
	     !add_extensions(csr, all, asks) || !add_challenge(csr, asks->challenge) ||
	     X509_REQ_sign(csr, key, key_digest(key)) <= 0 || !write_der(csr, der)))
		rc = key_openssl_err(e, ERR_SYS, "certificate request");
	GENERAL_NAMES_free(all);
	X509_REQ_free(csr);
	return rc;
}

int csr_make(EVP_PKEY *key, const struct name *names, size_t n, struct buf *der,
	     struct err *e)
{
	return csr_make_as(key, &(struct csr_asks){ .subject = NULL }, names, n, der,
			   e);
}

X509_NAME *csr_subject(const struct name *names, size_t n)
{
	const char *word = common_name_of(names, n);
	X509_NAME *subject = word == NULL ? NULL : X509_NAME_new();

	if (word == NULL)
		return NULL;
	if (!X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
					(const unsigned char *)word, -1, -1, 0))
		abort(); /* out of memory, as in mem.h */
	return subject;
}

/* -- of others -- */

int csr_from_pem(const void *pem, size_t len, X509_REQ **csr, struct err *e)
{
	AUTO_CSR X509_REQ *read = NULL;
	BIO *bio;

	if (len > LIMIT_CSR_BYTES)
		return err_set(e, ERR_LIMIT, "a CSR of %zu bytes, more than %d", len,
			       LIMIT_CSR_BYTES);
	bio = BIO_new_mem_buf(pem, (int)len);
	read = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (read == NULL || X509_REQ_get0_pubkey(read) == NULL)
		return key_openssl_err(e, ERR_CONFIG, "not a CSR in PEM");
	if (X509_REQ_verify(read, X509_REQ_get0_pubkey(read)) != 1)
		return key_openssl_err(e, ERR_TRUST,
				       "the CSR is not signed by its own key");
	*csr = TAKE(read);
	return 0;
}

int csr_to_pem(X509_REQ *csr, struct buf *pem, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len = 0;

	if (bio != NULL && PEM_write_bio_X509_REQ(bio, csr) == 1)
		len = BIO_get_mem_data(bio, &data);
	if (len > 0)
		buf_add(pem, data, (size_t)len);
	BIO_free(bio);
	return len > 0 ? 0 : key_openssl_err(e, ERR_SYS, "write the CSR");
}

int csr_der_to_pem(const void *der, size_t len, struct buf *pem, struct err *e)
{
	const unsigned char *at = der;
	AUTO_CSR X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)len);

	if (csr == NULL)
		return key_openssl_err(e, ERR_PROTO, "signing request");
	return csr_to_pem(csr, pem, e);
}

/* Owned; NULL: there is none. What is behind a NUL in it makes it another one. */
static char *common_name(X509_REQ *csr)
{
	const X509_NAME *subject = X509_REQ_get_subject_name(csr);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	char *name;
	int len;

	if (at < 0)
		return NULL;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
					     X509_NAME_get_entry(subject, at)));
	name = len < 0 || memchr(text, '\0', (size_t)len) != NULL
		   ? xstrdup("")
		   : xstrndup((char *)text, (size_t)len);
	OPENSSL_free(text);
	ERR_clear_error();
	return name;
}

static bool has_name(const struct name *names, size_t n, const struct name *name)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].kind == name->kind &&
		    strcmp(names[i].value, name->value) == 0)
			return true;
	return false;
}

static int add_common_name(X509_REQ *csr, struct name **names, size_t *n, struct err *e)
{
	AUTO_FREE char *word = common_name(csr);
	AUTO_FREE char *canonical = NULL;
	struct name name;

	if (word == NULL)
		return 0;
	if (names_parse(word, &name.kind, &canonical, e) < 0)
		return err_wrap(e, "its common name \"%s\"", word);
	name.value = canonical;
	if (has_name(*names, *n, &name))
		return 0;
	*names = xrealloc(*names, *n + 1, sizeof(**names));
	name.value = TAKE(canonical);
	(*names)[(*n)++] = name;
	return 0;
}

int csr_names(X509_REQ *csr, struct name **names, size_t *n, struct err *e)
{
	int rc;

	TRY(x509_csr_names(csr, names, n, e));
	rc = add_common_name(csr, names, n, e);
	if (rc == 0 && *n == 0)
		rc = err_set(e, ERR_CONFIG, "it asks for no name");
	if (rc < 0)
		x509_names_free(*names, *n);
	return rc;
}
