/*
 * verify: is this chain what was asked for? The gate before anything is written.
 *
 * Key, names, dates, chain, usage and strength are checked in that order, and the
 * first that fails is named: "verify www: names: asked for example.org, got
 * evil.example". Nothing is installed on a failure; the live generation stays.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/key.h"

struct err;
struct spec;
struct spec_cert;

struct verify_want {
	const struct spec *spec;
	const struct spec_cert *cert;
	const void *spki; /* DER of the key that the certificate must be for */
	size_t spki_len;
	STACK_OF(X509) * anchors; /* the issuer's trust anchors, borrowed */
	int64_t live_not_after;   /* of what is live; 0: nothing is */
	int64_t now;
};

/* `chain`, leaf first. ERR_TRUST says which check failed and on what. */
int verify_chain(const struct verify_want *want, STACK_OF(X509) * chain, struct err *e);
