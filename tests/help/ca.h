/*
 * ca: an ACME server that follows a script, and a host that signs nothing.
 *
 *     ca_start(&ca, steps, n);     the directory is served, nonces are given
 *     ... acme_ready(&ca.acme, &e) ...
 *     ca_end(&ca);                 fails unless every step was asked for, in order
 *
 * In what a step says, "@" stands for the server's URL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "acme/client.h"
#include "tests/help/web.h"

#define CA_T     "urn:ietf:params:acme:error:"
#define CA_TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"

/* The directory of a CA without terms, as a step. */
#define CA_DIRECTORY                                                              \
	{                                                                         \
		"GET /dir", 200, "",                                              \
		    "{\"newNonce\":\"@/nonce\",\"newAccount\":\"@/new-account\"," \
		    "\"newOrder\":\"@/new-order\",\"revokeCert\":\"@/revoke\","   \
		    "\"keyChange\":\"@/key-change\",\"a-new-thing\":{\"b\":[]},"  \
		    "\"meta\":{\"profiles\":{\"short\":\"six days\"}}}"           \
	}

/* One request that is expected, and the answer. */
struct ca_step {
	const char *ask; /* how the request begins: "POST /new-order" */
	int status;
	const char *headers; /* lines; a Replay-Nonce is added unless there is one */
	const char *body;
};

#define CA_STEPS 64

struct ca_said; /* what the server tells the test, in shared memory */

struct ca {
	struct web *web; /* borrowed */
	const struct ca_step *steps;
	size_t n_steps;
	struct ca_said *said;
	struct acme_host host;
	struct acme acme;
	/* The host. */
	char kid[LIMIT_ACME_URL]; /* "": not registered */
	bool no_key;
	bool rolling;
	bool rolled;
	unsigned n_signed[ASK_KINDS];
	enum key_type keys[8]; /* of ASK_NEW_ACCOUNT */
	char profile[32];      /* of the last ASK_NEW_ORDER */
	unsigned n_replaces;   /* ASK_NEW_ORDER that said so */
	unsigned n_account;    /* the account was asked for */
	char heard[4096];      /* "url https://..;" "token NAME WAY TOKEN AUTH;" ... */
};

/* Start; *state of web_in() as `web`. `s` may change the settings, or be NULL. */
void ca_start(struct ca *ca, struct web *web, const struct ca_step *steps, size_t n);

/* Fail unless the script was followed to its end. */
void ca_end(struct ca *ca);

/* The nth request (from 0) of the script had `text` in it. */
bool ca_heard(const struct ca *ca, const char *text);

/* `text` with the server's URL for "@"; valid until the next call. */
const char *ca_text(const struct ca *ca, const char *text);
