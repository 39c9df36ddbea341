/*
 * cmp: certificates by the Certificate Management Protocol (RFC 4210, RFC 9480, RFC 9483),
 * by OpenSSL's client over our own HTTP (cmp_link.h).
 *
 *     ir, cr      a first certificate, by a template (RFC 4211) with the new key's signature
 *     p10cr       ... by a PKCS #10 request
 *     kur         one in the place of the live one, which signs for it
 *     certConf    unless the CA confirms by itself (implicit_confirm)
 *     pollReq     what has to wait
 *     rr          revocation
 *     genm        the CA's certificates, where no `trust` is configured
 *
 * Who holds what. The request is made by the host: a template or PKCS #10 request with the
 * signature of the new key in it, so that this key is never here. The protection of
 * messages is computed here, for it is over nonces of both sides and what the CA has said:
 * by the secret of the first enrolment (a MAC, RFC 4210 5.1.3.1), or by a certificate and
 * its private key. Either is given for this one task, by whom we ask for it; who does this
 * does nothing else afterwards.
 *
 * A CA that rejects the live certificate's signature is asked by the first credential, where
 * there is one, and that is said.
 *
 * An answer is believed if it is protected by the secret, or signed by a certificate that
 * leads to `trust`. Without `trust`, the CA is asked for its roots under the secret, and
 * what it says is what is trusted. Refusals may be unprotected: a server that does not
 * know our secret could not tell us otherwise.
 *
 * A request that has to wait is gone on with by a handle: the very messages in which the CA
 * has said so, which are verified once more before it is asked again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/http.h"
#include "ca/enrolled.h"

struct err;

#define LIMIT_CMP_HANDLE (24 * 1024) /* two answers with their certificates in base64 */

enum cmp_request {
	CMP_IR,
	CMP_CR,
	CMP_P10CR,
	CMP_KUR,
	CMP_RR,
	CMP_REQUESTS,
};

extern const char *const cmp_words[]; /* "ir"; NULL-terminated */

/* What is asked for. */
struct cmp_ask {
	enum cmp_request what;
	struct buf der; /* CertReqMsg (RFC 4211 3); of a p10cr the request, of an rr the
			   certificate */
	struct buf spki; /* the new key's public half; of an rr empty */
	uint64_t reason; /* of an rr, RFC 5280 5.3.1 */
};

/* Who asks at first; what is empty is not configured. */
struct cmp_first {
	struct buf reference;
	struct buf secret;
	struct buf chain; /* PEM */
	struct buf key;
};

struct cmp_host {
	void *arg;
	/* `by_live`: to be signed by what is replaced, so that it may be a kur. */
	int (*request)(void *arg, bool by_live, struct cmp_ask *ask, struct err *e);
	int (*first)(void *arg, struct cmp_first *first, struct err *e);
	/* PEM of what is replaced or revoked, and its key; empty: the key is not here. */
	int (*live)(void *arg, struct buf *chain, struct buf *key, struct err *e);
	/* It has to wait, and is gone on with by `handle`: "URL ir ID" is its name, what
	 * follows a # may differ the next time. "": it is over. */
	int (*waits)(void *arg, const char *handle, struct err *e);
};

struct cmp_settings {
	const char *url;
	const char *recipient; /* RFC 4514: the CA's name; NULL: it is not told */
	bool implicit_confirm;
	struct http_settings http; /* its origin is that of `url`; `trust` is also of
				      messages and of what the CA issues */
};

/* Enrol; `renews`: there is a live certificate to sign for it; `handle` NULL: nothing waits.
 * *r begins as { 0 }, and is the caller's whatever happens. ERR_REFUSED: the CA rejects it,
 * and why; ERR_TRUST: an answer or the certificate is not what it should be; ERR_LATER: it
 * waits; others as in answer.h and http.h. */
int cmp_enrol(const struct cmp_settings *s, const struct cmp_host *host, bool renews,
	      const char *handle, struct enrolled *r, struct err *e);

/* Revoke what the host names: signed by its own key, else, unless `by_key`, by the first
 * credential. */
int cmp_revoke(const struct cmp_settings *s, const struct cmp_host *host, bool by_key,
	       struct err *e);
