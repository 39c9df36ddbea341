#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/spec.h"
#include "agent/worker/worker.h"
#include "base/csr.h"
#include "base/err.h"
#include "ca/est.h"

/* -- the keeper, on the lent socket -- */

static int host_request(void *worker, bool again, const struct csr_asks *asks,
			struct buf *der, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const void *data;
	size_t len;

	msg_begin(&m, SIGN_EST, 0);
	msg_put_u64(&m, again);
	msg_put_str(&m, asks->challenge);
	msg_put_u64(&m, asks->usages);
	msg_put_u64(&m, asks->purposes);
	TRY(link_ask(w->lent, &m, e));
	data = msg_get_bytes(&m, &len);
	TRY(msg_end(&m, e));
	buf_add(der, data, len);
	return 0;
}

static int host_secret(void *worker, struct buf *user, struct buf *password,
		       struct err *e)
{
	struct buf *const into[] = { user, password };

	return worker_texts(worker, SIGN_EST_USER, into, 2, e);
}

static int host_first(void *worker, struct buf *chain, struct buf *key, struct err *e)
{
	struct buf *const into[] = { chain, key };

	return worker_texts(worker, SIGN_EST_FIRST, into, 2, e);
}

/* -- the protocol -- */

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	const struct spec_issuer *i = &w->spec->issuers[w->issuer];
	const struct est_host host = { w,           host_request, host_secret,
				       worker_live, host_first,   worker_waits };
	const struct est_settings s = {
		.url = spec_text(w->spec, i->url),
		.http = worker_http(w, i),
	};

	return est_enrol(&s, &host, t->replaces, t->handle, &r->got, e);
}

static int ask_roots(struct worker *w, const struct http_settings *http, bool by_live,
		     struct buf *pem, struct err *e)
{
	const struct est_settings s = {
		.url = spec_text(w->spec, w->spec->issuers[w->issuer].url),
		.http = *http,
	};

	(void)by_live;
	return est_cacerts(&s, pem, e);
}

static int revoke_cert(struct worker *w, bool by_key, struct err *e)
{
	(void)w;
	(void)by_key;
	return err_set(e, ERR_CONFIG,
		       "EST cannot revoke: have it revoked at the CA, then renew it");
}

const struct worker_protocol worker_est = {
	.advance = advance,
	.roots = ask_roots,
	.revoke = revoke_cert,
};
