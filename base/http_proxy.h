/*
 * http_proxy: what is different where a proxy stands between us and an origin: how a target
 * is written, and who it was that failed. Without a proxy (NULL), nothing is.
 */
#pragma once

#include <stdbool.h>

#include <curl/curl.h>

struct err;

/* What stands in a request's first line, owned; a fragment is not sent (RFC 9110 7.1). */
char *http_proxy_target(const char *url, const char *proxy);

/* What OpenSSL says of the certificate that was shown last, by whom we were speaking to. */
long http_proxy_verdict(CURL *easy, const char *proxy);

/* Wrap `e`, which ended an exchange, by the proxy if it is about that: it has said no, which e
 * says then, or a connection `is_new` and it has let nobody through. */
int http_proxy_blame(CURL *easy, const char *proxy, bool is_new, struct err *e);
