/*
 * responder_tls: what a responder that answers tls-alpn-01 (RFC 8737) has besides: how TLS
 * is spoken, as a table of functions. The program everleaf-alpn has it, and OpenSSL with
 * it; it runs as long as there is such a challenge. everleaf-responder, which may run all
 * the time, has neither.
 *
 * A handshake succeeds with who asks for ALPN_PROTOCOL alone and for exactly the name of a
 * challenge, and with nobody else. Nothing is read or sent after it. The key is made at
 * the start, never leaves the process and is for nothing else; the certificate is made
 * while the CA waits for it.
 */
#pragma once

struct err;
struct responder_names; /* whom to answer */
struct responder_shake; /* one handshake */

enum responder_turn {
	SHAKE_READS,  /* go on when there is something to read */
	SHAKE_WRITES, /* ... when there is room to write */
	SHAKE_OVER,   /* well, or refused */
};

struct responder_tls {
	/* ERR_SYS. *names, owned by the caller, is empty. */
	int (*open)(struct responder_names **names, struct err *e);
	void (*close)(struct responder_names *names); /* NULL is fine */

	/* Answer who asks for `name`; in the place of another answer for it. `token` and
	 * `authorization` as responder_tokens.h says. ERR_PROTO, ERR_LIMIT. */
	int (*add)(struct responder_names *names, const char *name, const char *token,
		   const char *authorization, struct err *e);
	void (*remove)(struct responder_names *names, const char *token);

	/* With who is connected by `fd`, which stays the caller's. NULL: no memory. */
	struct responder_shake *(*begin)(struct responder_names *names, int fd);
	enum responder_turn (*go_on)(struct responder_shake *shake);
	void (*end)(struct responder_shake *shake); /* NULL is fine */
};

extern const struct responder_tls responder_alpn; /* responder_alpn.c */
