/*
 * est: certificates by Enrollment over Secure Transport (RFC 7030, RFC 8951).
 *
 *     GET  BASE/cacerts            what stands above, RFC 7030 4.1
 *     GET  BASE/csrattrs           what a request is to have, 4.5; est_attrs.h
 *     POST BASE/simpleenroll       a request, by user, certificate or both, 4.2.1
 *     POST BASE/simplereenroll     ... by the certificate that is replaced, 4.2.2
 *
 * BASE is the URL of the configuration, with "/.well-known/est" behind it where it is not
 * in there; what follows that is the label of a CA (3.2.2).
 *
 * A renewal shows the live certificate in the handshake. A server that takes it no more is
 * asked as the first time, where that is configured, and that is said. A request that has
 * to wait (202) is sent again, the very same, by whoever goes on; unless the server wants it
 * bound to its connection (3.5), for which it is signed anew each time.
 *
 * Keys are made here, never by the server (4.4).
 *
 * Nothing is kept from one enrolment to the next: who does this has had a private key, and
 * does nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/http.h"
#include "ca/enrolled.h"

struct csr_asks;
struct err;

struct est_host {
	void *arg;
	/* The request in DER; `again`: the same as the time before, whatever is asked. */
	int (*request)(void *arg, bool again, const struct csr_asks *asks,
		       struct buf *der, struct err *e);
	/* Empty: nobody is configured. */
	int (*secret)(void *arg, struct buf *user, struct buf *password, struct err *e);
	/* PEM of a certificate and its key. Of what is replaced; empty: its key is not
	 * here. */
	int (*live)(void *arg, struct buf *chain, struct buf *key, struct err *e);
	/* ... of who enrols the first time; empty: nobody is configured. */
	int (*first)(void *arg, struct buf *chain, struct buf *key, struct err *e);
	/* It has to wait, and is gone on with by `handle`. */
	int (*waits)(void *arg, const char *handle, struct err *e);
};

struct est_settings {
	const char *url;
	struct http_settings http; /* its origin is that of `url`, its credentials the
				      host's */
};

/* What the server says stands above its certificates (RFC 7030 4.1), roots and others: all
 * of it is added to `pem`, nothing of it is judged. Errors as in answer.h and http.h. */
int est_cacerts(const struct est_settings *s, struct buf *pem, struct err *e);

/* Enrol, or with `renews` enrol again; `handle` NULL: nothing waits. *r begins as { 0 }, and
 * is the caller's whatever happens. Errors as in answer.h and http.h. */
int est_enrol(const struct est_settings *s, const struct est_host *host, bool renews,
	      const char *handle, struct enrolled *r, struct err *e);
