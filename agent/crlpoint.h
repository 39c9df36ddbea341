/*
 * crlpoint: where a certificate says that the CRL is on which it would stand if it were
 * revoked: its distribution points (RFC 5280 4.2.1.13), as text, a line each.
 *
 * A line is a URL of any scheme: all of them count, and all of each point. Or, of a point
 * that is passed over, it is CRLPOINT_PASSED and the URL, if there is one: that is a point
 * for some reasons only, or of another issuer. No list that we would take says by those
 * who is revoked.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

struct buf;

#define CRLPOINT_PASSED '-'

/* At most LIMIT_CRL_POINTS lines to the end of `lines`, which is a text also when there are
 * none. */
void crlpoint_read(X509 *cert, struct buf *lines);

/* A line, or a URL, that we can ask: http or https; not ldap. */
bool crlpoint_speaks(const char *line);

/* From the first line on that can be asked; "": none. */
const char *crlpoint_first(const char *lines);

/* The line after this one; "": there is none. */
const char *crlpoint_next(const char *line);
