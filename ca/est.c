#include "ca/est.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/x509.h"
#include "ca/answer.h"
#include "ca/certs_only.h"
#include "ca/trust.h"

#define WELL_KNOWN "/.well-known/est"

/* One enrolment. */
struct est {
	struct est_settings s;
	const struct est_host *host;
	struct http *http; /* owned; NULL: nobody is spoken to yet */
	struct buf csr;    /* DER */
	struct buf user;
	struct buf password;
	struct buf pair_chain; /* empty: we show none */
	struct buf pair_key;
	STACK_OF(X509) * cas;     /* owned: what the server says stands above */
	STACK_OF(X509) * anchors; /* owned */
	bool shut_out;            /* it does not take who we are */
};

#define AUTO_EST __attribute__((cleanup(est_done)))

static void est_done(struct est *s)
{
	http_free(s->http);
	buf_done(&s->csr);
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

/* -- one exchange -- */

/* What a person is to do about a refusal. */
static const char *remedy(const struct est *s, const struct http_reply *reply)
{
	const char *said = reply->body.len == 0 ? "" : reply->body.data;

	if (reply->status == 401 && strstr(said, "Proof of Possession") != NULL)
		return "the server wants the request bound to its TLS connection "
		       "(proof "
		       "of possession, RFC 7030 3.5), which is not in this version: "
		       "have "
		       "it not ask for that";
	if (reply->status == 401 && s->pair_key.len > 0)
		return "it does not take the live certificate for its renewal";
	if (reply->status == 401 && s->user.len == 0)
		return "it wants to know who asks: set user and password_file";
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
	const struct http_request request = {
		.url = url,
		.content_type = "application/pkcs10",
		.transfer_encoding = "base64",
		.body = body == NULL ? NULL : body->data,
		.body_len = body == NULL ? 0 : body->len,
	};

	if (http_exchange(s->http, &request, reply, e) < 0) {
		/* An alert may be lost with the connection. */
		s->shut_out = e->code == ERR_REFUSED || e->code == ERR_NET;
		return e->code;
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

static int know_cas(struct est *s, struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	AUTO_FREE char *url = url_of(s, "cacerts");

	if (s->cas != NULL)
		return 0;
	s->cas = sk_X509_new_null();
	if (exchange(s, url, NULL, &reply, e) < 0 ||
	    certs_only_read(&reply.body, s->cas, e) < 0 ||
	    (s->s.http.trust == NULL && take_roots(s, e) < 0)) {
		sk_X509_pop_free(s->cas, X509_free);
		s->cas = NULL;
		return err_wrap(e, "%s", url);
	}
	return 0;
}

/* -- what has come -- */

static X509 *issuer_in(X509 *cert, const STACK_OF(X509) * all)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_check_issued(sk_X509_value(all, i), cert) == X509_V_OK)
			return sk_X509_value(all, i);
	return NULL;
}

/* Not a root that is no anchor: one of ours may have signed its name into another one (RFC
 * 4210 4.4). */
static X509 *next_above(const struct est *s, X509 *cert, const STACK_OF(X509) * came)
{
	const STACK_OF(X509) *const places[] = { came, s->cas };

	if (issuer_in(cert, s->anchors) != NULL)
		return NULL;
	for (size_t k = 0; k < sizeof(places) / sizeof(*places); k++)
		for (int i = 0; i < sk_X509_num(places[k]); i++) {
			X509 *ca = sk_X509_value(places[k], i);

			if (X509_check_issued(ca, cert) == X509_V_OK &&
			    X509_self_signed(ca, 0) != 1)
				return ca;
		}
	return NULL;
}

static X509 *leaf_in(const struct est *s, const STACK_OF(X509) * came)
{
	const unsigned char *at = (const unsigned char *)s->csr.data;
	X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)s->csr.len);
	EVP_PKEY *key = csr == NULL ? NULL : X509_REQ_get0_pubkey(csr);
	X509 *leaf = NULL;

	for (int i = 0; key != NULL && leaf == NULL && i < sk_X509_num(came); i++)
		if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(came, i)), key) == 1)
			leaf = sk_X509_value(came, i);
	X509_REQ_free(csr);
	return leaf;
}

/* The leaf is the one for our key, wherever it stands, and nothing else of what came is
 * taken that does not lead from it to an anchor. */
static int take_chain(const struct est *s, const STACK_OF(X509) * came,
		      struct est_result *r, struct err *e)
{
	X509 *at = leaf_in(s, came);

	if (at == NULL)
		return err_set(e, ERR_TRUST,
			       "what it sends (%d) has no certificate for the key of "
			       "the request",
			       sk_X509_num(came));
	for (int n = 0; at != NULL && n < LIMIT_CHAIN_CERTS; n++) {
		TRY(x509_to_pem(at, &r->chain, e));
		at = next_above(s, at, came);
	}
	for (int i = 0; i < sk_X509_num(s->anchors); i++)
		TRY(x509_to_pem(sk_X509_value(s->anchors, i), &r->anchors, e));
	return 0;
}

/* -- enrolling -- */

static int to_base64(const struct buf *der, struct buf *out, struct err *e)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	AUTO_FREE unsigned char *text = xcalloc(der->len / 48 * 65 + 200, 1);
	int n = 0, rest = 0;

	if (ctx == NULL)
		return err_set(e, ERR_SYS, "out of memory");
	EVP_EncodeInit(ctx);
	EVP_EncodeUpdate(ctx, text, &n, (const unsigned char *)der->data,
			 (int)der->len);
	EVP_EncodeFinal(ctx, text + n, &rest);
	EVP_ENCODE_CTX_free(ctx);
	buf_add(out, text, (size_t)n + (size_t)rest);
	return 0;
}

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

static int post(struct est *s, const char *step, const char *handle,
		struct est_result *r, struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	AUTO_CHAIN STACK_OF(X509) *came = sk_X509_new_null();
	AUTO_FREE char *url = url_of(s, step);
	AUTO_BUF struct buf body = { 0 };
	int64_t date;

	TRY(to_base64(&s->csr, &body, e));
	if (exchange(s, url, &body, &reply, e) < 0)
		return reply.status == 202 ? wait_for(s, url, handle, e)
					   : err_wrap(e, "%s", url);
	date = http_date(&reply);
	r->clock_ahead_s = date == 0 ? 0 : date - clock_now();
	if (certs_only_read(&reply.body, came, e) < 0 || take_chain(s, came, r, e) < 0)
		return err_wrap(e, "%s", url);
	return 0;
}

static int enrol(struct est *s, const char *step, const char *handle,
		 struct est_result *r, struct err *e)
{
	struct http_settings http = s->s.http;

	http.origin = s->s.url;
	if (s->pair_key.len > 0) {
		http.chain = s->pair_chain.data;
		http.key = s->pair_key.data;
	} else if (s->user.len > 0) {
		http.user = s->user.data;
		http.password = s->password.data;
	}
	http_free(s->http);
	s->http = NULL;
	s->shut_out = false;
	TRY(http_new(&http, &s->http, e));
	TRY(know_cas(s, e));
	return post(s, step, handle, r, e);
}

/* 1: it was not taken, and there is somebody else to ask as. */
static int by_pair(struct est *s, const char *handle, struct est_result *r,
		   struct err *e)
{
	struct err none;

	TRY(s->host->pair(s->host->arg, &s->pair_chain, &s->pair_key, e));
	if (s->pair_key.len == 0)
		return 1;
	if (enrol(s, "simplereenroll", handle, r, e) == 0)
		return 0;
	if (!s->shut_out)
		return e->code;
	if (s->host->secret(s->host->arg, &s->user, &s->password, &none) < 0 ||
	    s->user.len == 0)
		return e->code == ERR_NET
			   ? ERR_NET
			   : err_wrap(e, "there is no user to enrol as instead");
	r->note = xasprintf("%s: enrolled as user %s again", e->text, s->user.data);
	buf_done(&s->pair_key);
	return 1;
}

static int by_secret(struct est *s, const char *handle, struct est_result *r,
		     struct err *e)
{
	if (s->user.len == 0)
		TRY(s->host->secret(s->host->arg, &s->user, &s->password, e));
	return enrol(s, "simpleenroll", handle, r, e);
}

int est_enrol(const struct est_settings *settings, const struct est_host *host,
	      bool renews, const char *handle, struct est_result *r, struct err *e)
{
	AUTO_EST struct est s = { .s = *settings, .host = host };
	AUTO_FREE char *again = url_of(&s, "simplereenroll");
	AUTO_BUF struct buf trust = { 0 };
	int rc = 1;

	if (s.s.http.trust != NULL)
		TRY(trust_read(s.s.http.trust, &trust, &s.anchors, e));
	TRY(host->request(host->arg, handle != NULL, &s.csr, e));
	if (renews && (handle == NULL || strcmp(handle, again) == 0))
		rc = by_pair(&s, handle, r, e);
	return rc == 1 ? by_secret(&s, handle, r, e) : rc;
}
