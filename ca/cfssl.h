/*
 * cfssl: certificates from the API of Cloudflare's CFSSL (`cfssl serve`).
 *
 *     POST URL/api/v1/cfssl/info       the CA's certificate, and what a profile grants
 *     POST URL/api/v1/cfssl/sign       {certificate_request, profile}
 *     POST URL/api/v1/cfssl/authsign   {request, token}: the same in base64, and its MAC
 *     POST URL/api/v1/cfssl/bundle     {certificate}: what stands behind it
 *     POST URL/api/v1/cfssl/revoke     {serial, authority_key_id, reason}
 *
 * What is signed and what is revoked is said by the host, byte for byte, for the MAC is
 * over these bytes. Every answer is {success, result, errors}: that member is what is
 * believed, for a refusal comes as text/plain.
 *
 * A server takes a profile that it does not have for its default, without a word. So it is
 * asked what it grants by that name and by none: where that is the same, it is refused.
 *
 *     cfssl_open(&c, &settings, &host, e)    nothing is sent yet
 *     cfssl_sign(&c, &chain, &anchors, e) ... cfssl_revoke(&c, e)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/http.h"

struct err;

/* The CA's certificate and what it grants are asked for again after so long. */
#define CFSSL_INFO_MS 60000

struct cfssl_host {
	void *arg;
	/* What is asked for, in JSON, and its HMAC-SHA256, empty where no key is
	 * configured. */
	int (*request)(void *arg, struct buf *json, struct buf *mac, struct err *e);
};

struct cfssl_settings {
	const char *url;     /* what stands before /api/v1/cfssl/ */
	const char *profile; /* NULL: its default */
	struct http_settings
	    http; /* its origin is that of `url`; `trust` is also of what
				      the CA issues */
};

struct cfssl {
	struct cfssl_settings s; /* strings borrowed */
	struct cfssl_host host;
	struct http *http; /* owned */
	struct buf ca;     /* PEM of the CA's certificate; empty: not asked for yet */
	bool ca_is_root;   /* it has signed itself */
	int64_t asked_ms;  /* clock_boot_ms() when it was */
	int64_t clock_ahead_s; /* of its clock before ours, when it was last seen */
};

int cfssl_open(struct cfssl *c, const struct cfssl_settings *s,
	       const struct cfssl_host *host, struct err *e);
void cfssl_close(struct cfssl *c);

/* Have signed what the host asks for. In PEM, added to `chain`: the leaf and what stands
 * behind it, in any order; to `anchors`: what that has to lead to, which is `trust`, or the
 * CA itself. Errors as in answer.h, and ERR_CONFIG: the server does not know the profile, or
 * `trust` cannot be read. */
int cfssl_sign(struct cfssl *c, struct buf *chain, struct buf *anchors, struct err *e);

/* The CA's certificate, and if that is no root the one above it, added to `pem`. Errors as
 * in answer.h: also where the server knows of none. */
int cfssl_roots(struct cfssl *c, struct buf *pem, struct err *e);

/* Have revoked what the host names. ERR_REFUSED: the server keeps no list of what it has
 * issued, so that it can revoke nothing. */
int cfssl_revoke(struct cfssl *c, struct err *e);
