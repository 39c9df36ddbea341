/* account: the steps of a person, and revocation. */
#include <stdio.h>
#include <string.h>

#include "acme/account.h"
#include "acme/client.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/help/ca.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

#define OBJECT                                                    \
	"{\"status\":\"valid\",\"contact\":[\"mailto:a@test\",7," \
	"\"mailto:b\\u001b@test\"],\"orders\":\"@/orders/1\"}"
#define NO_ACCOUNT                                               \
	{                                                        \
		"POST /new-account", 400, "",                    \
		    "{\"type\":\"" CA_T "accountDoesNotExist\"}" \
	}

static void begin(struct ca *ca, void **state, const struct ca_step *steps, size_t n,
		  bool known)
{
	ca_start(ca, *state, steps, n);
	if (known)
		snprintf(ca->kid, sizeof(ca->kid), "%s/a/1", ca->web->url);
}

static void expect_text(struct ca *ca, enum account_step step, const char *says)
{
	AUTO_BUF struct buf text = { 0 };
	struct err e;

	if (account_step(&ca->acme, step, &text, &e) != 0)
		fail_msg("%s", e.text);
	if (text.data == NULL || strstr(text.data, ca_text(ca, says)) == NULL)
		fail_msg("\"%s\", not \"%s\"", text.data, says);
}

static void expect_failure(struct ca *ca, enum account_step step, int code,
			   const char *says)
{
	AUTO_BUF struct buf text = { 0 };
	struct err e = { .code = ERR_SYS };
	int rc = account_step(&ca->acme, step, &text, &e);

	if (rc != code || strstr(e.text, says) == NULL)
		fail_msg("%d \"%s\", not %d \"...%s...\"", rc, e.text, code, says);
}

static void an_account_is_shown_as_the_CA_has_it(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY,
						{ "POST /a/1", 200, "", OBJECT } };
	struct ca ca;

	begin(&ca, state, steps, N(steps), true);
	expect_text(&ca, ACCOUNT_SHOW,
		    "url        @/a/1\n"
		    "status     valid\n");
	ca_end(&ca);
	begin(&ca, state, steps, N(steps), true);
	expect_text(&ca, ACCOUNT_SHOW,
		    "contact    mailto:b\\x1b@test\n"
		    "thumbprint THUMB\n");
	ca_end(&ca);
}

static void registering_finds_or_makes(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /new-account", 201, "Location: @/a/1\r\n", OBJECT },
		{ "POST /a/1", 200, "", OBJECT },
	};
	struct ca ca;

	begin(&ca, state, steps, N(steps), false);
	expect_text(&ca, ACCOUNT_REGISTER, "status     valid\n");
	ca_end(&ca);
}

static void no_other_step_makes_an_account(void **state)
{
	static const enum account_step steps[] = { ACCOUNT_SHOW, ACCOUNT_UPDATE,
						   ACCOUNT_ROLLOVER,
						   ACCOUNT_DEACTIVATE };
	static const struct ca_step script[] = { CA_DIRECTORY, NO_ACCOUNT };

	for (size_t i = 0; i < N(steps); i++) {
		struct ca ca;

		begin(&ca, state, script, N(script), false);
		expect_failure(&ca, steps[i], ERR_CONFIG, "there is no account at");
		assert_int_equal(ca.n_signed[ASK_NEW_ACCOUNT], 0);
		ca_end(&ca);
		/* Without a key there is nothing to be asked. */
		begin(&ca, state, script, 1, false);
		ca.no_key = true;
		expect_failure(&ca, steps[i], ERR_CONFIG, "there is no account at");
		ca_end(&ca);
	}
}

static void contacts_are_updated_and_an_account_ended_at_its_url(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /a/1", 200, "", OBJECT },
		{ "POST /a/1", 200, "", "{\"status\":\"deactivated\"}" },
	};
	struct ca ca;

	begin(&ca, state, steps, N(steps), true);
	expect_text(&ca, ACCOUNT_UPDATE, "status     valid\n");
	assert_int_equal(ca.n_signed[ASK_UPDATE_ACCOUNT], 1);
	expect_text(&ca, ACCOUNT_DEACTIVATE, "status     deactivated\n");
	assert_int_equal(ca.n_signed[ASK_DEACTIVATE_ACCOUNT], 1);
	assert_string_equal(ca.heard, "registered no more;");
	ca_end(&ca);
}

static void a_key_is_rolled_over_when_the_CA_has_taken_it(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /key-change", 200, "", "{}" },
		{ "POST /a/1", 200, "", OBJECT },
	};
	struct ca ca;

	begin(&ca, state, steps, N(steps), true);
	expect_text(&ca, ACCOUNT_ROLLOVER, "status     valid\n");
	assert_string_equal(ca.heard, "rolled 1;");
	ca_end(&ca);
}

#define IN_USE                                                               \
	{                                                                    \
		"POST /key-change", 409, "Location: @/a/2\r\n",              \
		    "{\"type\":\"" CA_T "malformed\",\"detail\":\"in use\"}" \
	}

static void a_refused_roll_over_is_given_up_and_an_unclear_one_is_not(void **state)
{
	static const struct ca_step refused[] = { CA_DIRECTORY, IN_USE, NO_ACCOUNT };
	static const struct ca_step unclear[] = {
		CA_DIRECTORY,
		{ "POST /key-change", 500, "", "" },
		{ "POST /new-account", 500, "", "" },
	};
	struct ca ca;

	begin(&ca, state, refused, N(refused), true);
	expect_failure(&ca, ACCOUNT_ROLLOVER, ERR_PROTO,
		       "account rollover: the CA answers 409: malformed: \"in use\"");
	assert_string_equal(ca.heard, "rolled 0;");
	ca_end(&ca);
	begin(&ca, state, unclear, N(unclear), true);
	expect_failure(&ca, ACCOUNT_ROLLOVER, ERR_NET, "the CA answers 500");
	assert_string_equal(ca.heard, "");
	ca_end(&ca);
}

/* The request was sent twice: the refusal is of the second. */
static void a_refused_roll_over_that_the_CA_has_taken_is_one(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		IN_USE,
		{ "POST /new-account", 200, "Location: @/a/1\r\n", "{}" },
		{ "POST /a/1", 200, "", OBJECT },
	};
	struct ca ca;

	begin(&ca, state, steps, N(steps), true);
	expect_text(&ca, ACCOUNT_ROLLOVER, "thumbprint THUMB2\n");
	assert_true(strncmp(ca.heard, "rolled 1;", 9) == 0);
	ca_end(&ca);
}

/* -- revocation -- */

static void a_certificate_is_revoked_by_account_or_by_its_key(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY,
						{ "POST /revoke", 200, "", "" } };
	struct ca ca;
	struct err e;

	for (int by_cert = 0; by_cert < 2; by_cert++) {
		begin(&ca, state, steps, N(steps), by_cert == 0);
		ca.no_key = by_cert == 1; /* no account is needed */
		if (account_revoke(&ca.acme, by_cert == 1, &e) != 0)
			fail_msg("%s", e.text);
		assert_int_equal(ca.n_signed[ASK_REVOKE_BY_CERT], by_cert);
		ca_end(&ca);
	}
}

static void what_is_revoked_already_is_revoked(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /revoke", 400, "", "{\"type\":\"" CA_T "alreadyRevoked\"}" },
	};
	static const struct ca_step refused[] = {
		CA_DIRECTORY,
		{ "POST /revoke", 400, "",
		  "{\"type\":\"" CA_T "badRevocationReason\"}" },
	};
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps), true);
	assert_int_equal(account_revoke(&ca.acme, false, &e), 0);
	ca_end(&ca);
	begin(&ca, state, refused, N(refused), true);
	assert_int_equal(account_revoke(&ca.acme, false, &e), ERR_REFUSED);
	assert_non_null(strstr(e.text, "revoke: the CA answers 400"));
	ca_end(&ca);
}

/* Whose fault it is says whether it is worth asking again. */
static void what_is_wrong_with_a_revocation_has_a_class(void **state)
{
	static const struct {
		struct ca_step answer;
		int code;
	} rows[] = {
		{ { "POST /revoke", 403, "", "{\"type\":\"" CA_T "unauthorized\"}" },
		  ERR_REFUSED },
		{ { "POST /revoke", 404, "", "{\"type\":\"" CA_T "malformed\"}" },
		  ERR_REFUSED },
		{ { "POST /revoke", 400, "", "" }, ERR_REFUSED },
		{ { "POST /revoke", 429, "", "" }, ERR_LATER },
		{ { "POST /revoke", 400, "Retry-After: 60\r\n", "" }, ERR_LATER },
		{ { "POST /revoke", 500, "", "" }, ERR_NET },
		{ { "POST /revoke", 302, "", "" }, ERR_PROTO },
	};

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, rows[i].answer };
		struct ca ca;
		struct err e;

		begin(&ca, state, steps, N(steps), true);
		if (account_revoke(&ca.acme, false, &e) != rows[i].code)
			fail_msg("row %zu: %d %s", i, e.code, e.text);
		ca_end(&ca);
	}
}

static void a_CA_may_be_unable_to(void **state)
{
	static const struct ca_step steps[] = {
		{ "GET /dir", 200, "",
		  "{\"newNonce\":\"@/nonce\",\"newAccount\":\"@/new-account\","
		  "\"newOrder\":\"@/new-order\"}" },
	};
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps), true);
	assert_int_equal(account_revoke(&ca.acme, false, &e), ERR_REFUSED);
	assert_string_equal(e.text, "the CA has no revokeCert");
	expect_failure(&ca, ACCOUNT_ROLLOVER, ERR_REFUSED, "the CA has no keyChange");
	ca_end(&ca);
}

/* It takes away what it is for, and nothing else. */
static void a_url_of_another_origin_is_not_used(void **state)
{
	static const struct ca_step steps[] = {
		{ "GET /dir", 200, "",
		  "{\"newNonce\":\"@/nonce\",\"newAccount\":\"@/new-account\","
		  "\"newOrder\":\"@/new-order\",\"keyChange\":\"https://e.test/k\","
		  "\"revokeCert\":\"http://127.0.0.1/r\"}" },
		{ "POST /a/1", 200, "", OBJECT },
	};
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps), true);
	expect_text(&ca, ACCOUNT_SHOW, "status     valid\n");
	expect_failure(&ca, ACCOUNT_ROLLOVER, ERR_PROTO,
		       "keyChange is \"https://e.test/k\", which is not of https://");
	assert_int_equal(account_revoke(&ca.acme, false, &e), ERR_PROTO);
	assert_non_null(strstr(e.text, "revokeCert is \"http://127.0.0.1/r\""));
	assert_int_equal(ca.n_signed[ASK_ROLL_KEY] + ca.n_signed[ASK_REVOKE], 0);
	ca_end(&ca);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)
	const struct CMUnitTest tests[] = {
		CASE(an_account_is_shown_as_the_CA_has_it),
		CASE(registering_finds_or_makes),
		CASE(no_other_step_makes_an_account),
		CASE(contacts_are_updated_and_an_account_ended_at_its_url),
		CASE(a_key_is_rolled_over_when_the_CA_has_taken_it),
		CASE(a_refused_roll_over_is_given_up_and_an_unclear_one_is_not),
		CASE(a_refused_roll_over_that_the_CA_has_taken_is_one),
		CASE(a_certificate_is_revoked_by_account_or_by_its_key),
		CASE(what_is_revoked_already_is_revoked),
		CASE(what_is_wrong_with_a_revocation_has_a_class),
		CASE(a_CA_may_be_unable_to),
		CASE(a_url_of_another_origin_is_not_used),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
