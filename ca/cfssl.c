#include "ca/cfssl.h"

#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/answer.h"
#include "ca/trust.h"

#define API "/api/v1/cfssl/"

int cfssl_open(struct cfssl *c, const struct cfssl_settings *s,
	       const struct cfssl_host *host, struct err *e)
{
	*c = (struct cfssl){ .s = *s, .host = *host };
	c->s.http.origin = s->url;
	c->s.http.plain = true;
	return http_new(&c->s.http, &c->http, e);
}

void cfssl_close(struct cfssl *c)
{
	http_free(c->http);
	buf_done(&c->ca);
	*c = (struct cfssl){ 0 };
}

/* -- one exchange -- */

struct reply {
	struct http_reply http;
	struct doc *doc;          /* owned; NULL: the body is no JSON */
	const struct doc *result; /* borrowed from it */
};

#define AUTO_REPLY __attribute__((cleanup(reply_done)))

static void reply_done(struct reply *r)
{
	http_reply_done(&r->http);
	doc_free(r->doc);
}

/* Owned. The URL of the configuration may end in a slash or not. */
static char *url_of(const struct cfssl *c, const char *step)
{
	size_t len = strlen(c->s.url);

	while (len > 0 && c->s.url[len - 1] == '/')
		len--;
	return xasprintf("%.*s" API "%s", (int)len, c->s.url, step);
}

static void see_clock(struct cfssl *c, const struct http_reply *reply)
{
	const int64_t date = http_date(reply);

	c->clock_ahead_s = date == 0 ? 0 : date - clock_now();
}

/* What a person is to do about a refusal of the server's. */
static const char *remedy(const char *said)
{
	static const struct {
		const char *said;
		const char *remedy;
	} remedies[] = {
		{ "authentication required",
		  ": this profile wants auth_key_file in the issuer's configuration" },
		{ "invalid token",
		  ": the key in auth_key_file is not the one that the server has for "
		  "this profile" },
	};

	for (size_t i = 0; said != NULL && i < sizeof(remedies) / sizeof(*remedies);
	     i++)
		if (strstr(said, remedies[i].said) != NULL)
			return remedies[i].remedy;
	return "";
}

static bool is_fine(const struct reply *r)
{
	return r->http.status >= 200 && r->http.status < 300;
}

/* The member `success` decides, and not the type of the content. */
static int judge(struct reply *r, struct err *e)
{
	const struct doc *first = doc_at(doc_member(r->doc, "errors"), 0);
	const char *said = doc_str(first, "message");
	AUTO_FREE char *text = NULL;

	if (is_fine(r) && doc_true(r->doc, "success"))
		return 0;
	if (r->doc == NULL && answer_err(&r->http, NULL, e) == ERR_PROTO)
		return err_wrap(e, "there is no CFSSL API, look at url");
	if (said != NULL)
		text = xasprintf("%s%s", said, remedy(said));
	return answer_err(&r->http, text, e);
}

/* What does not begin like an object is none: a page of a proxy. */
static int read_doc(struct reply *r, struct err *e)
{
	const struct buf *body = &r->http.body;
	const size_t at = body->len == 0 ? 0 : strspn(body->data, " \t\r\n");

	if (at >= body->len || body->data[at] != '{')
		return 0;
	return doc_parse(body, &r->doc, e) < 0 && is_fine(r) ? e->code : 0;
}

static int exchange(struct cfssl *c, const char *url, const struct buf *body,
		    struct reply *r, struct err *e)
{
	const struct http_request request = {
		.url = url,
		.content_type = "application/json",
		.body = body->data,
		.body_len = body->len,
	};

	TRY(http_exchange(c->http, &request, &r->http, e));
	see_clock(c, &r->http);
	TRY(read_doc(r, e));
	TRY(judge(r, e));
	r->result = doc_member(r->doc, "result");
	return 0;
}

/* POST `body` to the API's `step`. */
static int ask(struct cfssl *c, const char *step, const struct buf *body,
	       struct reply *r, struct err *e)
{
	AUTO_FREE char *url = url_of(c, step);

	return exchange(c, url, body, r, e) < 0 ? err_wrap(e, "%s", url) : 0;
}

/* -- the CA, and what it grants -- */

static int ask_info(struct cfssl *c, const char *profile, struct reply *r,
		    struct err *e)
{
	AUTO_BUF struct buf body = { 0 };
	struct json j;

	json_begin(&j, &body);
	json_open(&j, NULL, '{');
	json_str(&j, "label", "");
	json_str(&j, "profile", profile == NULL ? "" : profile);
	json_close(&j);
	json_end(&j);
	return ask(c, "info", &body, r, e);
}

/* "72h: digital signature, server auth"; of what is not said, "". */
static void describe(const struct doc *info, struct buf *out)
{
	const struct doc *usages = doc_member(info, "usages");
	const char *expiry = doc_str(info, "expiry");

	buf_puts(out, "");
	if (expiry != NULL)
		text_escape(out, expiry, strlen(expiry), ANSWER_SAID_MAX);
	for (size_t i = 0; i < doc_len(usages); i++) {
		const char *usage = doc_str_at(usages, i);

		buf_puts(out, i == 0 ? ": " : ", ");
		if (usage != NULL)
			text_escape(out, usage, strlen(usage), ANSWER_SAID_MAX);
	}
}

static int check_profile(struct cfssl *c, const struct doc *info, struct err *e)
{
	AUTO_REPLY struct reply none = { 0 };
	AUTO_BUF struct buf granted = { 0 };
	AUTO_BUF struct buf usual = { 0 };

	if (c->s.profile == NULL)
		return 0;
	TRY(ask_info(c, NULL, &none, e));
	describe(info, &granted);
	describe(none.result, &usual);
	if (strcmp(granted.data, usual.data) != 0)
		return 0;
	return err_set(e, ERR_CONFIG,
		       "profile \"%s\": %s grants by that name what it grants by none "
		       "(%.120s), so it has no such profile: correct it, or leave "
		       "profile out",
		       c->s.profile, c->s.url, usual.data);
}

static int take_ca(struct cfssl *c, const struct doc *info, struct err *e)
{
	const char *pem = doc_str(info, "certificate");
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;

	if (pem == NULL)
		return err_set(e, ERR_PROTO, "it names no certificate of the CA");
	if (x509_chain_from_pem(pem, strlen(pem), &chain, e) < 0)
		return err_wrap(e, "the CA's certificate");
	c->ca_is_root = X509_self_signed(sk_X509_value(chain, 0), 0) == 1;
	buf_done(&c->ca);
	return x509_to_pem(sk_X509_value(chain, 0), &c->ca, e);
}

static int know_ca(struct cfssl *c, struct err *e)
{
	AUTO_REPLY struct reply info = { 0 };

	if (c->ca.len > 0 && clock_boot_ms() - c->asked_ms < CFSSL_INFO_MS)
		return 0;
	TRY(ask_info(c, c->s.profile, &info, e));
	TRY(check_profile(c, info.result, e));
	if (take_ca(c, info.result, e) < 0)
		return err_wrap(e, "%s: info", c->s.url);
	c->asked_ms = clock_boot_ms();
	return 0;
}

/* -- signing -- */

static void put_base64(struct json *j, const char *key, const struct buf *data)
{
	const size_t room = (data->len + 2) / 3 * 4 + 1;
	AUTO_FREE char *text = xcalloc(room, 1);

	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data->data,
			(int)data->len);
	json_str(j, key, text);
}

/* The very bytes of the request, and the MAC that is over them. */
static void put_signed(const struct buf *request, const struct buf *mac,
		       struct buf *body)
{
	struct json j;

	json_begin(&j, body);
	json_open(&j, NULL, '{');
	put_base64(&j, "token", mac);
	put_base64(&j, "request", request);
	json_close(&j);
	json_end(&j);
}

/* A certificate that the API sends, one or more in PEM. */
static int take_pem(const struct doc *result, const char *key, struct buf *pem,
		    struct err *e)
{
	const char *text = doc_str(result, key);
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;

	if (text == NULL)
		return err_set(e, ERR_PROTO, "it sends no certificate");
	TRY(x509_chain_from_pem(text, strlen(text), &chain, e));
	return x509_all_to_pem(chain, pem, e);
}

static int have_signed(struct cfssl *c, struct buf *leaf, struct err *e)
{
	AUTO_REPLY struct reply r = { 0 };
	AUTO_BUF struct buf request = { 0 };
	AUTO_BUF struct buf mac = { 0 };
	AUTO_BUF struct buf body = { 0 };

	TRY(c->host.request(c->host.arg, &request, &mac, e));
	if (mac.len > 0)
		put_signed(&request, &mac, &body);
	TRY(ask(c, mac.len > 0 ? "authsign" : "sign", mac.len > 0 ? &body : &request,
		&r, e));
	if (take_pem(r.result, "certificate", leaf, e) < 0)
		return err_wrap(e, "%s: what it has signed", c->s.url);
	return 0;
}

static int ask_bundle(struct cfssl *c, const struct buf *cert, struct reply *r,
		      struct err *e)
{
	AUTO_BUF struct buf body = { 0 };
	struct json j;

	json_begin(&j, &body);
	json_open(&j, NULL, '{');
	json_str(&j, "certificate", cert->data);
	json_close(&j);
	json_end(&j);
	return ask(c, "bundle", &body, r, e);
}

/* Below an intermediate there may be others that the server knows of: a bundle ends below
 * the root. One that makes no bundles has said enough by its info. */
static void put_behind(struct cfssl *c, const struct buf *leaf, struct buf *chain)
{
	AUTO_REPLY struct reply r = { 0 };
	AUTO_BUF struct buf all = { 0 };
	struct err none;

	if (ask_bundle(c, leaf, &r, &none) == 0 &&
	    take_pem(r.result, "bundle", &all, &none) == 0 && all.len > leaf->len)
		buf_add(chain, all.data, all.len);
	else
		buf_printf(chain, "%s%s", leaf->data, c->ca.data);
}

static int put_anchors(const struct cfssl *c, struct buf *anchors, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *trusted = NULL;

	if (c->s.http.trust != NULL)
		return trust_read(c->s.http.trust, anchors, &trusted, e);
	buf_add(anchors, c->ca.data, c->ca.len);
	return 0;
}

int cfssl_sign(struct cfssl *c, struct buf *chain, struct buf *anchors, struct err *e)
{
	AUTO_BUF struct buf leaf = { 0 };

	TRY(know_ca(c, e));
	TRY(put_anchors(c, anchors, e));
	TRY(have_signed(c, &leaf, e));
	if (c->ca_is_root)
		buf_add(chain, leaf.data, leaf.len);
	else
		put_behind(c, &leaf, chain);
	return 0;
}

/* -- roots -- */

int cfssl_roots(struct cfssl *c, struct buf *pem, struct err *e)
{
	AUTO_REPLY struct reply info = { 0 };
	AUTO_REPLY struct reply bundle = { 0 };

	TRY(ask_info(c, c->s.profile, &info, e));
	if (take_ca(c, info.result, e) < 0)
		return err_wrap(e, "%s: info", c->s.url);
	buf_add(pem, c->ca.data, c->ca.len);
	if (c->ca_is_root)
		return 0;
	if (ask_bundle(c, &c->ca, &bundle, e) < 0)
		return err_wrap(e, "its CA is no root, and it makes no bundle that "
				   "names one: let trust name a file with it");
	if (take_pem(bundle.result, "root", pem, e) < 0)
		return err_wrap(e, "%s: bundle", c->s.url);
	return 0;
}

/* -- revocation -- */

int cfssl_revoke(struct cfssl *c, struct err *e)
{
	AUTO_REPLY struct reply r = { 0 };
	AUTO_BUF struct buf request = { 0 };
	AUTO_BUF struct buf mac = { 0 };

	TRY(c->host.request(c->host.arg, &request, &mac, e));
	if (ask(c, "revoke", &request, &r, e) == 0)
		return 0;
	if (r.http.status != 404)
		return e->code;
	return err_set(e, ERR_REFUSED,
		       "%s has no revoke: cfssl serve revokes nothing without a "
		       "database of what it has issued (-db-config)",
		       c->s.url);
}
