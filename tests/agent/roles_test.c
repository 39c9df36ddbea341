/*
 * roles: each role as it is exec'd, with every message there is in every state it has:
 * refused unless it is listed here.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/config_fake.h"
#include "tests/help/alone.h"
#include "tests/scratch.h"

#define PAST (MESSAGES + 5) /* what no version knows is sent too */

#define LET_GO (128 + SIGIO) /* how a worker may end when its supervisor does */

struct stage {
	void *scratch;
	int snapshot; /* with one certificate */
	int empty;    /* with none */
};

static int compile(const struct stage *s, const char *certificates)
{
	AUTO_FREE char *text = xasprintf(
	    "state_dir = \"%s\";"
	    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; } );"
	    "certificates = ( %s );",
	    ((struct scratch *)s->scratch)->path, certificates);
	struct fake f = { .at = 0 };
	int fd = -1;

	if (fake_compile(&f, false, text, strlen(text), &fd) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	return fd;
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	if (store_in(&s->scratch) < 0)
		return -1;
	s->snapshot = compile(s, "{ names = \"a.example\"; issuer = \"lab\"; }");
	s->empty = compile(s, "");
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc = scratch_out(&s->scratch);

	close(s->snapshot);
	close(s->empty);
	test_free(s);
	return rc;
}

/* -- the peer's requests -- */

/* A role in one state, and what it may be asked there. */
struct row {
	const char *name;
	enum role role;
	struct request request;
	uint32_t listed[24];
};

#define LOOKS                                                 \
	{                                                     \
		KEEPER_STAMP, KEEPER_AUDIT, KEEPER_STRANGERS, \
	}
#define RENEWS                                                                         \
	{                                                                              \
		KEEPER_STAMP, KEEPER_AUDIT, KEEPER_KEY, KEEPER_ISSUE, KEEPER_STORE,    \
		    KEEPER_LIVE, KEEPER_PRUNE, KEEPER_PRESENT, KEEPER_WITHDRAW,        \
		    KEEPER_LEND, KEEPER_CA_REVOKE, KEEPER_WATCH, KEEPER_CRL_CAS,       \
		    KEEPER_CRL_STAGE, KEEPER_CRL_KEEP, KEEPER_CRL_WRITE, KEEPER_TXT,   \
		    KEEPER_TXT_REPLY, KEEPER_STRANGERS, KEEPER_CRL_FORGET, KEEPER_CSR, \
		    KEEPER_ROOTS, KEEPER_CA_ROOTS,                                     \
	}
#define SIGNS                                                                    \
	{                                                                        \
		KEEPER_CA_INIT, KEEPER_CA_SIGN, KEEPER_CA_REVOKE, KEEPER_CA_CRL, \
		    KEEPER_CA_ROLLOVER,                                          \
	}

static const struct row rows[] = {
	{ "keeper for agent", ROLE_KEEPER, { .command = COMMAND_AGENT }, RENEWS },
	{ "keeper for renew", ROLE_KEEPER, { .command = COMMAND_RENEW }, RENEWS },
	{ "keeper for renew --dry-run",
	  ROLE_KEEPER,
	  { .command = COMMAND_RENEW, .flags = REQUEST_DRY_RUN },
	  LOOKS },
	{ "keeper for status", ROLE_KEEPER, { .command = COMMAND_STATUS }, LOOKS },
	{ "keeper for plan", ROLE_KEEPER, { .command = COMMAND_PLAN }, LOOKS },
	{ "keeper for check --online",
	  ROLE_KEEPER,
	  { .command = COMMAND_CHECK },
	  { KEEPER_LEND } },
	{ "keeper for history", ROLE_KEEPER, { .command = COMMAND_HISTORY }, LOOKS },
	{ "keeper for rollback", ROLE_KEEPER, { .command = COMMAND_ROLLBACK }, RENEWS },
	{ "keeper for revoke", ROLE_KEEPER, { .command = COMMAND_REVOKE }, RENEWS },
	{ "keeper for crl", ROLE_KEEPER, { .command = COMMAND_CRL }, LOOKS },
	{ "keeper for crl --update",
	  ROLE_KEEPER,
	  { .command = COMMAND_CRL, .flags = REQUEST_UPDATE },
	  RENEWS },
	{ "keeper for forget",
	  ROLE_KEEPER,
	  { .command = COMMAND_FORGET },
	  { KEEPER_FORGET } },
	{ "keeper for ca init", ROLE_KEEPER, { .command = COMMAND_CA_INIT }, SIGNS },
	{ "keeper for ca sign", ROLE_KEEPER, { .command = COMMAND_CA_SIGN }, SIGNS },
	{ "keeper for ca revoke",
	  ROLE_KEEPER,
	  { .command = COMMAND_CA_REVOKE },
	  SIGNS },
	{ "keeper for account",
	  ROLE_KEEPER,
	  { .command = COMMAND_ACCOUNT },
	  { KEEPER_LEND } },
	{ "keeper for ca crl", ROLE_KEEPER, { .command = COMMAND_CA_CRL }, SIGNS },
	{ "keeper for ca rollover",
	  ROLE_KEEPER,
	  { .command = COMMAND_CA_ROLLOVER },
	  SIGNS },
	{ "worker",
	  ROLE_WORKER,
	  { .command = COMMAND_RENEW },
	  { WORKER_ORDER, WORKER_ACCOUNT, WORKER_CA, WORKER_REVOKE, WORKER_ARI,
	    WORKER_CRL, WORKER_ROOTS } },
	{ "probe",
	  ROLE_PROBE,
	  { .command = COMMAND_RENEW },
	  { PROBE_LOOK, DNS_FIND, DNS_SEND, DNS_LOOK, DNS_AHEAD } },
	{ "probe for inspect",
	  ROLE_PROBE,
	  { .command = COMMAND_INSPECT },
	  { PROBE_SHOW } },
	{ "responder",
	  ROLE_RESPONDER,
	  { .command = COMMAND_RENEW },
	  { RESPONDER_ADD, RESPONDER_REMOVE, RESPONDER_OPEN, RESPONDER_PAGE } },
	{ "alpn",
	  ROLE_ALPN,
	  { .command = COMMAND_RENEW },
	  { RESPONDER_ADD, RESPONDER_REMOVE, RESPONDER_OPEN, RESPONDER_PAGE } },
};

static bool is_listed(const struct row *r, uint32_t type)
{
	for (size_t i = 0; i < sizeof(r->listed) / sizeof(*r->listed); i++)
		if (type != 0 && r->listed[i] == type)
			return true;
	return false;
}

/* With one field that nothing begins with, so that what is listed is refused as well,
 * but for another reason. */
static void send_all(const struct row *r, const struct alone *a)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char expected[64];
	char text[256];

	for (uint32_t type = 0; type < PAST; type++) {
		int code;

		snprintf(expected, sizeof(expected), "message %u %s", type,
			 is_listed(r, type) ? "has the wrong fields"
					    : "is not allowed here");
		msg_begin(&m, type, 0);
		msg_put_i64(&m, -1);
		code = alone_ask(a, &m, text, sizeof(text));
		if (code != ERR_PROTO || strcmp(text, expected) != 0)
			fail_msg("%s: message %u: %d \"%s\", expected \"%s\"", r->name,
				 type, code, text, expected);
	}
}

static void tell_ready(const struct alone *a)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, RESPONDER_READY, 0);
	assert_int_equal(msg_send(a->super, &m, &e), 0);
}

static void a_role_refuses_what_is_not_listed_for_its_state(void **state)
{
	const struct stage *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct alone a;
		int status;

		alone_start(&a, r->role, &r->request, s->snapshot);
		if (r->role == ROLE_RESPONDER || r->role == ROLE_ALPN)
			tell_ready(&a);
		send_all(r, &a);
		status = alone_end(&a, NULL, 0);
		if (status != 0 && !(r->role == ROLE_PROBE && status == LET_GO) &&
		    !(r->role == ROLE_WORKER && status == LET_GO))
			fail_msg("%s ended with status %d", r->name, status);
	}
}

/* -- the supervisor's messages -- */

/* Send one message without fields on the supervisor's socket. */
static void send_one(const struct alone *a, uint32_t type)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, type, 0);
	assert_int_equal(msg_send(a->super, &m, &e), 0);
}

/* ROLE_START too: it has no fields here. */
static void nothing_but_a_whole_start_begins_a_role(void **state)
{
	const struct stage *s = *state;

	for (enum role role = 0; role < ROLES; role++)
		for (uint32_t type = 0; type < PAST; type++) {
			struct alone a;
			int status;

			alone_raise(&a, role, s->snapshot);
			send_one(&a, type);
			status = alone_wait(a.pid, 10000);
			close(a.super);
			close(a.peer);
			close(a.said);
			if (status != EXIT_OTHER)
				fail_msg("%s: message %u: status %d", role_name(role),
					 type, status);
		}
}

/* Keeper and worker have nothing to hear from the supervisor but that it lets go. */
static void what_the_supervisor_says_later_ends_a_keeper_or_worker(void **state)
{
	static const enum role roles[] = { ROLE_KEEPER, ROLE_WORKER, ROLE_PROBE };
	const struct request r = { .command = COMMAND_RENEW };
	const struct stage *s = *state;

	for (size_t i = 0; i < 3; i++)
		for (uint32_t type = 0; type < PAST; type += 7) {
			struct alone a;
			int status;

			alone_start(&a, roles[i], &r, s->snapshot);
			send_one(&a, type);
			status = alone_wait(a.pid, 10000);
			assert_true(status == 0 || status == LET_GO);
			close(a.super);
			close(a.peer);
			close(a.said);
		}
}

static void a_responder_takes_only_sockets_before_it_begins(void **state)
{
	const struct request r = { .command = COMMAND_RENEW };
	const struct stage *s = *state;

	for (uint32_t type = 0; type < PAST; type++) {
		struct alone a;
		int status;

		if (type == RESPONDER_READY)
			continue;
		alone_start(&a, ROLE_RESPONDER, &r, s->snapshot);
		send_one(&a, type); /* RESPONDER_LISTEN too: it brings no socket */
		status = alone_wait(a.pid, 10000);
		close(a.super);
		close(a.peer);
		close(a.said);
		if (status != EXIT_SANDBOX)
			fail_msg("message %u: status %d", type, status);
	}
}

/* What is to be inspected comes with a descriptor, and nothing else comes. */
static void an_inspect_role_takes_only_what_is_open(void **state)
{
	const struct request r = { .command = COMMAND_INSPECT };
	const struct stage *s = *state;

	for (uint32_t type = 0; type < PAST; type++) {
		struct alone a;
		int status;

		alone_start(&a, ROLE_INSPECT, &r, s->snapshot);
		send_one(&a, type);
		status = alone_wait(a.pid, 10000);
		close(a.super);
		close(a.peer);
		close(a.said);
		if (status != (type == INSPECT_READY ? 0 : EXIT_SANDBOX))
			fail_msg("message %u: status %d", type, status);
	}
}

/* -- the agent: it asks, and is asked for one thing -- */

/* All that was sent has been taken. */
static void until_read(int sock)
{
	int64_t until = clock_boot_ms() + 10000;
	int left = 1;

	while (left != 0 && clock_boot_ms() < until) {
		assert_int_equal(ioctl(sock, SIOCOUTQ, &left), 0);
		poll(NULL, 0, 5);
	}
	assert_int_equal(left, 0);
}

static void an_agent_heeds_nothing_but_answers_and_the_order_to_stop(void **state)
{
	const struct request r = { .command = COMMAND_AGENT };
	const struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct alone a;
	struct err e;

	scratch_mkdir(s->scratch, "agent");
	alone_start(&a, ROLE_AGENT, &r, s->empty);
	for (uint32_t type = 0; type < PAST; type++)
		for (uint32_t id = 0; id < 3; id++) {
			msg_begin(&m, type, id);
			assert_int_equal(msg_send(a.peer, &m, &e), 0);
			if (type != ROLE_STOP)
				assert_int_equal(msg_send(a.super, &m, &e), 0);
		}
	until_read(a.super);
	until_read(a.peer);
	assert_int_equal(waitpid(a.pid, NULL, WNOHANG), 0); /* it lives */
	send_one(&a, ROLE_STOP);
	alone_wait(a.pid, 10000);
	while (msg_recv(a.super, &m, &e) == 0)
		assert_int_equal(m.type, SUP_READY); /* and nothing else */
	assert_int_equal(e.code, ERR_NET);
	while (msg_recv(a.peer, &m, &e) == 0)
		assert_int_equal(m.type, KEEPER_WATCH);
	assert_int_equal(e.code, ERR_NET);
	close(a.super);
	close(a.peer);
	close(a.said);
}

/* What cannot be opened is not empty: all that is live would be ordered again. */
static void an_agent_that_cannot_open_its_store_asks_for_nothing(void **state)
{
	const char *names[] = { "lab" };
	const struct request r = { .command = COMMAND_CA_CRL,
				   .names = names,
				   .n_names = 1 };
	const struct stage *s = *state;
	const char *path = ((struct scratch *)s->scratch)->path;
	AUTO_FREE char *away = xasprintf("%s.away", path);
	AUTO_FREE char *says = xasprintf("open %s: ", path);
	AUTO_MSG struct msg m = MSG_NONE;
	struct alone a;
	char said[512];
	struct err e;

	assert_int_equal(rename(path, away), 0);
	alone_start(&a, ROLE_AGENT, &r, s->snapshot);
	assert_int_equal(msg_recv(a.peer, &m, &e), ERR_NET);
	assert_int_equal(rename(away, path), 0);
	assert_int_equal(alone_end(&a, said, sizeof(said)), EXIT_FAILURE);
	assert_non_null(strstr(said, says));
}

/* -- begun by someone else -- */

static void a_role_without_its_socket_refuses(void **state)
{
	const struct stage *s = *state;
	AUTO_FD int file = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (enum role role = 0; role < ROLES; role++)
		for (int with = 0; with < 2; with++) {
			const char *program = alone_role(role);
			char said[512];
			int out[2], status;

			assert_int_equal(pipe2(out, O_CLOEXEC), 0);
			status =
			    alone_wait(alone_exec(program,
						  (const char *[]){ "everleaf", NULL },
						  (const int[]){ with ? file : -1,
								 s->snapshot, -1, -1 },
						  out[1]),
				       10000);
			close(out[1]);
			alone_hear(out[0], said, sizeof(said));
			close(out[0]);
			assert_true(status == EXIT_USAGE || status == EXIT_SANDBOX);
			if (strstr(said, "only its supervisor can start") == NULL)
				fail_msg("%s: \"%s\"", role_name(role), said);
		}
}

/* A supervisor goes on when a new version is installed; what it starts then is not for it, and
 * it says so itself. */
static void a_role_refuses_a_supervisor_of_another_version(void **state)
{
	const struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	char said[512];
	struct alone a;
	struct err e;

	for (enum role role = 0; role < ROLES; role++) {
		alone_raise(&a, role, s->snapshot);
		msg_begin(&m, ROLE_START, 0);
		msg_put_str(&m, "0.0.0");
		assert_int_equal(msg_send(a.super, &m, &e), 0);
		assert_int_equal(alone_wait(a.pid, 10000), EXIT_OTHER);
		alone_hear(a.said, said, sizeof(said));
		assert_string_equal(said, "");
		close(a.super);
		close(a.peer);
		close(a.said);
	}
}

/* A snapshot that could still be changed is none. */
static void a_role_believes_no_unsealed_snapshot(void **state)
{
	const struct request r = { .command = COMMAND_RENEW };
	AUTO_FD int file = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct alone a;
	int status;

	(void)state;
	for (enum role role = ROLE_AGENT; role < ROLE_INSPECT; role++) {
		alone_start(&a, role, &r, file);
		status = alone_wait(a.pid, 10000);
		assert_true(status == EXIT_USAGE || status == EXIT_SANDBOX);
		close(a.super);
		close(a.peer);
		close(a.said);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_role_refuses_what_is_not_listed_for_its_state),
		CASE(nothing_but_a_whole_start_begins_a_role),
		CASE(what_the_supervisor_says_later_ends_a_keeper_or_worker),
		CASE(a_responder_takes_only_sockets_before_it_begins),
		CASE(an_inspect_role_takes_only_what_is_open),
		CASE(an_agent_heeds_nothing_but_answers_and_the_order_to_stop),
		CASE(an_agent_that_cannot_open_its_store_asks_for_nothing),
		CASE(a_role_without_its_socket_refuses),
		CASE(a_role_refuses_a_supervisor_of_another_version),
		CASE(a_role_believes_no_unsealed_snapshot),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("roles", tests, NULL, NULL);
}
