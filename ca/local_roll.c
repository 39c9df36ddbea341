#include "ca/local_roll.h"

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"

#define DAY_S 86400

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What cannot be read has ended. */
static int64_t seconds(const ASN1_TIME *t)
{
	int64_t at;
	struct err e;

	return t == NULL || x509_time(t, &at, &e) < 0 ? 0 : at;
}

static int64_t end_of(const X509 *cert)
{
	return seconds(X509_get0_notAfter(cert));
}

int64_t local_ahead_s(const struct local_profile *p)
{
	return sooner(DAY_S, p->lifetime_s / 4);
}

static bool is_ending(const struct local_profile *p, const X509 *cert, int64_t now)
{
	const int64_t end = end_of(cert);
	const int64_t half = (end - seconds(X509_get0_notBefore(cert))) / 2;

	return end - now < sooner(2 * p->lifetime_s, half);
}

bool local_is_ending(const struct local_profile *p, const struct local_ca *ca,
		     int64_t now)
{
	return is_ending(p, ca->root, now) ||
	       (ca->intermediate != NULL && is_ending(p, ca->intermediate, now));
}

int local_roll(const struct local_profile *p, const struct local_ca *old, bool at_once,
	       int64_t now, struct local_ca *next, struct err *e)
{
	AUTO_LOCAL_CA struct local_ca made = { 0 };

	TRY(local_make(p, at_once ? now - local_ahead_s(p) : now, &made, e));
	if (local_cross(old, made.root, now, &made.new_with_old, e) < 0 ||
	    local_cross(&made, old->root, now, &made.old_with_new, e) < 0)
		return err_wrap(e, "roll-over");
	*next = made;
	made = (struct local_ca){ 0 };
	return 0;
}

int64_t local_signs_at(const struct local_profile *p, const struct local_ca *ca)
{
	return seconds(X509_get0_notBefore(ca->root)) + local_ahead_s(p);
}

size_t local_signing(const struct local_profile *p, const struct local_ca *cas,
		     size_t n, int64_t now)
{
	size_t i = n - 1;

	while (i > 0 && local_signs_at(p, &cas[i]) > now &&
	       end_of(cas[i - 1].root) > now)
		i--;
	return i;
}

bool local_is_over(const struct local_ca *ca, int64_t now)
{
	return ca->crl == NULL || end_of(ca->root) <= now ||
	       seconds(X509_CRL_get0_nextUpdate(ca->crl)) <= now;
}

X509 *local_bridge(const struct local_ca *cas, size_t n, size_t i, int64_t now)
{
	if (cas[i].new_with_old != NULL && end_of(cas[i].new_with_old) > now)
		return cas[i].new_with_old;
	return i + 1 < n && end_of(cas[i + 1].old_with_new) > now
		   ? cas[i + 1].old_with_new
		   : NULL;
}

void local_crl_url(const char *url, unsigned number, struct buf *out)
{
	const char *host = strstr(url, "://");
	const size_t path = strcspn(url, "?#");
	size_t cut = path;

	while (cut > 0 && url[cut - 1] != '/')
		cut--;
	if (number == 1)
		buf_puts(out, url);
	else if (host != NULL && cut <= (size_t)(host - url) + strlen("://"))
		buf_printf(out, "%.*s/%u%s", (int)path, url, number, url + path);
	else
		buf_printf(out, "%.*s%u/%s", (int)cut, url, number, url + cut);
}
