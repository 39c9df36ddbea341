/*
 * verify: is this chain what was asked for? The gate before anything is written.
 *
 * What was asked for and what came are both in the message: "verify www: names: asked
 * for example.org, got evil.example". The checks, in this order; the first that fails
 * is the one that is named:
 *
 *     length    1 to LIMIT_CHAIN_CERTS certificates
 *     key       the leaf is for the key that was made for it
 *     names     all that were asked for, and no other that is not configured
 *     dates     valid now, and not ending before what is live
 *     kind      the leaf is not a CA
 *     usage     all that was asked for, and signing, which TLS 1.3 needs
 *     strength  the key as strong as asked for; no key or signature below 112 bits
 *     order     each certificate is signed by the one behind it
 *     trust     the last one leads to the issuer's anchors, by RFC 5280 and nothing less;
 *               an ACME CA has none, it is trusted for its TLS
 *
 * Nothing is installed on a failure; the live generation stays.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "agent/rule/schedule.h"
#include "base/key.h"

struct err;
struct name_set;
struct spec;
struct spec_cert;

struct verify_want {
	const struct spec *spec;
	const struct spec_cert *cert;
	const struct name_set *out; /* names that were not asked for; NULL: none */
	const void *spki; /* DER of the key that the certificate must be for */
	size_t spki_len;
	STACK_OF(X509) * anchors; /* the issuer's, borrowed; NULL: it has none */
	int64_t live_not_after;   /* of what is live, ended or not; 0: nothing is */
	bool shorter_ok; /* it may end before that: asked for, or another issuer */
	int64_t now;
};

/* How far in the future a certificate may begin and be used at once: what clocks of hosts
 * are off by. One that begins later is waited for, but not for longer than for anything. */
#define VERIFY_SKEW_S  300
#define VERIFY_AHEAD_S SCHEDULE_WAIT_MAX

/* `chain`, leaf first. ERR_TRUST says which check failed and on what. */
int verify_chain(const struct verify_want *want, STACK_OF(X509) * chain, struct err *e);
