#include "acme/client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "acme/directory.h"
#include "acme/problem.h"
#include "acme/registration.h"
#include "base/auto.h"
#include "base/base64url.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/text.h"

int acme_open(struct acme *a, const struct acme_settings *s,
	      const struct acme_host *host, struct err *e)
{
	*a = (struct acme){ .s = *s, .host = host };
	a->s.http.origin = s->url;
	return http_new(&a->s.http, &a->http, e);
}

void acme_close(struct acme *a)
{
	http_free(a->http);
	directory_done(&a->directory);
	acme_account_done(&a->account);
	free(a->nonce);
	*a = (struct acme){ 0 };
}

void acme_account_done(struct acme_account *a)
{
	free(a->kid);
	free(a->thumbprint);
	*a = (struct acme_account){ 0 };
}

void acme_reply_done(struct acme_reply *reply)
{
	http_reply_done(&reply->http);
	doc_free(reply->doc);
	*reply = (struct acme_reply){ 0 };
}

int acme_check_url(const struct acme *a, const char *what, const char *url,
		   struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	if (url == NULL || url[0] == '\0')
		return err_set(e, ERR_PROTO, "the CA sends no %s", what);
	if (strlen(url) <= LIMIT_ACME_URL && origin_same(url, a->s.url))
		return 0;
	text_escape(&text, url, strlen(url), ERR_TEXT_MAX / 4);
	return err_set(e, ERR_PROTO, "the %s is \"%s\", which is not of %s", what,
		       text.data, a->s.url);
}

/* = RFC 8555 6.5.1 "Clients MUST ignore invalid Replay-Nonce values." [nonce] */
static void keep_nonce(struct acme *a, const struct http_reply *reply)
{
	const char *nonce = http_header(reply, "replay-nonce", NULL);
	size_t len = nonce == NULL ? 0 : strlen(nonce);

	if (len > LIMIT_NONCE || !base64url_is(nonce, len))
		return;
	free(a->nonce);
	a->nonce = xstrdup(nonce);
}

static bool is_fine(const struct acme_reply *reply)
{
	return reply->http.status >= 200 && reply->http.status < 300;
}

/* What does not begin like an object is something else: a certificate. */
static int read_doc(struct acme_reply *reply, struct err *e)
{
	const struct buf *body = &reply->http.body;
	size_t at = 0;

	while (at < body->len && isspace((unsigned char)body->data[at]) != 0)
		at++;
	if (at == body->len || body->data[at] != '{')
		return 0;
	if (doc_parse(body, &reply->doc, e) < 0 && is_fine(reply))
		return e->code;
	return 0;
}

/* One request; any answer is one. */
static int exchange(struct acme *a, const struct http_request *request,
		    struct acme_reply *reply, struct err *e)
{
	acme_reply_done(reply);
	a->n_requests++;
	TRY(http_exchange(a->http, request, &reply->http, e));
	keep_nonce(a, &reply->http);
	reply->location = http_header(&reply->http, "location", NULL);
	reply->retry_at_ms = http_retry_at_ms(&reply->http, ACME_LATER_S);
	return read_doc(reply, e);
}

static int judge(const struct acme_reply *reply, struct err *e)
{
	if (is_fine(reply) && !problem_is_page(reply->doc, &reply->http.body))
		return 0;
	return problem_err(e, reply->http.status, reply->doc, &reply->http.body,
			   reply->retry_at_ms);
}

int acme_get(struct acme *a, const char *url, struct acme_reply *reply, struct err *e)
{
	TRY(exchange(a, &(struct http_request){ .url = url }, reply, e));
	return judge(reply, e);
}

/* RFC 8555 7.2; owned. */
static int take_nonce(struct acme *a, char **nonce, struct err *e)
{
	const struct http_request request = { .url = a->directory.new_nonce,
					      .head = true };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };

	if (a->nonce == NULL) {
		if (exchange(a, &request, &reply, e) < 0 || judge(&reply, e) < 0)
			return err_wrap(e, "new nonce");
		if (a->nonce == NULL)
			return err_set(e, ERR_PROTO, "the CA sends no nonce");
	}
	*nonce = TAKE(a->nonce); /* it is used once */
	return 0;
}

static int send_once(struct acme *a, struct acme_ask *ask, struct acme_reply *reply,
		     struct err *e)
{
	struct http_request request = { .url = ask->url,
					.content_type = "application/jose+json" };
	AUTO_BUF struct buf jws = { 0 };
	AUTO_FREE char *nonce = NULL;
	int rc;

	acme_reply_done(reply); /* what fails before there is another one has none */
	TRY(take_nonce(a, &nonce, e));
	ask->nonce = nonce;
	rc = a->host->sign(a->host->arg, ask, &jws, e);
	ask->nonce = NULL;
	if (rc < 0)
		return rc;
	request.body = jws.data;
	request.body_len = jws.len;
	return exchange(a, &request, reply, e);
}

/* = RFC 8555 6.5 "On receiving such a response, a client SHOULD retry the request using
 * the new nonce." [nonce] */
int acme_send(struct acme *a, struct acme_ask *ask, struct acme_reply *reply,
	      struct err *e)
{
	for (int i = 0; i < ACME_NONCE_TRIES; i++) {
		TRY(send_once(a, ask, reply, e));
		if (is_fine(reply) || !problem_is(reply->doc, "badNonce"))
			break;
	}
	return judge(reply, e);
}

int acme_post(struct acme *a, struct acme_ask *ask, struct acme_reply *reply,
	      struct err *e)
{
	int rc = acme_send(a, ask, reply, e);

	if (rc == 0 || !problem_is(reply->doc, "accountDoesNotExist"))
		return rc;
	TRY(registration_again(a, e));
	return acme_send(a, ask, reply, e);
}
