/*
 * tsig: who has said a DNS message, shown by a secret that two share (RFC 8945).
 *
 * The keeper signs what it has written itself, and looks at the reply's MAC. It reads no
 * DNS: whoever took the reply apart says where its parts are, and can only be wrong.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define TSIG_MAC_MAX   64   /* octets, of SHA-512 */
#define TSIG_FUDGE     300  /* seconds: RFC 8945 10 recommends them */
#define LIMIT_TSIG_KEY 4096 /* octets of its file; a secret has 32 to 64 */

struct tsig_key {
	const char *name;      /* see dns.h */
	const char *algorithm; /* one of tsig_algorithms */
	const void *secret;
	size_t len;
};

/* "hmac-sha256" first, the others that we sign by, NULL. SHA-1 and MD5 are none of them. */
extern const char *const tsig_algorithms[];

/* A secret as key files have it, into `secret`: its base64 alone, or what tsig-keygen
 * writes, `key "name" { algorithm hmac-sha256; secret "..."; };`, which has to be of that
 * algorithm. ERR_CONFIG: neither. */
int tsig_secret(const struct buf *text, const char *algorithm, struct buf *secret,
		struct err *e);

/* Append the TSIG record to `message`, whose header announces nothing after its updates;
 * `mac` is what the reply is to be looked at with. */
int tsig_sign(const struct tsig_key *key, int64_t now, struct buf *message,
	      struct buf *mac, struct err *e);

/* A reply in its parts, all borrowed. */
struct tsig_reply {
	const void
	    *message; /* without the TSIG record, which its header leaves out, too */
	size_t len;
	uint64_t at; /* when it was signed, Unix seconds */
	unsigned fudge;
	unsigned error; /* 0, or a code of RFC 8945 3 */
	const void *other;
	size_t n_other;
	const void *mac;
	size_t n_mac;
};

/* ERR_TRUST: it is not from who has our secret, or not to the request with `mac`, or old. */
int tsig_check(const struct tsig_key *key, const struct buf *mac,
	       const struct tsig_reply *reply, int64_t now, struct err *e);
