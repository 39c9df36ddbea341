#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/spec.h"
#include "agent/worker/worker.h"
#include "base/err.h"
#include "ca/cmp.h"
#include "ca/cmp_roots.h"

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

static int host_first(void *worker, struct cmp_first *f, struct err *e)
{
	struct buf *const into[] = { &f->reference, &f->secret, &f->chain, &f->key };

	return worker_texts(worker, SIGN_CMP_FIRST, into, 4, e);
}

/* -- the protocol -- */

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
	return (struct cmp_host){ w, host_request, host_first, worker_live,
				  worker_waits };
}

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	const struct cmp_settings s = settings_of(w);
	const struct cmp_host host = host_of(w);

	return cmp_enrol(&s, &host, t->replaces, t->handle, &r->got, e);
}

static int ask_roots(struct worker *w, const struct http_settings *http, bool by_live,
		     struct buf *pem, struct err *e)
{
	struct cmp_settings s = settings_of(w);
	const struct cmp_host host = host_of(w);

	s.http = *http;
	return cmp_roots(&s, &host, by_live, pem, e);
}

static int revoke_cert(struct worker *w, bool by_key, struct err *e)
{
	const struct cmp_settings s = settings_of(w);
	const struct cmp_host host = host_of(w);

	return cmp_revoke(&s, &host, by_key, e);
}

const struct worker_protocol worker_cmp = {
	.advance = advance,
	.roots = ask_roots,
	.revoke = revoke_cert,
};
