/* trust: the roots of an internal CA, from a file: all of them, or the reason. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "ca/trust.h"
#include "tests/help/certs.h"

static int read_it(const char *path, int *n, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *certs = NULL;
	AUTO_BUF struct buf pem = { 0 };
	int rc = trust_read(path, &pem, &certs, e);

	*n = certs == NULL ? 0 : sk_X509_num(certs);
	return rc;
}

static void all_of_a_file_are_read(void **state)
{
	const struct scratch *s = *state;
	AUTO_FREE char *path = xasprintf("%s/roots.pem", s->path);
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_BUF struct buf pem = { 0 };
	struct err e;
	FILE *f;
	int n;

	for (int i = 0; i < 9; i++) { /* more than one piece */
		X509 *cert = certs_make(&(struct cert_plan){
		    .subject = "Lab", .key = key, .basic = "critical,CA:TRUE" });

		assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
		X509_free(cert);
	}
	assert_true(pem.len > 4096);
	f = fopen(path, "we");
	assert_int_equal(fwrite(pem.data, 1, pem.len, f), pem.len);
	fclose(f);
	assert_int_equal(read_it(path, &n, &e), 0);
	assert_int_equal(n, 9);
}

/* Of a file that is read in part, fewer would be trusted, or none, and nobody would know
 * why. */
static void what_cannot_be_read_is_told_with_the_reason(void **state)
{
	const struct scratch *s = *state;
	AUTO_FREE char *path = xasprintf("%s/none.pem", s->path);
	struct err e;
	int n;

	assert_int_equal(read_it(path, &n, &e), ERR_CONFIG);
	assert_non_null(strstr(e.text, strerror(ENOENT)));
	assert_int_equal(read_it(s->path, &n, &e), ERR_CONFIG); /* opened, not read */
	assert_non_null(strstr(e.text, strerror(EISDIR)));
	assert_non_null(strstr(e.text, s->path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_a_file_are_read, scratch_in,
						scratch_out),
		cmocka_unit_test_setup_teardown(
		    what_cannot_be_read_is_told_with_the_reason, scratch_in,
		    scratch_out),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
