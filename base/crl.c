#include "base/crl.h"

#include <openssl/pem.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"

int crl_from_pem(const void *pem, size_t len, X509_CRL **crl, struct err *e)
{
	X509_CRL *read;
	BIO *bio;

	if (len > LIMIT_CRL_BYTES)
		return err_set(e, ERR_LIMIT, "CRL: %zu bytes, more than %d", len,
			       LIMIT_CRL_BYTES);
	bio = BIO_new_mem_buf(pem, (int)len);
	read = bio == NULL ? NULL : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (read == NULL)
		return key_openssl_err(e, ERR_PROTO, "read CRL");
	*crl = read;
	return 0;
}

int crl_to_pem(const X509_CRL *crl, struct buf *pem, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	if (bio == NULL || PEM_write_bio_X509_CRL(bio, crl) != 1) {
		BIO_free(bio);
		return key_openssl_err(e, ERR_SYS, "write CRL");
	}
	len = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)len);
	BIO_free(bio);
	return 0;
}

int crl_to_der(X509_CRL *crl, struct buf *der, struct err *e)
{
	unsigned char *data = NULL;
	int len = i2d_X509_CRL(crl, &data);

	if (len <= 0)
		return key_openssl_err(e, ERR_SYS, "write CRL");
	buf_add(der, data, (size_t)len);
	OPENSSL_free(data);
	return 0;
}
