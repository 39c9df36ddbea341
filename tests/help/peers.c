#include "tests/help/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/net/dns_task.h"
#include "agent/probe/probe.h"
#include "agent/role/crlcall.h"
#include "agent/role/messages.h"
#include "agent/role/stranger.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/certs.h"
#include "tests/help/lab.h"
#include "tests/help/signed.h"

#define DAY        LAB_DAY
#define NAMES_MOST 8

/* -- what they know -- */

void peers_begin(struct peers *p)
{
	struct err e;

	*p = (struct peers){ .key = certs_key(KEY_ECDSA_P256),
			     .profile = lab_profile() };
	lab_make(&p->profile, clock_now() - DAY, &p->ca);
	assert_int_equal(key_to_spki(p->key, &p->spki, &e), 0);
	assert_int_equal(x509_to_pem(p->ca.root, &p->root, &e), 0);
}

/* Its names; how many there are. */
static size_t names_of(const struct peers *p, uint32_t cert,
		       struct name names[NAMES_MOST])
{
	const struct list list = p->spec->certs[cert].names;

	assert_in_range(list.n, 1, NAMES_MOST);
	for (uint32_t i = 0; i < list.n; i++) {
		const struct spec_name *n = &p->spec->names[list.first + i];

		names[i] = (struct name){ n->kind, spec_text(p->spec, n->value) };
	}
	return list.n;
}

static char *issue(const struct peers *p, uint32_t cert)
{
	struct name names[NAMES_MOST];
	const size_t n = names_of(p, cert, names);
	const struct local_request r = {
		names, n, p->key, USAGE_SERVER, 90 * DAY, NULL
	};
	AUTO_BUF struct buf chain = { 0 };
	struct err e;

	if (local_issue(&p->profile, &p->ca, &r, clock_now(), &chain, &e) < 0)
		fail_msg("%s", e.text);
	return buf_take(&chain);
}

void peers_know(struct peers *p, const struct spec *spec)
{
	p->spec = spec;
	p->chains = xcalloc(spec->n[SPEC_CERTS], sizeof(*p->chains));
	for (uint32_t i = 0; i < spec->n[SPEC_CERTS]; i++)
		p->chains[i] = issue(p, i);
}

void peers_end(struct peers *p)
{
	for (uint32_t i = 0; p->chains != NULL && i < p->spec->n[SPEC_CERTS]; i++)
		free(p->chains[i]);
	free(p->chains);
	local_done(&p->ca);
	EVP_PKEY_free(p->key);
	buf_done(&p->spki);
	buf_done(&p->root);
}

void peers_refuse(struct msg *out, uint32_t id)
{
	struct err e;

	err_set(&e, ERR_SYS, "there is none");
	msg_begin(out, MSG_FAILED, id);
	msg_put_err(out, &e);
}

static void put_numbers(struct msg *m, size_t n, uint64_t number)
{
	while (n-- > 0)
		msg_put_u64(m, number);
}

static void put_texts(struct msg *m, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		msg_put_str(m, texts[i]);
}

/* -- the keeper -- */

static uint32_t cert_of(const struct peers *p, struct msg *m)
{
	const uint64_t cert = msg_get_u64(m);

	if (m->broken || cert >= p->spec->n[SPEC_CERTS])
		fail_msg("the keeper is asked about certificate %llu",
			 (unsigned long long)cert);
	return (uint32_t)cert;
}

static const char *name_of(const struct peers *p, uint32_t cert)
{
	return spec_text(p->spec, p->spec->certs[cert].name);
}

/* That a CA has given it is a worker's word, where the issuer has no anchors (verify.h). */
static void stored(struct peers *p, struct msg *in, struct msg *out)
{
	const uint32_t cert = cert_of(p, in);
	const char *leaf = msg_get_str(in);

	signed_leaf(p->spec, cert, leaf, p->spki.data, p->any_key ? 0 : p->spki.len);
	p->n_stored++;
	(void)msg_get_str(in);
	(void)msg_get_str(in);
	msg_put_u64(out, p->store == NULL
			     ? 1
			     : p->store(name_of(p, cert), leaf, msg_get_str(in)));
}

static void made_live(const struct peers *p, struct msg *in)
{
	const uint32_t cert = cert_of(p, in);

	if (p->live != NULL)
		p->live(name_of(p, cert), msg_get_u64(in));
}

/* As many as are asked for, of nothing. */
static void put_stamps(const struct peers *p, struct msg *in, struct msg *out)
{
	const uint64_t all = p->spec->n[SPEC_CERTS], first = msg_get_u64(in);
	const uint64_t n = msg_get_u64(in);
	AUTO_FREE uint64_t *none = xcalloc(all, sizeof(*none));

	if (in->broken || first > all || n > all - first)
		fail_msg("the keeper is asked for %llu stamps", (unsigned long long)n);
	msg_put_bytes(out, none, n * sizeof(*none));
}

static void put_cas(const struct peers *p, struct msg *out)
{
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	assert_int_equal(x509_to_der(p->ca.root, &der, &e), 0);
	msg_put_u64(out, 1);
	msg_put_bytes(out, der.data, der.len);
}

/* A look that is over, and has found nothing. */
static int no_strangers(void)
{
	const struct stranger last = { .n = 0 };
	const int fd = memfd_create("strangers", MFD_CLOEXEC);

	assert_int_equal(pwrite(fd, &last, sizeof(last), 0), sizeof(last));
	return fd;
}

/* A request for all of its names, by the key that all certificates here have. */
static void put_csr(const struct peers *p, uint32_t cert, struct msg *out)
{
	struct name names[NAMES_MOST];
	const size_t n = names_of(p, cert, names);
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	assert_int_equal(csr_make(p->key, names, n, &der, &e), 0);
	msg_put_bytes(out, der.data, der.len);
}

static void put_live(struct msg *out, uint64_t stamp)
{
	msg_put_u64(out, stamp);
	msg_put_u64(out, 0);
	msg_put_i64(out, 0);
}

void peers_keep(struct peers *p, struct msg *in, struct msg *out)
{
	static const uint64_t mac[3];

	switch (in->type) {
	case KEEPER_STAMP:
		put_stamps(p, in, out);
		break;
	case KEEPER_AUDIT:
		msg_put_str(out, "");
		put_live(out, 0);
		put_numbers(out, 1, 0);
		break;
	case KEEPER_KEY:
		msg_put_bytes(out, p->spki.data, p->spki.len);
		break;
	case KEEPER_ISSUE:
		put_texts(out,
			  (const char *[]){ p->chains[cert_of(p, in)], p->root.data },
			  2);
		break;
	case KEEPER_CSR:
		put_csr(p, cert_of(p, in), out);
		break;
	case KEEPER_STORE:
		stored(p, in, out);
		break;
	case KEEPER_LIVE:
		made_live(p, in);
		put_live(out, 1);
		break;
	case KEEPER_CA_SIGN:
	case KEEPER_CA_ROOTS:
		msg_put_str(out, p->root.data);
		break;
	case KEEPER_CA_ROLLOVER:
		put_numbers(out, 2, 1);
		break;
	case KEEPER_TXT:
		for (int i = 0; i < 2; i++)
			msg_put_bytes(out, mac, sizeof(mac));
		break;
	case KEEPER_STRANGERS:
		put_numbers(out, 1, 1);
		out->fd = no_strangers();
		break;
	case KEEPER_CRL_CAS:
		put_cas(p, out);
		break;
	case KEEPER_CRL_STAGE:
		out->fd = memfd_create("staged", MFD_CLOEXEC);
		break;
	case KEEPER_CRL_WRITE:
	case KEEPER_ROOTS:
		put_numbers(out, 1, 0);
		break;
	default:
		if (in->type < KEEPER_STAMP || in->type > KEEPER_ROOTS)
			fail_msg("the keeper is asked message %u", in->type);
	}
}

/* -- the supervisor -- */

/* What its program prints: the certificate. */
static const char *enrolled(const struct peers *p, const struct msg *in)
{
	struct msg m = *in;

	(void)msg_get_u64(&m);
	return p->chains[cert_of(p, &m)];
}

void peers_supervise(const struct peers *p, const struct msg *in, struct msg *out)
{
	switch (in->type) {
	case SUP_HOOK: /* of which there may be none: it has done its work */
		put_numbers(out, 1, 1);
		put_numbers(out, 1, 0);
		msg_put_i64(out, 5);
		msg_put_str(out, "");
		msg_put_u64(out, 0);
		break;
	case SUP_PROGRAM:
		put_numbers(out, 1, 0);
		msg_put_i64(out, 5);
		put_texts(out, (const char *[]){ "", "" }, 2);
		break;
	case SUP_ENROL:
		msg_put_i64(out, 0);
		put_numbers(out, 1, 0);
		msg_put_i64(out, 5);
		put_texts(out, (const char *[]){ "", enrolled(p, in) }, 2);
		out->fd = memfd_create("trust", MFD_CLOEXEC);
		assert_int_equal(pwrite(out->fd, p->root.data, p->root.len, 0),
				 p->root.len);
		break;
	case SUP_REACH:
		msg_put_str(out, "");
		break;
	case SUP_READY:
	case SUP_ASKED:
		break;
	case SUP_RESPONDER:
		peers_refuse(out, in->id);
		break;
	default:
		fail_msg("the supervisor is asked message %u", in->type);
	}
}

/* -- workers -- */

uint32_t peers_ordered(const struct peers *p, const struct msg *order)
{
	struct msg m = *order;
	uint64_t cert;

	(void)msg_get_u64(&m);
	(void)msg_get_u64(&m);
	cert = msg_get_u64(&m);
	return cert < p->spec->n[SPEC_CERTS] ? (uint32_t)cert : 0;
}

void peers_checkpoint(const struct peers *p, const struct msg *order, bool is_over,
		      struct msg *m)
{
	struct msg of = *order;
	const struct spec_cert *c = &p->spec->certs[peers_ordered(p, order)];
	const char *name = spec_text(p->spec, p->spec->names[c->names.first].value);

	msg_put_u64(m, msg_get_u64(&of));
	msg_put_str(m, is_over ? "" : "https://far.example/order/1");
	put_numbers(m, is_over, 0);
	put_numbers(m, 1, 1);
	msg_put_u64(m, c->challenges.first);
	msg_put_str(m, name);
	if (is_over) /* it is refused */
		msg_put_str(m, "why");
	else
		put_texts(m,
			  (const char *[]){ PEERS_TOKEN,
					    PEERS_TOKEN ".9jg46WB3rR_AHD-"
							"EBXdN7cBkH1WOu0tA3M9fm"
							"21mqTI" },
			  2);
}

static void put_crl(struct msg *m)
{
	struct crl_answer a = { .verdict = CRL_GOOD, .etag = "", .last_modified = "" };

	a.facts.this_update = clock_now() - DAY;
	a.facts.next_update = clock_now() + DAY;
	a.facts.size = 300;
	crlcall_answer(m, &a);
}

static void put_reply(struct msg *m)
{
	static const char octets[32];

	msg_put_bytes(m, octets, 12);
	put_numbers(m, 1, (uint64_t)clock_now());
	put_numbers(m, 1, 300);
	put_numbers(m, 1, 0);
	msg_put_bytes(m, "", 0);
	msg_put_bytes(m, octets, 32);
	put_numbers(m, 1, 0);
}

static void put_window(struct msg *m)
{
	put_numbers(m, 1, 1);
	msg_put_i64(m, clock_now() + 30 * DAY);
	msg_put_i64(m, clock_now() + 31 * DAY);
	msg_put_i64(m, clock_now() + DAY);
	msg_put_str(m, "");
}

/* Each name is its own owner, in a zone that all share. */
static void put_places(const struct msg *asked, struct msg *m)
{
	struct msg of = *asked;
	uint64_t n;

	(void)msg_get_u64(&of);
	n = msg_get_u64(&of);
	msg_put_u64(m, n);
	for (; n > 0 && !of.broken; n--)
		put_texts(m, (const char *[]){ msg_get_str(&of), "example" }, 2);
}

/* Nothing is in the way of any. */
static void put_ahead(const struct msg *asked, struct msg *m)
{
	struct msg of = *asked;
	uint64_t n;

	(void)msg_get_u64(&of);
	(void)msg_get_str(&of);
	for (n = msg_get_u64(&of); n > 0 && !of.broken; n--)
		(void)msg_get_str(&of);
	n = msg_get_u64(&of);
	assert_in_range(n, 0, DNS_TASK_MAX);
	msg_put_u64(m, n);
	for (; n > 0; n--)
		msg_put_str(m, "");
}

/* It serves what is wanted. */
static void put_seen(const struct msg *asked, struct msg *m)
{
	struct msg of = *asked;
	const void *wanted;
	size_t len;

	for (int i = 0; i < 3; i++)
		(void)msg_get_str(&of);
	(void)msg_get_u64(&of);
	wanted = msg_get_bytes(&of, &len);
	put_numbers(m, 1, PROBE_NEW);
	msg_put_bytes(m, wanted, len);
	msg_put_str(m, "");
	msg_put_u64(m, CHAIN_WHOLE);
}

void peers_work(const struct peers *p, const struct msg *asked, uint32_t cert,
		struct msg *m)
{
	switch (asked->type) {
	case WORKER_ORDER:
		put_texts(m, (const char *[]){ p->chains[cert], p->root.data, "note" },
			  3);
		msg_put_i64(m, 0);
		put_numbers(m, 1, 0);
		break;
	case WORKER_ACCOUNT:
		msg_put_str(m, "url: https://far.example/acct/1\n");
		break;
	case WORKER_CA:
		msg_put_str(m, "https://far.example/acct/1");
		put_numbers(m, 1, 1);
		msg_put_str(m, "far.example");
		break;
	case WORKER_REVOKE:
		break;
	case WORKER_ARI:
		put_window(m);
		break;
	case WORKER_CRL:
		put_crl(m);
		break;
	case WORKER_ROOTS:
		msg_put_str(m, p->root.data);
		break;
	case DNS_FIND:
		put_places(asked, m);
		break;
	case DNS_SEND:
		put_reply(m);
		break;
	case DNS_LOOK:
		put_numbers(m, 1, 1);
		put_numbers(m, 2, 0);
		put_texts(m, (const char *[]){ "", "" }, 2);
		break;
	case DNS_AHEAD:
		put_ahead(asked, m);
		break;
	case PROBE_LOOK:
		put_seen(asked, m);
		break;
	default:
		peers_refuse(m, asked->id);
	}
}
