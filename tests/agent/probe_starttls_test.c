/* probe_starttls: each protocol is asked for TLS in its own words, and cannot talk for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/role/spec.h"
#include "tests/help/tls_server.h"

/* A script: "<" starts what the client must say, ">" what it hears, until the next. */
static void talks(struct server *s, int fd)
{
	for (const char *p = s->talk; *p != '\0';) {
		size_t len = strcspn(p + 1, "<>");
		char heard[256];

		if (*p == '>' && send(fd, p + 1, len, MSG_NOSIGNAL) != (ssize_t)len)
			return;
		if (*p == '<' && (recv(fd, heard, len, MSG_WAITALL) != (ssize_t)len ||
				  memcmp(heard, p + 1, len) != 0))
			return;
		p += 1 + len;
	}
	shows_wanted(s, fd);
}

/* = RFC 4511 4.14.1 "The requestName is "1.3.6.1.4.1.1466.20037", and the requestValue
 * field is always absent." */
#define LDAP_REQUEST                      \
	"<0\x1d\x02\x01\x01w\x18\x80\x16" \
	"1.3.6.1.4.1.1466.20037"

struct row {
	uint32_t proto;
	serve_fn *serve;
	const char *talk;
	enum probe_verdict verdict;
	const char *detail;
};

static void expect(const struct bench *b, size_t i, const struct row *row)
{
	struct server s = { .talk = row->talk };
	struct probe_request r;
	struct probe_result got;

	server_start(&s, b->ids, row->serve);
	r = server_ask(b, &s, 0);
	r.proto = row->proto;
	probe_endpoint(&r, &got);
	server_stop(&s);
	if (got.verdict != row->verdict)
		print_error("row %zu: ", i);
	server_expect(&got, row->verdict, row->detail);
}

static void each_protocol_is_asked_for_tls_in_its_words(void **state)
{
	static const struct {
		uint32_t proto;
		const char *talk;
		enum probe_verdict verdict;
		const char *detail;
	} rows[] = {
		{ PROBE_SMTP,
		  ">220-hello\r\n220 world\r\n<EHLO everleaf.invalid\r\n"
		  ">250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n<STARTTLS\r\n>220 "
		  "go\r\n",
		  PROBE_NEW, "" },
		{ PROBE_SMTP,
		  ">220 hi\r\n<EHLO everleaf.invalid\r\n>250 mail\r\n<STARTTLS\r\n"
		  ">454 not \x1b[1mnow\r\n",
		  PROBE_DOWN, "smtp: the server said \"454 not ?[1mnow\"" },
		{ PROBE_SMTP, ">554 go away\r\n", PROBE_DOWN, "554 go away" },
		{ PROBE_IMAP,
		  ">* OK [CAPABILITY IMAP4rev1] hi\r\n<a STARTTLS\r\n>* BYE-BYE\r\na "
		  "OK go\r\n",
		  PROBE_NEW, "" },
		{ PROBE_IMAP, ">* OK hi\r\n<a STARTTLS\r\n>a BAD what\r\n", PROBE_DOWN,
		  "a BAD what" },
		{ PROBE_POP3, ">+OK hi\r\n<STLS\r\n>+OK go\r\n", PROBE_NEW, "" },
		{ PROBE_POP3, ">+OK hi\n<STLS\r\n>-ERR no\n", PROBE_DOWN, "-ERR no" },
		{ PROBE_FTP, ">220-hi\r\n220 go on\r\n<AUTH TLS\r\n>234 go\r\n",
		  PROBE_NEW, "" },
		{ PROBE_FTP, ">220 hi\r\n<AUTH TLS\r\n>500 what\r\n", PROBE_DOWN,
		  "ftp: the server said \"500 what\"" },
		{ PROBE_SIEVE,
		  ">\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\nOK \"hi\"\r\n"
		  "<STARTTLS\r\n>OK \"go\"\r\n",
		  PROBE_NEW, "" },
		{ PROBE_SIEVE, ">OK\r\n<STARTTLS\r\n>NO \"never\"\r\n", PROBE_DOWN,
		  "sieve: the server said \"NO \"never\"\"" },
		{ PROBE_LDAP,
		  LDAP_REQUEST ">0\x0c\x02\x01\x01x\x07\x0a\x01\x02\x04\x01x\x04\x00",
		  PROBE_DOWN, "ldap: the server refused StartTLS" },
		{ PROBE_LDAP, ">HTTP/1.0 400 Bad Request\r\n", PROBE_DOWN,
		  "the answer is not LDAP" },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(b, i,
		       &(struct row){ rows[i].proto, talks, rows[i].talk,
				      rows[i].verdict, rows[i].detail });
}

/* Those with NUL bytes in what they say.
 * = RFC 4511 4.12 "ExtendedResponse ::= [APPLICATION 24] SEQUENCE { COMPONENTS OF
 * LDAPResult ..." */
static void answers_ldap(struct server *s, int fd)
{
	static const uint8_t success[] = { 0x30, 0x84, 0,    0, 0, 16, 2, 1,
					   1,    0x78, 0x84, 0, 0, 0,  7, 0x0a,
					   1,    0,    4,    0, 4, 0 };
	char request[31];

	if (recv(fd, request, sizeof(request), MSG_WAITALL) == sizeof(request) &&
	    send(fd, success, sizeof(success), MSG_NOSIGNAL) == sizeof(success))
		shows_wanted(s, fd);
}

static void answers_postgres(struct server *s, int fd)
{
	static const uint8_t want[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };
	uint8_t request[8];

	if (recv(fd, request, sizeof(request), MSG_WAITALL) != sizeof(request) ||
	    memcmp(request, want, sizeof(want)) != 0 ||
	    send(fd, s->talk, 1, MSG_NOSIGNAL) != 1)
		return;
	shows_wanted(s, fd);
}

static void ldap_and_postgres_are_asked_in_bytes(void **state)
{
	static const struct row rows[] = {
		{ PROBE_LDAP, answers_ldap, "", PROBE_NEW, "" },
		{ PROBE_POSTGRES, answers_postgres, "S", PROBE_NEW, "" },
		{ PROBE_POSTGRES, answers_postgres, "N", PROBE_DOWN,
		  "postgres: the server does not offer TLS" },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(b, i, &rows[i]);
}

/* What a client says in XML has the name of the server in it: two scripts, the second of
 * them what is expected. */
static void answers_xmpp(struct server *s, int fd)
{
	static const char starttls[] =
	    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
	static const char head[] =
	    "<?xml version='1.0'?><stream:stream from='x' version='1.0'>";
	char heard[sizeof(starttls)] = "", c = 0;

	for (int open = 0; open < 2 && recv(fd, &c, 1, 0) == 1;)
		open += c == '>';
	if (send(fd, head, strlen(head), MSG_NOSIGNAL) < 0 ||
	    send(fd, s->talk, strlen(s->talk), MSG_NOSIGNAL) < 0 ||
	    recv(fd, heard, strlen(starttls), MSG_WAITALL) !=
		(ssize_t)strlen(starttls) ||
	    strcmp(heard, starttls) != 0)
		return;
	if (send(fd, "<proceed xmlns='x'/>", 20, MSG_NOSIGNAL) == 20)
		shows_wanted(s, fd);
}

static void answers_mysql(struct server *s, int fd)
{
	uint8_t greeting[] = { 29,   0, 0, 0, 10, '8', '.', '0', 0, 1, 0,
			       0,    0, 1, 2, 3,  4,   5,   6,   7, 8, 0,
			       0xff, 0, 0, 0, 0,  0,   0,   0,   0, 0, 0 };
	uint8_t request[36];

	greeting[23] = (uint8_t)s->talk[0];
	if (send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) !=
		(ssize_t)sizeof(greeting) ||
	    recv(fd, request, sizeof(request), MSG_WAITALL) != sizeof(request) ||
	    request[0] != 32 || request[3] != 1 || (request[5] & 0x08) == 0)
		return;
	shows_wanted(s, fd);
}

/* RFC 6120 5.4.2.1 */
static void xmpp_and_mysql_are_asked_in_their_own_way(void **state)
{
	static const struct row rows[] = {
		{ PROBE_XMPP, answers_xmpp,
		  "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
		  "</stream:features>",
		  PROBE_NEW, "" },
		{ PROBE_XMPP, answers_xmpp, "<stream:features></stream:features>",
		  PROBE_DOWN, "xmpp: the server does not offer TLS" },
		{ PROBE_MYSQL, answers_mysql, "\x08", PROBE_NEW, "" },
		{ PROBE_MYSQL, answers_mysql, "\x07", PROBE_DOWN,
		  "mysql: the server does not offer TLS" },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(b, i, &rows[i]);
}

static void floods(struct server *s, int fd)
{
	char bytes[4096];

	(void)s;
	memset(bytes, s->talk[0], sizeof(bytes));
	while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		continue;
}

static void an_answer_without_end_is_cut(void **state)
{
	const struct bench *b = *state;
	static const struct {
		uint32_t proto;
		const char *talk;
	} rows[] = {
		{ PROBE_SMTP, "x" }, { PROBE_IMAP, "\n" }, { PROBE_LDAP, "0" },
		{ PROBE_XMPP, "x" }, { PROBE_MYSQL, "0" }, { PROBE_SIEVE, "\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(b, i,
		       &(struct row){ rows[i].proto, floods, rows[i].talk, PROBE_DOWN,
				      "" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_protocol_is_asked_for_tls_in_its_words),
		cmocka_unit_test(ldap_and_postgres_are_asked_in_bytes),
		cmocka_unit_test(xmpp_and_mysql_are_asked_in_their_own_way),
		cmocka_unit_test(an_answer_without_end_is_cut),
	};

	return cmocka_run_group_tests_name("probe starttls", tests, server_setup,
					   server_teardown);
}
