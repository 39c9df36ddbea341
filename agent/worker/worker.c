#include "agent/worker/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/role/messages.h"
#include "agent/role/spec.h"
#include "agent/role/version.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/x509.h"
#include "ca/trust.h"

#define LIMIT_CHAIN_SENT (60 * 1024) /* of a message; an RSA chain takes 24 kB */

static const struct worker_protocol *const protocols[ISSUER_TYPES] = {
	[ISSUER_ACME] = &worker_acme, [ISSUER_CFSSL] = &worker_cfssl,
	[ISSUER_CMP] = &worker_cmp,   [ISSUER_EST] = &worker_est,
	[ISSUER_STEP] = &worker_step,
};

void worker_init(struct worker *w, const struct spec *spec)
{
	*w = (struct worker){ .spec = spec, .lent = -1 };
}

void worker_done(struct worker *w)
{
	if (w->protocol != NULL && w->protocol->close != NULL)
		w->protocol->close(w);
}

const char *worker_or_null(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

struct http_settings worker_http(const struct worker *w, const struct spec_issuer *i)
{
	return (struct http_settings){
		.trust = spec_text(w->spec, i->trust),
		.proxy = spec_text(w->spec, i->proxy),
		.source_address = spec_text(w->spec, i->source_address),
		.user_agent = "everleaf/" EVERLEAF_VERSION,
		.language = "en",
	};
}

/* -- whom it speaks to -- */

/* libcurl is not initialized before the first task at a CA. */
int worker_serve(struct worker *w, uint64_t issuer, const struct worker_protocol *only,
		 struct err *e)
{
	const struct worker_protocol *p;

	if (w->protocol != NULL && issuer != w->issuer)
		return err_set(e, ERR_PROTO, "this worker serves another issuer");
	p = issuer >= w->spec->n[SPEC_ISSUERS]
		? NULL
		: protocols[w->spec->issuers[issuer].type];
	if (p == NULL || (only != NULL && only != p))
		return err_set(e, ERR_PROTO, "issuer %llu is not asked that",
			       (unsigned long long)issuer);
	if (w->protocol != NULL)
		return 0;
	if (p->open != NULL)
		TRY(p->open(w, &w->spec->issuers[issuer], e));
	w->issuer = (uint32_t)issuer;
	w->protocol = p;
	return 0;
}

int worker_begin(struct worker *w, uint64_t issuer, const struct worker_protocol *only,
		 struct msg *m, struct err *e)
{
	w->lent = msg_take_fd(m);
	if (w->lent < 0)
		return err_set(e, ERR_PROTO, "nobody who signs for it");
	return worker_serve(w, issuer, only, e);
}

void worker_end(struct worker *w)
{
	if (w->lent >= 0)
		close(w->lent);
	w->lent = -1;
}

/* -- tasks -- */

#define AUTO_RESULT __attribute__((cleanup(result_done)))

static void result_done(struct worker_result *r)
{
	buf_done(&r->got.chain);
	buf_done(&r->got.anchors);
	free(r->got.note);
}

static int get_task(const struct worker *w, struct msg *m, struct worker_task *t,
		    struct err *e)
{
	const uint64_t cert = msg_get_u64(m);
	uint64_t polls;

	if (cert >= w->spec->n[SPEC_CERTS])
		return err_set(e, ERR_PROTO, "there is no certificate %llu",
			       (unsigned long long)cert);
	t->cert = &w->spec->certs[cert];
	t->handle = worker_or_null(msg_get_str(m));
	polls = msg_get_u64(m);
	t->polls = polls > UINT32_MAX ? UINT32_MAX : (unsigned)polls;
	t->replaces = msg_get_u64(m) != 0;
	t->is_new = msg_get_u64(m) != 0;
	t->out = name_set_get(m);
	t->n_except = (size_t)msg_get_u64(m);
	if (t->n_except > LIMIT_EXCEPTIONS)
		return err_set(e, ERR_PROTO, "too many exceptions");
	for (size_t i = 0; i < t->n_except; i++) {
		t->except[i].challenge = msg_get_u64(m);
		t->except[i].name = msg_get_str(m);
	}
	return msg_end(m, e);
}

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	w->is_new = t->is_new;
	TRY(w->protocol->advance(w, t, r, e));
	if (r->got.chain.len + r->got.anchors.len > LIMIT_CHAIN_SENT)
		return err_set(e, ERR_LIMIT,
			       "the chain has %zu bytes, and its anchors %zu",
			       r->got.chain.len, r->got.anchors.len);
	return 0;
}

int worker_order(void *worker, struct msg *m, struct err *e)
{
	struct worker *w = worker;
	AUTO_FREE struct worker_task *t = xcalloc(1, sizeof(*t));
	AUTO_RESULT struct worker_result r = { 0 };
	const uint32_t id = m->id;
	uint64_t issuer;
	int rc;

	w->job = msg_get_u64(m);
	issuer = msg_get_u64(m);
	TRY(get_task(w, m, t, e));
	rc = worker_begin(w, issuer, NULL, m, e);
	if (rc == 0)
		rc = advance(w, t, &r, e);
	worker_end(w);
	if (rc < 0)
		return rc;
	msg_begin(m, WORKER_ORDER, id);
	msg_put_str(m, r.got.chain.data);
	msg_put_str(m, r.got.anchors.data);
	msg_put_str(m, r.got.note);
	msg_put_i64(m, r.got.clock_ahead_s);
	msg_put_u64(m, r.has_ari);
	return 0;
}

int worker_revoke(void *worker, struct msg *m, struct err *e)
{
	struct worker *w = worker;
	const uint64_t issuer = msg_get_u64(m), by_key = msg_get_u64(m);
	const uint32_t id = m->id;
	int rc;

	TRY(msg_end(m, e));
	rc = worker_begin(w, issuer, NULL, m, e);
	if (rc == 0)
		rc = w->protocol->revoke(w, by_key != 0, e);
	worker_end(w);
	if (rc < 0)
		return rc;
	msg_begin(m, WORKER_REVOKE, id);
	return 0;
}

static int read_anchors(const char *path, struct buf *pem, struct err *e)
{
	AUTO_BUF struct buf file = { 0 };
	AUTO_CHAIN STACK_OF(X509) *all = NULL;

	if (path == NULL)
		return err_set(e, ERR_PROTO, "this issuer has no file of roots");
	TRY(trust_read(path, &file, &all, e));
	return x509_all_to_pem(all, pem, e);
}

/* What has no root yet is asked by whatever the system trusts, or, where the fingerprint is
 * known, by whoever answers. */
static int name_roots(struct worker *w, bool has_roots, bool by_live, struct buf *pem,
		      struct err *e)
{
	const struct spec_issuer *i = &w->spec->issuers[w->issuer];
	struct http_settings http = worker_http(w, i);

	if (i->trust_by == TRUST_FILE)
		return read_anchors(http.trust, pem, e);
	if (w->protocol->roots == NULL)
		return err_set(e, ERR_PROTO, "this issuer names no roots");
	if (!has_roots) {
		http.trust = NULL;
		http.blind = i->trust_by == TRUST_PRINT;
	}
	return w->protocol->roots(w, &http, by_live, pem, e);
}

int worker_roots(void *worker, struct msg *m, struct err *e)
{
	struct worker *w = worker;
	AUTO_BUF struct buf pem = { 0 };
	const uint64_t issuer = msg_get_u64(m), has_roots = msg_get_u64(m);
	const bool by_live = msg_get_u64(m) != 0;
	const uint32_t id = m->id;
	int rc;

	TRY(msg_end(m, e));
	w->lent = msg_take_fd(m); /* of CMP alone */
	rc = worker_serve(w, issuer, NULL, e);
	if (rc == 0)
		rc = name_roots(w, has_roots != 0, by_live, &pem, e);
	worker_end(w);
	if (rc < 0)
		return rc;
	if (pem.len > LIMIT_CHAIN_SENT)
		return err_set(e, ERR_LIMIT, "its CA certificates have %zu bytes",
			       pem.len);
	msg_begin(m, WORKER_ROOTS, id);
	msg_put_str(m, pem.data);
	return 0;
}
