/* keeper: keys that take long are made while it goes on with everything else. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "agent/keeper/keymaker.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "store/pending.h"
#include "tests/agent/home.h"

#define N_SLOW 4
#define QUICK  N_SLOW

/* Certificates 0 to N_SLOW - 1 with RSA-3072, QUICK without. */
static int begin(void **state)
{
	AUTO_BUF struct buf config = { 0 };

	buf_puts(&config,
		 "state_dir = \"$\"; issuers = ( { name = \"lab\"; type = \"local\";"
		 " subject = \"CN=Lab\"; } ); defaults = { issuer = \"lab\"; };"
		 "certificates = (");
	for (int i = 0; i < N_SLOW; i++)
		buf_printf(&config,
			   " { name = \"c%d\"; names = \"c%d.example\";"
			   " key = \"rsa-3072\"; },",
			   i, i);
	buf_puts(&config, " { name = \"quick\"; names = \"q.example\"; } );");
	return home_in(state, config.data);
}

static void ask(const struct alone *a, uint32_t cert, uint32_t id)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, KEEPER_KEY, id);
	msg_put_u64(&m, cert);
	msg_put_u64(&m, 0);
	assert_int_equal(msg_send(a->peer, &m, &e), 0);
}

static void hear(const struct alone *a, struct msg *m)
{
	struct pollfd p = { .fd = a->peer, .events = POLLIN };
	struct err e;

	if (poll(&p, 1, 120000) != 1)
		fail_msg("no answer");
	if (msg_recv(a->peer, m, &e) < 0)
		fail_msg("%s", e.text);
}

static void expect_failure(struct msg *m, uint32_t id, const char *said)
{
	struct err e;

	assert_int_equal(m->id, id);
	assert_int_equal(m->type, MSG_FAILED);
	msg_get_err(m, &e);
	if (strstr(e.text, said) == NULL)
		fail_msg("\"%s\", expected \"%s\"", e.text, said);
}

static unsigned children(const struct alone *a, pid_t pids[KEYMAKERS_MAX])
{
	AUTO_FREE char *path = xasprintf("/proc/%d/task/%d/children", a->pid, a->pid);
	FILE *f = fopen(path, "re");
	unsigned n = 0;

	assert_non_null(f);
	while (n < KEYMAKERS_MAX && fscanf(f, "%d", &pids[n]) == 1)
		n++;
	fclose(f);
	return n;
}

/* The key of each on disk is the one that was told. */
static void expect_kept(const struct home *h, struct msg *m, uint32_t cert)
{
	const struct scratch *dir = h->scratch;
	AUTO_FREE char *name = xasprintf("c%u", cert);
	AUTO_KEY EVP_PKEY *told = NULL;
	AUTO_KEY EVP_PKEY *kept = NULL;
	const void *spki;
	struct err e;
	size_t len;

	assert_int_equal(m->type, KEEPER_KEY);
	spki = msg_get_bytes(m, &len);
	assert_int_equal(key_from_spki(spki, len, &told, &e), 0);
	assert_int_equal(pending_load(dir->fd, name, &kept, &e), 0);
	assert_non_null(kept);
	assert_int_equal(key_type_of(kept), KEY_RSA_3072);
	assert_true(key_same_public(told, kept));
}

static void others_do_not_wait_for_keys_that_take_long(void **state)
{
	const struct home *h = *state;
	struct alone a = home_keeper(h, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;
	pid_t pids[KEYMAKERS_MAX];
	bool seen[N_SLOW] = { false };
	char text[256];

	for (uint32_t i = 0; i < N_SLOW; i++)
		ask(&a, i, 1000 + i);
	ask(&a, QUICK, 7);
	assert_true(children(&a, pids) <= keymaker_most());
	for (uint32_t n = 0, before = 0; n < N_SLOW + 1; n++) {
		hear(&a, &m);
		if (m.id == 7) {
			assert_int_equal(m.type, KEEPER_KEY);
			assert_true(before < N_SLOW);
			continue;
		}
		before++;
		assert_true(m.id >= 1000 && m.id < 1000 + N_SLOW);
		assert_false(seen[m.id - 1000]);
		seen[m.id - 1000] = true;
		expect_kept(h, &m, m.id - 1000);
		assert_true(children(&a, pids) <= keymaker_most());
	}
	msg_begin(&m, KEEPER_KEY, 0); /* it waits now: no other is made */
	msg_put_u64(&m, 0);
	msg_put_u64(&m, 0);
	assert_int_equal(alone_ask(&a, &m, text, sizeof(text)), 0);
	expect_kept(h, &m, 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_key_is_not_made_twice_at_once(void **state)
{
	const struct home *h = *state;
	struct alone a = home_keeper(h, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;

	ask(&a, 0, 1);
	ask(&a, 0, 2);
	hear(&a, &m);
	expect_failure(&m, 2, "the key of c0: it is being made");
	hear(&a, &m);
	assert_int_equal(m.id, 1);
	expect_kept(h, &m, 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Until the keeper has at least one child. */
static pid_t first_child(const struct alone *a)
{
	int64_t until = clock_boot_ms() + 10000;
	pid_t pids[KEYMAKERS_MAX];

	while (children(a, pids) == 0 && clock_boot_ms() < until)
		poll(NULL, 0, 1);
	assert_true(children(a, pids) > 0);
	return pids[0];
}

static void a_key_that_failed_is_told_and_can_be_asked_for_again(void **state)
{
	const struct home *h = *state;
	struct alone a = home_keeper(h, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;

	ask(&a, 0, 1);
	kill(first_child(&a), SIGKILL);
	hear(&a, &m);
	expect_failure(&m, 1, "the key of c0: the process that made it ended too soon");
	ask(&a, 0, 2);
	hear(&a, &m);
	assert_int_equal(m.id, 2);
	expect_kept(h, &m, 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_keeper_that_ends_leaves_no_child(void **state)
{
	const struct home *h = *state;

	for (int killed = 0; killed < 2; killed++) {
		struct alone a = home_keeper(h, COMMAND_RENEW);
		struct pollfd gone = { .events = POLLIN };

		ask(&a, (uint32_t)killed, 1);
		gone.fd = pidfd_open(first_child(&a), 0);
		poll(NULL, 0, 20); /* for it to say so to the kernel */
		if (killed)
			kill(a.pid, SIGKILL);
		alone_end(&a, NULL, 0);
		assert_int_equal(poll(&gone, 1, 10000), 1);
		close(gone.fd);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, home_out)
	const struct CMUnitTest tests[] = {
		CASE(others_do_not_wait_for_keys_that_take_long),
		CASE(a_key_is_not_made_twice_at_once),
		CASE(a_key_that_failed_is_told_and_can_be_asked_for_again),
		CASE(a_keeper_that_ends_leaves_no_child),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("keeper key", tests, NULL, NULL);
}
