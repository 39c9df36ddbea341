#include "agent/link.h"
#include "agent/messages.h"
#include "agent/roles.h"
#include "agent/spec.h"
#include "agent/worker.h"
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

static int ask_two(const struct worker *w, enum message what, struct buf *first,
		   struct buf *second, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const char *one, *other;

	msg_begin(&m, what, 0);
	TRY(link_ask(w->lent, &m, e));
	one = msg_get_str(&m);
	other = msg_get_str(&m);
	TRY(msg_end(&m, e));
	buf_puts(first, one);
	buf_puts(second, other);
	return 0;
}

static int host_secret(void *worker, struct buf *user, struct buf *password,
		       struct err *e)
{
	return ask_two(worker, SIGN_EST_USER, user, password, e);
}

int worker_live(void *worker, struct buf *chain, struct buf *key, struct err *e)
{
	return ask_two(worker, SIGN_EST_LIVE, chain, key, e);
}

static int host_first(void *worker, struct buf *chain, struct buf *key, struct err *e)
{
	return ask_two(worker, SIGN_EST_FIRST, chain, key, e);
}

/* ... and the agent. */
static int host_waits(void *worker, const char *handle, struct err *e)
{
	struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, ++w->last_id);
	msg_put_u64(&m, w->job);
	msg_put_str(&m, handle);
	msg_put_u64(&m, 0);
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	return msg_end(&m, e);
}

/* -- the protocol -- */

/* Nothing is kept: a connection is of a credential, which is of one task. */
static int open_client(struct worker *w, const struct spec_issuer *i, struct err *e)
{
	(void)w;
	(void)i;
	(void)e;
	return 0;
}

static void close_client(struct worker *w)
{
	(void)w;
}

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	const struct spec_issuer *i = &w->spec->issuers[w->issuer];
	const struct est_host host = { w,           host_request, host_secret,
				       worker_live, host_first,   host_waits };
	const struct est_settings s = {
		.url = spec_text(w->spec, i->url),
		.http = worker_http(w, i),
	};
	struct est_result came = { .note = NULL };
	const int rc = est_enrol(&s, &host, t->replaces, t->handle, &came, e);

	r->chain = came.chain;
	r->anchors = came.anchors;
	r->note = came.note;
	r->clock_ahead_s = came.clock_ahead_s;
	return rc;
}

static int ask_roots(struct worker *w, const struct http_settings *http,
		     struct buf *pem, struct err *e)
{
	const struct est_settings s = {
		.url = spec_text(w->spec, w->spec->issuers[w->issuer].url),
		.http = *http,
	};

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
	.open = open_client,
	.close = close_client,
	.advance = advance,
	.roots = ask_roots,
	.revoke = revoke_cert,
};
