/*
 * jose: what the other side of a JWS sees: its header and payload, and whether the
 * signature holds. Written from the RFCs, on other functions than acme/jws.c uses.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "base/buf.h"

struct jose {
	json_t *header;
	json_t *payload;  /* NULL: it is empty */
	struct buf input; /* what was signed */
	struct buf signature;
};

#define AUTO_JOSE __attribute__((cleanup(jose_done)))

/* Read a flattened JWS (RFC 7515 7.2.2); what is none fails the test. */
void jose_read(struct jose *j, const char *jws);
/* ... and one in compact form (7.1). */
void jose_read_compact(struct jose *j, const char *token);
void jose_done(struct jose *j);

/* Member `key` of the header or payload as a string; "" if it is none. */
const char *jose_str(const json_t *object, const char *key);

/* The public key of a JWK, owned by the caller; what is none fails the test. */
EVP_PKEY *jose_key(const json_t *jwk);

/* Whether the signature is one of `alg` by the key over the input. */
bool jose_holds(const char *alg, EVP_PKEY *key, const struct buf *input,
		const struct buf *signature);
bool jose_mac_holds(const char *alg, const struct buf *key, const struct buf *input,
		    const struct buf *mac);

/* jose_holds() by what the header says, its "jwk" or `key`. */
bool jose_verifies(const struct jose *j, EVP_PKEY *key);

/* The bytes of a base64url text, which is one. */
struct buf jose_bytes(const char *text);
