/*
 * keeper_twice: no key is an account's and a certificate's. Whoever gets at the one would
 * have the other, and a CA that blocks it closes the account.
 *
 * = RFC 8555 11.1 "the public key of an account key pair MUST NOT be included in a
 * certificate." [keys] It is looked at whoever made the keys: people copy files, and a
 * request (`csr`) may be for any key.
 */
#pragma once

#include <openssl/evp.h>

struct err;
struct keeper;

/* Before a certificate is ordered for `key`. ERR_CONFIG: an account of ours has it. */
int keeper_not_of_account(const struct keeper *k, const EVP_PKEY *key, struct err *e);

/* Before a CA hears of `key` as an account's. ERR_CONFIG: what is live has it, or a request
 * is for it. */
int keeper_not_of_cert(const struct keeper *k, const EVP_PKEY *key, struct err *e);
