/*
 * http: one connection to one origin, and single exchanges over it (RFC 9110), on
 * libcurl. For workers.
 *
 * https, TLS 1.2 or newer, verified, the connection kept between exchanges; no
 * redirect, cookie, content coding or credentials from anywhere, and a proxy only if it
 * is configured. An exchange has one deadline, bounded headers and a bounded body; what
 * is larger ends it with ERR_LIMIT before it is stored. An answer of any status is an
 * answer: what it means is for the protocol to say.
 *
 * A document that proves itself, such as a CRL, may come over http (`plain`), and need not
 * be stored: a sink takes it as it arrives. Where URLs are somebody else's, addresses that
 * are nobody else's are not connected to (`no_local`), whatever name leads there.
 *
 * HTTP/1.1: requests follow one another, and HTTP/2 costs more for each. libcurl is not
 * initialized before http_new(), and looks names up in a thread of its own, so that a
 * resolver that hangs is bounded by the deadline too. Names have to have been looked up
 * once before a sandbox is entered (the C library loads what it needs then).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/http_reply.h"

struct err;
struct http; /* opaque */

#define LIMIT_HTTP_BODY    (1u << 20) /* a chain takes 24 kB, a directory 2 kB */
#define LIMIT_HTTP_HEADERS 100        /* lines of one answer */
#define LIMIT_HTTP_LINE    8192       /* bytes of one */
#define HTTP_DEADLINE_MS   30000
#define HTTP_CONNECT_MS    15000 /* of it at most, until hands are shaken */

struct http_settings {
	const char *origin;         /* any URL of it: no other origin is spoken to */
	const char *trust;          /* PEM file of anchors; NULL: the system's */
	const char *proxy;          /* http or https; NULL: none */
	const char *source_address; /* IPv4 or IPv6; NULL: the system's choice */
	const char *user_agent;
	const char *language; /* Accept-Language */
	long deadline_ms;     /* of an exchange; 0: HTTP_DEADLINE_MS */
	/* PEM of our certificate with what is behind it, and of its key, for the
	 * handshake; no file has them; NULL: we have none. */
	const char *chain;
	const char *key;
	const char *user; /* RFC 7617, RFC 7616, as the server asks; NULL: nobody */
	const char *password;
	bool plain;    /* `origin` may be http */
	bool no_local; /* no address of address.h */
	/* Whoever answers is believed to be the server: what comes is judged by what it
	 * is. Nothing of ours may be sent. */
	bool blind;
};

/* Strings in `s` are borrowed for the life of *h. ERR_CONFIG: `origin` is not https, or
 * the system has no trust anchors. */
int http_new(const struct http_settings *s, struct http **h, struct err *e);
void http_free(struct http *h);

/* Takes the body of an answer as it comes; an err ends the exchange with it. */
typedef int http_sink(void *arg, const void *data, size_t len, struct err *e);

/* Called with the channel binding of the connection (http_bind.h) before each time that the
 * body is sent on one: the body may be written over. An err ends the exchange with it. */
typedef int http_binder(void *arg, const void *binding, size_t len, struct err *e);

/* `body` NULL: GET, or HEAD. */
struct http_request {
	const char *url; /* sent byte for byte */
	bool head;
	const char *host; /* Host; NULL: that of `url` */
	const char *content_type;
	const char *transfer_encoding; /* Content-Transfer-Encoding; NULL: not sent */
	const char *accept;            /* NULL: anything */
	const char *authorization;     /* RFC 9110 11.6.2; NULL: not sent */
	const char *body;
	size_t body_len;
	const char *if_none_match; /* RFC 9110 13.1; NULL or "": not sent */
	const char *if_modified_since;
	http_sink *sink; /* NULL: all is stored; of another status than 200 it is */
	void *sink_arg;
	http_binder *bind; /* NULL: the body is what it is */
	void *bind_arg;
};

/* Exchange. ERR_NET: no answer came, and why (the source address is not there, too);
 * ERR_TRUST: the server could not be verified; ERR_LIMIT; ERR_PROTO: `url` is of another
 * origin or not https, or the answer is not HTTP; ERR_CONFIG: trust file or proxy cannot be
 * used; ERR_REFUSED: `no_local` forbids it, or the server does not take our certificate, by
 * an alert (RFC 8446 6.2) and not by an answer. What *reply held is freed. */
int http_exchange(struct http *h, const struct http_request *request,
		  struct http_reply *reply, struct err *e);
