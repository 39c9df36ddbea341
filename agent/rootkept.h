/*
 * rootkept: what the store keeps of the roots of issuers (rootwatch.h), and which
 * certificates they are for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

struct agent;
struct err;

/* Those of `issuer`, the caller's; NULL: none are. */
int rootkept_read(const struct agent *a, uint32_t issuer, STACK_OF(X509) * *kept,
		  struct err *e);
bool rootkept_has(const struct agent *a, uint32_t issuer);
/* When it was asked for them last; 0: never. */
int64_t rootkept_seen_at(const struct agent *a, uint32_t issuer);

/* Whether `issuer` is one of certificate `cert`, and whether a file of that holds roots. */
bool rootkept_is_of(const struct agent *a, uint32_t cert, uint32_t issuer);
bool rootkept_holds(const struct agent *a, uint32_t cert);

/* Whether anything live of `issuer` leads to `root`. */
bool rootkept_is_needed(const struct agent *a, uint32_t issuer, X509 *root);
