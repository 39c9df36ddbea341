/*
 * registration: the account, found or made, so that orders can be signed for (RFC 8555 7.3).
 *
 * The key is the keeper's, and an account is what a CA calls a key: one that is known
 * there already is found again by it. Of a roll-over that was cut short (7.3.5) it is
 * found out first which of the two keys the CA has.
 */
#pragma once

#include <stdbool.h>

struct acme;
struct err;

/*
 * Fetch the directory, unless that has been done, and find the account: what the keeper
 * says of it now. *known: there is one. Nothing is made.
 */
int registration_find(struct acme *a, bool *known, struct err *e);

/* The directory, and what the keeper says of the account; the CA is not asked for it. */
int registration_look(struct acme *a, struct err *e);

/*
 * As registration_find() for orders, once for many: an account that is known is not asked for again
 * until one of them fails. It is made if there is none. ERR_CONFIG where terms have to be
 * agreed to (it names them) or an external account is needed, and neither is set. A CA
 * that does not take our kind of key (badSignatureAlgorithm) gets one of another. One that
 * refuses an external account is asked whether it has the account.
 */
int acme_ready(struct acme *a, struct err *e);

/* The CA does not know it any more: make it again with the same key. */
int registration_again(struct acme *a, struct err *e);
