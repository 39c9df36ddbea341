/* origin: a URL leads to the configured server, or nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/origin.h"

static const struct row {
	const char *url;
	const char *of;
	bool same;
} rows[] = {
	{ "https://ca.example/acme/new-order", "https://ca.example/directory", true },
	{ "https://ca.example", "https://ca.example/directory", true },
	{ "https://ca.example?a=b", "https://ca.example/directory", true },
	{ "https://ca.example#a", "https://ca.example/directory", true },
	{ "https://CA.Example/x", "https://ca.example/directory", true },
	{ "HTTPS://ca.example/x", "https://ca.example/directory", true },
	{ "https://ca.example:443/x", "https://ca.example/directory", true },
	{ "https://ca.example:0443/x", "https://ca.example/directory", true },
	{ "https://ca.example/x", "https://ca.example:443/directory", true },
	{ "https://ca.example:14000/x", "https://ca.example:14000/dir", true },
	{ "https://192.0.2.1/x", "https://192.0.2.1/dir", true },
	{ "https://[2001:DB8::1]:444/x", "https://[2001:db8::1]:444/dir", true },
	{ "https://ca.example/a@b:c//d?e=%2f", "https://ca.example/dir", true },

	{ "http://ca.example/x", "https://ca.example/dir", false },
	{ "http://ca.example/x", "http://ca.example/dir", false },
	{ "ftp://ca.example/x", "ftp://ca.example/dir", false },
	{ "https://other.example/x", "https://ca.example/dir", false },
	{ "https://ca.example.evil.example/x", "https://ca.example/dir", false },
	{ "https://ca.exampl/x", "https://ca.example/dir", false },
	{ "https://ca.example./x", "https://ca.example/dir", false },
	{ "https://ca.example:444/x", "https://ca.example/dir", false },
	{ "https://ca.example:14000/x", "https://ca.example:14001/dir", false },
	{ "https://ca.example:65979/x", "https://ca.example/dir", false },
	{ "https://ca.example:/x", "https://ca.example/dir", false },
	{ "https://ca.example:443a/x", "https://ca.example/dir", false },
	{ "https://ca.example: 443/x", "https://ca.example/dir", false },
	{ "https://ca.example:-1/x", "https://ca.example/dir", false },
	{ "https://ca.example@evil.example/x", "https://ca.example/dir", false },
	{ "https://evil@ca.example/x", "https://ca.example/dir", false },
	{ "https://ca.example:443@evil.example/", "https://ca.example/dir", false },
	{ "https://ca.example\\@evil.example/x", "https://ca.example/dir", false },
	{ "https://ca.example/x\\y", "https://ca.example/dir", false },
	{ "https://ca.example\t/x", "https://ca.example/dir", false },
	{ "https://ca.example/x y", "https://ca.example/dir", false },
	{ "https://ca.example/x\ny", "https://ca.example/dir", false },
	{ "https://ca.example/\xc3\xa9", "https://ca.example/dir", false },
	{ "https://ca.example%2eevil/x", "https://ca.example/dir", false },
	{ "https://[2001:db8::1/x", "https://[2001:db8::1]/dir", false },
	{ "https://[]/x", "https://[]/dir", false },
	{ "https://[::1]evil/x", "https://[::1]/dir", false },
	{ "https://[fe80::1%25eth0]/x", "https://[fe80::1%25eth0]/dir", false },
	{ "https:///x", "https:///dir", false },
	{ "https://", "https://", false },
	{ "https:/ca.example/x", "https://ca.example/dir", false },
	{ "//ca.example/x", "https://ca.example/dir", false },
	{ "/x", "https://ca.example/dir", false },
	{ " https://ca.example/x", "https://ca.example/dir", false },
	{ "", "https://ca.example/dir", false },
	{ "", "", false },
};

static void a_url_is_of_an_origin_or_it_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (origin_same(rows[i].url, rows[i].of) != rows[i].same)
			fail_msg("\"%s\" of \"%s\": not %d", rows[i].url, rows[i].of,
				 rows[i].same);
}

static void one_without_tls_is_only_like_others_without(void **state)
{
	static const struct row plain[] = {
		{ "http://ca.example/x", "http://ca.example/dir", true },
		{ "http://CA.example:80/x", "http://ca.example", true },
		{ "http://ca.example:8888/x", "http://ca.example:8888", true },
		{ "http://ca.example:8888/x", "http://ca.example", false },
		{ "http://ca.example/x", "https://ca.example/dir", false },
		{ "https://ca.example/x", "http://ca.example/dir", false },
		{ "https://ca.example/x", "https://ca.example/dir", false },
		{ "http://a@ca.example/x", "http://ca.example/dir", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (origin_same_http(plain[i].url, plain[i].of) != plain[i].same)
			fail_msg("\"%s\" of \"%s\": not %d", plain[i].url, plain[i].of,
				 plain[i].same);
}

/* The examples of RFC 3986 5.4.1 that have no dots, and URLs without a path. */
static void what_leads_on_is_resolved_against_where_it_stands(void **state)
{
	static const char base[] = "http://a/b/c/d;p?q";
	static const struct {
		const char *from, *to, *want;
	} led[] = {
		{ base, "g:h", "g:h" },
		{ base, "g", "http://a/b/c/g" },
		{ base, "g/", "http://a/b/c/g/" },
		{ base, "/g", "http://a/g" },
		{ base, "//g", "http://g" },
		{ base, "?y", "http://a/b/c/d;p?y" },
		{ base, "g?y/./x", "http://a/b/c/g?y/./x" },
		{ base, ";x", "http://a/b/c/;x" },
		{ "https://a:8443", "g", "https://a:8443/g" },
		{ "https://a:8443?q=/", "g", "https://a:8443/g" },
		{ "https://[::1]/x/y", "//b:1/z", "https://b:1/z" },
		{ "https://a/x?u=http://b/c", "g", "https://a/g" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(led) / sizeof(*led); i++) {
		AUTO_FREE char *got = origin_resolve(led[i].from, led[i].to);

		if (strcmp(got, led[i].want) != 0)
			fail_msg("\"%s\" at %s: %s", led[i].to, led[i].from, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_of_an_origin_or_it_is_not),
		cmocka_unit_test(one_without_tls_is_only_like_others_without),
		cmocka_unit_test(what_leads_on_is_resolved_against_where_it_stands),
	};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
