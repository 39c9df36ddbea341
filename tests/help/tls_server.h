/*
 * tls_server: a server in a process of its own that shows what a test wants seen, and the
 * question that a probe would ask of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "agent/probe/probe.h"

enum who {
	WANTED,
	BEFORE,
	STRANGE,
	OF_ED25519, /* the others' keys are of P-256 */
	WHOS,
};

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t sha256[32];
};

/* The certificate that we want, the one before, and others. */
struct bench {
	struct identity ids[WHOS];
};

struct server {
	const struct identity *ids;
	int listener;
	uint16_t port;
	char port_text[8];
	pid_t pid;
	unsigned count;    /* of connections so far; in the child */
	int64_t since_ms;  /* when it began; in the child */
	const char *talk;  /* for serve(); what it says */
	int tls_max;       /* 0: the latest */
	bool has_ed25519;  /* besides what it shows, for who takes no P-256 */
	bool wants_client; /* a certificate of the client, or no service */
	bool anywhere;     /* listen on all of 127/8, not on 127.0.0.1 alone */
};

/* Serve one connection; it is closed afterwards. */
typedef void serve_fn(struct server *s, int fd);

/* Group set-up and tear-down; *state is a struct bench. */
int server_setup(void **state);
int server_teardown(void **state);

/* Listen on a free port of 127.0.0.1, and serve() each connection. */
void server_start(struct server *s, const struct identity *ids, serve_fn *serve);
void server_stop(const struct server *s);

/* The handshake alone: what follows is the caller's. NULL if it fails. */
SSL *server_accept(struct server *s, int fd, const struct identity *id);

/* One handshake, with that certificate; NULL: the one that the client names. */
void server_shake(struct server *s, int fd, const struct identity *id);

/* The serve() of most tests. */
void shows_wanted(struct server *s, int fd);
void shows_before(struct server *s, int fd);

/* What a probe of `s` is asked, and what it must have answered. */
struct probe_request server_ask(const struct bench *b, const struct server *s,
				int64_t deadline_ms);
void server_expect(const struct probe_result *got, enum probe_verdict verdict,
		   const char *detail);
