/* caa: which CA may issue, from which account, validated how (RFC 8659, RFC 8657). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "acme/caa.h"
#include "base/err.h"

#define ACCOUNT "https://ca.example/acct/1"

static const char *const identities[] = { "ca.example", "ca.example.net", NULL };

struct row {
	const char *name;
	struct caa set[4];
	bool wildcard;
	const char *refused; /* NULL: it may issue */
	const char *method;  /* NULL: http-01 */
	bool no_account;
};

#define ISSUE(v)                  \
	{                         \
		false, "issue", v \
	}
#define WILD(v)                       \
	{                             \
		false, "issuewild", v \
	}

static const struct row rows[] = {
	{ .name = "no record", .set = { { 0 } } },
	{ .name = "the CA", .set = { ISSUE("ca.example") } },
	{ .name = "the CA by another of its names",
	  .set = { ISSUE("ca.example.net") } },
	{ .name = "in capitals", .set = { ISSUE("CA.Example") } },
	{ .name = "with white space", .set = { ISSUE(" \tca.example \t") } },
	{ .name = "another CA",
	  .set = { ISSUE("other.example") },
	  .refused = "issue \"other.example\"" },
	{ .name = "others, all of them told",
	  .set = { ISSUE("other.example"), ISSUE("third.example") },
	  .refused = "issue \"other.example\", \"third.example\"" },
	{ .name = "another and ours",
	  .set = { ISSUE("other.example"), ISSUE("ca.example") } },
	{ .name = "nobody", .set = { ISSUE(";") }, .refused = "issue \";\"" },
	{ .name = "an empty value", .set = { ISSUE("") }, .refused = "issue \"\"" },
	{ .name = "a part of its name",
	  .set = { ISSUE("ca.exampl") },
	  .refused = "issue \"ca.exampl\"" },
	{ .name = "more than its name",
	  .set = { ISSUE("ca.example.org") },
	  .refused = "issue \"ca.example.org\"" },
	{ .name = "only for wildcards", .set = { WILD("other.example") } },
	{ .name = "a wildcard, by issue",
	  .set = { ISSUE("ca.example") },
	  .wildcard = true },
	{ .name = "a wildcard, not by issue",
	  .set = { ISSUE("other.example") },
	  .wildcard = true,
	  .refused = "issue \"other.example\"" },
	{ .name = "a wildcard, by issuewild",
	  .set = { ISSUE("other.example"), WILD("ca.example") },
	  .wildcard = true },
	{ .name = "a wildcard, not by issuewild",
	  .set = { ISSUE("ca.example"), WILD(";") },
	  .wildcard = true,
	  .refused = "issuewild \";\"" },
	{ .name = "issuewild says nothing of other names",
	  .set = { ISSUE("ca.example"), WILD(";") } },
	{ .name = "where to complain",
	  .set = { { false, "iodef", "mailto:a@example.org" } } },
	{ .name = "unknown, not critical", .set = { { false, "tbs", ";" } } },
	{ .name = "who may issue for mail", .set = { { false, "issuemail", ";" } } },
	{ .name = "who may issue for mail, critical",
	  .set = { { true, "issuemail", ";" } } },
	{ .name = "others for mail, this one for names",
	  .set = { { true, "issuemail", "other.example" }, ISSUE("ca.example") } },
	{ .name = "whom to write to, critical",
	  .set = { ISSUE("ca.example"), { true, "contactemail", "a@example.org" } } },
	{ .name = "unknown and critical",
	  .set = { ISSUE("ca.example"), { true, "tbs", "x" } },
	  .refused = "critical record \"tbs\", which no CA knows" },
	{ .name = "known and critical", .set = { { true, "issue", "ca.example" } } },
	{ .name = "the account", .set = { ISSUE("ca.example; accounturi=" ACCOUNT) } },
	{ .name = "the account, with white space",
	  .set = { ISSUE("ca.example ; accounturi = " ACCOUNT " ; ") } },
	{ .name = "another account",
	  .set = { ISSUE("ca.example; accounturi=" ACCOUNT "2") },
	  .refused = "issue \"ca.example; accounturi=" ACCOUNT "2\"" },
	{ .name = "a part of the account",
	  .set = { ISSUE("ca.example; accounturi=https://ca.example/acct/") },
	  .refused = "issue \"ca.example; accounturi=https://ca.example/acct/\"" },
	{ .name = "the account in capitals is another",
	  .set = { ISSUE("ca.example; accounturi=HTTPS://ca.example/acct/1") },
	  .refused = "issue \"ca.example; accounturi=HTTPS://ca.example/acct/1\"" },
	{ .name = "an account, while there is none",
	  .set = { ISSUE("ca.example; accounturi=" ACCOUNT) },
	  .no_account = true },
	{ .name = "one of both records fits",
	  .set = { ISSUE("ca.example; accounturi=x"),
		   ISSUE("ca.example; accounturi=" ACCOUNT) } },
	{ .name = "the method",
	  .set = { ISSUE("ca.example; validationmethods=http-01") } },
	{ .name = "one of the methods",
	  .set = { ISSUE("ca.example; validationmethods=dns-01,http-01") } },
	{ .name = "another method",
	  .set = { ISSUE("ca.example; validationmethods=dns-01") },
	  .refused = "issue \"ca.example; validationmethods=dns-01\"" },
	{ .name = "a part of a method",
	  .set = { ISSUE("ca.example; validationmethods=http-0,http-011") },
	  .refused = "issue \"ca.example; validationmethods=http-0,http-011\"" },
	{ .name = "no method at all",
	  .set = { ISSUE("ca.example; validationmethods=") },
	  .refused = "issue \"ca.example; validationmethods=\"" },
	{ .name = "account and method",
	  .set = { ISSUE("ca.example; validationmethods=dns-01; accounturi=" ACCOUNT) },
	  .method = "dns-01" },
	{ .name = "a parameter of the CA's own",
	  .set = { ISSUE("ca.example; policy=ev; x=") } },
	{ .name = "a parameter without value",
	  .set = { ISSUE("ca.example; policy") },
	  .refused = "issue \"ca.example; policy\"" },
	{ .name = "what moves a terminal is shown as text",
	  .set = { ISSUE("a\x1b[2J") },
	  .refused = "issue \"a\\x1b[2J\"" },
};

static size_t count(const struct row *row)
{
	size_t n = 0;

	while (n < sizeof(row->set) / sizeof(*row->set) && row->set[n].tag[0] != '\0')
		n++;
	return n;
}

static void records_say_who_may_issue(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		const struct caa_asked asked = {
			.identities = identities,
			.account = row->no_account ? NULL : ACCOUNT,
			.method = row->method == NULL ? "http-01" : row->method,
			.wildcard = row->wildcard,
		};
		struct err e = { .text = "" };
		int rc = caa_permit(row->set, count(row), &asked, &e);

		if (rc != (row->refused == NULL ? 0 : ERR_REFUSED))
			fail_msg("%s: %d %s", row->name, rc, e.text);
		if (row->refused != NULL)
			assert_string_equal(e.text, row->refused);
	}
}

static void a_record_is_read_within_its_bounds(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		bool ok;
		struct caa c;
	} cases[] = {
		{ "\0\5issueca.example", 17, true, { false, "issue", "ca.example" } },
		{ "\x80\5ISSUE;", 8, true, { true, "issue", ";" } },
		{ "\1\5issue", 7, true, { false, "issue", "" } },
		{ "\0\2i;x", 5, true, { false, "i?", "x" } },
		{ "\0\5issuea\0b", 10, true, { false, "issue", "a" } },
		{ "\0\20issueissueissuei;", 19, true, { false, "", ";" } },
		{ "", 0, false, { false, "", "" } },
		{ "\0", 1, false, { false, "", "" } },
		{ "\0\0ca", 4, false, { false, "", "" } },
		{ "\0\5issu", 6, false, { false, "", "" } },
		{ "\0\377issue", 7, false, { false, "", "" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct caa c;

		assert_int_equal(caa_read((const uint8_t *)cases[i].data, cases[i].len,
					  &c),
				 cases[i].ok);
		assert_int_equal(c.critical, cases[i].c.critical);
		assert_string_equal(c.tag, cases[i].c.tag);
		assert_string_equal(c.value, cases[i].c.value);
	}
}

static void a_value_beyond_all_bounds_lets_nobody_issue(void **state)
{
	const struct caa_asked asked = { .identities = identities, .method = "dns-01" };
	uint8_t data[2 + 5 + 2 * CAA_VALUE_SIZE];
	struct caa c;
	struct err e;

	(void)state;
	memset(data, ' ', sizeof(data));
	memcpy(data, "\0\5issueca.example;", 18);
	assert_true(caa_read(data, sizeof(data), &c));
	assert_int_equal(caa_permit(&c, 1, &asked, &e), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_say_who_may_issue),
		cmocka_unit_test(a_record_is_read_within_its_bounds),
		cmocka_unit_test(a_value_beyond_all_bounds_lets_nobody_issue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
