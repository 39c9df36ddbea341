/* token: the one check on what a CA calls a token, before it is part of anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_MIN 22  /* 128 bits in base64url */
#define TOKEN_MAX 128 /* ours; CAs use 32 or 43 */

/* = RFC 8555 8.3 "This value MUST have at least 128 bits of entropy. It MUST NOT contain
 * any characters outside the base64url alphabet and MUST NOT include base64 padding
 * characters ("=")." */
bool token_is_valid(const char *token, size_t len);

/* Whether `authorization` is the key authorization of `token`: with nothing else in it,
 * it can be shown to anyone. */
bool token_is_authorization(const char *token, const char *authorization);
