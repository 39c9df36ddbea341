/*
 * inspect_secret: private keys in their several forms, with a password or without.
 *
 * A key is read to say what it is and whose; nothing of it leaves this process.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct inspect;

/* A key that is not encrypted, in DER: PKCS#8, PKCS#1, SEC 1. False: it is none. */
bool inspect_secret_plain(struct inspect *in, uint32_t input, const unsigned char *der,
			  long len);

/* EncryptedPrivateKeyInfo (RFC 5958 3). False: it is none. */
bool inspect_secret_sealed(struct inspect *in, uint32_t input, const unsigned char *der,
			   long len);

/* A block of PEM that is itself encrypted (RFC 1421), as keys once were. */
void inspect_secret_old(struct inspect *in, uint32_t input, const char *header,
			const unsigned char *der, long len);
