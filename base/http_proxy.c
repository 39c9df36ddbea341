#include "base/http_proxy.h"

#include <string.h>

#include <openssl/x509_vfy.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/origin.h"

/* = RFC 9112 3.2.2 "When making a request to a proxy, other than a CONNECT or server-wide
 * OPTIONS request (as detailed below), a client MUST send the target URI in "absolute-form" as
 * the request-target." [absolute] */
char *http_proxy_target(const char *url, const char *proxy)
{
	const size_t origin = origin_len(url);
	const bool whole = proxy != NULL && origin_is_http(url);
	const char *at = url + origin;

	return xasprintf("%.*s%s%.*s", whole ? (int)origin : 0, url,
			 at[0] == '/' ? "" : "/", (int)strcspn(at, "#"), at);
}

long http_proxy_verdict(CURL *easy, const char *proxy)
{
	long verdict = X509_V_OK;

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
	if (verdict == X509_V_OK && proxy != NULL)
		curl_easy_getinfo(easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &verdict);
	return verdict;
}

int http_proxy_blame(CURL *easy, const char *proxy, bool is_new, struct err *e)
{
	long said = 0;

	if (proxy == NULL)
		return e->code;
	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &said);
	if (said >= 300)
		err_set(e, ERR_NET, "it answers %ld%s", said,
			said == 407 ? ": it wants to know who asks, and is not told"
				    : "");
	if (said >= 300 || (said == 0 && is_new))
		err_wrap(e, "proxy %s", proxy);
	return e->code;
}
