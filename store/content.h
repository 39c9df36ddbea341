/*
 * content: what a file outside the store holds, made of one generation.
 *
 * The same set gives the same bytes, always: whether a file is as it should be is a
 * comparison, and one that is so is never written again.
 */
#pragma once

#include "base/buf.h"

struct err;
struct set;

enum content_kind {
	CONTENT_FULLCHAIN, /* leaf, chain */
	CONTENT_CERT,
	CONTENT_CHAIN, /* an empty file if the leaf comes from the root itself */
	CONTENT_KEY,
	CONTENT_COMBINED, /* key, leaf, chain */
	CONTENT_PKCS12,   /* not in this version: ERR_CONFIG */
	CONTENT_DER,      /* the leaf */
	CONTENT_CA,       /* the issuer's trust anchors; ERR_CONFIG if there are none */
	CONTENT_KINDS,
};

struct content {
	enum content_kind kind;
};

/* The bytes of `content` for `set`; `out` is replaced. */
int content_render(const struct set *set, const struct content *content,
		   struct buf *out, struct err *e);
