#include "base/names.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#define LABEL_MAX 63
#define DNS_MAX   253 /* RFC 1035's 255 octets, written with dots */
#define LOCAL_MAX 64  /* RFC 5321 4.5.3.1.1 */
#define EMAIL_MAX 254

/* Not isalpha() and friends: a name means the same in every locale. */
static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void lower(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
}

static bool is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7e || (unsigned char)*s < 0x21)
			return false;
	return true;
}

static int label_check(const char *label, size_t len, struct err *e)
{
	if (len == 0)
		return err_set(e, ERR_CONFIG, "a label of it is empty");
	if (len > LABEL_MAX)
		return err_set(e, ERR_CONFIG,
			       "a label of it is longer than 63 characters");
	if (label[0] == '-' || label[len - 1] == '-')
		return err_set(e, ERR_CONFIG,
			       "a label of it starts or ends with \"-\"");
	for (size_t i = 0; i < len; i++) {
		if (label[i] == '*')
			return err_set(e, ERR_CONFIG,
				       "\"*\" may only be the whole first label");
		if (!is_alpha(label[i]) && !is_digit(label[i]) && label[i] != '-')
			return err_set(e, ERR_CONFIG,
				       "a label of it has a character other than a-z, "
				       "0-9 and \"-\"");
	}
	return 0;
}

/* Labels of letters, digits and hyphens: RFC 5280 4.2.1.6 asks for the preferred name
 * syntax, so an underscore is refused. An all-digit last label is a mistyped address. */
static int labels_check(const char *dns, struct err *e)
{
	const char *label = dns;

	if (strlen(dns) > DNS_MAX)
		return err_set(e, ERR_CONFIG, "it is longer than 253 characters");
	for (const char *dot = strchr(label, '.'); dot != NULL;
	     dot = strchr(label, '.')) {
		TRY(label_check(label, (size_t)(dot - label), e));
		label = dot + 1;
	}
	TRY(label_check(label, strlen(label), e));
	if (strspn(label, "0123456789") == strlen(label))
		return err_set(e, ERR_CONFIG,
			       "it looks like an IP address, but is not one");
	return 0;
}

/* A DNS name without a wildcard, canonical, owned by the caller. */
static int dns_parse(const char *name, char **canonical, struct err *e)
{
	AUTO_FREE char *dns = xstrdup(name);
	size_t len = strlen(dns);

	if (len > 1 && dns[len - 1] == '.')
		dns[--len] = '\0';
	lower(dns, len);
	TRY(labels_check(dns, e));
	*canonical = TAKE(dns);
	return 0;
}

static int wildcard_parse(const char *name, char **canonical, struct err *e)
{
	AUTO_FREE char *base = NULL;

	TRY(dns_parse(name + 2, &base, e));
	if (strlen(base) + 2 > DNS_MAX)
		return err_set(e, ERR_CONFIG, "it is longer than 253 characters");
	*canonical = xasprintf("*.%s", base);
	return 0;
}

static bool ip_parse(const char *word, char **canonical)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t ip[16];
	int family = strchr(word, ':') != NULL ? AF_INET6 : AF_INET;

	if (inet_pton(family, word, ip) != 1 ||
	    inet_ntop(family, ip, text, sizeof(text)) == NULL)
		return false;
	*canonical = xstrdup(text);
	return true;
}

/* = RFC 5280 4.2.1.6 "Mailbox": dot-atoms; no quoted local part. */
static bool local_part_is_plain(const char *local, size_t len)
{
	if (len == 0 || local[0] == '.' || local[len - 1] == '.' ||
	    memmem(local, len, "..", 2) != NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alpha(local[i]) && !is_digit(local[i]) &&
		    strchr("!#$%&'*+-/=?^_`{|}~.", local[i]) == NULL)
			return false;
	return true;
}

static int email_parse(const char *word, char **canonical, struct err *e)
{
	AUTO_FREE char *domain = NULL;
	AUTO_FREE char *whole = NULL;
	const char *at = strrchr(word, '@');

	if (at == NULL)
		return err_set(e, ERR_CONFIG, "a mail address has an \"@\"");
	if (at - word > LOCAL_MAX || !local_part_is_plain(word, (size_t)(at - word)))
		return err_set(
		    e, ERR_CONFIG,
		    "what stands before the \"@\" is not a plain ASCII mailbox "
		    "of 1 to 64 characters");
	TRY(dns_parse(at + 1, &domain, e));
	whole = xasprintf("%.*s@%s", (int)(at - word), word, domain);
	if (strlen(whole) > EMAIL_MAX)
		return err_set(e, ERR_CONFIG, "it is longer than 254 characters");
	*canonical = TAKE(whole);
	return 0;
}

/* The host of an authority, [user@]host[:port], is a name or an address. Underscores
 * are let through: SPIFFE trust domains have them. */
static int uri_host(char *authority, size_t len, struct err *e)
{
	char *at = memrchr(authority, '@', len);
	char *host = at == NULL ? authority : at + 1;
	size_t n = len - (size_t)(host - authority);
	char *end =
	    n > 0 && host[0] == '[' ? memchr(host, ']', n) : memchr(host, ':', n);
	char ip[INET6_ADDRSTRLEN] = "";
	uint8_t raw[16];

	if (n > 0 && host[0] == '[') {
		if (end == NULL || (size_t)(end - host - 1) >= sizeof(ip))
			return err_set(e, ERR_CONFIG, "its host is not an address");
		memcpy(ip, host + 1, (size_t)(end - host - 1));
		if (inet_pton(AF_INET6, ip, raw) != 1)
			return err_set(e, ERR_CONFIG, "its host is not an address");
	}
	if (end != NULL)
		n = (size_t)(end - host);
	if (n == 0)
		return err_set(e, ERR_CONFIG, "it has no host after \"//\"");
	for (size_t i = 0; host[0] != '[' && i < n; i++)
		if (!is_alpha(host[i]) && !is_digit(host[i]) &&
		    strchr(".-_", host[i]) == NULL)
			return err_set(e, ERR_CONFIG, "its host is not a name");
	lower(host, n);
	return 0;
}

/* = RFC 5280 4.2.1.6: absolute, IA5String; with an authority, one with a host. */
static int uri_parse(const char *word, char **canonical, struct err *e)
{
	AUTO_FREE char *uri = xstrdup(word);
	char *colon = strchr(uri, ':');

	if (!is_ascii(uri) || strpbrk(uri, "<>\"{}|\\^`") != NULL)
		return err_set(e, ERR_CONFIG,
			       "a URI has only the ASCII characters of RFC 3986");
	if (colon == NULL || colon == uri || !is_alpha(uri[0]) || colon[1] == '\0')
		return err_set(e, ERR_CONFIG, "a URI has a scheme, \":\" and more");
	for (char *c = uri; c < colon; c++)
		if (!is_alpha(*c) && !is_digit(*c) && strchr("+-.", *c) == NULL)
			return err_set(e, ERR_CONFIG, "its scheme is not one");
	lower(uri, (size_t)(colon - uri));
	if (strncmp(colon, "://", 3) == 0)
		TRY(uri_host(colon + 3, strcspn(colon + 3, "/?#"), e));
	*canonical = TAKE(uri);
	return 0;
}

int names_parse(const char *word, enum name_kind *kind, char **canonical, struct err *e)
{
	if (strlen(word) > NAME_MAX_LEN)
		return err_set(e, ERR_CONFIG, "it is longer than 2048 characters");
	if (strncmp(word, "email:", 6) == 0) {
		*kind = NAME_EMAIL;
		return email_parse(word + 6, canonical, e);
	}
	if (strncmp(word, "uri:", 4) == 0) {
		*kind = NAME_URI;
		return uri_parse(word + 4, canonical, e);
	}
	*kind = NAME_IP;
	if (ip_parse(word, canonical))
		return 0;
	*kind = NAME_DNS;
	if (strstr(word, "://") != NULL)
		return err_set(e, ERR_CONFIG, "a URI is written \"uri:...\"");
	if (strchr(word, '@') != NULL)
		return err_set(e, ERR_CONFIG,
			       "a mail address is written \"email:...\"");
	if (word[0] == '*' && word[1] == '.')
		return wildcard_parse(word, canonical, e);
	return dns_parse(word, canonical, e);
}

uint64_t names_hash(enum name_kind kind, const char *canonical)
{
	const char kind_byte = (char)kind;
	uint8_t sum[HASH_LEN];
	uint64_t hash = 0;
	struct hash h;

	hash_begin(&h);
	hash_add(&h, &kind_byte, 1);
	hash_add(&h, canonical, strnlen(canonical, NAME_MAX_LEN));
	hash_end(&h, sum);
	for (int i = 0; i < 8; i++)
		hash = hash << 8 | sum[i];
	return hash;
}
