/* registration: the directory, nonces, and an account that is found or made. */
#include <stdio.h>
#include <string.h>

#include "acme/client.h"
#include "acme/registration.h"
#include "base/err.h"
#include "tests/help/ca.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void start(struct ca *ca, void **state, const struct ca_step *steps, size_t n)
{
	ca_start(ca, *state, steps, n);
}

static void expect_ready(struct ca *ca)
{
	struct err e;

	if (acme_ready(&ca->acme, &e) != 0)
		fail_msg("%s", e.text);
}

static void expect_failure(struct ca *ca, int code, const char *says)
{
	struct err e = { .code = ERR_SYS };
	int rc = acme_ready(&ca->acme, &e);

	if (rc != code || strstr(e.text, says) == NULL)
		fail_msg("%d \"%s\", not %d \"...%s...\"", rc, rc < 0 ? e.text : "",
			 code, says);
}

/* -- the directory -- */

#define DIR(nonce, account, order) \
	"{\"newNonce\":" nonce ",\"newAccount\":" account ",\"newOrder\":" order "}"
#define GOOD "\"@/x\""

static void a_directory_has_urls_of_its_own_origin(void **state)
{
	static const struct {
		struct ca_step step;
		int code;
		const char *says;
	} rows[] = {
		{ { "GET /dir", 200, "", DIR("\"http://127.0.0.1/n\"", GOOD, GOOD) },
		  ERR_PROTO,
		  "newNonce is \"http://127.0.0.1/n\", which is not of https://" },
		{ { "GET /dir", 200, "", DIR(GOOD, "\"https://evil.test/a\"", GOOD) },
		  ERR_PROTO,
		  "newAccount is \"https://evil.test/a\"" },
		{ { "GET /dir", 200, "", DIR(GOOD, GOOD, "\"https://127.0.0.1/\"") },
		  ERR_PROTO,
		  "newOrder is" },
		{ { "GET /dir", 200, "", DIR(GOOD, GOOD, "7") },
		  ERR_PROTO,
		  "the CA sends no newOrder" },
		{ { "GET /dir", 200, "", "<html>it works</html>" },
		  ERR_PROTO,
		  "the CA answers 200, with no directory: is the URL right?" },
		{ { "GET /dir", 200, "", "{\"newNonce\"" }, ERR_PROTO, "no JSON" },
		{ { "GET /dir", 200, "", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" },
		  ERR_LIMIT,
		  "more than 32 levels" },
		{ { "GET /dir", 301, "Location: @/other\r\n", "" },
		  ERR_PROTO,
		  "the CA answers 301, with no directory" },
		{ { "GET /dir", 404, "", "" },
		  ERR_PROTO,
		  "the CA answers 404, with no directory" },
		{ { "GET /dir", 503, "", "" }, ERR_LATER, "the CA answers 503" },
		{ { "GET /dir", 500, "Retry-After: 60\r\n", "" },
		  ERR_LATER,
		  "the CA answers 500" },
		{ { "GET /dir", 502, "", "" }, ERR_NET, "the CA answers 502" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct ca ca;

		start(&ca, state, &rows[i].step, 1);
		expect_failure(&ca, rows[i].code, rows[i].says);
		ca_end(&ca);
	}
}

static void the_directory_is_fetched_once(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY };
	struct ca ca;

	start(&ca, state, steps, N(steps));
	snprintf(ca.kid, sizeof(ca.kid), "%s/a/1", ca.web->url);
	expect_ready(&ca);
	expect_ready(&ca);
	assert_int_equal(ca.acme.n_requests, 1);
	ca_end(&ca);
}

static void the_account_is_asked_for_until_it_is_known(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY };
	struct ca ca;

	start(&ca, state, steps, N(steps));
	snprintf(ca.kid, sizeof(ca.kid), "%s/a/1", ca.web->url);
	expect_ready(&ca);
	expect_ready(&ca);
	assert_int_equal(ca.n_account, 1);
	acme_account_done(&ca.acme.account);
	expect_ready(&ca);
	assert_int_equal(ca.n_account, 2);
	ca_end(&ca);
}

/* -- nonces -- */

#define FETCH "POST /a/1"

static int fetch(struct ca *ca, struct err *e)
{
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	struct acme_ask ask = { .kind = ASK_FETCH, .url = ca->kid };

	return acme_post(&ca->acme, &ask, &reply, e);
}

static void expect_fetch(struct ca *ca)
{
	struct err e;

	if (fetch(ca, &e) != 0)
		fail_msg("%s", e.text);
}

static void begin_known(struct ca *ca, void **state, const struct ca_step *steps,
			size_t n)
{
	start(ca, state, steps, n);
	snprintf(ca->kid, sizeof(ca->kid), "%s/a/1", ca->web->url);
	expect_ready(ca);
}

#define BAD_NONCE "{\"type\":\"" CA_T "badNonce\"}"

/* = RFC 8555 6.5 [nonce] */
static void a_bad_nonce_is_tried_again_with_that_of_the_answer(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ FETCH, 400, "Replay-Nonce: first\r\n", BAD_NONCE },
		{ FETCH, 400, "Replay-Nonce: second\r\n", BAD_NONCE },
		{ FETCH, 200, "", "{}" },
		{ FETCH, 200, "", "{}" },
	};
	struct ca ca;

	begin_known(&ca, state, steps, N(steps));
	expect_fetch(&ca);
	assert_true(ca_heard(&ca, "nonce first url"));
	assert_true(ca_heard(&ca, "nonce second url"));
	expect_fetch(&ca);
	assert_false(ca_heard(&ca, "HEAD")); /* the directory brought the first */
	ca_end(&ca);
}

static void bad_nonces_are_survived_in_any_number(void **state)
{
	struct ca_step steps[64] = { CA_DIRECTORY };
	struct ca ca;

	for (size_t i = 1; i < 60; i++)
		steps[i] = (struct ca_step){ FETCH, 400, "", BAD_NONCE };
	steps[60] = (struct ca_step){ FETCH, 200, "", "{}" };
	begin_known(&ca, state, steps, 61);
	expect_fetch(&ca);
	ca_end(&ca);
}

/* = RFC 8555 6.5.1 [nonce] */
static void a_nonce_that_is_none_is_ignored(void **state)
{
	static const char *const headers[] = { "Replay-Nonce: a=b\r\n",
					       "Replay-Nonce: a b\r\n",
					       "Replay-Nonce: a/b+c\r\n",
					       "Replay-Nonce:\r\n" };
	struct ca_step steps[] = {
		CA_DIRECTORY,
		{ FETCH, 200, "", "{}" },
		{ "HEAD /nonce", 200, "Replay-Nonce: good\r\n", "" },
		{ FETCH, 200, "", "{}" },
	};

	for (size_t i = 0; i < N(headers); i++) {
		struct ca ca;

		steps[1].headers = headers[i];
		begin_known(&ca, state, steps, N(steps));
		expect_fetch(&ca);
		expect_fetch(&ca);
		assert_true(ca_heard(&ca, "nonce good url"));
		ca_end(&ca);
	}
}

static void a_CA_without_nonces_is_told_so(void **state)
{
	static const struct ca_step steps[] = {
		{ "GET /dir", 200, "Replay-Nonce: a b\r\n",
		  DIR("\"@/nonce\"", "\"@/new-account\"", "\"@/new-order\"") },
		{ "HEAD /nonce", 200, "Replay-Nonce: a b\r\n", "" },
	};
	struct ca ca;
	struct err e;

	begin_known(&ca, state, steps, N(steps));
	assert_int_equal(fetch(&ca, &e), ERR_PROTO);
	assert_string_equal(e.text, "the CA sends no nonce");
	ca_end(&ca);
}

/* -- the account -- */

#define ACCOUNT_MADE                                             \
	{                                                        \
		"POST /new-account", 201, "Location: @/a/1\r\n", \
		    "{\"status\":\"valid\"}"                     \
	}
#define NO_ACCOUNT                                               \
	{                                                        \
		"POST /new-account", 400, "",                    \
		    "{\"type\":\"" CA_T "accountDoesNotExist\"}" \
	}

static void an_account_is_made_with_one_request(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY, ACCOUNT_MADE };
	struct ca ca;

	start(&ca, state, steps, N(steps));
	ca.no_key = true;
	expect_ready(&ca);
	assert_int_equal(ca.n_signed[ASK_NEW_ACCOUNT], 1);
	assert_string_equal(ca.acme.account.kid, ca_text(&ca, "@/a/1"));
	assert_string_equal(ca.acme.account.thumbprint, "THUMB");
	assert_string_equal(ca.heard, ca_text(&ca, "registered @/a/1;"));
	ca_end(&ca);
}

#define WITH(meta)                                                                \
	{                                                                         \
		"GET /dir", 200, "",                                              \
		    "{\"newNonce\":\"@/nonce\",\"newAccount\":\"@/new-account\"," \
		    "\"newOrder\":\"@/new-order\",\"meta\":{" meta "}}"           \
	}
#define TERMS "\"termsOfService\":\"https://ca.test/terms.pdf\""
#define EAB   "\"externalAccountRequired\":true"

/* = RFC 8555 7.3.1 [account] */
static void what_only_a_person_can_give_is_asked_for(void **state)
{
	static const struct {
		struct ca_step steps[2];
		bool agree;
		bool eab;
		const char *says;
	} rows[] = {
		{ { WITH(TERMS), NO_ACCOUNT },
		  false,
		  false,
		  "read https://ca.test/terms.pdf and set agree_terms = true" },
		{ { WITH(EAB), NO_ACCOUNT }, true, false, "set eab = {" },
		{ { WITH(TERMS "," EAB), NO_ACCOUNT }, true, false, "set eab = {" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct ca ca;

		start(&ca, state, rows[i].steps, 2);
		ca.acme.s.agree_terms = rows[i].agree;
		ca.acme.s.has_eab = rows[i].eab;
		expect_failure(&ca, ERR_CONFIG, rows[i].says);
		assert_int_equal(ca.n_signed[ASK_NEW_ACCOUNT], 0);
		ca_end(&ca);
	}
}

static void an_account_that_exists_needs_no_terms(void **state)
{
	static const struct ca_step steps[] = {
		WITH(TERMS),
		{ "POST /new-account", 200, "Location: @/a/7\r\n",
		  "{\"status\":\"valid\"}" },
	};
	struct ca ca;

	start(&ca, state, steps, N(steps));
	ca.acme.s.agree_terms = false;
	expect_ready(&ca);
	assert_int_equal(ca.n_signed[ASK_FIND_ACCOUNT], 1);
	assert_string_equal(ca.kid, ca_text(&ca, "@/a/7"));
	ca_end(&ca);
}

static void a_CA_without_terms_or_with_both_given_gets_its_account(void **state)
{
	static const struct ca_step steps[] = { WITH(TERMS "," EAB), ACCOUNT_MADE };
	struct ca ca;

	start(&ca, state, steps, N(steps));
	ca.acme.s.has_eab = true;
	expect_ready(&ca);
	ca_end(&ca);
}

/* Its URL was lost, with the answer or with the file that had it. */
static void an_external_account_that_is_used_up_is_no_obstacle(void **state)
{
	static const struct ca_step refused = { "POST /new-account", 403, "",
						"{\"type\":\"" CA_T
						"unauthorized\",\"detail\":\"used\"}" };
	static const struct ca_step there[] = {
		WITH(EAB),
		refused,
		{ "POST /new-account", 200, "Location: @/a/7\r\n",
		  "{\"status\":\"valid\"}" },
	};
	static const struct ca_step unknown[] = {
		WITH(EAB),
		refused,
		{ "POST /new-account", 400, "",
		  "{\"type\":\"" CA_T "accountDoesNotExist\"}" },
	};
	static const struct ca_step first[] = { WITH(EAB), refused };
	struct ca ca;

	start(&ca, state, there, N(there));
	ca.acme.s.has_eab = true;
	expect_ready(&ca);
	assert_string_equal(ca.kid, ca_text(&ca, "@/a/7"));
	assert_int_equal(ca.n_signed[ASK_FIND_ACCOUNT], 1);
	ca_end(&ca);
	start(&ca, state, unknown, N(unknown));
	ca.acme.s.has_eab = true;
	expect_failure(&ca, ERR_REFUSED, "unauthorized: \"used\"");
	ca_end(&ca);
	start(&ca, state, first, N(first));
	ca.acme.s.has_eab = true;
	ca.no_key = true;
	expect_failure(&ca, ERR_REFUSED, "unauthorized: \"used\"");
	ca_end(&ca);
}

static void an_account_without_a_place_or_life_is_none(void **state)
{
	static const struct {
		struct ca_step step;
		int code;
		const char *says;
	} rows[] = {
		{ { "POST /new-account", 201, "", "{}" },
		  ERR_PROTO,
		  "the CA sends no URL of the account" },
		{ { "POST /new-account", 201, "Location: https://evil.test/a\r\n",
		    "{}" },
		  ERR_PROTO,
		  "which is not of https://127.0.0.1" },
		{ { "POST /new-account", 200, "Location: @/a/1\r\n",
		    "{\"status\":\"deactivated\"}" },
		  ERR_REFUSED,
		  "is deactivated" },
		{ { "POST /new-account", 403, "",
		    "{\"type\":\"" CA_T "userActionRequired\",\"detail\":\"terms\","
		    "\"instance\":\"https://ca.test/agree\"}" },
		  ERR_REFUSED,
		  "see https://ca.test/agree" },
		{ { "POST /new-account", 400, "",
		    "{\"type\":\"" CA_T "unsupportedContact\"}" },
		  ERR_CONFIG,
		  "unsupportedContact" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, rows[i].step };
		struct ca ca;

		start(&ca, state, steps, 2);
		expect_failure(&ca, rows[i].code, rows[i].says);
		assert_string_equal(ca.kid, "");
		ca_end(&ca);
	}
}

#define BAD_ALGORITHM(list)                                                \
	{                                                                  \
		"POST /new-account", 400, "",                              \
		    "{\"type\":\"" CA_T "badSignatureAlgorithm\"" list "}" \
	}

/* = RFC 8555 6.2 [algorithm] */
static void a_key_that_the_CA_does_not_take_is_replaced(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		BAD_ALGORITHM(",\"algorithms\":[\"RS256\",\"ES384\"]"),
		ACCOUNT_MADE,
	};
	static const struct ca_step silent[] = {
		CA_DIRECTORY,      BAD_ALGORITHM(""), BAD_ALGORITHM(""),
		BAD_ALGORITHM(""), BAD_ALGORITHM(""), BAD_ALGORITHM(""),
	};
	struct ca ca;

	start(&ca, state, steps, N(steps));
	expect_ready(&ca);
	assert_int_equal(ca.keys[0], KEY_NONE);
	assert_int_equal(ca.keys[1], KEY_ECDSA_P384);
	ca_end(&ca);
	start(&ca, state, silent, N(silent));
	expect_failure(&ca, ERR_REFUSED, "badSignatureAlgorithm");
	assert_int_equal(ca.keys[4], KEY_RSA_2048);
	ca_end(&ca);
}

/* Which account the CA says the new key is of, if any. */
static void a_roll_over_that_was_cut_short_is_ended(void **state)
{
	static const struct ca_step answers[] = {
		{ "POST /new-account", 200, "Location: @/a/1\r\n", "{}" },
		NO_ACCOUNT,
		{ "POST /new-account", 200, "Location: @/a/2\r\n", "{}" },
	};
	struct ca ca;

	for (size_t i = 0; i < N(answers); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, answers[i] };

		start(&ca, state, steps, N(steps));
		snprintf(ca.kid, sizeof(ca.kid), "%s/a/1", ca.web->url);
		ca.rolling = true;
		expect_ready(&ca);
		assert_int_equal(ca.n_signed[ASK_FIND_ROLLED], 1);
		assert_true(strncmp(ca.heard, i == 0 ? "rolled 1;" : "rolled 0;", 9) ==
			    0);
		ca_end(&ca);
	}
}

/* What nobody remembers is learned with it; without it, nothing is. */
static void the_account_of_a_new_key_is_where_the_CA_says(void **state)
{
	static const struct ca_step found[] = {
		CA_DIRECTORY,
		{ "POST /new-account", 200, "Location: @/a/1\r\n", "{}" },
	};
	static const struct ca_step lost[] = {
		CA_DIRECTORY,
		{ "POST /new-account", 200, "", "{}" },
	};
	struct ca ca;

	start(&ca, state, found, N(found));
	ca.rolling = true;
	expect_ready(&ca);
	assert_string_equal(ca.kid, ca_text(&ca, "@/a/1"));
	ca_end(&ca);
	start(&ca, state, lost, N(lost));
	ca.rolling = true;
	expect_failure(&ca, ERR_PROTO, "the CA sends no URL of the account");
	assert_string_equal(ca.heard, "");
	ca_end(&ca);
}

static void an_account_that_is_gone_is_made_again_once(void **state)
{
	static const struct ca_step gone = { FETCH, 400, "",
					     "{\"type\":\"" CA_T
					     "accountDoesNotExist\"}" };
	const struct ca_step steps[] = {
		CA_DIRECTORY, gone,         ACCOUNT_MADE, { FETCH, 200, "", "{}" },
		gone,         ACCOUNT_MADE, gone,
	};
	struct ca ca;
	struct err e;

	begin_known(&ca, state, steps, N(steps));
	expect_fetch(&ca);
	assert_string_equal(ca.heard,
			    ca_text(&ca, "registered no more;registered @/a/1;"));
	assert_int_equal(fetch(&ca, &e), ERR_REFUSED);
	assert_non_null(strstr(e.text, "accountDoesNotExist"));
	ca_end(&ca);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)
	const struct CMUnitTest tests[] = {
		CASE(a_directory_has_urls_of_its_own_origin),
		CASE(the_directory_is_fetched_once),
		CASE(the_account_is_asked_for_until_it_is_known),
		CASE(a_bad_nonce_is_tried_again_with_that_of_the_answer),
		CASE(bad_nonces_are_survived_in_any_number),
		CASE(a_nonce_that_is_none_is_ignored),
		CASE(a_CA_without_nonces_is_told_so),
		CASE(an_account_is_made_with_one_request),
		CASE(what_only_a_person_can_give_is_asked_for),
		CASE(an_account_that_exists_needs_no_terms),
		CASE(a_CA_without_terms_or_with_both_given_gets_its_account),
		CASE(an_external_account_that_is_used_up_is_no_obstacle),
		CASE(an_account_without_a_place_or_life_is_none),
		CASE(a_key_that_the_CA_does_not_take_is_replaced),
		CASE(a_roll_over_that_was_cut_short_is_ended),
		CASE(the_account_of_a_new_key_is_where_the_CA_says),
		CASE(an_account_that_is_gone_is_made_again_once),
	};

	return cmocka_run_group_tests_name("registration", tests, NULL, NULL);
}
