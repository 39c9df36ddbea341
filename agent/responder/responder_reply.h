/*
 * responder_reply: what a request of HTTP/1 gets. Of the request it takes the request line
 * and whether there is a Host field, nothing else: a body is never read, and what is
 * answered does not hang on any other field.
 *
 * GET and HEAD of /.well-known/acme-challenge/TOKEN, the token spelled exactly, get the
 * key authorization; those of /metrics, /status.json and /healthz what the agent has to
 * say, which somebody has to get first; each only where it is offered. All else gets 404,
 * other methods 405. Every reply ends the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/responder/responder_tokens.h"

struct buf;

/* What the agent is asked for. */
enum responder_page {
	PAGE_HEALTH, /* nothing but that it decides */
	PAGE_METRICS,
	PAGE_STATUS,
	RESPONDER_PAGES,
};

/* What is offered where the request came in. */
struct responder_offer {
	const struct responder_tokens *tokens; /* NULL: no challenge is answered */
	bool pages;
};

enum responder_word {
	REPLY_LATER, /* the header is not whole yet */
	REPLY_NOW,   /* it is in `out` */
	REPLY_PAGE,  /* that page, by responder_reply_page() */
};

struct responder_ask {
	enum responder_page page;
	bool head; /* without the body */
};

/*
 * Write the reply to what has come so far, `in`, which is cut into its words. Until the
 * header is whole `in` stays as it was; where it is `full` and still not whole it is
 * refused. A NUL in a header hides its end: it is never whole.
 */
enum responder_word responder_reply(const struct responder_offer *offer, char *in,
				    bool full, struct responder_ask *ask,
				    struct buf *out);

/* The header of a page of `length` bytes; of PAGE_HEALTH, which has none, all of it. */
void responder_reply_page(const struct responder_ask *ask, size_t length,
			  struct buf *out);

/* The agent does not say anything. */
void responder_reply_silent(struct buf *out);
