#include "agent/probe/probe_starttls.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/net/probe_io.h"
#include "agent/role/spec.h"
#include "base/err.h"

#define LIMIT_LINE  1000 /* RFC 5321 4.5.3.1.5 has 512; greetings of others are longer */
#define LIMIT_LINES 100  /* of one answer */
#define LIMIT_LDAP  1024
#define LIMIT_XMPP  8192 /* what a server says of itself before TLS */
#define LIMIT_MYSQL 1024

/* Say something, read past lines that begin with `skip`, expect one with `want`. */
struct step {
	const char *say;  /* NULL: the server speaks first */
	const char *skip; /* NULL: nothing */
	const char *want;
};

static const struct step smtp[] = {
	{ NULL, "220-", "220" },
	{ "EHLO everleaf.invalid\r\n", "250-", "250" },
	{ "STARTTLS\r\n", "220-", "220" },
	{ NULL, NULL, NULL },
};

static const struct step imap[] = {
	{ NULL, NULL, "* OK" },
	{ "a STARTTLS\r\n", "* ", "a OK" },
	{ NULL, NULL, NULL },
};

static const struct step pop3[] = {
	{ NULL, NULL, "+OK" },
	{ "STLS\r\n", NULL, "+OK" },
	{ NULL, NULL, NULL },
};

static const struct step ftp[] = {
	{ NULL, "220-", "220 " },
	{ "AUTH TLS\r\n", NULL, "234" },
	{ NULL, NULL, NULL },
};

static const struct step sieve[] = {
	{ NULL, "\"", "OK" },
	{ "STARTTLS\r\n", NULL, "OK" },
	{ NULL, NULL, NULL },
};

static bool begins(const char *line, const char *with)
{
	return with != NULL && strncmp(line, with, strlen(with)) == 0;
}

/* The server's words go into a message for people: printable, and short. */
static int not_wanted(char *line, struct err *e)
{
	for (char *p = line; *p != '\0'; p++)
		if (!isascii((unsigned char)*p) || !isprint((unsigned char)*p))
			*p = '?';
	return err_set(e, ERR_PROTO, "the server said \"%.100s\"", line);
}

static int answer(int fd, const struct step *s, int64_t until_ms, struct err *e)
{
	char line[LIMIT_LINE];

	for (int i = 0; i < LIMIT_LINES; i++) {
		TRY(probe_line(fd, line, sizeof(line), until_ms, e));
		if (begins(line, s->skip))
			continue;
		return begins(line, s->want) ? 0 : not_wanted(line, e);
	}
	return err_set(e, ERR_LIMIT, "an answer of more than %d lines", LIMIT_LINES);
}

static int converse(int fd, const struct step *s, int64_t until_ms, struct err *e)
{
	for (; s->want != NULL; s++) {
		if (s->say != NULL)
			TRY(probe_write(fd, s->say, strlen(s->say), until_ms, e));
		TRY(answer(fd, s, until_ms, e));
	}
	return 0;
}

/* "Frontend/Backend Protocol", SSLRequest: length 8, code 80877103; answer 'S'. */
static int postgres(int fd, const char *name, int64_t until_ms, struct err *e)
{
	static const uint8_t request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };
	char answered;

	(void)name;
	TRY(probe_write(fd, request, sizeof(request), until_ms, e));
	TRY(probe_read(fd, &answered, 1, until_ms, e));
	if (answered != 'S')
		return err_set(e, ERR_PROTO, "the server does not offer TLS");
	return 0;
}

/* The length of a BER element whose tag was just read at `*p`; false if it does not
 * end before `end`. */
static bool ber_length(const uint8_t **p, const uint8_t *end, size_t *len)
{
	size_t n = 0;

	*len = 0;
	if (*p == end)
		return false;
	*len = *(*p)++;
	if (*len >= 0x80) {
		n = *len - 0x80;
		*len = 0;
	}
	for (; n > 0 && n <= 4 && *p < end; n--)
		*len = *len << 8 | *(*p)++;
	return n == 0 && *len <= LIMIT_LDAP;
}

/* = RFC 4511 4.12 "ExtendedResponse ::= [APPLICATION 24] SEQUENCE { COMPONENTS OF
 * LDAPResult ..." after messageID 1: is resultCode success (0)? */
static bool ldap_success(const uint8_t *p, const uint8_t *end)
{
	static const uint8_t message_id[] = { 0x02, 0x01, 0x01 };
	static const uint8_t success[] = { 0x0a, 0x01, 0x00 };
	size_t len;

	if ((size_t)(end - p) < sizeof(message_id) + 1 ||
	    memcmp(p, message_id, sizeof(message_id)) != 0)
		return false;
	p += sizeof(message_id);
	if (*p++ != 0x78 || !ber_length(&p, end, &len))
		return false;
	return len >= sizeof(success) && (size_t)(end - p) >= sizeof(success) &&
	       memcmp(p, success, sizeof(success)) == 0;
}

/* The head of the answer byte by byte, so that nothing after it is taken. */
static int ldap_answer(int fd, uint8_t *body, size_t *len, int64_t until_ms,
		       struct err *e)
{
	uint8_t head[6];
	const uint8_t *p = head + 1;
	size_t more;

	TRY(probe_read(fd, head, 2, until_ms, e));
	more = head[1] > 0x80 && head[1] <= 0x84 ? head[1] - 0x80u : 0;
	TRY(probe_read(fd, head + 2, more, until_ms, e));
	if (head[0] != 0x30 || !ber_length(&p, head + 2 + more, len))
		return err_set(e, ERR_PROTO, "the answer is not LDAP");
	return probe_read(fd, body, *len, until_ms, e);
}

/* = RFC 4511 4.14.1 "The requestName is "1.3.6.1.4.1.1466.20037", and the requestValue
 * field is always absent." */
static int ldap(int fd, const char *name, int64_t until_ms, struct err *e)
{
	static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
				      "1.3.6.1.4.1.1466.20037";
	uint8_t body[LIMIT_LDAP] = { 0 };
	size_t len = 0;

	(void)name;
	TRY(probe_write(fd, request, sizeof(request) - 1, until_ms, e));
	TRY(ldap_answer(fd, body, &len, until_ms, e));
	if (!ldap_success(body, body + len))
		return err_set(e, ERR_PROTO, "the server refused StartTLS");
	return 0;
}

/* Read up to `end`, and not one byte more. */
static int read_until(int fd, const char *end, char *text, int64_t until_ms,
		      struct err *e)
{
	for (size_t n = 0; n < LIMIT_XMPP - 1; n++) {
		TRY(probe_read(fd, text + n, 1, until_ms, e));
		text[n + 1] = '\0';
		if (n + 1 >= strlen(end) &&
		    strcmp(text + n + 1 - strlen(end), end) == 0)
			return 0;
	}
	return err_set(e, ERR_LIMIT, "an answer of more than %d bytes", LIMIT_XMPP);
}

/* = RFC 6120 5.4.2.1 "the initiating entity indicates that it wants to begin a STARTTLS
 * negotiation to secure the stream" with <starttls/>; and the answer is <proceed/>. */
static int xmpp(int fd, const char *name, int64_t until_ms, struct err *e)
{
	static const char starttls[] =
	    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
	char text[LIMIT_XMPP], open[512];
	const int len = snprintf(
	    open, sizeof(open),
	    "<?xml version='1.0'?><stream:stream to='%.253s' version='1.0' "
	    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
	    name == NULL ? "" : name);

	TRY(probe_write(fd, open, (size_t)len, until_ms, e));
	TRY(read_until(fd, "</stream:features>", text, until_ms, e));
	if (strstr(text, "urn:ietf:params:xml:ns:xmpp-tls") == NULL)
		return err_set(e, ERR_PROTO, "the server does not offer TLS");
	TRY(probe_write(fd, starttls, strlen(starttls), until_ms, e));
	TRY(read_until(fd, ">", text, until_ms, e));
	return begins(text, "<proceed") ? 0 : not_wanted(text, e);
}

/* The capabilities in a Protocol::HandshakeV10: behind a version as text, the number of
 * the thread, 8 bytes of a challenge and a zero. 0: it is none. */
static unsigned mysql_capabilities(const uint8_t *greeting, size_t len)
{
	const uint8_t *end = len == 0 ? NULL : memchr(greeting + 1, '\0', len - 1);
	size_t at;

	if (end == NULL || greeting[0] != 10)
		return 0;
	at = (size_t)(end - greeting) + 1 + 4 + 8 + 1;
	return at + 2 > len ? 0 : greeting[at] | (unsigned)greeting[at + 1] << 8;
}

/* MySQL's "Client/Server Protocol", Protocol::SSLRequest: 36 bytes, of which 32 follow
 * the head. */
static int mysql(int fd, const char *name, int64_t until_ms, struct err *e)
{
	/* CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION; 16 MiB; utf8 */
	static const uint8_t request[36] = { 32, 0, 0, 1, 0, 0x8a, 0,
					     0,  0, 0, 0, 1, 0x21 };
	uint8_t head[4], greeting[LIMIT_MYSQL];
	size_t len;

	(void)name;
	TRY(probe_read(fd, head, sizeof(head), until_ms, e));
	len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
	if (len > sizeof(greeting))
		return err_set(e, ERR_PROTO, "the greeting is not that of MySQL");
	TRY(probe_read(fd, greeting, len, until_ms, e));
	if ((mysql_capabilities(greeting, len) & 0x0800) == 0)
		return err_set(e, ERR_PROTO, "the server does not offer TLS");
	return probe_write(fd, request, sizeof(request), until_ms, e);
}

static const struct dialog {
	const char *name;
	const struct step *steps;
	int (*run)(int fd, const char *name, int64_t until_ms, struct err *e);
} dialogs[PROBE_PROTOS] = {
	[PROBE_SMTP] = { "smtp", smtp, NULL },
	[PROBE_IMAP] = { "imap", imap, NULL },
	[PROBE_POP3] = { "pop3", pop3, NULL },
	[PROBE_LDAP] = { "ldap", NULL, ldap },
	[PROBE_POSTGRES] = { "postgres", NULL, postgres },
	[PROBE_FTP] = { "ftp", ftp, NULL },
	[PROBE_XMPP] = { "xmpp", NULL, xmpp },
	[PROBE_MYSQL] = { "mysql", NULL, mysql },
	[PROBE_SIEVE] = { "sieve", sieve, NULL },
};

int probe_starttls(int fd, uint32_t proto, const char *name, int64_t until_ms,
		   struct err *e)
{
	const struct dialog *d = &dialogs[proto];
	int rc = 0;

	assert(proto < PROBE_PROTOS);
	if (d->steps != NULL)
		rc = converse(fd, d->steps, until_ms, e);
	else if (d->run != NULL)
		rc = d->run(fd, name, until_ms, e);
	return rc == 0 ? 0 : err_wrap(e, "%s", d->name);
}
