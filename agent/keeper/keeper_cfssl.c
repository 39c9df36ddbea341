#include "agent/keeper/keeper_cfssl.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/keeper/keeper_csr.h"
#include "agent/keeper/keeper_sign.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define LIMIT_AUTH_KEY 4096 /* hex digits of the file; CFSSL's own examples have 32 */

/* -- the key of the MAC -- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

	return at == NULL ? -1 : (int)(at - digits);
}

/* Hex, and white space around it, as `openssl rand -hex 32` writes it. */
static bool read_hex(const struct buf *text, struct buf *key)
{
	size_t at = 0, end = text->len;

	while (at < end && isspace((unsigned char)text->data[at]) != 0)
		at++;
	while (end > at && isspace((unsigned char)text->data[end - 1]) != 0)
		end--;
	if (at == end || (end - at) % 2 != 0)
		return false;
	for (; at < end; at += 2) {
		const int high = hex_digit(text->data[at]);
		const int low = hex_digit(text->data[at + 1]);
		unsigned char byte;

		if (high < 0 || low < 0)
			return false;
		byte = (unsigned char)(high << 4 | low);
		buf_add(key, &byte, 1);
	}
	return true;
}

static int put_mac(const char *path, const struct buf *json, struct buf *mac,
		   struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_BUF struct buf key = { 0 };
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_AUTH_KEY, &text, e));
	if (!read_hex(&text, &key))
		return err_set(e, ERR_CONFIG, "auth_key_file %s is not a key in hex",
			       path);
	if (HMAC(EVP_sha256(), key.data, (int)key.len,
		 (const unsigned char *)json->data, json->len, sum, &len) == NULL)
		return key_openssl_err(e, ERR_SYS, "HMAC");
	buf_add(mac, sum, len);
	return 0;
}

/* -- what is asked for -- */

/* A user's own request is passed on unread. */
static int to_pem(const struct buf *der, char **pem, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;
	int rc = 0;

	if (bio == NULL ||
	    PEM_write_bio(bio, PEM_STRING_X509_REQ, "", (unsigned char *)der->data,
			  (long)der->len) <= 0)
		rc = key_openssl_err(e, ERR_SYS, "the request in PEM");
	len = rc == 0 ? BIO_get_mem_data(bio, &text) : 0;
	if (rc == 0)
		*pem = xstrndup(text, (size_t)len);
	BIO_free(bio);
	return rc;
}

/* Without `hosts`: an empty list would leave the names of the request out, another one
 * would take their place. */
static int put_signing(const struct keeper_lent *l, struct json *j, struct err *e)
{
	const struct lend_ticket *t = &l->ticket;
	const struct spec_cert *c = &l->keeper->start.spec.certs[t->cert];
	AUTO_BUF struct buf der = { 0 };
	AUTO_FREE char *pem = NULL;

	TRY(keeper_csr_named(l->keeper, c, &t->out,
			     &(struct csr_asks){ .subject = NULL }, &der, e));
	TRY(to_pem(&der, &pem, e));
	json_str(j, "certificate_request", pem);
	json_str(j, "profile", keeper_text(l->keeper, keeper_issuer(l)->profile));
	return 0;
}

static int put_revocation(const struct keeper_lent *l, struct json *j, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	const ASN1_OCTET_STRING *issuer;
	AUTO_FREE char *hex = NULL;
	AUTO_FREE char *serial = NULL;
	AUTO_FREE char *reason =
	    xasprintf("%llu", (unsigned long long)l->ticket.reason);
	size_t len;

	TRY(keeper_leaf_of(l, &leaf, e));
	issuer = X509_get0_authority_key_id(sk_X509_value(leaf, 0));
	if (issuer == NULL)
		return err_set(e, ERR_REFUSED,
			       "it does not say which key has signed it, which is what "
			       "CFSSL would find it by");
	len = (size_t)ASN1_STRING_length(issuer);
	hex = xcalloc(2 * len + 1, 1);
	text_hex(hex, ASN1_STRING_get0_data(issuer), len);
	TRY(x509_serial_decimal(sk_X509_value(leaf, 0), &serial, e));
	json_str(j, "serial", serial);
	json_str(j, "authority_key_id", hex);
	json_str(j, "reason", reason);
	return 0;
}

static int put_request(const struct keeper_lent *l, struct buf *out, struct err *e)
{
	struct json j;

	payload_open(&j, out);
	TRY(l->ticket.what == LEND_REVOKE ? put_revocation(l, &j, e)
					  : put_signing(l, &j, e));
	payload_close(&j);
	return 0;
}

int keeper_sign_cfssl(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	const char *path = keeper_text(l->keeper, keeper_issuer(l)->auth_key_file);
	AUTO_BUF struct buf json = { 0 };
	AUTO_BUF struct buf mac = { 0 };
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(put_request(l, &json, e));
	if (path != NULL)
		TRY(put_mac(path, &json, &mac, e));
	msg_begin(m, SIGN_CFSSL, id);
	msg_put_str(m, json.data);
	msg_put_bytes(m, mac.data, mac.len);
	return 0;
}
