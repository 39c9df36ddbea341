/*
 * jws: the signature of an ACME request (RFC 8555 6.2, RFC 7515 flattened JSON). For the
 * keeper, which alone has the keys; it parses nothing.
 *
 * Algorithms by key: ES256, ES384, RS256, EdDSA (RFC 7518, 8037).
 */
#pragma once

#include <stddef.h>

#include <openssl/evp.h>

struct buf;
struct err;

struct jws {
	EVP_PKEY *key;   /* borrowed */
	const char *kid; /* the account's URL; NULL: the public key itself, "jwk" */
	const char *url;
	const char *nonce; /* NULL: none, within a keyChange (7.3.5) */
};

/* Add to `out` the JWS over `payload` ("": POST-as-GET). */
int jws_sign(const struct jws *j, const char *payload, struct buf *out, struct err *e);

/* A token that others than ACME want, as JWT (RFC 7519): the compact serialization
 * (RFC 7515 7.1) of `payload`; its header has `name`, which is the JSON document `value`,
 * and says who signs. Errors as jws_sign(). */
int jws_compact(EVP_PKEY *key, const char *name, const struct buf *value,
		const char *payload, struct buf *out, struct err *e);

/* The MAC of an external account binding (7.3.4): HS256, HS384 or HS512 over the
 * account's public key. */
struct jws_eab {
	const char *kid;
	const char *url;
	const void *mac_key;
	size_t mac_key_len;
	int bits; /* 256, 384, 512 */
};
int jws_bind(const struct jws_eab *b, const EVP_PKEY *account, struct buf *out,
	     struct err *e);

/* The public key as a JWK (RFC 7517), members sorted as RFC 7638 wants them. */
int jws_jwk(const EVP_PKEY *key, struct buf *out, struct err *e);

/* Its SHA-256 in base64url (RFC 7638): the second half of a key authorization. */
int jws_thumbprint(const EVP_PKEY *key, struct buf *out, struct err *e);
