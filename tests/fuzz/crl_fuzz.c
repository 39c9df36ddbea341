/* crl: a list, as DER or PEM, says the same in pieces of any size as at once. The first
 * octet is the size. One with RSA_NAME in it is held against that CA, others against lab.h. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/x509.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lab.h"
#include "tests/help/crls.h"

#define RSA_NAME "RSA Lab"

/* Nobody has its key either. */
static const char rsa_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIICwjCCAaqgAwIBAgIBATANBgkqhkiG9w0BAQsFADASMRAwDgYDVQQDDAdSU0Eg\n"
    "TGFiMB4XDTI2MTAxOTExMDY0MFoXDTQ2MTExMzExMDY0MFowEjEQMA4GA1UEAwwH\n"
    "UlNBIExhYjCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBANqfN3lD2K8Q\n"
    "8SsLZNBsI56ioUfn3NY6Mxt/VxFbotmBVld6rMTb07I6etCc9kFf4gPFrYxvZTHC\n"
    "h6dozqsQrbDeLdCIfm5DOO2l2eVBAsAmdJ8burEdAI949J6QGZgd3YyOFcOrV9X7\n"
    "2wgHLylFHksBSJY6L2ec/dXrhwYj0gLPo8ePqER0PDKgpB5zej9RrMMzQ7Acw2Sn\n"
    "CyqeA3lGW2O6SXav+PWFfKASvJZpXAq5YAKMN79B1M1c9Nk3MMWYuDeD8rjeU+Py\n"
    "Nex2ksZEw5HkIu/nCqT/pjZ2H4dBHPcRE3gcN2fCeXsllKFy1+j7XT+io+5Bv01J\n"
    "8yo8weu7kDUCAwEAAaMjMCEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMC\n"
    "AQYwDQYJKoZIhvcNAQELBQADggEBADNTfJY6ZZuggg7uvNiNmcj6D5lGW4pTDlxv\n"
    "Xh+cW3Intq5W+P5jiqUHjnLJdVrD6ht3ScXYwdkqzPquSyyMkDnKIWHJkZLY4lIa\n"
    "+LDLYMDcMtioNxu0K1gB1ZujSscehnYidUn3wVG7PXIDeFhq8/ncHqp+10Aythu1\n"
    "aOikmh+9RTg6gACLWBiSAvuzXj9VKEc4m4076eMiAxOJHhWKbC3OIKuCSbm8QkUt\n"
    "Nr/V8XoFWrzdKDEwf/j7IsZSliw6a5sTMhlHC7EP80NPiphkqLjg0xc31/+lEN9q\n"
    "7bxz+Oq4iKPkHEEs9CDtFkd4g63qroVJ6oRxf4hUTJhNS6sejyw=\n"
    "-----END CERTIFICATE-----\n";

static X509 *ca_of(const struct fuzz *f)
{
	static X509 *cas[2];
	const bool by_rsa =
	    f->len > 0 && memmem(f->at, f->len, RSA_NAME, strlen(RSA_NAME)) != NULL;

	if (cas[0] == NULL) {
		cas[0] = lab_ca();
		cas[1] = lab_read(rsa_pem);
	}
	return cas[by_rsa];
}

static struct crl_want wanted(X509 *ca)
{
	static const char *const points[] = { "http://a/" };
	static const uint64_t own[] = { 7, 300 };

	return (struct crl_want){ .ca = ca,
				  .now = CRLS_NOW,
				  .covers = CRL_USERS,
				  .points = points,
				  .n_points = 1,
				  .serials = own,
				  .n_serials = 2 };
}

static void hold(const struct crls_said *a, const struct crls_said *b)
{
	assert(a->rc == b->rc && strcmp(a->text, b->text) == 0);
	if (a->rc != 0)
		return;
	assert(a->der.len == b->der.len && a->facts.size == a->der.len);
	assert(memcmp(a->der.data, b->der.data, a->der.len) == 0);
	assert(a->facts.n_entries == b->facts.n_entries && a->n_hits == b->n_hits);
	assert(memcmp(a->facts.digest, b->facts.digest, CRL_HASH_LEN) == 0);
	for (size_t i = 0; i < a->n_hits && i < 8; i++)
		assert(a->hits[i].index < 2 && a->hits[i].serial.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	const size_t piece = 1 + fuzz_byte(&f);
	AUTO_SAID struct crls_said whole = { 0 }, said = { 0 };
	AUTO_BUF struct buf list = { 0 };
	const struct crl_want want = wanted(ca_of(&f));

	buf_add(&list, f.at, f.len);
	crls_look(&want, &list, 0, false, &whole);
	crls_look(&want, &list, piece, true, &said);
	assert(ERR_peek_error() == 0); /* or it is told of the next one */
	/* With a file more can be verified, without one it says so. */
	if (whole.rc != 0 || whole.facts.unverified[0] == '\0')
		hold(&whole, &said);
	return 0;
}
