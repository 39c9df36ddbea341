/*
 * account: what people do with an ACME account (RFC 8555 7.3.2 to 7.3.6), and
 * revocation (7.6), which its key or the certificate's signs.
 */
#pragma once

#include <stdbool.h>

struct acme;
struct buf;
struct err;

enum account_step {
	ACCOUNT_SHOW,
	ACCOUNT_REGISTER, /* find or make it */
	ACCOUNT_UPDATE,
	ACCOUNT_ROLLOVER,
	ACCOUNT_DEACTIVATE,
	ACCOUNT_STEPS,
};

/* Do it; `text` gets lines for people: URL, status, contacts, key thumbprint. */
int account_step(struct acme *a, enum account_step step, struct buf *text,
		 struct err *e);

/* Revoke what the keeper was told to revoke; it signs. One that is revoked already is
 * no failure; what the CA blames us for is ERR_REFUSED. */
int account_revoke(struct acme *a, bool by_cert, struct err *e);
