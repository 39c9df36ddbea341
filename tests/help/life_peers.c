#include "tests/help/life.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/ari.h"
#include "agent/role/messages.h"
#include "base/err.h"
#include "base/file.h"
#include "base/x509.h"
#include "store/generation.h"
#include "store/target.h"
#include "tests/help/life_steps.h"

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

void life_answer(int fd, struct msg *m)
{
	struct err e;

	if (msg_send(fd, m, &e) < 0 && e.code != ERR_NET)
		check(e.code, &e);
}

void life_fail(int fd, uint32_t id, const struct err *why)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, MSG_FAILED, id);
	msg_put_err(&m, why);
	life_answer(fd, &m);
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

	c->stored++;
	snprintf(path, sizeof(path), "archive/%s", c->name);
	mkdirat(l->dir, path, 0755);
	snprintf(path, sizeof(path), "archive/%s/%010llu", c->name,
		 (unsigned long long)c->stored);
	if (mkdirat(l->dir, path, 0755) < 0)
		abort();
	strcat(path, "/cert.pem");
	put_file(l, path, leaf);
	strcpy(strrchr(path, '/'), "/meta.json");
	put_file(l, path, meta);
}

/* What is in it, and how its CA calls it. */
static void read_set(const struct life *l, const struct life_cert *c,
		     struct life_set *set, char id[128])
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf text = { 0 };
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct x509_facts facts;
	char path[128];
	struct err e;

	snprintf(path, sizeof(path), "archive/%s/%010llu/cert.pem", c->name,
		 (unsigned long long)set->number);
	if (file_read(l->dir, path, LIMIT_CHAIN_BYTES, &pem, &e) < 0)
		life_wrong(l, c, "a set that is not there is made live");
	check(x509_chain_from_pem(pem.data, pem.len, &chain, &e), &e);
	check(x509_facts(sk_X509_value(chain, 0), &facts, &e), &e);
	if (!ari_id(sk_X509_value(chain, 0), &text))
		abort();
	set->not_before = facts.not_before;
	set->not_after = facts.not_after;
	snprintf(id, 128, "%s", text.data);
}

static void make_live(struct life *l, struct life_cert *c, uint64_t number)
{
	struct life_set set = { .number = number };
	char path[64], to[64], id[128];

	if (number == c->live.number)
		return;
	if (number != c->stored && l->plan.steps == 0)
		life_wrong(l, c, "another set than the last is made live");
	read_set(l, c, &set, id);
	snprintf(path, sizeof(path), "live/%s", c->name);
	snprintf(to, sizeof(to), "../archive/%s/%010llu", c->name,
		 (unsigned long long)number);
	(void)unlinkat(l->dir, path, 0);
	if (symlinkat(to, l->dir, path) < 0)
		abort();
	life_made_live(l, c, &set);
	memcpy(c->id, id, sizeof(c->id));
}

static void prune(const struct life *l, const struct life_cert *c, uint64_t held)
{
	struct err e;

	check(generation_prune(l->dir, c->name, l->plan.steps != 0 ? 3 : 1, held, &e),
	      &e);
}

/* Of what it gives, and by whose clock; the answer is put into `m`. */
static void issue(struct life *l, struct life_cert *c, bool wide, bool by_host,
		  struct msg *m)
{
	char second[40];
	const struct name names[] = { { NAME_DNS, c->names }, { NAME_DNS, second } };
	const struct local_request r = { names,        1 + wide,  l->key,
					 USAGE_SERVER, c->life_s, NULL };
	AUTO_BUF struct buf chain = { 0 };
	struct err e;

	snprintf(second, sizeof(second), "w-%s", c->names);

	check(local_issue(&l->profile, &l->ca, &r, by_host ? life_host(l) : life_now(l),
			  &chain, &e),
	      &e);
	c->n_issued++;
	l->n_issued++;
	msg_put_str(m, chain.data);
}

uint64_t life_stamp(const struct life_cert *c)
{
	return c->live.number + (c->changes << 32);
}

struct life_cert *life_cert_at(struct life *l, uint64_t i)
{
	for (size_t k = 0; k < l->n_certs; k++)
		if (!l->certs[k].absent && i-- == 0)
			return &l->certs[k];
	abort();
}

static void stamps(struct life *l, struct msg *in, struct msg *out)
{
	uint64_t all[LIFE_CERTS];
	const uint64_t first = msg_get_u64(in), n = msg_get_u64(in);

	if (first + n > LIFE_CERTS)
		abort();
	for (uint64_t i = 0; i < n; i++)
		all[i] = life_stamp(life_cert_at(l, first + i));
	msg_put_bytes(out, all, n * sizeof(*all));
}

static struct life_cert *cert_of(struct life *l, struct msg *m)
{
	const uint64_t i = msg_get_u64(m);

	if (m->broken)
		abort();
	return life_cert_at(l, i);
}

static void keep(struct life *l, struct msg *in, struct msg *out)
{
	const uint32_t type = in->type;
	struct life_cert *c;

	if (type == KEEPER_STAMP)
		stamps(l, in, out);
	if (type == KEEPER_KEY)
		msg_put_bytes(out, l->spki.data, l->spki.len);
	if (type == KEEPER_AUDIT) {
		c = cert_of(l, in);
		msg_put_str(out,
			    c->broken && msg_get_u64(in) == 0 ? "it is broken" : "");
		msg_put_u64(out, c->edited ? TARGET_CONTENT : 0);
		msg_put_u64(out, 0);
		msg_put_i64(out, 0);
		msg_put_u64(out, 0);
	}
	if (type == KEEPER_ISSUE) {
		c = cert_of(l, in);
		issue(l, c, c->wide, true, out);
		msg_put_str(out, l->root.data);
	}
	if (type == KEEPER_STORE) {
		const char *leaf;

		c = cert_of(l, in);
		leaf = msg_get_str(in);
		(void)msg_get_str(in);
		(void)msg_get_str(in);
		store(l, c, leaf, msg_get_str(in));
		msg_put_u64(out, c->stored);
	}
	if (type == KEEPER_LIVE) {
		c = cert_of(l, in);
		make_live(l, c, msg_get_u64(in));
		c->edited = false;
		msg_put_u64(out, c->broken ? 0 : life_stamp(c));
		msg_put_u64(out, 0);
		msg_put_i64(out, 0);
	}
	if (type == KEEPER_PRUNE) {
		c = cert_of(l, in);
		prune(l, c, msg_get_u64(in));
	}
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
	int by_step;
	bool gone;

	while (hear(l, l->keeper, &gone)) {
		const int fd = msg_take_fd(&l->in); /* to be lent */

		if (fd >= 0)
			close(fd);
		msg_begin(&out, l->in.type, l->in.id);
		by_step = l->plan.steps == 0 ? 0 : life_steps_keep(l, &l->in);
		if (by_step == 0)
			keep(l, &l->in, &out);
		if (by_step >= 0)
			life_answer(l->keeper, &out);
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
		life_answer(l->super, &out);
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
		else if (l->in.type == SUP_HOOK && l->plan.steps != 0)
			life_steps_hook(l, &l->in);
		else if (l->in.type != SUP_READY)
			life_wrong(l, NULL, "the supervisor is asked something else");
}

/* -- workers -- */

bool life_ca_is_there(const struct life *l, enum life_ca ca)
{
	const bool is_far = l->ahead_s > 45 * D || l->ahead_s < -45 * D;

	return !life_is_in(&l->down[ca], life_now(l)) && !(ca == LIFE_PLAIN && is_far);
}

void life_be_away(struct life *l, struct life_worker *w)
{
	struct err e;

	err_set(&e, ERR_NET, "nobody answers");
	life_fail(w->fd, w->id, &e);
	l->n_failed++;
}

/* It has been heard of, and is written down before anything else is done. */
static void checkpoint(struct life *l, struct life_worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char url[64];

	if (l->plan.steps != 0 && w->by_wrong)
		w->cert->excused = true; /* by that clock it may have been time */
	snprintf(url, sizeof(url), "https://%u.example/order/%u", (unsigned)w->ca,
		 (unsigned)(w->cert - l->certs));
	msg_begin(&m, WORKER_CHECKPOINT, 1);
	msg_put_u64(&m, w->job);
	msg_put_str(&m, url);
	msg_put_u64(&m, 0);
	life_answer(w->fd, &m);
}

static void order(struct life *l, struct life_worker *w)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct life_cert *c = w->cert;
	struct err e;

	w->at = INT64_MAX;
	if (!life_ca_is_there(l, w->ca)) {
		life_be_away(l, w);
	} else if (!w->acknowledged) {
		checkpoint(l, w);
	} else if (life_draw(l, ONE_WAITS) == 0) {
		err_later(&e, (life_host(l) + 7200) * 1000, "processing");
		life_fail(w->fd, w->id, &e);
	} else {
		msg_begin(&m, WORKER_ORDER, w->id);
		issue(l, c, c->ordered_wide[w->ca], false, &m);
		msg_put_str(&m, "");
		msg_put_str(&m, "");
		msg_put_i64(&m, -l->ahead_s);
		l->dated_at = life_now(l);
		msg_put_u64(&m, w->ca == LIFE_ARI);
		life_answer(w->fd, &m);
	}
}

/* NULL: something else has become live meanwhile. */
static struct life_cert *cert_with_id(struct life *l, const char *id)
{
	for (size_t i = 0; i < l->n_certs; i++)
		if (strcmp(l->certs[i].id, id) == 0)
			return &l->certs[i];
	if (l->plan.steps != 0)
		return NULL;
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
	struct life_cert *c = w->cert;

	w->at = INT64_MAX;
	if (c == NULL || !life_ca_is_there(l, w->ca)) {
		life_be_away(l, w);
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
	life_answer(w->fd, &m);
}

/* It takes a while, whether anybody answers or not. */
static void take_up(struct life *l, struct life_worker *w)
{
	struct msg *m = &l->in;
	const int fd = msg_take_fd(m);

	if (fd >= 0)
		close(fd);
	if (m->type == MSG_FAILED && w->type == WORKER_ORDER) {
		life_be_away(l, w);
		return;
	}
	if (m->type == WORKER_CHECKPOINT) {
		if (w->cert->ordered_wide[w->ca] != w->cert->wide)
			w->cert->ordered_at[w->ca] = 0; /* for other names */
		life_ordered(l, w->cert, w->ca);
		w->cert->ordered_wide[w->ca] = w->cert->wide;
		w->acknowledged = true;
		w->at = l->true_ms + 100 + life_draw(l, 4000);
		return;
	}
	*w = (struct life_worker){
		.fd = w->fd, .type = m->type, .id = m->id, .by_wrong = l->ahead_s != 0
	};
	w->at = l->true_ms + 50 + life_draw(l, 1000);
	if (m->type == WORKER_ORDER) {
		w->job = msg_get_u64(m);
		w->ca = (enum life_ca)msg_get_u64(m);
		w->cert = cert_of(l, m);
		w->acknowledged = msg_get_str(m)[0] != '\0';
		life_tried(l, w->cert);
	} else if (m->type == WORKER_ARI) {
		w->ca = (enum life_ca)msg_get_u64(m);
		w->cert = cert_with_id(l, msg_get_str(m));
	} else if (m->type == WORKER_REVOKE && l->plan.steps != 0) {
		w->ca = (enum life_ca)msg_get_u64(m);
	} else {
		life_wrong(l, NULL, "a worker is asked something else");
	}
	if (w->ca >= LIFE_CAS)
		abort();
}

static void act(struct life *l, struct life_worker *w)
{
	if (w->type == WORKER_ORDER)
		order(l, w);
	else if (w->type == WORKER_ARI)
		inform(l, w);
	else
		life_steps_revoke(l, w);
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
		act(l, w);
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
