#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/spec.h"
#include "agent/worker/worker.h"
#include "base/err.h"

/* The keeper, on the lent socket. */
static int host_request(void *worker, struct buf *json, struct buf *mac, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const void *sum;
	const char *text;
	size_t len;

	msg_begin(&m, SIGN_CFSSL, 0);
	TRY(link_ask(w->lent, &m, e));
	text = msg_get_str(&m);
	sum = msg_get_bytes(&m, &len);
	TRY(msg_end(&m, e));
	buf_puts(json, text);
	buf_add(mac, sum, len);
	return 0;
}

static int open_by(struct worker *w, const struct spec_issuer *i,
		   const struct http_settings *http, struct cfssl *c, struct err *e)
{
	const struct cfssl_host host = { w, host_request };
	const struct cfssl_settings s = {
		.url = spec_text(w->spec, i->url),
		.profile = spec_text(w->spec, i->profile),
		.http = *http,
	};

	return cfssl_open(c, &s, &host, e);
}

static int open_client(struct worker *w, const struct spec_issuer *i, struct err *e)
{
	const struct http_settings http = worker_http(w, i);

	return open_by(w, i, &http, &w->cfssl, e);
}

static void close_client(struct worker *w)
{
	cfssl_close(&w->cfssl);
}

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	(void)t; /* all that is asked for is in what the keeper says */
	TRY(cfssl_sign(&w->cfssl, &r->got.chain, &r->got.anchors, e));
	r->got.clock_ahead_s = w->cfssl.clock_ahead_s;
	return 0;
}

static int ask_roots(struct worker *w, const struct http_settings *http, bool by_live,
		     struct buf *pem, struct err *e)
{
	struct cfssl c;
	int rc;

	(void)by_live;
	TRY(open_by(w, &w->spec->issuers[w->issuer], http, &c, e));
	rc = cfssl_roots(&c, pem, e);
	cfssl_close(&c);
	return rc;
}

static int revoke_cert(struct worker *w, bool by_key, struct err *e)
{
	if (by_key)
		return err_set(e, ERR_CONFIG,
			       "CFSSL does not ask who revokes: do without --by-key");
	return cfssl_revoke(&w->cfssl, e);
}

const struct worker_protocol worker_cfssl = {
	.open = open_client,
	.close = close_client,
	.advance = advance,
	.roots = ask_roots,
	.revoke = revoke_cert,
};
