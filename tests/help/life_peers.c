#include "tests/help/life.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/ari.h"
#include "agent/messages.h"
#include "base/err.h"
#include "base/x509.h"

#define H LIFE_H
#define D LIFE_D

/* One in so many: a CA that wants time, and one that wants a certificate replaced. */
#define ONE_WAITS   16
#define ONE_HURRIES 12

static void check(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	dprintf(STDOUT_FILENO, "life: %s\n", e->text);
	_exit(1);
}

static void answer(int fd, struct msg *m)
{
	struct err e;

	if (msg_send(fd, m, &e) < 0 && e.code != ERR_NET)
		check(e.code, &e);
}

static void fail(int fd, uint32_t id, const struct err *why)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, MSG_FAILED, id);
	msg_put_err(&m, why);
	answer(fd, &m);
}

/* -- the keeper -- */

static void put_file(const struct life *l, const char *path, const char *text)
{
	const struct timespec at = { .tv_sec = life_host(l) };
	const int fd = openat(l->dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    futimens(fd, (struct timespec[]){ at, at }) < 0)
		abort();
	close(fd);
}

static void store(struct life *l, struct life_cert *c, const char *leaf,
		  const char *meta)
{
	char path[128];
	struct x509_facts facts;
	struct err e;

	c->stored.number++;
	snprintf(path, sizeof(path), "archive/%s", c->name);
	mkdirat(l->dir, path, 0755);
	snprintf(path, sizeof(path), "archive/%s/%010llu", c->name,
		 (unsigned long long)c->stored.number);
	if (mkdirat(l->dir, path, 0755) < 0)
		abort();
	strcat(path, "/cert.pem");
	put_file(l, path, leaf);
	strcpy(strrchr(path, '/'), "/meta.json");
	put_file(l, path, meta);
	check(x509_facts_from_pem(leaf, strlen(leaf), &facts, &e), &e);
	c->stored.not_before = facts.not_before;
	c->stored.not_after = facts.not_after;
}

static void make_live(struct life *l, struct life_cert *c, uint64_t number)
{
	char path[64], to[64];

	if (number == c->live.number)
		return;
	if (number != c->stored.number)
		life_wrong(l, c, "another set than the last is made live");
	snprintf(path, sizeof(path), "live/%s", c->name);
	snprintf(to, sizeof(to), "../archive/%s/%010llu", c->name,
		 (unsigned long long)number);
	(void)unlinkat(l->dir, path, 0);
	if (symlinkat(to, l->dir, path) < 0)
		abort();
	life_made_live(l, c);
}

static void prune(const struct life *l, const struct life_cert *c)
{
	char path[128];

	if (c->live.number < 2)
		return;
	for (int k = 0; k < 3; k++) {
		static const char *const files[] = { "/cert.pem", "/meta.json", "" };

		snprintf(path, sizeof(path), "archive/%s/%010llu%s", c->name,
			 (unsigned long long)c->live.number - 1, files[k]);
		(void)unlinkat(l->dir, path, k == 2 ? AT_REMOVEDIR : 0);
	}
}

/* Of what it gives, and by whose clock; the answer is put into `m`. */
static void issue(struct life *l, struct life_cert *c, bool by_host, struct msg *m)
{
	const struct name name = { NAME_DNS, c->names };
	const struct local_request r = {
		&name, 1, l->key, USAGE_SERVER, c->life_s, NULL
	};
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf id = { 0 };
	AUTO_CHAIN STACK_OF(X509) *read = NULL;
	struct err e;

	check(local_issue(&l->profile, &l->ca, &r, by_host ? life_host(l) : life_now(l),
			  &chain, &e),
	      &e);
	check(x509_chain_from_pem(chain.data, chain.len, &read, &e), &e);
	if (!ari_id(sk_X509_value(read, 0), &id))
		abort();
	snprintf(c->next_id, sizeof(c->next_id), "%s", id.data);
	c->n_issued++;
	l->n_issued++;
	msg_put_str(m, chain.data);
}

static void stamps(const struct life *l, struct msg *in, struct msg *out)
{
	uint64_t all[LIFE_CERTS];
	const uint64_t first = msg_get_u64(in), n = msg_get_u64(in);

	if (first + n > LIFE_CERTS)
		abort();
	for (uint64_t i = 0; i < n; i++)
		all[i] = l->certs[first + i].live.number;
	msg_put_bytes(out, all, n * sizeof(*all));
}

static struct life_cert *cert_of(struct life *l, struct msg *m)
{
	const uint64_t i = msg_get_u64(m);

	if (m->broken || i >= LIFE_CERTS)
		abort();
	return &l->certs[i];
}

static void keep(struct life *l, struct msg *in, struct msg *out)
{
	const uint32_t type = in->type;
	struct life_cert *c;

	if (type == KEEPER_STAMP)
		stamps(l, in, out);
	if (type == KEEPER_KEY)
		msg_put_bytes(out, l->spki.data, l->spki.len);
	if (type == KEEPER_AUDIT)
		for (int i = 0; i < 5; i++) /* all is whole */
			i == 3 ? msg_put_i64(out, 0) : msg_put_u64(out, 0);
	if (type == KEEPER_ISSUE) {
		issue(l, cert_of(l, in), true, out);
		msg_put_str(out, l->root.data);
	}
	if (type == KEEPER_STORE) {
		const char *leaf;

		c = cert_of(l, in);
		leaf = msg_get_str(in);
		(void)msg_get_str(in);
		(void)msg_get_str(in);
		store(l, c, leaf, msg_get_str(in));
		msg_put_u64(out, c->stored.number);
	}
	if (type == KEEPER_LIVE) {
		c = cert_of(l, in);
		make_live(l, c, msg_get_u64(in));
		msg_put_u64(out, c->live.number);
		msg_put_u64(out, 0);
		msg_put_i64(out, 0);
	}
	if (type == KEEPER_PRUNE)
		prune(l, cert_of(l, in));
}

/* False: there is nothing to hear. */
static bool hear(struct life *l, int fd, bool *gone)
{
	struct err e;

	*gone = false;
	if (msg_recv(fd, &l->in, &e) == 0)
		return true;
	*gone = e.code != ERR_BUSY;
	return false;
}

void life_keep(struct life *l)
{
	AUTO_MSG struct msg out = MSG_NONE;
	bool gone;

	while (hear(l, l->keeper, &gone)) {
		const int fd = msg_take_fd(&l->in); /* to be lent */

		if (fd >= 0)
			close(fd);
		msg_begin(&out, l->in.type, l->in.id);
		keep(l, &l->in, &out);
		answer(l->keeper, &out);
	}
}

/* -- the supervisor -- */

static void bring_worker(struct life *l)
{
	AUTO_MSG struct msg out = MSG_NONE;
	int sv[2];

	for (int i = 0; i < LIFE_WORKERS; i++) {
		if (l->workers[i].fd >= 0)
			continue;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
			abort();
		fcntl(sv[0], F_SETFL, O_NONBLOCK);
		l->workers[i] = (struct life_worker){ .fd = sv[0], .at = INT64_MAX };
		msg_begin(&out, SUP_WORKER, l->in.id);
		out.fd = sv[1];
		answer(l->super, &out);
		return;
	}
	abort();
}

void life_supervise(struct life *l)
{
	bool gone;

	while (hear(l, l->super, &gone))
		if (l->in.type == SUP_WORKER)
			bring_worker(l);
		else if (l->in.type != SUP_READY)
			life_wrong(l, NULL, "the supervisor is asked something else");
}

/* -- workers -- */

static bool is_there(const struct life *l, enum life_ca ca)
{
	const bool is_far = l->ahead_s > 45 * D || l->ahead_s < -45 * D;

	return !life_is_in(&l->down[ca], life_now(l)) && !(ca == LIFE_PLAIN && is_far);
}

static void be_away(struct life *l, struct life_worker *w)
{
	struct err e;

	err_set(&e, ERR_NET, "nobody answers");
	fail(w->fd, w->id, &e);
	l->n_failed++;
}

/* It has been heard of, and is written down before anything else is done. */
static void checkpoint(struct life *l, struct life_worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct life_cert *c = &l->certs[w->cert];
	char url[64];

	life_ordered(l, c, w->ca);
	snprintf(url, sizeof(url), "https://%u.example/order/%u", (unsigned)w->ca,
		 w->cert);
	msg_begin(&m, WORKER_CHECKPOINT, 1);
	msg_put_u64(&m, w->job);
	msg_put_str(&m, url);
	msg_put_u64(&m, 0);
	answer(w->fd, &m);
}

static void order(struct life *l, struct life_worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct life_cert *c = &l->certs[w->cert];
	struct err e;

	w->at = INT64_MAX;
	if (!is_there(l, w->ca)) {
		be_away(l, w);
	} else if (!w->acknowledged) {
		checkpoint(l, w);
	} else if (life_draw(l, ONE_WAITS) == 0) {
		err_later(&e, (life_host(l) + 7200) * 1000, "processing");
		fail(w->fd, w->id, &e);
	} else {
		msg_begin(&m, WORKER_ORDER, w->id);
		issue(l, c, false, &m);
		msg_put_str(&m, "");
		msg_put_str(&m, "");
		msg_put_i64(&m, -l->ahead_s);
		l->dated_at = life_now(l);
		msg_put_u64(&m, w->ca == LIFE_ARI);
		answer(w->fd, &m);
	}
}

static struct life_cert *cert_with_id(struct life *l, const char *id)
{
	for (int i = 0; i < LIFE_CERTS; i++)
		if (strcmp(l->certs[i].id, id) == 0)
			return &l->certs[i];
	life_wrong(l, NULL, "a CA is asked about a certificate that is not live");
}

/* The same each time, but that a few are to be replaced at once. */
static void suggest(struct life *l, struct life_cert *c)
{
	const int64_t life_s = c->live.not_after - c->live.not_before;
	const int64_t now = life_now(l);
	struct life_span w = { c->live.not_before + life_s * 60 / 100,
			       c->live.not_before + life_s * 65 / 100 };

	if (c->hurried)
		return;
	if (now - c->live.not_before > life_s / 5 && c->n_issued % ONE_HURRIES == 0) {
		w = (struct life_span){ now - 2 * D, now - D };
		c->hurried = true;
	}
	if (c->window.until == 0 || c->hurried)
		c->told_at = now;
	c->window = w;
}

static void inform(struct life *l, struct life_worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct life_cert *c = &l->certs[w->cert];

	w->at = INT64_MAX;
	if (!is_there(l, w->ca)) {
		be_away(l, w);
		return;
	}
	l->n_asked++;
	if (w->ca == LIFE_ARI)
		suggest(l, c);
	msg_begin(&m, WORKER_ARI, w->id);
	msg_put_u64(&m, w->ca == LIFE_ARI);
	msg_put_i64(&m, c->window.from);
	msg_put_i64(&m, c->window.until);
	msg_put_i64(&m, life_host(l) + D);
	msg_put_str(&m, "");
	answer(w->fd, &m);
}

/* It takes a while, whether anybody answers or not. */
static void take_up(struct life *l, struct life_worker *w)
{
	struct msg *m = &l->in;
	const int fd = msg_take_fd(m);

	if (fd >= 0)
		close(fd);
	if (m->type == WORKER_CHECKPOINT) {
		w->acknowledged = true;
		w->at = l->true_ms + 100 + life_draw(l, 4000);
		return;
	}
	*w = (struct life_worker){ .fd = w->fd, .type = m->type, .id = m->id };
	w->at = l->true_ms + 50 + life_draw(l, 1000);
	if (m->type == WORKER_ORDER) {
		w->job = msg_get_u64(m);
		w->ca = (enum life_ca)msg_get_u64(m);
		w->cert = (uint32_t)msg_get_u64(m);
		w->acknowledged = msg_get_str(m)[0] != '\0';
		life_tried(l, &l->certs[w->cert % LIFE_CERTS]);
	} else if (m->type == WORKER_ARI) {
		w->ca = (enum life_ca)msg_get_u64(m);
		w->cert = (uint32_t)(cert_with_id(l, msg_get_str(m)) - l->certs);
	} else {
		life_wrong(l, NULL, "a worker is asked something else");
	}
	if (w->ca >= LIFE_CAS)
		abort();
}

static void work(struct life *l, struct life_worker *w)
{
	bool gone = false;

	while (w->fd >= 0 && hear(l, w->fd, &gone))
		take_up(l, w);
	if (gone) {
		close(w->fd);
		*w = (struct life_worker){ .fd = -1, .at = INT64_MAX };
	}
	if (w->fd >= 0 && w->at <= l->true_ms)
		w->type == WORKER_ORDER ? order(l, w) : inform(l, w);
}

void life_work(struct life *l)
{
	for (int i = 0; i < LIFE_WORKERS; i++)
		work(l, &l->workers[i]);
}

int64_t life_work_at(const struct life *l)
{
	int64_t at = INT64_MAX;

	for (int i = 0; i < LIFE_WORKERS; i++)
		if (l->workers[i].fd >= 0 && l->workers[i].at < at)
			at = l->workers[i].at;
	return at;
}
