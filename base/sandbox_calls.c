/*
 * sandbox_calls: the system calls that each kind of role may make.
 *
 * A program of its own, run while everleaf is built: it writes what libseccomp makes of
 * these lists as C, sandbox_filters[] of sandbox_seccomp.h. To make a filter takes
 * 0.4 ms, which nobody needs to pay at each start.
 */
#include "base/sandbox_seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A call with conditions on its arguments, or one that is refused with an errno instead
 * of death because libraries ask and can live without. */
struct rule {
	int call;
	uint32_t action;
	unsigned n;
	struct scmp_arg_cmp arg[3];
};

#define N(a) (sizeof(a) / sizeof(*(a)))
#define REFUSE(call, error)                     \
	{                                       \
		call, SCMP_ACT_ERRNO(error), 0, \
		{                               \
			{                       \
				0               \
			}                       \
		}                               \
	}
#define ALLOW_IF(call, ...)                                          \
	{                                                            \
		call, SCMP_ACT_ALLOW,                                \
		    sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / \
			sizeof(struct scmp_arg_cmp),                 \
		{                                                    \
			__VA_ARGS__                                  \
		}                                                    \
	}
#define REFUSE_IF(call, error, ...)             \
	{                                       \
		call, SCMP_ACT_ERRNO(error), 1, \
		{                               \
			__VA_ARGS__             \
		}                               \
	}
#define IS(n, value)                         \
	{                                    \
		(n), SCMP_CMP_EQ, (value), 0 \
	}
#define BITS(n, mask, value)                             \
	{                                                \
		(n), SCMP_CMP_MASKED_EQ, (mask), (value) \
	}

#define NOT_0777 0xfffffe00u /* setuid, setgid, sticky, and what is no mode at all */
#define WRITING  (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

#define SOCK_KIND 0xf /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

static const int all_calls[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), /* SQLite's busy handler */
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(futex),
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getuid),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock), /* OpenSSL's secure heap */
	SCMP_SYS(mremap),
	SCMP_SYS(munlock),
	SCMP_SYS(munmap),
	SCMP_SYS(newfstatat), /* glibc's fstat() */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity), /* glibc counts processors for its malloc arenas */
	SCMP_SYS(sched_yield),
	SCMP_SYS(sendmsg),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sysinfo), /* glibc's qsort() */
	SCMP_SYS(time),
	SCMP_SYS(uname),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/* PROT_EXEC is refused, not killed: getaddrinfo() tries to load what nsswitch.conf
 * names, and goes on without. */
static const struct rule all_rules[] = {
	ALLOW_IF(SCMP_SYS(mmap), BITS(2, PROT_EXEC, 0)),
	REFUSE_IF(SCMP_SYS(mmap), EPERM, BITS(2, PROT_EXEC, PROT_EXEC)),
	ALLOW_IF(SCMP_SYS(mprotect), BITS(2, PROT_EXEC, 0)),
	REFUSE_IF(SCMP_SYS(mprotect), EPERM, BITS(2, PROT_EXEC, PROT_EXEC)),
	ALLOW_IF(SCMP_SYS(prlimit64), IS(0, 0), IS(2, 0)), /* getrlimit() */
	ALLOW_IF(SCMP_SYS(ioctl), IS(1, TCGETS)),          /* isatty() */
	REFUSE(SCMP_SYS(clone3),
	       ENOSYS), /* glibc then takes clone, which can be judged */
};

static const int loop_calls[] = {
	SCMP_SYS(epoll_create1),   SCMP_SYS(epoll_ctl),       SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),      SCMP_SYS(eventfd2),        SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime),
};

/* Looking at files; Landlock says at which. */
static const int look_calls[] = {
	SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(fstatfs),    SCMP_SYS(getcwd),    SCMP_SYS(getdents64),
	SCMP_SYS(lstat),      SCMP_SYS(pread64),   SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(stat),      SCMP_SYS(statfs),
	SCMP_SYS(statx),
};

/* Answering on sockets that were handed over. */
static const int serve_calls[] = {
	SCMP_SYS(accept4),    SCMP_SYS(getpeername), SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt), SCMP_SYS(recvfrom),    SCMP_SYS(sendto),
	SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
};

static const int config_calls[] = { SCMP_SYS(ftruncate), SCMP_SYS(memfd_create),
				    SCMP_SYS(pwrite64) };
static const struct rule config_rules[] = { REFUSE(SCMP_SYS(openat), EACCES) };

/* The state database, and snapshots for others in memory. */
static const int agent_calls[] = {
	SCMP_SYS(dup3),   /* what is shown goes to who asked */
	SCMP_SYS(fchown), /* SQLite, of a journal, as root */
	SCMP_SYS(fdatasync),    SCMP_SYS(fsync),    SCMP_SYS(ftruncate),
	SCMP_SYS(memfd_create), SCMP_SYS(openat2),  SCMP_SYS(pwrite64),
	SCMP_SYS(unlink),       SCMP_SYS(unlinkat),
};

/* Both ends of it are for others: see agent/role/lend.h. */
static const struct rule agent_rules[] = {
	ALLOW_IF(SCMP_SYS(socketpair), IS(0, AF_UNIX)),
};

/* With CAP_CHOWN and CAP_FOWNER a path is power over files that Landlock does not
 * guard (owner, mode, times, attributes): only forms that take a descriptor, which it
 * guards when it is opened. fsetxattr() sets access control lists there and nothing that
 * fchmod() and fchown() could not as well: for file capabilities it takes CAP_SETFCAP,
 * for trusted attributes CAP_SYS_ADMIN. */
static const int keeper_calls[] = {
	SCMP_SYS(close_range),   SCMP_SYS(fchown),
	SCMP_SYS(fdatasync),     SCMP_SYS(fgetxattr),
	SCMP_SYS(fsetxattr),     SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),     SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_init1), SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(memfd_create),  SCMP_SYS(mkdirat),
	SCMP_SYS(openat2),       SCMP_SYS(pipe2),
	SCMP_SYS(pwrite64),      SCMP_SYS(rename),
	SCMP_SYS(renameat),      SCMP_SYS(renameat2),
	SCMP_SYS(symlinkat),     SCMP_SYS(sync_file_range),
	SCMP_SYS(umask),         SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),      SCMP_SYS(wait4),
};

/* A child that makes keys: in the same sandbox, it can do nothing that the keeper cannot. */
static const struct rule keeper_rules[] = {
	ALLOW_IF(SCMP_SYS(clone), IS(0, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
					    SIGCHLD)), /* fork() */
	ALLOW_IF(SCMP_SYS(prctl), IS(0, PR_SET_PDEATHSIG)),
	ALLOW_IF(SCMP_SYS(prlimit64), IS(0, 0), IS(1, RLIMIT_CPU)),
};

static const struct rule writer_rules[] = {
	ALLOW_IF(SCMP_SYS(fchmod), BITS(1, NOT_0777, 0)),
	ALLOW_IF(SCMP_SYS(openat), BITS(3, NOT_0777, 0)),
	ALLOW_IF(SCMP_SYS(utimensat), IS(1, 0)), /* futimens() */
};

static const int worker_calls[] = {
	SCMP_SYS(bind), /* netlink in getaddrinfo(); TCP is Landlock's */
	SCMP_SYS(connect),  SCMP_SYS(pipe2),      SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(socketpair),
};

static const struct rule worker_rules[] = {
	ALLOW_IF(SCMP_SYS(openat), BITS(2, WRITING, O_RDONLY)),
	ALLOW_IF(SCMP_SYS(socket), IS(0, AF_INET), BITS(1, SOCK_KIND, SOCK_STREAM)),
	ALLOW_IF(SCMP_SYS(socket), IS(0, AF_INET), BITS(1, SOCK_KIND, SOCK_DGRAM)),
	ALLOW_IF(SCMP_SYS(socket), IS(0, AF_INET6), BITS(1, SOCK_KIND, SOCK_STREAM)),
	ALLOW_IF(SCMP_SYS(socket), IS(0, AF_INET6), BITS(1, SOCK_KIND, SOCK_DGRAM)),
	ALLOW_IF(SCMP_SYS(socket), IS(0, AF_UNIX)), /* nscd, resolved; probes */
	ALLOW_IF(SCMP_SYS(socket), IS(0, AF_NETLINK), IS(2, 0)), /* NETLINK_ROUTE */
	ALLOW_IF(SCMP_SYS(clone), BITS(0, CLONE_THREAD, CLONE_THREAD)),
	ALLOW_IF(SCMP_SYS(ioctl), IS(1, FIONREAD)),
	ALLOW_IF(SCMP_SYS(ioctl), IS(1, FIONBIO)),
	ALLOW_IF(SCMP_SYS(prctl), IS(0, PR_SET_NAME)),
};

static const struct rule responder_rules[] = { REFUSE(SCMP_SYS(openat), EACCES) };

/* assert() and abort() end with a signal to oneself, which says more than SIGSYS. */
static const struct rule abort_rule = ALLOW_IF(SCMP_SYS(tgkill), IS(0, SANDBOX_SELF));

/* Who gets which list. */
#define FOR(kind) (1u << SANDBOX_##kind)
#define ALL       ((1u << SANDBOX_KINDS) - 1)

static const struct list {
	unsigned kinds;
	const int *calls;
	size_t n;
} lists[] = {
	{ ALL, all_calls, N(all_calls) },
	{ FOR(AGENT) | FOR(KEEPER) | FOR(WORKER), loop_calls, N(loop_calls) },
	{ FOR(AGENT) | FOR(KEEPER) | FOR(WORKER), look_calls, N(look_calls) },
	{ FOR(AGENT) | FOR(WORKER) | FOR(RESPONDER), serve_calls, N(serve_calls) },
	{ FOR(CONFIG), config_calls, N(config_calls) },
	{ FOR(AGENT), agent_calls, N(agent_calls) },
	{ FOR(KEEPER), keeper_calls, N(keeper_calls) },
	{ FOR(WORKER), worker_calls, N(worker_calls) },
};

static const struct rule_list {
	unsigned kinds;
	const struct rule *rules;
	size_t n;
} rule_lists[] = {
	{ ALL, all_rules, N(all_rules) },
	{ FOR(CONFIG), config_rules, N(config_rules) },
	{ FOR(KEEPER), keeper_rules, N(keeper_rules) },
	{ FOR(AGENT) | FOR(KEEPER), writer_rules, N(writer_rules) },
	{ FOR(AGENT), agent_rules, N(agent_rules) },
	{ FOR(WORKER), worker_rules, N(worker_rules) },
	{ FOR(RESPONDER), responder_rules, N(responder_rules) },
};

static void check(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "sandbox_calls: %s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

static void add(scmp_filter_ctx f, const struct rule *r)
{
	int rc = seccomp_rule_add_array(f, r->action, r->call, r->n, r->arg);

	/* One that this architecture does not have, or that is there already. */
	if (rc != -EDOM && rc != -EEXIST)
		check(rc, "add a rule");
}

static void add_lists(scmp_filter_ctx f, unsigned kind)
{
	for (size_t i = 0; i < N(lists); i++)
		for (size_t k = 0; k < lists[i].n; k++)
			if ((lists[i].kinds & (1u << kind)) != 0)
				add(f, &(struct rule){ lists[i].calls[k],
						       SCMP_ACT_ALLOW,
						       0,
						       { { 0 } } });
	for (size_t i = 0; i < N(rule_lists); i++)
		for (size_t k = 0; k < rule_lists[i].n; k++)
			if ((rule_lists[i].kinds & (1u << kind)) != 0)
				add(f, &rule_lists[i].rules[k]);
}

static scmp_filter_ctx make(unsigned kind)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

	check(f == NULL ? -ENOMEM : 0, "make a filter");
	check(seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
	      "set up");
	check(seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2), "set up"); /* a tree */
	add_lists(f, kind);
	add(f, &abort_rule);
	return f;
}

static void write_filter(unsigned kind)
{
	scmp_filter_ctx f = make(kind);
	FILE *code = tmpfile();
	struct sock_filter op;
	unsigned places = 0;

	if (code == NULL) {
		perror("temporary file");
		exit(EXIT_FAILURE);
	}
	check(seccomp_export_bpf(f, fileno(code)), "write a filter");
	seccomp_release(f);
	check(fseek(code, 0, SEEK_SET) < 0 ? -errno : 0, "read it again");
	printf("static struct sock_filter kind_%u[] = {\n", kind);
	while (fread(&op, sizeof(op), 1, code) == 1) {
		printf("\t{ 0x%x, %u, %u, 0x%x },\n", op.code, op.jt, op.jf, op.k);
		places += op.k == SANDBOX_SELF;
	}
	puts("};");
	fclose(code);
	check(places == 1 ? 0 : -EINVAL, "the place of the process id");
}

int main(void)
{
	/* What the kernel can that builds says nothing of the one that runs it. */
	check(seccomp_api_set(3), "what kernels can");
	puts("/* By base/sandbox_calls.c. */\n#include \"base/sandbox_seccomp.h\"\n");
	for (unsigned kind = 0; kind < SANDBOX_KINDS; kind++)
		write_filter(kind);
	puts("const struct sock_fprog sandbox_filters[SANDBOX_KINDS] = {");
	for (unsigned kind = 0; kind < SANDBOX_KINDS; kind++)
		printf("\t{ sizeof(kind_%u) / sizeof(*kind_%u), kind_%u },\n", kind,
		       kind, kind);
	puts("};");
	return EXIT_SUCCESS;
}
