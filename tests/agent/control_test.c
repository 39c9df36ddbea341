/*
 * control: who may ask an agent for what, and what those who mean no good achieve.
 */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "acme/account.h"
#include "agent/role/control.h"
#include "agent/role/messages.h"
#include "agent/role/version.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/alone.h"
#include "tests/help/tree.h"

#define OWNER  1000
#define MEMBER 1001

static void who_may_ask_for_what(void **state)
{
	static const struct {
		struct request r;
		bool member;
		bool owner;
	} rows[] = {
		{ { .command = COMMAND_AGENT }, false, false },
		{ { .command = COMMAND_RENEW }, true, true },
		{ { .command = COMMAND_RENEW, .flags = REQUEST_FORCE }, true, true },
		{ { .command = COMMAND_RENEW, .flags = REQUEST_DRY_RUN },
		  false,
		  false },
		{ { .command = COMMAND_STATUS }, true, true },
		{ { .command = COMMAND_PLAN }, true, true },
		{ { .command = COMMAND_CHECK }, false, false },
		{ { .command = COMMAND_HISTORY }, true, true },
		{ { .command = COMMAND_ROLLBACK }, false, true },
		{ { .command = COMMAND_FORGET }, false, true },
		{ { .command = COMMAND_CA_INIT }, false, true },
		{ { .command = COMMAND_CA_SIGN }, false, true },
		{ { .command = COMMAND_CA_REVOKE }, false, true },
		{ { .command = COMMAND_CA_CRL }, false, true },
		{ { .command = COMMAND_CA_ROLLOVER }, false, true },
		{ { .command = COMMAND_ACCOUNT, .step = ACCOUNT_DEACTIVATE },
		  false,
		  true },
		{ { .command = COMMAND_REVOKE }, false, true },
		{ { .command = COMMAND_CRL }, true, true },
		{ { .command = COMMAND_CRL, .flags = REQUEST_UPDATE }, true, true },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct request *r = &rows[i].r;
		const char *word = request_word(r->command);

		if ((control_may(r, MEMBER, OWNER, &e) == 0) != rows[i].member)
			fail_msg("%s: a member of the group", word);
		if ((control_may(r, OWNER, OWNER, &e) == 0) != rows[i].owner)
			fail_msg("%s: the owner", word);
		if ((control_may(r, 0, OWNER, &e) == 0) != rows[i].owner)
			fail_msg("%s: root", word);
	}
}

static void a_path_that_is_no_address_is_refused(void **state)
{
	char path[200];
	struct sockaddr_un sa;
	struct err e;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_address(path, &sa, &e), ERR_CONFIG);
	assert_int_equal(control_address("/run/everleaf", &sa, &e), 0);
	assert_string_equal(sa.sun_path, "/run/everleaf/agent.sock");
}

/* -- with a real agent -- */

static const char *run_dir(const struct tree *t)
{
	static char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%.*s/run", 80,
		 ((const struct scratch *)t->scratch)->path);
	return dir;
}

static int try_connect(const struct tree *t)
{
	struct sockaddr_un sa;
	struct err e;
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_int_equal(control_address(run_dir(t), &sa, &e), 0);
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -1;
	return take_fd(&fd);
}

static void start_agent(struct tree *t)
{
	int fd = -1;

	tree_configure(t, "");
	scratch_put(t->scratch, "go", "");
	tree_start(t, (const char *const[]){ "agent", NULL });
	for (int i = 0; i < 400 && fd < 0; i++) {
		fd = try_connect(t);
		poll(NULL, 0, 50);
	}
	assert_true(fd >= 0);
	close(fd);
}

/* It still does what it is asked for, as the same process. */
static void still_serves(struct tree *t, pid_t agent)
{
	const struct request r = { .command = COMMAND_FORGET,
				   .names = (const char *[]){ "nobody" },
				   .n_names = 1 };
	struct err e;

	assert_int_equal(tree_role(t, "agent", 0), agent);
	assert_int_equal(control_ask(run_dir(t), &r, &e), EXIT_NO_NAME);
}

static void send_junk(int fd, size_t len)
{
	static char junk[LIMIT_MSG + 4096];

	memset(junk, 0xa5, sizeof(junk));
	(void)send(fd, junk, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void expect_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (poll(&p, 1, 10000) != 1)
		fail_msg("it is kept open");
	if (msg_recv(fd, &m, &e) == 0)
		assert_int_equal(m.type, MSG_FAILED);
	else
		assert_int_equal(e.code, ERR_NET);
}

static void hostile_bytes_are_answered_or_dropped_and_never_fatal(void **state)
{
	static const size_t sizes[] = { 1, 7, 8, 9, 100, 4096, LIMIT_MSG + 1 };
	struct tree *t = *state;
	pid_t agent;

	start_agent(t);
	agent = tree_role(t, "agent", 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		AUTO_FD int fd = try_connect(t);

		send_junk(fd, sizes[i]);
		expect_end(fd);
	}
	for (uint32_t type = 0; type < MESSAGES + 3; type++) {
		AUTO_FD int fd = try_connect(t);
		AUTO_MSG struct msg m = MSG_NONE;
		struct err e;

		msg_begin(&m, type, 1);
		msg_put_str(&m, "x");
		assert_int_equal(msg_send(fd, &m, &e), 0);
		expect_end(fd);
	}
	still_serves(t, agent);
	tree_let_hook_end(t);
	kill(t->pid, SIGTERM);
	assert_int_equal(tree_wait(t, 20000), 0);
}

static void a_command_of_another_version_is_refused(void **state)
{
	const struct request r = { .command = COMMAND_FORGET,
				   .names = (const char *[]){ "nobody" },
				   .n_names = 1 };
	struct tree *t = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FD int fd = -1;
	struct err e, said;

	start_agent(t);
	fd = try_connect(t);
	msg_begin(&m, CONTROL_ASK, 1);
	msg_put_str(&m, "0.0.1");
	request_put(&m, &r);
	assert_int_equal(msg_send(fd, &m, &e), 0);
	assert_int_equal(msg_recv(fd, &m, &e), 0);
	assert_int_equal(m.type, MSG_FAILED);
	msg_get_err(&m, &said);
	assert_int_equal(said.code, ERR_CONFIG);
	assert_string_equal(
	    said.text,
	    "this command is of version 0.0.1, the agent of " EVERLEAF_VERSION
	    ": restart everleaf");
	kill(t->pid, SIGTERM);
	assert_int_equal(tree_wait(t, 20000), 0);
}

static void a_thousand_idle_connections_are_harmless(void **state)
{
	struct tree *t = *state;
	int fds[1000];
	size_t n_open = 0;
	pid_t agent;

	start_agent(t);
	agent = tree_role(t, "agent", 0);
	for (size_t i = 0; i < 1000; i++) {
		fds[i] = try_connect(t);
		assert_true(fds[i] >= 0);
	}
	still_serves(t, agent);
	for (size_t i = 0; i < 1000; i++) {
		struct pollfd p = { .fd = fds[i] };

		n_open += poll(&p, 1, 0) == 0;
		close(fds[i]);
	}
	assert_true(n_open <= CONTROL_MAX);
	kill(t->pid, SIGTERM);
	assert_int_equal(tree_wait(t, 20000), 0);
}

/* As a member of the group, in a process of its own: its exit status. */
static int as_member(const struct tree *t, const struct request *r)
{
	pid_t pid = fork();
	struct err e;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(TREE_AGENT) < 0 ||
		    setuid(TREE_USER) < 0)
			_exit(126);
		int status = control_ask(run_dir(t), r, &e);

		_exit(status == ERR_REFUSED ? 77 : status < 0 ? 78 : status);
	}
	return alone_wait(pid, 30000);
}

static void a_member_of_the_group_may_renew_and_no_more(void **state)
{
	const char *www[] = { "www" };
	const struct request renew = { .command = COMMAND_RENEW };
	const struct request rollback = { .command = COMMAND_ROLLBACK,
					  .names = www,
					  .n_names = 1 };
	struct tree *t = *state;

	if (geteuid() != 0)
		skip();
	start_agent(t);
	assert_int_equal(as_member(t, &renew), EXIT_SUCCESS);
	assert_int_equal(as_member(t, &rollback), 77);
	kill(t->pid, SIGTERM);
	assert_int_equal(tree_wait(t, 20000), 0);
}

int main(void)
{
#define TREE(f) cmocka_unit_test_setup_teardown(f, tree_in, tree_out)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_ask_for_what),
		cmocka_unit_test(a_path_that_is_no_address_is_refused),
		TREE(hostile_bytes_are_answered_or_dropped_and_never_fatal),
		TREE(a_command_of_another_version_is_refused),
		TREE(a_thousand_idle_connections_are_harmless),
		TREE(a_member_of_the_group_may_renew_and_no_more),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
