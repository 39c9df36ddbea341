#include "acme/token.h"

#include <string.h>

#include "base/base64url.h"

#define THUMBPRINT_LEN 43 /* SHA-256 in base64url (RFC 7638) */

bool token_is_valid(const char *token, size_t len)
{
	return len >= TOKEN_MIN && len <= TOKEN_MAX && base64url_is(token, len);
}

/* = RFC 8555 8.1 "keyAuthorization = token || '.' || base64url(Thumbprint(accountKey))" */
bool token_is_authorization(const char *token, const char *authorization)
{
	size_t len = strlen(token);

	return token_is_valid(token, len) && strncmp(authorization, token, len) == 0 &&
	       authorization[len] == '.' &&
	       strlen(authorization + len + 1) == THUMBPRINT_LEN &&
	       token_is_valid(authorization + len + 1, THUMBPRINT_LEN);
}
