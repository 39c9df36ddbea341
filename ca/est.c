#include "ca/est.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/http_bind.h"
#include "base/mem.h"
#include "base/x509.h"
#include "base/x509_order.h"
#include "ca/answer.h"
#include "ca/base64.h"
#include "ca/certs_only.h"
#include "ca/est_attrs.h"
#include "ca/trust.h"

#define WELL_KNOWN "/.well-known/est"

/* One enrolment. */
struct est {
	struct est_settings s;
	const struct est_host *host;
	struct http *http; /* owned; NULL: nobody is spoken to yet */
	struct buf csr;    /* DER; of the last request */
	struct buf body;   /* ... in base64, and room for another one */
	struct est_attrs wants;
	struct buf user;
	struct buf password;
	struct buf pair_chain; /* empty: we show none */
	struct buf pair_key;
	bool first;               /* it is the one of the configuration */
	struct buf unmet;         /* what it wants and does not get */
	STACK_OF(X509) * cas;     /* owned: what the server says stands above */
	STACK_OF(X509) * anchors; /* owned */
	bool shut_out;            /* it does not take who we are */
};

#define AUTO_EST __attribute__((cleanup(est_done)))

static void est_done(struct est *s)
{
	http_free(s->http);
	buf_done(&s->csr);
	buf_done(&s->body);
	est_attrs_done(&s->wants);
	buf_done(&s->unmet);
	buf_done(&s->user);
	buf_done(&s->password);
	buf_done(&s->pair_chain);
	buf_done(&s->pair_key);
	sk_X509_pop_free(s->cas, X509_free);
	sk_X509_pop_free(s->anchors, X509_free);
}

/* Owned. */
static char *url_of(const struct est *s, const char *step)
{
	const char *url = s->s.url;
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	return xasprintf("%.*s%s/%s", (int)len, url,
			 strstr(url, WELL_KNOWN) == NULL ? WELL_KNOWN : "", step);
}

/* -- the request -- */

/* A challenge that is as long as any binding, and how much longer a signature may be. */
#define LONGEST "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SLACK   "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"

static int ask_request(struct est *s, bool again, const char *challenge, struct err *e)
{
	struct csr_asks asks = { .challenge = challenge };

	est_attrs_asks(&s->wants, &asks);
	buf_done(&s->csr);
	return s->host->request(s->host->arg, again, &asks, &s->csr, e);
}

/* Signed anew for each connection, in the place of the one that was as long. */
static int make_bound(void *est, const void *binding, size_t len, struct err *e)
{
	struct est *s = est;
	AUTO_BUF struct buf text = { 0 };
	char challenge[HTTP_BIND_MAX * 2];

	EVP_EncodeBlock((unsigned char *)challenge, binding, (int)len);
	TRY(ask_request(s, false, challenge, e));
	TRY(base64_lines(s->csr.data, s->csr.len, &text, e));
	if (text.len > s->body.len)
		return err_set(e, ERR_SYS, "the request has grown");
	memcpy(s->body.data, text.data, text.len);
	memset(s->body.data + text.len, '\n', s->body.len - text.len);
	return 0;
}

/* Bound, it is never the same as the time before. */
static int make_request(struct est *s, bool again, struct err *e)
{
	const bool bound = est_attrs_bind(&s->wants);

	TRY(ask_request(s, again && !bound, bound ? LONGEST : "", e));
	buf_done(&s->body);
	TRY(base64_lines(s->csr.data, s->csr.len, &s->body, e));
	if (bound)
		buf_puts(&s->body, SLACK);
	return 0;
}

/* -- one exchange -- */

/* What a person is to do about a refusal. */
static const char *remedy(const struct est *s, const struct http_reply *reply)
{
	const char *said = reply->body.len == 0 ? "" : reply->body.data;

	if (reply->status == 401 && strstr(said, "Proof of Possession") != NULL)
		return "the server wants the request bound to its TLS connection "
		       "(RFC 7030 3.5) and does not say so in csrattrs: have it ask "
		       "for a challengePassword there";
	if (reply->status == 401 && s->first)
		return "it does not take the certificate in certificate_file";
	if (reply->status == 401 && s->pair_key.len > 0)
		return "it does not take the live certificate for its renewal";
	if (reply->status == 401 && s->user.len == 0)
		return "it wants to know who asks: set user and password_file, or "
		       "certificate_file and key_file";
	if (reply->status == 401)
		return "it does not take user and the password in password_file";
	if (reply->status == 404)
		return "there is no EST server, or none of that label: look at url";
	return NULL;
}

static int judge(struct est *s, const struct http_reply *reply, struct err *e)
{
	const char *what = remedy(s, reply);

	if (reply->status == 200)
		return 0;
	s->shut_out = reply->status == 401 || reply->status == 403;
	answer_err(reply, NULL, e);
	return what == NULL ? e->code : err_wrap(e, "%s", what);
}

static int exchange(struct est *s, const char *url, const struct buf *body,
		    struct http_reply *reply, struct err *e)
{
	const bool bound = body != NULL && est_attrs_bind(&s->wants);
	const struct http_request request = {
		.url = url,
		.content_type = "application/pkcs10",
		.transfer_encoding = "base64",
		.body = body == NULL ? NULL : body->data,
		.body_len = body == NULL ? 0 : body->len,
		.bind = bound ? make_bound : NULL,
		.bind_arg = s,
	};

	if (http_exchange(s->http, &request, reply, e) < 0) {
		/* An alert may be lost with the connection. */
		s->shut_out = e->code == ERR_REFUSED || e->code == ERR_NET;
		return s->first && e->code != ERR_NET ? err_wrap(e, "certificate_file")
						      : e->code;
	}
	return judge(s, reply, e);
}

/* -- what stands above -- */

/* Where the system's store vouches for the server, it says itself what to trust. */
static int take_roots(struct est *s, struct err *e)
{
	s->anchors = sk_X509_new_null();
	for (int i = 0; s->anchors != NULL && i < sk_X509_num(s->cas); i++) {
		X509 *ca = sk_X509_value(s->cas, i);

		if (X509_self_signed(ca, 0) == 1 &&
		    !X509_add_cert(s->anchors, ca, X509_ADD_FLAG_UP_REF))
			break;
	}
	if (s->anchors != NULL && sk_X509_num(s->anchors) > 0)
		return 0;
	return err_set(e, ERR_PROTO, "it sends no root: set trust");
}

static int know_cas(struct est *s, bool as_anchors, struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	AUTO_FREE char *url = url_of(s, "cacerts");

	if (s->cas != NULL)
		return 0;
	s->cas = sk_X509_new_null();
	if (exchange(s, url, NULL, &reply, e) < 0 ||
	    certs_only_read(&reply.body, s->cas, e) < 0 ||
	    (as_anchors && take_roots(s, e) < 0)) {
		sk_X509_pop_free(s->cas, X509_free);
		s->cas = NULL;
		return err_wrap(e, "%s", url);
	}
	return 0;
}

/* -- what it wants in a request -- */

/* Who has none answers 204 or 404 (RFC 7030 4.5.2). What is wrong there is told if the
 * enrolment fails. */
static int know_wants(struct est *s, struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	AUTO_FREE char *url = url_of(s, "csrattrs");
	const struct http_request request = { .url = url };
	struct err why;

	buf_done(&s->unmet);
	est_attrs_done(&s->wants);
	if (http_exchange(s->http, &request, &reply, e) < 0)
		return err_wrap(e, "%s", url);
	if (reply.status != 200 || est_attrs_read(&s->wants, &reply.body, &why) == 0)
		return 0;
	buf_printf(&s->unmet, "%s: %s", url, why.text);
	return 0;
}

/* A refusal may be for what the request has not: it is said with it. */
static int with_unmet(struct est *s, struct err *e)
{
	const unsigned char *at = (const unsigned char *)s->csr.data;
	AUTO_CSR X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)s->csr.len);
	AUTO_BUF struct buf words = { 0 };

	if (s->shut_out || e->code != ERR_REFUSED)
		return e->code; /* it is who asks, or how it is */
	if (csr != NULL)
		est_attrs_unmet(&s->wants, csr, &words);
	if (words.len > 0)
		buf_printf(&s->unmet,
			   "it wants in a request (csrattrs) what is not in "
			   "ours: %s",
			   words.data);
	return s->unmet.len == 0 ? e->code : err_wrap(e, "%s", s->unmet.data);
}

/* -- what has come -- */

static bool is_issued_by(X509 *cert, const STACK_OF(X509) * all)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_check_issued(sk_X509_value(all, i), cert) == X509_V_OK)
			return true;
	return false;
}

/* Roots are anchors or of no use: one of ours may have signed the name of another into one
 * below it (RFC 4210 4.4). */
static void add_below(STACK_OF(X509) * all, const STACK_OF(X509) * from)
{
	for (int i = 0; i < sk_X509_num(from); i++)
		if (X509_self_signed(sk_X509_value(from, i), 0) != 1 &&
		    !X509_add_cert(all, sk_X509_value(from, i), X509_ADD_FLAG_UP_REF))
			abort(); /* out of memory, as in mem.h */
}

/* In order: how many of `all` begin with the one for our key. */
static int in_order(const struct est *s, STACK_OF(X509) * all)
{
	const unsigned char *at = (const unsigned char *)s->csr.data;
	AUTO_CSR X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)s->csr.len);
	unsigned char *spki = NULL;
	const int len =
	    csr == NULL ? 0 : i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(csr), &spki);
	const int n = len <= 0 ? 0 : x509_order(all, spki, (size_t)len);

	OPENSSL_free(spki);
	return n;
}

/* The leaf is the one for our key, wherever it stands, and nothing else of what came is
 * taken that does not lead from it to an anchor. */
static int take_chain(const struct est *s, const STACK_OF(X509) * came,
		      struct enrolled *r, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *all = sk_X509_new_null();
	bool more = true;
	int n;

	add_below(all, came);
	add_below(all, s->cas);
	n = in_order(s, all);
	if (n == 0)
		return err_set(e, ERR_TRUST,
			       "what it sends (%d) has no certificate for the key of "
			       "the request",
			       sk_X509_num(came));
	for (int i = 0; more && i < n && i < LIMIT_CHAIN_CERTS; i++) {
		TRY(x509_to_pem(sk_X509_value(all, i), &r->chain, e));
		more = !is_issued_by(sk_X509_value(all, i), s->anchors);
	}
	return x509_all_to_pem(s->anchors, &r->anchors, e);
}

/* -- enrolling -- */

/* RFC 7030 4.2.3: not before Retry-After is over, and with the same request. */
static int wait_for(const struct est *s, const char *url, const char *handle,
		    struct err *e)
{
	const struct err why = *e;

	if (handle == NULL || strcmp(handle, url) != 0)
		TRY(s->host->waits(s->host->arg, url, e));
	*e = why;
	return err_wrap(e, "%s: the request waits for approval", url);
}

static int post(struct est *s, const char *step, const char *handle, struct enrolled *r,
		struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	AUTO_CHAIN STACK_OF(X509) *came = sk_X509_new_null();
	AUTO_FREE char *url = url_of(s, step);
	int64_t date;

	if (exchange(s, url, &s->body, &reply, e) < 0) {
		if (reply.status == 202)
			return wait_for(s, url, handle, e);
		with_unmet(s, e);
		return err_wrap(e, "%s", url);
	}
	date = http_date(&reply);
	r->clock_ahead_s = date == 0 ? 0 : date - clock_now();
	if (certs_only_read(&reply.body, came, e) < 0 || take_chain(s, came, r, e) < 0)
		return err_wrap(e, "%s", url);
	return 0;
}

static int enrol(struct est *s, const char *step, const char *handle,
		 struct enrolled *r, struct err *e)
{
	struct http_settings http = s->s.http;

	http.origin = s->s.url;
	if (s->pair_key.len > 0) {
		http.chain = s->pair_chain.data;
		http.key = s->pair_key.data;
	}
	if (s->user.len > 0) {
		http.user = s->user.data;
		http.password = s->password.data;
	}
	http_free(s->http);
	s->http = NULL;
	s->shut_out = false;
	TRY(http_new(&http, &s->http, e));
	TRY(know_cas(s, s->s.http.trust == NULL, e));
	TRY(know_wants(s, e));
	TRY(make_request(s, handle != NULL, e));
	return post(s, step, handle, r, e);
}

/* Who enrols first: user, certificate, or both. */
static int take_first(struct est *s, struct err *e)
{
	buf_done(&s->pair_chain);
	buf_done(&s->pair_key);
	TRY(s->host->secret(s->host->arg, &s->user, &s->password, e));
	TRY(s->host->first(s->host->arg, &s->pair_chain, &s->pair_key, e));
	s->first = s->pair_key.len > 0;
	return 0;
}

/* 1: it was not taken, and there is somebody else to ask as. */
static int by_live(struct est *s, const char *handle, struct enrolled *r, struct err *e)
{
	struct err none;

	TRY(s->host->live(s->host->arg, &s->pair_chain, &s->pair_key, e));
	if (s->pair_key.len == 0)
		return 1;
	if (enrol(s, "simplereenroll", handle, r, e) == 0)
		return 0;
	if (!s->shut_out)
		return e->code;
	if (take_first(s, &none) < 0 || (s->user.len == 0 && !s->first))
		return e->code == ERR_NET
			   ? ERR_NET
			   : err_wrap(e, "there is nobody to enrol as instead");
	r->note =
	    s->user.len == 0
		? xasprintf("%s: enrolled by certificate_file again", e->text)
		: xasprintf("%s: enrolled as user %s again", e->text, s->user.data);
	return 1;
}

static int by_first(struct est *s, const char *handle, struct enrolled *r,
		    struct err *e)
{
	if (s->user.len == 0 && !s->first)
		TRY(take_first(s, e));
	return enrol(s, "simpleenroll", handle, r, e);
}

int est_enrol(const struct est_settings *settings, const struct est_host *host,
	      bool renews, const char *handle, struct enrolled *r, struct err *e)
{
	AUTO_EST struct est s = { .s = *settings, .host = host };
	AUTO_FREE char *again = url_of(&s, "simplereenroll");
	AUTO_BUF struct buf trust = { 0 };
	int rc = 1;

	if (s.s.http.trust != NULL)
		TRY(trust_read(s.s.http.trust, &trust, &s.anchors, e));
	if (renews && (handle == NULL || strcmp(handle, again) == 0))
		rc = by_live(&s, handle, r, e);
	return rc == 1 ? by_first(&s, handle, r, e) : rc;
}

int est_cacerts(const struct est_settings *settings, struct buf *pem, struct err *e)
{
	AUTO_EST struct est s = { .s = *settings };
	struct http_settings http = settings->http;

	http.origin = settings->url;
	TRY(http_new(&http, &s.http, e));
	TRY(know_cas(&s, false, e));
	return x509_all_to_pem(s.cas, pem, e);
}
