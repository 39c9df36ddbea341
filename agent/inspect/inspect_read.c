#include "agent/inspect/inspect_read.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_other.h"
#include "agent/inspect/inspect_p12.h"
#include "agent/inspect/inspect_secret.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"

#define LIMIT_BROKEN 20 /* blocks of PEM that are broken, before we believe it */

/* A piece of an input, in DER. */
struct piece {
	struct inspect *in;
	uint32_t input;
	const char *form;   /* "PEM" or "DER" */
	const char *header; /* of PEM: "Proc-Type: 4,ENCRYPTED..."; "" : none */
	const unsigned char *der;
	long len;
};

/* Whether all of the piece was read. */
static bool whole(const struct piece *p, const unsigned char *at, bool read)
{
	ERR_clear_error();
	if (!read)
		return false;
	if (at < p->der + p->len)
		inspect_say(p->in, FOUND_BYTES_AFTER, p->input,
			    "there are %ld bytes behind the end of what it is",
			    (long)(p->der + p->len - at));
	return true;
}

static bool read_cert(const struct piece *p)
{
	const unsigned char *at = p->der;
	AUTO_X509 X509 *cert = d2i_X509(NULL, &at, p->len);
	struct inspect_item *item;

	if (!whole(p, at, cert != NULL))
		return false;
	item = inspect_item(p->in, ITEM_CERT, p->input, p->form);
	if (item != NULL)
		item->cert = TAKE(cert);
	return true;
}

/* "TRUSTED CERTIFICATE": the same with opinions of OpenSSL's behind it. */
static bool read_aux(const struct piece *p)
{
	const unsigned char *at = p->der;
	AUTO_X509 X509 *cert = d2i_X509_AUX(NULL, &at, p->len);
	struct inspect_item *item;

	if (!whole(p, at, cert != NULL))
		return false;
	item = inspect_item(p->in, ITEM_CERT, p->input, "PEM (trusted)");
	if (item != NULL)
		item->cert = TAKE(cert);
	return true;
}

static bool read_crl(const struct piece *p)
{
	const unsigned char *at = p->der;
	AUTO_CRL X509_CRL *crl = d2i_X509_CRL(NULL, &at, p->len);
	struct inspect_item *item;

	if (!whole(p, at, crl != NULL))
		return false;
	item = inspect_item(p->in, ITEM_CRL, p->input, p->form);
	if (item != NULL)
		item->crl = TAKE(crl);
	return true;
}

static bool read_csr(const struct piece *p)
{
	const unsigned char *at = p->der;
	X509_REQ *csr = d2i_X509_REQ(NULL, &at, p->len);
	struct inspect_item *item;

	if (!whole(p, at, csr != NULL))
		return false;
	item = inspect_item(p->in, ITEM_CSR, p->input, p->form);
	if (item != NULL)
		item->csr = csr;
	else
		X509_REQ_free(csr);
	return true;
}

static bool read_public(const struct piece *p)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	struct inspect_item *item;
	struct err e;

	if (key_from_spki(p->der, (size_t)p->len, &key, &e) < 0)
		return false;
	item = inspect_item(p->in, ITEM_PUBLIC, p->input, p->form);
	if (item != NULL)
		item->key = TAKE(key);
	return true;
}

static bool read_key(const struct piece *p)
{
	return inspect_secret_plain(p->in, p->input, p->der, p->len);
}

static bool read_sealed(const struct piece *p)
{
	return inspect_secret_sealed(p->in, p->input, p->der, p->len);
}

/* Certificates and CRLs in a PKCS#7 envelope that nobody has signed: ".p7b". */
static bool read_pkcs7(const struct piece *p)
{
	const unsigned char *at = p->der;
	PKCS7 *p7 = d2i_PKCS7(NULL, &at, p->len);
	const STACK_OF(X509) *certs = NULL;
	struct inspect_item *item;
	const bool read =
	    whole(p, at, p7 != NULL && PKCS7_type_is_signed(p7) && p7->d.sign != NULL);

	if (read)
		certs = p7->d.sign->cert;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		item = inspect_item(p->in, ITEM_CERT, p->input, "PKCS#7");
		if (item == NULL)
			break;
		item->cert = sk_X509_value(certs, i);
		X509_up_ref(item->cert);
	}
	PKCS7_free(p7);
	return read;
}

static bool read_p12(const struct piece *p)
{
	return inspect_p12(p->in, p->input, p->der, p->len);
}

static bool skip(const struct piece *p)
{
	return p->len > 0;
}

static const struct label {
	const char *word;
	bool (*read)(const struct piece *p);
} labels[] = {
	{ PEM_STRING_X509, read_cert },        { PEM_STRING_X509_OLD, read_cert },
	{ PEM_STRING_X509_TRUSTED, read_aux }, { PEM_STRING_X509_CRL, read_crl },
	{ PEM_STRING_X509_REQ, read_csr },     { PEM_STRING_X509_REQ_OLD, read_csr },
	{ PEM_STRING_PKCS8INF, read_key },     { PEM_STRING_RSA, read_key },
	{ PEM_STRING_DSA, read_key },          { PEM_STRING_ECPRIVATEKEY, read_key },
	{ PEM_STRING_PKCS8, read_sealed },     { PEM_STRING_PUBLIC, read_public },
	{ PEM_STRING_PKCS7, read_pkcs7 },      { PEM_STRING_PKCS7_SIGNED, read_pkcs7 },
	{ PEM_STRING_CMS, read_pkcs7 },        { "PKCS12", read_p12 },
	{ PEM_STRING_ECPARAMETERS, skip },     { PEM_STRING_DHPARAMS, skip },
	{ PEM_STRING_DHXPARAMS, skip },
};

static void read_block(const char *label, const struct piece *p)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		if (strcmp(label, labels[i].word) != 0)
			continue;
		if (p->header[0] != '\0')
			inspect_secret_old(p->in, p->input, p->header, p->der, p->len);
		else if (!labels[i].read(p))
			inspect_say(p->in,
				    labels[i].read == read_key ? FOUND_KEY_BROKEN
							       : FOUND_PEM_BROKEN,
				    p->input,
				    "a block says that it is a %s and is none", label);
		return;
	}
	inspect_other_block(p->in, p->input, label);
}

/* Whether there is another block; one that is broken counts. */
static bool next_block(BIO *bio, struct piece *p, unsigned *broken)
{
	char *label = NULL, *header = NULL;
	unsigned char *data = NULL;
	const size_t before = (size_t)BIO_pending(bio);
	long len = 0;
	unsigned long why;

	if (PEM_read_bio(bio, &label, &header, &data, &len) == 1) {
		p->der = data;
		p->len = len;
		p->header = header;
		read_block(label, p);
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)len);
		return true;
	}
	why = ERR_peek_last_error();
	ERR_clear_error();
	if (ERR_GET_REASON(why) == PEM_R_NO_START_LINE)
		return false;
	inspect_say(p->in, FOUND_PEM_BROKEN, p->input,
		    "a block of PEM is broken or cut off (%s)",
		    ERR_reason_error_string(why));
	return ++*broken < LIMIT_BROKEN && (size_t)BIO_pending(bio) < before;
}

static void read_pem(struct piece *p, const void *data, size_t len)
{
	BIO *bio = BIO_new_mem_buf(data, (int)len);
	unsigned broken = 0;

	p->form = "PEM";
	while (bio != NULL && next_block(bio, p, &broken))
		;
	BIO_free(bio);
}

/* One that is taken for another has bytes behind its end or lacks some; the order does
 * not matter. */
static bool read_der(struct piece *p)
{
	static const struct reader {
		bool (*read)(const struct piece *p);
	} readers[] = {
		{ read_cert }, { read_crl },    { read_csr },    { read_p12 },
		{ read_key },  { read_sealed }, { read_public }, { read_pkcs7 },
	};

	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (readers[i].read(p))
			return true;
	return false;
}

void inspect_read(struct inspect *in, uint32_t input, const void *data, size_t len)
{
	struct piece p = { .in = in, .input = input, .header = "" };
	const size_t findings = in->n_findings;

	if (len > LIMIT_INSPECT_BYTES) {
		inspect_say(in, FOUND_TOO_LARGE, input,
			    "it has more than %d bytes, and is not looked at",
			    LIMIT_INSPECT_BYTES);
		return;
	}
	if (len > 0 && *(const unsigned char *)data == 0x30) { /* SEQUENCE */
		p.form = "DER";
		p.der = data;
		p.len = (long)len;
		if (read_der(&p))
			return;
	}
	if (inspect_other_known(in, input, data, len))
		return;
	read_pem(&p, data, len);
	if (in->inputs[input].n_items == 0 && in->n_findings == findings)
		inspect_other(in, input, data, len);
}
