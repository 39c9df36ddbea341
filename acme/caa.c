#include "acme/caa.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#define CRITICAL 0x80 /* of the flags (RFC 8659 4.1) */

#define WSP " \t"

bool caa_read(const uint8_t *data, size_t len, struct caa *c)
{
	size_t n_tag;

	*c = (struct caa){ .critical = len > 0 && (data[0] & CRITICAL) != 0 };
	if (len < 2 || data[1] == 0 || (size_t)data[1] > len - 2)
		return false;
	n_tag = data[1];
	data += 2;
	len -= 2;
	for (size_t i = 0; n_tag < sizeof(c->tag) && i < n_tag; i++)
		c->tag[i] = (char)(isalnum(data[i]) ? tolower(data[i]) : '?');
	if (len - n_tag < sizeof(c->value))
		memcpy(c->value, data + n_tag, len - n_tag);
	else
		memcpy(c->value, "?", sizeof("?")); /* nobody's name */
	return true;
}

/* -- one value (RFC 8659 4.2) -- */

/* The word that `*at` begins with, up to one of `ends`, without the white space around. */
static size_t take(const char **at, const char *ends, const char **word)
{
	size_t len;

	*at += strspn(*at, WSP);
	*word = *at;
	len = strcspn(*at, ends);
	*at += len;
	while (len > 0 && strchr(WSP, (*word)[len - 1]) != NULL)
		len--;
	return len;
}

static bool is_word(const char *word, size_t len, const char *wanted)
{
	return strlen(wanted) == len && strncasecmp(word, wanted, len) == 0;
}

static bool names(const char *word, size_t len, const char *const *identities)
{
	for (; *identities != NULL; identities++)
		if (is_word(word, len, *identities))
			return true;
	return false;
}

/* RFC 8657 4: a list with commas. */
static bool has_method(const char *list, size_t len, const char *method)
{
	const char *end = list + len;

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const size_t n = (size_t)((comma == NULL ? end : comma) - list);

		if (strlen(method) == n && memcmp(list, method, n) == 0)
			return true;
		list += n + 1;
	}
	return false;
}

/* Whether this parameter lets it issue; one that is not known does (RFC 8659 4.2: it is
 * the CA's own). */
static bool fits(const char *tag, size_t n_tag, const char *value, size_t n_value,
		 const struct caa_asked *asked)
{
	if (is_word(tag, n_tag, "accounturi"))
		return asked->account == NULL ||
		       (strlen(asked->account) == n_value &&
			memcmp(asked->account, value, n_value) == 0);
	if (is_word(tag, n_tag, "validationmethods"))
		return has_method(value, n_value, asked->method);
	return true;
}

static bool permits(const char *at, const struct caa_asked *asked)
{
	const char *word;
	size_t len = take(&at, ";", &word);
	bool ok = names(word, len, asked->identities);

	while (ok && *at == ';') {
		const char *value = "";
		size_t n_value;

		at++;
		len = take(&at, ";=", &word);
		if (len == 0 && *at != '=')
			continue;
		if (*at != '=')
			return false;
		at++;
		n_value = take(&at, ";", &value);
		ok = fits(word, len, value, n_value, asked);
	}
	return ok;
}

/* -- all of them -- */

/* The tags that are registered (IANA, PKIX parameters): what they say is of other things than
 * a server's name, and which of them a CA knows it knows best. */
static bool is_known(const struct caa *c)
{
	static const char *const tags[] = { "issue",        "issuewild",
					    "iodef",        "issuemail",
					    "contactemail", "contactphone",
					    "issuevmc",     NULL };

	return names(c->tag, strlen(c->tag), tags);
}

/* What the records do allow, for people. */
static int refuse(const struct caa *set, size_t n, const char *tag, struct err *e)
{
	AUTO_BUF struct buf list = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (strcmp(set[i].tag, tag) != 0)
			continue;
		buf_puts(&list, list.len == 0 ? " \"" : ", \"");
		text_escape(&list, set[i].value, strlen(set[i].value), 200);
		buf_puts(&list, "\"");
	}
	return err_set(e, ERR_REFUSED, "%s%s", tag, list.data);
}

int caa_permit(const struct caa *set, size_t n, const struct caa_asked *asked,
	       struct err *e)
{
	const char *tag = "issue";
	size_t n_said = 0;

	for (size_t i = 0; i < n; i++) {
		/* RFC 8659 4.1: one that is critical and not known forbids all. */
		if (set[i].critical && !is_known(&set[i]))
			return err_set(e, ERR_REFUSED,
				       "critical record \"%s\", which no CA knows",
				       set[i].tag);
		if (asked->wildcard && strcmp(set[i].tag, "issuewild") == 0)
			tag = "issuewild";
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(set[i].tag, tag) != 0)
			continue;
		n_said++;
		if (permits(set[i].value, asked))
			return 0;
	}
	return n_said == 0 ? 0 : refuse(set, n, tag, e);
}
