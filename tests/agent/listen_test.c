/* listen: each address is bound once, and serves whom it says it serves. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role/listen.h"
#include "base/auto.h"
#include "tests/scratch.h"

static void addresses_are_read_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int family; /* 0: refused */
		uint16_t port;
		bool is_any;
	} rows[] = {
		{ "127.0.0.1:80", AF_INET, 80, false },
		{ "0.0.0.0:8080", AF_INET, 8080, true },
		{ "[::]:65535", AF_INET6, 65535, true },
		{ "[::1]:1", AF_INET6, 1, false },
		{ "[2001:db8::1]:443", AF_INET6, 443, false },
		{ "", 0, 0, false },
		{ ":80", 0, 0, false },
		{ "80", 0, 0, false },
		{ "*:80", 0, 0, false },
		{ "localhost:80", 0, 0, false },
		{ "127.0.0.1", 0, 0, false },
		{ "127.0.0.1:", 0, 0, false },
		{ "127.0.0.1:0", 0, 0, false },
		{ "127.0.0.1:65536", 0, 0, false },
		{ "127.0.0.1:80x", 0, 0, false },
		{ "127.0.0.1:-1", 0, 0, false },
		{ "127.1:80", 0, 0, false },
		{ "::1:80", 0, 0, false },
		{ "[::1:80", 0, 0, false },
		{ "[::1]80", 0, 0, false },
		{ "[::1]", 0, 0, false },
		{ "[]:80", 0, 0, false },
		{ "[:80", 0, 0, false },
		{ "[127.0.0.1]:80", 0, 0, false },
		{ "[fe80::1%lo]:80", 0, 0, false },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999]:80", 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct listen_address a = { .port = 0 };
		bool ok = listen_parse(rows[i].text, &a);

		if (ok != (rows[i].family != 0) || a.port != rows[i].port ||
		    a.is_any != rows[i].is_any || a.sa.ss_family != rows[i].family)
			fail_msg("\"%s\": %d, port %u", rows[i].text, ok, a.port);
	}
}

/* A port that is free for both families. */
static unsigned free_port(void)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in6 got;
	socklen_t len = sizeof(got);
	AUTO_FD int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&got, &len), 0);
	return ntohs(got.sin6_port);
}

/* The text of `host` ("127.0.0.1", "[::]") with that port; good for the test. */
static const char *at(const char *host, unsigned port)
{
	static char texts[8][64];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, 64, "%s:%u", host, port);
	return text;
}

static bool connects(const char *text)
{
	struct listen_address a;
	AUTO_FD int fd = -1;

	assert_true(listen_parse(text, &a));
	fd = socket(a.sa.ss_family, SOCK_STREAM, 0);
	return connect(fd, (const struct sockaddr *)&a.sa, a.len) == 0;
}

static void any_ipv6_address_takes_ipv4_too(void **state)
{
	unsigned port = free_port();
	struct listen l = { .n = 0 };

	(void)state;
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 1);
	assert_true(connects(at("127.0.0.1", port)));
	assert_true(connects(at("[::1]", port)));
	listen_close(&l, ~0u);
}

/* In a child: on a host whose kernel has no IPv6. */
static void listen_without_ipv6(unsigned port)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	const struct scmp_arg_cmp v6 = { 0, SCMP_CMP_EQ, AF_INET6, 0 };
	struct listen l = { .n = 0 };

	seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
			       &v6);
	if (seccomp_load(f) < 0)
		_exit(77);
	listen_add(&l, at("[::1]", port), SERVES_CHALLENGES);
	if (listen_bind(&l, SERVES_CHALLENGES) != 0 ||
	    strstr(l.list[0].failed, "not supported") == NULL)
		_exit(1);
	l.n = 0;
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	_exit(listen_bind(&l, SERVES_CHALLENGES) == 1 && connects(at("127.0.0.1", port))
		  ? 0
		  : 2);
}

static void any_ipv6_address_is_ipv4_where_there_is_no_other(void **state)
{
	unsigned port = free_port();
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		listen_without_ipv6(port);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void an_ipv4_address_beside_it_takes_its_own(void **state)
{
	unsigned port = free_port();
	struct listen l = { .n = 0 };

	(void)state;
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	listen_add(&l, at("127.0.0.2", port), SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 2);
	assert_true(connects(at("[::1]", port)));
	assert_true(connects(at("127.0.0.2", port)));
	assert_false(connects(at("127.0.0.1", port)));
	listen_close(&l, ~0u);
}

static void an_ipv4_address_of_another_port_changes_nothing(void **state)
{
	unsigned port = free_port();
	struct listen l = { .n = 0 };

	(void)state;
	listen_add(&l, at("127.0.0.1", free_port()), SERVES_CHALLENGES);
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 2);
	assert_true(connects(at("127.0.0.1", port)));
	listen_close(&l, ~0u);
}

static void what_another_includes_has_no_socket_of_its_own(void **state)
{
	unsigned port = free_port();
	struct listen l = { .n = 0 };

	(void)state;
	listen_add(&l, at("127.0.0.1", port), SERVES_CHALLENGES);
	listen_add(&l, at("[::1]", port), SERVES_CHALLENGES);
	listen_add(&l, at("0.0.0.0", port), SERVES_CHALLENGES);
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	listen_add(&l, at("[0::0]", port), SERVES_CHALLENGES);
	listen_add(&l, at("0.0.0.0", port), SERVES_CHALLENGES);
	assert_int_equal(l.n, 5);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 2);
	for (size_t i = 0; i < l.n; i++)
		assert_string_equal(l.list[i].failed, "");
	assert_true(connects(at("127.0.0.1", port)));
	assert_true(connects(at("[::1]", port)));
	listen_close(&l, ~0u);
}

static void an_address_in_use_says_who_should_move(void **state)
{
	unsigned port = free_port(), other = free_port();
	struct listen theirs = { .n = 0 }, l = { .n = 0 };
	char expected[160];

	(void)state;
	listen_add(&theirs, at("127.0.0.1", port), SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&theirs, SERVES_CHALLENGES), 1);
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	listen_add(&l, at("[::1]", port), SERVES_CHALLENGES);
	listen_add(&l, at("127.0.0.1", other), SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES),
			 1); /* the other one is there */
	snprintf(expected, sizeof(expected),
		 "listen [::]:%u: Address already in use: is a web server running "
		 "there? use webroot instead",
		 port);
	assert_string_equal(l.list[0].failed, expected);
	assert_string_equal(l.list[1].failed, expected); /* it depends on that */
	assert_string_equal(l.list[2].failed, "");
	listen_close(&theirs, ~0u);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 2); /* it has moved */
	assert_string_equal(l.list[0].failed, "");
	assert_string_equal(l.list[1].failed, "");
	listen_close(&l, ~0u);
}

static void an_address_of_another_host_says_so(void **state)
{
	struct listen l = { .n = 0 };

	(void)state;
	listen_add(&l, at("192.0.2.1", free_port()), SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 0);
	assert_non_null(strstr(l.list[0].failed, "this host does not have it"));
	listen_close(&l, ~0u);
}

static void closing_frees_the_port_at_once(void **state)
{
	unsigned port = free_port();
	struct listen l = { .n = 0 };

	(void)state;
	listen_add(&l, at("[::]", port), SERVES_CHALLENGES);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 1);
		assert_true(connects(at("[::1]", port)));
		listen_close(&l, ~0u);
		assert_false(connects(at("[::1]", port)));
	}
}

static void one_too_many_is_passed_over(void **state)
{
	struct listen l = { .n = 0 };
	char texts[RESPONDER_LISTENERS + 1][32];

	(void)state;
	for (unsigned i = 0; i <= RESPONDER_LISTENERS; i++) {
		snprintf(texts[i], sizeof(texts[i]), "127.0.0.1:%u", 1024 + i);
		listen_add(&l, texts[i], SERVES_CHALLENGES);
	}
	listen_add(&l, "junk", SERVES_CHALLENGES);
	assert_int_equal(l.n, RESPONDER_LISTENERS);
}

static void the_sockets_of_addresses_that_stay_are_taken_over(void **state)
{
	const char *stays = at("127.0.0.1", free_port());
	const char *goes = at("127.0.0.1", free_port());
	struct listen old = { .n = 0 }, l = { .n = 0 };

	(void)state;
	listen_add(&old, goes, SERVES_CHALLENGES);
	listen_add(&old, stays, SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&old, SERVES_CHALLENGES), 2);
	listen_add(&l, at("127.0.0.1", free_port()), SERVES_CHALLENGES);
	listen_add(&l, stays, SERVES_CHALLENGES);
	listen_inherit(&l, &old);
	listen_close(&old, ~0u);
	assert_int_equal(l.list[0].fd, -1);
	assert_true(connects(stays));
	assert_false(connects(goes));
	assert_int_equal(listen_bind(&l, SERVES_CHALLENGES), 2);
	listen_close(&l, ~0u);
	assert_false(connects(stays));
}

static void a_socket_that_is_given_is_used_and_stays_bound(void **state)
{
	const char *address = at("127.0.0.1", free_port());
	struct listen *theirs = test_calloc(1, sizeof(*theirs));
	struct listen given = { .n = 0 }, l = { .given = &given };

	(void)state;
	listen_add(theirs, address, 1);
	assert_int_equal(listen_bind(theirs, 1), 1);
	assert_true(listen_take(&given, take_fd(&theirs->list[0].fd)));
	assert_false(listen_wants(&l, &given.list[0]));
	listen_add(&l, address, 1);
	assert_true(listen_wants(&l, &given.list[0]));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(listen_bind(&l, 1), 1);
		assert_string_equal(l.list[0].failed, "");
		listen_close(&l, 1);
		assert_true(connects(address));
	}
	listen_close(&given, 1);
	assert_false(connects(address));
	test_free(theirs);
}

static void what_does_not_listen_for_tcp_is_not_taken(void **state)
{
	const int kinds[][2] = {
		{ AF_INET, SOCK_STREAM },
		{ AF_INET, SOCK_DGRAM },
		{ AF_UNIX, SOCK_STREAM },
	};
	const struct sockaddr_un nowhere = { .sun_family = AF_UNIX };
	struct listen given = { .n = 0 };
	int ends[2];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		AUTO_FD int fd = socket(kinds[i][0], kinds[i][1], 0);

		/* A UNIX socket listens where the kernel finds it a name. */
		if (kinds[i][0] == AF_UNIX) {
			assert_int_equal(bind(fd, (const struct sockaddr *)&nowhere,
					      sizeof(sa_family_t)),
					 0);
			assert_int_equal(listen(fd, 1), 0);
		}
		assert_false(listen_take(&given, fd));
	}
	assert_int_equal(pipe(ends), 0);
	assert_false(listen_take(&given, ends[0]));
	close(ends[0]);
	assert_false(listen_take(&given, ends[0]));
	close(ends[1]);
	given.n = RESPONDER_LISTENERS;
	assert_false(listen_take(&given, STDIN_FILENO));
}

/* 0, or an errno. */
static int connect_to(const struct sockaddr_un *sa, int type)
{
	AUTO_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ? errno : 0;
}

static void a_socket_of_the_file_system_takes_the_place_of_a_dead_one_only(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	const struct scratch *dir = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/socket", dir->path);
	for (size_t i = 0; i < 2; i++) {
		int fd = -1, other = -1;

		assert_int_equal(listen_unix(&sa, types[i], (gid_t)-1, &fd), 0);
		assert_int_equal(connect_to(&sa, types[i]), 0);
		assert_int_equal(stat(sa.sun_path, &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | 0660);
		assert_int_equal(st.st_gid, getegid());
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(listen_unix(&sa, types[k], (gid_t)-1, &other),
					 EADDRINUSE);
		assert_int_equal(connect_to(&sa, types[i]), 0);
		close(fd);
		assert_int_equal(connect_to(&sa, types[i]), ECONNREFUSED);
	}
	assert_int_equal(unlink(sa.sun_path), 0);
	close(open(sa.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(listen_unix(&sa, SOCK_STREAM, (gid_t)-1, &(int){ -1 }),
			 EEXIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_nothing_else),
		cmocka_unit_test(any_ipv6_address_takes_ipv4_too),
		cmocka_unit_test(any_ipv6_address_is_ipv4_where_there_is_no_other),
		cmocka_unit_test(an_ipv4_address_beside_it_takes_its_own),
		cmocka_unit_test(an_ipv4_address_of_another_port_changes_nothing),
		cmocka_unit_test(what_another_includes_has_no_socket_of_its_own),
		cmocka_unit_test(an_address_in_use_says_who_should_move),
		cmocka_unit_test(an_address_of_another_host_says_so),
		cmocka_unit_test(closing_frees_the_port_at_once),
		cmocka_unit_test(one_too_many_is_passed_over),
		cmocka_unit_test(the_sockets_of_addresses_that_stay_are_taken_over),
		cmocka_unit_test(a_socket_that_is_given_is_used_and_stays_bound),
		cmocka_unit_test(what_does_not_listen_for_tcp_is_not_taken),
		cmocka_unit_test_setup_teardown(
		    a_socket_of_the_file_system_takes_the_place_of_a_dead_one_only,
		    scratch_in, scratch_out),
	};

	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
