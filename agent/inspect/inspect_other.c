#include "agent/inspect/inspect_other.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "agent/inspect/inspect.h"

#define HEAD 512 /* bytes that say what a file is */

static const struct kind {
	const char *begins; /* of the file, white space passed over; any case */
	size_t len;         /* 0: of the string */
	const char *is;
} kinds[] = {
	{ "<!doctype html", 0, "a page of HTML, perhaps an error that was downloaded" },
	{ "<html", 0, "a page of HTML, perhaps an error that was downloaded" },
	{ "<?xml", 0, "XML" },
	{ "HTTP/", 0, "an answer of a web server with its head" },
	{ "{", 0, "JSON, perhaps an error that was downloaded" },
	{ "ssh-", 0, "a public key for OpenSSH" },
	{ "ecdsa-sha2-", 0, "a public key for OpenSSH" },
	{ "---- BEGIN SSH2", 0, "a public key for SSH" },
	{ "PuTTY-User-Key-File", 0, "a private key for PuTTY" },
	{ "-----BEGIN PGP", 0, "for OpenPGP" },
	{ "\xfe\xed\xfe\xed", 4,
	  "a key store of Java (JKS); keytool turns it into PKCS#12" },
	{ "\xce\xce\xce\xce", 4,
	  "a key store of Java (JCEKS); keytool turns it into PKCS#12" },
	{ "PK\003\004", 4, "a ZIP archive" },
	{ "\x1f\x8b", 2, "compressed with gzip" },
	{ "\x7f"
	  "ELF",
	  4, "a program" },
	{ "SQLite format 3", 0, "a database of SQLite" },
};

static bool is_kind(const struct kind *k, const char *data, size_t len)
{
	const size_t n = k->len == 0 ? strlen(k->begins) : k->len;

	if (len < n)
		return false;
	return k->len == 0 ? strncasecmp(data, k->begins, n) == 0
			   : memcmp(data, k->begins, n) == 0;
}

static bool is_text(const char *data, size_t len)
{
	for (size_t i = 0; i < len && i < HEAD; i++)
		if (data[i] == '\0' || (iscntrl((unsigned char)data[i]) &&
					!isspace((unsigned char)data[i])))
			return false;
	return true;
}

static size_t skip_space(const char *data, size_t len)
{
	size_t at = 0;

	while (at < len && isspace((unsigned char)data[at]))
		at++;
	return at;
}

bool inspect_other_known(struct inspect *in, uint32_t input, const void *data,
			 size_t len)
{
	const size_t at = skip_space(data, len);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (is_kind(&kinds[i], (const char *)data + at, len - at)) {
			inspect_say(in, FOUND_NOT_THIS, input, "it is %s", kinds[i].is);
			return true;
		}
	return false;
}

/* The rest of a live set, where a root has signed the leaf: nothing is between them. */
static bool may_be_empty(const struct inspect *in, uint32_t input)
{
	const char *label = in->inputs[input].label;
	const char *slash = strrchr(label, '/');

	return strcmp(slash == NULL ? label : slash + 1, "chain.pem") == 0 &&
	       in->n_inputs > 1;
}

void inspect_other(struct inspect *in, uint32_t input, const void *data, size_t len)
{
	if (len == 0 && may_be_empty(in, input))
		return;
	if (skip_space(data, len) == len)
		inspect_say(in, FOUND_EMPTY, input, "it is empty");
	else
		inspect_say(in, FOUND_NOT_THIS, input,
			    "it is %s that nothing here can read",
			    is_text(data, len) ? "text"
			    : *(const unsigned char *)data == 0x30
				? "ASN.1 in DER, or cut off,"
				: "something binary");
}

void inspect_other_block(struct inspect *in, uint32_t input, const char *label)
{
	if (strncmp(label, "OPENSSH ", 8) == 0)
		inspect_say(in, FOUND_NOT_THIS, input,
			    "it has a private key for OpenSSH, which no TLS server "
			    "reads");
	else
		inspect_say(in, FOUND_NOT_THIS, input,
			    "it has a block \"%.40s\" that nothing here can read",
			    label);
}
