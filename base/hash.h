/*
 * hash: SHA-256 of what is neither secret nor signed: names, draws, the text of the
 * configuration.
 *
 * OpenSSL's EVP functions would load its provider first, which takes 0.5 ms and 0.6 MiB
 * in roles that need nothing else of it; these do not. (EVP is right wherever keys,
 * certificates and signatures are: the provider is loaded there anyway.)
 *
 *     hash_begin(&h); hash_add(&h, data, len); ...; hash_end(&h, sum);
 *     hash_all(data, len, sum);                      what is in one piece
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/sha.h>

#define HASH_LEN SHA256_DIGEST_LENGTH

struct hash {
	SHA256_CTX ctx;
};

void hash_begin(struct hash *h);
void hash_add(struct hash *h, const void *data, size_t len);
void hash_end(struct hash *h, uint8_t sum[HASH_LEN]);
void hash_all(const void *data, size_t len, uint8_t sum[HASH_LEN]);
