/*
 * local: the embedded CA (issuer type "local"). Pure X.509 building (RFC 5280): no file
 * is touched here, keys come in and go out as EVP_PKEY. Runs in the keeper.
 *
 * A leaf has exactly the names asked for (no common name), a random 128-bit serial,
 * basicConstraints CA:FALSE, keyUsage, extKeyUsage by `usage`, SKI, AKI, and a CRL
 * distribution point where `crl_url` is set. All of it passes
 * `openssl verify -x509_strict`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/key.h"
#include "base/names.h"

struct buf;
struct err;

/* How far notBefore and thisUpdate lie in the past: this much, or a tenth of a shorter
 * lifetime. Clocks of hosts without NTP are off by minutes; verify takes the same. */
#define LOCAL_BACKDATE_S 300

/* What the configuration says of the CA. All strings borrowed. */
struct local_profile {
	const char *subject; /* RFC 4514, "CN=Lab CA,O=Example" */
	const char *crl_url; /* NULL: none */
	int64_t lifetime_s;
	int64_t ca_lifetime_s;
	enum key_type ca_key;
	bool intermediate;
	int path_length;              /* of the root; -1: not limited */
	const char *const *permitted; /* name constraints, NULL-terminated, or NULL */
	const char *const *excluded;
};

/* A CA in memory. With an intermediate, that one signs leaves and the CRL. */
struct local_ca {
	X509 *root; /* owned, as are the rest */
	EVP_PKEY *root_key;
	X509 *intermediate; /* NULL: none */
	EVP_PKEY *intermediate_key;
	X509_CRL *crl;      /* NULL: none yet; it is the list of what is revoked */
	X509 *new_with_old; /* local_roll.h; NULL of a first key */
	X509 *old_with_new;
};

#define AUTO_LOCAL_CA __attribute__((cleanup(local_done)))

/* ERR_CONFIG if a CA of this profile cannot be made: the reading of the configuration
 * asks before anything is done. */
int local_check(const struct local_profile *p, struct err *e);

/* Make root and, if asked for, intermediate, and an empty CRL. `now` in Unix seconds. */
int local_make(const struct local_profile *p, int64_t now, struct local_ca *ca,
	       struct err *e);
void local_done(struct local_ca *ca);

struct local_request {
	const struct name *names;
	size_t n_names;
	EVP_PKEY *public_key; /* borrowed; the private half is not looked at */
	unsigned usage;       /* USAGE_* */
	int64_t lifetime_s;   /* clipped to the issuing certificate's own end */
	X509 *cross;          /* borrowed, local_roll.h; NULL: none */
};

/*
 * Issue: the chain in PEM, leaf first, the root left out, `cross` last. The lifetime is all of
 * notBefore to notAfter, and notBefore lies a little in the past (see LOCAL_BACKDATE_S),
 * so that a host whose clock is behind takes the new certificate at once. ERR_REFUSED:
 * the CA's own end has come, a name is outside of its constraints, the key is weak.
 */
int local_issue(const struct local_profile *p, const struct local_ca *ca,
		const struct local_request *r, int64_t now, struct buf *chain_pem,
		struct err *e);

/* Issue a leaf that is its own CA: a request whose key is private, too. Its subject is the
 * first name, for an issuer has one (RFC 5280 4.1.2.4); what is too long for a common name
 * stands among the names alone. Clients trust it itself, or not at all. As local_issue(). */
int local_self(const struct local_request *r, int64_t now, struct buf *chain_pem,
	       struct err *e);

/*
 * A certificate for the very name, key, span and extensions of `root`, signed by the root
 * of `by` and ending no later than that (RFC 4210 4.4). One of the same name is
 * self-issued: no path length counts it (RFC 5280 6.1.4). ERR_REFUSED: `by` has ended, or
 * limits what is below it so that another name has no place.
 */
int local_cross(const struct local_ca *by, X509 *root, int64_t now, X509 **cross,
		struct err *e);

/* The certificate and the key that sign leaves and the CRL. Borrowed from ca. */
X509 *local_signer(const struct local_ca *ca);
EVP_PKEY *local_signer_key(const struct local_ca *ca);

/* See LOCAL_BACKDATE_S. */
int64_t local_backdate(int64_t lifetime_s);
