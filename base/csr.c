#include "base/csr.h"

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/general.h"
#include "base/key.h"

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

int csr_make(EVP_PKEY *key, const struct name *names, size_t n, struct buf *der,
	     struct err *e)
{
	X509_REQ *csr = X509_REQ_new(); /* version 1, the subject empty */
	GENERAL_NAMES *all = NULL;
	int rc = general_names(names, n, &all, e);

	if (rc == 0 &&
	    (csr == NULL || !set_key(csr, key) || !add_names(csr, all) ||
	     X509_REQ_sign(csr, key, key_digest(key)) <= 0 || !write_der(csr, der)))
		rc = key_openssl_err(e, ERR_SYS, "certificate request");
	GENERAL_NAMES_free(all);
	X509_REQ_free(csr);
	return rc;
}
