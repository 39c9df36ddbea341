/* sandbox: what an attacker who runs code in a role would try is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"

/* What stands around the sandbox: a folder that is allowed, one that is not, and a
 * parent that listens. */
struct ground {
	char *top;
	char *inside;
	char *inside_file;
	char *outside;
	char *outside_file;
	int tcp;
	uint16_t port;
	int abstract;
	struct sockaddr_un name;
	socklen_t name_len;
	pid_t parent;
	pid_t child; /* inside; for calls on oneself */
};

static const char *const kind_names[SANDBOX_KINDS] = { "config", "agent", "keeper",
						       "worker", "responder" };

static void write_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
}

static void listen_tcp(struct ground *g)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	g->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(g->tcp, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(g->tcp, 8), errno);
	assert_return_code(getsockname(g->tcp, (struct sockaddr *)&a, &len), errno);
	g->port = ntohs(a.sin_port);
}

static void listen_abstract(struct ground *g)
{
	int n;

	g->name.sun_family = AF_UNIX;
	n = snprintf(g->name.sun_path + 1, sizeof(g->name.sun_path) - 1,
		     "everleaf-test-%d", getpid());
	g->name_len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	g->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(g->abstract, (struct sockaddr *)&g->name, g->name_len),
			   errno);
	assert_return_code(listen(g->abstract, 8), errno);
}

static int setup(void **state)
{
	static struct ground ground;
	struct ground *g = &ground;
	const char *tmp = getenv("TMPDIR");

	g->top = xasprintf("%s/everleaf-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(g->top));
	assert_return_code(chmod(g->top, 0755), errno);
	g->inside = xasprintf("%s/inside", g->top);
	g->outside = xasprintf("%s/outside", g->top);
	g->inside_file = xasprintf("%s/file", g->inside);
	g->outside_file = xasprintf("%s/file", g->outside);
	assert_return_code(mkdir(g->inside, 0755), errno);
	assert_return_code(mkdir(g->outside, 0755), errno);
	write_file(g->inside_file);
	write_file(g->outside_file);
	listen_tcp(g);
	listen_abstract(g);
	g->parent = getpid();
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct ground *g = *state;
	char *argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, g->top, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execvp("rm", argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	close(g->tcp);
	close(g->abstract);
	free(g->top);
	free(g->inside);
	free(g->inside_file);
	free(g->outside);
	free(g->outside_file);
	return 0;
}

/* -------- running something inside */

enum outcome {
	GOT_THROUGH = 40,
	REFUSED,
	NO_SANDBOX,
};

static struct sandbox box_of(const struct ground *g, enum sandbox_kind kind,
			     struct sandbox_path *path)
{
	bool writes = kind == SANDBOX_AGENT || kind == SANDBOX_KEEPER;
	bool reads = kind == SANDBOX_WORKER;

	*path =
	    (struct sandbox_path){ g->inside, writes ? SANDBOX_WRITE : SANDBOX_READ };
	return (struct sandbox){ .kind = kind,
				 .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .paths = path,
				 .n_paths = writes || reads };
}

typedef bool attack_fn(const struct ground *g);

/* Run `attack` in a sandbox of that kind; the status as of waitpid(). */
static int run(const struct ground *ground, enum sandbox_kind kind, attack_fn *attack)
{
	struct ground g = *ground;
	struct sandbox_path path;
	struct sandbox box = box_of(&g, kind, &path);
	unsigned missing;
	struct err e;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		g.child = getpid();
		if (sandbox_enter(&box, &missing, &e) != 0) {
			dprintf(2, "%s\n", e.text);
			_exit(NO_SANDBOX);
		}
		_exit(attack(&g) ? GOT_THROUGH : REFUSED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool was_refused(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) == REFUSED
				 : WTERMSIG(status) == SIGSYS;
}

/* What this kernel and this build lack. */
static unsigned missing_here(const struct ground *g)
{
	int out[2], status;
	unsigned missing = 0;
	pid_t pid;

	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	pid = fork();
	if (pid == 0) {
		struct sandbox_path path;
		struct sandbox box = box_of(g, SANDBOX_CONFIG, &path);
		struct err e;

		if (sandbox_enter(&box, &missing, &e) != 0 ||
		    write(out[1], &missing, sizeof(missing)) != sizeof(missing))
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(read(out[0], &missing, sizeof(missing)), sizeof(missing));
	close(out[0]);
	close(out[1]);
	return missing;
}

/* -------- the attacks: true is a success of the attacker */

static bool opens(const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC, mode) >= 0;
}

static bool reads_shadow(const struct ground *g)
{
	(void)g;
	return opens("/etc/shadow", O_RDONLY, 0);
}

static bool reads_outside(const struct ground *g)
{
	return opens(g->outside_file, O_RDONLY, 0);
}

static bool lists_outside(const struct ground *g)
{
	return opens(g->outside, O_RDONLY | O_DIRECTORY, 0);
}

static bool writes_outside(const struct ground *g)
{
	return opens(g->outside_file, O_WRONLY, 0);
}

static bool creates_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/new", g->outside);

	return opens(path, O_CREAT | O_WRONLY, 0600);
}

static bool creates_inside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/new", g->inside);

	return opens(path, O_CREAT | O_WRONLY, 0600);
}

static bool reads_memory_of_parent(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/mem", g->parent);

	return opens(path, O_RDONLY, 0);
}

static bool truncates_outside(const struct ground *g)
{
	return truncate(g->outside_file, 0) == 0;
}

static bool unlinks_outside(const struct ground *g)
{
	return unlinkat(AT_FDCWD, g->outside_file, 0) == 0;
}

static bool renames_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/moved", g->outside);

	return renameat(AT_FDCWD, g->outside_file, AT_FDCWD, path) == 0;
}

static bool takes_from_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/taken", g->inside);

	return renameat(AT_FDCWD, g->outside_file, AT_FDCWD, path) == 0;
}

static bool links_into_inside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/hard", g->inside);

	return linkat(AT_FDCWD, g->outside_file, AT_FDCWD, path, 0) == 0;
}

static bool symlinks_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/link", g->outside);

	return symlinkat("/etc/passwd", AT_FDCWD, path) == 0;
}

static bool makes_a_folder_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/folder", g->outside);

	return mkdirat(AT_FDCWD, path, 0700) == 0;
}

static bool makes_a_fifo_inside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/fifo", g->inside);

	return mkfifo(path, 0600) == 0;
}

static bool chmods_by_path(const struct ground *g)
{
	return chmod(g->inside_file, 0666) == 0;
}

static bool chowns_by_path(const struct ground *g)
{
	return fchownat(AT_FDCWD, g->outside_file, getuid(), getgid(), 0) == 0;
}

static bool sets_times_by_path(const struct ground *g)
{
	return utimensat(AT_FDCWD, g->outside_file, NULL, 0) == 0;
}

static bool makes_setuid(const struct ground *g)
{
	int fd = open(g->inside_file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fchmod(fd, 04755) == 0;
}

static bool makes_setgid(const struct ground *g)
{
	int fd = open(g->inside_file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fchmod(fd, 02755) == 0;
}

static bool creates_setuid(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/setuid", g->inside);

	return opens(path, O_CREAT | O_WRONLY, 04755);
}

static bool sets_an_attribute(const struct ground *g)
{
	return setxattr(g->inside_file, "user.x", "1", 1, 0) == 0;
}

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

static bool binds(const struct ground *g)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)g;
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

#define FOR(kind) (1u << SANDBOX_##kind)
#define SECCOMP   SANDBOX_NO_SECCOMP
#define FILES     SANDBOX_NO_LANDLOCK

/* `by`: what refuses the attack, each alone; where all of it is missing there is nothing
 * to show. */
static const struct attack {
	const char *name;
	attack_fn *run;
	unsigned by;
	unsigned not_for; /* kinds that may */
} attacks[] = {
	{ "read /etc/shadow", reads_shadow, FILES, 0 },
	{ "read a file outside", reads_outside, FILES, 0 },
	{ "list a folder outside", lists_outside, FILES, 0 },
	{ "write a file outside", writes_outside, FILES, 0 },
	{ "create a file outside", creates_outside, FILES, 0 },
	{ "create a file inside", creates_inside, FILES, FOR(AGENT) | FOR(KEEPER) },
	{ "/proc/PARENT/mem", reads_memory_of_parent, FILES, 0 },
	{ "truncate outside", truncates_outside, SECCOMP | SANDBOX_NO_TRUNCATE, 0 },
	{ "unlink outside", unlinks_outside, FILES, 0 },
	{ "rename outside", renames_outside, FILES, 0 },
	{ "rename from outside to inside", takes_from_outside, FILES, 0 },
	{ "hard link from outside to inside", links_into_inside, SECCOMP | FILES, 0 },
	{ "symlink outside", symlinks_outside, FILES, 0 },
	{ "mkdir outside", makes_a_folder_outside, FILES, 0 },
	{ "mkfifo inside", makes_a_fifo_inside, SECCOMP | FILES, 0 },
	{ "chmod by path", chmods_by_path, SECCOMP, 0 },
	{ "chown by path", chowns_by_path, SECCOMP, 0 },
	{ "utimes by path", sets_times_by_path, SECCOMP, 0 },
	{ "fchmod 04755", makes_setuid, SECCOMP, 0 },
	{ "fchmod 02755", makes_setgid, SECCOMP, 0 },
	{ "create a file as 04755", creates_setuid, SECCOMP, 0 },
	{ "setxattr", sets_an_attribute, SECCOMP, 0 },
	{ "execve", executes, SECCOMP | FILES, 0 },
	{ "fork", forks, SECCOMP, 0 },
	{ "kill the parent", signals_parent, SECCOMP | SANDBOX_NO_SCOPE, 0 },
	{ "ptrace the parent", traces_parent, SECCOMP | FILES, 0 },
	{ "process_vm_readv", reads_from_parent, SECCOMP | FILES, 0 },
	{ "connect TCP", connects, SECCOMP | SANDBOX_NO_NET, FOR(WORKER) },
	{ "bind TCP", binds, SECCOMP | SANDBOX_NO_NET, FOR(WORKER) },
	{ "bind TCP as worker", binds, SANDBOX_NO_NET, ~FOR(WORKER) },
	{ "listen TCP", listens, SECCOMP, 0 },
	{ "abstract socket of the parent", connects_the_abstract_socket,
	  SECCOMP | SANDBOX_NO_SCOPE, FOR(WORKER) },
	{ "abstract socket of the parent as worker", connects_the_abstract_socket,
	  SANDBOX_NO_SCOPE, ~FOR(WORKER) },
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

static unsigned attack_all_kinds(const struct ground *g, const struct attack *a)
{
	unsigned through = 0;

	for (unsigned k = 0; k < SANDBOX_KINDS; k++) {
		int status;

		if ((a->not_for & (1u << k)) != 0)
			continue;
		status = run(g, (enum sandbox_kind)k, a->run);
		if (was_refused(status))
			continue;
		print_error("%s: %s: status %#x\n", kind_names[k], a->name,
			    (unsigned)status);
		through++;
	}
	return through;
}

static void every_attack_is_refused_to_every_kind(void **state)
{
	const struct ground *g = *state;
	unsigned missing = missing_here(g), through = 0;

	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		if ((missing & attacks[i].by) == attacks[i].by)
			print_message("skipped: %s: %s\n", attacks[i].name,
				      sandbox_missing(missing));
		else
			through += attack_all_kinds(g, &attacks[i]);
	assert_int_equal(through, 0);
}

/* The same calls succeed without a sandbox, or the table above would prove nothing. */
static void the_attacks_work_without_a_sandbox(void **state)
{
	static attack_fn *const harmless[] = {
		reads_outside,
		lists_outside,
		writes_outside,
		creates_outside,
		creates_inside,
		symlinks_outside,
		chmods_by_path,
		makes_a_folder_outside,
		makes_setuid,
		forks,
		signals_parent,
		makes_a_fifo_inside,
		connects,
		binds,
		listens,
		connects_the_abstract_socket,
		maps_executable,
		makes_executable,
		sets_times_by_path,
		renames_outside,
	};
	const struct ground *g = *state;

	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (!harmless[i](g))
			fail_msg("attack %zu does not even work outside: %s", i,
				 strerror(errno));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attack_is_refused_to_every_kind),
		cmocka_unit_test(the_attacks_work_without_a_sandbox),
	};

	return cmocka_run_group_tests_name("sandbox", tests, setup, teardown);
}
