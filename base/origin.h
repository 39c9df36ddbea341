/*
 * origin: whether two URLs lead to the same server (RFC 6454 4: scheme, host, port).
 *
 * A URL from outside is sent byte for byte, by a library that reads URLs in its own way.
 * So what two readers could read differently is no URL here: only visible ASCII, no
 * backslash, quote or bracket outside of an address, no user before the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether `url` is of the origin of `of`, both https: the host in any case, the default
 * port written or not. False for what is no such URL. */
bool origin_same(const char *url, const char *of);

/* Whether `url` is as strict a URL, but http: what comes from there has to prove itself. */
bool origin_is_http(const char *url);

/* The same of two URLs that are http. */
bool origin_same_http(const char *url, const char *of);

/* How many bytes of `url` say scheme, host and port; 0: none do. */
size_t origin_len(const char *url);

/* Where `to` leads that stands at `from`, an URL (RFC 3986 5.2; dots are left to the server
 * to take out). Owned; it is as good or bad an URL as the two are. */
char *origin_resolve(const char *from, const char *to);
