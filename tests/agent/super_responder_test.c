/*
 * super_responder: the real responder in its sandbox, on sockets that the supervisor has
 * bound, asked by clients on IPv4 and IPv6.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <libgen.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "agent/super/super_responder.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/agent/config_fake.h"
#include "tests/help/alone.h"
#include "tests/scratch.h"

#define TOKEN "DGyRejmCefe7v4NfDGDKfA"
#define AUTH  TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define OTHER "LoqXcYV8q5ONbJQxbmR7SC"

struct stage {
	struct request request;
	struct super super;
	unsigned port;
	int agent; /* our end of the responder; -1: none */
};

/* A port that is free for both families. */
static unsigned free_port(void)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in6 got;
	socklen_t len = sizeof(got);
	AUTO_FD int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&got, &len), 0);
	return ntohs(got.sin6_port);
}

/* A supervisor whose certificates listen on those addresses, "%u" being s->port. */
static void make_super(struct stage *s, const char *first, const char *second)
{
	AUTO_FREE char *text = xasprintf(
	    "agree_terms = true; state_dir = \"/nowhere\";"
	    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; } );"
	    "certificates = ("
	    " { names = \"a.example\"; issuer = \"lab\"; challenge ="
	    "   { type = \"http-01\"; listen = \"%s:%u\"; }; },"
	    " { names = \"b.example\"; issuer = \"lab\"; challenge ="
	    "   { type = \"http-01\"; listen = \"%s:%u\"; }; } );",
	    first, s->port, second, s->port);
	struct super *p = &s->super;
	struct fake f = { .at = 0 };
	struct err e;

	s->request.command = COMMAND_RENEW;
	*p = (struct super){ .request = &s->request, .msg = MSG_NONE };
	if (fake_compile(&f, s->port < 1024, text, strlen(text), &p->snapshot) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	assert_int_equal(spec_map(p->snapshot, &p->spec, &e), 0);
	for (size_t i = 0; i < SUPER_PROCS; i++)
		p->procs[i] =
		    (struct super_proc){ .process = { .pidfd = -1 }, .sock = -1 };
	p->programs = dirname(xstrdup(alone_role(ROLE_RESPONDER)));
	p->path = "main.conf";
	super_listens(p);
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	s->agent = -1;
	s->port = free_port();
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;

	auto_fd_(&s->agent);
	super_end_roles(&s->super, 5000);
	listen_close(&s->super.listen, ~0u);
	msg_done(&s->super.msg);
	spec_done(&s->super.spec);
	close(s->super.snapshot);
	free(s->super.programs);
	test_free(s);
	return 0;
}

/* As the agent asks for it; how many addresses could not be had. */
static uint64_t start(struct stage *s)
{
	struct msg *m = &s->super.msg;
	struct err e;
	uint64_t n;

	msg_begin(m, SUP_RESPONDER, 7);
	msg_put_u64(m, true);
	if (super_responder(&s->super, m, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(m->type, SUP_RESPONDER);
	assert_int_equal(m->id, 7);
	auto_fd_(&s->agent);
	s->agent = msg_take_fd(m);
	n = msg_get_u64(m);
	for (uint64_t i = 0; i < n; i++) {
		print_message("%s: ", msg_get_str(m));
		print_message("%s\n", msg_get_str(m));
	}
	assert_int_equal(msg_end(m, &e), 0);
	return n;
}

static void tell(const struct stage *s, uint32_t type, const char *token,
		 const char *authorization)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, type, 1);
	if (token != NULL)
		msg_put_str(&m, token);
	if (authorization != NULL) {
		msg_put_str(&m, authorization);
		msg_put_str(&m, NULL);
	}
	assert_int_equal(msg_send(s->agent, &m, &e), 0);
	assert_int_equal(msg_recv(s->agent, &m, &e), 0);
	assert_int_equal(m.type, type);
}

static void show(const struct stage *s)
{
	tell(s, RESPONDER_ADD, TOKEN, AUTH);
	tell(s, RESPONDER_OPEN, NULL, NULL);
}

/* What a client of `host` gets for the token; "": it cannot connect. */
static const char *fetch(const struct stage *s, const char *host, const char *token)
{
	static char got[1024];
	AUTO_FREE char *text = xasprintf("%s:%u", host, s->port);
	AUTO_FREE char *ask = xasprintf(
	    "GET /.well-known/acme-challenge/%s HTTP/1.1\r\nHost: a.example\r\n"
	    "\r\n",
	    token);
	struct listen_address a;
	AUTO_FD int fd = -1;
	size_t len = 0;
	ssize_t n;

	got[0] = '\0';
	assert_true(listen_parse(text, &a));
	fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (const struct sockaddr *)&a.sa, a.len) < 0)
		return got;
	assert_int_equal(write(fd, ask, strlen(ask)), strlen(ask));
	while ((n = read(fd, got + len, sizeof(got) - 1 - len)) > 0)
		len += (size_t)n;
	got[len] = '\0';
	return got;
}

static bool is_shown(const struct stage *s, const char *host)
{
	const char *got = fetch(s, host, TOKEN);

	return strncmp(got, "HTTP/1.1 200 ", 13) == 0 && strstr(got, AUTH) != NULL;
}

static struct super_proc *responder_of(struct stage *s)
{
	size_t i = 0;

	while (i < SUPER_PROCS - 1 && s->super.procs[i].process.pidfd < 0)
		i++;
	assert_true(s->super.procs[i].process.pidfd >= 0);
	return &s->super.procs[i];
}

/* As the supervisor's loop does. */
static int reap(struct stage *s)
{
	struct super_proc *p = responder_of(s);
	struct pollfd ended = { .fd = p->process.pidfd, .events = POLLIN };
	int status;

	assert_int_equal(poll(&ended, 1, 10000), 1);
	status = super_reap(p);
	super_responder_ended(&s->super, status);
	return status;
}

static void a_token_is_answered_on_ipv4_and_ipv6(void **state)
{
	struct stage *s = *state;

	make_super(s, "[::]", "[::]");
	assert_int_equal(start(s), 0);
	show(s);
	assert_true(is_shown(s, "127.0.0.1"));
	assert_true(is_shown(s, "[::1]"));
	assert_int_equal(strncmp(fetch(s, "[::1]", OTHER), "HTTP/1.1 404 ", 13), 0);
	tell(s, RESPONDER_REMOVE, TOKEN, NULL);
	assert_false(is_shown(s, "[::1]"));
}

static void nobody_is_answered_before_all_is_told(void **state)
{
	struct stage *s = *state;
	AUTO_FREE char *text = NULL;
	struct listen_address a;
	AUTO_FD int early = -1;
	struct pollfd answered;
	char got[16];

	make_super(s, "127.0.0.1", "127.0.0.1");
	text = xasprintf("127.0.0.1:%u", s->port);
	assert_int_equal(start(s), 0);
	assert_true(listen_parse(text, &a));
	early = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(early, (const struct sockaddr *)&a.sa, a.len), 0);
	assert_int_equal(write(early, "GET /" TOKEN " HTTP/1.0\r\n\r\n",
			       strlen("GET /" TOKEN " HTTP/1.0\r\n\r\n")),
			 strlen("GET /" TOKEN " HTTP/1.0\r\n\r\n"));
	tell(s, RESPONDER_ADD, TOKEN, AUTH);
	answered = (struct pollfd){ .fd = early, .events = POLLIN };
	assert_int_equal(poll(&answered, 1, 200), 0);
	tell(s, RESPONDER_OPEN, NULL, NULL);
	assert_int_equal(poll(&answered, 1, 10000), 1);
	assert_true(read(early, got, sizeof(got)) > 0);
	assert_memory_equal(got, "HTTP/1.1 404", 12);
}

static void a_token_is_answered_on_every_address(void **state)
{
	struct stage *s = *state;

	make_super(s, "127.0.0.1", "[::1]");
	assert_int_equal(start(s), 0);
	show(s);
	assert_true(is_shown(s, "127.0.0.1"));
	assert_true(is_shown(s, "[::1]"));
	assert_false(is_shown(s, "127.0.0.2"));
}

static void nothing_listens_before_it_is_asked_for(void **state)
{
	struct stage *s = *state;

	make_super(s, "127.0.0.1", "[::1]");
	assert_string_equal(fetch(s, "127.0.0.1", TOKEN), "");
}

static void who_waits_is_answered_by_the_responder_that_comes_next(void **state)
{
	struct stage *s = *state;
	pid_t client;

	make_super(s, "[::]", "[::]");
	start(s);
	assert_int_equal(kill(responder_of(s)->process.pid, SIGKILL), 0);
	assert_int_equal(reap(s), 128 + SIGKILL);
	client = fork();
	if (client == 0) /* comes while nobody answers */
		_exit(strncmp(fetch(s, "127.0.0.1", OTHER), "HTTP/1.1 404", 12));
	start(s);
	show(s);
	assert_true(is_shown(s, "[::1]"));
	assert_int_equal(alone_wait(client, 10000), 0);
}

static void a_responder_that_is_let_go_frees_the_port(void **state)
{
	struct stage *s = *state;

	make_super(s, "[::]", "127.0.0.1");
	start(s);
	auto_fd_(&s->agent);
	s->agent = -1;
	assert_int_equal(reap(s), 0);
	assert_string_equal(fetch(s, "127.0.0.1", TOKEN), "");
	start(s);
	show(s);
	assert_true(is_shown(s, "127.0.0.1"));
}

static void a_port_that_no_responder_comes_for_is_freed(void **state)
{
	struct stage *s = *state;
	AUTO_FREE char *text = xasprintf("127.0.0.1:%u", s->port);
	struct listen theirs = { .n = 0 };

	make_super(s, "[::]", "[::]");
	start(s);
	assert_int_equal(s->super.listen_until_ms, 0);
	assert_int_equal(kill(responder_of(s)->process.pid, SIGKILL), 0);
	reap(s);
	super_responder_check(&s->super);
	listen_add(&theirs, text, SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&theirs, SERVES_CHALLENGES), 0); /* for a while */
	s->super.listen_until_ms = clock_awake_ms();
	super_responder_check(&s->super);
	assert_int_equal(listen_bind(&theirs, SERVES_CHALLENGES), 1);
	listen_close(&theirs, ~0u);
}

static void an_address_in_use_is_told_and_the_other_is_served(void **state)
{
	struct stage *s = *state;
	struct listen theirs = { .n = 0 };
	AUTO_FREE char *text = xasprintf("127.0.0.1:%u", s->port);

	listen_add(&theirs, text, SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&theirs, SERVES_CHALLENGES), 1);
	make_super(s, "127.0.0.1", "[::1]");
	assert_int_equal(start(s), 1);
	show(s);
	assert_true(is_shown(s, "[::1]"));
	listen_close(&theirs, ~0u);
}

static void without_any_address_no_responder_is_started(void **state)
{
	struct stage *s = *state;
	struct listen theirs = { .n = 0 };
	AUTO_FREE char *text = xasprintf("[::]:%u", s->port);

	listen_add(&theirs, text, SERVES_CHALLENGES);
	assert_int_equal(listen_bind(&theirs, SERVES_CHALLENGES), 1);
	make_super(s, "127.0.0.1", "[::1]");
	assert_int_equal(start(s), 2);
	assert_int_equal(s->agent, -1);
	for (size_t i = 0; i < SUPER_PROCS; i++)
		assert_int_equal(s->super.procs[i].process.pidfd, -1);
	listen_close(&theirs, ~0u);
}

static void bring_loopback_up(void)
{
	AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { .ifr_flags = IFF_UP | IFF_RUNNING };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "lo");
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
}

/* In a network of its own: nobody else's port 80 is touched. */
static void a_privileged_port_is_bound_for_a_responder_without_privilege(void **state)
{
	struct stage *s = *state;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	bring_loopback_up();
	s->port = 80;
	make_super(s, "[::]", "[::]");
	s->super.is_root = true;
	assert_int_equal(start(s), 0);
	show(s);
	assert_true(is_shown(s, "127.0.0.1"));
	assert_true(is_shown(s, "[::1]"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_answered_on_ipv4_and_ipv6),
		CASE(a_token_is_answered_on_every_address),
		CASE(nobody_is_answered_before_all_is_told),
		CASE(nothing_listens_before_it_is_asked_for),
		CASE(who_waits_is_answered_by_the_responder_that_comes_next),
		CASE(a_responder_that_is_let_go_frees_the_port),
		CASE(a_port_that_no_responder_comes_for_is_freed),
		CASE(an_address_in_use_is_told_and_the_other_is_served),
		CASE(without_any_address_no_responder_is_started),
		/* the last: it stays there */
		CASE(a_privileged_port_is_bound_for_a_responder_without_privilege),
	};

	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_TEXT, LEVEL_ERROR, "test");
	return cmocka_run_group_tests_name("super_responder", tests, NULL, NULL);
}
