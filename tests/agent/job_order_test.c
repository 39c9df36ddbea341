/*
 * job_order, job_park: an order at an ACME CA, with a keeper and a worker that say what
 * the test wants. What is under way is on disk before anyone goes on; what a CA wants
 * time for is gone on with, by this run or the next; and another issuer is asked where
 * the first is of no use.
 */
#include "tests/agent/config_fake.h"
#include "tests/scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/ari.h"
#include "agent/batch.h"
#include "agent/challenge.h"
#include "agent/commit.h"
#include "agent/drift.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/pool.h"
#include "agent/role/messages.h"
#include "agent/state/state_order.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/help/certs.h"

static const char config[] =
    "agree_terms = true; contact = \"mailto:ops@example.org\";\n"
    "issuers = (\n"
    " { name = \"near\"; type = \"acme\"; url = \"https://near.example/dir\"; },\n"
    " { name = \"far\"; type = \"acme\"; url = \"https://far.example/dir\"; } );\n"
    "defaults = { challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; };\n"
    "certificates = (\n"
    " { name = \"one\"; names = \"one.example\"; issuer = \"near\";\n"
    "   challenge = ( { type = \"http-01\"; webroot = \"/srv/app\"; },\n"
    "               { type = \"http-01\"; listen = \"[::]:80\"; } ); },\n"
    " { name = \"two\"; names = \"two.example\"; issuer = [ \"near\", \"far\" ]; } "
    ");\n";

enum { ONE, TWO, CERTS };

#define TOKEN "abcdefghijklmnopqrstuvwxyz"
#define PRINT "0123456789012345678901234567890123456789012"

struct world {
	struct scratch *scratch;
	struct fake fake;
	struct spec spec;
	struct request request;
	struct agent agent;
	int keeper; /* the other ends */
	int super;
	int worker; /* -1: none came */
};

static struct state *open_state(const struct world *w, bool read_only)
{
	struct state *s = NULL;
	struct err e;

	if (state_open(w->scratch->path, read_only, &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static void open_pair(struct world *w, struct link *l, int *other)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    sv),
			 0);
	link_open(l, w->agent.loop, sv[0], 8, &w->agent);
	*other = sv[1];
}

/* The agent begins, on what is on disk. */
static void begin(struct world *w)
{
	struct agent *a = &w->agent;

	*a = (struct agent){ .spec = &w->spec,
			     .request = &w->request,
			     .root = w->scratch->fd,
			     .wait_until_ms = INT64_MAX };
	a->start.host_id = "host";
	a->state = open_state(w, false);
	a->certs = xcalloc(CERTS, sizeof(*a->certs));
	a->drift = xcalloc(CERTS, sizeof(*a->drift));
	a->wanted = xcalloc(CERTS, sizeof(*a->wanted));
	a->tried = xcalloc(CERTS, sizeof(*a->tried));
	a->orders = xcalloc(a->spec->n[SPEC_ISSUERS], sizeof(*a->orders));
	a->loop = ev_loop_new(EVFLAG_AUTO);
	open_pair(w, &a->keeper, &w->keeper);
	open_pair(w, &a->super, &w->super);
	a->pool = pool_new(a);
	a->batch = batch_new(a);
	w->worker = -1;
	challenge_begin(a);
}

static void end(struct world *w)
{
	struct agent *a = &w->agent;

	while (a->jobs != NULL)
		job_end(a, a->jobs);
	alarm_free(a);
	challenge_free(a);
	ari_free(a);
	commit_free(a);
	batch_free(a->batch);
	pool_free(a->pool);
	link_close(&a->keeper);
	link_close(&a->super);
	ev_loop_destroy(a->loop);
	state_close(a->state);
	drift_free(a);
	free(a->certs);
	free(a->wanted);
	free(a->tried);
	free(a->orders);
	free(a->ledger_lines);
	close(w->keeper);
	close(w->super);
	if (w->worker >= 0)
		close(w->worker);
}

static int world_in(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));

	if (scratch_in(state) < 0)
		return -1;
	w->scratch = *state;
	if (mkdirat(w->scratch->fd, "archive", 0755) < 0)
		return -1;
	fake_spec(&w->fake, true, config, &w->spec);
	w->request.command = COMMAND_AGENT;
	begin(w);
	*state = w;
	return 0;
}

static int world_out(void **state)
{
	struct world *w = *state;
	void *scratch = w->scratch;

	end(w);
	spec_done(&w->spec);
	fake_done(&w->fake);
	test_free(w);
	return scratch_out(&scratch);
}

static void turn(struct world *w)
{
	for (int i = 0; i < 4; i++) {
		ev_run(w->agent.loop, EVRUN_NOWAIT);
		while (commit_turn(&w->agent))
			;
	}
}

/* What the agent says to `fd`; type 0: nothing. */
static struct msg take(int fd)
{
	struct msg m = MSG_NONE;
	struct err e;

	if (fd < 0 || msg_recv(fd, &m, &e) < 0) {
		msg_done(&m);
		m.type = 0;
	}
	return m;
}

static void say(struct world *w, int fd, struct msg *m)
{
	struct err e;

	if (msg_send(fd, m, &e) < 0)
		fail_msg("%s", e.text);
	msg_done(m);
	turn(w);
}

/* A key is asked for; whether it must be a new one. */
static bool give_key(struct world *w)
{
	struct msg m = take(w->keeper);
	bool fresh;

	assert_int_equal(m.type, KEEPER_KEY);
	(void)msg_get_u64(&m);
	fresh = msg_get_u64(&m) != 0;
	msg_begin(&m, KEEPER_KEY, m.id);
	msg_put_bytes(&m, "spki", 4);
	say(w, w->keeper, &m);
	return fresh;
}

static void give_worker(struct world *w)
{
	struct msg m = take(w->super);
	int sv[2];

	if (m.type == 0)
		return; /* there is one */
	assert_int_equal(m.type, SUP_WORKER);
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    sv),
			 0);
	if (w->worker >= 0)
		close(w->worker);
	w->worker = sv[0];
	msg_begin(&m, SUP_WORKER, m.id);
	m.fd = sv[1];
	say(w, w->super, &m);
}

struct asked {
	uint32_t id; /* of the message */
	uint64_t job;
	uint64_t issuer;
	char url[64];
	uint64_t polls;
	bool replaces;
	bool is_new;
};

/* The worker is asked to order; what it is lent the keeper gets, too. */
static struct asked take_order(struct world *w)
{
	struct msg m;
	struct asked a = { 0 };

	give_worker(w);
	m = take(w->worker);
	assert_int_equal(m.type, WORKER_ORDER);
	assert_true(m.fd >= 0);
	a.id = m.id;
	a.job = msg_get_u64(&m);
	a.issuer = msg_get_u64(&m);
	(void)msg_get_u64(&m);
	snprintf(a.url, sizeof(a.url), "%s", msg_get_str(&m));
	a.polls = msg_get_u64(&m);
	a.replaces = msg_get_u64(&m) != 0;
	a.is_new = msg_get_u64(&m) != 0;
	msg_done(&m);
	m = take(w->keeper);
	assert_int_equal(m.type, KEEPER_LEND);
	assert_true(m.fd >= 0);
	msg_begin(&m, KEEPER_LEND, m.id);
	say(w, w->keeper, &m);
	return a;
}

/* Certificate `cert` is due, up to where the worker has its order. */
static struct asked order(struct world *w, uint32_t cert)
{
	job_begin(&w->agent, cert, WHY_MISSING);
	turn(w);
	(void)give_key(w);
	return take_order(w);
}

static void checkpoint(struct world *w, uint64_t job, const char *url)
{
	struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, 77);
	msg_put_u64(&m, job);
	msg_put_str(&m, url);
	msg_put_u64(&m, 0);
	if (url[0] == '\0')
		msg_put_u64(&m, 0); /* and does not say for which names */
	say(w, w->worker, &m);
}

static void expect_go_on(const struct world *w)
{
	struct msg m = take(w->worker);

	assert_int_equal(m.type, WORKER_CHECKPOINT);
	assert_int_equal(m.id, 77);
	msg_done(&m);
}

static void refuse(struct world *w, uint32_t id, const struct err *why)
{
	struct msg m = MSG_NONE;

	msg_begin(&m, MSG_FAILED, id);
	msg_put_err(&m, why);
	say(w, w->worker, &m);
}

static void refuse_by(struct world *w, uint32_t id, enum err_code code)
{
	struct err why;

	err_set(&why, code, "as the test wants");
	refuse(w, id, &why);
}

static void finish(struct world *w, uint32_t id, bool has_ari)
{
	struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_ORDER, id);
	msg_put_str(&m, "not what it was asked for");
	msg_put_str(&m, "");
	msg_put_str(&m, "");
	msg_put_i64(&m, 0);
	msg_put_u64(&m, has_ari);
	say(w, w->worker, &m);
}

static void wait_for(struct world *w, uint32_t id, int64_t ms)
{
	struct err why;

	err_later(&why, clock_now_ms() + ms, "the CA wants time");
	refuse(w, id, &why);
}

/* -- what is on disk -- */

struct row {
	bool found;
	char url[64];
	char issuer[16];
	int64_t retry_at;
	unsigned polls;
};

static int keep_row(void *arg, const struct order_row *o)
{
	struct row *r = arg;

	r->found = true;
	snprintf(r->url, sizeof(r->url), "%s", o->url);
	snprintf(r->issuer, sizeof(r->issuer), "%s", o->issuer);
	r->retry_at = o->retry_at;
	r->polls = o->polls;
	return 0;
}

static struct row row_of(const struct world *w, const char *name)
{
	struct state *s = open_state(w, true);
	struct row r = { .found = false };
	struct err e;

	assert_int_equal(state_order_each(s, name, keep_row, &r, &e), 0);
	state_close(s);
	return r;
}

static struct memory memory_of(struct world *w, const char *name)
{
	struct memory m;
	struct err e;
	bool found;

	assert_int_equal(agent_commit(&w->agent, &e), 0);
	assert_int_equal(state_get(w->agent.state, name, &m, &found, &e), 0);
	return m;
}

/* An order of an earlier run. */
static void put_row(struct world *w, uint64_t wanted, const char *issuer,
		    int64_t created_at)
{
	const struct order_row row = { .name = "one",
				       .issuer = issuer,
				       .url = "https://near.example/o/9",
				       .wanted = wanted,
				       .created_at = created_at,
				       .polls = 5 };
	struct err e;

	assert_int_equal(agent_write(&w->agent, &e), 0);
	assert_int_equal(state_order_put(w->agent.state, &row, &e), 0);
	assert_int_equal(agent_commit(&w->agent, &e), 0);
}

/* -- tests -- */

static void a_worker_comes_while_the_key_is_made(void **state)
{
	struct world *w = *state;

	job_begin(&w->agent, ONE, WHY_MISSING);
	turn(w);
	give_worker(w);
	assert_true(w->worker >= 0);
	assert_int_equal(take(w->worker).type, 0);
	(void)give_key(w);
	assert_string_equal(take_order(w).url, "");
}

static void an_order_is_on_disk_before_the_worker_goes_on(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	struct row row;

	assert_string_equal(a.url, "");
	assert_int_equal(a.polls, 0);
	assert_true(a.is_new);
	checkpoint(w, a.job, "https://near.example/o/1");
	row = row_of(w, "one");
	assert_true(row.found);
	assert_string_equal(row.url, "https://near.example/o/1");
	assert_string_equal(row.issuer, "near");
	expect_go_on(w);
	assert_true((w->agent.certs[ONE].flags & CERT_ORDERED) != 0);
}

static void an_order_that_is_over_is_forgotten_before_the_worker_goes_on(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);

	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	checkpoint(w, a.job, "");
	expect_go_on(w);
	assert_false(row_of(w, "one").found);
	refuse_by(w, a.id, ERR_NET);
	assert_null(w->agent.jobs);
	assert_int_equal(memory_of(w, "one").failures, 1);
	assert_false((w->agent.certs[ONE].flags & CERT_ORDERED) != 0);
}

static void an_order_is_kept_where_it_can_be_gone_on_with(void **state)
{
	static const struct {
		enum err_code code;
		bool kept;
	} rows[] = {
		{ ERR_NET, true },      { ERR_SYS, true },    { ERR_BUSY, true },
		{ ERR_REFUSED, false }, { ERR_PROTO, false }, { ERR_TRUST, true },
		{ ERR_LIMIT, false },   { ERR_CONFIG, true },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a = order(w, ONE);

		checkpoint(w, a.job, "https://near.example/o/1");
		expect_go_on(w);
		refuse_by(w, a.id, rows[i].code);
		assert_null(w->agent.jobs);
		memory_of(w, "one"); /* commits */
		if (row_of(w, "one").found != rows[i].kept)
			fail_msg("row %zu", i);
	}
}

static void who_offers_no_renewal_information_is_known_from_an_order(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		const struct asked a = order(w, ONE);
		const bool has_ari = i == 1;

		finish(w, a.id, has_ari);
		assert_null(w->agent.jobs);
		assert_int_equal(ari_is_silent(&w->agent, (uint32_t)a.issuer),
				 !has_ari);
	}
}

static void a_short_wait_is_spent_in_memory_to_the_millisecond(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	int64_t from = clock_boot_ms();

	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	wait_for(w, a.id, 30);
	assert_int_equal(w->agent.jobs->state, JOB_PARKED);
	while (w->agent.jobs->state == JOB_PARKED)
		ev_run(w->agent.loop, EVRUN_ONCE);
	assert_in_range(clock_boot_ms() - from, 29, 20000);
	turn(w);
	a = take_order(w);
	assert_string_equal(a.url, "https://near.example/o/1");
	assert_int_equal(a.polls, 1);
	assert_int_equal(memory_of(w, "one").failures, 0);
}

static void expect_parked(struct world *w, int64_t retry_at)
{
	struct memory m = memory_of(w, "one");
	struct row row = row_of(w, "one");

	assert_null(w->agent.jobs);
	assert_int_equal(m.failures, 0);
	assert_int_equal(m.state, JOB_PARKED);
	assert_in_range(m.retry_at, retry_at, retry_at + 2);
	assert_true(row.found);
	assert_true(row.retry_at == m.retry_at);
	assert_int_equal(row.polls, 1);
	assert_int_equal(w->agent.certs[ONE].state, JOB_PARKED);
	assert_true(w->agent.certs[ONE].retry_at == m.retry_at);
}

/* Told of the order that it knows, without tokens. */
static void a_time_at_which_the_ca_did_nothing_is_not_counted(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);

	for (int i = 0; i < 2; i++) {
		checkpoint(w, a.job, "https://near.example/o/1");
		expect_go_on(w);
	}
	for (unsigned polls = 0; polls < 3; polls++) {
		wait_for(w, a.id, 5);
		while (w->agent.jobs->state == JOB_PARKED)
			ev_run(w->agent.loop, EVRUN_ONCE);
		turn(w);
		a = take_order(w);
		assert_string_equal(a.url, "https://near.example/o/1");
		assert_int_equal(a.polls, polls);
	}
	assert_int_equal(w->agent.jobs->n_orders, 1);
}

static void a_long_wait_outlives_the_run(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	int64_t now = clock_now();

	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	wait_for(w, a.id, 120000);
	expect_parked(w, now + 120);
	end(w);
	begin(w);
	a = order(w, ONE);
	assert_string_equal(a.url, "https://near.example/o/1");
	assert_int_equal(a.polls, 1);
}

/* By the clock that there is then, without an order. */
static enum why why_after_a_long_wait(struct world *w, uint32_t flags)
{
	const int64_t now = clock_now();
	const struct asked a = order(w, ONE);
	struct memory m;
	struct cert *c;
	struct err e;

	w->agent.certs[ONE].flags |= flags;
	wait_for(w, a.id, 120000);
	m = memory_of(w, "one");
	end(w);
	begin(w);
	c = &w->agent.certs[ONE];
	assert_int_equal(m.state, JOB_PARKED);
	assert_int_equal(inventory_take(&w->agent, ONE, &m, true, &e), 0);
	c->not_before = now - 86400;
	c->not_after = now + 89 * 86400;
	c->renew_at = now + 59 * 86400;
	c->names_hash = w->spec.certs[ONE].names_hash;
	c->key = (uint8_t)w->spec.certs[ONE].key;
	c->usage = (uint8_t)w->spec.certs[ONE].usage;
	c->issuer = SPEC_NOBODY;
	return agent_due(&w->agent, ONE, now + 86400).why;
}

static void what_waits_without_an_order_goes_on_if_it_is_due_or_asked_for(void **state)
{
	assert_int_equal(why_after_a_long_wait(*state, 0), WHY_EXPIRING);
	assert_int_equal(why_after_a_long_wait(*state, CERT_ASKED), WHY_ASKED);
	assert_int_equal(why_after_a_long_wait(*state, 0), WHY_ASKED); /* still */
}

static void the_order_of_an_hour_ago_is_come_back_to_in_minutes_whatever_is_said(
    void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	const int64_t now = clock_now();

	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	w->agent.jobs->ordered_at = now - 3600;
	wait_for(w, a.id, 1000);
	expect_parked(w, now + 360);
}

static void a_run_waits_no_longer_than_it_was_told(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	int64_t now = clock_now();

	w->agent.wait_until_ms = clock_now_ms() + 1000;
	w->agent.tried[ONE] = true;
	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	wait_for(w, a.id, 10000);
	expect_parked(w, now + 10);
	assert_false(w->agent.tried[ONE]);
}

static void a_run_that_stops_lets_go_of_what_waits(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);

	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	wait_for(w, a.id, 30000);
	assert_int_equal(w->agent.jobs->state, JOB_PARKED);
	job_rest_all(&w->agent);
	expect_parked(w, clock_now() + 29);
	assert_non_null(strstr(memory_of(w, "one").last_error, "the CA wants time"));
}

static void the_order_of_another_run_is_gone_on_with_if_it_is_what_is_wanted(
    void **state)
{
	struct world *w = *state;
	const uint64_t names = w->spec.certs[ONE].names_hash;
	const struct {
		uint64_t wanted;
		const char *issuer;
		int64_t created_at;
		bool taken;
		struct clockwatch clock;
	} rows[] = {
		{ names, "near", clock_now() - 60, true, { 0 } },
		{ names + 1, "near", clock_now() - 60, false, { 0 } },
		{ names, "far", clock_now() - 60, false, { 0 } },
		{ names, "near", clock_now() - 3 * 86400, true, { 0 } },
		{ names, "near", clock_now() - 8 * 86400, false, { 0 } },
		/* By that clock all have been made long ago. */
		{ names, "near", clock_now() - 8 * 86400, true, { .doubted = true } },
		{ names, "near", clock_now() - 8 * 86400, true, { .off_s = -90000 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a;
		bool fresh;

		w->agent.clock = rows[i].clock;
		put_row(w, rows[i].wanted, rows[i].issuer, rows[i].created_at);
		job_begin(&w->agent, ONE, WHY_MISSING);
		turn(w);
		fresh = give_key(w);
		a = take_order(w);
		assert_string_equal(a.url,
				    rows[i].taken ? "https://near.example/o/9" : "");
		assert_int_equal(a.polls, rows[i].taken ? 5 : 0);
		if (!fresh) /* not the live one's, which may have been revoked since */
			fail_msg("row %zu: the key", i);
		refuse_by(w, a.id, ERR_REFUSED);
		memory_of(w, "one");
		assert_false(row_of(w, "one").found);
	}
}

/* Generation 1 of `one`, for these names, from then until then. */
static void store_from(const struct world *w, const char *names, int64_t from,
		       int64_t to)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_BUF struct buf pem = { 0 };
	const struct cert_plan plan = {
		.key = key, .issuer_key = key, .from = from, .to = to, .names = names
	};
	X509 *cert = certs_make(&plan);
	struct err e;

	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	X509_free(cert);
	(void)mkdirat(w->scratch->fd, "archive/one", 0755);
	(void)mkdirat(w->scratch->fd, "archive/one/0000000001", 0755);
	scratch_put(w->scratch, "archive/one/0000000001/cert.pem", pem.data);
}

static void store(const struct world *w, const char *names)
{
	store_from(w, names, clock_now() - 60, clock_now() + 90 * 86400);
}

/* When it is two days old, and where what is live comes to its last moment, a twentieth of
 * its life before the end, and to that; but it is asked for first. */
static void an_order_that_is_lost_is_given_up(void **state)
{
	static const struct {
		int64_t from_h, to_h, ordered_h;
		enum err_code code;
		bool kept;
	} rows[] = {
		{ -1000, 1000, -47, ERR_LATER, true },
		{ -1000, 1000, -47, ERR_NET, true },
		{ -1000, 1000, -48, ERR_LATER, false },
		{ -1000, 1000, -48, ERR_NET, false },
		{ -37, 3, -40, ERR_LATER, true },
		{ -39, 1, -4, ERR_LATER, false }, /* its last moment has come since */
		{ -39, 1, -4, ERR_NET, false },
		{ -39, 1, 0, ERR_LATER, true },
		{ -50, -1, -2, ERR_LATER, false }, /* its end has */
		{ -50, -2, -1, ERR_LATER, true },
	};
	struct world *w = *state;
	const uint64_t wanted = w->spec.certs[ONE].names_hash;
	const int64_t now = clock_now();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a;

		store_from(w, "DNS:one.example", now + rows[i].from_h * 3600,
			   now + rows[i].to_h * 3600);
		w->agent.certs[ONE].generation = 1;
		put_row(w, wanted, "near", now + rows[i].ordered_h * 3600);
		job_begin(&w->agent, ONE, WHY_EXPIRING);
		turn(w);
		(void)give_key(w);
		a = take_order(w);
		assert_string_equal(a.url, "https://near.example/o/9");
		if (rows[i].code == ERR_LATER)
			wait_for(w, a.id, 90000);
		else
			refuse_by(w, a.id, rows[i].code);
		(void)memory_of(w, "one");
		if (row_of(w, "one").found != rows[i].kept)
			fail_msg("row %zu", i);
		if (w->agent.jobs == NULL)
			continue;
		a = take_order(w); /* another one, at once */
		assert_string_equal(a.url, "");
		refuse_by(w, a.id, ERR_REFUSED);
	}
}

static void what_was_stored_when_a_crash_came_is_not_ordered_again(void **state)
{
	const struct {
		const char *names;
		int64_t ordered_at;
		bool taken;
	} rows[] = {
		{ "DNS:other.example", clock_now() - 60, false },
		{ "DNS:one.example", clock_now() + 60, false }, /* an older one */
		{ "DNS:one.example", clock_now() - 60, true },
	};
	struct world *w = *state;
	const uint64_t wanted = w->spec.certs[ONE].names_hash;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		store(w, rows[i].names);
		put_row(w, wanted, "near", rows[i].ordered_at);
		job_begin(&w->agent, ONE, WHY_MISSING);
		if ((w->agent.jobs->generation == 1) != rows[i].taken)
			fail_msg("row %zu", i);
		if (!rows[i].taken)
			job_end(&w->agent, w->agent.jobs);
	}
	assert_int_equal(memory_of(w, "one").held, 1); /* to be installed */
	assert_false(row_of(w, "one").found);
	assert_true(w->agent.jobs->state >= JOB_INSTALLING);
}

/* The agent looks for itself: else it would be due again at once, for ever. */
static void what_is_said_to_be_live_and_is_not_there_is_a_failure(void **state)
{
	struct world *w = *state;
	struct memory m;
	struct msg live;

	store(w, "DNS:one.example");
	put_row(w, w->spec.certs[ONE].names_hash, "near", clock_now() - 60);
	job_begin(&w->agent, ONE, WHY_MISSING);
	batch_check(&w->agent);
	turn(w);
	live = take(w->keeper);
	assert_int_equal(live.type, KEEPER_LIVE);
	msg_begin(&live, KEEPER_LIVE, live.id);
	for (int i = 0; i < 3; i++) /* nothing to say of its files */
		msg_put_u64(&live, 0);
	say(w, w->keeper, &live);
	assert_null(w->agent.jobs);
	m = memory_of(w, "one");
	assert_int_equal(m.failures, 1);
	assert_true(m.retry_at > clock_now());
	assert_int_equal(m.held, 1);
}

static void what_cannot_be_looked_at_now_is_not_given_up(void **state)
{
	struct world *w = *state;
	struct cert *c = &w->agent.certs[ONE];
	struct rlimit all, none;

	store(w, "DNS:one.example");
	c->held = 1;
	c->held_not_after = clock_now() + 86400;
	c->flags |= CERT_HELD_GOOD;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	job_begin(&w->agent, ONE, WHY_ASKED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(c->held, 1);
	assert_null(w->agent.jobs);
	assert_int_equal(memory_of(w, "one").failures, 1);
}

static void stored_at(const struct world *w, int64_t at)
{
	const struct timespec t = { .tv_sec = at };

	assert_int_equal(utimensat(w->scratch->fd, "archive/one/0000000001/cert.pem",
				   (struct timespec[]){ t, t }, 0),
			 0);
}

/* It is held until it begins; but if it had begun when it was stored, what was held is no
 * reason to order anything by the clock that there is. */
static void what_is_held_of_a_clock_that_was_ahead_is_not_installed(void **state)
{
	const struct {
		int64_t from, stored;
		enum job_state state;
		bool taken;
	} rows[] = {
		{ -60, 0, JOB_IDLE, true },
		{ 2 * 86400, 0, JOB_PARKED, true },
		{ 2 * 86400, 0, JOB_IDLE, true },
		{ 2 * 86400, 2 * 86400, JOB_IDLE, false },
		{ 2 * 86400, 2 * 86400, JOB_PARKED, false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int64_t from = clock_now() + rows[i].from;
		struct memory m = { .state = rows[i].state,
				    .held = 1,
				    .held_not_after = from + 90 * 86400,
				    .held_names_hash = w->spec.certs[ONE].names_hash };
		struct cert *c = &w->agent.certs[ONE];
		struct err e;

		store_from(w, "DNS:one.example", from, from + 90 * 86400);
		stored_at(w, clock_now() + rows[i].stored);
		assert_int_equal(agent_write(&w->agent, &e), 0);
		assert_int_equal(state_put(w->agent.state, "one", &m, &e), 0);
		assert_int_equal(agent_commit(&w->agent, &e), 0);
		c->held = 1;
		c->held_not_after = m.held_not_after;
		c->flags |= CERT_HELD_GOOD;
		job_begin(&w->agent, ONE, WHY_ASKED);
		if (!rows[i].taken) {
			assert_null(w->agent.jobs);
			assert_int_equal(memory_of(w, "one").held, 0);
			continue;
		}
		assert_int_equal(w->agent.jobs->generation, 1);
		job_end(&w->agent, w->agent.jobs);
	}
}

static void what_refuses_gives_way_to_the_next_at_once(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, TWO);

	assert_int_equal(a.issuer, spec_issuer_called(&w->spec, "near"));
	checkpoint(w, a.job, "https://near.example/o/1");
	expect_go_on(w);
	refuse_by(w, a.id, ERR_REFUSED);
	a = take_order(w);
	assert_int_equal(a.issuer, spec_issuer_called(&w->spec, "far"));
	assert_string_equal(a.url, "");
	assert_int_equal(memory_of(w, "two").fallback.asked, 1);
	assert_false(row_of(w, "two").found);
	refuse_by(w, a.id, ERR_REFUSED);
	assert_null(w->agent.jobs); /* there is no third */
	assert_int_equal(memory_of(w, "two").fallback.asked, 0);
	assert_int_equal(memory_of(w, "two").failures, 1);
}

static void who_is_asked_outlives_the_run(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, TWO);

	refuse_by(w, a.id, ERR_REFUSED);
	a = take_order(w);
	refuse_by(w, a.id, ERR_NET);
	assert_null(w->agent.jobs);
	(void)memory_of(w, "two");
	end(w);
	begin(w);
	a = order(w, TWO);
	assert_int_equal(a.issuer, spec_issuer_called(&w->spec, "far"));
}

static void a_CA_that_is_too_busy_for_long_gives_way_too(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, TWO);

	wait_for(w, a.id, 2 * 3600 * 1000);
	a = take_order(w);
	assert_int_equal(a.issuer, spec_issuer_called(&w->spec, "far"));
	assert_int_equal(memory_of(w, "two").failures, 0);
}

/* Of what was never issued it is remembered since when. */
static void a_CA_that_says_soon_for_a_day_gives_way_too(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, TWO);
	struct memory m;
	struct err e;

	wait_for(w, a.id, 90000);
	assert_null(w->agent.jobs);
	m = memory_of(w, "two");
	assert_int_equal(m.fallback.asked, 0);
	assert_in_range(m.renew_at, clock_now() - 60, clock_now());
	m.renew_at -= FALLBACK_DUE_S + 60;
	assert_int_equal(agent_write(&w->agent, &e), 0);
	assert_int_equal(state_put(w->agent.state, "two", &m, &e), 0);
	a = order(w, TWO);
	checkpoint(w, a.job, "https://near.example/o/1"); /* it has begun, at last */
	expect_go_on(w);
	wait_for(w, a.id, 90000);
	assert_null(w->agent.jobs);
	a = order(w, TWO);
	checkpoint(w, a.job, "");
	expect_go_on(w);
	wait_for(w, a.id, 90000);
	a = take_order(w);
	assert_int_equal(a.issuer, spec_issuer_called(&w->spec, "far"));
	assert_int_equal(memory_of(w, "two").failures, 0);
}

static void a_late_answer_is_nobodys(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	struct err e;

	err_set(&e, ERR_SYS, "given up");
	job_fail(&w->agent, w->agent.jobs, &e);
	refuse_by(w, a.id, ERR_REFUSED);
	assert_int_equal(memory_of(w, "one").failures, 1);
}

static void what_the_keeper_does_not_lend_ends_the_order(void **state)
{
	struct world *w = *state;
	struct msg m;
	struct err why;

	job_begin(&w->agent, ONE, WHY_MISSING);
	turn(w);
	(void)give_key(w);
	give_worker(w);
	m = take(w->keeper);
	assert_int_equal(m.type, KEEPER_LEND);
	err_set(&why, ERR_CONFIG, "no such issuer");
	close(m.fd);
	m.fd = -1;
	msg_begin(&m, MSG_FAILED, m.id);
	msg_put_err(&m, &why);
	say(w, w->keeper, &m);
	assert_null(w->agent.jobs);
	assert_non_null(strstr(memory_of(w, "one").last_error, "no such issuer"));
}

/* "pending", "processing", and at the next look nobody knows it, again and again. */
static void a_CA_that_forgets_each_order_is_not_asked_for_ever(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	AUTO_FREE char *url = NULL;

	for (int i = 1; i <= 2; i++) {
		free(url);
		url = xasprintf("https://near.example/o/%d", i);
		checkpoint(w, a.job, url);
		expect_go_on(w);
		wait_for(w, a.id, 1);
		while (w->agent.jobs->state == JOB_PARKED)
			ev_run(w->agent.loop, EVRUN_ONCE);
		turn(w);
		a = take_order(w);
		assert_string_equal(a.url, url);
	}
	checkpoint(w, a.job, "https://near.example/o/3");
	assert_null(w->agent.jobs);
	assert_int_equal(memory_of(w, "one").failures, 1);
	assert_non_null(strstr(memory_of(w, "one").last_error, "forgets each order"));
	assert_false(row_of(w, "one").found);
}

/* -- what a worker may not -- */

#define ORDER_URL "https://near.example/o/1"

static void send_token(struct world *w, uint64_t job, const char *url,
		       uint64_t challenge, const char *token, const char *authorization)
{
	struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, 77);
	msg_put_u64(&m, job);
	msg_put_str(&m, url);
	msg_put_u64(&m, 1);
	msg_put_u64(&m, challenge);
	msg_put_str(&m, "one.example");
	msg_put_str(&m, token);
	msg_put_str(&m, authorization);
	say(w, w->worker, &m);
}

static void tokens_are_presented_before_the_worker_goes_on(void **state)
{
	struct world *w = *state;
	struct asked a = order(w, ONE);
	struct msg m;

	send_token(w, a.job, ORDER_URL, w->spec.certs[ONE].challenges.first, TOKEN,
		   TOKEN "." PRINT);
	assert_true(row_of(w, "one").found);
	m = take(w->worker);
	assert_int_equal(m.type, 0);
	m = take(w->keeper);
	assert_int_equal(m.type, KEEPER_PRESENT);
	msg_begin(&m, KEEPER_PRESENT, m.id);
	say(w, w->keeper, &m);
	expect_go_on(w);
}

static void what_a_worker_must_not_say_ends_it(void **state)
{
	struct world *w = *state;
	const uint64_t first = w->spec.certs[ONE].challenges.first;
	const struct {
		uint64_t other_job;
		const char *url;
		uint64_t challenge;
		const char *token;
		const char *authorization;
	} rows[] = {
		{ 1, ORDER_URL, first, TOKEN, TOKEN "." PRINT },
		{ 0, ORDER_URL, first + 2, TOKEN, TOKEN "." PRINT },
		{ 0, ORDER_URL, UINT64_MAX, TOKEN, TOKEN "." PRINT },
		{ 0, ORDER_URL, first, "../" TOKEN, "../" TOKEN "." PRINT },
		{ 0, ORDER_URL, first, TOKEN, TOKEN "." PRINT "$(id)" },
		{ 0, ORDER_URL, first, TOKEN, "<script>" },
		{ 0, "", first, TOKEN, TOKEN "." PRINT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a = order(w, ONE);
		struct msg m;

		send_token(w, a.job + rows[i].other_job, rows[i].url, rows[i].challenge,
			   rows[i].token, rows[i].authorization);
		if (w->agent.jobs != NULL || row_of(w, "one").found)
			fail_msg("row %zu", i);
		m = take(w->keeper);
		assert_int_equal(m.type, 0);
	}
}

static void send_refusal(struct world *w, uint64_t job, uint64_t n, uint64_t way,
			 const char *name)
{
	struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, 77);
	msg_put_u64(&m, job);
	msg_put_str(&m, "");
	msg_put_u64(&m, 0);
	msg_put_u64(&m, n);
	msg_put_u64(&m, way);
	msg_put_str(&m, name);
	msg_put_str(&m, "as the test wants");
	say(w, w->worker, &m);
}

static void names_that_a_worker_says_are_refused_are_its_own(void **state)
{
	struct world *w = *state;
	const uint64_t first = w->spec.certs[ONE].challenges.first;
	const struct {
		uint64_t n;
		uint64_t way;
		const char *name;
		bool fits;
	} rows[] = {
		{ 1, UINT32_MAX, "two.example", false },
		{ 1, first, "", false },
		{ 1, first + 2, "one.example", false },
		{ 1, UINT64_MAX, "one.example", false },
		{ UINT64_MAX, first, "one.example", false },
		{ 1, first, "one.example", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a = order(w, ONE);

		send_refusal(w, a.job, rows[i].n, rows[i].way, rows[i].name);
		if ((w->agent.jobs != NULL) != rows[i].fits)
			fail_msg("row %zu", i);
	}
	expect_go_on(w);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_in, world_out)
	const struct CMUnitTest tests[] = {
		CASE(a_worker_comes_while_the_key_is_made),
		CASE(an_order_is_on_disk_before_the_worker_goes_on),
		CASE(an_order_that_is_over_is_forgotten_before_the_worker_goes_on),
		CASE(an_order_is_kept_where_it_can_be_gone_on_with),
		CASE(who_offers_no_renewal_information_is_known_from_an_order),
		CASE(a_short_wait_is_spent_in_memory_to_the_millisecond),
		CASE(a_time_at_which_the_ca_did_nothing_is_not_counted),
		CASE(a_long_wait_outlives_the_run),
		CASE(what_waits_without_an_order_goes_on_if_it_is_due_or_asked_for),
		CASE(
		    the_order_of_an_hour_ago_is_come_back_to_in_minutes_whatever_is_said),
		CASE(a_run_waits_no_longer_than_it_was_told),
		CASE(a_run_that_stops_lets_go_of_what_waits),
		CASE(the_order_of_another_run_is_gone_on_with_if_it_is_what_is_wanted),
		CASE(an_order_that_is_lost_is_given_up),
		CASE(what_was_stored_when_a_crash_came_is_not_ordered_again),
		CASE(what_is_said_to_be_live_and_is_not_there_is_a_failure),
		CASE(what_cannot_be_looked_at_now_is_not_given_up),
		CASE(what_is_held_of_a_clock_that_was_ahead_is_not_installed),
		CASE(what_refuses_gives_way_to_the_next_at_once),
		CASE(who_is_asked_outlives_the_run),
		CASE(a_CA_that_is_too_busy_for_long_gives_way_too),
		CASE(a_CA_that_says_soon_for_a_day_gives_way_too),
		CASE(a_late_answer_is_nobodys),
		CASE(what_the_keeper_does_not_lend_ends_the_order),
		CASE(a_CA_that_forgets_each_order_is_not_asked_for_ever),
		CASE(tokens_are_presented_before_the_worker_goes_on),
		CASE(what_a_worker_must_not_say_ends_it),
		CASE(names_that_a_worker_says_are_refused_are_its_own),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("job_order", tests, NULL, NULL);
}
