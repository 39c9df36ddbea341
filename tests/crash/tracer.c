#include "tests/crash/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "tests/crash/volume.h"

#define PROCS_MAX    256
#define SYSCALL_STOP 0x80 /* in a SIGTRAP: PTRACE_O_TRACESYSGOOD */

struct proc {
	pid_t pid; /* 0: free */
	enum tracer_role role;
	bool waits; /* it has stopped before its parent told of it */
	bool known;
	bool began;     /* it has made a call that the loader does not make */
	int fails_with; /* the call that it is in: errno */
};

struct tracer {
	const struct tracer_plan *plan;
	struct tracer_result *r;
	struct proc procs[PROCS_MAX];
	pid_t first;
};

static const char *const reading[] = {
	"read",       "pread64",    "readv",      "close",      "stat",
	"lstat",      "fstat",      "newfstatat", "statx",      "access",
	"faccessat",  "faccessat2", "readlink",   "readlinkat", "lseek",
	"getdents64", "fcntl",      "statfs",     "fstatfs",
};

/* open*() is among them if it creates. */
static const char *const changing[] = {
	"open",      "openat",    "openat2",   "creat",     "write",
	"pwrite64",  "writev",    "pwritev",   "fsync",     "fdatasync",
	"ftruncate", "truncate",  "rename",    "renameat",  "renameat2",
	"link",      "linkat",    "symlink",   "symlinkat", "unlink",
	"unlinkat",  "mkdir",     "mkdirat",   "rmdir",     "chmod",
	"fchmod",    "fchmodat",  "chown",     "fchown",    "fchownat",
	"lchown",    "utimensat", "fallocate", "flock",     "sync_file_range",
};

/* What a file has nothing to do with, and may fail all the same. */
static const char *const others[] = {
	"socket",
	"socketpair",
	"connect",
	"bind",
	"listen",
	"accept",
	"accept4",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"recvfrom",
	"recvmsg",
	"setsockopt",
	"getsockopt",
	"getsockname",
	"getpeername",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"poll",
	"ppoll",
	"select",
	"pselect6",
	"timerfd_create",
	"timerfd_settime",
	"inotify_init1",
	"inotify_add_watch",
	"signalfd4",
	"eventfd2",
	"memfd_create",
	"clone",
	"clone3",
	"fork",
	"vfork",
	"execve",
	"wait4",
	"waitid",
	"pidfd_open",
	"pidfd_send_signal",
	"kill",
	"getrandom",
	"mmap",
	"mprotect",
	"dup",
	"dup2",
	"dup3",
	"pipe2",
	"chdir",
	"setpgid",
	"setgroups",
	"setresuid",
	"setresgid",
	"capset",
	"prctl",
	"landlock_create_ruleset",
	"landlock_add_rule",
	"landlock_restrict_self",
	"seccomp",
	"close_range",
	"openat",
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const char *tracer_role_word(enum tracer_role role)
{
	static const char *const words[TRACER_ROLES] = {
		"supervisor", "config",    "agent", "keeper", "worker",
		"probe",      "responder", "spawn", "other"
	};

	return words[role];
}

const char *tracer_what_word(enum tracer_what what)
{
	static const char *const words[] = { "count", "kill",   "kill-tree",
					     "errno", "onward", "cut" };

	return words[what];
}

/* -- the tracee -- */

static void add_calls(scmp_filter_ctx ctx, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr >= 0)
			(void)seccomp_rule_add(ctx, SCMP_ACT_TRACE(1), nr, 0);
	}
}

/* Only the calls that are counted stop, so that the rest runs at full speed. */
static void begin_tracee(char *const argv[], const char *out, bool is_others)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	if (is_others) {
		add_calls(ctx, others, COUNT(others));
	} else {
		add_calls(ctx, reading, COUNT(reading));
		add_calls(ctx, changing, COUNT(changing));
	}
	/* LeakSanitizer is a tracer itself; there is one already. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	if (seccomp_load(ctx) == 0)
		execv(argv[0], argv);
	_exit(126);
}

/* -- who is who -- */

static struct proc *proc_of(struct tracer *t, pid_t pid)
{
	struct proc *empty = NULL;

	for (size_t i = 0; i < PROCS_MAX; i++) {
		if (t->procs[i].pid == pid)
			return &t->procs[i];
		if (t->procs[i].pid == 0 && empty == NULL)
			empty = &t->procs[i];
	}
	if (empty != NULL)
		*empty = (struct proc){ .pid = pid, .role = TRACER_SPAWN };
	return empty;
}

static enum tracer_role role_of(pid_t pid)
{
	static const struct {
		const char *word;
		enum tracer_role role;
	} roles[] = { { "everleaf-config", TRACER_CONFIG },
		      { "everleaf-agent", TRACER_AGENT },
		      { "everleaf-keeper", TRACER_KEEPER },
		      { "everleaf-worker", TRACER_WORKER },
		      { "everleaf-probe", TRACER_PROBE },
		      { "everleaf-responder", TRACER_RESPONDER },
		      { "everleaf-alpn", TRACER_RESPONDER } };
	char path[64];
	char text[512] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close(fd);
	for (size_t i = 0; n > 0 && i < COUNT(roles); i++)
		if (strcmp(text, roles[i].word) == 0)
			return roles[i].role;
	return TRACER_OTHER;
}

/* -- one stop -- */

static bool creates(pid_t pid, const char *name, const uint64_t *args)
{
	uint64_t flags = O_CREAT;

	if (strcmp(name, "openat") == 0)
		flags = args[2];
	else if (strcmp(name, "open") == 0)
		flags = args[1];
	else if (strcmp(name, "openat2") == 0)
		flags = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, args[2], NULL);
	return (flags & O_CREAT) != 0;
}

static bool is_changing(pid_t pid, const char *name, const uint64_t *args)
{
	/* What is said stands in no file of ours. */
	if (strcmp(name, "write") == 0 && args[0] <= STDERR_FILENO)
		return false;
	for (size_t i = 0; i < COUNT(changing); i++)
		if (strcmp(changing[i], name) == 0)
			return creates(pid, name, args);
	return false;
}

/* The call that stopped returns -error; before it is made, it is skipped. */
static void answer_call(pid_t pid, int error, bool made)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
		return;
	if (!made)
		regs.orig_rax = (unsigned long long)-1;
	regs.rax = (unsigned long long)-error;
	ptrace(PTRACE_SETREGS, pid, NULL, &regs);
#else
	(void)pid;
	(void)error;
	(void)made;
#endif
}

/* A descriptor is given back whatever close() returns: that call is made, and fails. */
static void fail_call(struct proc *p, const char *name, int error)
{
	if (strcmp(name, "close") == 0)
		p->fails_with = error;
	else
		answer_call(p->pid, error, false);
}

static void kill_all(struct tracer *t)
{
	/* The supervisor first: it must not see the others go. */
	kill(t->first, SIGKILL);
	for (size_t i = 0; i < PROCS_MAX; i++)
		if (t->procs[i].pid != 0)
			kill(t->procs[i].pid, SIGKILL);
}

/* The disk first: no process gets as far as its next call. */
static void cut(struct tracer *t)
{
	if (!volume_cut(t->plan->handle))
		t->r->reached = false;
	kill_all(t);
}

static void carry_out(struct tracer *t, struct proc *p, const char *name)
{
	t->r->reached = true;
	if (t->r->call[0] == '\0')
		snprintf(t->r->call, sizeof(t->r->call), "%s", name);
	if (t->plan->what == TRACER_KILL)
		kill(p->pid, SIGKILL);
	else if (t->plan->what == TRACER_TREE)
		kill_all(t);
	else if (t->plan->what == TRACER_CUT)
		cut(t);
	else
		fail_call(p, name, t->plan->error);
}

/* Is it the turn of this call, the n-th of its role? */
static bool is_meant(const struct tracer *t, const struct proc *p, unsigned n,
		     bool changes, int number)
{
	const struct tracer_plan *plan = t->plan;

	if (plan->what == TRACER_COUNT || p->role != plan->role)
		return false;
	if (plan->others && number != plan->number)
		return false;
	return n == plan->at || (n > plan->at && plan->what == TRACER_ONWARD &&
				 (plan->others ? t->r->reached : changes));
}

/* Of `others`: made to load the program. Without memory for that the C library crashes. */
static bool is_loading(struct proc *p, const char *name)
{
	static const char *const loading[] = { "mmap", "mprotect", "openat",
					       "getrandom" };
	bool is_one = false;

	for (size_t i = 0; i < COUNT(loading); i++)
		is_one = is_one || strcmp(name, loading[i]) == 0;
	p->began = p->began || !is_one;
	return !p->began;
}

/* Of `others`: memory for malloc(). Without it a sanitizer ends the program, by design; what
 * of ours does not get it is for alloc_test. */
static bool is_sanitizers(const char *name, const uint64_t *args)
{
#ifdef __SANITIZE_ADDRESS__
	return strcmp(name, "mmap") == 0 && (args[3] & MAP_ANONYMOUS) != 0;
#else
	(void)name;
	(void)args;
	return false;
#endif
}

static void on_call(struct tracer *t, struct proc *p)
{
	struct __ptrace_syscall_info info;
	struct tracer_result *r = t->r;
	bool changes;
	unsigned n;
	char *name;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) < 0)
		return;
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)info.seccomp.nr);
	if (name == NULL)
		return;
	/* Nor is the exec of the first one everleaf's. */
	if (t->plan->others &&
	    (is_loading(p, name) || (p->pid == t->first && p->role == TRACER_SPAWN) ||
	     is_sanitizers(name, (const uint64_t *)info.seccomp.args))) {
		free(name);
		return;
	}
	n = ++r->n[p->role];
	changes = is_changing(p->pid, name, (const uint64_t *)info.seccomp.args);
	if (n <= TRACER_CALLS && t->plan->what == TRACER_COUNT) {
		r->changes[p->role][n - 1] = changes;
		r->number[p->role][n - 1] = (short)info.seccomp.nr;
	}
	if (is_meant(t, p, n, changes, (int)info.seccomp.nr))
		carry_out(t, p, name);
	free(name);
}

static void go_on(pid_t pid, int signo)
{
	ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signo);
}

/* To the end of the call that stopped, if it is made and is to fail. */
static void go_on_from_call(const struct proc *p)
{
	if (p->fails_with != 0)
		ptrace(PTRACE_SYSCALL, p->pid, NULL, NULL);
	else
		go_on(p->pid, 0);
}

static void on_return(struct proc *p)
{
	answer_call(p->pid, p->fails_with, true);
	p->fails_with = 0;
	go_on(p->pid, 0);
}

/* Those that connect look names up in threads, and hooks do what they like. */
static enum tracer_role role_of_child(const struct proc *parent)
{
	const bool threads =
	    parent->role == TRACER_WORKER || parent->role == TRACER_PROBE;

	return threads || parent->role == TRACER_OTHER ? parent->role : TRACER_SPAWN;
}

static void on_fork(struct tracer *t, const struct proc *parent)
{
	unsigned long pid = 0;
	struct proc *child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid) < 0)
		return;
	child = proc_of(t, (pid_t)pid);
	if (child == NULL)
		return;
	child->known = true;
	child->role = role_of_child(parent);
	if (child->waits)
		go_on(child->pid, 0);
	child->waits = false;
}

static void on_stop(struct tracer *t, struct proc *p, int status)
{
	int event = status >> 16;
	int signo = WSTOPSIG(status);

	if (!p->known) {
		p->waits = true;
		return;
	}
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_fork(t, p);
		break;
	case PTRACE_EVENT_EXEC:
		p->began = false;
		p->role = p->pid == t->first ? TRACER_SUPERVISOR : role_of(p->pid);
		break;
	case PTRACE_EVENT_SECCOMP:
		on_call(t, p);
		go_on_from_call(p);
		return;
	default:
		if (signo == (SIGTRAP | SYSCALL_STOP)) {
			on_return(p);
			return;
		}
		/* The SIGSTOP of a new tracee is ptrace's, not anyone's. */
		go_on(p->pid, signo == SIGSTOP || signo == SIGTRAP ? 0 : signo);
		return;
	}
	go_on(p->pid, 0);
}

static void on_alarm(int signo)
{
	(void)signo;
}

static bool attach(struct tracer *t, pid_t pid)
{
	const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
			     PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
			     PTRACE_O_EXITKILL;
	struct proc *p = proc_of(t, pid);
	int status;

	t->first = pid;
	*p = (struct proc){ .pid = pid, .role = TRACER_SPAWN, .known = true };
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0)
		return false;
	go_on(pid, 0);
	return true;
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

/* Until there is no tracee left. */
static void follow(struct tracer *t)
{
	struct rusage used;
	int status;
	pid_t pid;

	for (;;) {
		struct proc *p;

		pid = wait4(-1, &status, __WALL, &used);
		if (pid < 0 && errno == EINTR) {
			t->r->hung = true;
			kill_all(t);
			continue;
		}
		if (pid < 0)
			return;
		p = proc_of(t, pid);
		if (p == NULL)
			continue;
		if (WIFSTOPPED(status)) {
			on_stop(t, p, status);
			continue;
		}
		t->r->cpu_s += seconds(&used.ru_utime) + seconds(&used.ru_stime);
		if (pid == t->first)
			t->r->status = WIFEXITED(status) ? WEXITSTATUS(status)
							 : 128 + WTERMSIG(status);
		*p = (struct proc){ .pid = 0 };
	}
}

bool tracer_run(char *const argv[], const char *out, const struct tracer_plan *plan,
		struct tracer_result *r)
{
	const struct sigaction wake = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct tracer t = { .plan = plan, .r = r };
	pid_t pid = fork();

	memset(r, 0, sizeof(*r));
	if (pid == 0)
		begin_tracee(argv, out, plan->others);
	if (pid < 0 || !attach(&t, pid))
		return false;
	if (plan->beside != NULL && fork() == 0) {
		plan->beside(plan->arg, pid);
		_exit(0);
	}
	sigaction(SIGALRM, &wake, NULL);
	alarm(TRACER_SECONDS);
	follow(&t);
	alarm(0);
	return true;
}
