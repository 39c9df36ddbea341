#include "tests/help/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

const struct name lab_name[1] = { { NAME_DNS, "example.org" } };
const struct name lab_wildcard[2] = { { NAME_DNS, "*.example.org" },
				      { NAME_DNS, "example.org" } };

struct local_profile lab_profile(void)
{
	return (struct local_profile){
		.subject = "CN=Lab CA,O=Example",
		.lifetime_s = 30 * LAB_DAY,
		.ca_lifetime_s = 20 * LAB_YEAR,
		.ca_key = KEY_ECDSA_P256,
		.path_length = -1,
	};
}

struct local_request lab_ask(EVP_PKEY *key)
{
	return (struct local_request){ lab_name,     1,   key, USAGE_SERVER,
				       30 * LAB_DAY, NULL };
}

void lab_make(const struct local_profile *p, int64_t now, struct local_ca *ca)
{
	struct err e = { 0 };

	if (local_make(p, now, ca, &e) < 0)
		fail_msg("%s", e.text);
}

X509 *lab_issue(const struct local_profile *p, const struct local_ca *ca,
		const struct local_request *r, int64_t now)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_BUF struct buf pem = { 0 };
	struct err e = { 0 };

	if (local_issue(p, ca, r, now, &pem, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
	assert_int_equal(sk_X509_num(chain), ca->intermediate == NULL ? 1 : 2);
	return sk_X509_shift(chain);
}
