#include "base/http_fault.h"

#include <errno.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#define REASON_MAX 100 /* bytes of OpenSSL's words that are shown */

#define ERRNO_MAX 200

/* ENOTCONN: libcurl asked whom it is connected to when that one had reset it. */
static bool is_of_peer(int error)
{
	return error == ECONNRESET || error == EPIPE || error == ECONNABORTED ||
	       error == ENOTCONN;
}

/* What the system said, if it is not that the peer has gone: that is ours, and in the words
 * of both libraries. 0: nothing. */
static int local_error(const char *why)
{
	for (int i = 1; i < ERRNO_MAX; i++)
		if (!is_of_peer(i) && strstr(why, strerror(i)) != NULL)
			return i;
	return 0;
}

/* OpenSSL's reason stands behind the last "::" of "error:0A00010B:SSL routines::wrong
 * version number", and libcurl may add more; NULL: there is none. */
static const char *reason_in(const char *why, size_t *len)
{
	const char *at = NULL;

	for (const char *next = why; (next = strstr(next, "::")) != NULL;)
		at = next += 2;
	*len = at == NULL ? 0 : strcspn(at, ",\n");
	return at;
}

/* Its words for an alert begin with a version that need not be spoken: "sslv3 alert
 * handshake failure". */
static void tell_tls(const char *why, struct buf *out)
{
	static const char alert[] = " alert ";
	size_t len;
	const char *reason = reason_in(why, &len);
	const char *said = reason == NULL ? NULL : strstr(reason, alert);
	const int error = reason == NULL ? local_error(why) : 0;

	if (error != 0) {
		buf_printf(out, "hands cannot be shaken: %s", strerror(error));
	} else if (reason == NULL || strncmp(reason, "unexpected eof", 14) == 0) {
		buf_puts(out, "it ends the connection while hands are shaken");
	} else if (said != NULL && said < reason + len) {
		said += strlen(alert);
		buf_puts(out, "it refuses to shake hands (alert: ");
		text_escape(out, said, (size_t)(reason + len - said), REASON_MAX);
		buf_puts(out, ")");
	} else if (strncmp(reason, "wrong version number", 20) == 0) {
		buf_puts(out, "it does not speak TLS: look at the port in its URL");
	} else {
		buf_puts(out, "hands cannot be shaken: ");
		text_escape(out, reason, len, REASON_MAX);
	}
}

static bool is_of_connection(const char *why)
{
	return strstr(why, strerror(ENOTCONN)) != NULL ||
	       strcasestr(why, "failure") != NULL || strstr(why, "SSL_") != NULL ||
	       strstr(why, "eof") != NULL;
}

/* In the middle of what is said; an alert of TLS 1.3 may come there, too. */
static void tell_broken(int rc, const char *why, struct buf *out)
{
	const int error = local_error(why);

	if (strstr(why, " alert ") != NULL)
		tell_tls(why, out);
	else if (error != 0)
		buf_printf(out, "the connection fails: %s", strerror(error));
	else if (rc == CURLE_SEND_ERROR || is_of_connection(why))
		buf_puts(out, "it breaks the connection off");
	else
		buf_puts(out, "its answer is no HTTP that can be read");
}

bool http_fault(int rc, const char *why, int error, struct buf *out)
{
	switch (rc) {
	case CURLE_COULDNT_CONNECT:
		if (error == 0 || strstr(why, "proxy") != NULL)
			return false;
		buf_printf(out, "it cannot be connected to: %s", strerror(error));
		return true;
	case CURLE_SSL_CONNECT_ERROR:
		tell_tls(why, out);
		return true;
	case CURLE_GOT_NOTHING:
		buf_puts(out, "it ends the connection without an answer");
		return true;
	case CURLE_PARTIAL_FILE:
		buf_puts(out, "it ends the connection before its answer is whole");
		return true;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		tell_broken(rc, why, out);
		return true;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_BAD_CONTENT_ENCODING:
		buf_puts(out, "its answer is no HTTP that can be read");
		return true;
	default:
		return false;
	}
}

int http_untrusted(long verdict, const char *why, const char *trust, struct err *e)
{
	/* What libcurl says of an alert that speaks of a certificate which is not there. */
	if (verdict != X509_V_OK && strstr(why, "verification failed") != NULL)
		return err_set(
		    e, ERR_TRUST,
		    "it refuses to shake hands (alert: certificate expired)");
	if (verdict == X509_V_OK || verdict == X509_V_ERR_UNSPECIFIED)
		return err_set(e, ERR_TRUST, "its certificate is for another name");
	err_set(e, ERR_TRUST, "its certificate is not accepted: %s",
		X509_verify_cert_error_string(verdict));
	switch (verdict) {
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return err_wrap(e, "its root is not in %s: is trust the right file?",
				trust == NULL ? "the system's store" : trust);
	default:
		return e->code;
	}
}
