/*
 * http: one connection to one origin, and single exchanges over it (RFC 9110), on
 * libcurl. For workers.
 *
 * https only, TLS 1.2 or newer, verified, the connection kept between exchanges; no
 * redirect, cookie, content coding or credentials from anywhere. An exchange has one
 * deadline, bounded headers and a bounded body; what is larger ends it with ERR_LIMIT
 * before it is stored. An answer of any status is an answer: what it means is for the
 * protocol to say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct http; /* opaque */

#define LIMIT_HTTP_BODY    (1u << 20) /* a chain takes 24 kB, a directory 2 kB */
#define LIMIT_HTTP_HEADERS 100        /* lines of one answer */
#define LIMIT_HTTP_LINE    8192       /* bytes of one */
#define HTTP_DEADLINE_MS   30000

struct http_settings {
	const char *origin; /* any URL of it: no other origin is spoken to */
	const char *trust;  /* PEM file of anchors; NULL: the system's */
	const char *proxy;
	const char *source_address;
	const char *user_agent;
	const char *language; /* Accept-Language */
};

/* Strings in `s` are borrowed for the life of *h. */
int http_new(const struct http_settings *s, struct http **h, struct err *e);
void http_free(struct http *h);

/* `body` NULL: GET, or HEAD. */
struct http_request {
	const char *url; /* sent byte for byte */
	bool head;
	const char *content_type;
	const char *accept; /* NULL: anything */
	const char *body;
	size_t body_len;
};

struct http_reply {
	long status;
	struct buf body;
	struct buf headers; /* "name: value\n" lines, names in lower case */
};

#define AUTO_HTTP_REPLY __attribute__((cleanup(http_reply_done)))

/* Exchange. ERR_NET: no answer came, and why; ERR_TRUST: the server could not be
 * verified; ERR_LIMIT; ERR_PROTO: `url` is of another origin or not https. */
int http_exchange(struct http *h, const struct http_request *request,
		  struct http_reply *reply, struct err *e);

/* The first value of header `name` (lower case), or NULL; borrowed. With `after`, a
 * value that was found: the next one. */
const char *http_header(const struct http_reply *reply, const char *name,
			const char *after);

/* When Retry-After (RFC 9110 10.2.3: seconds or a date) says to come back, Unix
 * milliseconds, between now and now + `max_s`; 0 if there is none that can be read. */
int64_t http_retry_at_ms(const struct http_reply *reply, int64_t max_s);

void http_reply_done(struct http_reply *reply);
