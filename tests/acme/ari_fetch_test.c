/* ari_fetch: what a CA says of a renewal, and what it is told of one (`replaces`). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/ari_fetch.h"
#include "acme/order.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "tests/help/ca.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

#define DIRECTORY                                                                 \
	{                                                                         \
		"GET /dir", 200, "",                                              \
		    "{\"newNonce\":\"@/nonce\",\"newAccount\":\"@/new-account\"," \
		    "\"newOrder\":\"@/new-order\",\"renewalInfo\":\"@/ari\","     \
		    "\"meta\":{\"profiles\":{\"short\":\"six days\"}}}"           \
	}
#define WINDOW                                                     \
	"\"suggestedWindow\":{\"start\":\"2026-11-21T00:00:00Z\"," \
	"\"end\":\"2026-11-22T00:00:00Z\"}"
#define INFO(headers, body)                           \
	{                                             \
		"GET /ari/AB.CD ", 200, headers, body \
	}

static void begin(struct ca *ca, void **state, const struct ca_step *steps, size_t n)
{
	ca_start(ca, *state, steps, n);
	snprintf(ca->kid, sizeof(ca->kid), "%s/a/1", ca->web->url);
}

static void nothing_is_signed(const struct ca *ca)
{
	for (int i = 0; i < ASK_KINDS; i++)
		assert_int_equal(ca->n_signed[i], 0);
}

/* = RFC 9773 4.1 [get] */
static void a_window_is_asked_for_without_account_or_signature(void **state)
{
	static const struct ca_step steps[] = {
		DIRECTORY,
		INFO("Retry-After: 3600\r\n",
		     "{" WINDOW ",\"explanationURL\":\"https://ca.example/why\"}"),
		INFO("", "{" WINDOW ",\"explanationURL\":\"\\u001b[2J\"}"),
	};
	struct ari_answer answer;
	struct ca ca;
	struct err e;
	int64_t now;

	begin(&ca, state, steps, N(steps));
	now = clock_now();
	assert_int_equal(ari_fetch(&ca.acme, "AB.CD", &answer, &e), 0);
	assert_true(answer.offered);
	assert_true(answer.window.start == 1795219200);
	assert_true(answer.window.end == 1795305600);
	assert_true(answer.ask_at >= now + 3600 && answer.ask_at <= now + 3610);
	assert_string_equal(answer.explanation, "https://ca.example/why");
	free(answer.explanation);
	assert_int_equal(ari_fetch(&ca.acme, "AB.CD", &answer, &e), 0);
	assert_null(answer.explanation);
	assert_true(answer.ask_at >= now + 21600);
	nothing_is_signed(&ca);
	ca_end(&ca);
}

static void a_ca_may_say_nothing_of_renewals(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY };
	struct ari_answer answer;
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps));
	assert_int_equal(ari_fetch(&ca.acme, "AB.CD", &answer, &e), 0);
	assert_false(answer.offered);
	ca_end(&ca);
}

static void renewals_are_asked_about_at_the_ca_itself(void **state)
{
	static const struct ca_step steps[] = {
		{ "GET /dir", 200, "",
		  "{\"newNonce\":\"@/nonce\","
		  "\"newAccount\":\"@/new-account\","
		  "\"newOrder\":\"@/new-order\","
		  "\"renewalInfo\":\"https://e.test/ari\"}" }
	};
	struct ari_answer answer;
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps));
	assert_int_equal(ari_fetch(&ca.acme, "AB.CD", &answer, &e), ERR_PROTO);
	assert_non_null(strstr(e.text, "renewalInfo is \"https://e.test/ari\""));
	ca_end(&ca);
}

static void what_is_no_window_is_no_answer(void **state)
{
	static const struct ca_step rows[] = {
		INFO("", ""),
		INFO("", "[]"),
		INFO("", "{}"),
		INFO("", "{\"suggestedWindow\":7}"),
		INFO("", "{\"suggestedWindow\":{\"start\":1,\"end\":2}}"),
		INFO("", "{\"suggestedWindow\":{\"start\":\"2026-11-22T00:00:00Z\","
			 "\"end\":\"2026-11-21T00:00:00Z\"}}"),
		{ "GET /ari/AB.CD ", 404, "", "{\"type\":\"" CA_T "malformed\"}" },
		{ "GET /ari/AB.CD ", 500, "", "" },
		{ "GET /ari/AB.CD ", 200, "", "{" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { DIRECTORY, rows[i] };
		struct ari_answer answer;
		struct ca ca;
		struct err e;

		begin(&ca, state, steps, N(steps));
		if (ari_fetch(&ca.acme, "AB.CD", &answer, &e) >= 0)
			fail_msg("row %zu is one", i);
		assert_non_null(strstr(e.text, "renewal information"));
		assert_int_not_equal(e.code, ERR_LATER);
		ca_end(&ca);
	}
}

static void a_ca_that_wants_time_is_given_it(void **state)
{
	static const struct ca_step steps[] = {
		DIRECTORY,
		{ "GET /ari/AB.CD ", 503, "Retry-After: 900\r\n", "" },
	};
	struct ari_answer answer;
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps));
	assert_int_equal(ari_fetch(&ca.acme, "AB.CD", &answer, &e), ERR_LATER);
	assert_true(e.retry_at_ms / 1000 >= clock_now() + 890);
	ca_end(&ca);
}

/* -- what a new order says of it -- */

#define NEW                                                            \
	{                                                              \
		"POST /new-order", 201, "Location: @/o/1\r\n",         \
		    "{\"status\":\"valid\",\"certificate\":\"@/c/1\"}" \
	}
#define DOWNLOAD                             \
	{                                    \
		"POST /c/1 ", 200, "", "PEM" \
	}
#define REFUSED(status, type)                                                 \
	{                                                                     \
		"POST /new-order", status, "", "{\"type\":\"" CA_T type "\"}" \
	}

static int order(struct ca *ca, const char *profile, struct err *e)
{
	static const char *const names[] = { "a.test" };
	const struct order_want want = {
		.names = names, .n_names = 1, .replaces = true, .profile = profile
	};
	AUTO_BUF struct buf chain = { 0 };
	AUTO_FREE char *note = NULL;

	return order_advance(&ca->acme, &want, &chain, &note, e);
}

static void an_order_says_what_it_replaces_where_the_ca_knows_of_it(void **state)
{
	static const struct ca_step with[] = { DIRECTORY, NEW, DOWNLOAD };
	static const struct ca_step without[] = { CA_DIRECTORY, NEW, DOWNLOAD };
	struct ca ca;
	struct err e;

	begin(&ca, state, with, N(with));
	assert_int_equal(order(&ca, NULL, &e), 0);
	assert_int_equal(ca.n_replaces, 1);
	ca_end(&ca);
	begin(&ca, state, without, N(without));
	assert_int_equal(order(&ca, NULL, &e), 0);
	assert_int_equal(ca.n_replaces, 0);
	ca_end(&ca);
}

static void an_order_that_may_not_replace_is_sent_once_more_without(void **state)
{
	static const struct ca_step rows[] = {
		REFUSED(409, "alreadyReplaced"), REFUSED(400, "alreadyReplaced"),
		REFUSED(409, "conflict"),        REFUSED(404, "malformed"),
		REFUSED(400, "malformed"),       REFUSED(403, "unauthorized"),
		REFUSED(404, "nothing"),         REFUSED(500, "serverInternal"),
	};

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { DIRECTORY, rows[i], NEW, DOWNLOAD };
		const struct ca_step twice[] = { DIRECTORY, rows[i], rows[i] };
		struct ca ca;
		struct err e;

		begin(&ca, state, steps, N(steps));
		if (order(&ca, NULL, &e) != 0)
			fail_msg("row %zu: %s", i, e.text);
		assert_int_equal(ca.n_replaces, 1);
		assert_int_equal(ca.n_signed[ASK_NEW_ORDER], 2);
		ca_end(&ca);
		begin(&ca, state, twice, N(twice));
		assert_true(order(&ca, NULL, &e) < 0);
		assert_int_equal(ca.n_replaces, 1);
		ca_end(&ca);
	}
}

static void any_other_refusal_is_one(void **state)
{
	static const struct ca_step rows[] = {
		REFUSED(400, "rejectedIdentifier"),
		REFUSED(429, "rateLimited"),
		REFUSED(503, "unavailable"),
	};

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { DIRECTORY, rows[i] };
		struct ca ca;
		struct err e;

		begin(&ca, state, steps, N(steps));
		assert_true(order(&ca, NULL, &e) < 0);
		assert_int_equal(ca.n_signed[ASK_NEW_ORDER], 1);
		ca_end(&ca);
	}
}

static void profile_and_replaces_are_each_left_out_once(void **state)
{
	static const struct ca_step steps[] = { DIRECTORY,
						REFUSED(400, "invalidProfile"),
						REFUSED(409, "alreadyReplaced"), NEW,
						DOWNLOAD };
	struct ca ca;
	struct err e;

	begin(&ca, state, steps, N(steps));
	assert_int_equal(order(&ca, "short", &e), 0);
	assert_int_equal(ca.n_replaces, 2);
	assert_string_equal(ca.profile, "");
	ca_end(&ca);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)
	const struct CMUnitTest tests[] = {
		CASE(a_window_is_asked_for_without_account_or_signature),
		CASE(a_ca_may_say_nothing_of_renewals),
		CASE(renewals_are_asked_about_at_the_ca_itself),
		CASE(what_is_no_window_is_no_answer),
		CASE(a_ca_that_wants_time_is_given_it),
		CASE(an_order_says_what_it_replaces_where_the_ca_knows_of_it),
		CASE(an_order_that_may_not_replace_is_sent_once_more_without),
		CASE(any_other_refusal_is_one),
		CASE(profile_and_replaces_are_each_left_out_once),
	};

	return cmocka_run_group_tests_name("ari_fetch", tests, NULL, NULL);
}
