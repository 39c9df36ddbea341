/*
 * responder: answers http-01 (RFC 8555 8.3) on listening sockets that it is handed, as
 * responder_reply.h says.
 *
 * One request on a connection, 2 s for a connection from first to last byte, 16
 * connections per address that are not answered yet, 256 in all; where they become scarce the oldest makes room, so
 * that slow clients do not keep a CA out. It has no thread and fits into
 * SANDBOX_RESPONDER; made before or inside it.
 *
 *     n = responder_poll(r, fds);                 beside the role's own descriptors
 *     poll(fds, n, responder_timeout_ms(r));
 *     responder_run(r, fds);
 */
#pragma once

#include <stddef.h>

struct err;
struct pollfd;
struct responder;

#define RESPONDER_LISTENERS   16
#define RESPONDER_CONNECTIONS 256
#define RESPONDER_PER_ADDRESS 16
#define RESPONDER_SECONDS     2
#define RESPONDER_POLLFDS     (RESPONDER_LISTENERS + RESPONDER_CONNECTIONS)

/* `listeners` stay the caller's, are made non-blocking, and must outlive *r. ERR_SYS. */
int responder_new(const int *listeners, size_t n, struct responder **r, struct err *e);
void responder_free(struct responder *r); /* connections are cut; NULL is fine */

/* As responder_tokens.h says. */
int responder_add(struct responder *r, const char *token, const char *authorization,
		  struct err *e);
void responder_remove(struct responder *r, const char *token);

/* What to wait for: fills at most RESPONDER_POLLFDS entries, returns how many. */
size_t responder_poll(const struct responder *r, struct pollfd *fds);
int responder_timeout_ms(const struct responder *r); /* -1: for ever */

/* Do what can be done without waiting. `fds` as responder_poll() has filled it since the
 * last run, and poll() answered. */
void responder_run(struct responder *r, const struct pollfd *fds);

/* Accept no more; another responder on the same sockets does. Returns how many
 * connections are still open. */
size_t responder_drain(struct responder *r);
