/* order: from newOrder to the chain, with CAs that answer in every way they may, and in
 * some that they may not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/order.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "tests/help/ca.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static const char *const one_name[] = { "a.test" };
static const char *const two_names[] = { "a.test", "*.a.test" };

static const struct order_way http_way[] = { { "http-01", 7, NULL, NULL } };

static struct order_want want_one(void)
{
	return (struct order_want){
		.names = one_name, .n_names = 1, .ways = http_way, .n_ways = 1
	};
}

static void begin(struct ca *ca, void **state, const struct ca_step *steps, size_t n)
{
	ca_start(ca, *state, steps, n);
	snprintf(ca->kid, sizeof(ca->kid), "%s/a/1", ca->web->url);
}

static int advance(struct ca *ca, const struct order_want *want, struct buf *chain,
		   char **note, struct err *e)
{
	*note = NULL;
	*e = (struct err){ .code = ERR_SYS };
	return order_advance(&ca->acme, want, chain, note, e);
}

/* Advance to the chain "PEM"; the note, owned. */
static char *expect_chain(struct ca *ca, const struct order_want *want)
{
	AUTO_BUF struct buf chain = { 0 };
	char *note;
	struct err e;

	if (advance(ca, want, &chain, &note, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(chain.data, "PEM");
	ca_end(ca);
	return note;
}

static void expect_plain_chain(struct ca *ca, const struct order_want *want)
{
	AUTO_FREE char *note = expect_chain(ca, want);

	assert_null(note);
}

static void expect_failure(struct ca *ca, const struct order_want *want, int code,
			   const char *says)
{
	AUTO_BUF struct buf chain = { 0 };
	AUTO_FREE char *note = NULL;
	struct err e;
	int rc = advance(ca, want, &chain, &note, &e);

	if (rc != code || strstr(e.text, says) == NULL)
		fail_msg("%d \"%s\", not %d \"...%s...\"", rc, rc < 0 ? e.text : "",
			 code, says);
	assert_null(note);
	ca_end(ca);
}

/* Its URL was told once as new, and once as not counted, behind all else. */
static bool ca_says_twice(const struct ca *ca)
{
	char told[2048];
	const char *first;

	snprintf(told, sizeof(told), "order %s/o/1;", ca->web->url);
	first = strstr(ca->heard, told);
	return first != NULL && strlen(ca->heard) > strlen(told) &&
	       strcmp(ca->heard + strlen(ca->heard) - strlen(told), told) == 0 &&
	       first < ca->heard + strlen(ca->heard) - strlen(told);
}

/* -- what the CA says -- */

#define ORDER_OF(status, more)                                       \
	"{\"status\":\"" status "\",\"authorizations\":[\"@/z/1\"]," \
	"\"finalize\":\"@/o/1/finalize\"" more "}"
#define CERT ",\"certificate\":\"@/c/1\""
#define HTTP                                    \
	"{\"type\":\"http-01\",\"url\":\"@/ch/" \
	"1\",\"status\":\"pending\",\"token\":\"" CA_TOKEN "\"}"
#define PLACE "Location: @/o/1\r\n"

#define AUTHZ_OF(status, challenges)                                             \
	"{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\",\"value\":" \
	"\"a.test\"},\"challenges\":[" challenges "]}"

#define NEW(status, more)                                             \
	{                                                             \
		"POST /new-order", 201, PLACE, ORDER_OF(status, more) \
	}
#define READ(status, more)                                    \
	{                                                     \
		"POST /o/1 ", 200, "", ORDER_OF(status, more) \
	}
#define AUTHZ(body)                         \
	{                                   \
		"POST /z/1 ", 200, "", body \
	}
#define ANSWER                                                   \
	{                                                        \
		"POST /ch/1 ", 200, "", "{\"status\":\"valid\"}" \
	}
#define FINALIZE(status, more)                                         \
	{                                                              \
		"POST /o/1/finalize ", 200, "", ORDER_OF(status, more) \
	}
#define DOWNLOAD                             \
	{                                    \
		"POST /c/1 ", 200, "", "PEM" \
	}

static void a_certificate_takes_seven_requests(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY, NEW("pending", ""), AUTHZ(AUTHZ_OF("pending", HTTP)),
		ANSWER,       READ("ready", ""),  FINALIZE("valid", CERT),
		DOWNLOAD,
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	expect_plain_chain(&ca, &want);
	/* Durable before anything is done with it; the token before it is answered. */
	assert_string_equal(ca.heard,
			    ca_text(&ca,
				    "order @/o/1;order @/o/1;token a.test 7 " CA_TOKEN
				    " " CA_TOKEN ".THUMB;"));
	assert_int_equal(ca.n_signed[ASK_NEW_ORDER], 1);
	assert_int_equal(ca.n_signed[ASK_ANSWER], 1);
	assert_int_equal(ca.n_signed[ASK_FINALIZE], 1);
	assert_int_equal(ca.n_signed[ASK_FETCH], 3);
}

static void an_order_may_begin_anywhere(void **state)
{
	static const struct {
		struct ca_step steps[6];
		size_t n;
	} rows[] = {
		{ { CA_DIRECTORY, NEW("ready", ""), FINALIZE("valid", CERT), DOWNLOAD },
		  4 },
		{ { CA_DIRECTORY, NEW("valid", CERT), DOWNLOAD }, 3 },
		/* Validated before, or nothing to validate. */
		{ { CA_DIRECTORY, NEW("pending", ""), AUTHZ(AUTHZ_OF("valid", HTTP)),
		    READ("valid", CERT), DOWNLOAD },
		  5 },
		{ { CA_DIRECTORY,
		    { "POST /new-order", 201, PLACE, "{\"status\":\"pending\"}" },
		    READ("valid", CERT),
		    DOWNLOAD },
		  4 },
		{ { CA_DIRECTORY,
		    { "POST /new-order", 201, PLACE,
		      "{\"status\":\"pending\",\"authorizations\":[]}" },
		    READ("valid", CERT),
		    DOWNLOAD },
		  4 },
		{ { CA_DIRECTORY,
		    { "POST /new-order", 201, PLACE,
		      "{\"status\":\"ready\",\"finalize\":\"@/o/1/finalize\"}" },
		    FINALIZE("valid", CERT),
		    DOWNLOAD },
		  4 },
		/* An answer to finalize without an order in it. */
		{ { CA_DIRECTORY,
		    NEW("ready", ""),
		    { "POST /o/1/finalize", 200, "", "" },
		    READ("valid", CERT),
		    DOWNLOAD },
		  5 },
		/* Not ready after all. */
		{ { CA_DIRECTORY,
		    NEW("ready", ""),
		    { "POST /o/1/finalize", 403, "",
		      "{\"type\":\"" CA_T "orderNotReady\"}" },
		    READ("valid", CERT),
		    DOWNLOAD },
		  5 },
	};
	const struct order_want want = want_one();

	for (size_t i = 0; i < N(rows); i++) {
		struct ca ca;

		begin(&ca, state, rows[i].steps, rows[i].n);
		expect_plain_chain(&ca, &want);
	}
}

static void what_is_unknown_is_passed_over(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("pending", ",\"new-thing\":{\"a\":[1,null]},\"profile\":\"x\""),
		AUTHZ(
		    AUTHZ_OF("pending",
			     "{\"type\":\"dns-persist-01\",\"url\":\"@/ch/9\"},7,"
			     "{\"type\":7},{\"type\":\"new-01\",\"token\":[]}," HTTP)),
		ANSWER,
		READ("valid", CERT),
		DOWNLOAD,
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	expect_plain_chain(&ca, &want);
}

#define HTTP_AT(n, status)                                                  \
	"{\"type\":\"http-01\",\"url\":\"@/ch/" n "\",\"status\":\"" status \
	"\",\"token\":\"" CA_TOKEN "\"}"

/* RFC 8555 7.1.4, "wildcard": each is for one of our names; all are presented before the
 * first is answered. */
static void all_names_are_presented_before_the_first_is_answered(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /new-order", 201, PLACE,
		  "{\"status\":\"pending\",\"authorizations\":[\"@/z/1\",\"@/z/2\"]}" },
		AUTHZ(
		    "{\"status\":\"pending\",\"wildcard\":true,\"identifier\":"
		    "{\"value\":\"A.test\"},\"challenges\":[" HTTP_AT("1",
								      "pending") "]}"),
		{ "POST /z/2 ", 200, "", AUTHZ_OF("pending", HTTP_AT("2", "pending")) },
		ANSWER,
		{ "POST /ch/2 ", 200, "", "{}" },
		READ("valid", CERT),
		DOWNLOAD,
	};
	struct order_want want = want_one();
	struct ca ca;

	want.names = two_names;
	want.n_names = 2;
	begin(&ca, state, steps, N(steps));
	expect_plain_chain(&ca, &want);
	assert_non_null(strstr(ca.heard, "token *.a.test 7 " CA_TOKEN));
	assert_non_null(strstr(ca.heard, ";token a.test 7 " CA_TOKEN));
}

static void a_challenge_is_answered_once(void **state)
{
	static const struct ca_step processing[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", HTTP_AT("1", "processing"))),
		READ("valid", CERT),
		DOWNLOAD,
	};
	static const struct ca_step conflict[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", HTTP)),
		{ "POST /ch/1", 409, "", "{\"type\":\"" CA_T "conflict\"}" },
		READ("valid", CERT),
		DOWNLOAD,
	};
	static const struct ca_step decided[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", HTTP)),
		{ "POST /ch/1", 400, "", "{\"type\":\"" CA_T "malformed\"}" },
		{ "POST /ch/1", 200, "", "{\"status\":\"valid\"}" },
		READ("valid", CERT),
		DOWNLOAD,
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, processing, N(processing));
	expect_plain_chain(&ca, &want);
	/* It may have been answered before a crash: the token has to be there. */
	assert_non_null(strstr(ca.heard, "token a.test"));
	begin(&ca, state, conflict, N(conflict));
	expect_plain_chain(&ca, &want);
	begin(&ca, state, decided, N(decided));
	expect_plain_chain(&ca, &want);
}

static void a_challenge_that_may_not_be_answered_is_told(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", HTTP)),
		{ "POST /ch/1", 400, "",
		  "{\"type\":\"" CA_T "malformed\",\"detail\":\"no\"}" },
		{ "POST /ch/1", 200, "", "{\"status\":\"pending\"}" },
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	expect_failure(&ca, &want, ERR_PROTO,
		       "a.test: challenge: the CA answers 400: malformed: \"no\"");
}

/* -- ways -- */

static void a_wildcard_may_be_called_by_its_star(void **state)
{
	static const char *const wilds[] = { "", "\"wildcard\":true," };
	struct order_want want = want_one();

	want.names = two_names + 1;
	for (size_t i = 0; i < N(wilds); i++) {
		char said[512];
		const struct ca_step steps[] = {
			CA_DIRECTORY, NEW("pending", ""),  AUTHZ(said),
			ANSWER,       READ("valid", CERT), DOWNLOAD,
		};
		struct ca ca;

		snprintf(said, sizeof(said),
			 "{\"status\":\"pending\",%s\"identifier\":{\"value\":"
			 "\"*.A.test\"},\"challenges\":[" HTTP "]}",
			 wilds[i]);
		begin(&ca, state, steps, N(steps));
		expect_plain_chain(&ca, &want);
		assert_non_null(strstr(ca.heard, "token *.a.test 7 "));
	}
}

static void ways_are_tried_in_order_for_the_names_they_are_for(void **state)
{
	static const char *const only_b[] = { "b.test", NULL };
	static const char *const only_a[] = { "a.test", NULL };
	static const struct order_way ways[] = {
		{ "http-01", 1, only_b, NULL }, { "new-01", 2, NULL, NULL },
		{ "http-01", 5, NULL, only_a }, { "http-01", 3, only_a, only_b },
		{ "http-01", 4, NULL, NULL },
	};
	static const struct ca_step steps[] = {
		CA_DIRECTORY, NEW("pending", ""),  AUTHZ(AUTHZ_OF("pending", HTTP)),
		ANSWER,       READ("valid", CERT), DOWNLOAD,
	};
	struct order_want want = want_one();
	struct ca ca;

	want.ways = ways;
	want.n_ways = N(ways);
	begin(&ca, state, steps, N(steps));
	expect_plain_chain(&ca, &want);
	assert_non_null(strstr(ca.heard, "token a.test 3 "));
}

static void no_way_is_said_with_what_is_offered(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", "{\"type\":\"dns-01\"},{\"type\":\"x\\n\"}")),
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	expect_failure(&ca, &want, ERR_REFUSED,
		       "a.test: the CA offers dns-01 x\\n, configured is http-01");
}

static void what_is_no_token_goes_nowhere(void **state)
{
	static const char *const bodies[] = {
		AUTHZ_OF("pending",
			 "{\"type\":\"http-01\",\"url\":\"@/ch/1\",\"token\":"
			 "\"../../../../../etc/cron.d/x\"}"),
		AUTHZ_OF("pending",
			 "{\"type\":\"http-01\",\"url\":\"@/ch/1\",\"token\":"
			 "\"$(touch /tmp/x)aaaaaaaaaaaaaaaa\"}"),
		AUTHZ_OF("pending",
			 "{\"type\":\"http-01\",\"url\":\"@/ch/1\",\"token\":"
			 "\"aaaaaaaaaaaaaaaaaaaaaa\\u0000b\"}"),
		AUTHZ_OF("pending", "{\"type\":\"http-01\",\"url\":\"@/ch/1\"}"),
		AUTHZ_OF("pending", "{\"type\":\"http-01\",\"url\":\"https://e.test/\","
				    "\"token\":\"" CA_TOKEN "\"}"),
		AUTHZ_OF("pending",
			 "{\"type\":\"http-01\",\"token\":\"" CA_TOKEN "\"}"),
		"{\"status\":\"pending\",\"identifier\":{\"value\":\"b.test\"}}",
		"{\"status\":\"pending\"}",
		"[]",
	};
	const struct order_want want = want_one();

	for (size_t i = 0; i < N(bodies); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, NEW("pending", ""),
						 AUTHZ(bodies[i]) };
		struct ca ca;

		begin(&ca, state, steps, N(steps));
		expect_failure(&ca, &want, ERR_PROTO, "authorization: ");
		assert_null(strstr(ca.heard, "token"));
	}
}

/* -- waiting -- */

static int64_t expect_later(struct ca *ca, const struct order_want *want)
{
	AUTO_BUF struct buf chain = { 0 };
	AUTO_FREE char *note = NULL;
	struct err e;

	if (advance(ca, want, &chain, &note, &e) != ERR_LATER)
		fail_msg("%s", e.text);
	ca_end(ca);
	return e.retry_at_ms - clock_now_ms();
}

static void waiting_is_left_to_who_asked(void **state)
{
	static const struct ca_step pending[] = {
		CA_DIRECTORY, NEW("pending", ""),  AUTHZ(AUTHZ_OF("pending", HTTP)),
		ANSWER,       READ("pending", ""),
	};
	static const struct ca_step processing[] = {
		CA_DIRECTORY,
		NEW("ready", ""),
		FINALIZE("processing", ""),
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, pending, N(pending));
	assert_in_range(expect_later(&ca, &want) + 100, 0, 100 + ORDER_POLL_MS);
	begin(&ca, state, processing, N(processing));
	assert_in_range(expect_later(&ca, &want) + 100, 0, 100 + ORDER_POLL_MS);
}

/* What it was to be told would wait until it is looked at again. */
static void what_the_ca_was_too_busy_for_is_not_counted(void **state)
{
	static const struct ca_step busy = { "POST /ch/1 ", 429, "Retry-After: 60\r\n",
					     "" };
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", HTTP)),
		busy,
	};
	static const struct ca_step asked[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		{ "POST /z/1 ", 503, "Retry-After: 60\r\n", "" },
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	expect_failure(&ca, &want, ERR_LATER, "the CA answers 429");
	assert_true(ca_says_twice(&ca));
	begin(&ca, state, asked, N(asked));
	expect_failure(&ca, &want, ERR_LATER, "the CA answers 503");
	assert_true(ca_says_twice(&ca));
}

static void an_order_is_not_read_before_it_can_have_an_outcome(void **state)
{
	static const char *const words[] = { "pending", "processing" };
	const struct order_want want = want_one();
	struct ca ca;

	for (size_t i = 0; i < N(words); i++) {
		char said[64];
		const struct ca_step steps[] = {
			CA_DIRECTORY,
			NEW("pending", ""),
			AUTHZ(AUTHZ_OF("pending", HTTP)),
			{ "POST /ch/1 ", 200, "", said },
		};

		snprintf(said, sizeof(said), "{\"status\":\"%s\"}", words[i]);
		begin(&ca, state, steps, N(steps));
		assert_in_range(expect_later(&ca, &want) + 100, 0, 100 + ORDER_POLL_MS);
	}
}

/* = RFC 8555 7.5.1 [retry] */
static void what_the_ca_says_of_its_challenges_is_waited_for_too(void **state)
{
	static const struct ca_step answered[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", HTTP)),
		{ "POST /ch/1 ", 200, "Retry-After: 30\r\n",
		  "{\"status\":\"processing\"}" },
	};
	static const struct ca_step working[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		{ "POST /z/1 ", 200, "Retry-After: 30\r\n",
		  AUTHZ_OF("processing", HTTP) },
		READ("pending", ""),
	};
	static const struct ca_step before[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		{ "POST /z/1 ", 200, "Retry-After: 30\r\n", AUTHZ_OF("pending", HTTP) },
		ANSWER,
		READ("pending", ""),
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, answered, N(answered));
	assert_in_range(expect_later(&ca, &want), 28000, 30000);
	begin(&ca, state, working, N(working));
	assert_in_range(expect_later(&ca, &want), 28000, 30000);
	begin(&ca, state, before, N(before));
	assert_in_range(expect_later(&ca, &want) + 100, 0, 100 + ORDER_POLL_MS);
}

static void who_comes_back_reads_the_order_only(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY, READ("pending", "") };
	static const struct ca_step done[] = { CA_DIRECTORY, READ("valid", CERT),
					       DOWNLOAD };
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	for (unsigned polls = 1; polls < ORDER_LOOK_POLLS; polls++) {
		begin(&ca, state, steps, N(steps));
		snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
		want.url = url;
		want.polls = polls;
		assert_in_range(expect_later(&ca, &want) + 100, 0,
				100 + (ORDER_POLL_MS << polls));
		assert_string_equal(ca.heard, "");
	}
	begin(&ca, state, done, N(done));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	expect_plain_chain(&ca, &want);
}

static void waits_double_up_to_a_minute_and_are_the_CAs_up_to_a_day(void **state)
{
	static const struct {
		const char *header;
		unsigned polls;
		int64_t least;
		int64_t most;
	} rows[] = {
		{ "", 7, 300, 640 },
		{ "", 31, 59000, 60000 },
		{ "", 1000001, 59000, 60000 },
		{ "Retry-After: 3\r\n", 1, 2000, 3000 },
		{ "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", 1, 86399000,
		  86400000 },
		{ "Retry-After: soon\r\n", 1, 0, 10 },
		{ "Retry-After: 0\r\n", 7, 300, 640 },
		{ "Retry-After: Sat, 01 Jan 2000 00:00:00 GMT\r\n", 7, 300, 640 },
	};
	struct order_want want = want_one();

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = {
			CA_DIRECTORY,
			{ "POST /o/1 ", 200, rows[i].header, ORDER_OF("pending", "") },
		};
		char url[128];
		struct ca ca;
		int64_t wait;

		begin(&ca, state, steps, N(steps));
		snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
		want.url = url;
		want.polls = rows[i].polls;
		wait = expect_later(&ca, &want);
		if (wait > rows[i].most || wait < rows[i].least - 200)
			fail_msg("row %zu: %lld ms", i, (long long)wait);
	}
}

/* RFC 8555 7.1.3: "certificate (optional, string)". */
static void a_valid_order_without_its_certificate_is_waited_for(void **state)
{
	static const struct ca_step valid[] = {
		CA_DIRECTORY,
		NEW("ready", ""),
		FINALIZE("valid", ""),
	};
	static const struct ca_step null[] = {
		CA_DIRECTORY,
		NEW("valid", ",\"certificate\":null"),
	};
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, valid, N(valid));
	assert_in_range(expect_later(&ca, &want) + 100, 0, 100 + ORDER_POLL_MS);
	begin(&ca, state, null, N(null));
	(void)expect_later(&ca, &want);
}

/* -- failing -- */

#define ERROR(type, detail) \
	",\"error\":{\"type\":\"" CA_T type "\",\"detail\":\"" detail "\"}"
#define FAILED(n, status)                                                   \
	"{\"type\":\"http-01\",\"url\":\"@/ch/" n "\",\"status\":\"" status \
	"\",\"token\":\"" CA_TOKEN "\"" ERROR("connection", "no answer " n) "}"

static void an_invalid_order_says_why_name_by_name(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /new-order", 201, PLACE,
		  "{\"status\":\"invalid\",\"authorizations\":[\"@/z/1\",\"@/z/"
		  "2\"]" ERROR("malformed", "some failed") "}" },
		AUTHZ("{\"status\":\"invalid\",\"wildcard\":true,\"identifier\":"
		      "{\"value\":\"a.test\"},\"challenges\":[" FAILED("1",
								       "invalid") "]}"),
		{ "POST /z/2 ", 200, "", AUTHZ_OF("invalid", FAILED("2", "invalid")) },
	};
	struct order_want want = want_one();
	struct ca ca;

	want.names = two_names;
	want.n_names = 2;
	begin(&ca, state, steps, N(steps));
	expect_failure(&ca, &want, ERR_NET,
		       ": *.a.test: connection: \"no answer 1\"; a.test: connection: "
		       "\"no answer 2\"");
}

static void an_order_that_died_of_itself_says_so(void **state)
{
	static const struct {
		struct ca_step steps[4];
		size_t n;
		int code;
		const char *says;
	} rows[] = {
		{ { CA_DIRECTORY, NEW("invalid", ERROR("caa", "not by us")),
		    AUTHZ(AUTHZ_OF("valid", HTTP)) },
		  3,
		  ERR_REFUSED,
		  "/o/1: caa: \"not by us\"" },
		{ { CA_DIRECTORY, NEW("invalid", ""), AUTHZ(AUTHZ_OF("valid", HTTP)) },
		  3,
		  ERR_REFUSED,
		  "does not say why" },
		{ { CA_DIRECTORY, NEW("pending", ""),
		    AUTHZ(AUTHZ_OF("expired", HTTP)) },
		  3,
		  ERR_NET,
		  "a.test: its authorization is expired" },
		{ { CA_DIRECTORY,
		    NEW("ready", ""),
		    { "POST /o/1/finalize", 400, "",
		      "{\"type\":\"" CA_T "badCSR\",\"detail\":\"no\"}" } },
		  3,
		  ERR_REFUSED,
		  "finalize: the CA answers 400: badCSR: \"no\"" },
	};
	const struct order_want want = want_one();

	for (size_t i = 0; i < N(rows); i++) {
		struct ca ca;

		begin(&ca, state, rows[i].steps, rows[i].n);
		expect_failure(&ca, &want, rows[i].code, rows[i].says);
	}
}

/* Another worker may have changed it. */
static void an_order_that_fails_leaves_no_account_behind(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		NEW("ready", ""),
		FINALIZE("processing", ""),
		{ "POST /o/1", 500, "", "" },
	};
	struct order_want want = want_one();
	AUTO_BUF struct buf chain = { 0 };
	char url[sizeof(((struct ca *)0)->kid)];
	struct ca ca;
	struct err e;
	char *note;

	begin(&ca, state, steps, N(steps));
	snprintf(url, sizeof(url), "%s", ca_text(&ca, "@/o/1"));
	assert_int_equal(advance(&ca, &want, &chain, &note, &e), ERR_LATER);
	assert_non_null(ca.acme.account.kid);
	want.url = url;
	assert_int_equal(advance(&ca, &want, &chain, &note, &e), ERR_NET);
	assert_null(ca.acme.account.kid);
	ca_end(&ca);
}

/* Or it would be come back to for ever: its reason is one that passes. */
static void an_order_that_has_failed_is_over(void **state)
{
	static const struct ca_step at_once[] = {
		CA_DIRECTORY,
		NEW("invalid", ""),
		AUTHZ(AUTHZ_OF("invalid", FAILED("1", "invalid"))),
	};
	static const struct ca_step later[] = {
		CA_DIRECTORY,
		READ("invalid", ""),
		AUTHZ(AUTHZ_OF("invalid", FAILED("1", "invalid"))),
	};
	static const struct ca_step pending[] = {
		CA_DIRECTORY,
		READ("pending", ""),
		AUTHZ(AUTHZ_OF("pending", FAILED("1", "pending"))),
	};
	/* RFC 8555 7.1.6 ends the authorization with it; some CAs keep that pending. */
	static const struct ca_step invalid[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", FAILED("1", "invalid"))),
	};
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	begin(&ca, state, at_once, N(at_once));
	expect_failure(&ca, &want, ERR_NET, "no answer 1");
	assert_non_null(strstr(ca.heard, "/o/1;order over;"));
	begin(&ca, state, invalid, N(invalid));
	expect_failure(&ca, &want, ERR_NET, "no answer 1");
	assert_non_null(strstr(ca.heard, "/o/1;order over;"));
	want.url = url;
	want.polls = 3;
	begin(&ca, state, later, N(later));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	expect_failure(&ca, &want, ERR_NET, "no answer 1");
	assert_string_equal(ca.heard, "order over;refused a.test 7;");
	want.polls = ORDER_LOOK_POLLS;
	begin(&ca, state, pending, N(pending));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	expect_failure(&ca, &want, ERR_NET, "no answer 1");
	assert_string_equal(ca.heard, "order over;refused a.test 7;");
}

/* What ended it is one thing, and when a new one may be asked for is another. */
static void an_order_that_ran_into_a_limit_is_over_too(void **state)
{
	static const struct ca_step order[] = {
		CA_DIRECTORY,
		NEW("invalid", ",\"error\":{\"type\":\"" CA_T
			       "rateLimited\",\"detail\":\"slow\"}"),
		AUTHZ(AUTHZ_OF("valid", "")),
	};
	static const struct ca_step authz[] = {
		CA_DIRECTORY,
		READ("pending", ""),
		AUTHZ(AUTHZ_OF("invalid",
			       "{\"type\":\"http-01\",\"error\":{\"type\":\"" CA_T
			       "rateLimited\",\"detail\":\"slow\"}}")),
	};
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	begin(&ca, state, order, N(order));
	expect_failure(&ca, &want, ERR_LATER, "rateLimited: \"slow\"");
	assert_string_equal(ca.heard, ca_text(&ca, "order @/o/1;order over;"));
	want.url = url;
	begin(&ca, state, authz, N(authz));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	expect_failure(&ca, &want, ERR_LATER, "rateLimited: \"slow\"");
	assert_string_equal(ca.heard, "order over;refused a.test 7;");
}

/* What is refused by name, whatever the step. */
static void who_is_refused_is_named(void **state)
{
#define IDS          "\"urn:ietf:params:acme:error:rejectedIdentifier\""
#define ABOUT(value) "\"identifier\":{\"type\":\"dns\",\"value\":\"" value "\"}"
#define SUB                                                     \
	"{\"type\":" IDS ",\"subproblems\":[{\"type\":" IDS "," \
	"\"detail\":\"no\"," ABOUT("A.test") "}]}"
#define REFUSED(path, body)                 \
	{                                   \
		"POST " path, 400, "", body \
	}
	static const struct {
		struct ca_step steps[3];
		size_t n;
		const char *heard;
	} rows[] = {
		{ { CA_DIRECTORY, REFUSED("/new-order", SUB) },
		  2,
		  "order over;refused a.test;" },
		{ { CA_DIRECTORY,
		    REFUSED("/new-order", "{\"type\":" IDS ",\"detail\":\"Cannot "
					  "issue for \\\"a.test\\\": no\"}") },
		  2,
		  "order over;refused a.test;" },
		{ { CA_DIRECTORY,
		    REFUSED("/new-order", "{\"type\":" IDS ",\"detail\":\"not "
					  "b.a.test, nor a.test.example\"}") },
		  2,
		  "" },
		{ { CA_DIRECTORY, NEW("ready", ""), REFUSED("/o/1/finalize", SUB) },
		  3,
		  "order @/o/1;order over;refused a.test;" },
		{ { CA_DIRECTORY, NEW("invalid", ",\"error\":" SUB),
		    AUTHZ(AUTHZ_OF("valid", HTTP)) },
		  3,
		  "order @/o/1;order over;refused a.test;" },
		{ { CA_DIRECTORY, NEW("pending", ""),
		    AUTHZ(AUTHZ_OF("pending", "{\"type\":\"dns-01\"}")) },
		  3,
		  "order @/o/1;order over;refused a.test;" },
	};
	const struct order_want want = want_one();
	struct ca ca;

	for (size_t i = 0; i < N(rows); i++) {
		begin(&ca, state, rows[i].steps, rows[i].n);
		expect_failure(&ca, &want, ERR_REFUSED, "");
		if (strcmp(ca.heard, ca_text(&ca, rows[i].heard)) != 0)
			fail_msg("row %zu: heard %s", i, ca.heard);
	}
}

/* Nobody was there to be told of its end. */
static void an_order_that_had_failed_before_makes_way_for_a_new_one(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /o/0 ", 200, "", ORDER_OF("invalid", "") },
		NEW("valid", CERT),
		DOWNLOAD,
	};
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	snprintf(url, sizeof(url), "%s/o/0", ca.web->url);
	want.url = url;
	expect_plain_chain(&ca, &want);
	assert_non_null(strstr(ca.heard, "/o/1;"));
}

/* A CA whose order stays pending when a challenge has failed. */
static void a_challenge_that_failed_and_stays_pending_is_found_out(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		READ("pending", ""),
		AUTHZ(AUTHZ_OF("pending", FAILED("1", "pending"))),
	};
	static const struct ca_step first[] = {
		CA_DIRECTORY,
		NEW("pending", ""),
		AUTHZ(AUTHZ_OF("pending", FAILED("1", "pending"))), /* of before */
		ANSWER,
		READ("valid", CERT),
		DOWNLOAD,
	};
	static const struct ca_step retrying[] = {
		CA_DIRECTORY,
		READ("pending", ""),
		AUTHZ(AUTHZ_OF("pending", FAILED("1", "processing"))),
	};
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	begin(&ca, state, first, N(first));
	expect_plain_chain(&ca, &want);
	want.url = url;
	want.polls = ORDER_LOOK_POLLS;
	begin(&ca, state, steps, N(steps));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	expect_failure(&ca, &want, ERR_NET, "a.test: connection: \"no answer 1\"");
	begin(&ca, state, retrying, N(retrying));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	(void)expect_later(&ca, &want);
}

static void an_answer_that_was_lost_is_given_again(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY, READ("pending", ""), AUTHZ(AUTHZ_OF("pending", HTTP)),
		ANSWER,       READ("valid", CERT), DOWNLOAD,
	};
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
	want.url = url;
	want.polls = ORDER_ANSWER_POLLS;
	expect_plain_chain(&ca, &want);
}

static void an_order_that_is_gone_makes_way_for_a_new_one(void **state)
{
	static const struct ca_step gone[] = {
		{ "POST /o/0", 404, "", "" },
		{ "POST /o/0", 403, "", "{\"type\":\"" CA_T "unauthorized\"}" },
		{ "POST /o/0", 400, "", "{\"type\":\"" CA_T "malformed\"}" },
	};
	struct order_want want = want_one();

	for (size_t i = 0; i < N(gone); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, gone[i],
						 NEW("valid", CERT), DOWNLOAD };
		char url[128];
		struct ca ca;

		begin(&ca, state, steps, N(steps));
		snprintf(url, sizeof(url), "%s/o/0", ca.web->url);
		want.url = url;
		want.polls = 3;
		expect_plain_chain(&ca, &want);
		assert_string_equal(ca.heard, ca_text(&ca, "order @/o/1;"));
	}
}

static void an_order_that_cannot_be_asked_for_is_kept(void **state)
{
	static const struct {
		struct ca_step step;
		int code;
	} rows[] = {
		{ { "POST /o/0", 500, "", "" }, ERR_NET },
		{ { "POST /o/0", 429, "", "" }, ERR_LATER },
		{ { "POST /o/0", 404, "Retry-After: 5\r\n", "" }, ERR_LATER },
		{ { "POST /o/0", 200, "", "{\"status\":\"new\"}" }, ERR_PROTO },
	};
	struct order_want want = want_one();

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, rows[i].step };
		char url[128];
		struct ca ca;

		begin(&ca, state, steps, N(steps));
		snprintf(url, sizeof(url), "%s/o/0", ca.web->url);
		want.url = url;
		expect_failure(&ca, &want, rows[i].code, "/o/0: ");
		assert_int_equal(ca.n_signed[ASK_NEW_ORDER], 0);
	}
}

/* That a nonce was refused is no word about the order, if no other nonce is to be had. */
static void an_order_without_a_nonce_to_ask_by_is_kept(void **state)
{
	static const struct ca_step steps[] = {
		CA_DIRECTORY,
		{ "POST /o/0", 400, "Replay-Nonce: !\r\n",
		  "{\"type\":\"" CA_T "badNonce\"}" },
		{ "HEAD /nonce", 200, "Replay-Nonce: !\r\n", "" },
	};
	struct order_want want = want_one();
	char url[128];
	struct ca ca;

	begin(&ca, state, steps, N(steps));
	snprintf(url, sizeof(url), "%s/o/0", ca.web->url);
	want.url = url;
	expect_failure(&ca, &want, ERR_PROTO, "/o/0: the CA sends no nonce");
	assert_int_equal(ca.n_signed[ASK_NEW_ORDER], 0);
}

static void what_an_order_needs_is_there_and_of_the_CA(void **state)
{
	static const struct {
		struct ca_step step;
		int code;
		const char *says;
	} rows[] = {
		{ { "POST /new-order", 201, "", ORDER_OF("pending", "") },
		  ERR_PROTO,
		  "the CA sends no URL of the order" },
		{ { "POST /new-order", 201, "Location: https://e.test/o\r\n",
		    ORDER_OF("pending", "") },
		  ERR_PROTO,
		  "the URL of the order is \"https://e.test/o\"" },
		{ { "POST /new-order", 201, "Location: http://127.0.0.1/o\r\n",
		    ORDER_OF("pending", "") },
		  ERR_PROTO,
		  "which is not of" },
		{ { "POST /new-order", 201, PLACE, "{\"status\":\"ready\"}" },
		  ERR_PROTO,
		  "the CA sends no URL to finalize" },
		{ { "POST /new-order", 201, PLACE,
		    "{\"status\":\"ready\",\"finalize\":\"https://e.test/f\"}" },
		  ERR_PROTO,
		  "the URL to finalize is" },
		{ { "POST /new-order", 201, PLACE,
		    "{\"status\":\"valid\",\"certificate\":\"https://e.test/c\"}" },
		  ERR_PROTO,
		  "the URL of the certificate is" },
		{ { "POST /new-order", 201, PLACE,
		    "{\"status\":\"pending\",\"authorizations\":[\"file:///etc/"
		    "passwd\"]}" },
		  ERR_PROTO,
		  "the URL of an authorization is" },
		{ { "POST /new-order", 201, PLACE,
		    "{\"status\":\"pending\",\"authorizations\":[7]}" },
		  ERR_PROTO,
		  "the CA sends no URL of an authorization" },
		{ { "POST /new-order", 201, PLACE, "{}" },
		  ERR_PROTO,
		  "the order has no status that is known" },
		{ { "POST /new-order", 201, PLACE, "" },
		  ERR_PROTO,
		  "the CA sends no order, but" },
		{ { "POST /new-order", 429, "Retry-After: 60\r\n",
		    "{\"type\":\"" CA_T "rateLimited\",\"detail\":\"too many\"}" },
		  ERR_LATER,
		  "new-order: the CA answers 429: rateLimited: \"too many\"" },
		{ { "POST /new-order", 400, "",
		    "{\"type\":\"" CA_T "rejectedIdentifier\",\"detail\":\"x\","
		    "\"subproblems\":[{\"type\":\"" CA_T "caa\",\"identifier\":"
		    "{\"value\":\"a.test\"}}]}" },
		  ERR_REFUSED,
		  "a.test: caa" },
	};
	const struct order_want want = want_one();

	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, rows[i].step };
		struct ca ca;

		begin(&ca, state, steps, N(steps));
		expect_failure(&ca, &want, rows[i].code, rows[i].says);
	}
}

static void an_order_has_no_more_authorizations_than_names_can_be(void **state)
{
	AUTO_BUF struct buf body = { 0 };
	struct ca_step steps[] = { CA_DIRECTORY,
				   { "POST /new-order", 201, PLACE, NULL } };
	const struct order_want want = want_one();
	struct ca ca;

	buf_puts(&body, "{\"status\":\"pending\",\"authorizations\":[\"@/z/1\"");
	for (int i = 0; i < ORDER_AUTHZ_MAX; i++)
		buf_puts(&body, ",\"@/z/1\"");
	buf_puts(&body, "]}");
	steps[1].body = body.data;
	begin(&ca, state, steps, N(steps));
	expect_failure(&ca, &want, ERR_LIMIT, "the order has 101 authorizations");
}

/* -- profiles -- */

static void a_profile_is_asked_for_if_it_is_offered(void **state)
{
	static const struct ca_step steps[] = { CA_DIRECTORY, NEW("valid", CERT),
						DOWNLOAD };
	static const struct ca_step echoed[] = {
		CA_DIRECTORY, NEW("valid", CERT ",\"profile\":\"short\""), DOWNLOAD
	};
	struct order_want want = want_one();
	struct ca ca;

	want.profile = "short";
	for (int i = 0; i < 2; i++) {
		begin(&ca, state, i == 0 ? steps : echoed, N(steps));
		expect_plain_chain(&ca, &want);
		assert_string_equal(ca.profile, "short");
	}
}

static void a_profile_that_is_not_offered_is_left_out_and_that_is_said(void **state)
{
	static const struct ca_step unlisted[] = { CA_DIRECTORY, NEW("valid", CERT),
						   DOWNLOAD };
	static const struct ca_step refused[] = {
		CA_DIRECTORY,
		{ "POST /new-order", 400, "", "{\"type\":\"" CA_T "invalidProfile\"}" },
		NEW("valid", CERT ",\"profile\":\"default\""),
		DOWNLOAD,
	};
	/* Found out only now: another order, without. */
	static const struct ca_step at_the_end[] = {
		CA_DIRECTORY,
		NEW("ready", ""),
		{ "POST /o/1/finalize ", 400, "",
		  "{\"type\":\"" CA_T "invalidProfile\"}" },
		NEW("valid", CERT),
		DOWNLOAD,
	};
	static const struct ca_step invalid[] = {
		CA_DIRECTORY,
		{ "POST /o/1 ", 200, "",
		  "{\"status\":\"invalid\",\"error\":{\"type\":\"" CA_T
		  "invalidProfile\"}}" },
		NEW("valid", CERT),
		DOWNLOAD,
	};
	/* It was left out when the order was made, before it was come back to. */
	static const struct ca_step later[] = { CA_DIRECTORY, READ("valid", CERT),
						DOWNLOAD };
	static const struct {
		const struct ca_step *steps;
		size_t n;
		const char *profile;
		bool resumed;
	} rows[] = {
		{ unlisted, N(unlisted), "long", false },
		{ refused, N(refused), "short", false },
		{ at_the_end, N(at_the_end), "short", false },
		{ invalid, N(invalid), "short", true },
		{ later, N(later), "long", true },
	};
	struct order_want want = want_one();

	for (size_t i = 0; i < N(rows); i++) {
		AUTO_FREE char *note = NULL;
		char url[128];
		struct ca ca;

		want.profile = rows[i].profile;
		want.polls = rows[i].resumed ? 1 : 0; /* somebody is there to be told */
		begin(&ca, state, rows[i].steps, rows[i].n);
		snprintf(url, sizeof(url), "%s/o/1", ca.web->url);
		want.url = rows[i].resumed ? url : NULL;
		note = expect_chain(&ca, &want);
		assert_non_null(note);
		assert_non_null(strstr(note, "it was left out"));
		assert_string_equal(ca.profile, "");
	}
}

static void a_profile_that_is_needed_is_not_left_out(void **state)
{
	static const struct ca_step directory[] = { CA_DIRECTORY };
	static const struct ca_step refused[] = {
		CA_DIRECTORY,
		{ "POST /new-order", 400, "", "{\"type\":\"" CA_T "invalidProfile\"}" },
	};
	struct order_want want = want_one();
	struct ca ca;

	want.need_profile = true;
	want.profile = "long";
	begin(&ca, state, directory, 1);
	expect_failure(&ca, &want, ERR_REFUSED, "does not offer the profile long");
	want.profile = "short";
	begin(&ca, state, refused, 2);
	expect_failure(&ca, &want, ERR_REFUSED, "invalidProfile");
}

/* -- download -- */

static void a_certificate_that_is_none_is_refused(void **state)
{
	static const struct ca_step empty[] = {
		CA_DIRECTORY,
		NEW("valid", CERT),
		{ "POST /c/1", 200, "", "" },
	};
	AUTO_BUF struct buf large = { 0 };
	struct ca_step steps[] = { CA_DIRECTORY,
				   NEW("valid", CERT),
				   { "POST /c/1", 200, "", NULL } };
	const struct order_want want = want_one();
	struct ca ca;

	begin(&ca, state, empty, N(empty));
	expect_failure(&ca, &want, ERR_NET, "certificate: the CA sends nothing");
	for (int i = 0; i < 300000; i++)
		buf_puts(&large, "x");
	steps[2].body = large.data;
	begin(&ca, state, steps, N(steps));
	expect_failure(&ca, &want, ERR_LIMIT,
		       "certificate: the chain has 300000 bytes");
}

static void a_certificate_that_the_ca_does_not_give_out_is_asked_for_again(void **state)
{
	static const struct ca_step said[] = {
		{ "POST /c/1", 404, "", "{\"type\":\"" CA_T "malformed\"}" },
		{ "POST /c/1", 403, "", "{\"type\":\"" CA_T "unauthorized\"}" },
		{ "POST /c/1", 302, "", "" },
		{ "POST /c/1", 500, "", "" },
	};
	const struct order_want want = want_one();

	for (size_t i = 0; i < N(said); i++) {
		const struct ca_step steps[] = { CA_DIRECTORY, NEW("valid", CERT),
						 said[i] };
		struct ca ca;

		begin(&ca, state, steps, N(steps));
		expect_failure(&ca, &want, ERR_NET, "certificate: the CA answers ");
		assert_null(strstr(ca.heard, "over"));
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)
	const struct CMUnitTest tests[] = {
		CASE(a_certificate_takes_seven_requests),
		CASE(an_order_may_begin_anywhere),
		CASE(what_is_unknown_is_passed_over),
		CASE(all_names_are_presented_before_the_first_is_answered),
		CASE(a_challenge_is_answered_once),
		CASE(a_challenge_that_may_not_be_answered_is_told),
		CASE(a_wildcard_may_be_called_by_its_star),
		CASE(ways_are_tried_in_order_for_the_names_they_are_for),
		CASE(no_way_is_said_with_what_is_offered),
		CASE(what_is_no_token_goes_nowhere),
		CASE(waiting_is_left_to_who_asked),
		CASE(what_the_ca_was_too_busy_for_is_not_counted),
		CASE(an_order_is_not_read_before_it_can_have_an_outcome),
		CASE(what_the_ca_says_of_its_challenges_is_waited_for_too),
		CASE(who_comes_back_reads_the_order_only),
		CASE(waits_double_up_to_a_minute_and_are_the_CAs_up_to_a_day),
		CASE(a_valid_order_without_its_certificate_is_waited_for),
		CASE(an_invalid_order_says_why_name_by_name),
		CASE(an_order_that_died_of_itself_says_so),
		CASE(an_order_that_fails_leaves_no_account_behind),
		CASE(an_order_that_has_failed_is_over),
		CASE(an_order_that_ran_into_a_limit_is_over_too),
		CASE(who_is_refused_is_named),
		CASE(an_order_that_had_failed_before_makes_way_for_a_new_one),
		CASE(a_challenge_that_failed_and_stays_pending_is_found_out),
		CASE(an_answer_that_was_lost_is_given_again),
		CASE(an_order_that_is_gone_makes_way_for_a_new_one),
		CASE(an_order_that_cannot_be_asked_for_is_kept),
		CASE(an_order_without_a_nonce_to_ask_by_is_kept),
		CASE(what_an_order_needs_is_there_and_of_the_CA),
		CASE(an_order_has_no_more_authorizations_than_names_can_be),
		CASE(a_profile_is_asked_for_if_it_is_offered),
		CASE(a_profile_that_is_not_offered_is_left_out_and_that_is_said),
		CASE(a_profile_that_is_needed_is_not_left_out),
		CASE(a_certificate_that_is_none_is_refused),
		CASE(a_certificate_that_the_ca_does_not_give_out_is_asked_for_again),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
