#include "agent/link.h"
#include "agent/messages.h"
#include "agent/roles.h"
#include "agent/spec.h"
#include "agent/worker.h"
#include "base/err.h"
#include "ca/cmp.h"

/* -- the keeper, on the lent socket -- */

static int host_request(void *worker, bool by_live, struct cmp_ask *ask, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const void *der, *spki;
	size_t n_der, n_spki;
	uint64_t what, reason;

	msg_begin(&m, SIGN_CMP, 0);
	msg_put_u64(&m, by_live);
	TRY(link_ask(w->lent, &m, e));
	what = msg_get_u64(&m);
	der = msg_get_bytes(&m, &n_der);
	spki = msg_get_bytes(&m, &n_spki);
	reason = msg_get_u64(&m);
	TRY(msg_end(&m, e));
	if (what >= CMP_REQUESTS)
		return err_set(e, ERR_PROTO, "a request of no kind");
	ask->what = (enum cmp_request)what;
	buf_add(&ask->der, der, n_der);
	buf_add(&ask->spki, spki, n_spki);
	ask->reason = reason;
	return 0;
}

/* The keeper's answer to `what`: n texts. */
static int ask_texts(const struct worker *w, enum message what, struct buf *const *into,
		     size_t n, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, what, 0);
	TRY(link_ask(w->lent, &m, e));
	for (size_t i = 0; i < n; i++)
		buf_puts(into[i], msg_get_str(&m));
	return msg_end(&m, e);
}

static int host_first(void *worker, struct cmp_first *f, struct err *e)
{
	struct buf *const into[] = { &f->reference, &f->secret, &f->chain, &f->key };

	return ask_texts(worker, SIGN_CMP_FIRST, into, 4, e);
}

static int host_live(void *worker, struct buf *chain, struct buf *key, struct err *e)
{
	struct buf *const into[] = { chain, key };

	return ask_texts(worker, SIGN_EST_LIVE, into, 2, e);
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
	if (handle[0] == '\0')
		msg_put_u64(&m, 0); /* it is over, for no name's sake */
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	return msg_end(&m, e);
}

/* -- the protocol -- */

/* Nothing is kept: a connection is of one task, for it has had a secret or a key. */
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

static struct cmp_settings settings_of(const struct worker *w)
{
	const struct spec_issuer *i = &w->spec->issuers[w->issuer];

	return (struct cmp_settings){
		.url = spec_text(w->spec, i->url),
		.recipient = spec_text(w->spec, i->recipient),
		.implicit_confirm = i->implicit_confirm != 0,
		.http = worker_http(w, i),
	};
}

static struct cmp_host host_of(struct worker *w)
{
	return (struct cmp_host){ w, host_request, host_first, host_live, host_waits };
}

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	const struct cmp_settings s = settings_of(w);
	const struct cmp_host host = host_of(w);
	struct cmp_result came = { .note = NULL };
	const int rc = cmp_enrol(&s, &host, t->replaces, t->handle, &came, e);

	r->chain = came.chain;
	r->anchors = came.anchors;
	r->note = came.note;
	r->clock_ahead_s = came.clock_ahead_s;
	return rc;
}

static int revoke_cert(struct worker *w, bool by_key, struct err *e)
{
	const struct cmp_settings s = settings_of(w);
	const struct cmp_host host = host_of(w);

	return cmp_revoke(&s, &host, by_key, e);
}

const struct worker_protocol worker_cmp = {
	.open = open_client,
	.close = close_client,
	.advance = advance,
	.revoke = revoke_cert,
};
