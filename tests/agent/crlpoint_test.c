/* crlpoint: where a list may be asked for, and where not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "agent/crlpoint.h"
#include "agent/role/crlcall.h"
#include "base/buf.h"

enum form { NONE, FULL, REASONS, OTHER_CA, DIRECTORY, RELATIVE, EMPTY };

struct point {
	enum form form;
	const char *url; /* NULL: it has none */
};

static GENERAL_NAMES *names_of(const struct point *p)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name =
	    p->form == DIRECTORY
		? a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_DNS, "a.example", 0)
		: a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_URI, p->url, 0);

	assert_non_null(name);
	assert_true(sk_GENERAL_NAME_push(names, name) > 0);
	return names;
}

static DIST_POINT *make_point(const struct point *p)
{
	DIST_POINT *point = DIST_POINT_new();

	if (p->url != NULL || p->form == DIRECTORY || p->form == RELATIVE) {
		point->distpoint = DIST_POINT_NAME_new();
		point->distpoint->type = p->form == RELATIVE;
		if (p->form == RELATIVE)
			point->distpoint->name.relativename =
			    sk_X509_NAME_ENTRY_new_null();
		else
			point->distpoint->name.fullname = names_of(p);
	}
	if (p->form == REASONS) {
		point->reasons = ASN1_BIT_STRING_new();
		assert_int_equal(ASN1_BIT_STRING_set_bit(point->reasons, 1, 1), 1);
	}
	if (p->form == OTHER_CA)
		point->CRLissuer = names_of(&(struct point){ DIRECTORY, NULL });
	return point;
}

/* A certificate with `n` points; the caller's. */
static X509 *make_cert(const struct point *points, size_t n)
{
	CRL_DIST_POINTS *made = CRL_DIST_POINTS_new();
	X509 *cert = X509_new();

	for (size_t i = 0; i < n && points[i].form != NONE; i++)
		assert_true(sk_DIST_POINT_push(made, make_point(&points[i])) > 0);
	if (sk_DIST_POINT_num(made) > 0)
		assert_int_equal(X509_add1_ext_i2d(cert, NID_crl_distribution_points,
						   made, 0, X509V3_ADD_DEFAULT),
				 1);
	CRL_DIST_POINTS_free(made);
	return cert;
}

static void what_is_asked_and_what_is_passed_over_is_known(void **state)
{
	static const struct {
		const char *name;
		struct point points[3];
		const char *lines;
		const char *first;
	} rows[] = {
		{ "none", { { NONE, NULL } }, "", "" },
		{ "one", { { FULL, "http://a/1" } }, "http://a/1\n", "http://a/1\n" },
		{ "all, in their order",
		  { { FULL, "ldap://a/1" },
		    { FULL, "HTTPS://a/2" },
		    { FULL, "http://a/3" } },
		  "ldap://a/1\nHTTPS://a/2\nhttp://a/3\n",
		  "HTTPS://a/2\nhttp://a/3\n" },
		{ "none that we speak",
		  { { FULL, "ldap://a/1" } },
		  "ldap://a/1\n",
		  "" },
		{ "for some reasons",
		  { { REASONS, "http://a/1" } },
		  "-http://a/1\n",
		  "" },
		{ "of another CA",
		  { { OTHER_CA, "http://a/1" } },
		  "-http://a/1\n",
		  "" },
		{ "of another CA, nowhere", { { OTHER_CA, NULL } }, "-\n", "" },
		{ "for some reasons, and for all",
		  { { REASONS, "http://a/1" }, { FULL, "http://a/2" } },
		  "-http://a/1\nhttp://a/2\n",
		  "http://a/2\n" },
		{ "no URL", { { DIRECTORY, NULL } }, "-\n", "" },
		{ "relative to its issuer", { { RELATIVE, NULL } }, "-\n", "" },
		{ "nothing at all", { { EMPTY, NULL } }, "-\n", "" },
		{ "a space in it", { { FULL, "http://a/ 1" } }, "-\n", "" },
		{ "a line in it", { { FULL, "ldap://a\nhttp://b" } }, "-\n", "" },
		{ "as if it was passed", { { FULL, "-http://a" } }, "-\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		X509 *cert = make_cert(rows[i].points, 3);
		AUTO_BUF struct buf lines = { 0 };

		print_message("  %s\n", rows[i].name);
		crlpoint_read(cert, &lines);
		assert_string_equal(lines.data, rows[i].lines);
		assert_string_equal(crlpoint_first(lines.data), rows[i].first);
		X509_free(cert);
	}
}

static void nobody_has_more_points_than_are_kept(void **state)
{
	struct point points[2 * LIMIT_CRL_POINTS];
	AUTO_BUF struct buf lines = { 0 };
	size_t n = 0;
	X509 *cert;

	(void)state;
	for (size_t i = 0; i < 2 * LIMIT_CRL_POINTS; i++)
		points[i] = (struct point){ i % 2 == 0 ? FULL : EMPTY,
					    i % 2 == 0 ? "http://a" : NULL };
	cert = make_cert(points, 2 * LIMIT_CRL_POINTS);
	crlpoint_read(cert, &lines);
	for (const char *at = lines.data; *at != '\0'; at = crlpoint_next(at))
		n++;
	assert_int_equal(n, LIMIT_CRL_POINTS);
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_and_what_is_passed_over_is_known),
		cmocka_unit_test(nobody_has_more_points_than_are_kept),
	};

	return cmocka_run_group_tests_name("crlpoint", tests, NULL, NULL);
}
