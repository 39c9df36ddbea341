/* probe: the verdict is what the endpoint really shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "agent/probe/probe.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/sandbox.h"
#include "tests/help/fake_dns.h"
#include "tests/help/tls_server.h"

static void shows_strange(struct server *s, int fd)
{
	server_shake(s, fd, &s->ids[STRANGE]);
}

/* One worker in three has not been told. */
static void is_stale_each_third_time(struct server *s, int fd)
{
	server_shake(s, fd, &s->ids[s->count % 3 == 2 ? BEFORE : WANTED]);
}

static void changes_after_a_second(struct server *s, int fd)
{
	bool changed = clock_boot_ms() - s->since_ms > 1000;

	server_shake(s, fd, &s->ids[changed ? WANTED : BEFORE]);
}

static void shows_wanted_once(struct server *s, int fd)
{
	server_shake(s, fd, &s->ids[s->count == 0 ? WANTED : BEFORE]);
}

static void chooses_by_sni(struct server *s, int fd)
{
	server_shake(s, fd, NULL);
}

static void is_slow(struct server *s, int fd)
{
	(void)poll(NULL, 0, 150);
	shows_wanted(s, fd);
}

static void stops_before_the_end(struct server *s, int fd)
{
	if (s->count == 0)
		shows_before(s, fd);
	else
		(void)poll(NULL, 0, 5000);
}

static void says_nothing(struct server *s, int fd)
{
	char bytes[2048];

	(void)s;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue;
}

static void closes(struct server *s, int fd)
{
	(void)s;
	(void)fd;
}

static void says_http(struct server *s, int fd)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n";

	(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	says_nothing(s, fd);
}

static void each_server_gets_its_verdict(void **state)
{
	static const uint8_t none[32];
	static const struct {
		serve_fn *serve;
		int64_t deadline_ms;
		enum probe_verdict verdict;
		enum who seen;
		const char *detail;
	} rows[] = {
		{ shows_wanted, 5000, PROBE_NEW, WANTED, "the wanted certificate" },
		{ shows_before, 500, PROBE_OLD, BEFORE, "from before" },
		{ shows_strange, 500, PROBE_OTHER, STRANGE, "some other" },
		{ is_slow, 8000, PROBE_NEW, WANTED, "" },
		{ changes_after_a_second, 8000, PROBE_NEW, WANTED, "" },
		{ is_stale_each_third_time, 1500, PROBE_OLD, BEFORE, "" },
		{ stops_before_the_end, 700, PROBE_OLD, BEFORE, "" },
		{ says_nothing, 400, PROBE_DOWN, WHOS, "no answer in time" },
		{ closes, 400, PROBE_DOWN, WHOS, "" },
		{ says_http, 400, PROBE_DOWN, WHOS, "handshake: " },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { 0 };
		struct probe_request r;
		struct probe_result got;

		server_start(&s, b->ids, rows[i].serve);
		r = server_ask(b, &s, rows[i].deadline_ms);
		probe_endpoint(&r, &got);
		server_stop(&s);
		print_message("row %zu: %s: %s\n", i, probe_word(got.verdict),
			      got.detail);
		server_expect(&got, rows[i].verdict, rows[i].detail);
		assert_non_null(strstr(got.detail, s.port_text));
		assert_memory_equal(got.seen,
				    rows[i].seen == WHOS ? none
							 : b->ids[rows[i].seen].sha256,
				    32);
	}
}

/* Who has two is asked for both, and no third is taken for ours. */
static void a_server_may_have_a_certificate_for_each_kind_of_key(void **state)
{
	static const struct {
		enum who wanted, old;
		enum probe_verdict verdict;
		enum who seen;
		int tls_max;
	} rows[] = {
		{ OF_ED25519, BEFORE, PROBE_NEW, OF_ED25519, TLS1_3_VERSION },
		{ OF_ED25519, BEFORE, PROBE_NEW, OF_ED25519, TLS1_2_VERSION },
		{ STRANGE, BEFORE, PROBE_NEW, STRANGE, TLS1_3_VERSION },
		{ WANTED, OF_ED25519, PROBE_OLD, OF_ED25519, TLS1_3_VERSION },
		{ WANTED, BEFORE, PROBE_OTHER, STRANGE, TLS1_3_VERSION },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { .tls_max = rows[i].tls_max, .has_ed25519 = true };
		struct probe_request r;
		struct probe_result got;

		server_start(&s, b->ids, shows_strange);
		r = server_ask(b, &s, rows[i].verdict == PROBE_NEW ? 5000 : 0);
		memcpy(r.wanted, b->ids[rows[i].wanted].sha256, sizeof(r.wanted));
		memcpy(r.old, b->ids[rows[i].old].sha256, sizeof(r.old));
		probe_endpoint(&r, &got);
		server_stop(&s);
		print_message("row %zu: %s: %s\n", i, probe_word(got.verdict),
			      got.detail);
		server_expect(&got, rows[i].verdict, "");
		assert_memory_equal(got.seen, b->ids[rows[i].seen].sha256, 32);
	}
}

static void a_verdict_takes_no_longer_than_the_deadline(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;
	int64_t before = clock_boot_ms(), took;

	server_start(&s, b->ids, says_nothing);
	r = server_ask(b, &s, 300);
	probe_endpoint(&r, &got);
	took = clock_boot_ms() - before;
	server_stop(&s);
	assert_in_range(took, 300, 20000); /* it would never have ended */
}

static void who_answers_is_waited_for_less_than_who_does_not(void **state)
{
	static const struct {
		serve_fn *serve;
		int64_t stale_ms;
		enum probe_verdict verdict;
		int64_t least_ms, most_ms;
	} rows[] = {
		{ shows_before, 0, PROBE_OLD, 0, 2500 },
		{ shows_before, 600, PROBE_OLD, 600, 2500 },
		{ shows_strange, 0, PROBE_OTHER, 0, 2500 },
		{ says_nothing, 0, PROBE_DOWN, 3000, 20000 },
		{ shows_wanted, 0, PROBE_NEW, 400, 20000 },
	};
	const struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server s = { 0 };
		struct probe_request r;
		struct probe_result got;
		int64_t before, took;

		server_start(&s, b->ids, rows[i].serve);
		r = server_ask(b, &s, 3000);
		r.stale_ms = rows[i].stale_ms;
		before = clock_boot_ms();
		probe_endpoint(&r, &got);
		took = clock_boot_ms() - before;
		server_stop(&s);
		print_message("row %zu: %s after %lld ms\n", i, probe_word(got.verdict),
			      (long long)took);
		server_expect(&got, rows[i].verdict, "");
		assert_in_range(took, rows[i].least_ms, rows[i].most_ms);
	}
}

static void without_a_deadline_one_handshake_decides(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	server_start(&s, b->ids, shows_wanted_once);
	r = server_ask(b, &s, 0);
	probe_endpoint(&r, &got);
	server_expect(&got, PROBE_NEW, "");
	probe_endpoint(&r, &got);
	server_expect(&got, PROBE_OLD, "");
	server_stop(&s);
}

static void nobody_there_is_down(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	server_start(&s, b->ids, closes);
	server_stop(&s);
	r = server_ask(b, &s, 0);
	probe_endpoint(&r, &got);
	server_expect(&got, PROBE_DOWN, "Connection refused");
	r.port = "https"; /* no number */
	probe_endpoint(&r, &got);
	server_expect(&got, PROBE_DOWN, "127.0.0.1: ");
}

static void a_first_certificate_has_no_old_one(void **state)
{
	const struct bench *b = *state;
	struct server s = { 0 };
	struct probe_request r;
	struct probe_result got;

	server_start(&s, b->ids, shows_before);
	r = server_ask(b, &s, 0);
	memset(r.old, 0, sizeof(r.old));
	probe_endpoint(&r, &got);
	server_stop(&s);
	server_expect(&got, PROBE_OTHER, "");
}

/* What a name shows that has those addresses, of which the first is of a server. */
static struct probe_result shown_by_name(const struct bench *b, struct server *s,
					 const char *const *addresses)
{
	struct fake_dns dns = { 0 };
	struct probe_request r;
	struct probe_result got;

	assert_true(fake_dns_start(&dns, addresses));
	server_start(s, b->ids, shows_wanted);
	r = server_ask(b, s, 0);
	r.host = "www.everleaf.test";
	fake_dns_use(&dns);
	probe_endpoint(&r, &got);
	server_stop(s);
	fake_dns_stop(&dns);
	return got;
}

static void the_worst_address_decides(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "127.0.0.2", NULL };
	struct server s = { 0 };
	const struct probe_result got = shown_by_name(*state, &s, addresses);

	server_expect(&got, PROBE_DOWN, "127.0.0.2:");
}

/* No TCP goes to a multicast address: as a host without IPv6 says of all of that. */
static void an_address_without_a_route_does_not_count(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "224.0.0.1", NULL };
	struct server s = { 0 };
	struct probe_result got = shown_by_name(*state, &s, addresses);
	struct probe_request r = server_ask(*state, &s, 0);

	server_expect(&got, PROBE_NEW, "");
	r.host = addresses[1];
	probe_endpoint(&r, &got);
	server_expect(&got, PROBE_DOWN, "224.0.0.1:");
}

/* = RFC 6066 3 "Literal IPv4 and IPv6 addresses are not permitted in \"HostName\"." */
static void the_name_is_sent_unless_it_is_an_address(void **state)
{
	static const struct {
		const char *name;
		enum probe_verdict verdict;
	} rows[] = {
		{ "www.example.org", PROBE_NEW },
		{ "other.example.org", PROBE_OTHER },
		{ "192.0.2.1", PROBE_OLD },
		{ "2001:db8::1", PROBE_OLD },
		{ NULL, PROBE_OLD },
	};
	const struct bench *b = *state;
	struct server s = { 0 };

	server_start(&s, b->ids, chooses_by_sni);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct probe_request r = server_ask(b, &s, 0);
		struct probe_result got;

		r.name = rows[i].name;
		probe_endpoint(&r, &got);
		server_expect(&got, rows[i].verdict, "");
	}
	server_stop(&s);
}

static void a_server_that_wants_a_client_certificate_has_shown_its_own(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	const struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		struct server s = { .wants_client = true, .tls_max = versions[i] };
		struct probe_request r;
		struct probe_result got;

		server_start(&s, b->ids, shows_wanted);
		r = server_ask(b, &s, 0);
		probe_endpoint(&r, &got);
		server_stop(&s);
		server_expect(&got, PROBE_NEW, "");
	}
}

static void a_socket_in_the_file_system_can_be_probed(void **state)
{
	const struct bench *b = *state;
	struct server s = { .ids = b->ids };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");
	struct probe_request r;
	struct probe_result got;
	int fd;

	snprintf(un.sun_path, sizeof(un.sun_path), "%.60s/everleaf-probe-%d",
		 tmp != NULL ? tmp : "/tmp", getpid());
	s.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(s.listener, (struct sockaddr *)&un, sizeof(un)), errno);
	assert_return_code(listen(s.listener, 4), errno);
	s.pid = fork();
	if (s.pid == 0) {
		while ((fd = accept(s.listener, NULL, NULL)) >= 0) {
			shows_wanted(&s, fd);
			close(fd);
		}
		_exit(1);
	}
	r = server_ask(b, &s, 5000);
	r.host = un.sun_path;
	r.port = NULL;
	probe_endpoint(&r, &got);
	server_stop(&s);
	close(s.listener);
	unlink(un.sun_path);
	server_expect(&got, PROBE_NEW, un.sun_path);
}

static void a_worker_probes_inside_its_sandbox(void **state)
{
	static const struct sandbox_path paths[] = {
		{ "/etc/hosts", SANDBOX_READ },
		{ "/etc/nsswitch.conf", SANDBOX_READ },
		{ "/etc/resolv.conf", SANDBOX_READ },
	};
	const struct sandbox box = { .kind = SANDBOX_WORKER,
				     .uid = (uid_t)-1,
				     .gid = (gid_t)-1,
				     .paths = paths,
				     .n_paths = 3 };
	const struct bench *b = *state;
	struct server s = { 0 };
	int status;
	pid_t pid;

	server_start(&s, b->ids, shows_wanted);
	pid = fork();
	if (pid == 0) {
		struct probe_request r = server_ask(b, &s, 3000);
		struct probe_result got;
		unsigned missing;
		struct err e;

		if (sandbox_enter(&box, &missing, &e) != 0)
			_exit(2);
		probe_endpoint(&r, &got);
		if (got.verdict != PROBE_NEW)
			_exit(1);
		r.host = "localhost"; /* found in a file; ::1 may answer or not */
		r.deadline_ms = 0;
		probe_endpoint(&r, &got);
		_exit(strstr(got.detail, s.port_text) == NULL ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_stop(&s);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_gets_its_verdict),
		cmocka_unit_test(a_server_may_have_a_certificate_for_each_kind_of_key),
		cmocka_unit_test(a_verdict_takes_no_longer_than_the_deadline),
		cmocka_unit_test(who_answers_is_waited_for_less_than_who_does_not),
		cmocka_unit_test(without_a_deadline_one_handshake_decides),
		cmocka_unit_test(nobody_there_is_down),
		cmocka_unit_test(a_first_certificate_has_no_old_one),
		cmocka_unit_test(the_worst_address_decides),
		cmocka_unit_test(an_address_without_a_route_does_not_count),
		cmocka_unit_test(the_name_is_sent_unless_it_is_an_address),
		cmocka_unit_test(
		    a_server_that_wants_a_client_certificate_has_shown_its_own),
		cmocka_unit_test(a_socket_in_the_file_system_can_be_probed),
		cmocka_unit_test(a_worker_probes_inside_its_sandbox),
	};

	return cmocka_run_group_tests_name("probe", tests, server_setup,
					   server_teardown);
}
