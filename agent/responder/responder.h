/*
 * responder: answers on listening sockets that it is handed, as responder_reply.h says:
 * http-01 (RFC 8555 8.3), and what the agent has to say of itself, each only on those
 * that are for it. tls-alpn-01 is a handshake, by responder_tls.h, on those that are for
 * that and nothing else.
 *
 * One request on a connection, and a deadline for each part of its way: 2 s to ask, or for
 * the whole handshake, 5 s for the agent to say what is asked for, 30 s until the last byte is sent. 256
 * connections in all; where they become scarce the oldest makes room, so that slow clients
 * do not keep a CA out. An address has 16 that are not answered yet: what comes beyond
 * them has 1 s to ask, and makes room before all others. It is not turned away, for a CA
 * that validates many names at once connects to all before it asks the first. It has no
 * thread and fits into SANDBOX_RESPONDER; made before or inside it.
 *
 *     n = responder_poll(r, fds);                 beside the role's own descriptors
 *     poll(fds, n, responder_timeout_ms(r));
 *     responder_run(r, fds);
 *     while (responder_ask(r, &page))             ... the agent, and when it answers:
 *     responder_come(r, page, fd, e);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/responder/responder_reply.h"
#include "agent/role/listen.h"

struct err;
struct pollfd;
struct responder;
struct responder_tls;

#define RESPONDER_CONNECTIONS 256
#define RESPONDER_PER_ADDRESS 16
#define RESPONDER_SECONDS     2
#define RESPONDER_EXTRA_S     1
#define RESPONDER_WAIT_S      5
#define RESPONDER_SEND_S      30
#define RESPONDER_POLLFDS     (RESPONDER_LISTENERS + RESPONDER_CONNECTIONS)

struct responder_listener {
	int fd;
	unsigned serves;
};

/* The sockets of `listeners` stay the caller's, are made non-blocking, and must outlive
 * *r. `tls` NULL: who comes to one for TLS is cut. ERR_SYS. */
int responder_new(const struct responder_listener *listeners, size_t n,
		  const struct responder_tls *tls, struct responder **r, struct err *e);
void responder_free(struct responder *r); /* connections are cut; NULL is fine */

/* As responder_tokens.h says; with a `name`, answer who asks for that by TLS. */
int responder_add(struct responder *r, const char *name, const char *token,
		  const char *authorization, struct err *e);
void responder_remove(struct responder *r, const char *token);

/* What to wait for: fills at most RESPONDER_POLLFDS entries, returns how many. */
size_t responder_poll(const struct responder *r, struct pollfd *fds);
int responder_timeout_ms(const struct responder *r); /* -1: for ever */

/* Do what can be done without waiting. `fds` as responder_poll() has filled it since the
 * last run, and poll() answered. */
void responder_run(struct responder *r, const struct pollfd *fds);

/* A page that the agent has to be asked for, once: false, there is none. */
bool responder_ask(struct responder *r, enum responder_page *page);

/* It has answered, with `fd` or without, which stays the caller's; or it could not. Who
 * waits for it is answered. As responder_pages.h says. */
int responder_come(struct responder *r, enum responder_page page, int fd,
		   struct err *e);
void responder_fail(struct responder *r, enum responder_page page);

/* Accept no more, and wait for the agent no more; another responder on the same sockets
 * does. What is being sent has RESPONDER_SECONDS. Returns how many connections are still
 * open. */
size_t responder_drain(struct responder *r);
