/* local_dn: a subject is read as RFC 4514 writes it, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "ca/local_dn.h"

/* The name as OpenSSL prints it, in the order in which it is encoded. */
static void print(const X509_NAME *dn, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned long flags =
	    XN_FLAG_SEP_SPLUS_SPC | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT;
	int n;

	assert_true(X509_NAME_print_ex(bio, dn, 0, flags) >= 0);
	n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

static void subjects_are_read(void **state)
{
	static const struct row {
		const char *text;
		const char *encoded; /* the most specific last */
	} rows[] = {
		{ "CN=Lab CA", "CN=Lab CA" },
		{ "CN=Lab CA,O=Example", "O=Example; CN=Lab CA" },
		{ "CN=Lab CA, O=Example", "O=Example; CN=Lab CA" },
		{ "cn=x,Dc=lab,dc=example", "DC=example; DC=lab; CN=x" },
		{ "CN=x,OU=a,O=b,L=c,ST=d,C=DE", "C=DE; ST=d; L=c; O=b; OU=a; CN=x" },
		{ "CN=a\\,b", "CN=a,b" },
		{ "CN=a\\+b\\=c\\\"\\\\", "CN=a+b=c\"\\\\" }, /* printed so */
		{ "CN=a=b", "CN=a=b" },
		{ "CN=L\\C3\\A4b", "CN=L\xc3\xa4"
				   "b" },
		{ "CN=L\xc3\xa4"
		  "b",
		  "CN=L\xc3\xa4"
		  "b" },
		{ "CN=\\ a\\ ", "CN= a " },
		{ "CN=\\#1", "CN=#1" },
		{ "UID=me,STREET=here", "street=here; UID=me" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509_NAME *dn = NULL;
		struct err e = { 0 };
		char out[256];

		if (local_dn_parse(rows[i].text, &dn, &e) < 0)
			fail_msg("%s", e.text);
		print(dn, out, sizeof(out));
		if (strcmp(out, rows[i].encoded) != 0)
			fail_msg("%s: %s", rows[i].text, out);
		X509_NAME_free(dn);
	}
}

static void what_is_no_subject_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Lab CA",
		"CN",
		"CN=",
		"CN=a,",
		"CN=a,,O=b",
		",CN=a",
		"CN=a+O=b",
		"CN=a;O=b",
		"CN=\"a\"",
		"CN= a",
		"CN=a ",
		"CN=a ,O=b",
		"CN=#0401",
		"CN=a\\",
		"CN=a\\x",
		"CN=a\\4",
		"CN=a\\00b",
		"CN=\xff\xfe",
		"CN=a\nb",
		"2.5.4.3=a",
		"XX=a",
		"C=Germany",
		"C=D",
		"CN="
		"0123456789012345678901234567890123456789012345678901234567890123456",
		"OU=1,OU=2,OU=3,OU=4,OU=5,OU=6,OU=7,OU=8,OU=9,OU=10,OU=11,OU=12,OU=13,"
		"OU=14,OU=15,OU=16,CN=x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		X509_NAME *dn = NULL;
		struct err e;

		if (local_dn_parse(texts[i], &dn, &e) != ERR_CONFIG)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_non_null(strstr(e.text, "subject \""));
		assert_null(dn);
	}
}

static void the_message_says_where(void **state)
{
	X509_NAME *dn = NULL;
	struct err e;

	(void)state;
	local_dn_parse("CN=Lab CA,Organisation=Example", &dn, &e);
	assert_string_equal(
	    e.text, "subject \"CN=Lab CA,Organisation=Example\": \"Organisation\" "
		    "where CN=, O=, OU=, C=, ST=, L=, STREET=, DC= or UID= is "
		    "expected");
	local_dn_parse("CN=a;b", &dn, &e);
	assert_string_equal(e.text, "subject \"CN=a;b\": CN: ';' must be escaped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_are_read),
		cmocka_unit_test(what_is_no_subject_is_refused),
		cmocka_unit_test(the_message_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
