/*
 * responder_reply: what a request of HTTP/1 gets. Of the request it takes the request line
 * and whether there is a Host field, nothing else: a body is never read, and what is
 * answered does not hang on any other field.
 *
 * GET and HEAD of /.well-known/acme-challenge/TOKEN, the token spelled exactly, get the
 * key authorization; all else 404, other methods 405. Every reply ends the connection.
 */
#pragma once

#include <stdbool.h>

#include "agent/responder_tokens.h"

struct buf;

/*
 * Write the reply to what has come so far, `in`, which is cut into its words. false: the
 * header is not whole yet, and `in` as it was; where it is `full` and still not whole it is
 * refused. A NUL in a header hides its end: it is never whole.
 */
bool responder_reply(const struct responder_tokens *tokens, char *in, bool full,
		     struct buf *out);
