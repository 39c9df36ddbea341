#include "ca/certs_only.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "ca/base64.h"

#define SHOWN 80 /* bytes of what is none */

static int take_all(const PKCS7 *p7, STACK_OF(X509) * certs, struct err *e)
{
	const STACK_OF(X509) *all = p7->d.sign == NULL ? NULL : p7->d.sign->cert;
	const int n = all == NULL ? 0 : sk_X509_num(all);

	if (n <= 0)
		return err_set(e, ERR_PROTO, "it sends no certificate");
	if (n > LIMIT_CERTS_ONLY)
		return err_set(e, ERR_LIMIT, "it sends %d certificates", n);
	for (int i = 0; i < n; i++)
		if (!X509_add_cert(certs, sk_X509_value(all, i), X509_ADD_FLAG_UP_REF))
			return err_set(e, ERR_SYS, "out of memory");
	return 0;
}

static int is_none(const struct buf *body, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	ERR_clear_error();
	text_escape(&text, body->len == 0 ? "" : body->data, body->len, SHOWN);
	return err_set(e, ERR_PROTO,
		       "it sends no PKCS #7 in base64, or not all of it, but \"%s\"",
		       text.len == 0 ? "" : text.data);
}

int certs_only_read(const struct buf *body, STACK_OF(X509) * certs, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at, *end;
	PKCS7 *p7 = NULL;
	int rc;

	if (body->len == 0 || !base64_read(body->data, body->len, &der) || der.len == 0)
		return is_none(body, e);
	at = (const unsigned char *)der.data;
	end = at + der.len;
	p7 = d2i_PKCS7(NULL, &at, (long)der.len);
	rc = p7 != NULL && PKCS7_type_is_signed(p7) && at == end
		 ? take_all(p7, certs, e)
		 : is_none(body, e);
	PKCS7_free(p7);
	return rc;
}
