#include <stdlib.h>
#include <string.h>

#include "acme/account.h"
#include "acme/ari_fetch.h"
#include "acme/order.h"
#include "acme/refusal.h"
#include "acme/registration.h"
#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/name_set.h"
#include "agent/role/roles.h"
#include "agent/role/spec.h"
#include "agent/worker/worker.h"
#include "agent/worker/worker_caa.h"
#include "agent/worker/worker_self.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define LIMIT_WHY_SENT 250 /* bytes: a hundred of those, with their names, are one */

/* -- what the client asks of its host: the keeper, on the lent socket -- */

static int host_account(void *worker, struct acme_account *account, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const char *kid, *thumbprint;
	bool rolling;

	msg_begin(&m, SIGN_ACCOUNT, 0);
	TRY(link_ask(w->lent, &m, e));
	kid = worker_or_null(msg_get_str(&m));
	thumbprint = worker_or_null(msg_get_str(&m));
	rolling = msg_get_u64(&m) != 0;
	TRY(msg_end(&m, e));
	*account = (struct acme_account){
		.kid = kid == NULL ? NULL : xstrdup(kid),
		.thumbprint = thumbprint == NULL ? NULL : xstrdup(thumbprint),
		.rolling = rolling,
	};
	return 0;
}

static int host_sign(void *worker, const struct acme_ask *ask, struct buf *jws,
		     struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const char *signed_;

	msg_begin(&m, SIGN_JWS, 0);
	msg_put_u64(&m, ask->kind);
	msg_put_str(&m, ask->url);
	msg_put_str(&m, ask->nonce);
	msg_put_str(&m, ask->profile);
	msg_put_u64(&m, ask->key);
	msg_put_u64(&m, ask->replaces);
	TRY(link_ask(w->lent, &m, e));
	signed_ = msg_get_str(&m);
	TRY(msg_end(&m, e));
	buf_puts(jws, signed_);
	return 0;
}

static int host_registered(void *worker, const char *kid, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, SIGN_REGISTERED, 0);
	msg_put_str(&m, kid);
	TRY(link_ask(w->lent, &m, e));
	return msg_end(&m, e);
}

static int host_rolled(void *worker, bool taken, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, SIGN_ROLLED, 0);
	msg_put_u64(&m, taken);
	TRY(link_ask(w->lent, &m, e));
	return msg_end(&m, e);
}

/* ... and the agent, on the socket that the task came from. */
static int host_checkpoint(void *worker, const char *order_url,
			   const struct acme_token *tokens, size_t n, struct err *e)
{
	struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, ++w->last_id);
	msg_put_u64(&m, w->job);
	msg_put_str(&m, order_url);
	msg_put_u64(&m, n);
	for (size_t i = 0; i < n; i++) {
		msg_put_u64(&m, tokens[i].way);
		msg_put_str(&m, tokens[i].name);
		msg_put_str(&m, tokens[i].token);
		msg_put_str(&m, tokens[i].authorization);
	}
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	TRY(msg_end(&m, e));
	if (w->is_new)
		worker_self(w, tokens, n);
	return 0;
}

static int host_over(void *worker, const struct refusals *refused, struct err *e)
{
	struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, ++w->last_id);
	msg_put_u64(&m, w->job);
	msg_put_str(&m, "");
	msg_put_u64(&m, 0);
	msg_put_u64(&m, refused->n);
	for (size_t i = 0; i < refused->n; i++) {
		AUTO_FREE char *why =
		    xasprintf("%.*s", LIMIT_WHY_SENT, refused->list[i].why);

		msg_put_u64(&m, refused->list[i].way);
		msg_put_str(&m, refused->list[i].name);
		msg_put_str(&m, why);
	}
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	return msg_end(&m, e);
}

/* -- the client -- */

static const struct acme_host host = {
	.sign = host_sign,
	.account = host_account,
	.registered = host_registered,
	.rolled = host_rolled,
	.checkpoint = host_checkpoint,
	.over = host_over,
};

static int open_client(struct worker *w, const struct spec_issuer *i, struct err *e)
{
	const struct acme_settings s = {
		.url = spec_text(w->spec, i->url),
		.agree_terms = i->agree_terms != 0,
		.has_eab = i->eab_kid.at != 0,
		.http = worker_http(w, i),
	};

	w->acme_host = host;
	w->acme_host.arg = w;
	return acme_open(&w->acme, &s, &w->acme_host, e);
}

static void close_client(struct worker *w)
{
	buf_done(&w->no_caa.names);
	acme_close(&w->acme);
}

/* -- what is wanted -- */

/* What order_want borrows. */
struct want {
	struct order_want order;
	const char **names;     /* owned */
	struct order_way *ways; /* owned */
	const char ***only;     /* owned, n_ways */
	const char ***except;   /* owned, n_ways */
};

#define AUTO_WANT __attribute__((cleanup(want_done)))

static void want_done(struct want *w)
{
	for (size_t i = 0; i < w->order.n_ways; i++) {
		free(w->only[i]);
		free(w->except[i]);
	}
	free(w->only);
	free(w->except);
	free(w->ways);
	free(w->names);
}

static void want_names(const struct spec *s, const struct spec_cert *c,
		       const struct name_set *out, struct want *w)
{
	w->names = xcalloc((size_t)c->names.n + 1, sizeof(*w->names));
	for (uint32_t i = 0; i < c->names.n; i++)
		if (!name_set_has(out, i))
			w->names[w->order.n_names++] =
			    spec_text(s, s->names[c->names.first + i].value);
	w->order.names = w->names;
}

/* Names that this challenge is not for; owned, NULL: none. */
static const char **except_of(const struct worker_task *t, uint32_t challenge)
{
	const char **names = NULL;
	size_t n = 0;

	for (size_t i = 0; i < t->n_except; i++) {
		if (t->except[i].challenge != challenge)
			continue;
		if (names == NULL)
			names = xcalloc(t->n_except + 1, sizeof(*names));
		names[n++] = t->except[i].name;
	}
	return names;
}

/* The certificate's challenges, else the issuer's. */
static void want_ways(const struct spec *s, struct list challenges,
		      const struct worker_task *t, struct want *w)
{
	w->ways = xcalloc((size_t)challenges.n + 1, sizeof(*w->ways));
	w->only = xcalloc((size_t)challenges.n + 1, sizeof(*w->only));
	w->except = xcalloc((size_t)challenges.n + 1, sizeof(*w->except));
	for (uint32_t i = challenges.first; i < challenges.first + challenges.n; i++) {
		const struct spec_challenge *c = &s->challenges[i];
		size_t n = w->order.n_ways;

		w->only[n] = c->only.n == 0 ? NULL : spec_words(s, c->only);
		w->except[n] = except_of(t, i);
		w->ways[n] = (struct order_way){ challenge_words[c->type], i,
						 w->only[n], w->except[n] };
		w->order.n_ways++;
	}
	w->order.ways = w->ways;
}

static void want_init(const struct worker *worker, const struct worker_task *t,
		      struct want *w)
{
	const struct spec *s = worker->spec;
	const struct spec_issuer *i = &s->issuers[worker->issuer];
	const struct spec_cert *c = t->cert;

	want_names(s, c, &t->out, w);
	want_ways(s, c->challenges.n > 0 ? c->challenges : i->challenges, t, w);
	w->order.profile = spec_text(s, i->profile);
	w->order.need_profile = i->need_profile != 0;
	w->order.chain = spec_text(s, i->chain);
	w->order.url = t->handle;
	w->order.polls = t->polls;
	w->order.replaces = t->replaces;
}

/* -- tasks -- */

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	AUTO_WANT struct want want = { 0 };

	want_init(w, t, &want);
	if (want.order.url == NULL)
		TRY(worker_caa(w, t->cert, &want.order, e));
	TRY(order_advance(&w->acme, &want.order, &r->got.chain, &r->got.note, e));
	r->got.clock_ahead_s = w->acme.clock_ahead_s;
	r->has_ari = w->acme.directory.renewal_info != NULL;
	return 0;
}

static int revoke_cert(struct worker *w, bool by_key, struct err *e)
{
	return account_revoke(&w->acme, by_key, e);
}

const struct worker_protocol worker_acme = {
	.open = open_client,
	.close = close_client,
	.advance = advance,
	.revoke = revoke_cert,
};

int worker_account(void *worker, struct msg *m, struct err *e)
{
	struct worker *w = worker;
	AUTO_BUF struct buf text = { 0 };
	uint64_t issuer = msg_get_u64(m), step = msg_get_u64(m);
	uint32_t id = m->id;
	int rc;

	TRY(msg_end(m, e));
	if (step >= ACCOUNT_STEPS)
		return err_set(e, ERR_PROTO, "there is no step %llu of an account",
			       (unsigned long long)step);
	rc = worker_begin(w, issuer, &worker_acme, m, e);
	if (rc == 0)
		rc = account_step(&w->acme, (enum account_step)step, &text, e);
	worker_end(w);
	if (rc < 0)
		return rc;
	msg_begin(m, WORKER_ACCOUNT, id);
	msg_put_str(m, text.data);
	return 0;
}

int worker_ca(void *worker, struct msg *m, struct err *e)
{
	struct worker *w = worker;
	const uint64_t issuer = msg_get_u64(m);
	const struct acme *a = &w->acme;
	const uint32_t id = m->id;
	int rc;

	TRY(msg_end(m, e));
	rc = worker_begin(w, issuer, &worker_acme, m, e);
	if (rc == 0)
		rc = registration_look(&w->acme, e);
	worker_end(w);
	if (rc < 0)
		return rc;
	msg_begin(m, WORKER_CA, id);
	msg_put_str(m, a->account.kid == NULL ? "" : a->account.kid);
	msg_put_u64(m, a->directory.n_caa);
	for (size_t i = 0; i < a->directory.n_caa; i++)
		msg_put_str(m, a->directory.caa[i]);
	return 0;
}

/* Nothing is signed, so there is nobody who signs. */
int worker_ari(void *worker, struct msg *m, struct err *e)
{
	struct worker *w = worker;
	const uint64_t issuer = msg_get_u64(m);
	const char *cert = msg_get_str(m);
	AUTO_FREE char *explanation = NULL;
	struct ari_answer answer;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(worker_serve(w, issuer, &worker_acme, e));
	TRY(ari_fetch(&w->acme, cert, &answer, e));
	explanation = answer.explanation;
	msg_begin(m, WORKER_ARI, id);
	msg_put_u64(m, answer.offered);
	msg_put_i64(m, answer.window.start);
	msg_put_i64(m, answer.window.end);
	msg_put_i64(m, answer.ask_at);
	msg_put_str(m, explanation);
	return 0;
}
