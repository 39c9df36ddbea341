/*
 * crlpoint: where a certificate says that the CRL is on which it would stand if it were
 * revoked: its distribution points (RFC 5280 4.2.1.13).
 *
 * All of them count, and all URLs of each. Points for some reasons only, or of another
 * issuer, do not: no list that we would take says by those who is revoked.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

struct buf;

/* The URLs, of any scheme, at most LIMIT_CRL_POINTS: a line each to the end of `urls`,
 * which is a text also when there are none. */
void crlpoint_read(X509 *cert, struct buf *urls);

/* A URL that we can ask: http or https; not ldap. */
bool crlpoint_speaks(const char *url);
