/*
 * step_key: the key that a provisioner of type JWK signs its tokens by.
 *
 * step-ca gives it to everybody who asks, as a JWK (RFC 7517) within a JWE (RFC 7516) that
 * a password opens: PBES2-HS256+A128KW (RFC 7518 4.8) around A256GCM (5.3). Who is on the
 * network takes the JWE apart and can do no more; the keeper has the password. `step crypto
 * jwk create` writes the same into a file.
 *
 *     step_jwe_read(text, len, &jwe, e)          anybody
 *     step_key_open(&jwe, &password, &key, e)    the keeper
 */
#pragma once

#include <stdint.h>

#include <openssl/evp.h>

#include "base/buf.h"

struct err;

#define LIMIT_STEP_JWE 16384 /* the largest, of an RSA key of 8192 bits, has 10 kB */

/* step takes 100,000, and 600,000 in later versions: a quarter of a second. */
#define LIMIT_STEP_ROUNDS 1000000

/* Begins as { 0 }. */
struct step_jwe {
	struct buf header;  /* base64url, as it came: it is authenticated */
	uint64_t rounds;    /* p2c */
	struct buf salt;    /* p2s */
	struct buf wrapped; /* the key of what follows */
	struct buf iv;
	struct buf text;
	struct buf tag;
};

struct step_key {
	EVP_PKEY *key;  /* owned; NULL: none */
	struct buf kid; /* what the CA knows it by; empty: its thumbprint */
};

#define AUTO_JWE __attribute__((cleanup(step_jwe_done)))

/* In its compact serialization, or in JSON (RFC 7516 7.1, 7.2.2). ERR_PROTO: it is none;
 * ERR_CONFIG: it is made in another way than step does. */
int step_jwe_read(const char *text, size_t len, struct step_jwe *j, struct err *e);
void step_jwe_done(struct step_jwe *j);

/* ERR_CONFIG: the password does not open it, or what is in it is no key that can sign
 * here. *key is the caller's. */
int step_key_open(const struct step_jwe *j, const struct buf *password,
		  struct step_key *key, struct err *e);

/* A key that is closed by no password, as a JWK: ERR_CONFIG. */
int step_key_read(const char *text, size_t len, struct step_key *key, struct err *e);
void step_key_done(struct step_key *key);

/* -- what is signed by it, for step.h -- */

/* Who a token is signed by, and what for. */
enum step_what {
	STEP_SIGN,   /* the provisioner: what request() has said */
	STEP_RENEW,  /* the live certificate's own key */
	STEP_REVOKE, /* the provisioner */
	STEP_ITSELF, /* nobody: the live certificate is shown, and revokes itself */
	STEP_WHATS,
};

/* Begins as { 0 }. */
struct step_told {
	struct buf token;
	struct buf serial; /* decimal, of what is to be revoked */
	uint64_t reason;
};

#define AUTO_TOLD __attribute__((cleanup(step_told_done)))

void step_told_done(struct step_told *told);
