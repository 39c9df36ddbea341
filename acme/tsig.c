#include "acme/tsig.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64url.h"
#include "base/buf.h"
#include "base/dns.h"
#include "base/err.h"

#define SECRET_MIN 16 /* octets: less can be guessed (RFC 8945 10) */

const char *const tsig_algorithms[] = { "hmac-sha256", "hmac-sha224", "hmac-sha384",
					"hmac-sha512", NULL };

/* -- the secret -- */

/* The word after `what` in the text of a key file, without its quotes. The key's own name
 * may have `what` in it. */
static const char *setting(const struct buf *text, const char *what, size_t *len)
{
	const size_t n = strlen(what);
	const char *p = strstr(text->data, what);

	while (p != NULL && ((p > text->data && strchr(" \t\r\n{;", p[-1]) == NULL) ||
			     p[n] == '\0' || strchr(" \t\"", p[n]) == NULL))
		p = strstr(p + 1, what);
	if (p == NULL)
		return NULL;
	p += n;
	p += strspn(p, " \t\"");
	*len = strcspn(p, " \t\r\n\";");
	return p;
}

int tsig_secret(const struct buf *text, const char *algorithm, struct buf *secret,
		struct err *e)
{
	const char *named, *base64;
	size_t n, len = text->len;

	if (text->data == NULL || strlen(text->data) != text->len)
		return err_set(e, ERR_CONFIG, "it is empty, or no text");
	named = setting(text, "algorithm", &n);
	if (named != NULL &&
	    (n != strlen(algorithm) || strncmp(named, algorithm, n) != 0))
		return err_set(e, ERR_CONFIG, "it is not a key for %s", algorithm);
	base64 = setting(text, "secret", &len);
	if (!base64url_read(base64 == NULL ? text->data : base64, len, true, secret))
		return err_set(e, ERR_CONFIG, "it is not the base64 of a key");
	if (secret->len < SECRET_MIN)
		return err_set(e, ERR_CONFIG,
			       "its secret has %zu bytes, expected %d or more",
			       secret->len, SECRET_MIN);
	return 0;
}

/* -- the digest -- */

static const EVP_MD *hash_of(const char *algorithm)
{
	return EVP_get_digestbyname(algorithm + strlen("hmac-"));
}

static void put_time(struct buf *out, uint64_t at)
{
	dns_put_u16(out, (unsigned)(at >> 32 & UINT16_MAX));
	dns_put_u32(out, (uint32_t)at);
}

static void put_sized(struct buf *out, const void *data, size_t n)
{
	dns_put_u16(out, (unsigned)n);
	buf_add(out, data, n);
}

/* RFC 8945 4.3.3 */
static void put_variables(const struct tsig_key *key, const struct tsig_reply *r,
			  struct buf *out)
{
	dns_put_name(out, key->name);
	dns_put_u16(out, DNS_ANY);
	dns_put_u32(out, 0);
	dns_put_name(out, key->algorithm);
	put_time(out, r->at);
	dns_put_u16(out, r->fudge);
	dns_put_u16(out, r->error);
	put_sized(out, r->other, r->n_other);
}

/* = RFC 8945 4.3.1 "When generating the MAC to be included in a response, the validated
 * request MAC MUST be included in the MAC computation." [request_mac] */
static int compute(const struct tsig_key *key, const struct buf *request_mac,
		   const struct tsig_reply *r, struct buf *mac, struct err *e)
{
	AUTO_BUF struct buf signed_ = { 0 };
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (request_mac != NULL)
		put_sized(&signed_, request_mac->data, request_mac->len);
	buf_add(&signed_, r->message, r->len);
	put_variables(key, r, &signed_);
	if (HMAC(hash_of(key->algorithm), key->secret, (int)key->len,
		 (const unsigned char *)signed_.data, signed_.len, sum, &n) == NULL)
		return err_set(e, ERR_SYS, "%s cannot be computed", key->algorithm);
	buf_add(mac, sum, n);
	return 0;
}

/* -- requests -- */

/* RFC 8945 4.2. The id is the message's own. */
static void put_record(const struct tsig_key *key, const struct tsig_reply *r,
		       const struct buf *mac, struct buf *out)
{
	AUTO_BUF struct buf data = { 0 };

	dns_put_name(&data, key->algorithm);
	put_time(&data, r->at);
	dns_put_u16(&data, r->fudge);
	put_sized(&data, mac->data, mac->len);
	buf_add(&data, out->data, 2);
	dns_put_u16(&data, r->error);
	put_sized(&data, NULL, 0);
	dns_put_name(out, key->name);
	dns_put_u16(out, DNS_TSIG);
	dns_put_u16(out, DNS_ANY);
	dns_put_u32(out, 0);
	put_sized(out, data.data, data.len);
}

int tsig_sign(const struct tsig_key *key, int64_t now, struct buf *message,
	      struct buf *mac, struct err *e)
{
	const struct tsig_reply r = { .message = message->data,
				      .len = message->len,
				      .at = (uint64_t)now,
				      .fudge = TSIG_FUDGE };

	TRY(compute(key, NULL, &r, mac, e));
	put_record(key, &r, mac, message);
	message->data[DNS_HEAD - 1] = 1; /* one record in the last section */
	return 0;
}

/* -- replies -- */

/* RFC 8945 5.2.3, the other way round. Of more than 48 bits only those would be signed. */
static bool is_now(const struct tsig_reply *r, int64_t now)
{
	const int64_t off = (int64_t)(r->at & INT64_MAX) - now;

	return r->at >> 48 == 0 && off <= TSIG_FUDGE && off >= -TSIG_FUDGE;
}

int tsig_check(const struct tsig_key *key, const struct buf *mac,
	       const struct tsig_reply *reply, int64_t now, struct err *e)
{
	AUTO_BUF struct buf own = { 0 };

	TRY(compute(key, mac, reply, &own, e));
	if (own.len != reply->n_mac ||
	    CRYPTO_memcmp(own.data, reply->mac, own.len) != 0)
		return err_set(e, ERR_TRUST, "the reply is not signed by the key %s",
			       key->name);
	if (!is_now(reply, now))
		return err_set(e, ERR_TRUST,
			       "the reply was signed at %llu, and here it is %lld",
			       (unsigned long long)reply->at, (long long)now);
	return 0;
}
