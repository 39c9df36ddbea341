/* key: private keys and requests, as files have them, and the keys of step-ca. What is read
 * is written, and that is read as the same. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/spki.h"
#include "base/x509.h"
#include "ca/step_key.h"
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

/* More rounds than a few would be all that is done. */
static void step(const char *text, size_t len)
{
	const struct buf password = { .data = (char *)(uintptr_t) "sesame", .len = 6 };
	AUTO_JWE struct step_jwe jwe = { .rounds = 0 };
	struct step_key closed = { .key = NULL }, open = { .key = NULL };
	struct err e = { .text = "" };

	if (step_jwe_read(text, len, &jwe, &e) == 0 &&
	    (jwe.rounds <= 1000 || jwe.rounds > LIMIT_STEP_ROUNDS) &&
	    step_key_open(&jwe, &password, &closed, &e) == 0)
		assert(key_type_of(closed.key) != KEY_NONE);
	if (step_key_read(text, len, &open, &e) == 0)
		assert(key_type_of(open.key) != KEY_NONE);
	step_key_done(&closed);
	step_key_done(&open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	key(data, len);
	csr(data, len);
	step(len == 0 ? "" : (const char *)data, len);
	return 0;
}
