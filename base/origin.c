#include "base/origin.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443
#define PORT_CHARS 5

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct origin {
	const char *host; /* in brackets if it is an IPv6 address */
	size_t host_len;
	uint64_t port;
};

/* RFC 3986 2: what a URL is made of, and nothing that is repaired on the way. */
static bool is_plain(const char *url)
{
	for (; *url != '\0'; url++)
		if (*url <= ' ' || *url > '~' || strchr("\"<>\\^`{|}", *url) != NULL)
			return false;
	return true;
}

static size_t host_len(const char *host)
{
	size_t n;

	if (host[0] != '[')
		return strspn(host, LETTERS DIGITS "-._");
	n = strspn(host + 1, DIGITS "abcdefABCDEF:.");
	return n > 0 && host[n + 1] == ']' ? n + 2 : 0;
}

static bool read_port(const char *text, size_t len, uint64_t *port)
{
	char digits[PORT_CHARS + 1] = "";

	if (len == 0 || len > PORT_CHARS)
		return false;
	memcpy(digits, text, len);
	return text_u64(digits, UINT16_MAX, port);
}

static bool read_origin(const char *url, const char *scheme, uint64_t port,
			struct origin *o)
{
	const char *at = url + strlen(scheme);
	size_t authority;

	if (strncasecmp(url, scheme, strlen(scheme)) != 0 || !is_plain(url))
		return false;
	authority = strcspn(at, "/?#");
	*o = (struct origin){ at, host_len(at), port };
	if (o->host_len == 0 || o->host_len == authority)
		return o->host_len > 0;
	return at[o->host_len] == ':' &&
	       read_port(at + o->host_len + 1, authority - o->host_len - 1, &o->port);
}

static bool is_same(const char *url, const char *of, const char *scheme, uint64_t port)
{
	struct origin a, b;

	return read_origin(url, scheme, port, &a) &&
	       read_origin(of, scheme, port, &b) && a.port == b.port &&
	       a.host_len == b.host_len && strncasecmp(a.host, b.host, a.host_len) == 0;
}

bool origin_same(const char *url, const char *of)
{
	return is_same(url, of, "https://", HTTPS_PORT);
}

bool origin_same_http(const char *url, const char *of)
{
	return is_same(url, of, "http://", HTTP_PORT);
}

bool origin_is_http(const char *url)
{
	return origin_same_http(url, url);
}

size_t origin_len(const char *url)
{
	const char *host = strstr(url, "://");

	return host == NULL ? 0 : (size_t)(host + 3 - url) + strcspn(host + 3, "/?#");
}

char *origin_resolve(const char *from, const char *to)
{
	const size_t origin = origin_len(from);
	size_t len = origin + strcspn(from + origin, "?#");

	if (to[strcspn(to, ":/?#")] == ':')
		return xstrdup(to);
	if (strncmp(to, "//", 2) == 0)
		return xasprintf("%.*s%s", (int)strcspn(from, "/"), from, to);
	if (to[0] == '/')
		return xasprintf("%.*s%s", (int)origin, from, to);
	if (to[0] == '?')
		return xasprintf("%.*s%s", (int)len, from, to);
	while (len > origin && from[len - 1] != '/')
		len--;
	return xasprintf("%.*s%s%s", (int)len, from, len == origin ? "/" : "", to);
}
