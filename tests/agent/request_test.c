/* request: what was asked for arrives as it was, and what is no request is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role/request.h"
#include "base/err.h"
#include "base/msg.h"

/* Through a socket, as from the supervisor to a role. */
static void travel(struct msg *out, struct msg *in)
{
	struct err e;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(msg_send(sv[0], out, &e), 0);
	assert_int_equal(msg_recv(sv[1], in, &e), 0);
	close(sv[0]);
	close(sv[1]);
}

static void a_request_arrives_as_it_was(void **state)
{
	const char *names[] = { "www", "api", "" };
	const struct request r = {
		.flags = REQUEST_FORCE | REQUEST_COLOR,
		.wait_s = 300,
		.days = -1,
		.warn_s = INT64_MIN,
		.crit_s = INT64_MAX,
		.generation = UINT64_MAX,
		.reason = 4,
		.mark = 5,
		.names = names,
		.n_names = 3,
		.input = "-----BEGIN",
	};
	struct err e;

	(void)state;
	for (enum command c = 0; c < COMMANDS; c++) {
		AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
		struct request sent = r, got;

		sent.command = c;
		msg_begin(&out, 1, 1);
		request_put(&out, &sent);
		travel(&out, &in);
		request_get(&in, &got);
		assert_int_equal(msg_end(&in, &e), 0);
		assert_int_equal(got.command, c);
		assert_int_equal(got.flags, r.flags);
		assert_true(got.wait_s == 300 && got.days == -1);
		assert_true(got.warn_s == INT64_MIN && got.crit_s == INT64_MAX);
		assert_true(got.generation == UINT64_MAX && got.reason == 4);
		assert_true(got.mark == 5);
		assert_int_equal(got.n_names, 3);
		for (size_t i = 0; i < 3; i++)
			assert_string_equal(got.names[i], names[i]);
		assert_string_equal(got.input, "-----BEGIN");
		request_done(&got);
	}
}

static void no_input_is_none(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	const struct request r = { .command = COMMAND_PLAN };
	struct request got;

	(void)state;
	msg_begin(&out, 1, 1);
	request_put(&out, &r);
	travel(&out, &in);
	request_get(&in, &got);
	assert_null(got.input);
	assert_int_equal(got.n_names, 0);
	request_done(&got);
}

static void what_is_no_request_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t command;
		uint64_t n_names;
		unsigned names;
	} rows[] = {
		{ "no such command", COMMANDS, 0, 0 },
		{ "2^32", UINT64_C(1) << 32, 0, 0 },
		{ "too many names", COMMAND_RENEW, LIMIT_REQUEST_NAMES + 1, 0 },
		{ "2^64-1 names", COMMAND_RENEW, UINT64_MAX, 0 },
		{ "a name is missing", COMMAND_RENEW, 2, 1 },
		{ "a name too many", COMMAND_RENEW, 1, 2 },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
		struct request got;

		msg_begin(&out, 1, 1);
		msg_put_u64(&out, rows[i].command);
		msg_put_u64(&out, 0);
		for (int k = 0; k < 4; k++)
			msg_put_i64(&out, 0);
		msg_put_u64(&out, 0);
		msg_put_u64(&out, 0);
		msg_put_str(&out, "");
		msg_put_u64(&out, rows[i].n_names);
		for (unsigned k = 0; k < rows[i].names; k++)
			msg_put_str(&out, "www");
		travel(&out, &in);
		request_get(&in, &got);
		if (msg_end(&in, &e) != ERR_PROTO)
			fail_msg("%s: was taken", rows[i].what);
		request_done(&got);
	}
}

static void only_what_changes_something_needs_the_lock(void **state)
{
	static const struct {
		enum command command;
		unsigned flags;
		bool writes;
	} rows[] = {
		{ COMMAND_AGENT, 0, true },
		{ COMMAND_RENEW, 0, true },
		{ COMMAND_RENEW, REQUEST_FORCE | REQUEST_ALL, true },
		{ COMMAND_RENEW, REQUEST_DRY_RUN, false },
		{ COMMAND_RENEW, REQUEST_DRY_RUN | REQUEST_FORCE, false },
		{ COMMAND_STATUS, 0, false },
		{ COMMAND_PLAN, 0, false },
		{ COMMAND_CHECK, 0, false },
		{ COMMAND_HISTORY, 0, false },
		{ COMMAND_INSPECT, 0, false },
		{ COMMAND_ROLLBACK, 0, true },
		{ COMMAND_FORGET, 0, true },
		{ COMMAND_CA_INIT, 0, true },
		{ COMMAND_CA_SIGN, 0, true },
		{ COMMAND_CA_REVOKE, 0, true },
		{ COMMAND_CA_CRL, 0, true },
		{ COMMAND_CA_ROLLOVER, 0, true },
		{ COMMAND_ROLLBACK, REQUEST_DRY_RUN, true },
		{ COMMAND_ACCOUNT, 0, false }, /* show */
		{ COMMAND_REVOKE, 0, true },
		{ COMMAND_CRL, 0, false },
		{ COMMAND_CRL, REQUEST_UPDATE, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct request r = { .command = rows[i].command,
					   .flags = rows[i].flags };

		if (request_writes(&r) != rows[i].writes)
			fail_msg("command %d, flags %#x", (int)r.command, r.flags);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_arrives_as_it_was),
		cmocka_unit_test(no_input_is_none),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(only_what_changes_something_needs_the_lock),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
