/* probe: the verdict is what the endpoint really shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/probe.h"
#include "agent/spec.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "tests/fake_dns.h"

/* -------- three certificates: the one we want, the one before, and another */

enum who {
	WANTED,
	BEFORE,
	STRANGE,
	WHOS,
};

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t sha256[32];
};

static void identity_make(struct identity *id, int number)
{
	X509_NAME *name;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_non_null(id->key);
	assert_non_null(id->cert);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), number + 1);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
	name = X509_get_subject_name(id->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"probe", -1, -1, 0);
	X509_set_issuer_name(id->cert, name);
	X509_set_pubkey(id->cert, id->key);
	assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(id->cert, EVP_sha256(), id->sha256, NULL), 1);
}

/* -------- a server in a process of its own */

struct server {
	const struct identity *ids;
	int listener;
	uint16_t port;
	char port_text[8];
	pid_t pid;
	unsigned count;    /* of connections so far; in the child */
	int64_t since_ms;  /* when it began; in the child */
	const char *talk;  /* see talks() */
	int tls_max;       /* 0: the latest */
	bool wants_client; /* a certificate of the client, or no service */
};

typedef void serve_fn(struct server *s, int fd);

static void start(struct server *s, const struct identity *ids, serve_fn *serve)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	s->ids = ids;
	s->since_ms = clock_boot_ms();
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(s->listener, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(s->listener, 64), errno);
	assert_return_code(getsockname(s->listener, (struct sockaddr *)&a, &len),
			   errno);
	s->port = ntohs(a.sin_port);
	snprintf(s->port_text, sizeof(s->port_text), "%u", s->port);
	s->pid = fork();
	assert_true(s->pid >= 0);
	for (; s->pid == 0; s->count++) {
		int fd = accept(s->listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		serve(s, fd);
		close(fd);
	}
	close(s->listener);
}

static void stop(const struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int chosen_by_sni(SSL *ssl, int *alert, void *arg)
{
	const struct identity *ids = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct identity *id = name == NULL ? &ids[BEFORE]
				    : strcmp(name, "www.example.org") == 0
					? &ids[WANTED]
					: &ids[STRANGE];

	(void)alert;
	SSL_use_certificate(ssl, id->cert);
	SSL_use_PrivateKey(ssl, id->key);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(const struct server *s, const struct identity *id)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (id != NULL) {
		SSL_CTX_use_certificate(ctx, id->cert);
		SSL_CTX_use_PrivateKey(ctx, id->key);
	} else {
		SSL_CTX_set_tlsext_servername_callback(ctx, chosen_by_sni);
		SSL_CTX_set_tlsext_servername_arg(ctx, (void *)(uintptr_t)s->ids);
	}
	if (s->tls_max != 0)
		SSL_CTX_set_max_proto_version(ctx, s->tls_max);
	if (s->wants_client)
		SSL_CTX_set_verify(ctx,
				   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   accept_any);
	return ctx;
}

static void shake(struct server *s, int fd, const struct identity *id)
{
	SSL_CTX *ctx = server_context(s, id);
	SSL *ssl = SSL_new(ctx);
	char byte;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		(void)SSL_read(ssl, &byte, 1); /* until the client goes */
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void shows_wanted(struct server *s, int fd)
{
	shake(s, fd, &s->ids[WANTED]);
}

static void shows_before(struct server *s, int fd)
{
	shake(s, fd, &s->ids[BEFORE]);
}

static void shows_strange(struct server *s, int fd)
{
	shake(s, fd, &s->ids[STRANGE]);
}

/* One worker in three has not been told. */
static void is_stale_each_third_time(struct server *s, int fd)
{
	shake(s, fd, &s->ids[s->count % 3 == 2 ? BEFORE : WANTED]);
}

static void changes_after_a_second(struct server *s, int fd)
{
	bool changed = clock_boot_ms() - s->since_ms > 1000;

	shake(s, fd, &s->ids[changed ? WANTED : BEFORE]);
}

static void shows_wanted_once(struct server *s, int fd)
{
	shake(s, fd, &s->ids[s->count == 0 ? WANTED : BEFORE]);
}

static void chooses_by_sni(struct server *s, int fd)
{
	shake(s, fd, NULL);
}

static void is_slow(struct server *s, int fd)
{
	(void)poll(NULL, 0, 150);
	shows_wanted(s, fd);
}

static void stops_before_the_end(struct server *s, int fd)
{
	if (s->count == 0)
		shows_before(s, fd);
	else
		(void)poll(NULL, 0, 5000);
}

static void says_nothing(struct server *s, int fd)
{
	char bytes[2048];

	(void)s;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue;
}

static void closes(struct server *s, int fd)
{
	(void)s;
	(void)fd;
}

static void says_http(struct server *s, int fd)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n";

	(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	says_nothing(s, fd);
}

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

/* -------- asking */

struct bench {
	struct identity ids[WHOS];
};

static struct probe_request ask(const struct bench *b, const struct server *s,
				int64_t deadline_ms)
{
	struct probe_request r = { .host = "127.0.0.1",
				   .port = s->port_text,
				   .name = "www.example.org",
				   .proto = PROBE_TLS,
				   .deadline_ms = deadline_ms };

	memcpy(r.wanted, b->ids[WANTED].sha256, sizeof(r.wanted));
	memcpy(r.old, b->ids[BEFORE].sha256, sizeof(r.old));
	return r;
}

static void expect(const struct probe_result *got, enum probe_verdict verdict,
		   const char *detail)
{
	if (got->verdict != verdict || strstr(got->detail, detail) == NULL)
		fail_msg("%s \"%s\", not %s \"...%s...\"", probe_word(got->verdict),
			 got->detail, probe_word(verdict), detail);
}

static void each_server_gets_its_verdict(void **state)
{
	static const uint8_t none[32];
	static const struct {
		serve_fn *serve;
		int64_t deadline_ms;
		enum probe_verdict verdict;
		enum who seen;
		const char *detail;
	} rows[] = {
		{ shows_wanted, 5000, PROBE_NEW, WANTED, "the wanted certificate" },
		{ shows_before, 500, PROBE_OLD, BEFORE, "from before" },
		{ shows_strange, 500, PROBE_OTHER, STRANGE, "some other" },
		{ is_slow, 8000, PROBE_NEW, WANTED, "" },
		{ changes_after_a_second, 8000, PROBE_NEW, WANTED, "" },
		{ is_stale_each_third_time, 1500, PROBE_OLD, BEFORE, "" },
		{ stops_before_the_end, 700, PROBE_OLD, BEFORE, "" },
		{ says_nothing, 400, PROBE_DOWN, WHOS, "no answer in time" },
		{ closes, 400, PROBE_DOWN, WHOS, "" },
		{ says_http, 400, PROBE_DOWN, WHOS, "handshake: " },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { 0 };
		struct probe_request r;
		struct probe_result got;

		start(&s, b->ids, rows[i].serve);
		r = ask(b, &s, rows[i].deadline_ms);
		probe_endpoint(&r, &got);
		stop(&s);
		print_message("row %zu: %s: %s\n", i, probe_word(got.verdict),
			      got.detail);
		expect(&got, rows[i].verdict, rows[i].detail);
		assert_non_null(strstr(got.detail, s.port_text));
		assert_memory_equal(got.seen,
				    rows[i].seen == WHOS ? none
							 : b->ids[rows[i].seen].sha256,
				    32);
	}
}

static void a_verdict_takes_no_longer_than_the_deadline(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;
	int64_t before = clock_boot_ms(), took;

	start(&s, b->ids, says_nothing);
	r = ask(b, &s, 300);
	probe_endpoint(&r, &got);
	took = clock_boot_ms() - before;
	stop(&s);
	assert_in_range(took, 300, 1500);
}

static void without_a_deadline_one_handshake_decides(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	start(&s, b->ids, shows_wanted_once);
	r = ask(b, &s, 0);
	probe_endpoint(&r, &got);
	expect(&got, PROBE_NEW, "");
	probe_endpoint(&r, &got);
	expect(&got, PROBE_OLD, "");
	stop(&s);
}

static void nobody_there_is_down(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	start(&s, b->ids, closes);
	stop(&s);
	r = ask(b, &s, 0);
	probe_endpoint(&r, &got);
	expect(&got, PROBE_DOWN, "Connection refused");
	r.port = "https"; /* no number */
	probe_endpoint(&r, &got);
	expect(&got, PROBE_DOWN, "127.0.0.1: ");
}

static void a_first_certificate_has_no_old_one(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	start(&s, b->ids, shows_before);
	r = ask(b, &s, 0);
	memset(r.old, 0, sizeof(r.old));
	probe_endpoint(&r, &got);
	stop(&s);
	expect(&got, PROBE_OTHER, "");
}

/* One name, two addresses, and the server is only on the first. */
static void the_worst_address_decides(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "127.0.0.2", NULL };
	const struct bench *b = *state;
	struct fake_dns dns = { 0 };
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	assert_true(fake_dns_start(&dns, addresses));
	start(&s, b->ids, shows_wanted);
	r = ask(b, &s, 0);
	r.host = "www.everleaf.test";
	fake_dns_use(&dns);
	probe_endpoint(&r, &got);
	stop(&s);
	fake_dns_stop(&dns);
	expect(&got, PROBE_DOWN, "127.0.0.2:");
}

/* No TCP goes to a multicast address: as a host without IPv6 says of all of that. */
static void an_address_without_a_route_does_not_count(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "224.0.0.1", NULL };
	const struct bench *b = *state;
	struct fake_dns dns = { 0 };
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	assert_true(fake_dns_start(&dns, addresses));
	start(&s, b->ids, shows_wanted);
	r = ask(b, &s, 0);
	r.host = "www.everleaf.test";
	fake_dns_use(&dns);
	probe_endpoint(&r, &got);
	stop(&s);
	fake_dns_stop(&dns);
	expect(&got, PROBE_NEW, "");
	r.host = addresses[1];
	probe_endpoint(&r, &got);
	expect(&got, PROBE_DOWN, "224.0.0.1:");
}

/* = RFC 6066 3 "Literal IPv4 and IPv6 addresses are not permitted in \"HostName\"." */
static void the_name_is_sent_unless_it_is_an_address(void **state)
{
	static const struct {
		const char *name;
		enum probe_verdict verdict;
	} rows[] = {
		{ "www.example.org", PROBE_NEW },
		{ "other.example.org", PROBE_OTHER },
		{ "192.0.2.1", PROBE_OLD },
		{ "2001:db8::1", PROBE_OLD },
		{ NULL, PROBE_OLD },
	};
	const struct bench *b = *state;
	struct server s = { 0 };

	start(&s, b->ids, chooses_by_sni);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct probe_request r = ask(b, &s, 0);
		struct probe_result got;

		r.name = rows[i].name;
		probe_endpoint(&r, &got);
		expect(&got, rows[i].verdict, "");
	}
	stop(&s);
}

static void a_server_that_wants_a_client_certificate_has_shown_its_own(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	const struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		struct server s = { .wants_client = true, .tls_max = versions[i] };
		struct probe_request r;
		struct probe_result got;

		start(&s, b->ids, shows_wanted);
		r = ask(b, &s, 0);
		probe_endpoint(&r, &got);
		stop(&s);
		expect(&got, PROBE_NEW, "");
	}
}

/* = RFC 4511 4.14.1 "The requestName is "1.3.6.1.4.1.1466.20037", and the requestValue
 * field is always absent." */
#define LDAP_REQUEST                      \
	"<0\x1d\x02\x01\x01w\x18\x80\x16" \
	"1.3.6.1.4.1.1466.20037"

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
		{ PROBE_LDAP,
		  LDAP_REQUEST ">0\x0c\x02\x01\x01x\x07\x0a\x01\x02\x04\x01x\x04\x00",
		  PROBE_DOWN, "ldap: the server refused StartTLS" },
		{ PROBE_LDAP, ">HTTP/1.0 400 Bad Request\r\n", PROBE_DOWN,
		  "the answer is not LDAP" },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { .talk = rows[i].talk };
		struct probe_request r;
		struct probe_result got;

		start(&s, b->ids, talks);
		r = ask(b, &s, 0);
		r.proto = rows[i].proto;
		probe_endpoint(&r, &got);
		stop(&s);
		if (got.verdict != rows[i].verdict)
			print_error("row %zu: ", i);
		expect(&got, rows[i].verdict, rows[i].detail);
	}
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
	static const struct {
		uint32_t proto;
		serve_fn *serve;
		const char *talk;
		enum probe_verdict verdict;
		const char *detail;
	} rows[] = {
		{ PROBE_LDAP, answers_ldap, "", PROBE_NEW, "" },
		{ PROBE_POSTGRES, answers_postgres, "S", PROBE_NEW, "" },
		{ PROBE_POSTGRES, answers_postgres, "N", PROBE_DOWN,
		  "postgres: the server does not offer TLS" },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { .talk = rows[i].talk };
		struct probe_request r;
		struct probe_result got;

		start(&s, b->ids, rows[i].serve);
		r = ask(b, &s, 0);
		r.proto = rows[i].proto;
		probe_endpoint(&r, &got);
		stop(&s);
		expect(&got, rows[i].verdict, rows[i].detail);
	}
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
		{ PROBE_SMTP, "x" },
		{ PROBE_IMAP, "\n" },
		{ PROBE_LDAP, "0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { .talk = rows[i].talk };
		struct probe_request r;
		struct probe_result got;

		start(&s, b->ids, floods);
		r = ask(b, &s, 0);
		r.proto = rows[i].proto;
		probe_endpoint(&r, &got);
		stop(&s);
		expect(&got, PROBE_DOWN, "");
	}
}

static void a_socket_in_the_file_system_can_be_probed(void **state)
{
	const struct bench *b = *state;
	struct server s = { .ids = b->ids };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");
	struct probe_request r;
	struct probe_result got;
	int fd;

	snprintf(un.sun_path, sizeof(un.sun_path), "%.60s/everleaf-probe-%d",
		 tmp != NULL ? tmp : "/tmp", getpid());
	s.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(s.listener, (struct sockaddr *)&un, sizeof(un)), errno);
	assert_return_code(listen(s.listener, 4), errno);
	s.pid = fork();
	if (s.pid == 0) {
		while ((fd = accept(s.listener, NULL, NULL)) >= 0) {
			shows_wanted(&s, fd);
			close(fd);
		}
		_exit(1);
	}
	r = ask(b, &s, 5000);
	r.host = un.sun_path;
	r.port = NULL;
	probe_endpoint(&r, &got);
	stop(&s);
	close(s.listener);
	unlink(un.sun_path);
	expect(&got, PROBE_NEW, un.sun_path);
}

static void a_worker_probes_inside_its_sandbox(void **state)
{
	static const struct sandbox_path paths[] = {
		{ "/etc/hosts", SANDBOX_READ },
		{ "/etc/nsswitch.conf", SANDBOX_READ },
		{ "/etc/resolv.conf", SANDBOX_READ },
	};
	const struct sandbox box = { .kind = SANDBOX_WORKER,
				     .uid = (uid_t)-1,
				     .gid = (gid_t)-1,
				     .paths = paths,
				     .n_paths = 3 };
	const struct bench *b = *state;
	struct server s = { 0 };
	int status;
	pid_t pid;

	start(&s, b->ids, shows_wanted);
	pid = fork();
	if (pid == 0) {
		struct probe_request r = ask(b, &s, 3000);
		struct probe_result got;
		unsigned missing;
		struct err e;

		if (sandbox_enter(&box, &missing, &e) != 0)
			_exit(2);
		probe_endpoint(&r, &got);
		if (got.verdict != PROBE_NEW)
			_exit(1);
		r.host = "localhost"; /* found in a file; ::1 may answer or not */
		r.deadline_ms = 0;
		probe_endpoint(&r, &got);
		_exit(strstr(got.detail, s.port_text) == NULL ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	stop(&s);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < WHOS; i++)
		identity_make(&b->ids[i], i);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < WHOS; i++) {
		X509_free(b->ids[i].cert);
		EVP_PKEY_free(b->ids[i].key);
	}
	free(b);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_gets_its_verdict),
		cmocka_unit_test(a_verdict_takes_no_longer_than_the_deadline),
		cmocka_unit_test(without_a_deadline_one_handshake_decides),
		cmocka_unit_test(nobody_there_is_down),
		cmocka_unit_test(a_first_certificate_has_no_old_one),
		cmocka_unit_test(the_worst_address_decides),
		cmocka_unit_test(an_address_without_a_route_does_not_count),
		cmocka_unit_test(the_name_is_sent_unless_it_is_an_address),
		cmocka_unit_test(
		    a_server_that_wants_a_client_certificate_has_shown_its_own),
		cmocka_unit_test(each_protocol_is_asked_for_tls_in_its_words),
		cmocka_unit_test(ldap_and_postgres_are_asked_in_bytes),
		cmocka_unit_test(an_answer_without_end_is_cut),
		cmocka_unit_test(a_socket_in_the_file_system_can_be_probed),
		cmocka_unit_test(a_worker_probes_inside_its_sandbox),
	};

	return cmocka_run_group_tests_name("probe", tests, setup, teardown);
}
