/* key: private keys and requests, as files have them. What is read is written, and that
 * is read as the same. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/spki.h"
#include "base/x509.h"
#include "tests/fuzz/fuzz.h"

static void key(const uint8_t *data, size_t len)
{
	AUTO_KEY EVP_PKEY *read = NULL, *again = NULL;
	AUTO_BUF struct buf pem = { 0 }, der = { 0 };
	struct err e = { .text = "" };

	if (key_from_pem(data, len, &read, &e) < 0) {
		assert(e.text[0] != '\0');
		return;
	}
	(void)key_digest(read);
	if (key_type_of(read) == KEY_NONE || key_to_pem(read, &pem, &e) < 0)
		return;
	assert(key_from_pem(pem.data, pem.len, &again, &e) == 0);
	assert(key_same_public(read, again) && key_to_spki(read, &der, &e) == 0);
}

static void csr(const uint8_t *data, size_t len)
{
	AUTO_CSR X509_REQ *read = NULL, *again = NULL;
	AUTO_BUF struct buf pem = { 0 }, der = { 0 }, spki = { 0 };
	struct name *names = NULL;
	struct err e = { .text = "" };
	size_t n = 0;

	if (csr_from_pem(data, len, &read, &e) < 0) {
		assert(e.text[0] != '\0');
		return;
	}
	if (csr_names(read, &names, &n, &e) == 0) {
		assert(n > 0);
		x509_names_free(names, n);
	}
	assert(csr_to_pem(read, &pem, &e) == 0);
	assert(csr_from_pem(pem.data, pem.len, &again, &e) == 0);
	assert(spki_of_csr(pem.data, pem.len, &der, &spki, &e) == 0 && spki.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	key(data, len);
	csr(data, len);
	return 0;
}
