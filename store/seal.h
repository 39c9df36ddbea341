/*
 * seal: encryption under a password that gives the same bytes each time.
 *
 * A salt must be one that nobody could know beforehand, and another where the plain text
 * is another. Drawn from a source of random bytes it would be both, and no two files
 * that hold the same would be equal. Ours are an HMAC-SHA-256, keyed with the private
 * key, over everything that goes into the file: who lacks the key cannot tell them from
 * random ones, and who has it makes the same file again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/hash.h"

struct content;
struct set;

/* RFC 8018 4.2 asks for 1,000 at least; as many as Java makes. 5 ms. */
#define SEAL_ITERATIONS 10000

#define SEAL_SALT 16 /* bytes; also of an initial vector of AES */

struct seal {
	uint8_t root[HASH_LEN]; /* secret */
	const char *password;   /* borrowed from the content */
	bool legacy;
};

#define AUTO_SEAL __attribute__((cleanup(seal_done)))

void seal_begin(struct seal *s, const struct set *set, const struct content *content);
void seal_done(struct seal *s);

/* The salt for what `label` says, another for each. */
void seal_salt(const struct seal *s, const char *label, uint8_t salt[SEAL_SALT]);

/* PBES2 with AES-256-CBC and HMAC-SHA-256 (RFC 8018), or, with `legacy`, PBE with SHA-1
 * and 3DES (RFC 7292 C). The caller's; NULL: OpenSSL has said why. */
X509_ALGOR *seal_cipher(const struct seal *s, const char *label);

/* EncryptedPrivateKeyInfo (RFC 5958 3). The caller's; NULL: OpenSSL has said why. */
X509_SIG *seal_key(const struct seal *s, const char *label, const EVP_PKEY *key);
