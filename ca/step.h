/*
 * step: certificates from smallstep's step-ca, by its own API.
 *
 *     GET  URL/1.0/provisioners    whose key signs for a first certificate, encrypted
 *     POST URL/1.0/sign            {csr, ott}: by a one-time token
 *     POST URL/1.0/renew           by the live certificate in the handshake: the same key
 *     POST URL/1.0/rekey           {csr}: ... and a new one
 *     POST URL/1.0/renew           ... by a token that its key has signed: after its end
 *     POST URL/1.0/revoke          {serial, ...}: by a token, or in the handshake
 *     GET  URL/1.0/roots           where no `trust` is configured
 *
 * A renewal shows the live certificate. Where that is not taken, or has ended, its key
 * signs a token, which a CA takes that allows renewal after expiry; it renews that key, and
 * what has come is shown at once for the new one. A CA that does not take that either is
 * asked as for the first certificate, and that is said.
 *
 * Tokens are the host's to make; the keys that sign them are never here. Only the key of
 * the live certificate is, for the handshake: so nothing is kept from one task to the
 * next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/http.h"
#include "ca/enrolled.h"
#include "ca/step_key.h"

struct err;

struct step_host {
	void *arg;
	/* The request in DER. */
	int (*request)(void *arg, struct buf *der, struct err *e);
	/* `root` is the SHA-256 of the CA's root, NULL: not known; `jwe` is empty where the
	 * host has the provisioner's key. */
	int (*token)(void *arg, enum step_what what, const unsigned char root[32],
		     const struct step_jwe *jwe, struct step_told *told, struct err *e);
	/* PEM of the live certificate and its key; empty: the key is not here. */
	int (*pair)(void *arg, struct buf *chain, struct buf *key, struct err *e);
};

struct step_settings {
	const char *url;         /* what stands before /1.0/ */
	const char *provisioner; /* its name */
	bool fetch_key;          /* the CA has its key, encrypted */
	struct http_settings http;
};

/* The roots that the CA names, all of them: added to `pem`, nothing is judged. Errors as in
 * answer.h and http.h. */
int step_roots(const struct step_settings *s, struct buf *pem, struct err *e);

/* With `renews`, what the host has as a pair is renewed. *r begins as { 0 }, and is the
 * caller's whatever happens. Errors as in answer.h and http.h, and ERR_CONFIG: the CA has
 * no such provisioner, or the host cannot sign for it. */
int step_enrol(const struct step_settings *s, const struct step_host *host, bool renews,
	       struct enrolled *r, struct err *e);

/* Have revoked what the host says; `by_itself`: it is shown in the handshake. */
int step_revoke(const struct step_settings *s, const struct step_host *host,
		bool by_itself, struct err *e);
