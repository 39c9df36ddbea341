#include "agent/crlwatch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlpoint.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/hash.h"
#include "base/mem.h"

void crlwatch_ca_done(struct crl_ca *ca)
{
	for (uint32_t i = 0; i < ca->n_urls; i++)
		free(ca->urls[i].text);
	ca->n_urls = 0;
	buf_done(&ca->der);
}

char *crlwatch_ca_name(const struct crl_ca *ca)
{
	const uint8_t *der = (const uint8_t *)ca->der.data;
	AUTO_X509 X509 *cert = d2i_X509(NULL, &der, (long)ca->der.len);

	return cert == NULL ? xstrdup("") : x509_subject(cert);
}

static bool is_issued(X509 *by, X509 *cert)
{
	return X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(by)) ==
	       0;
}

/* Whoever has issued another CA of the file is asked whom of CAs he has revoked, the
 * others whom of those that are none. */
static unsigned covers_of(X509 *const *certs, uint32_t n, uint32_t i)
{
	for (uint32_t k = 0; k < n; k++)
		if (k != i && is_issued(certs[i], certs[k]))
			return CRL_CAS;
	return CRL_USERS;
}

/* -- where its list is -- */

static void add_url(struct crl_ca *ca, const char *url, size_t len, bool is_scope)
{
	if (ca->n_urls < LIMIT_CRL_POINTS)
		ca->urls[ca->n_urls++] =
		    (struct crl_url){ xstrndup(url, len), is_scope };
}

static void add_configured(const struct crl *c, struct crl_ca *ca)
{
	const struct spec *s = c->agent->spec;

	for (uint32_t i = 0; i < c->spec->urls.n; i++) {
		const char *url = spec_text(s, s->words[c->spec->urls.first + i]);

		add_url(ca, url, strlen(url), true);
	}
}

static struct crl_url *url_called(struct crl_ca *ca, const char *url, size_t len)
{
	for (uint32_t i = 0; i < ca->n_urls; i++)
		if (strlen(ca->urls[i].text) == len &&
		    memcmp(ca->urls[i].text, url, len) == 0)
			return &ca->urls[i];
	return NULL;
}

/* Whether `lines` has the line `url`. */
static bool has_line(const char *lines, const char *url)
{
	const size_t len = strlen(url);

	for (; *lines != '\0'; lines = crlpoint_next(lines))
		if (strcspn(lines, "\n") == len && memcmp(lines, url, len) == 0)
			return true;
	return false;
}

/* The points of one that the CA has issued: what only others name is no scope of all. */
static void add_points(const struct crl *c, struct crl_ca *ca, const char *points,
		       bool is_first)
{
	const char *line = points;

	for (uint32_t i = c->spec->urls.n; i < ca->n_urls; i++)
		if (!has_line(points, ca->urls[i].text))
			ca->urls[i].is_scope = false;
	for (; *line != '\0'; line = crlpoint_next(line)) {
		const size_t len = strcspn(line, "\n");

		if (crlpoint_speaks(line) && url_called(ca, line, len) == NULL)
			add_url(ca, line, len, is_first);
	}
}

/* With `ca` it is only what the configuration says. */
static void find_urls(const struct crl *c, struct crl_ca *ca, X509 *const *certs,
		      uint32_t n, uint32_t i)
{
	bool is_first = true;

	add_configured(c, ca);
	for (uint32_t k = 0; c->spec->bundle.at != 0 && k < n; k++) {
		AUTO_BUF struct buf points = { 0 };

		if (is_issued(certs[i], certs[k]))
			crlpoint_read(certs[k], &points);
		if (points.len == 0)
			continue;
		add_points(c, ca, points.data, is_first);
		is_first = false;
	}
}

/* -- who is above them -- */

static bool is_there(X509 *const *certs, uint32_t n, const X509_NAME *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (X509_NAME_cmp(X509_get_subject_name(certs[i]), name) == 0)
			return true;
	return false;
}

/* One by which a chain goes on, or ends, within the file; a CA that has certificates of
 * several needs one. */
static bool has_issuer(X509 *const *certs, uint32_t n, X509 *cert)
{
	for (uint32_t i = 0; i < n; i++)
		if (X509_NAME_cmp(X509_get_subject_name(certs[i]),
				  X509_get_subject_name(cert)) == 0 &&
		    is_there(certs, n, X509_get_issuer_name(certs[i])))
			return true;
	return false;
}

static int check_above(const struct crl *c, X509 *const *certs, uint32_t n,
		       struct err *e)
{
	for (uint32_t i = 0; c->spec->bundle.at != 0 && i < n; i++) {
		AUTO_FREE char *issuer = NULL;
		AUTO_FREE char *name = NULL;

		if (has_issuer(certs, n, certs[i]))
			continue;
		issuer = x509_issuer(certs[i]);
		name = x509_subject(certs[i]);
		return err_set(e, ERR_CONFIG,
			       "the bundle lacks CA %.150s, which has issued %.150s: "
			       "servers that check a chain need its CRL too",
			       issuer, name);
	}
	return 0;
}

/* -- all of it -- */

static void take_ca(struct crl_ca *to, const void *der, size_t len)
{
	buf_add(&to->der, der, len);
	hash_all(der, len, to->part.ca);
}

/* What is known of the same CA stays known. */
static void keep_known(struct crl_ca *to, const struct crl_ca *known, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (memcmp(known[i].part.ca, to->part.ca, CRL_HASH_LEN) == 0)
			to->part = known[i].part;
}

/* Which CAs there are is what the rows of a CRL say until its next look. */
static void remember_cas(struct crl *c)
{
	struct agent *a = c->agent;
	struct err e;

	if (agent_write(a, &e) < 0 || state_crl_drop_parts(a->state, c->name, &e) < 0)
		log_error("%s: remember: %s", c->name, e.text);
	for (uint32_t i = 0; i < c->n_cas; i++)
		if (c->cas[i].part.this_update != 0)
			crlwatch_put_part(c, &c->cas[i].part);
}

static int read_cas(struct msg *m, const struct crl *c, struct crl_ca *got,
		    X509 **certs, uint32_t n, struct err *e)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t len = 0;
		const uint8_t *der = msg_get_bytes(m, &len);

		take_ca(&got[i], der, len);
		keep_known(&got[i], c->cas, c->n_cas);
		certs[i] = d2i_X509(NULL, &der, (long)len);
		if (certs[i] == NULL)
			return err_set(e, ERR_PROTO, "a CA's certificate is none");
	}
	TRY(msg_end(m, e));
	TRY(check_above(c, certs, n, e));
	for (uint32_t i = 0; i < n; i++) {
		got[i].covers = covers_of(certs, n, i);
		find_urls(c, &got[i], certs, n, i);
	}
	return 0;
}

int crlwatch_take_cas(struct crl *c, struct msg *m, struct err *e)
{
	AUTO_FREE struct crl_ca *got = xcalloc(LIMIT_CHAIN_CERTS, sizeof(*got));
	X509 *certs[LIMIT_CHAIN_CERTS] = { NULL };
	const uint64_t n = msg_get_u64(m);
	int rc;

	if (n == 0 || n > LIMIT_CHAIN_CERTS)
		return err_set(e, ERR_PROTO, "there is no CA");
	rc = read_cas(m, c, got, certs, (uint32_t)n, e);
	for (uint32_t i = 0; i < n; i++)
		X509_free(certs[i]);
	for (uint32_t i = 0; i < LIMIT_CHAIN_CERTS; i++)
		crlwatch_ca_done(rc < 0 ? &got[i] : &c->cas[i]);
	TRY(rc);
	memcpy(c->cas, got, sizeof(c->cas));
	c->n_cas = (uint32_t)n;
	remember_cas(c);
	return 0;
}
