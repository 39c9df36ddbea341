#include "acme/token.h"

#include <string.h>

#define THUMBPRINT_LEN 43 /* SHA-256 in base64url (RFC 7638) */

static bool is_base64url(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool token_is_valid(const char *token, size_t len)
{
	if (len < TOKEN_MIN || len > TOKEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_base64url(token[i]))
			return false;
	return true;
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
