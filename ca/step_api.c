#include "ca/step_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/answer.h"
#include "ca/trust.h"

#define CLOCK_OFF_S 60 /* what step-ca allows a token to be off */
#define PAGES_MAX   20 /* of provisioners, a hundred on each */

void step_done(struct step *s)
{
	http_free(s->http);
	buf_done(&s->csr);
	buf_done(&s->spki);
	buf_done(&s->chain);
	buf_done(&s->key);
}

/* -- one exchange -- */

void step_reply_done(struct step_reply *r)
{
	http_reply_done(&r->http);
	doc_free(r->doc);
	r->doc = NULL;
}

char *step_url(const struct step *s, const char *step)
{
	size_t len = strlen(s->s.url);

	while (len > 0 && s->s.url[len - 1] == '/')
		len--;
	return xasprintf("%.*s/1.0/%s", (int)len, s->s.url, step);
}

int step_connect(struct step *s, bool shown, struct err *e)
{
	struct http_settings http = s->s.http;

	http.origin = s->s.url;
	http.chain = shown ? s->chain.data : NULL;
	http.key = shown ? s->key.data : NULL;
	http_free(s->http);
	s->http = NULL;
	s->shut_out = false;
	return http_new(&http, &s->http, e);
}

static void see_clock(struct step *s, const struct http_reply *reply)
{
	const int64_t date = http_date(reply);

	if (date != 0)
		s->ahead_s = date - clock_now();
}

static bool is_fine(const struct step_reply *r)
{
	return r->http.status == 200 || r->http.status == 201;
}

/* What does not begin like an object is none: a page of a proxy. */
static int read_doc(struct step_reply *r, struct err *e)
{
	const struct buf *body = &r->http.body;
	const size_t at = body->len == 0 ? 0 : strspn(body->data, " \t\r\n");

	if (at >= body->len || body->data[at] != '{')
		return 0;
	return doc_parse(body, &r->doc, e) < 0 && is_fine(r) ? e->code : 0;
}

/* What a person is to do, as far as that can be told from here: the server tells nobody
 * why it does not know him. NULL: nothing more. */
static const char *remedy(const struct step *s, const struct step_ask *a,
			  const struct step_reply *r)
{
	if (r->http.status == 404 && r->doc != NULL)
		return "this step-ca does not do that";
	if (r->http.status != 401)
		return NULL;
	if (a->by_token && (s->ahead_s > CLOCK_OFF_S || s->ahead_s < -CLOCK_OFF_S))
		return "it does not take the token, which goes by the clock of this "
		       "host: set that right";
	return a->doubt;
}

static int judge(struct step *s, const struct step_ask *a, const struct step_reply *r,
		 struct err *e)
{
	const char *what = remedy(s, a, r);

	if (is_fine(r) && r->doc != NULL)
		return 0;
	s->shut_out = r->http.status == 401 || r->http.status == 403;
	if (answer_err(&r->http, doc_str(r->doc, "message"), e) == ERR_PROTO &&
	    r->doc == NULL)
		what = "there is no step-ca, look at url";
	return what == NULL ? e->code : err_wrap(e, "%s", what);
}

int step_ask(struct step *s, const struct step_ask *a, struct step_reply *r,
	     struct err *e)
{
	AUTO_FREE char *url = step_url(s, a->step);
	const struct http_request request = {
		.url = url,
		.content_type = "application/json",
		.authorization = a->authorization,
		.body = a->body == NULL ? NULL : a->body->data,
		.body_len = a->body == NULL ? 0 : a->body->len,
	};

	if (http_exchange(s->http, &request, &r->http, e) < 0) {
		/* An alert may be lost with the connection. */
		s->shut_out = e->code == ERR_REFUSED || e->code == ERR_NET;
		return err_wrap(e, "%s", url);
	}
	see_clock(s, &r->http);
	if (read_doc(r, e) < 0 || judge(s, a, r, e) < 0)
		return err_wrap(e, "%s", url);
	return 0;
}

/* -- the provisioner's key -- */

/* 1: it is not on this page. */
static int look_for(const struct step *s, const struct doc *page, struct step_jwe *jwe,
		    struct buf *others, struct err *e)
{
	const struct doc *all = doc_member(page, "provisioners");

	for (size_t i = 0; i < doc_len(all); i++) {
		const struct doc *p = doc_at(all, i);
		const char *name = doc_str(p, "name"), *type = doc_str(p, "type");
		const char *key = doc_str(p, "encryptedKey");

		if (name == NULL || type == NULL)
			continue;
		if (strcmp(name, s->s.provisioner) != 0) {
			buf_puts(others, others->len > 0 ? ", " : "");
			text_escape(others, name, strlen(name), ANSWER_SAID_MAX / 4);
		} else if (strcmp(type, "JWK") == 0 && key != NULL) {
			return step_jwe_read(key, strlen(key), jwe, e);
		} else {
			AUTO_BUF struct buf shown = { 0 };

			text_escape(&shown, type, strlen(type), ANSWER_SAID_MAX / 4);
			return err_set(e, ERR_CONFIG,
				       "the CA has no key for it, which is of type %s: "
				       "set key, and certificate if that is X5C",
				       shown.data);
		}
	}
	return 1;
}

/* A cursor goes into a URL. */
static bool is_cursor(const char *cursor)
{
	static const char letters[] = "0123456789abcdefABCDEF";

	return cursor != NULL && *cursor != '\0' && strlen(cursor) <= 64 &&
	       cursor[strspn(cursor, letters)] == '\0';
}

int step_find_key(struct step *s, struct step_jwe *jwe, struct err *e)
{
	AUTO_BUF struct buf others = { 0 };
	AUTO_FREE char *page = xstrdup("provisioners?limit=100");

	for (int i = 0; i < PAGES_MAX; i++) {
		AUTO_REPLY struct step_reply r = { 0 };
		const char *next;
		int rc;

		TRY(step_ask(s, &(struct step_ask){ .step = page }, &r, e));
		rc = look_for(s, r.doc, jwe, &others, e);
		if (rc <= 0)
			return rc == 0 ? 0
				       : err_wrap(e, "%s: provisioner \"%s\"", s->s.url,
						  s->s.provisioner);
		next = doc_str(r.doc, "nextCursor");
		if (!is_cursor(next))
			break;
		free(page);
		page = xasprintf("provisioners?limit=100&cursor=%s", next);
	}
	return err_set(e, ERR_CONFIG,
		       "%s: the CA has no provisioner \"%s\"; it has: %.200s", s->s.url,
		       s->s.provisioner, others.len > 0 ? others.data : "none");
}

/* -- what stands above -- */

/* Of what is configured, or of what the CA says, the first that has signed itself. */
static void note_root(struct step *s, STACK_OF(X509) * anchors)
{
	for (int i = 0; !s->has_root && i < sk_X509_num(anchors); i++) {
		X509 *cert = sk_X509_value(anchors, i);

		s->has_root = X509_self_signed(cert, 0) == 1 &&
			      X509_digest(cert, EVP_sha256(), s->root, NULL) == 1;
	}
}

int step_add_pem(const char *text, struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;

	TRY(x509_chain_from_pem(text, strlen(text), &chain, e));
	return x509_all_to_pem(chain, pem, e);
}

/* Where the system's store vouches for the server, it says itself what to trust. */
static int take_roots(struct step *s, struct buf *pem, struct err *e)
{
	AUTO_REPLY struct step_reply r = { 0 };
	const struct doc *all;

	TRY(step_ask(s, &(struct step_ask){ .step = "roots" }, &r, e));
	all = doc_member(r.doc, "crts");
	for (size_t i = 0; i < doc_len(all) && i < LIMIT_CHAIN_CERTS; i++) {
		const char *text = doc_str_at(all, i);

		if (text != NULL && step_add_pem(text, pem, e) < 0)
			return err_wrap(e, "%s: its roots", s->s.url);
	}
	if (pem->len > 0)
		return 0;
	return err_set(e, ERR_PROTO, "%s: it names no root", s->s.url);
}

int step_roots(const struct step_settings *settings, struct buf *pem, struct err *e)
{
	AUTO_STEP struct step s = { .s = *settings };

	TRY(step_connect(&s, false, e));
	return take_roots(&s, pem, e);
}

int step_anchors(struct step *s, struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *anchors = NULL;

	if (pem->len > 0)
		return 0;
	if (s->s.http.trust != NULL) {
		TRY(trust_read(s->s.http.trust, pem, &anchors, e));
	} else {
		TRY(take_roots(s, pem, e));
		TRY(x509_chain_from_pem(pem->data, pem->len, &anchors, e));
	}
	note_root(s, anchors);
	return 0;
}
