#include "agent/crlpoint.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/role/crlcall.h"
#include "base/buf.h"

/* A URL that goes into a message, a log and a line. */
static bool is_plain(const uint8_t *url, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] > '~')
			return false;
	return len > 0 && len <= LIMIT_CRL_ASKED && url[0] != CRLPOINT_PASSED;
}

static bool is_passed(const DIST_POINT *p)
{
	return p->reasons != NULL || p->CRLissuer != NULL;
}

/* NULL: it has none of its own. */
static const GENERAL_NAMES *names_of(const DIST_POINT *p)
{
	return p->distpoint == NULL || p->distpoint->type != 0
		   ? NULL
		   : p->distpoint->name.fullname;
}

static void add_line(struct buf *lines, bool passed, const uint8_t *url, size_t len,
		     int *n)
{
	if (++*n > LIMIT_CRL_POINTS)
		return;
	buf_printf(lines, "%.*s", passed, (const char[]){ CRLPOINT_PASSED, '\0' });
	buf_add(lines, url, len);
	buf_puts(lines, "\n");
}

static void add_point(const DIST_POINT *p, struct buf *lines, int *n)
{
	const GENERAL_NAMES *names = names_of(p);
	bool has_url = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const uint8_t *at;
		size_t len;

		if (name->type != GEN_URI)
			continue;
		at = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
		len = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
		if (!is_plain(at, len))
			continue;
		has_url = true;
		add_line(lines, is_passed(p), at, len, n);
	}
	if (!has_url)
		add_line(lines, true, (const uint8_t *)"", 0, n);
}

void crlpoint_read(X509 *cert, struct buf *lines)
{
	CRL_DIST_POINTS *points =
	    X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	int n = 0;

	buf_puts(lines, "");
	for (int i = 0; i < sk_DIST_POINT_num(points); i++)
		add_point(sk_DIST_POINT_value(points, i), lines, &n);
	CRL_DIST_POINTS_free(points);
	ERR_clear_error(); /* of points that OpenSSL could not read */
}

bool crlpoint_speaks(const char *line)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(line, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

const char *crlpoint_next(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

const char *crlpoint_first(const char *lines)
{
	while (*lines != '\0' && !crlpoint_speaks(lines))
		lines = crlpoint_next(lines);
	return lines;
}
