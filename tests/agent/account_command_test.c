/* account: what a person is shown of it, whoever sends it. */
#include <signal.h>
#include <sys/socket.h>

#include "acme/account.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/home.h"

static const char config[] =
    "state_dir = \"$\"; agree_terms = true; issuers = ( { name ="
    " \"near\"; type = \"acme\"; url = \"https://near.example/\"; } );"
    "certificates = { names = \"a.example\"; issuer = \"local\"; };";

static int begin(void **state)
{
	return home_in(state, config);
}

/* The next message on `sock` is of `type`. */
static void take(int sock, uint32_t type, struct msg *m)
{
	struct err e;

	if (msg_recv(sock, m, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(m->type, type);
}

static void answer(int sock, struct msg *m)
{
	struct err e;

	if (msg_send(sock, m, &e) < 0)
		fail_msg("%s", e.text);
}

/* A worker that was taken over would have root's terminal do what it likes. */
static void what_a_worker_says_moves_no_cursor(void **state)
{
	const char *names[] = { "near" };
	const struct request r = { .command = COMMAND_ACCOUNT,
				   .step = ACCOUNT_SHOW,
				   .names = names,
				   .n_names = 1 };
	const struct home *h = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct alone a;
	char said[512];
	int worker[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, worker),
			 0);
	alone_start(&a, ROLE_AGENT, &r, h->snapshot);
	take(a.super, SUP_WORKER, &m);
	msg_begin(&m, SUP_WORKER, m.id);
	m.fd = worker[1];
	answer(a.super, &m);
	take(a.peer, KEEPER_LEND, &m);
	msg_begin(&m, KEEPER_LEND, m.id);
	answer(a.peer, &m);
	take(worker[0], WORKER_ACCOUNT, &m);
	msg_begin(&m, WORKER_ACCOUNT, m.id);
	msg_put_str(&m, "url https://near.example/1\nstatus \033]0;valid\a\r\n\nlast");
	answer(worker[0], &m);
	assert_int_equal(alone_wait(a.pid, 10000), 0);
	alone_hear(a.said, said, sizeof(said));
	assert_string_equal(said, "url https://near.example/1\n"
				  "status \\x1b]0;valid\\x07\\r\n\nlast\n");
	close(a.said);
	close(a.super);
	close(a.peer);
	close(worker[0]);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, home_out)
	const struct CMUnitTest tests[] = {
		CASE(what_a_worker_says_moves_no_cursor),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("account command", tests, NULL, NULL);
}
