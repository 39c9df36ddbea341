#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/spec.h"
#include "agent/worker/worker.h"
#include "base/err.h"
#include "ca/step.h"

/* -- the keeper, on the lent socket -- */

static int host_request(void *worker, struct buf *der, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const void *data;
	size_t len;

	msg_begin(&m, SIGN_STEP_CSR, 0);
	TRY(link_ask(w->lent, &m, e));
	data = msg_get_bytes(&m, &len);
	TRY(msg_end(&m, e));
	buf_add(der, data, len);
	return 0;
}

static void put_part(struct msg *m, const struct buf *part)
{
	msg_put_bytes(m, part->data, part->len);
}

static int host_token(void *worker, enum step_what what, const unsigned char root[32],
		      const struct step_jwe *jwe, struct step_told *told, struct err *e)
{
	const struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;
	const char *token, *serial;

	msg_begin(&m, SIGN_STEP, 0);
	msg_put_u64(&m, what);
	msg_put_bytes(&m, root, root == NULL ? 0 : 32);
	put_part(&m, &jwe->header);
	msg_put_u64(&m, jwe->rounds);
	put_part(&m, &jwe->salt);
	put_part(&m, &jwe->wrapped);
	put_part(&m, &jwe->iv);
	put_part(&m, &jwe->text);
	put_part(&m, &jwe->tag);
	TRY(link_ask(w->lent, &m, e));
	token = msg_get_str(&m);
	serial = msg_get_str(&m);
	told->reason = msg_get_u64(&m);
	TRY(msg_end(&m, e));
	buf_puts(&told->token, token);
	buf_puts(&told->serial, serial);
	return 0;
}

/* -- the protocol -- */

static struct step_settings settings(const struct worker *w)
{
	const struct spec_issuer *i = &w->spec->issuers[w->issuer];

	return (struct step_settings){
		.url = spec_text(w->spec, i->url),
		.provisioner = spec_text(w->spec, i->provisioner),
		.fetch_key = i->key_file.at == 0,
		.http = worker_http(w, i),
	};
}

static int advance(struct worker *w, const struct worker_task *t,
		   struct worker_result *r, struct err *e)
{
	const struct step_host host = { w, host_request, host_token, worker_live };
	const struct step_settings s = settings(w);

	return step_enrol(&s, &host, t->replaces, &r->got, e);
}

static int ask_roots(struct worker *w, const struct http_settings *http, bool by_live,
		     struct buf *pem, struct err *e)
{
	struct step_settings s = settings(w);

	(void)by_live;
	s.http = *http;
	return step_roots(&s, pem, e);
}

static int revoke_cert(struct worker *w, bool by_key, struct err *e)
{
	const struct step_host host = { w, host_request, host_token, worker_live };
	const struct step_settings s = settings(w);

	return step_revoke(&s, &host, by_key, e);
}

const struct worker_protocol worker_step = {
	.advance = advance,
	.roots = ask_roots,
	.revoke = revoke_cert,
};
