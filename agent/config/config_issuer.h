/*
 * config_issuer: the `issuers` list, and the built-in ones: letsencrypt,
 * letsencrypt-staging, and local, the embedded CA. An issuer of the list with one of
 * these names takes its place.
 *
 * Settings of all types but "local" and "self": trust (a file; of type "est" also
 * "sha256:HEX" or "from-issuer", rootwatch.h), parallel (8), and but for "exec" url,
 * proxy, source_address.
 * Of type "acme" also: contact, agree_terms, eab, profile, chain, account_key
 * (ecdsa-p256), ari (true), lifetime (none is asked for), challenge. Of type "cfssl":
 * profile, auth_key_file. Of type "est": user, password_file, certificate_file, key_file.
 * Of type "step": provisioner, password_file, certificate_file, key_file.
 *
 * Of type "local", with defaults:
 *   subject        "CN=" and the issuer's name; RFC 4514
 *   lifetime       "90d", of a leaf, from "1s"
 *   ca_lifetime    "3650d", of the root
 *   ca_key         "ecdsa-p256", of root and intermediate; any word of a
 *                  certificate's `key`
 *   intermediate   false; true: leaves come from an intermediate below the root
 *   path_length    not set: how many CAs may stand below the root, 0 to 10
 *   permitted      not set: the only names it may issue for (RFC 5280 4.2.1.10):
 *                  "example.org" with all below it (a dot before it changes
 *                  nothing), "10.0.0.0/8", "2001:db8::/32", "email:example.org",
 *                  "uri:example.org"
 *   excluded       not set: names that it must never issue for
 *   crl_url        not set: the CRL distribution point of its leaves
 *
 * Of type "exec", a program that is asked (hooks/enrol.h): program, dialect ("everleaf"),
 * user, timeout ("300s").
 *
 * Of type "self", whose leaves are signed by their own keys: lifetime.
 */
#pragma once

#include "agent/config/config_reader.h"

/* What is kept of an issuer until the snapshot is written. */
struct config_issuer {
	struct spec_issuer spec;
	bool used; /* by a certificate: what was to be said of that has been */
};

/* Read the list `s`; `into` is not used. */
void config_issuers(struct config_reader *r, const config_setting_t *s, void *into);

/* Add those built-in ones whose names are still free. */
void config_issuers_built_in(struct config_reader *r);

/* The issuer that `s` names, for a certificate: *number. False: none (reported). */
bool config_issuer_called(struct config_reader *r, const config_setting_t *s,
			  uint32_t *number);

const struct spec_issuer *config_issuer_at(const struct config_reader *r,
					   uint32_t number);

/* "one of "corp" "letsencrypt" ..." */
void config_issuer_choices(const struct config_reader *r, struct buf *out);
