#include "acme/token.h"

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
