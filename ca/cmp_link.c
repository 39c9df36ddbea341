#include "ca/cmp_link.h"

#include <string.h>

#include "base/auto.h"
#include "base/base64url.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/answer.h"
#include "ca/cmp.h"

#define MEDIA_TYPE "application/pkixcmp"

void cmp_link_done(struct cmp_link *l)
{
	buf_done(&l->told[0]);
	buf_done(&l->told[1]);
}

/* -- one exchange -- */

/* NULL: it is no message, or there is something behind it. */
static OSSL_CMP_MSG *read_message(const struct buf *der)
{
	const unsigned char *at = (const unsigned char *)der->data;
	OSSL_CMP_MSG *msg = NULL;

	if (der->len > 0 && der->len <= LIMIT_CMP_BODY)
		msg = d2i_OSSL_CMP_MSG(NULL, &at, (long)der->len);
	if (msg != NULL && at == (const unsigned char *)der->data + der->len)
		return msg;
	OSSL_CMP_MSG_free(msg);
	return NULL;
}

static const char *remedy(long status)
{
	if (status == 401 || status == 403)
		return "the server shuts us out before it looks at the message";
	if (status == 404 || status == 405)
		return "there is no CMP server: look at url";
	return NULL;
}

static void refuse(struct cmp_link *l, const struct http_reply *reply)
{
	AUTO_BUF struct buf text = { 0 };
	const char *what = remedy(reply->status);

	l->status = reply->status;
	if (reply->status != 200) {
		answer_err(reply, NULL, &l->failed);
		if (what != NULL)
			err_wrap(&l->failed, "%s", what);
		return;
	}
	text_escape(&text, reply->body.data == NULL ? "" : reply->body.data,
		    reply->body.len, ANSWER_SAID_MAX);
	if (reply->body.len > LIMIT_CMP_BODY)
		err_set(&l->failed, ERR_LIMIT, "its answer has %zu bytes",
			reply->body.len);
	else if (reply->body.data != NULL && reply->body.data[0] == '\x30')
		err_set(&l->failed, ERR_PROTO,
			"its CMP message, of %zu bytes, is not whole, or something "
			"stands behind it",
			reply->body.len);
	else
		err_set(
		    &l->failed, ERR_PROTO,
		    "it sends no CMP message, or not all of it, but \"%s\": look at "
		    "url",
		    text.len == 0 ? "" : text.data);
}

static void keep(struct cmp_link *l, const OSSL_CMP_MSG *msg, const struct buf *der)
{
	const int body = OSSL_CMP_MSG_get_bodytype(msg);
	const unsigned at = body == CMP_BODY_POLLREP ? 1 : 0;

	if (at == 0 && body != CMP_BODY_IP && body != CMP_BODY_CP &&
	    body != CMP_BODY_KUP && body != CMP_BODY_ERROR)
		return;
	buf_done(&l->told[at]);
	buf_add(&l->told[at], der->data, der->len);
}

/* A refusal may come with a message that says more (RFC 6712 3.6), but not who is busy. */
static OSSL_CMP_MSG *take(struct cmp_link *l, const struct http_reply *reply)
{
	const int64_t date = http_date(reply);
	OSSL_CMP_MSG *msg = NULL;

	l->clock_ahead_s = date == 0 ? 0 : date - clock_now();
	if (reply->status != 429 && reply->status != 503)
		msg = read_message(&reply->body);
	if (msg == NULL)
		refuse(l, reply);
	else
		keep(l, msg, &reply->body);
	return msg;
}

static OSSL_CMP_MSG *exchange(struct cmp_link *l, const OSSL_CMP_MSG *asked)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	unsigned char *der = NULL;
	const int len = i2d_OSSL_CMP_MSG(asked, &der);
	const struct http_request request = {
		.url = l->url,
		.content_type = MEDIA_TYPE,
		.accept = MEDIA_TYPE,
		.body = (const char *)der,
		.body_len = len < 0 ? 0 : (size_t)len,
	};
	OSSL_CMP_MSG *msg = NULL;

	l->failed.code = 0;
	l->status = 0;
	if (len <= 0)
		err_set(&l->failed, ERR_SYS, "a message in DER");
	else if (http_exchange(l->http, &request, &reply, &l->failed) == 0)
		msg = take(l, &reply);
	OPENSSL_free(der);
	return msg;
}

/* What was told once is told again: it answers the nonce of that time. */
static OSSL_CMP_MSG *tell_again(struct cmp_link *l, OSSL_CMP_CTX *ctx)
{
	OSSL_CMP_MSG *msg = read_message(&l->told[2 - l->again--]);
	ASN1_OCTET_STRING *nonce =
	    msg == NULL ? NULL
			: OSSL_CMP_HDR_get0_recipNonce(OSSL_CMP_MSG_get0_header(msg));

	if (nonce == NULL || OSSL_CMP_CTX_set1_senderNonce(ctx, nonce) != 1)
		err_set(&l->failed, ERR_PROTO, "what it had said cannot be read");
	return msg;
}

/* False: it would be slept for, and can be asked for anew. */
static bool may_ask(struct cmp_link *l, const OSSL_CMP_MSG *asked)
{
	const int body = OSSL_CMP_MSG_get_bodytype(asked);

	if (body != CMP_BODY_POLLREQ)
		l->asked = body;
	return body != CMP_BODY_POLLREQ ||
	       (l->asked != CMP_BODY_RR && l->asked != CMP_BODY_GENM);
}

static OSSL_CMP_MSG *transfer(OSSL_CMP_CTX *ctx, const OSSL_CMP_MSG *asked)
{
	struct cmp_link *l = OSSL_CMP_CTX_get_transfer_cb_arg(ctx);

	if (!may_ask(l, asked)) {
		err_set(&l->failed, ERR_NET,
			"the CA puts its answer off, which is not waited for: it is "
			"asked anew later");
		return NULL;
	}
	return l->again > 0 ? tell_again(l, ctx) : exchange(l, asked);
}

static int log_nothing(const char *function, const char *file, int line,
		       OSSL_CMP_severity level, const char *text)
{
	(void)function;
	(void)file;
	(void)line;
	(void)level;
	(void)text;
	return 1;
}

bool cmp_link_use(struct cmp_link *l, OSSL_CMP_CTX *ctx)
{
	return OSSL_CMP_CTX_set_log_cb(ctx, log_nothing) == 1 &&
	       OSSL_CMP_CTX_set_transfer_cb(ctx, transfer) == 1 &&
	       OSSL_CMP_CTX_set_transfer_cb_arg(ctx, l) == 1;
}

/* -- handles -- */

int cmp_link_handle(const struct cmp_link *l, const char *word, char **handle,
		    struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	OSSL_CMP_MSG *msg = read_message(&l->told[0]);
	const ASN1_OCTET_STRING *id =
	    msg == NULL
		? NULL
		: OSSL_CMP_HDR_get0_transactionID(OSSL_CMP_MSG_get0_header(msg));

	if (id != NULL) {
		buf_printf(&text, "%s %s ", l->url, word);
		base64url_add(&text, ASN1_STRING_get0_data(id),
			      (size_t)ASN1_STRING_length(id));
		buf_puts(&text, "#");
		base64url_add(&text, l->told[0].data, l->told[0].len);
		buf_puts(&text, ".");
		base64url_add(&text, l->told[1].data, l->told[1].len);
	}
	OSSL_CMP_MSG_free(msg);
	if (id == NULL || l->told[1].len == 0)
		return err_set(e, ERR_PROTO, "what waits has no transaction");
	if (text.len > LIMIT_CMP_HANDLE)
		return err_set(e, ERR_LIMIT, "it says with %zu bytes that it waits",
			       text.len);
	*handle = buf_take(&text);
	return 0;
}

bool cmp_link_is(const char *handle, const char *url, const char *word)
{
	const size_t n = strlen(url), m = strlen(word);

	return strncmp(handle, url, n) == 0 && handle[n] == ' ' &&
	       strncmp(handle + n + 1, word, m) == 0 && handle[n + 1 + m] == ' ';
}

static bool read_told(struct cmp_link *l, const char *handle)
{
	const char *first = strrchr(handle, '#');
	const char *second = first == NULL ? NULL : strchr(first, '.');

	return second != NULL &&
	       base64url_read(first + 1, (size_t)(second - first - 1), false,
			      &l->told[0]) &&
	       base64url_read(second + 1, strlen(second + 1), false, &l->told[1]);
}

int cmp_link_resume(struct cmp_link *l, OSSL_CMP_CTX *ctx, const char *handle,
		    struct err *e)
{
	OSSL_CMP_MSG *msg = read_told(l, handle) ? read_message(&l->told[0]) : NULL;
	const bool ok =
	    msg != NULL &&
	    OSSL_CMP_CTX_set1_transactionID(ctx, OSSL_CMP_HDR_get0_transactionID(
						     OSSL_CMP_MSG_get0_header(msg))) ==
		1;

	OSSL_CMP_MSG_free(msg);
	if (!ok)
		return err_set(e, ERR_PROTO, "what is kept of its request is damaged");
	l->again = 2;
	return 0;
}
