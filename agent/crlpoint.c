#include "agent/crlpoint.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/crlcall.h"
#include "base/buf.h"

/* A URL that goes into a message, a log and a line. */
static bool is_plain(const uint8_t *url, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] > '~')
			return false;
	return len > 0 && len <= LIMIT_CRL_ASKED;
}

static const GENERAL_NAMES *names_of(const DIST_POINT *p)
{
	if (p->reasons != NULL || p->CRLissuer != NULL || p->distpoint == NULL ||
	    p->distpoint->type != 0)
		return NULL;
	return p->distpoint->name.fullname;
}

static void add_urls(const GENERAL_NAMES *names, struct buf *urls, int *n)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const uint8_t *at;
		size_t len;

		if (name->type != GEN_URI || *n == LIMIT_CRL_POINTS)
			continue;
		at = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
		len = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
		if (!is_plain(at, len))
			continue;
		buf_add(urls, at, len);
		buf_puts(urls, "\n");
		++*n;
	}
}

void crlpoint_read(X509 *cert, struct buf *urls)
{
	CRL_DIST_POINTS *points =
	    X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	int n = 0;

	buf_puts(urls, "");
	for (int i = 0; i < sk_DIST_POINT_num(points); i++)
		add_urls(names_of(sk_DIST_POINT_value(points, i)), urls, &n);
	CRL_DIST_POINTS_free(points);
	ERR_clear_error(); /* of points that OpenSSL could not read */
}

bool crlpoint_speaks(const char *url)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}
