/* crlcall: what is asked about a CRL, and the answer, as they arrive at the other end. */
#include "agent/role/crlcall.h"

#include <stdlib.h>
#include <string.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/scratch.h"

static struct crl_ask a_question(const char **points, uint64_t *serials, size_t n)
{
	struct crl_ask ask = {
		.url = "http://ca.example/1.crl",
		.etag = "\"7\"",
		.last_modified = "Sat, 21 Nov 2026 12:00:00 GMT",
		.local = CRL_LOCAL_ANY,
		.max_size = 400ULL << 20,
		.ca = "\x30\x00",
		.ca_len = 2,
		.covers = CRL_USERS,
		.points = points,
		.n_points = 2,
		.floor = { 2, { 1, 7 } },
		.serials = serials,
		.n_serials = n,
	};

	memset(ask.scope, 9, sizeof(ask.scope));
	return ask;
}

static void the_worker_reads_what_the_agent_asks(void **state)
{
	const char *points[] = { "http://a/", "http://b/" };
	uint64_t *serials = xcalloc(CRL_SERIALS_MAX, sizeof(*serials));
	struct crl_ask ask = a_question(points, serials, CRL_SERIALS_MAX), read;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	(void)state;
	serials[CRL_SERIALS_MAX - 1] = 0x123456789abcdef0;
	crlcall_ask(&m, &ask);
	assert_int_equal(m.type, WORKER_CRL);
	assert_int_equal(crlcall_asked(&m, &read, &e), 0);
	assert_string_equal(read.url, ask.url);
	assert_string_equal(read.etag, ask.etag);
	assert_string_equal(read.last_modified, ask.last_modified);
	assert_int_equal(read.local, CRL_LOCAL_ANY);
	assert_int_equal(read.max_size, ask.max_size);
	assert_int_equal(read.ca_len, 2);
	assert_memory_equal(read.ca, ask.ca, 2);
	assert_int_equal(read.covers, CRL_USERS);
	assert_int_equal(read.n_points, 2);
	assert_string_equal(read.points[1], "http://b/");
	assert_int_equal(crl_number_cmp(&read.floor, &ask.floor), 0);
	assert_memory_equal(read.scope, ask.scope, sizeof(ask.scope));
	assert_int_equal(read.n_serials, CRL_SERIALS_MAX);
	assert_memory_equal(read.serials, serials, CRL_SERIALS_MAX * sizeof(*serials));
	free(read.points);
	free(read.serials);
	free(serials);
}

static void a_question_that_is_cut_or_too_large_is_none(void **state)
{
	const char *points[LIMIT_CRL_POINTS + 1] = { "http://a/", "http://b/" };
	uint64_t serials[2] = { 1, 2 };
	struct crl_ask ask = a_question(points, serials, 2), read;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	(void)state;
	crlcall_ask(&m, &ask);
	for (size_t len = m.len; len > 8; len--) {
		m.len = len - 1;
		m.at = 8;
		m.broken = false;
		assert_int_equal(crlcall_asked(&m, &read, &e), ERR_PROTO);
	}
	ask.n_points = LIMIT_CRL_POINTS + 1;
	crlcall_ask(&m, &ask);
	assert_int_equal(crlcall_asked(&m, &read, &e), ERR_PROTO);
}

static void the_agent_reads_what_the_worker_answers(void **state)
{
	const size_t size = CRL_HITS_MAX * sizeof(struct crl_hit);
	struct crl_hit *hits = xcalloc(CRL_HITS_MAX, sizeof(*hits));
	struct crl_answer answer = {
		.verdict = CRL_GOOD,
		.etag = "\"8\"",
		.last_modified = "",
		.facts = { .this_update = 1,
			   .next_update = 2,
			   .number = { 1, { 5 } },
			   .n_entries = 5000000,
			   .size = 175000000,
			   .covers = CRL_CAS,
			   .more = true,
			   .unverified = "why" },
		.hits = hits,
		.n_hits = CRL_HITS_MAX,
	};
	struct crl_answer read;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	(void)state;
	memset(answer.facts.digest, 3, CRL_HASH_LEN);
	memset(answer.facts.scope, 4, CRL_HASH_LEN);
	hits[0] = (struct crl_hit){ 7, 1, 1000, 900, { 3, { 1, 2, 3 } } };
	hits[CRL_HITS_MAX - 1].reason = 5;
	msg_begin(&m, WORKER_CRL, 1);
	crlcall_answer(&m, &answer);
	assert_int_equal(crlcall_answered(&m, &read, &e), 0);
	assert_int_equal(read.verdict, CRL_GOOD);
	assert_string_equal(read.etag, "\"8\"");
	assert_memory_equal(&read.facts, &answer.facts, sizeof(read.facts));
	assert_int_equal(read.n_hits, CRL_HITS_MAX);
	assert_memory_equal(read.hits, hits, size);
	free(read.hits);
	free(hits);
}

/* It would be copied to where there is room for CRL_NUMBER_MAX octets. */
static void a_serial_that_is_longer_than_there_are_is_no_answer(void **state)
{
	struct crl_hit hit = { 0, 1, 1000, 0, { CRL_NUMBER_MAX, { 1 } } };
	struct crl_answer answer = { .verdict = CRL_GOOD, .hits = &hit, .n_hits = 1 };
	struct crl_answer read;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	(void)state;
	msg_begin(&m, WORKER_CRL, 1);
	crlcall_answer(&m, &answer);
	assert_int_equal(crlcall_answered(&m, &read, &e), 0);
	free(read.hits);
	hit.serial.len = CRL_NUMBER_MAX + 1;
	msg_begin(&m, WORKER_CRL, 1);
	crlcall_answer(&m, &answer);
	assert_int_equal(crlcall_answered(&m, &read, &e), ERR_PROTO);
}

static void a_list_that_is_large_is_warned_of(void **state)
{
	AUTO_FREE char *words = crlcall_size_words("http://a/crl", 61999999);

	(void)state;
	assert_null(crlcall_size_words("http://a/crl", CRL_LARGE));
	assert_non_null(words);
	assert_non_null(strstr(words, "http://a/crl: a CRL of 61 MB: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worker_reads_what_the_agent_asks),
		cmocka_unit_test(a_question_that_is_cut_or_too_large_is_none),
		cmocka_unit_test(the_agent_reads_what_the_worker_answers),
		cmocka_unit_test(a_serial_that_is_longer_than_there_are_is_no_answer),
		cmocka_unit_test(a_list_that_is_large_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
