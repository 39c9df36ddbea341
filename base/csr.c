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

static int add_names(X509_REQ *csr, GENERAL_NAMES *all)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	int ok = X509V3_add1_i2d(&extensions, NID_subject_alt_name, all, 0,
				 X509V3_ADD_DEFAULT) == 1 &&
		 X509_REQ_add_extensions(csr, extensions) == 1;

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return ok;
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

int csr_make_as(EVP_PKEY *key, const X509_NAME *subject, const struct name *names,
		size_t n, struct buf *der, struct err *e)
{
	X509_REQ *csr = X509_REQ_new(); /* version 1, the subject empty */
	GENERAL_NAMES *all = NULL;
	int rc = general_names(names, n, &all, e);

	if (rc == 0 &&
	    (csr == NULL || !set_subject(csr, subject) || !set_key(csr, key) ||
	     !add_names(csr, all) || X509_REQ_sign(csr, key, key_digest(key)) <= 0 ||
	     !write_der(csr, der)))
		rc = key_openssl_err(e, ERR_SYS, "certificate request");
	GENERAL_NAMES_free(all);
	X509_REQ_free(csr);
	return rc;
}

int csr_make(EVP_PKEY *key, const struct name *names, size_t n, struct buf *der,
	     struct err *e)
{
	return csr_make_as(key, NULL, names, n, der, e);
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
