#include "base/general.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "base/key.h"
#include "base/names.h"

int general_set(GENERAL_NAME *general, int type, const void *data, size_t len,
		struct err *e)
{
	ASN1_STRING *value;

	value = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING
						       : V_ASN1_IA5STRING);
	if (value == NULL || ASN1_STRING_set(value, data, (int)len) != 1) {
		ASN1_STRING_free(value);
		return key_openssl_err(e, ERR_SYS, "name");
	}
	GENERAL_NAME_set0_value(general, type, value);
	return 0;
}

static int set_address(GENERAL_NAME *general, const char *text, struct err *e)
{
	unsigned char octets[16];

	if (inet_pton(AF_INET, text, octets) == 1)
		return general_set(general, GEN_IPADD, octets, 4, e);
	if (inet_pton(AF_INET6, text, octets) == 1)
		return general_set(general, GEN_IPADD, octets, 16, e);
	return err_set(e, ERR_REFUSED, "%.64s is no address", text);
}

static int fill_name(GENERAL_NAME *general, const struct name *name, struct err *e)
{
	static const int types[NAME_KINDS] = {
		[NAME_DNS] = GEN_DNS,
		[NAME_EMAIL] = GEN_EMAIL,
		[NAME_URI] = GEN_URI,
	};

	if ((unsigned)name->kind >= NAME_KINDS)
		return err_set(e, ERR_REFUSED, "a name of no kind");
	if (name->kind == NAME_IP)
		return set_address(general, name->value, e);
	return general_set(general, types[name->kind], name->value, strlen(name->value),
			   e);
}

static int fill(GENERAL_NAMES *all, const struct name *names, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		GENERAL_NAME *general = GENERAL_NAME_new();

		if (general == NULL || sk_GENERAL_NAME_push(all, general) <= 0) {
			GENERAL_NAME_free(general);
			return key_openssl_err(e, ERR_SYS, "names");
		}
		TRY(fill_name(general, &names[i], e));
	}
	return 0;
}

int general_names(const struct name *names, size_t n, GENERAL_NAMES **all,
		  struct err *e)
{
	GENERAL_NAMES *made = sk_GENERAL_NAME_new_null();
	int rc;

	if (made == NULL)
		return key_openssl_err(e, ERR_SYS, "names");
	rc = fill(made, names, n, e);
	if (rc < 0)
		GENERAL_NAMES_free(made);
	else
		*all = made;
	return rc;
}
