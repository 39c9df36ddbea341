/*
 * local_constraints: name constraints (RFC 5280 4.2.1.10) as the configuration writes
 * them.
 *
 *     "lab.example"                 the host and all names below it
 *     "10.0.0.0/8" "2001:db8::1"    a network, an address
 *     "email:lab.example"           all mailboxes of the host; "email:.lab.example" of
 *                                   the hosts below it; "email:a@lab.example" this one
 *     "uri:.lab.example"            as for mailboxes
 *
 * A constraint limits names of its own kind only: with "lab.example" alone permitted,
 * every IP address is permitted too.
 */
#pragma once

#include <openssl/x509v3.h>

struct err;

/*
 * NULL-terminated arrays, or NULL. The caller owns *constraints, which is NULL if both
 * are empty. ERR_CONFIG.
 */
int local_constraints_parse(const char *const *permitted, const char *const *excluded,
			    NAME_CONSTRAINTS **constraints, struct err *e);

/* ERR_REFUSED if a name of `leaf` is outside of what `ca` is limited to. */
int local_constraints_allow(X509 *ca, X509 *leaf, struct err *e);
