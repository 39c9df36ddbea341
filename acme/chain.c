#include "acme/chain.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/weblink.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"

#define SHORTEST "shortest"

#define BEGIN "-----BEGIN "
#define CERT  "CERTIFICATE-----"

/* = RFC 8555 11.4 "If anything other than a certificate is found (i.e., if the string
 * "-----BEGIN" is ever followed by anything other than "CERTIFICATE"), then the client MUST
 * reject the file as invalid." [blocks] */
static bool is_only_certificates(const struct buf *pem)
{
	const char *at = pem->data;
	const char *const end = pem->data + pem->len;

	while ((at = memmem(at, (size_t)(end - at), BEGIN, sizeof(BEGIN) - 1)) !=
	       NULL) {
		at += sizeof(BEGIN) - 1;
		if ((size_t)(end - at) < sizeof(CERT) - 1 ||
		    memcmp(at, CERT, sizeof(CERT) - 1) != 0)
			return false;
	}
	return true;
}

static int fetch(struct acme *a, const char *url, struct acme_reply *reply,
		 struct err *e)
{
	struct acme_ask ask = { .kind = ASK_FETCH, .url = url };

	TRY(acme_check_url(a, "URL of the chain", url, e));
	if (acme_post(a, &ask, reply, e) < 0) {
		/* It is issued: whatever the CA says, there is nothing to order. */
		if (reply->http.status != 0 &&
		    (e->code == ERR_PROTO || e->code == ERR_REFUSED))
			e->code = ERR_NET;
		return e->code;
	}
	if (reply->http.body.len == 0)
		return err_set(e, ERR_NET, "the CA sends nothing");
	if (reply->http.body.len > LIMIT_CHAIN_BYTES)
		return err_set(e, ERR_LIMIT, "the chain has %zu bytes",
			       reply->http.body.len);
	if (!is_only_certificates(&reply->http.body))
		return err_set(e, ERR_PROTO, "the chain is not of certificates only");
	return 0;
}

/* -- what is wanted -- */

static bool has_common_name(const X509_NAME *dn, const char *wanted)
{
	int at = X509_NAME_get_index_by_NID(dn, NID_commonName, -1);
	unsigned char *text = NULL;
	bool same;

	if (at < 0 || ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
						     X509_NAME_get_entry(dn, at))) < 0)
		return false;
	same = strcmp((const char *)text, wanted) == 0;
	OPENSSL_free(text);
	return same;
}

/* With or without colons, as people copy it. */
static bool is_sha256(X509 *cert, const char *wanted)
{
	unsigned char digest[32];
	char hex[2 * sizeof(digest) + 1];
	size_t n = 0;

	if (X509_digest(cert, EVP_sha256(), digest, NULL) != 1)
		return false;
	text_hex(hex, digest, sizeof(digest));
	for (; *wanted != '\0'; wanted++)
		if (*wanted != ':' && tolower((unsigned char)*wanted) != hex[n++])
			return false;
	return n == 2 * sizeof(digest);
}

static bool matches(STACK_OF(X509) * chain, const char *wanted)
{
	int n = sk_X509_num(chain);
	X509 *last = sk_X509_value(chain, n - 1);

	if (has_common_name(X509_get_issuer_name(last), wanted) ||
	    (n > 1 && has_common_name(X509_get_subject_name(last), wanted)))
		return true;
	for (int i = 1; i < n; i++)
		if (is_sha256(sk_X509_value(chain, i), wanted))
			return true;
	return false;
}

/* -- alternates -- */

struct alternates {
	char *urls[LIMIT_ALTERNATES]; /* owned */
	size_t n;
};

#define AUTO_ALTERNATES __attribute__((cleanup(alternates_done)))

static void alternates_done(struct alternates *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->urls[i]);
}

static void find_alternates(const struct acme_reply *reply, struct alternates *l)
{
	const char *value = NULL;

	while ((value = http_header(&reply->http, "link", value)) != NULL) {
		const char *at = value;
		char *url;

		while (l->n < LIMIT_ALTERNATES &&
		       (url = weblink_next(&at, "alternate")) != NULL)
			l->urls[l->n++] = url;
	}
}

/* -- choosing -- */

struct choice {
	const char *wanted;
	struct buf *chain; /* the best so far */
	int n;             /* its certificates */
	bool found;        /* it is what was wanted */
};

/* Take it if it is better than what there is. What cannot be read is not. */
static void consider(struct choice *c, const struct buf *pem)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	bool shortest = strcmp(c->wanted, SHORTEST) == 0;
	struct err ignored;

	if (x509_chain_from_pem(pem->data, pem->len, &chain, &ignored) < 0)
		return;
	if (shortest ? c->n != 0 && sk_X509_num(chain) >= c->n
		     : !matches(chain, c->wanted))
		return;
	c->n = sk_X509_num(chain);
	c->found = true;
	buf_done(c->chain);
	buf_add(c->chain, pem->data, pem->len);
}

static void look_further(struct acme *a, const struct alternates *l, struct choice *c)
{
	for (size_t i = 0; i < l->n; i++) {
		AUTO_ACME_REPLY struct acme_reply reply = { 0 };
		struct err ignored; /* the default will do */

		if (c->found && strcmp(c->wanted, SHORTEST) != 0)
			return;
		if (fetch(a, l->urls[i], &reply, &ignored) == 0)
			consider(c, &reply.http.body);
	}
}

static void add_note(char **note, const char *wanted)
{
	char *before = *note;

	*note =
	    xasprintf("%s%sthe CA has no chain \"%s\"; it is the default",
		      before == NULL ? "" : before, before == NULL ? "" : "; ", wanted);
	free(before);
}

int chain_fetch(struct acme *a, const char *url, const char *wanted, struct buf *chain,
		char **note, struct err *e)
{
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	AUTO_ALTERNATES struct alternates l = { 0 };
	struct choice c = { .wanted = wanted, .chain = chain };

	TRY(fetch(a, url, &reply, e));
	buf_add(chain, reply.http.body.data, reply.http.body.len);
	if (wanted == NULL)
		return 0;
	consider(&c, &reply.http.body);
	find_alternates(&reply, &l);
	look_further(a, &l, &c);
	if (!c.found)
		add_note(note, wanted);
	return 0;
}
