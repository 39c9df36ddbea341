/*
 * ask: what an ACME client may ask to have signed: the closed list.
 *
 * The worker that speaks to the CA has no key. It names one of these, the URL and the
 * nonce; the keeper builds the payload from its own configuration and store, checks
 * that the URL is of that account's CA, and signs (jws.h). What the keeper does not
 * build it does not sign.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/key.h"

enum acme_ask_kind {
	ASK_NEW_ACCOUNT,  /* 7.3: contacts, terms and EAB (7.3.4) as configured; jwk */
	ASK_FIND_ACCOUNT, /* 7.3.1: onlyReturnExisting; jwk */
	ASK_FIND_ROLLED,  /* ... by the key that a roll-over cut short has left */
	ASK_UPDATE_ACCOUNT,     /* 7.3.2: contacts as configured */
	ASK_DEACTIVATE_ACCOUNT, /* 7.3.6 */
	ASK_ROLL_KEY,           /* 7.3.5: keyChange, to a key made now */
	ASK_NEW_ORDER,          /* 7.4: the names of the certificate */
	ASK_FETCH,              /* 6.3: POST-as-GET */
	ASK_ANSWER,             /* 7.5.1: "{}" to a challenge */
	ASK_FINALIZE,       /* 7.4: a CSR for the key that waits, exactly the names */
	ASK_REVOKE,         /* 7.6: by the account's key */
	ASK_REVOKE_BY_CERT, /* ... by the certificate's; jwk */
	ASK_KINDS,
};

struct acme_ask {
	enum acme_ask_kind kind;
	const char *url;
	const char *nonce;
	const char *profile; /* new order: as configured, or NULL for none */
	bool replaces; /* new order: say which certificate it replaces (RFC 9773 5) */
	/* New account: another kind of key, because the CA does not take ours
	 * (badSignatureAlgorithm); KEY_NONE: as configured. */
	enum key_type key;
};

/* The account as the keeper knows it. */
struct acme_account {
	char *kid;        /* owned; NULL: not registered yet */
	char *thumbprint; /* owned; RFC 7638, SHA-256, base64url; NULL: no key yet */
	bool rolling;     /* a roll-over was cut short: whether it took is not known */
};

void acme_account_done(struct acme_account *a);
