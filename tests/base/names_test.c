/* names: one spelling for each subject alternative name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/names.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct row {
	const char *word;
	enum name_kind kind;
	const char *want; /* canonical, or what the error says */
};

static const struct row good[] = {
	{ "example.org", NAME_DNS, "example.org" },
	{ "EXAMPLE.Org", NAME_DNS, "example.org" },
	{ "example.org.", NAME_DNS, "example.org" },
	{ "localhost", NAME_DNS, "localhost" },
	{ "a-b.c--d.example", NAME_DNS, "a-b.c--d.example" },
	{ "4.example", NAME_DNS, "4.example" },
	{ "*.Example.org", NAME_DNS, "*.example.org" },
	{ L63 ".example", NAME_DNS, L63 ".example" },
	{ L63 "." L63 "." L63 "."
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  NAME_DNS,
	  L63 "." L63 "." L63 "."
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "xn--bcher-kva.example", NAME_DNS, "xn--bcher-kva.example" },
	{ "XN--bcher-KVA.example", NAME_DNS, "xn--bcher-kva.example" },
	{ "192.0.2.7", NAME_IP, "192.0.2.7" },
	{ "2001:DB8:0:0:0:0:0:1", NAME_IP, "2001:db8::1" },
	{ "::ffff:192.0.2.7", NAME_IP, "::ffff:192.0.2.7" },
	{ "email:John.Doe+x@Example.ORG", NAME_EMAIL, "John.Doe+x@example.org" },
	{ "uri:SPIFFE://Trust_Domain/Path?Q#F", NAME_URI,
	  "spiffe://trust_domain/Path?Q#F" },
	{ "uri:urn:UUID:F81D4FAE", NAME_URI, "urn:UUID:F81D4FAE" },
	{ "uri:https://User@Example.org:8443/", NAME_URI,
	  "https://User@example.org:8443/" },
	{ "uri:https://[2001:DB8::1]:443/", NAME_URI, "https://[2001:db8::1]:443/" },
};

static const struct row bad[] = {
	{ "", 0, "a label of it is empty" },
	{ ".", 0, "a label of it is empty" },
	{ "a..b", 0, "a label of it is empty" },
	{ "example.org..", 0, "a label of it is empty" },
	{ ".example.org", 0, "a label of it is empty" },
	{ "a_b.example", 0,
	  "a label of it has a character other than a-z, 0-9 and \"-\"" },
	{ "a b.example", 0, NULL },
	{ "a\tb.example", 0, NULL },
	{ "-a.example", 0, "a label of it starts or ends with \"-\"" },
	{ "a-.example", 0, "a label of it starts or ends with \"-\"" },
	{ L63 "a.example", 0, "a label of it is longer than 63 characters" },
	{ L63 "." L63 "." L63 "." L63 ".b", 0, "it is longer than 253 characters" },
	{ "*", 0, "\"*\" may only be the whole first label" },
	{ "*.", 0, "a label of it is empty" },
	{ "*.*.example", 0, "\"*\" may only be the whole first label" },
	{ "a.*.example", 0, "\"*\" may only be the whole first label" },
	{ "a*.example", 0, "\"*\" may only be the whole first label" },
	{ "*.192.0.2.7", 0, "it looks like an IP address, but is not one" },
	{ "192.0.2.300", 0, "it looks like an IP address, but is not one" },
	{ "192.0.2", 0, "it looks like an IP address, but is not one" },
	{ "2001:db8::g", 0, NULL },
	{ "example.org:443", 0, NULL },
	{ "bücher.example", 0, NULL }, /* idn.h */
	{ "a\xff.example", 0, NULL },
	{ "a@example.org", 0, "a mail address is written \"email:...\"" },
	{ "https://example.org", 0, "a URI is written \"uri:...\"" },
	{ "email:example.org", 0, "a mail address has an \"@\"" },
	{ "email:@example.org", 0, NULL },
	{ "email:a..b@example.org", 0, NULL },
	{ "email:.a@example.org", 0, NULL },
	{ "email:\"a b\"@example.org", 0, NULL },
	{ "email:ä@example.org", 0, NULL },
	{ "email:a@*.example.org", 0, NULL },
	{ "email:" L63 "aa@example.org", 0, NULL }, /* = RFC 5321 4.5.3.1.1 */
	{ "uri:example", 0, "a URI has a scheme, \":\" and more" },
	{ "uri:spiffe:", 0, "a URI has a scheme, \":\" and more" },
	{ "uri:1a://b", 0, "a URI has a scheme, \":\" and more" },
	{ "uri:a_b://c", 0, "its scheme is not one" },
	{ "uri:spiffe:///x", 0, "it has no host after \"//\"" },
	{ "uri:https://a@/x", 0, "it has no host after \"//\"" },
	{ "uri:https://a%20b/", 0, "its host is not a name" },
	{ "uri:https://[::g]/", 0, "its host is not an address" },
	{ "uri:https://[::1", 0, "its host is not an address" },
	{ "uri:https://ä.example/", 0,
	  "a URI has only the ASCII characters of RFC 3986" },
	{ "uri:https://a/b c", 0, "a URI has only the ASCII characters of RFC 3986" },
};

static void names_come_out_in_one_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO_FREE char *got = NULL;
		enum name_kind kind = NAME_KINDS;
		struct err e = { .text = "" };

		if (names_parse(good[i].word, &kind, &got, &e) != 0)
			fail_msg("%s: %s", good[i].word, e.text);
		if (strcmp(got, good[i].want) != 0 || kind != good[i].kind)
			fail_msg("%s: got %s, kind %u", good[i].word, got,
				 (unsigned)kind);
	}
}

static void what_is_no_name_is_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_FREE char *got = NULL;
		enum name_kind kind;
		struct err e = { .text = "" };

		if (names_parse(bad[i].word, &kind, &got, &e) != ERR_CONFIG)
			fail_msg("%s: taken as %s", bad[i].word, got);
		if (got != NULL)
			fail_msg("%s: a result beside an error", bad[i].word);
		if (bad[i].want != NULL && strcmp(e.text, bad[i].want) != 0)
			fail_msg("%s: got \"%s\"", bad[i].word, e.text);
	}
}

static void a_canonical_name_is_its_own_canonical_form(void **state)
{
	static const char *const prefix[] = { "", "", "email:", "uri:" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO_FREE char *got = NULL;
		char word[NAME_MAX_LEN];
		enum name_kind kind;
		struct err e = { .text = "" };

		snprintf(word, sizeof(word), "%s%s", prefix[good[i].kind],
			 good[i].want);
		if (names_parse(word, &kind, &got, &e) != 0 ||
		    strcmp(got, good[i].want) != 0)
			fail_msg("%s: %s", word, e.text);
	}
}

static void a_name_of_any_length_is_read_or_refused(void **state)
{
	static const char *const prefix[] = { "", "*.", "email:a@",
					      "uri:a:", "\xc3\xa4" };

	(void)state;
	for (size_t p = 0; p < sizeof(prefix) / sizeof(prefix[0]); p++)
		for (size_t len = 0; len < 4000; len += 97) {
			AUTO_FREE char *got = NULL;
			char word[4100] = "";
			enum name_kind kind;
			struct err e;

			strncat(word, prefix[p], sizeof(word) - 1);
			memset(word + strlen(word), 'a', len);
			if (names_parse(word, &kind, &got, &e) == 0)
				assert_true(strlen(got) <= NAME_MAX_LEN);
		}
}

static void the_hash_of_a_name_is_of_kind_and_text(void **state)
{
	(void)state;
	/* The first 8 bytes of: printf '\0example.org' | sha256sum */
	assert_true(names_hash(NAME_DNS, "example.org") == 0x8a12c0a5c1443a4f);
	assert_true(names_hash(NAME_DNS, "example.org") !=
		    names_hash(NAME_URI, "example.org"));
	assert_true(names_hash(NAME_DNS, "example.org") !=
		    names_hash(NAME_DNS, "example.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_out_in_one_spelling),
		cmocka_unit_test(what_is_no_name_is_refused_with_the_reason),
		cmocka_unit_test(a_canonical_name_is_its_own_canonical_form),
		cmocka_unit_test(a_name_of_any_length_is_read_or_refused),
		cmocka_unit_test(the_hash_of_a_name_is_of_kind_and_text),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
