#include "acme/ari.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "base/base64url.h"
#include "base/buf.h"
#include "base/text.h"

#define KEY_ID_MAX 128 /* bytes; they are hashes, most of 20 */

/* The DER of the serial number without tag and length: with the 00 that keeps a high bit
 * from being a sign. */
static bool add_serial(const X509 *cert, struct buf *id)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	unsigned char *der = NULL;
	int len = i2d_ASN1_INTEGER(serial, &der);
	/* At most 20 octets (RFC 5280 4.1.2.2), so the length is one. */
	bool ok = len > 2 && der[1] < 0x80 && len == der[1] + 2;

	if (ok)
		base64url_add(id, der + 2, (size_t)len - 2);
	OPENSSL_free(der);
	return ok;
}

/* = RFC 9773 4.1 "All trailing "=" characters MUST be stripped from both parts of the
 * unique identifier." [id] */
bool ari_id(X509 *cert, struct buf *id)
{
	const ASN1_OCTET_STRING *key = X509_get0_authority_key_id(cert);
	const int len = key == NULL ? 0 : ASN1_STRING_length(key);

	if (len < 1 || len > KEY_ID_MAX)
		return false;
	base64url_add(id, ASN1_STRING_get0_data(key), (size_t)len);
	buf_puts(id, ".");
	return add_serial(cert, id);
}

/* = RFC 9773 4.2 "A RenewalInfo object in which the end timestamp equals or precedes the
 * start timestamp is invalid." [window] */
bool ari_window_read(const char *start, const char *end, struct ari_window *w)
{
	struct ari_window read;

	if (start == NULL || end == NULL || !text_time_read(start, &read.start) ||
	    !text_time_read(end, &read.end) || read.end <= read.start)
		return false;
	*w = read;
	return true;
}

bool ari_url_is_plain(const char *url)
{
	const size_t len = strlen(url);

	if (len > LIMIT_ARI_URL ||
	    (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return false;
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] > '~' ||
		    strchr("\"<>\\^`{|}", url[i]) != NULL)
			return false;
	return true;
}

/* = RFC 9773 4.3.3 "On receiving a temporary error, clients SHOULD do exponential backoff
 * with a capped number of tries. If all tries are exhausted, clients MUST treat the request
 * as a long-term error." [errors] */
int64_t ari_retry_at(bool temporary, unsigned n, int64_t now)
{
	return now + (temporary && n < ARI_TRIES ? ARI_SOON_S << n : ARI_ERROR_S);
}

int64_t ari_ask_at(int64_t asked, int64_t now)
{
	if (asked == 0)
		return now + ARI_ERROR_S;
	if (asked < now + ARI_SOON_S)
		return now + ARI_SOON_S;
	return asked > now + ARI_LATE_S ? now + ARI_LATE_S : asked;
}
