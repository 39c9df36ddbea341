/*
 * dns: names are spelled in one way, messages are written as the RFCs say, and nothing that
 * a name server answers is read beyond its end or for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/dns.h"
#include "base/dns_reply.h"
#include "base/err.h"

#define L63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"

/* -- names -- */

static const struct {
	const char *text;
	const char *name; /* NULL: none */
} names[] = {
	{ "example.org", "example.org" },
	{ "Example.ORG.", "example.org" },
	{ "_acme-challenge.a-b.example", "_acme-challenge.a-b.example" },
	{ "acme-key", "acme-key" },
	{ L63 ".example", L63 ".example" },
	{ L63 "." L63 "." L63 "." L63, NULL },
	{ L63 "x.example", NULL },
	{ "", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ ".example", NULL },
	{ "a..example", NULL },
	{ "example..", NULL },
	{ "*.example", NULL },
	{ "a b.example", NULL },
	{ "a\\.example", NULL },
	{ "\xc3\xa9.example", NULL },
	{ "a/b", NULL },
};

static void a_name_has_one_spelling(void **state)
{
	char name[DNS_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		bool is = dns_name_read(names[i].text, name);

		if (is != (names[i].name != NULL) ||
		    (is && strcmp(name, names[i].name) != 0))
			fail_msg("%s", names[i].text);
	}
}

static void a_name_of_253_letters_is_the_longest(void **state)
{
	const char longest[] =
	    L63 "." L63 "." L63 ".abcdefghijabcdefghijabcdefghijabcdefghij"
		"abcdefghijabcdefghija";
	char longer[DNS_NAME_SIZE + 1];
	char name[DNS_NAME_SIZE];

	(void)state;
	assert_int_equal(strlen(longest), DNS_NAME_SIZE - 1);
	assert_true(dns_name_read(longest, name));
	memcpy(longer, longest, sizeof(longest));
	longer[DNS_NAME_SIZE - 1] = 'x';
	longer[DNS_NAME_SIZE] = '\0';
	assert_false(dns_name_read(longer, name));
	assert_false(dns_name_is(longer));
}

static void a_zone_has_what_ends_in_it(void **state)
{
	(void)state;
	assert_true(dns_name_within("example.org", "example.org"));
	assert_true(dns_name_within("a.example.org", "example.org"));
	assert_false(dns_name_within("aexample.org", "example.org"));
	assert_false(dns_name_within("org", "example.org"));
	assert_string_equal(dns_name_parent("a.example.org"), "example.org");
	assert_null(dns_name_parent("org"));
}

static const struct {
	const char *text;
	const char *host; /* NULL: none */
	const char *port;
} servers[] = {
	{ "192.0.2.1", "192.0.2.1", "53" },
	{ "192.0.2.1:5353", "192.0.2.1", "5353" },
	{ "2001:db8::1", "2001:db8::1", "53" },
	{ "[2001:db8::1]", "2001:db8::1", "53" },
	{ "[2001:db8::1]:054", "2001:db8::1", "54" },
	{ "ns.example.org", "ns.example.org", "53" },
	{ "NS.example.org.:53", "ns.example.org", "53" },
	{ "ns.example.org:", NULL, NULL },
	{ "ns.example.org:0", NULL, NULL },
	{ "ns.example.org:65536", NULL, NULL },
	{ "ns.example.org:53x", NULL, NULL },
	{ "[ns.example.org]", NULL, NULL },
	{ "[2001:db8::1", NULL, NULL },
	{ "[2001:db8::1]x", NULL, NULL },
	{ "2001:db8::x", NULL, NULL },
	{ "", NULL, NULL },
	{ ":53", NULL, NULL },
	{ "a b", NULL, NULL },
};

static void a_name_server_has_a_host_and_a_port(void **state)
{
	char host[DNS_NAME_SIZE], port[6];

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		bool is = dns_server_read(servers[i].text, host, port);

		if (is != (servers[i].host != NULL) ||
		    (is && (strcmp(host, servers[i].host) != 0 ||
			    strcmp(port, servers[i].port) != 0)))
			fail_msg("%s", servers[i].text);
	}
}

/* -- messages -- */

static void a_question_is_written_as_the_rfc_says(void **state)
{
	static const char want[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				   "\x07"
				   "example\x03org\x00\x00\x06\x00\x01";
	AUTO_BUF struct buf m = { 0 };

	(void)state;
	dns_put_head(&m, 0x1234, DNS_RECURSE, 0);
	dns_put_question(&m, "example.org", DNS_SOA);
	assert_int_equal(m.len, sizeof(want) - 1);
	assert_memory_equal(m.data, want, sizeof(want) - 1);
}

/* A reply to the question for TXT of a.example: an alias, and a TXT record. */
static const uint8_t reply[] = "\x12\x34\x84\x00\x00\x01\x00\x02\x00\x00\x00\x00"
			       "\x01"
			       "A\x07"
			       "exAmple\x00\x00\x10\x00\x01"
			       "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01"
			       "b\xc0\x0e"
			       "\xc0\x27\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x03\x02hi";

static void a_reply_is_read(void **state)
{
	char name[DNS_NAME_SIZE];
	struct dns_record record;
	struct dns_reply r;
	struct err e;
	size_t end;

	(void)state;
	assert_int_equal(dns_reply_open(&r, reply, sizeof(reply) - 1, &e), 0);
	assert_true(dns_reply_is_to(&r, 0x1234, DNS_QUERY, "a.example", DNS_TXT));
	assert_false(dns_reply_is_to(&r, 0x1235, DNS_QUERY, "a.example", DNS_TXT));
	assert_false(dns_reply_is_to(&r, 0x1234, DNS_UPDATE, "a.example", DNS_TXT));
	assert_false(dns_reply_is_to(&r, 0x1234, DNS_QUERY, "b.example", DNS_TXT));
	assert_false(dns_reply_is_to(&r, 0x1234, DNS_QUERY, "a.example", DNS_SOA));
	assert_int_equal(dns_reply_next(&r, &record, &e), 1);
	assert_int_equal(record.section, DNS_ANSWERS);
	assert_int_equal(record.type, DNS_CNAME);
	assert_int_equal(record.ttl, 60);
	assert_string_equal(record.owner, "a.example");
	assert_int_equal(dns_reply_name(&r, record.at, name, &end, &e), 0);
	assert_string_equal(name, "b.example");
	assert_int_equal(dns_reply_next(&r, &record, &e), 1);
	assert_string_equal(record.owner, "b.example");
	assert_int_equal(record.len, 3);
	assert_memory_equal(record.data, "\x02hi", 3);
	assert_int_equal(dns_reply_next(&r, &record, &e), 0);
}

/* An alias, an address that is too long, one that is right, and one beside the answers. */
static void the_answers_of_a_type_are_found(void **state)
{
	static const uint8_t addresses[] =
	    "\x12\x34\x84\x00\x00\x01\x00\x03\x00\x00\x00\x01"
	    "\x01"
	    "a\x00\x00\x01\x00\x01"
	    "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"
	    "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x05\x7f\x00\x00\x01\x09"
	    "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x02"
	    "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x03";
	struct dns_record record;
	struct dns_reply r;
	struct err e;

	(void)state;
	assert_int_equal(dns_reply_open(&r, addresses, sizeof(addresses) - 1, &e), 0);
	assert_int_equal(dns_reply_answer(&r, DNS_A, &record, &e), 1);
	assert_memory_equal(record.data, "\x7f\x00\x00\x02", 4);
	assert_int_equal(dns_reply_answer(&r, DNS_A, &record, &e), 0);
	assert_int_equal(dns_reply_open(&r, addresses, sizeof(addresses) - 1, &e), 0);
	assert_int_equal(dns_reply_answer(&r, DNS_AAAA, &record, &e), 0);
	assert_int_equal(dns_reply_open(&r, addresses, sizeof(addresses) - 2, &e), 0);
	assert_int_equal(dns_reply_answer(&r, DNS_AAAA, &record, &e), ERR_PROTO);
}

/* Whatever can be read of `len` bytes, in memory that ends where they do. */
static int read_all(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + 1);
	struct dns_record record;
	char name[DNS_NAME_SIZE];
	struct dns_reply r;
	struct err e;
	size_t end;
	int rc;

	memcpy(copy, data, len);
	copy = realloc(copy, len == 0 ? 1 : len);
	rc = dns_reply_open(&r, copy, len, &e);
	while (rc == 0 && (rc = dns_reply_next(&r, &record, &e)) > 0)
		rc = dns_reply_name(&r, record.at, name, &end, &e) == ERR_SYS;
	free(copy);
	return rc;
}

static void a_reply_that_is_cut_off_is_none(void **state)
{
	(void)state;
	assert_int_equal(read_all(reply, sizeof(reply) - 1), 0);
	for (size_t len = 0; len < sizeof(reply) - 1; len++)
		if (read_all(reply, len) != ERR_PROTO)
			fail_msg("%zu bytes", len);
}

static void whatever_a_byte_is_reading_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reply) - 1; i++)
		for (unsigned v = 0; v < 256; v++) {
			uint8_t bad[sizeof(reply)];

			memcpy(bad, reply, sizeof(reply));
			bad[i] = (uint8_t)v;
			(void)read_all(bad, sizeof(reply) - 1);
		}
}

static void a_name_that_points_forward_or_at_itself_is_none(void **state)
{
	static const uint8_t to[] = { 0x0c, 0x0d, 0x19, 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof(to); i++) {
		uint8_t bad[] = "\x12\x34\x84\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				"\xc0\x00\x00\x10\x00\x01";

		bad[13] = to[i];
		assert_int_equal(read_all(bad, sizeof(bad) - 1), ERR_PROTO);
	}
}

static void what_is_no_name_of_ours_is_read_as_none(void **state)
{
	uint8_t other[sizeof(reply)];
	struct dns_record record;
	struct dns_reply r;
	struct err e;

	(void)state;
	memcpy(other, reply, sizeof(reply));
	other[13] = '.';
	assert_int_equal(dns_reply_open(&r, other, sizeof(reply) - 1, &e), 0);
	assert_string_equal(r.question, "");
	assert_int_equal(dns_reply_next(&r, &record, &e), 1);
	assert_string_equal(record.owner, "");
}

static void a_reply_with_too_many_records_is_not_begun(void **state)
{
	uint8_t many[sizeof(reply)];
	struct dns_reply r;
	struct err e;

	(void)state;
	memcpy(many, reply, sizeof(reply));
	many[6] = 0xff;
	assert_int_equal(dns_reply_open(&r, many, sizeof(reply) - 1, &e), ERR_LIMIT);
}

static void a_question_is_no_reply(void **state)
{
	uint8_t question[sizeof(reply)];
	struct dns_reply r;
	struct err e;

	(void)state;
	memcpy(question, reply, sizeof(reply));
	question[2] = 0x04;
	assert_int_equal(dns_reply_open(&r, question, sizeof(reply) - 1, &e),
			 ERR_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_one_spelling),
		cmocka_unit_test(a_name_of_253_letters_is_the_longest),
		cmocka_unit_test(a_zone_has_what_ends_in_it),
		cmocka_unit_test(a_name_server_has_a_host_and_a_port),
		cmocka_unit_test(a_question_is_written_as_the_rfc_says),
		cmocka_unit_test(a_reply_is_read),
		cmocka_unit_test(the_answers_of_a_type_are_found),
		cmocka_unit_test(a_reply_that_is_cut_off_is_none),
		cmocka_unit_test(whatever_a_byte_is_reading_ends),
		cmocka_unit_test(a_name_that_points_forward_or_at_itself_is_none),
		cmocka_unit_test(what_is_no_name_of_ours_is_read_as_none),
		cmocka_unit_test(a_reply_with_too_many_records_is_not_begun),
		cmocka_unit_test(a_question_is_no_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
