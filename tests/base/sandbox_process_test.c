/* sandbox: programs, processes, networks and odd corners of the kernel are out of reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/help/attack.h"

static bool executes(const struct ground *g)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	(void)g;
	execv("/bin/true", argv);
	return false; /* a success would end with 0, which is neither */
}

static bool forks(const struct ground *g)
{
	pid_t pid = fork();

	(void)g;
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/* A child that shares what it should not. */
static bool shares_memory(const struct ground *g)
{
	long pid = syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);

	(void)g;
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool leaves_its_namespace(const struct ground *g)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	(void)g;
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool signals_parent(const struct ground *g)
{
	return kill(g->parent, 0) == 0;
}

static bool traces_parent(const struct ground *g)
{
	return ptrace(PTRACE_SEIZE, g->parent, NULL, NULL) == 0;
}

static bool reads_from_parent(const struct ground *g)
{
	char here[8];
	struct iovec to = { here, sizeof(here) };
	struct iovec from = { (void *)(uintptr_t)g, sizeof(here) };

	return process_vm_readv(g->parent, &to, 1, &from, 1, 0) > 0;
}

static bool connects(const struct ground *g)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(g->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return s >= 0 && connect(s, (struct sockaddr *)&a, sizeof(a)) == 0;
}

/* A port of its choice; it is free on this address. */
static bool binds(const struct ground *g)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(g->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 76) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return s >= 0 && bind(s, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool listens(const struct ground *g)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)g;
	return s >= 0 && listen(s, 1) == 0;
}

static bool connects_the_abstract_socket(const struct ground *g)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	return s >= 0 &&
	       connect(s, (const struct sockaddr *)&g->name, g->name_len) == 0;
}

static bool opens_a_packet_socket(const struct ground *g)
{
	(void)g;
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool opens_a_raw_socket(const struct ground *g)
{
	(void)g;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0;
}

static bool maps_executable(const struct ground *g)
{
	(void)g;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) != MAP_FAILED;
}

static bool makes_executable(const struct ground *g)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	(void)g;
	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool becomes_root(const struct ground *g)
{
	(void)g;
	return setuid(0) == 0;
}

static bool uses_io_uring(const struct ground *g)
{
	char params[120] = { 0 };

	(void)g;
	return syscall(SYS_io_uring_setup, 4, params) >= 0;
}

static bool uses_bpf(const struct ground *g)
{
	char attr[64] = { 0 };

	(void)g;
	return syscall(SYS_bpf, 0, attr, sizeof(attr)) >= 0;
}

static bool uses_keyctl(const struct ground *g)
{
	(void)g;
	return syscall(SYS_keyctl, 0, -2, 1) >= 0;
}

static bool uses_userfaultfd(const struct ground *g)
{
	(void)g;
	return syscall(SYS_userfaultfd, 1) >= 0;
}

static bool unshares(const struct ground *g)
{
	(void)g;
	return unshare(CLONE_NEWUSER) == 0;
}

static bool raises_a_limit(const struct ground *g)
{
	struct rlimit core = { 4096, 4096 };

	(void)g;
	return setrlimit(RLIMIT_CORE, &core) == 0;
}

static bool opens_the_parent(const struct ground *g)
{
	return syscall(SYS_pidfd_open, g->parent, 0) >= 0;
}

static void every_other_attack_is_refused_to_every_kind(void **state)
{
	static const struct attack rows[] = {
		{ "execve", executes, SECCOMP | FILES, 0 },
		{ "fork", forks, SECCOMP, FOR(KEEPER) }, /* to make keys */
		{ "vfork", shares_memory, SECCOMP, 0 },
		{ "clone into a namespace", leaves_its_namespace, SECCOMP, 0 },
		{ "kill the parent", signals_parent, SECCOMP | SANDBOX_NO_SCOPE, 0 },
		{ "ptrace the parent", traces_parent, SECCOMP | FILES, 0 },
		{ "process_vm_readv", reads_from_parent, SECCOMP | FILES, 0 },
		{ "connect TCP", connects, SECCOMP | SANDBOX_NO_NET, FOR(WORKER) },
		{ "bind TCP", binds, SECCOMP | SANDBOX_NO_NET, FOR(WORKER) },
		{ "bind TCP as worker", binds, SANDBOX_NO_NET, ~FOR(WORKER) },
		{ "listen TCP", listens, SECCOMP, 0 },
		{ "abstract socket of the parent", connects_the_abstract_socket,
		  SECCOMP | SANDBOX_NO_SCOPE, FOR(WORKER) },
		{ "abstract socket of the parent as worker",
		  connects_the_abstract_socket, SANDBOX_NO_SCOPE, ~FOR(WORKER) },
		{ "AF_PACKET", opens_a_packet_socket, SECCOMP, 0 },
		{ "raw socket", opens_a_raw_socket, SECCOMP, 0 },
		{ "mmap PROT_EXEC", maps_executable, SECCOMP, 0 },
		{ "mprotect PROT_EXEC", makes_executable, SECCOMP, 0 },
		{ "setuid 0", becomes_root, SECCOMP, 0 },
		{ "io_uring_setup", uses_io_uring, SECCOMP, 0 },
		{ "bpf", uses_bpf, SECCOMP, 0 },
		{ "keyctl", uses_keyctl, SECCOMP, 0 },
		{ "userfaultfd", uses_userfaultfd, SECCOMP, 0 },
		{ "unshare", unshares, SECCOMP, 0 },
		{ "setrlimit", raises_a_limit, SECCOMP, 0 },
		{ "pidfd_open", opens_the_parent, SECCOMP, 0 },
	};

	attack_rows(*state, rows, sizeof(rows) / sizeof(*rows));
}

static void the_attacks_work_without_a_sandbox(void **state)
{
	static attack_fn *const harmless[] = {
		forks,           signals_parent,   connects,
		binds,           listens,          connects_the_abstract_socket,
		maps_executable, makes_executable,
	};

	attack_outside(*state, harmless, sizeof(harmless) / sizeof(*harmless));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_other_attack_is_refused_to_every_kind),
		cmocka_unit_test(the_attacks_work_without_a_sandbox),
	};

	return cmocka_run_group_tests_name("sandbox processes", tests, attack_setup,
					   attack_teardown);
}
