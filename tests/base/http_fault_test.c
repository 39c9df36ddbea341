/* http_fault: what libraries say of a connection, in words of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/http_fault.h"

#define ALERT "error:0A000410:SSL routines::sslv3 alert handshake failure"

/* As libcurl 7.88 and OpenSSL 3.0 have it. */
static const struct row {
	int rc;
	int error;
	const char *why;
	const char *want; /* NULL: there are no better words */
} rows[] = {
	{ CURLE_COULDNT_CONNECT, 111, "Failed to connect to ca port 1 after 0 ms",
	  "it cannot be connected to: Connection refused" },
	{ CURLE_COULDNT_CONNECT, 0, "Failed to connect to proxy", NULL },
	{ CURLE_COULDNT_RESOLVE_HOST, 0, "Could not resolve host: ca", NULL },
	{ CURLE_SSL_CONNECT_ERROR, 0, ALERT,
	  "it refuses to shake hands (alert: handshake failure)" },
	{ CURLE_SSL_CONNECT_ERROR, 0,
	  "error:0A00010B:SSL routines::wrong version number",
	  "it does not speak TLS: look at the port in its URL" },
	{ CURLE_SSL_CONNECT_ERROR, 0,
	  "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to ca:443",
	  "it ends the connection while hands are shaken" },
	{ CURLE_SSL_CONNECT_ERROR, 0,
	  "OpenSSL SSL_connect: Connection reset by peer in connection to ca:443",
	  "it ends the connection while hands are shaken" },
	{ CURLE_SSL_CONNECT_ERROR, 0,
	  "OpenSSL SSL_connect: Input/output error in connection to ca:443",
	  "hands cannot be shaken: Input/output error" },
	{ CURLE_RECV_ERROR, 0, "OpenSSL SSL_read: Connection reset by peer, errno 104",
	  "it breaks the connection off" },
	{ CURLE_RECV_ERROR, 0,
	  "OpenSSL SSL_read: Transport endpoint is not connected, errno 107",
	  "it breaks the connection off" },
	{ CURLE_RECV_ERROR, 0,
	  "getpeername() failed with errno 107: Transport endpoint is not connected",
	  "it breaks the connection off" },
	{ CURLE_RECV_ERROR, 0, "OpenSSL SSL_read: Input/output error, errno 5",
	  "the connection fails: Input/output error" },
	{ CURLE_RECV_ERROR, 0, "Recv failure: Cannot allocate memory",
	  "the connection fails: Cannot allocate memory" },
	{ CURLE_RECV_ERROR, 0,
	  "OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate "
	  "required, errno 0",
	  "it refuses to shake hands (alert: certificate required)" },
	{ CURLE_RECV_ERROR, 0, "Failure when receiving data from the peer",
	  "it breaks the connection off" },
	{ CURLE_SEND_ERROR, 0, "Failed sending data to the peer",
	  "it breaks the connection off" },
	{ CURLE_GOT_NOTHING, 0, "Empty reply from server",
	  "it ends the connection without an answer" },
	{ CURLE_PARTIAL_FILE, 0, "transfer closed with 5 bytes remaining to read",
	  "it ends the connection before its answer is whole" },
	{ CURLE_WEIRD_SERVER_REPLY, 0, "Invalid Content-Length: value",
	  "its answer is no HTTP that can be read" },
};

static void what_failed_is_told_by_who_did_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf out = { 0 };
		const bool told =
		    http_fault(rows[i].rc, rows[i].why, rows[i].error, &out);

		if (told != (rows[i].want != NULL) ||
		    (told && strcmp(out.data, rows[i].want) != 0))
			fail_msg("%s: \"%s\"", rows[i].why,
				 out.data == NULL ? "" : out.data);
	}
}

static void whose_certificate_is_not_believed_is_told_with_what_to_do(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(http_untrusted(X509_V_ERR_CERT_HAS_EXPIRED, "", NULL, &e),
			 ERR_TRUST);
	assert_string_equal(e.text,
			    "its certificate is not accepted: certificate has expired");
	assert_int_equal(http_untrusted(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "",
					"/etc/ca.pem", &e),
			 ERR_TRUST);
	assert_non_null(strstr(e.text, "/etc/ca.pem: is trust the right file?"));
	assert_int_equal(http_untrusted(X509_V_OK, "", NULL, &e), ERR_TRUST);
	assert_string_equal(e.text, "its certificate is for another name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_failed_is_told_by_who_did_it),
		cmocka_unit_test(
		    whose_certificate_is_not_believed_is_told_with_what_to_do),
	};

	return cmocka_run_group_tests_name("http_fault", tests, NULL, NULL);
}
