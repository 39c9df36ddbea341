#include "agent/probe/probe_show.h"

#include "agent/net/probe_address.h"
#include "agent/probe/probe_starttls.h"
#include "agent/probe/probe_tls.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/msg.h"
#include "base/x509.h"

#define ATTEMPT_MS 5000 /* connect, dialog and handshake with one address */

/* What came of one address. */
struct found {
	const char *address;
	enum probe_stage stage;
	struct probe_shown shown;
	struct err why; /* where `stage` ended; code 0: it did not */
};

static void put_chain(struct msg *m, STACK_OF(X509) * chain)
{
	AUTO_BUF struct buf all = { 0 };
	size_t ends[LIMIT_SHOWN_CERTS], n = 0;
	struct err ignored;

	for (int i = 0; i < sk_X509_num(chain) && n < LIMIT_SHOWN_CERTS; i++) {
		if (x509_to_der(sk_X509_value(chain, i), &all, &ignored) < 0 ||
		    all.len > LIMIT_SHOWN_BYTES)
			break;
		ends[n++] = all.len;
	}
	msg_put_u64(m, n);
	for (size_t i = 0; i < n; i++) {
		const size_t from = i == 0 ? 0 : ends[i - 1];

		msg_put_bytes(m, all.data + from, ends[i] - from);
	}
}

static int tell(const struct probe_show *what, const struct found *f, int sock,
		struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, PROBE_SHOWN, 0);
	msg_put_str(&m, what->label);
	msg_put_str(&m, what->host);
	msg_put_str(&m, f->address);
	msg_put_u64(&m, f->stage);
	msg_put_u64(&m, (uint64_t)(unsigned)f->why.sysno);
	msg_put_u64(&m, (uint64_t)(unsigned)f->shown.reason);
	msg_put_str(&m, f->why.code == 0 ? "" : f->why.text);
	msg_put_str(&m, f->shown.version);
	msg_put_u64(&m, f->shown.wants_ours);
	msg_put_u64(&m, f->shown.stapled);
	put_chain(&m, f->shown.chain);
	return msg_send(sock, &m, e);
}

static int ask(const struct probe_show *what, const struct probe_address *a,
	       SSL_CTX *ctx, struct found *f)
{
	const int64_t until_ms = clock_boot_ms() + ATTEMPT_MS;
	const char *name = what->port == NULL ? NULL : what->host;
	AUTO_FD int fd = -1;

	f->stage = STAGE_CONNECT;
	TRY(probe_connect(a, until_ms, &fd, &f->why));
	f->stage = STAGE_STARTTLS;
	TRY(probe_starttls(fd, what->proto, name, until_ms, &f->why));
	f->stage = STAGE_HANDSHAKE;
	TRY(probe_tls_show(ctx, fd, name, until_ms, &f->shown, &f->why));
	f->stage = STAGE_DONE;
	f->why.code = 0;
	return 0;
}

static int ask_all(const struct probe_show *what, const struct probe_address *list,
		   size_t n, int sock, struct err *e)
{
	SSL_CTX *ctx = NULL;
	int rc = probe_tls_new(&ctx, e);

	for (size_t i = 0; i < n && rc == 0; i++) {
		struct found f = { .address = list[i].text };

		(void)ask(what, &list[i], ctx, &f);
		rc = tell(what, &f, sock, e);
		sk_X509_pop_free(f.shown.chain, X509_free);
	}
	SSL_CTX_free(ctx);
	return rc;
}

int probe_show(const struct probe_show *what, int sock, struct err *e)
{
	struct probe_address list[PROBE_ADDRESS_MAX];
	struct found f = { .address = "", .stage = STAGE_RESOLVE };
	size_t n;

	if (probe_resolve(what->host, what->port, list, &n, &f.why) < 0)
		return tell(what, &f, sock, e);
	return ask_all(what, list, n, sock, e);
}
