/* base64url: RFC 4648 5 without padding, as JOSE and ACME write bytes (RFC 7515 2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* = RFC 7515 2 "with all trailing '=' characters omitted (as permitted by Section 3.2) and
 * without the inclusion of any line breaks, whitespace, or other additional characters."
 * [base64url] */
void base64url_add(struct buf *out, const void *data, size_t len);

/* Add the bytes of `text` to `out`. With `lenient`, what people paste into key files is
 * taken too: the alphabet of RFC 4648 4, padding, white space around. False: not that. */
bool base64url_read(const char *text, size_t len, bool lenient, struct buf *out);

/* Whether `text` is letters of the alphabet and nothing else, whatever they may encode:
 * nonces and tokens are (RFC 8555 6.5.1, 8.3). */
bool base64url_is(const char *text, size_t len);
