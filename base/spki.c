#include "base/spki.h"

#include <stdbool.h>

#include <openssl/asn1.h>
#include <openssl/pem.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/x509.h"

/* What ASN1_get_object() says besides "constructed". */
#define BROKEN     0x80
#define INDEFINITE 0x01

struct der {
	const unsigned char *at;
	const unsigned char *end;
};

/* The next element is taken out of `d`: *all of it, and what is *in it. False, and
 * nothing taken, if it is not of that class and tag. */
static bool take(struct der *d, int class, int tag, struct der *all, struct der *in)
{
	const unsigned char *at = d->at;
	int got_tag, got_class;
	long len;

	if (d->at == d->end ||
	    (ASN1_get_object(&at, &len, &got_tag, &got_class, d->end - d->at) &
	     (BROKEN | INDEFINITE)) != 0 ||
	    got_class != class || got_tag != tag)
		return false;
	*all = (struct der){ d->at, at + len };
	*in = (struct der){ at, at + len };
	d->at = at + len;
	return true;
}

/* Certificate, TBSCertificate, and the fields before the one (RFC 5280 4.1). */
static const int before_in_cert[] = {
	V_ASN1_INTEGER,  /* serialNumber */
	V_ASN1_SEQUENCE, /* signature */
	V_ASN1_SEQUENCE, /* issuer */
	V_ASN1_SEQUENCE, /* validity */
	V_ASN1_SEQUENCE, /* subject */
	0,
};

/* CertificationRequest, CertificationRequestInfo, and those (RFC 2986 4). */
static const int before_in_csr[] = {
	V_ASN1_INTEGER,  /* version */
	V_ASN1_SEQUENCE, /* subject */
	0,
};

static bool find(struct der d, const int *before, struct der *spki)
{
	struct der all, in;

	for (int i = 0; i < 2; i++) {
		if (!take(&d, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &all, &in))
			return false;
		d = in;
	}
	(void)take(&d, V_ASN1_CONTEXT_SPECIFIC, 0, &all,
		   &in); /* a certificate's version */
	for (; *before != 0; before++)
		if (!take(&d, V_ASN1_UNIVERSAL, *before, &all, &in))
			return false;
	return take(&d, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, spki, &in);
}

/* The first block called `what`, to `der`. */
static int read_block(const void *pem, size_t len, const char *what, struct buf *der,
		      struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	unsigned char *data = NULL;
	long n = 0;
	int ok = bio != NULL &&
		 PEM_bytes_read_bio(&data, &n, NULL, what, bio, NULL, NULL) == 1;

	BIO_free(bio);
	if (ok)
		buf_add(der, data, (size_t)n);
	OPENSSL_free(data);
	return ok ? 0 : key_openssl_err(e, ERR_PROTO, "PEM");
}

static int take_spki(const struct buf *der, const int *before, struct buf *spki,
		     struct err *e)
{
	const unsigned char *at = (const unsigned char *)der->data;
	struct der found;

	if (!find((struct der){ at, at + der->len }, before, &found))
		return key_openssl_err(e, ERR_PROTO, "not what its PEM says");
	buf_add(spki, found.at, (size_t)(found.end - found.at));
	return 0;
}

int spki_of_pem(const void *pem, size_t len, struct buf *spki, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };

	if (len > LIMIT_CHAIN_BYTES)
		return err_set(e, ERR_LIMIT, "certificates: %zu bytes, more than %d",
			       len, LIMIT_CHAIN_BYTES);
	TRY(read_block(pem, len, PEM_STRING_X509, &der, e));
	return take_spki(&der, before_in_cert, spki, e);
}

int spki_of_csr(const void *pem, size_t len, struct buf *der, struct buf *spki,
		struct err *e)
{
	if (len > LIMIT_CSR_BYTES)
		return err_set(e, ERR_LIMIT, "a CSR of %zu bytes, more than %d", len,
			       LIMIT_CSR_BYTES);
	TRY(read_block(pem, len, PEM_STRING_X509_REQ, der, e));
	return take_spki(der, before_in_csr, spki, e);
}
