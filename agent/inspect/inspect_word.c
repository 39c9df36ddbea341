#include "agent/inspect/inspect_word.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/inspect/inspect_fact.h"
#include "base/auto.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"

#define LIMIT_SHOWN 1000 /* names of one certificate; public CAs stop at 100 */

char *word_dn(const X509_NAME *dn)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const unsigned long flags =
	    XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	char *data = NULL, *words = NULL;
	long len = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, dn, 0, flags) >= 0)
		len = BIO_get_mem_data(bio, &data);
	words = len > 0 ? xstrndup(data, (size_t)len) : xstrdup("(no name)");
	BIO_free(bio);
	ERR_clear_error();
	return words;
}

char *word_serial(const ASN1_INTEGER *serial)
{
	const unsigned char *data = ASN1_STRING_get0_data(serial);
	size_t len = (size_t)ASN1_STRING_length(serial);
	char hex[2 * 64 + 1];

	if (len > 64)
		len = 64;
	text_hex(hex, data, len);
	for (char *c = hex; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	return xasprintf("%s%s",
			 ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "",
			 hex);
}

char *word_signature(int nid)
{
	const char *name = nid == NID_undef ? NULL : OBJ_nid2ln(nid);

	return name == NULL ? NULL : xstrdup(name);
}

char *word_fingerprint(const X509 *cert)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char hex[2 * EVP_MAX_MD_SIZE + 1];

	if (X509_digest(cert, EVP_sha256(), sum, &len) != 1)
		return NULL;
	text_hex(hex, sum, len);
	return xstrdup(hex);
}

/* -- lists -- */

struct list {
	char **values;
	size_t n;
};

/* Take `value`; NULL is passed over. */
static void push(struct list *l, char *value)
{
	if (value == NULL || l->n >= LIMIT_SHOWN) {
		free(value);
		return;
	}
	if ((l->n & (l->n - 1)) == 0)
		l->values =
		    xrealloc(l->values, l->n == 0 ? 1 : l->n * 2, sizeof(*l->values));
	l->values[l->n++] = value;
}

static char **give(struct list *l, size_t *n)
{
	*n = l->n;
	return l->values;
}

void fact_values_free(char **values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(values[i]);
	free(values);
}

static char *string_of(const char *prefix, const ASN1_STRING *s)
{
	return xasprintf("%s%.*s", prefix, ASN1_STRING_length(s),
			 (const char *)ASN1_STRING_get0_data(s));
}

static char *address_of(const ASN1_OCTET_STRING *octets)
{
	const int len = ASN1_STRING_length(octets);
	char text[INET6_ADDRSTRLEN];

	if (len != 4 && len != 16)
		return xstrdup("(an address that is none)");
	inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(octets), text,
		  sizeof(text));
	return xstrdup(text);
}

static char *general_name(const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return string_of("", name->d.dNSName);
	case GEN_IPADD:
		return address_of(name->d.iPAddress);
	case GEN_EMAIL:
		return string_of("email:", name->d.rfc822Name);
	case GEN_URI:
		return string_of("uri:", name->d.uniformResourceIdentifier);
	case GEN_DIRNAME:
		return word_dn(name->d.directoryName);
	default:
		return xstrdup("(a name of another kind)");
	}
}

static char **general_names(GENERAL_NAMES *names, size_t *n)
{
	struct list l = { NULL, 0 };

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		push(&l, general_name(sk_GENERAL_NAME_value(names, i)));
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return give(&l, n);
}

char **fact_names(X509 *cert, size_t *n)
{
	return general_names(X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL),
			     n);
}

char **fact_csr_names(X509_REQ *csr, size_t *n)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
	GENERAL_NAMES *names =
	    X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return general_names(names, n);
}

char **word_usages(X509 *cert, size_t *n)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = {
		{ XKU_SSL_SERVER, "server" }, { XKU_SSL_CLIENT, "client" },
		{ XKU_SMIME, "email" },       { XKU_CODE_SIGN, "code" },
		{ XKU_OCSP_SIGN, "OCSP" },    { XKU_TIMESTAMP, "timestamps" },
		{ XKU_ANYEKU, "anything" },
	};
	struct list l = { NULL, 0 };
	const uint32_t bits = X509_get_extended_key_usage(cert);

	if (word_is_ca(cert))
		push(&l, xstrdup("signs certificates"));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (bits != UINT32_MAX && (bits & words[i].bit) != 0)
			push(&l, xstrdup(words[i].word));
	return give(&l, n);
}

/* A URL from outside, which we name and never fetch. */
static void push_url(struct list *l, const GENERAL_NAME *name)
{
	if (name->type == GEN_URI)
		push(l, string_of("", name->d.uniformResourceIdentifier));
}

char **word_issuer_urls(X509 *cert, size_t *n)
{
	AUTHORITY_INFO_ACCESS *all =
	    X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
	struct list l = { NULL, 0 };

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(all); i++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(all, i);

		if (OBJ_obj2nid(one->method) == NID_ad_ca_issuers)
			push_url(&l, one->location);
	}
	AUTHORITY_INFO_ACCESS_free(all);
	ERR_clear_error();
	return give(&l, n);
}

char **word_crl_urls(X509 *cert, size_t *n)
{
	CRL_DIST_POINTS *all =
	    X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	struct list l = { NULL, 0 };

	for (int i = 0; i < sk_DIST_POINT_num(all); i++) {
		const DIST_POINT_NAME *at = sk_DIST_POINT_value(all, i)->distpoint;
		const GENERAL_NAMES *names =
		    at != NULL && at->type == 0 ? at->name.fullname : NULL;

		for (int k = 0; k < sk_GENERAL_NAME_num(names); k++)
			push_url(&l, sk_GENERAL_NAME_value(names, k));
	}
	CRL_DIST_POINTS_free(all);
	ERR_clear_error();
	return give(&l, n);
}

bool word_is_ca(X509 *cert)
{
	return X509_check_ca(cert) != 0 ||
	       (X509_get_extension_flags(cert) & EXFLAG_CA) != 0;
}

bool word_is_root(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	const bool is = key != NULL &&
			X509_NAME_cmp(X509_get_subject_name(cert),
				      X509_get_issuer_name(cert)) == 0 &&
			X509_verify(cert, key) == 1;

	ERR_clear_error();
	return is;
}

/* -- who, and which key -- */

/* The last common name, as others take it; NULL: there is none. */
static char *common_name(const X509_NAME *dn)
{
	int at = -1, last = -1;
	unsigned char *text = NULL;
	char *words;
	int len;

	while ((at = X509_NAME_get_index_by_NID(dn, NID_commonName, at)) >= 0)
		last = at;
	if (last < 0)
		return NULL;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
					     X509_NAME_get_entry(dn, last)));
	words = len > 0 ? xstrndup((const char *)text, (size_t)len) : NULL;
	OPENSSL_free(text);
	ERR_clear_error();
	return words;
}

char *fact_who(X509 *cert)
{
	const X509_NAME *dn = X509_get_subject_name(cert);
	size_t n;
	char **names = fact_names(cert, &n);
	char *who = n > 0 ? xstrdup(names[0]) : common_name(dn);

	fact_values_free(names, n);
	return who != NULL ? who : word_dn(dn);
}

char *fact_key(const EVP_PKEY *key)
{
	const char *word = key_type_word(key_type_of(key));
	const char *name = EVP_PKEY_get0_type_name(key);
	char group[64] = "";
	char *made;

	if (word != NULL)
		return xstrdup(word);
	if (EVP_PKEY_is_a(key, "EC") == 1) {
		EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
					       sizeof(group), NULL);
		made = xasprintf("ec %s", group[0] == '\0' ? "(own curve)" : group);
	} else {
		made = xasprintf("%s-%d", name == NULL ? "unknown" : name,
				 EVP_PKEY_get_bits(key));
		for (char *c = made; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
	}
	ERR_clear_error();
	return made;
}
