/*
 * pkcs12: key, certificate and chain in one file under a password (RFC 7292).
 *
 * The certificates are encrypted in one part and the key in another, as everybody does
 * it; the name of the certificate is the alias of both (friendlyName).
 */
#pragma once

#include <stdbool.h>

struct buf;
struct content;
struct err;
struct set;

/* Append it to `out`, by content->p12 and content->password. */
int pkcs12_render(const struct set *set, const struct content *content, struct buf *out,
		  struct err *e);

/* The same of nothing but set->ca, each marked as trusted for any purpose in Oracle's way:
 * what is not is no trusted entry for Java. Their aliases are the name and a number. */
int pkcs12_render_trust(const struct set *set, const struct content *content,
			struct buf *out, struct err *e);

/* Whether the OpenSSL that we are built with (3.4 and later) can make PBMAC1. */
bool pkcs12_has_pbmac1(void);
