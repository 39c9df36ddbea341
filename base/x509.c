#include "base/x509.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define AUTO_BIO __attribute__((cleanup(bio_done)))

static void bio_done(BIO **bio)
{
	BIO_free(*bio);
}

static int add_certificate(STACK_OF(X509) * chain, const unsigned char *der, long len,
			   struct err *e)
{
	const unsigned char *at = der;
	AUTO_X509 X509 *cert = NULL;

	if (sk_X509_num(chain) >= LIMIT_CHAIN_CERTS)
		return err_set(e, ERR_LIMIT, "more than %d certificates",
			       LIMIT_CHAIN_CERTS);
	cert = d2i_X509(NULL, &at, len);
	if (cert == NULL)
		return key_openssl_err(e, ERR_PROTO, "certificate %d",
				       sk_X509_num(chain) + 1);
	if (at != der + len)
		return err_set(e, ERR_PROTO, "certificate %d: bytes after its end",
			       sk_X509_num(chain) + 1);
	if (sk_X509_push(chain, cert) <= 0)
		return key_openssl_err(e, ERR_SYS, "keep certificate");
	cert = NULL;
	return 0;
}

/* One PEM block into the chain if it is a certificate; *more is false at the end. */
static int read_block(BIO *bio, STACK_OF(X509) * chain, bool *more, struct err *e)
{
	char *label = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len = 0;
	int rc = 0;

	if (PEM_read_bio(bio, &label, &header, &data, &len) != 1) {
		*more = false;
		if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
			return ERR_peek_error() == 0
				   ? err_set(e, ERR_PROTO, "PEM: nothing in it")
				   : key_openssl_err(e, ERR_PROTO, "PEM");
		ERR_clear_error();
		return 0;
	}
	if (strcmp(label, PEM_STRING_X509) == 0)
		rc = add_certificate(chain, data, len, e);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len); /* a key may stand in the same file */
	return rc;
}

int x509_chain_from_pem(const void *pem, size_t len, STACK_OF(X509) * *chain,
			struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *read = NULL;
	AUTO_BIO BIO *bio = NULL;

	if (len > LIMIT_CHAIN_BYTES)
		return err_set(e, ERR_LIMIT, "certificates: %zu bytes, more than %d",
			       len, LIMIT_CHAIN_BYTES);
	read = sk_X509_new_null();
	bio = BIO_new_mem_buf(pem == NULL ? "" : pem, (int)len);
	if (read == NULL || bio == NULL)
		return key_openssl_err(e, ERR_SYS, "read certificates");
	for (bool more = true; more;)
		TRY(read_block(bio, read, &more, e));
	if (sk_X509_num(read) == 0)
		return err_set(e, ERR_PROTO, "no certificate in it");
	*chain = TAKE(read);
	return 0;
}

int x509_chain_again(struct x509_memo *memo, const void *pem, size_t len,
		     STACK_OF(X509) * *chain, struct err *e)
{
	if (memo->chain == NULL || memo->pem.len != len ||
	    memcmp(memo->pem.data, pem, len) != 0) {
		x509_memo_done(memo);
		TRY(x509_chain_from_pem(pem, len, &memo->chain, e));
		buf_add(&memo->pem, pem, len);
	}
	*chain = X509_chain_up_ref(memo->chain);
	return *chain == NULL ? key_openssl_err(e, ERR_SYS, "keep certificates") : 0;
}

void x509_memo_done(struct x509_memo *memo)
{
	sk_X509_pop_free(memo->chain, X509_free);
	memo->chain = NULL;
	buf_done(&memo->pem);
}

int x509_to_pem(X509 *cert, struct buf *pem, struct err *e)
{
	AUTO_BIO BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1)
		return key_openssl_err(e, ERR_SYS, "write certificate");
	len = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)len);
	return 0;
}

int x509_all_to_pem(const STACK_OF(X509) * certs, struct buf *pem, struct err *e)
{
	for (int i = 0; i < sk_X509_num(certs); i++)
		TRY(x509_to_pem(sk_X509_value(certs, i), pem, e));
	return 0;
}

int x509_to_der(X509 *cert, struct buf *der, struct err *e)
{
	unsigned char *data = NULL;
	int len = i2d_X509(cert, &data);

	if (len <= 0)
		return key_openssl_err(e, ERR_SYS, "write certificate");
	buf_add(der, data, (size_t)len);
	OPENSSL_free(data);
	return 0;
}

/* The word that the configuration would have for this name. Everything that is not
 * visible ASCII is no name: an A-label, a mailbox and a URI have nothing else. */
static int spell(const char *prefix, const ASN1_IA5STRING *text, struct buf *word,
		 struct err *e)
{
	const unsigned char *data = ASN1_STRING_get0_data(text);
	int len = ASN1_STRING_length(text);

	for (int i = 0; i < len; i++)
		if (data[i] <= ' ' || data[i] > '~')
			return err_set(e, ERR_PROTO, "a name with byte 0x%02x in it",
				       data[i]);
	buf_puts(word, prefix);
	buf_add(word, data, (size_t)len);
	return 0;
}

/* names_parse() may change the case and nothing else, or the certificate says
 * something else than what we would compare. */
static int read_text(enum name_kind kind, const char *prefix,
		     const ASN1_IA5STRING *text, struct name *name, struct err *e)
{
	AUTO_BUF struct buf word = { 0 };
	AUTO_FREE char *value = NULL;
	enum name_kind got;

	TRY(spell(prefix, text, &word, e));
	if (names_parse(word.data, &got, &value, e) < 0)
		return err_set(e, ERR_PROTO, "a name that is none: %.100s", word.data);
	if (got != kind || strcasecmp(value, word.data + strlen(prefix)) != 0)
		return err_set(e, ERR_PROTO, "a name not in its own form: %.100s",
			       word.data);
	*name = (struct name){ kind, TAKE(value) };
	return 0;
}

static int read_address(const ASN1_OCTET_STRING *octets, struct name *name,
			struct err *e)
{
	const unsigned char *data = ASN1_STRING_get0_data(octets);
	int len = ASN1_STRING_length(octets);
	char text[INET6_ADDRSTRLEN];

	if (len != 4 && len != 16)
		return err_set(e, ERR_PROTO, "an address of %d bytes", len);
	inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text));
	*name = (struct name){ NAME_IP, xstrdup(text) };
	return 0;
}

static int read_name(const GENERAL_NAME *general, struct name *name, struct err *e)
{
	switch (general->type) {
	case GEN_DNS:
		return read_text(NAME_DNS, "", general->d.dNSName, name, e);
	case GEN_IPADD:
		return read_address(general->d.iPAddress, name, e);
	case GEN_EMAIL:
		return read_text(NAME_EMAIL, "email:", general->d.rfc822Name, name, e);
	case GEN_URI:
		return read_text(NAME_URI, "uri:", general->d.uniformResourceIdentifier,
				 name, e);
	default:
		return err_set(e, ERR_PROTO, "a name of a kind that we do not know");
	}
}

void x509_names_free(struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(
		    (void *)(uintptr_t)names[i].value); /* const to all but the owner */
	free(names);
}

static int read_names(const GENERAL_NAMES *general, struct name **names, size_t *n,
		      struct err *e)
{
	size_t total = (size_t)sk_GENERAL_NAME_num(general);
	struct name *read = xcalloc(total + 1, sizeof(*read));

	for (size_t i = 0; i < total; i++) {
		int rc = read_name(sk_GENERAL_NAME_value(general, (int)i), &read[i], e);

		if (rc < 0) {
			x509_names_free(read, i);
			return rc;
		}
	}
	*names = read;
	*n = total;
	return 0;
}

/* `general` as OpenSSL decoded it, or NULL and why there is none; it ends here. */
static int take_names(GENERAL_NAMES *general, int critical, struct name **names,
		      size_t *n, struct err *e)
{
	int rc;

	if (general == NULL && critical != -1) /* there, but twice or not readable */
		return key_openssl_err(e, ERR_PROTO, "subject alternative names");
	if (general == NULL) {
		*names = xcalloc(1, sizeof(**names));
		*n = 0;
		return 0;
	}
	rc = read_names(general, names, n, e);
	GENERAL_NAMES_free(general);
	return rc < 0 ? err_wrap(e, "subject alternative names") : 0;
}

int x509_names(X509 *cert, struct name **names, size_t *n, struct err *e)
{
	int critical;
	GENERAL_NAMES *general =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);

	return take_names(general, critical, names, n, e);
}

int x509_csr_names(X509_REQ *csr, struct name **names, size_t *n, struct err *e)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
	int critical = -1;
	GENERAL_NAMES *general =
	    X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return take_names(general, critical, names, n, e);
}

static char *dn_text(const X509_NAME *dn)
{
	AUTO_BIO BIO *bio = BIO_new(BIO_s_mem());
	unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	char *data = NULL;
	long len;

	if (bio == NULL || X509_NAME_print_ex(bio, dn, 0, flags) < 0) {
		ERR_clear_error();
		return xstrdup("(a name that cannot be read)");
	}
	len = BIO_get_mem_data(bio, &data);
	return xstrndup(data == NULL ? "" : data, (size_t)len);
}

char *x509_subject(X509 *cert)
{
	return dn_text(X509_get_subject_name(cert));
}

char *x509_issuer(X509 *cert)
{
	return dn_text(X509_get_issuer_name(cert));
}

int x509_serial_decimal(X509 *cert, char **decimal, struct err *e)
{
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *text = serial == NULL ? NULL : BN_bn2dec(serial);
	int rc = text == NULL ? key_openssl_err(e, ERR_SYS, "the serial number") : 0;

	if (rc == 0)
		*decimal = xstrdup(text);
	OPENSSL_free(text);
	BN_free(serial);
	return rc;
}

int x509_time(const ASN1_TIME *t, int64_t *at, struct err *e)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return key_openssl_err(e, ERR_PROTO, "a time that is none");
	*at = timegm(&tm);
	return 0;
}

static int read_serial(X509 *cert, struct x509_facts *facts, struct err *e)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	const unsigned char *data = ASN1_STRING_get0_data(serial);
	size_t len = (size_t)ASN1_STRING_length(serial), at = 0;

	/* = RFC 5280 4.1.2.2 "Conforming CAs MUST NOT use serialNumber values longer
	 * than 20 octets." */
	if (len < 1 || len > 20)
		return err_set(e, ERR_PROTO, "a serial number of %zu bytes", len);
	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
		facts->serial[at++] = '-';
	for (size_t i = 0; i < len; i++, at += 2) {
		facts->serial[at] = "0123456789ABCDEF"[data[i] >> 4];
		facts->serial[at + 1] = "0123456789ABCDEF"[data[i] & 15];
	}
	facts->serial[at] = '\0';
	return 0;
}

static int read_key(X509 *cert, struct x509_facts *facts, struct err *e)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	unsigned char *der = NULL;
	int len, ok;

	facts->key = key == NULL ? KEY_NONE : key_type_of(key);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len <= 0)
		return key_openssl_err(e, ERR_PROTO, "its public key");
	ok = EVP_Digest(der, (size_t)len, facts->spki_hash, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return ok == 1 ? 0 : key_openssl_err(e, ERR_SYS, "hash its public key");
}

/* = RFC 5280 4.2.1.12 "If the extension is present, then the certificate MUST only be
 * used for one of the purposes indicated." and without it for all of them. */
static unsigned read_usage(X509 *cert)
{
	uint32_t purposes = X509_get_extended_key_usage(cert); /* absent: all bits */

	return ((purposes & XKU_SSL_SERVER) != 0 ? USAGE_SERVER : 0) |
	       ((purposes & XKU_SSL_CLIENT) != 0 ? USAGE_CLIENT : 0);
}

static void read_names_hash(X509 *cert, struct x509_facts *facts)
{
	struct name *names;
	struct err ignored; /* a foreign certificate may have names of other kinds */
	size_t n;

	facts->names_hash = 0;
	facts->n_names = 0;
	if (x509_names(cert, &names, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		facts->names_hash += names_hash(names[i].kind, names[i].value);
	facts->n_names = n;
	x509_names_free(names, n);
}

int x509_facts(X509 *cert, struct x509_facts *facts, struct err *e)
{
	struct x509_facts f = { 0 };

	TRY(x509_time(X509_get0_notBefore(cert), &f.not_before, e));
	TRY(x509_time(X509_get0_notAfter(cert), &f.not_after, e));
	TRY(read_serial(cert, &f, e));
	TRY(read_key(cert, &f, e));
	if (X509_digest(cert, EVP_sha256(), f.fingerprint, NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "hash certificate");
	f.is_ca = X509_check_ca(cert) != 0 || /* says CA:TRUE, may not sign: still */
		  (X509_get_extension_flags(cert) & EXFLAG_CA) != 0;
	f.usage = read_usage(cert);
	read_names_hash(cert, &f);
	ERR_clear_error(); /* of extensions that OpenSSL could not read */
	*facts = f;
	return 0;
}

int x509_facts_from_pem(const void *pem, size_t len, struct x509_facts *facts,
			struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;

	TRY(x509_chain_from_pem(pem, len, &chain, e));
	return x509_facts(sk_X509_value(chain, 0), facts, e);
}
