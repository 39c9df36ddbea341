/* responder_tokens: what is to be answered, by token. */
#pragma once

#include <stddef.h>

struct err;

#define LIMIT_TOKENS \
	10000 /* pending http-01 authorizations of one host, 4 MB at most */

struct responder_tokens {
	struct responder_token *list; /* owned, sorted by token */
	size_t n;
	size_t cap;
};

/*
 * Answer `token` with `authorization`, which must be the token, a dot, and an account's
 * thumbprint: nothing else can ever be served. A token that is there already gets the new
 * answer. ERR_PROTO, ERR_LIMIT.
 */
int responder_tokens_add(struct responder_tokens *t, const char *token,
			 const char *authorization, struct err *e);
void responder_tokens_remove(struct responder_tokens *t, const char *token);
void responder_tokens_done(struct responder_tokens *t); /* empty afterwards */

/* The answer, or NULL. Borrowed until the table changes. */
const char *responder_tokens_find(const struct responder_tokens *t, const char *token);
