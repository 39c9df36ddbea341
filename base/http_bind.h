/*
 * http_bind: what only the two ends of one TLS connection know, so that a request which
 * holds it was made for this connection by who speaks on it: the channel binding "tls-unique"
 * of TLS 1.2 (RFC 5929 3), "tls-exporter" of TLS 1.3 (RFC 9266 2).
 */
#pragma once

#include <curl/curl.h>

struct err;
struct http_request;

#define HTTP_BIND_MAX 64

/* Call `bind` of `r` with that of the connection under way. ERR_PROTO: it has none. */
int http_bind(CURL *easy, const struct http_request *r, struct err *e);
