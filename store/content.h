/*
 * content: what a file outside the store holds, made of one generation.
 *
 * The same set and the same password give the same bytes, always (seal.h says how):
 * whether a file is as it should be is a comparison, nothing that somebody else may have
 * written is parsed for it, and a file that is so is never written again.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct err;
struct set;

enum content_kind {
	CONTENT_FULLCHAIN, /* leaf, chain */
	CONTENT_CERT,
	CONTENT_CHAIN, /* an empty file if the leaf comes from the root itself */
	CONTENT_KEY,
	CONTENT_COMBINED, /* key, leaf, chain */
	CONTENT_PKCS12,
	CONTENT_DER,    /* the leaf */
	CONTENT_CA,     /* the issuer's trust anchors; ERR_CONFIG if there are none */
	CONTENT_HASHED, /* ... as a folder of files: hashed.h */
	CONTENT_SDS,    /* key, leaf, chain for Envoy */
	CONTENT_TRUSTSTORE, /* the anchors as PKCS#12, as Java trusts them */
	CONTENT_CRL,        /* no generation's: crlset.h */
	CONTENT_KINDS,
};

/* A private key: of CONTENT_KEY, and but for DER of CONTENT_COMBINED. */
enum content_key {
	CONTENT_KEY_PKCS8,
	CONTENT_KEY_TRADITIONAL, /* PKCS#1 or SEC 1; not with a password */
	CONTENT_KEY_DER,         /* PKCS#8 */
	CONTENT_KEY_FORMS,
};

enum content_p12 {
	CONTENT_P12_MODERN, /* AES-256, HMAC-SHA-256 */
	CONTENT_P12_PBMAC1, /* ... with PBMAC1 (RFC 9579), where OpenSSL has it */
	CONTENT_P12_LEGACY, /* 3DES, HMAC-SHA-1 */
	CONTENT_P12_FORMS,
};

struct content {
	enum content_kind kind;
	enum content_key key;
	enum content_p12 p12;
	bool cert_first;      /* CONTENT_COMBINED: leaf, chain, key */
	const char *password; /* borrowed; NULL: none. PKCS#12 needs one */
};

/* Whether it holds roots that others are trusted by: such a file is never without those of
 * what is live. */
static inline bool content_is_trust(enum content_kind kind)
{
	return kind == CONTENT_CA || kind == CONTENT_HASHED ||
	       kind == CONTENT_TRUSTSTORE;
}

/* The bytes of `content`, which is one file, for `set`; `out` is replaced. */
int content_render(const struct set *set, const struct content *content,
		   struct buf *out, struct err *e);
