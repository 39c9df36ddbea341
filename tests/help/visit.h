/*
 * visit: a responder on a free port with one token, and clients that visit it. The
 * responder turns while a client waits: all in one process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/responder/responder.h"

#define TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define THUMB "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH  "/.well-known/acme-challenge/"

struct visit {
	struct responder_listener listener;
	uint16_t port;
	struct responder *responder;
};

/* Set-up and tear-down of each test; *state is a struct visit. */
int visit_setup(void **state);
int visit_teardown(void **state);

/* A connection from that address of 127/8. */
int visit_client(const struct visit *b, uint32_t from);
void visit_say(int fd, const void *data, size_t len);

/* One turn of the role's loop, at most 50 ms. */
void visit_turn(struct responder *r);

/* What comes until the responder closes, or `ms` have passed: *closed says which. Owned
 * by the caller. */
char *visit_hear(struct responder *r, int fd, int64_t ms, bool *closed);

/* The answer to one request on a connection of its own. */
char *visit_ask(const struct visit *b, const char *request, size_t len);
char *visit_get(const struct visit *b, const char *method, const char *target);

void visit_expect(const char *text, const char *status, const char *what);
