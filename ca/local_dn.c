#include "ca/local_dn.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <openssl/obj_mac.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"

#define AUTO_NAME __attribute__((cleanup(name_done)))

/* RFC 4514 3: the types that every implementation knows by these words. */
static const struct attribute {
	const char *word;
	int nid;
} attributes[] = {
	{ "CN", NID_commonName },
	{ "O", NID_organizationName },
	{ "OU", NID_organizationalUnitName },
	{ "C", NID_countryName },
	{ "ST", NID_stateOrProvinceName },
	{ "L", NID_localityName },
	{ "STREET", NID_streetAddress },
	{ "DC", NID_domainComponent },
	{ "UID", NID_userId },
};

static void name_done(X509_NAME **dn)
{
	X509_NAME_free(*dn);
}

static const struct attribute *attribute_called(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (strlen(attributes[i].word) == len &&
		    strncasecmp(attributes[i].word, word, len) == 0)
			return &attributes[i];
	return NULL;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

	return at == NULL ? -1 : (int)(at - digits);
}

/* What stands after a backslash: one character, or two digits for a byte. */
static int read_escape(const char **at, struct buf *value, struct err *e)
{
	int high = hex_digit((*at)[0]);
	int low = high < 0 ? -1 : hex_digit((*at)[1]);
	char byte = (char)(high * 16 + low);

	if (high >= 0 && low >= 0 && byte != '\0') {
		buf_add(value, &byte, 1);
		*at += 2;
		return 0;
	}
	if (**at == '\0' || strchr(" \"#+,;<=>\\", **at) == NULL)
		return err_set(e, ERR_CONFIG, "\"\\%.2s\" is no escape", *at);
	buf_add(value, (*at)++, 1);
	return 0;
}

/* One value up to its comma or the end; what must be escaped stands in RFC 4514 2.4. */
static int read_value(const char **at, struct buf *value, struct err *e)
{
	bool escaped = false;

	if (**at == ' ' || **at == '#')
		return err_set(e, ERR_CONFIG, "a value that begins with '%c'", **at);
	while (**at != '\0' && **at != ',') {
		char c = *(*at)++;

		escaped = c == '\\';
		if (escaped) {
			TRY(read_escape(at, value, e));
			continue;
		}
		if (strchr("\"+;<>", c) != NULL || iscntrl((unsigned char)c))
			return err_set(e, ERR_CONFIG, "'%c' must be escaped", c);
		buf_add(value, &c, 1);
	}
	if (value->len == 0)
		return err_set(e, ERR_CONFIG, "an empty value");
	if (value->data[value->len - 1] == ' ' && !escaped)
		return err_set(e, ERR_CONFIG, "a value that ends with a space");
	return 0;
}

/* "CN=Lab CA" in front of what is there: the text has the most specific RDN first,
 * the encoding has it last. */
static int read_attribute(const char **at, X509_NAME *dn, struct err *e)
{
	AUTO_BUF struct buf value = { 0 };
	const struct attribute *a;
	size_t len;

	*at += strspn(*at, " ");
	len = strcspn(*at, "=,");
	a = attribute_called(*at, len);
	if ((*at)[len] != '=' || a == NULL)
		return err_set(e, ERR_CONFIG,
			       "\"%.*s\" where CN=, O=, OU=, C=, ST=, L=, STREET=, DC= "
			       "or UID= is expected",
			       len > 32 ? 32 : (int)len, *at);
	*at += len + 1;
	if (read_value(at, &value, e) < 0)
		return err_wrap(e, "%s", a->word);
	if (X509_NAME_entry_count(dn) == LIMIT_DN_ATTRIBUTES)
		return err_set(e, ERR_CONFIG, "more than %d attributes",
			       LIMIT_DN_ATTRIBUTES);
	if (X509_NAME_add_entry_by_NID(dn, a->nid, MBSTRING_UTF8,
				       (unsigned char *)value.data, (int)value.len, 0,
				       0) != 1)
		return key_openssl_err(e, ERR_CONFIG, "%s=%.64s", a->word, value.data);
	return 0;
}

int local_dn_parse(const char *text, X509_NAME **dn, struct err *e)
{
	AUTO_NAME X509_NAME *read = X509_NAME_new();
	const char *at = text;

	if (read == NULL)
		return key_openssl_err(e, ERR_SYS, "subject");
	for (;;) {
		if (read_attribute(&at, read, e) < 0)
			return err_wrap(e, "subject \"%.100s\"", text);
		if (*at == '\0')
			break;
		at++; /* the comma */
	}
	*dn = TAKE(read);
	return 0;
}
