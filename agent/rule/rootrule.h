/*
 * rootrule: which of the CA certificates that an issuer names are roots that it is trusted
 * by, where no file of the administrator's says so (`trust` is a fingerprint, or
 * "from-issuer"). Pure: nobody is asked and nothing is written.
 *
 *     nothing is kept yet   the one with the fingerprint; or all, from whom the system's
 *                           store vouches for
 *     a root that is kept   stays
 *     another one           only with the fingerprint that is configured now, or if a kept
 *                           one that still holds has signed its name and key (newWithOld,
 *                           RFC 4210 4.4), or one that was just accepted for that has
 *
 * A root is a CA certificate, signed by its own key with at least 112 bits of strength, and
 * valid now. What is not accepted is named, with the reason: a person decides.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

struct buf;
struct err;

struct rootrule {
	const STACK_OF(X509) * kept;  /* as last accepted; NULL: nothing yet */
	const STACK_OF(X509) * named; /* what the issuer names, of any kind and order */
	const char *print; /* SHA-256 of a root, 64 digits; NULL: from-issuer */
	int64_t now;
};

/* What an issuer names, one after the other: there may be more than in a chain. */
int rootrule_read(const char *pem, STACK_OF(X509) * *named, struct err *e);

/*
 * *roots: the kept ones, then those that were accepted; the caller's, also on an err.
 * `refused`: what was not, in words; untouched if there is none. ERR_TRUST: nothing is kept
 * and nothing can be accepted.
 */
int rootrule_accept(const struct rootrule *rule, STACK_OF(X509) * *roots,
		    struct buf *refused, struct err *e);

/* The same where a person has named them: that needs no other reason, and 0 is returned. */
int rootrule_by_person(const struct rootrule *rule, STACK_OF(X509) * *roots);

/* Whether `cert` itself is among `all` (NULL: nothing is). */
bool rootrule_has(const STACK_OF(X509) * all, X509 *cert);

/* Add to `out` those of `roots` that the chain ends in, as a client that knows all of them
 * ends it: at the first that has signed one of it, from the leaf up. */
void rootrule_leads_to(const STACK_OF(X509) * chain, const STACK_OF(X509) * roots,
		       STACK_OF(X509) * out);
