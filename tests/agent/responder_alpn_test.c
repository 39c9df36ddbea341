/* responder: by TLS a CA gets what it asks for, and nobody gets anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "acme/alpn.h"
#include "agent/responder/responder_tls.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/key.h"
#include "tests/help/visit.h"

#define NAME  "www.example"
#define AUTH  TOKEN "." THUMB
#define OTHER "DGyRejmCefe7v4NfDGDKfA"

/* On top of what visit.h sets up: it serves TLS, and has one answer. */
static int alpn_setup(void **state)
{
	struct visit *b;
	struct err e;

	if (visit_setup(state) < 0)
		return -1;
	b = *state;
	responder_free(b->responder);
	b->responder = NULL;
	b->listener.serves = SERVES_ALPN;
	if (responder_new(&b->listener, 1, &responder_alpn, &b->responder, &e) < 0 ||
	    responder_add(b->responder, NAME, TOKEN, AUTH, &e) < 0)
		fail_msg("%s", e.text);
	return 0;
}

/* -- a CA -- */

struct hello {
	const char *protocols; /* as in ALPN; NULL: none */
	const char *sni;       /* NULL: none */
	int version;           /* at most; 0: any */
};

struct visitor {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static void come(struct visitor *v, const struct visit *b, const struct hello *h)
{
	v->fd = visit_client(b, INADDR_LOOPBACK);
	v->ctx = SSL_CTX_new(TLS_client_method());
	if (h->version != 0)
		assert_int_equal(SSL_CTX_set_max_proto_version(v->ctx, h->version), 1);
	SSL_CTX_set_security_level(v->ctx, 0);
	v->ssl = SSL_new(v->ctx);
	if (h->protocols != NULL)
		assert_int_equal(SSL_set_alpn_protos(v->ssl,
						     (const uint8_t *)h->protocols,
						     (unsigned)strlen(h->protocols)),
				 0);
	if (h->sni != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(v->ssl, h->sni), 1);
	assert_int_equal(SSL_set_fd(v->ssl, v->fd), 1);
}

static void leave(struct visitor *v)
{
	SSL_free(v->ssl);
	SSL_CTX_free(v->ctx);
	close(v->fd);
}

/* Without waiting for more than is there. */
static int step(struct visitor *v)
{
	char byte;
	int rc = 0;

	ERR_clear_error();
	if (recv(v->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN &&
	    SSL_want_read(v->ssl))
		return SSL_ERROR_WANT_READ;
	rc = SSL_connect(v->ssl);
	return SSL_get_error(v->ssl, rc);
}

/* 0: the handshake went well; else the alert that came, or -1. */
static int shake(struct visitor *v, struct responder *r)
{
	const int64_t until_ms = clock_boot_ms() + 60000;
	const struct timeval second = { .tv_sec = 1 };
	int why;

	assert_int_equal(setsockopt(v->fd, SOL_SOCKET, SO_RCVTIMEO, &second,
				    sizeof(second)),
			 0);
	ERR_clear_error();
	while ((why = step(v)) == SSL_ERROR_WANT_READ && clock_boot_ms() < until_ms)
		visit_turn(r);
	if (why == SSL_ERROR_NONE)
		return 0;
	why = ERR_GET_REASON(ERR_peek_error()) - SSL_AD_REASON_OFFSET;
	return why > 0 && why < 256 ? why : -1;
}

/* Whether the digest that is shown is that of `authorization`. */
static bool shows(const struct visitor *v, const char *authorization)
{
	X509 *cert = SSL_get0_peer_certificate(v->ssl);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	const int at = X509_get_ext_by_OBJ(cert, oid, -1);
	uint8_t sum[HASH_LEN];

	ASN1_OBJECT_free(oid);
	assert_true(at >= 0);
	hash_all(authorization, strlen(authorization), sum);
	return memcmp(ASN1_STRING_get0_data(
			  X509_EXTENSION_get_data(X509_get_ext(cert, at))) +
			  2,
		      sum, sizeof(sum)) == 0;
}

/* -- tests -- */

static void a_ca_gets_the_digest(void **state)
{
	static const struct hello hellos[] = {
		{ "\12acme-tls/1", NAME, 0 },
		{ "\12acme-tls/1", NAME, TLS1_2_VERSION },
		{ "\12acme-tls/1", "WWW.eXample", 0 },
	};
	const struct visit *b = *state;

	for (size_t i = 0; i < sizeof(hellos) / sizeof(*hellos); i++) {
		const unsigned char *protocol;
		struct visitor v;
		unsigned len;

		come(&v, b, &hellos[i]);
		assert_int_equal(shake(&v, b->responder), 0);
		assert_true(shows(&v, AUTH));
		SSL_get0_alpn_selected(v.ssl, &protocol, &len);
		assert_int_equal(len, strlen(ALPN_PROTOCOL));
		assert_memory_equal(protocol, ALPN_PROTOCOL, len);
		leave(&v);
	}
}

static void everybody_else_is_refused(void **state)
{
	static const struct {
		const char *what;
		struct hello hello;
		int alert;
	} rows[] = {
		{ "no ALPN", { NULL, NAME, 0 }, SSL_AD_NO_APPLICATION_PROTOCOL },
		{ "a browser",
		  { "\2h2\10http/1.1", NAME, 0 },
		  SSL_AD_NO_APPLICATION_PROTOCOL },
		{ "more than one",
		  { "\12acme-tls/1\2h2", NAME, 0 },
		  SSL_AD_NO_APPLICATION_PROTOCOL },
		{ "no SNI", { "\12acme-tls/1", NULL, 0 }, SSL_AD_UNRECOGNIZED_NAME },
		{ "another name",
		  { "\12acme-tls/1", "other.example", 0 },
		  SSL_AD_UNRECOGNIZED_NAME },
		{ "a name below it",
		  { "\12acme-tls/1", "a.www.example", 0 },
		  SSL_AD_UNRECOGNIZED_NAME },
		{ "a name above it",
		  { "\12acme-tls/1", "example", 0 },
		  SSL_AD_UNRECOGNIZED_NAME },
		{ "TLS 1.1",
		  { "\12acme-tls/1", NAME, TLS1_1_VERSION },
		  SSL_AD_PROTOCOL_VERSION },
	};
	const struct visit *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct visitor v;
		int alert;

		come(&v, b, &rows[i].hello);
		alert = shake(&v, b->responder);
		if (alert != rows[i].alert)
			fail_msg("%s: alert %d", rows[i].what, alert);
		assert_null(SSL_get0_peer_certificate(v.ssl));
		leave(&v);
	}
}

static void an_address_is_answered_by_its_reverse(void **state)
{
	const struct hello hello = { "\12acme-tls/1", "7.2.0.192.in-addr.arpa", 0 };
	const struct visit *b = *state;
	struct visitor v;
	struct err e;

	assert_int_equal(responder_add(b->responder, "192.0.2.7", OTHER,
				       OTHER "." THUMB, &e),
			 0);
	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), 0);
	assert_true(shows(&v, OTHER "." THUMB));
	leave(&v);
}

static void a_removed_token_is_shown_to_nobody(void **state)
{
	const struct hello hello = { "\12acme-tls/1", NAME, 0 };
	const struct visit *b = *state;
	struct visitor v;

	responder_remove(b->responder, OTHER);
	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), 0);
	leave(&v);
	responder_remove(b->responder, TOKEN);
	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), SSL_AD_UNRECOGNIZED_NAME);
	leave(&v);
}

static void a_name_that_comes_again_has_the_new_answer(void **state)
{
	const struct hello hello = { "\12acme-tls/1", NAME, 0 };
	const struct visit *b = *state;
	struct visitor v;
	struct err e;

	assert_int_equal(responder_add(b->responder, NAME, OTHER, OTHER "." THUMB, &e),
			 0);
	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), 0);
	assert_true(shows(&v, OTHER "." THUMB));
	leave(&v);
}

/* The connection is over with the handshake, whatever is asked on it. */
static void nothing_is_answered_after_the_handshake(void **state)
{
	static const char ask[] = "GET " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n";
	const struct hello hello = { "\12acme-tls/1", NAME, 0 };
	const struct visit *b = *state;
	struct visitor v;
	char got[64];
	int n;

	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), 0);
	(void)SSL_write(v.ssl, ask, sizeof(ask) - 1);
	for (int i = 0; i < 3; i++)
		visit_turn(b->responder);
	n = SSL_read(v.ssl, got, sizeof(got));
	assert_int_equal(SSL_get_error(v.ssl, n), SSL_ERROR_ZERO_RETURN);
	leave(&v);
}

static void what_is_not_tls_gets_no_page(void **state)
{
	const struct visit *b = *state;
	AUTO_FREE char *text = visit_get(b, "GET", PATH TOKEN);

	assert_null(strstr(text, "HTTP/"));
	assert_null(strstr(text, THUMB));
}

/* A byte now and then does not buy more time. */
static void a_slow_handshake_is_cut_after_two_seconds(void **state)
{
	static const char record[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	const struct visit *b = *state;
	AUTO_FD int fd = visit_client(b, INADDR_LOOPBACK);
	const int64_t began = clock_boot_ms();
	bool closed = false;
	size_t at = 0;

	while (!closed && clock_boot_ms() - began < 60000) {
		AUTO_FREE char *text = NULL;

		if (at < sizeof(record) - 1)
			visit_say(fd, record + at++, 1);
		text = visit_hear(b->responder, fd, 200, &closed);
	}
	assert_true(closed);
	assert_true(clock_boot_ms() - began >= RESPONDER_SECONDS * 1000 - 100);
}

/* One that has no end is not listened to until it is there. */
static void a_hello_without_end_is_cut(void **state)
{
	static char record[5 + 16384] = "\x16\x03\x01\x40\x00\x01\x01\xff\xff\x03\x03";
	const struct visit *b = *state;
	AUTO_FD int fd = visit_client(b, INADDR_LOOPBACK);
	bool closed = false;

	for (int i = 0; i < 4 && !closed; i++) {
		AUTO_FREE char *text = NULL;

		visit_say(fd, record, sizeof(record));
		text = visit_hear(b->responder, fd, 300, &closed);
	}
	assert_true(closed);
}

static void slow_ones_do_not_keep_a_ca_out(void **state)
{
	const struct hello hello = { "\12acme-tls/1", NAME, 0 };
	const struct visit *b = *state;
	int fds[RESPONDER_CONNECTIONS + RESPONDER_PER_ADDRESS];
	const size_t n = sizeof(fds) / sizeof(*fds);
	struct visitor v;

	for (size_t i = 0; i < n; i++) {
		fds[i] = visit_client(b, INADDR_LOOPBACK + 10 + (uint32_t)i);
		visit_say(fds[i], "\x16\x03\x01", 3);
		visit_turn(b->responder);
	}
	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), 0);
	leave(&v);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void what_is_no_key_authorization_is_not_added(void **state)
{
	const struct visit *b = *state;
	struct err e;

	assert_int_equal(responder_add(b->responder, NAME, OTHER, AUTH, &e), ERR_PROTO);
	assert_int_equal(responder_add(b->responder, NAME, OTHER, OTHER, &e),
			 ERR_PROTO);
}

static void a_name_that_no_hello_can_have_is_not_added(void **state)
{
	const struct visit *b = *state;
	char name[DNS_NAME_SIZE + 1];
	struct err e;

	memset(name, 'a', DNS_NAME_SIZE);
	name[DNS_NAME_SIZE] = '\0';
	assert_int_equal(responder_add(b->responder, name, OTHER, OTHER "." THUMB, &e),
			 ERR_PROTO);
	name[DNS_NAME_SIZE - 1] = '\0';
	assert_int_equal(responder_add(b->responder, name, OTHER, OTHER "." THUMB, &e),
			 0);
}

static void without_tls_there_is_no_answer(void **state)
{
	const struct hello hello = { "\12acme-tls/1", NAME, 0 };
	struct visit *b = *state;
	struct visitor v;
	struct err e;

	responder_free(b->responder);
	assert_int_equal(responder_new(&b->listener, 1, NULL, &b->responder, &e), 0);
	assert_int_equal(responder_add(b->responder, NAME, TOKEN, AUTH, &e), ERR_PROTO);
	come(&v, b, &hello);
	assert_int_equal(shake(&v, b->responder), -1);
	leave(&v);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, alpn_setup, visit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_ca_gets_the_digest),
		CASE(everybody_else_is_refused),
		CASE(an_address_is_answered_by_its_reverse),
		CASE(a_removed_token_is_shown_to_nobody),
		CASE(a_name_that_comes_again_has_the_new_answer),
		CASE(nothing_is_answered_after_the_handshake),
		CASE(what_is_not_tls_gets_no_page),
		CASE(a_slow_handshake_is_cut_after_two_seconds),
		CASE(a_hello_without_end_is_cut),
		CASE(slow_ones_do_not_keep_a_ca_out),
		CASE(what_is_no_key_authorization_is_not_added),
		CASE(a_name_that_no_hello_can_have_is_not_added),
		CASE(without_tls_there_is_no_answer),
	};

	key_openssl_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
