/*
 * key: private and public keys, made and compared.
 *
 * Private keys exist in the keeper and in tests, nowhere else (and in a single-use
 * worker for one TLS handshake). Their PEM is PKCS#8 (RFC 5958).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

struct buf;
struct err;

enum key_type {
	KEY_NONE, /* a kind that we do not make */
	KEY_ECDSA_P256,
	KEY_ECDSA_P384,
	KEY_RSA_2048,
	KEY_RSA_3072,
	KEY_RSA_4096,
	KEY_ED25519,
	KEY_TYPES,
};

#define LIMIT_KEY_BYTES (16 * 1024) /* RSA-16384 in PEM needs 12.6 kB */

#define AUTO_KEY __attribute__((cleanup(key_done_)))

static inline void key_done_(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* Before anything else of OpenSSL: what we use of it is ours to say, not openssl.cnf's,
 * and it has memory or the role ends. */
void key_openssl_begin(void);

/* "ecdsa-p256" ... as the configuration spells it; NULL for KEY_NONE. */
const char *key_type_word(enum key_type type);
enum key_type key_type_called(const char *word); /* KEY_NONE: no such word */

/* Security strength in bits (NIST SP 800-57): 112 for rsa-2048, 128 for p256, ... */
int key_strength(enum key_type type);

/* To make one: an RSA key takes from 50 ms to seconds. */
bool key_takes_long(enum key_type type);

/* Make a key. The caller owns *key. */
int key_make(enum key_type type, EVP_PKEY **key, struct err *e);
enum key_type key_type_of(const EVP_PKEY *key);
bool key_same_public(const EVP_PKEY *a, const EVP_PKEY *b);

/* The digest that a signature by `key` is made with: as strong as the key, SHA-256 at
 * least. NULL for Ed25519, which has its own. */
const EVP_MD *key_digest(const EVP_PKEY *key);

/* Unencrypted PKCS#8. What is read may also be in one of the older forms; it is never
 * asked for a passphrase. ERR_PROTO, ERR_LIMIT. */
int key_to_pem(const EVP_PKEY *key, struct buf *pem, struct err *e);
int key_from_pem(const void *pem, size_t len, EVP_PKEY **key, struct err *e);

/* Write what X509_PUBKEY_set() would, for a key of an elliptic curve; false, and nothing
 * is written, for another. OpenSSL looks through all its encoders, and reads back what
 * they have written: that takes ten times as long as to sign. */
bool key_put_point(const EVP_PKEY *key, X509_PUBKEY *spki);

/* SubjectPublicKeyInfo in DER, and back. */
int key_to_spki(const EVP_PKEY *key, struct buf *der, struct err *e);
int key_from_spki(const void *der, size_t len, EVP_PKEY **key, struct err *e);

/* Drain OpenSSL's error queue into e: "what: reason". Returns `code`. The one place
 * that asks OpenSSL what went wrong. */
int key_openssl_err(struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
