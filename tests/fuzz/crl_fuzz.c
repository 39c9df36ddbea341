/* crl: a list, as DER or PEM, says the same in pieces of any size as at once. The first
 * octet is the size. */
#include <stdio.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/x509.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lab.h"
#include "tests/help/crls.h"

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
	static X509 *ca;
	struct fuzz f = { data, len };
	const size_t piece = 1 + fuzz_byte(&f);
	AUTO_SAID struct crls_said whole = { 0 }, said = { 0 };
	AUTO_BUF struct buf list = { 0 };
	struct crl_want want;

	if (ca == NULL)
		ca = lab_ca();
	want = wanted(ca);
	buf_add(&list, f.at, f.len);
	crls_look(&want, &list, 0, false, &whole);
	crls_look(&want, &list, piece, true, &said);
	/* With a file more can be verified, without one it says so. */
	if (whole.rc != 0 || whole.facts.unverified[0] == '\0')
		hold(&whole, &said);
	return 0;
}
