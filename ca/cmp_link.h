/*
 * cmp_link: one transaction's messages over HTTP (RFC 6712), as OpenSSL's CMP client calls
 * for them; and what is kept of them while the CA has a request wait.
 *
 * A CA may put off any answer (RFC 9483 4.4). For all but a certificate that client sleeps
 * as long as it is told, since OpenSSL 3.3. What can be asked for anew, a revocation and a
 * genm, we do not have it wait for. The answer to a confirmation it has to: without one the
 * CA may take the certificate back. What bounds that is the time of a worker's task.
 *
 * That client can only go on polling with what it has in memory. So the two answers that
 * said "wait" are kept as they came, and whoever goes on is told them again: they are
 * verified as they were the first time, transaction and nonces are theirs, and the next
 * message is a new pollReq.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/cmp.h>

#include "base/err.h"
#include "base/http.h"

#define LIMIT_CMP_BODY (256 * 1024) /* of one message; an RSA chain takes 24 kB */

/* RFC 4210 5.1.2 */
enum cmp_body {
	CMP_BODY_IP = 1,
	CMP_BODY_CP = 3,
	CMP_BODY_KUP = 8,
	CMP_BODY_RR = 11,
	CMP_BODY_GENM = 21,
	CMP_BODY_ERROR = 23,
	CMP_BODY_POLLREQ = 25,
	CMP_BODY_POLLREP = 26,
};

struct cmp_link {
	struct http *http;  /* borrowed: a server may forget who comes by another one */
	const char *url;    /* borrowed */
	struct err failed;  /* of the last exchange; code 0: an answer came */
	long status;        /* ... of HTTP, if that is why; else 0 */
	struct buf told[2]; /* DER: that it waits; the last answer to a pollReq */
	unsigned again;     /* how many of them are still to be told again */
	int asked;          /* the body of the last request that is no pollReq */
	int64_t clock_ahead_s; /* of its clock before ours */
};

void cmp_link_done(struct cmp_link *l);

/* Have `ctx` send and receive by it, and tell nobody anything else. */
bool cmp_link_use(struct cmp_link *l, OSSL_CMP_CTX *ctx);

/* "URL word ID#..." of what waits; owned. ERR_LIMIT. */
int cmp_link_handle(const struct cmp_link *l, const char *word, char **handle,
		    struct err *e);
/* Whether `handle` is of that URL and word. */
bool cmp_link_is(const char *handle, const char *url, const char *word);
/* Go on by it: what it holds is told to `ctx` first. ERR_PROTO: it is none of ours. */
int cmp_link_resume(struct cmp_link *l, OSSL_CMP_CTX *ctx, const char *handle,
		    struct err *e);
