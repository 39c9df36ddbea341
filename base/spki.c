#include "base/spki.h"

#include <stdbool.h>

#include <openssl/asn1.h>
#include <openssl/pem.h>

#include "base/buf.h"
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
static bool find(struct der d, struct der *spki)
{
	static const int before[] = {
		V_ASN1_INTEGER,  /* serialNumber */
		V_ASN1_SEQUENCE, /* signature */
		V_ASN1_SEQUENCE, /* issuer */
		V_ASN1_SEQUENCE, /* validity */
		V_ASN1_SEQUENCE, /* subject */
	};
	struct der all, in;

	for (int i = 0; i < 2; i++) {
		if (!take(&d, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &all, &in))
			return false;
		d = in;
	}
	(void)take(&d, V_ASN1_CONTEXT_SPECIFIC, 0, &all, &in); /* version */
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (!take(&d, V_ASN1_UNIVERSAL, before[i], &all, &in))
			return false;
	return take(&d, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, spki, &in);
}

/* The first block, if it is a certificate; *der is owned. */
static int read_block(const void *pem, size_t len, unsigned char **der, long *der_len,
		      struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	int ok = bio != NULL && PEM_bytes_read_bio(der, der_len, NULL, PEM_STRING_X509,
						   bio, NULL, NULL) == 1;

	BIO_free(bio);
	return ok ? 0 : key_openssl_err(e, ERR_PROTO, "PEM");
}

int spki_of_pem(const void *pem, size_t len, struct buf *spki, struct err *e)
{
	unsigned char *der = NULL;
	struct der found;
	long der_len = 0;
	bool ok;

	if (len > LIMIT_CHAIN_BYTES)
		return err_set(e, ERR_LIMIT, "certificates: %zu bytes, more than %d",
			       len, LIMIT_CHAIN_BYTES);
	TRY(read_block(pem, len, &der, &der_len, e));
	ok = find((struct der){ der, der + der_len }, &found);
	if (ok)
		buf_add(spki, found.at, (size_t)(found.end - found.at));
	OPENSSL_free(der);
	return ok ? 0 : key_openssl_err(e, ERR_PROTO, "not a certificate");
}
