#include "agent/role/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "agent/role/spec_cert.h"
#include "base/auto.h"
#include "base/mem.h"
#include "base/text.h"

static const struct scheme {
	const char *word;
	const char *port; /* NULL: must be said */
	uint32_t proto;
} schemes[] = {
	{ "tls://", NULL, PROBE_TLS },       { "https://", "443", PROBE_TLS },
	{ "smtp://", "25", PROBE_SMTP },     { "submission://", "587", PROBE_SMTP },
	{ "smtps://", "465", PROBE_TLS },    { "imap://", "143", PROBE_IMAP },
	{ "imaps://", "993", PROBE_TLS },    { "pop3://", "110", PROBE_POP3 },
	{ "pop3s://", "995", PROBE_TLS },    { "ldap://", "389", PROBE_LDAP },
	{ "ldaps://", "636", PROBE_TLS },    { "postgres://", "5432", PROBE_POSTGRES },
	{ "ftp://", "21", PROBE_FTP },       { "ftps://", "990", PROBE_TLS },
	{ "xmpp://", "5222", PROBE_XMPP },   { "mysql://", "3306", PROBE_MYSQL },
	{ "sieve://", "4190", PROBE_SIEVE },
};

#define N_SCHEMES (sizeof(schemes) / sizeof(*schemes))

uint32_t endpoint_usual(const char *port)
{
	for (size_t i = 0; i < N_SCHEMES; i++)
		if (schemes[i].port != NULL && strcmp(schemes[i].port, port) == 0)
			return schemes[i].proto;
	return PROBE_TLS;
}

/* Split "host:port", "[v6]:port", "host" in place. False: neither. */
static bool split(char *word, char **host, const char **port)
{
	char *end = word[0] == '[' ? strchr(word, ']') : strchr(word, ':');

	*host = word[0] == '[' ? word + 1 : word;
	if (end == NULL)
		return word[0] != '[';
	if (*end == ']')
		*end++ = '\0';
	if (*end == '\0')
		return true;
	if (*end != ':')
		return false;
	*end = '\0';
	*port = end + 1;
	return true;
}

static const struct scheme *scheme_of(const char *word)
{
	for (size_t i = 0; i < N_SCHEMES; i++)
		if (strncmp(word, schemes[i].word, strlen(schemes[i].word)) == 0)
			return &schemes[i];
	return NULL;
}

bool endpoint_parse(const char *word, struct endpoint *out)
{
	const struct scheme *scheme = scheme_of(word);
	const char *at = scheme == NULL ? word : word + strlen(scheme->word);
	AUTO_FREE char *copy =
	    xstrndup(at, scheme == NULL ? strlen(at) : strcspn(at, "/?#"));
	const char *port = scheme == NULL ? NULL : scheme->port;
	char *host = NULL;
	uint64_t number;

	*out = (struct endpoint){ .proto = PROBE_TLS };
	if (strncmp(word, "unix:/", 6) == 0) {
		out->host = xstrdup(word + 5);
		return true;
	}
	if (!split(copy, &host, &port) || host[0] == '\0' || port == NULL ||
	    !text_u64(port, 65535, &number) || number == 0)
		return false;
	*out = (struct endpoint){ .proto = scheme == NULL ? PROBE_TLS : scheme->proto,
				  .host = xstrdup(host),
				  .port = xstrdup(port) };
	return true;
}

void endpoint_done(struct endpoint *e)
{
	free(e->host);
	free(e->port);
	e->host = e->port = NULL;
}
