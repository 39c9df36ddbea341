/*
 * takeover: the keeper as it runs, taken over; and each other role.
 *
 * What an attacker who runs code in a role could do is tried in the real one: a tracer,
 * which only root can be, makes its system calls for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if defined(__x86_64__)

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox_seccomp.h"
#include "tests/agent/home.h"

struct stage {
	struct home home; /* beside it stands what is not ours */
	void *outside;
};

static const char config[] =
    "state_dir = \"$\";"
    "certificates = { names = \"a.example\"; issuer = \"local\"; };";

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	if (home_open(&s->home) < 0 || scratch_in(&s->outside) < 0)
		return -1;
	scratch_put(s->home.scratch, "file", "inside");
	scratch_put(s->outside, "file", "outside");
	home_compile(&s->home, config);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc = home_close(&s->home) | scratch_out(&s->outside);

	test_free(s);
	return rc;
}

/* -- system calls of another process -- */

#define KILLED 1 /* by its sandbox; everything else is a result or -errno */

/* In the tracee, where `path` lies below its stack. */
static void write_path(pid_t pid, unsigned long long at, const char *path)
{
	struct iovec local = { .iov_base = (void *)(uintptr_t)path,
			       .iov_len = strlen(path) + 1 };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)at,
				.iov_len = local.iov_len };

	assert_int_equal(process_vm_writev(pid, &local, 1, &remote, 1, 0),
			 local.iov_len);
}

#define PATH_AT 4096 /* below the stack pointer: nobody looks there */

static bool is_waiting(long call)
{
	return call == SYS_poll || call == SYS_epoll_wait || call == SYS_epoll_pwait ||
	       call == SYS_recvmsg;
}

/* Stop it where it waits: its next instruction follows a system call. */
static struct user_regs_struct stop(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
	assert_true(is_waiting((long)regs.orig_rax));
	return regs;
}

struct attack {
	const char *name;
	long call;
	unsigned long long arg[4];
	bool inside;   /* the path */
	int path_arg;  /* which argument it is; -1: none */
	int seccomp;   /* KILLED: it refuses, and that is all that does */
	long expected; /* -errno */
};

/* Let `pid` do the call of `a`: KILLED, or what it returned. */
static long attack(const struct stage *s, pid_t pid, const struct attack *a)
{
	const struct scratch *where = a->inside ? s->home.scratch : s->outside;
	AUTO_FREE char *path =
	    xasprintf("%s/%s", where->path, a->call == SYS_mkdirat ? "folder" : "file");
	struct user_regs_struct regs = stop(pid);
	unsigned long long arg[4];
	int status;

	memcpy(arg, a->arg, sizeof(arg));
	write_path(pid, regs.rsp - PATH_AT, path);
	if (a->path_arg >= 0)
		arg[a->path_arg] = regs.rsp - PATH_AT;
	regs.rip -= 2; /* syscall */
	regs.orig_rax = (unsigned long long)-1;
	regs.rax = (unsigned long long)a->call;
	regs.rdi = arg[0];
	regs.rsi = arg[1];
	regs.rdx = arg[2];
	regs.r10 = arg[3];
	assert_int_equal(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	return (long)regs.rax;
}

/* A keeper that waits: it has answered once. */
static struct alone begin(const struct stage *s)
{
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	msg_begin(&m, KEEPER_STAMP, 0);
	msg_put_u64(&m, 0);
	msg_put_u64(&m, 1);
	assert_int_equal(alone_ask(&a, &m, text, sizeof(text)), 0);
	return a;
}

static long in_a_keeper(const struct stage *s, const struct attack *row)
{
	struct alone a = begin(s);
	long got;

	/* It answers, then waits: give it the time to come to that. */
	for (int i = 0; i < 100; i++) {
		AUTO_FREE char *path = xasprintf("/proc/%d/syscall", a.pid);
		char text[256] = "";
		AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
		    strtol(text, NULL, 10) == SYS_poll)
			break;
		poll(NULL, 0, 5);
	}
	got = attack(s, a.pid, row);
	close(a.super);
	close(a.peer);
	close(a.said);
	return got;
}

#define AT_CWD  ((unsigned long long)AT_FDCWD)
#define ROOT_FD 6 /* the state directory: without a lock the first that is free */

static const struct attack rows[] = {
	{ "chmod 04755", SYS_chmod, { 0, 04755 }, true, 0, KILLED, 0 },
	{ "chmod outside", SYS_chmod, { 0, 0666 }, false, 0, KILLED, 0 },
	{ "fchmodat", SYS_fchmodat, { AT_CWD, 0, 0666 }, false, 1, KILLED, 0 },
	{ "fchmod 04755", SYS_fchmod, { ROOT_FD, 04755 }, true, -1, KILLED, 0 },
	{ "chown outside", SYS_chown, { 0, 0, 0 }, false, 0, KILLED, 0 },
	{ "write outside",
	  SYS_openat,
	  { AT_CWD, 0, O_WRONLY | O_TRUNC, 0 },
	  false,
	  1,
	  0,
	  -EACCES },
	{ "read outside",
	  SYS_openat,
	  { AT_CWD, 0, O_RDONLY, 0 },
	  false,
	  1,
	  0,
	  -EACCES },
	{ "unlink outside", SYS_unlinkat, { AT_CWD, 0, 0 }, false, 1, 0, -EACCES },
	{ "mkdir outside", SYS_mkdirat, { AT_CWD, 0, 0755 }, false, 1, 0, -EACCES },
	{ "exec", SYS_execve, { 0, 0, 0 }, false, 0, KILLED, 0 },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, false, -1, KILLED, 0 },
	{ "unix socket",
	  SYS_socket,
	  { AF_UNIX, SOCK_STREAM, 0 },
	  false,
	  -1,
	  KILLED,
	  0 },
	{ "fork", SYS_fork, { 0 }, false, -1, KILLED, 0 },
	{ "executable memory",
	  SYS_mmap,
	  { 0, 4096, PROT_EXEC | PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS },
	  false,
	  -1,
	  0,
	  -EPERM },
};

static void a_keeper_that_is_taken_over_can_do_nothing_that_it_need_not(void **state)
{
	const struct stage *s = *state;

	if (geteuid() != 0 || SANDBOX_SANITIZED ||
	    syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		print_message("skipped: only root can take over a keeper, and only one "
			      "with its whole sandbox\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		long expected = rows[i].seccomp ? KILLED : rows[i].expected;
		long got = in_a_keeper(s, &rows[i]);

		if (got != expected)
			fail_msg("%s: %ld, expected %ld", rows[i].name, got, expected);
	}
	scratch_expect(s->outside, "file", "outside");
	assert_false(scratch_has(s->outside, "folder"));
}

/* Or the refusals would show nothing. */
static void what_a_keeper_needs_can_be_done_by_the_same_means(void **state)
{
	static const struct attack needed[] = {
		{ "write", SYS_openat, { AT_CWD, 0, O_WRONLY, 0 }, true, 1, 0, 0 },
		{ "mkdir", SYS_mkdirat, { AT_CWD, 0, 0755 }, true, 1, 0, 0 },
		{ "fchmod 0711", SYS_fchmod, { ROOT_FD, 0711 }, true, -1, 0, 0 },
		{ "unlink", SYS_unlinkat, { AT_CWD, 0, 0 }, true, 1, 0, 0 },
	};
	const struct stage *s = *state;

	if (geteuid() != 0) {
		print_message("skipped: only root can take over a keeper\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		long got = in_a_keeper(s, &needed[i]);

		if (got < 0)
			fail_msg("%s: %ld", needed[i].name, got);
	}
	assert_true(scratch_has(s->home.scratch, "folder"));
	assert_false(scratch_has(s->home.scratch, "file"));
}

/* -- every role -- */

#define OUR_PID ((unsigned long long)getpid())
#define PROT_RX (PROT_READ | PROT_EXEC)

/* Which roles need the call themselves. */
#define BY(role) (1u << (role))
#define CONNECTS (BY(ROLE_WORKER) | BY(ROLE_PROBE))

struct
try {
	struct attack call;
	unsigned needed_by;
};

/* An argument that is the path of what is outside. */
#define PATH 0x7a7a7a7aull

static long try_in(const struct stage *s, pid_t pid, const struct attack *a)
{
	struct attack with = *a;

	for (int i = 0; i < 4; i++)
		if (with.arg[i] == PATH)
			with.path_arg = i;
	return attack(s, pid, &with);
}

/* Until it is in its sandbox and waits for what it may be asked. */
static void until_waiting(pid_t pid)
{
	AUTO_FREE char *status = xasprintf("/proc/%d/status", pid);
	AUTO_FREE char *call = xasprintf("/proc/%d/syscall", pid);
	const int64_t until = clock_boot_ms() + 60000;

	while (clock_boot_ms() < until) {
		char in[4096] = "", at[256] = "";
		AUTO_FD int one = open(status, O_RDONLY | O_CLOEXEC);
		AUTO_FD int two = open(call, O_RDONLY | O_CLOEXEC);

		if (one >= 0 && two >= 0 && read(one, in, sizeof(in) - 1) > 0 &&
		    read(two, at, sizeof(at) - 1) > 0 &&
		    strstr(in, "Seccomp:\t2") != NULL &&
		    is_waiting(strtol(at, NULL, 10)))
			return;
		poll(NULL, 0, 5);
	}
	fail_msg("process %d does not wait", pid);
}

static long in_a_role(const struct stage *s, enum role role, const struct attack *a)
{
	const struct request r = { .command = role == ROLE_INSPECT ? COMMAND_INSPECT
								   : COMMAND_AGENT };
	AUTO_MSG struct msg ready = MSG_NONE;
	struct alone of;
	struct err e;
	long got;

	alone_start(&of, role, &r, s->home.snapshot);
	if (role == ROLE_RESPONDER || role == ROLE_ALPN) { /* it has its sockets */
		msg_begin(&ready, RESPONDER_READY, 0);
		assert_int_equal(msg_send(of.super, &ready, &e), 0);
	}
	until_waiting(of.pid);
	got = try_in(s, of.pid, a);
	close(of.super);
	close(of.peer);
	close(of.said);
	return got;
}

static unsigned try_all(const struct stage *s, const struct try *tries, size_t n,
			unsigned *done)
{
	unsigned through = 0;

	for (enum role role = ROLE_AGENT; role < ROLES; role++)
		for (size_t i = 0; i < n; i++) {
			long got;

			if ((tries[i].needed_by & BY(role)) != 0)
				continue;
			got = in_a_role(s, role, &tries[i].call);
			++*done;
			if (got == KILLED || got == -EACCES || got == -EPERM)
				continue;
			print_error("%s: %s: %ld\n", role_name(role),
				    tries[i].call.name, got);
			through++;
		}
	return through;
}

static void no_role_that_is_taken_over_gets_through(void **state)
{
#define TRY_(name, call, ...)                                       \
	{                                                           \
		{ name, call, { __VA_ARGS__ }, false, -1, 0, 0 }, 0 \
	}
	const struct try tries[] = {
		TRY_("read", SYS_openat, AT_CWD, PATH, O_RDONLY),
		TRY_("write", SYS_openat, AT_CWD, PATH, O_WRONLY),
		TRY_("truncate", SYS_truncate, PATH, 0),
		TRY_("unlink", SYS_unlinkat, AT_CWD, PATH, 0),
		TRY_("mkdir", SYS_mkdirat, AT_CWD, PATH, 0755),
		TRY_("utimes", SYS_utimensat, AT_CWD, PATH, 0, 0),
		TRY_("mknod", SYS_mknodat, AT_CWD, PATH, S_IFIFO | 0600, 0),
		TRY_("chmod", SYS_chmod, PATH, 0666),
		TRY_("chown", SYS_chown, PATH, 0, 0),
		TRY_("execve", SYS_execve, PATH, 0, 0),
		TRY_("fork", SYS_fork, 0),
		TRY_("unshare", SYS_unshare, 0x10000000),
		TRY_("kill the parent", SYS_kill, OUR_PID, 0),
		TRY_("pidfd_open", SYS_pidfd_open, OUR_PID, 0),
		TRY_("process_vm_readv", SYS_process_vm_readv, OUR_PID, 0, 0, 0),
		{ { "socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, 0, -1, 0, 0 },
		  CONNECTS },
		TRY_("raw socket", SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP),
		TRY_("packet socket", SYS_socket, AF_PACKET, SOCK_RAW, 0),
		TRY_("executable memory", SYS_mmap, 0, 4096, PROT_RX, 0x22),
		TRY_("ptrace", SYS_ptrace, PTRACE_SEIZE, OUR_PID, 0, 0),
		TRY_("io_uring", SYS_io_uring_setup, 4, 0),
		TRY_("bpf", SYS_bpf, 0, 0, 0),
		TRY_("keyctl", SYS_keyctl, 0, 0, 0),
		TRY_("userfaultfd", SYS_userfaultfd, 0),
	};
	const struct stage *s = *state;
	unsigned done = 0;

	if (geteuid() != 0 || SANDBOX_SANITIZED ||
	    syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		print_message("skipped: only root can take over a role, and only one "
			      "with its whole sandbox\n");
		skip();
	}
	scratch_mkdir(s->home.scratch, "agent");
	assert_int_equal(try_all(s, tries, sizeof(tries) / sizeof(*tries), &done), 0);
	scratch_expect(s->outside, "file", "outside");
	assert_int_equal(scratch_count(s->outside, "."), 1);
	print_message("%u attacks\n", done);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_keeper_that_is_taken_over_can_do_nothing_that_it_need_not),
		CASE(what_a_keeper_needs_can_be_done_by_the_same_means),
		CASE(no_role_that_is_taken_over_gets_through),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("takeover", tests, NULL, NULL);
}

#else

static void a_keeper_that_is_taken_over_can_do_nothing_that_it_need_not(void **state)
{
	(void)state;
	print_message("skipped: this processor's registers are not known here\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_keeper_that_is_taken_over_can_do_nothing_that_it_need_not),
	};

	return cmocka_run_group_tests_name("takeover", tests, NULL, NULL);
}

#endif
