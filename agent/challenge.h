/*
 * challenge: tokens on their way to where a CA looks for them, and back.
 *
 * http-01 by webroot is a file that the keeper writes; by `listen` an entry of the
 * responder, which is started with the first one. Tokens are rows of the state database
 * before they are presented, and until they are withdrawn: challenge_begin() takes back
 * what belongs to no order any more and presents the rest again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct err;

typedef void challenge_done(struct agent *a, uint32_t number, const struct err *e);

struct challenge_token {
	uint32_t challenge; /* number in the snapshot */
	const char *token;
	const char *authorization;
};

/* Commit and present all of them, then call `done` once (e NULL: all can be fetched). */
void challenge_present(struct agent *a, const char *name,
		       const struct challenge_token *tokens, size_t n,
		       challenge_done *done, uint32_t number);

/* Withdraw all tokens of the certificate `name`; nobody waits for it, but the loop does
 * not end before it is done. */
void challenge_withdraw(struct agent *a, const char *name);

/* At the start, before any order goes on. */
void challenge_begin(struct agent *a);

/* Whether any is still being presented or withdrawn. */
bool challenge_busy(const struct agent *a);
