#include "ca/local_constraints.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/general.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "base/x509.h"

#define AUTO_CONSTRAINTS __attribute__((cleanup(constraints_done)))

static void constraints_done(NAME_CONSTRAINTS **constraints)
{
	NAME_CONSTRAINTS_free(*constraints);
}

/* `word` is a host name without a wildcard; *canonical is owned by the caller. */
static int read_host(const char *word, char **canonical, struct err *e)
{
	AUTO_FREE char *host = NULL;
	enum name_kind kind;

	TRY(names_parse(word, &kind, &host, e));
	if (kind != NAME_DNS || host[0] == '*')
		return err_set(e, ERR_CONFIG, "a host name is expected");
	*canonical = TAKE(host);
	return 0;
}

/* "lab.example", ".lab.example" or, of mail, "a@lab.example". */
static int read_host_or_below(const char *word, int type, GENERAL_NAME *base,
			      struct err *e)
{
	const char *value = strchr(word, ':') + 1;
	AUTO_FREE char *canonical = NULL, *host = NULL;
	enum name_kind kind;

	if (type == GEN_EMAIL && strchr(value, '@') != NULL) {
		TRY(names_parse(word, &kind, &canonical, e));
	} else {
		TRY(read_host(value[0] == '.' ? value + 1 : value, &host, e));
		canonical = xasprintf("%s%s", value[0] == '.' ? "." : "", host);
	}
	return general_set(base, type, canonical, strlen(canonical), e);
}

/* Fill n bytes of mask with `bits` ones; false if `address` has bits beyond them. */
static bool make_mask(const uint8_t *address, uint8_t *mask, size_t n, size_t bits)
{
	for (size_t i = 0; i < n; i++) {
		size_t ones = bits < 8 ? bits : 8;

		mask[i] = (uint8_t)(0xff00u >> ones);
		bits -= ones;
		if ((address[i] & ~mask[i] & 0xff) != 0)
			return false;
	}
	return true;
}

/* "192.0.2.0/24" or one address, becomes address and mask, one after the other.
 * = RFC 5280 4.2.1.10 "encoded in the style of RFC 4632 (CIDR)" */
static int read_network(const char *word, GENERAL_NAME *base, struct err *e)
{
	AUTO_FREE char *address = xstrndup(word, strcspn(word, "/"));
	const char *slash = strchr(word, '/');
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	size_t n = family == AF_INET6 ? 16 : 4;
	uint64_t bits = n * 8;
	uint8_t octets[32];

	if (inet_pton(family, address, octets) != 1)
		return err_set(e, ERR_CONFIG, "no address");
	if (slash != NULL && !text_u64(slash + 1, n * 8, &bits))
		return err_set(e, ERR_CONFIG, "a prefix of 0 to %zu is expected",
			       n * 8);
	if (!make_mask(octets, octets + n, n, bits))
		return err_set(e, ERR_CONFIG, "the address has bits beyond its prefix");
	return general_set(base, GEN_IPADD, octets, 2 * n, e);
}

static bool is_network(const char *word)
{
	uint8_t octets[16];

	return strchr(word, '/') != NULL || inet_pton(AF_INET, word, octets) == 1 ||
	       inet_pton(AF_INET6, word, octets) == 1;
}

static int read_base(const char *word, GENERAL_NAME *base, struct err *e)
{
	AUTO_FREE char *host = NULL;

	if (strncmp(word, "email:", 6) == 0)
		return read_host_or_below(word, GEN_EMAIL, base, e);
	if (strncmp(word, "uri:", 4) == 0)
		return read_host_or_below(word, GEN_URI, base, e);
	if (is_network(word))
		return read_network(word, base, e);
	TRY(read_host(word, &host, e));
	return general_set(base, GEN_DNS, host, strlen(host), e);
}

static int read_list(const char *const *words, const char *which,
		     STACK_OF(GENERAL_SUBTREE) * *trees, struct err *e)
{
	for (; words != NULL && *words != NULL; words++) {
		GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();

		if (*trees == NULL)
			*trees = sk_GENERAL_SUBTREE_new_null();
		if (*trees == NULL || tree == NULL ||
		    sk_GENERAL_SUBTREE_push(*trees, tree) <= 0) {
			GENERAL_SUBTREE_free(tree);
			return key_openssl_err(e, ERR_SYS, "name constraints");
		}
		if (read_base(*words, tree->base, e) < 0)
			return err_wrap(e, "%s name \"%.100s\"", which, *words);
	}
	return 0;
}

int local_constraints_parse(const char *const *permitted, const char *const *excluded,
			    NAME_CONSTRAINTS **constraints, struct err *e)
{
	AUTO_CONSTRAINTS NAME_CONSTRAINTS *read = NAME_CONSTRAINTS_new();

	if (read == NULL)
		return key_openssl_err(e, ERR_SYS, "name constraints");
	TRY(read_list(permitted, "permitted", &read->permittedSubtrees, e));
	TRY(read_list(excluded, "excluded", &read->excludedSubtrees, e));
	*constraints = NULL;
	if (read->permittedSubtrees != NULL || read->excludedSubtrees != NULL)
		*constraints = TAKE(read);
	return 0;
}

int local_constraints_allow(X509 *ca, X509 *leaf, struct err *e)
{
	AUTO_CONSTRAINTS NAME_CONSTRAINTS *limits = NULL;
	AUTO_FREE char *who = NULL;
	int critical, verdict;

	limits = X509_get_ext_d2i(ca, NID_name_constraints, &critical, NULL);
	if (limits == NULL && critical == -1)
		return 0;
	if (limits == NULL)
		return key_openssl_err(e, ERR_SYS, "read the CA's name constraints");
	/* The check sees what was cached of the leaf's names, and this caches it. */
	if (X509_check_purpose(leaf, -1, 0) != 1)
		return key_openssl_err(e, ERR_SYS, "read the new certificate");
	verdict = NAME_CONSTRAINTS_check(leaf, limits);
	if (verdict == X509_V_OK)
		return 0;
	who = x509_subject(ca);
	return err_set(e, ERR_REFUSED,
		       "a name is outside of the name constraints of %s: %s", who,
		       X509_verify_cert_error_string(verdict));
}
