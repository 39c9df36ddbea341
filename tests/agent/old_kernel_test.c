/*
 * old_kernel: everleaf on kernels whose Landlock is older, or that have none: it runs, and
 * `status` says what is missing. Such a kernel is played: a filter has whoever asks which
 * Landlock there is told another number (seccomp_unotify(2)); that who is told less is
 * limited less is the kernel's own.
 */
#include "tests/scratch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/sandbox_seccomp.h"
#include "tests/help/alone.h"

#define PATIENCE_MS 120000 /* the host may be busy */
#define NONE        0      /* in the place of an ABI */

/* -- the kernel -- */

static int listener_of_landlock(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { 4, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Which ABI there is asks who has no attributes; all else is for the kernel itself. */
static void answer(int listener, int abi)
{
	struct seccomp_notif asked = { 0 };
	struct seccomp_notif_resp r = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return;
	r.id = asked.id;
	if (asked.data.args[0] != 0)
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (abi == NONE)
		r.error = -ENOSYS;
	else
		r.val = abi;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

/* In a process of its own: run argv on that kernel, and end as it does. */
static void play_kernel(int abi, const char *const *argv, int out)
{
	const int listener = listener_of_landlock();
	struct pollfd p[] = { { listener, POLLIN, 0 }, { -1, POLLIN, 0 } };
	const pid_t pid = listener < 0 ? -1 : fork();

	if (pid < 0)
		_exit(99);
	if (pid == 0) {
		char *env[] = { NULL };

		close(listener);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		execve(argv[0], (char **)(uintptr_t)argv, env);
		_exit(126);
	}
	p[1].fd = pidfd_open(pid, 0);
	while (p[1].revents == 0 && poll(p, 2, -1) >= 0)
		if ((p[0].revents & POLLIN) != 0)
			answer(listener, abi);
	_exit(alone_wait(pid, PATIENCE_MS));
}

/* "everleaf -c CONFIG WORD..." there: its exit status, and what was said in *said. */
static int run(const struct scratch *s, int abi, const char *const words[3],
	       struct buf *said)
{
	AUTO_FREE char *config = xasprintf("%s/everleaf.conf", s->path);
	const char *const argv[] = { alone_program("everleaf"),
				     "-c",
				     config,
				     words[0],
				     words[1],
				     words[2],
				     NULL };
	AUTO_FD int out =
	    openat(s->fd, "said", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const pid_t pid = fork();
	char part[4096];
	ssize_t n;
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		play_kernel(abi, argv, out);
	status = alone_wait(pid, PATIENCE_MS);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	while ((n = read(out, part, sizeof(part))) > 0)
		buf_add(said, part, (size_t)n);
	return status;
}

/* -- everleaf there -- */

static void configure(const struct scratch *s)
{
	AUTO_FREE char *text = xasprintf(
	    "state_dir = \"%s/state\";\nruntime_dir = \"%s/run\";\n%s"
	    "certificates = { name = \"www\"; names = \"www.example\"; issuer = "
	    "\"local\"; files = { path = \"%s/files/www.pem\"; }; };\n",
	    s->path, s->path,
	    geteuid() != 0 ? ""
			   : "users = { agent = \"61001\"; keeper = \"61002\"; network "
			     "= \"61003\"; };\n",
	    s->path);

	assert_int_equal(fchmod(s->fd, 0755), 0); /* the roles are other users */
	scratch_mkdir(s, "files");
	scratch_put(s, "everleaf.conf", text);
}

static void expect(const struct scratch *s, int abi, const char *const words[3],
		   int status, const char *text)
{
	AUTO_BUF struct buf said = { 0 };
	const int ended = run(s, abi, words, &said);

	if (ended == 99) {
		print_message("skipped: nothing can be played to a process here\n");
		skip();
	}
	if (ended != status || (text != NULL && strstr(said.data, text) == NULL) ||
	    strstr(said.data, "sandbox of") != NULL)
		fail_msg("landlock %d: %s: status %d, said\n%s", abi, words[0], ended,
			 said.len == 0 ? "nothing" : said.data);
}

/* Keeper, agent, config, and a probe, which finds nobody at port 1. */
static void an_older_kernel_is_enough_and_status_says_what_it_lacks(void **state)
{
	static const struct {
		int abi;
		const char *said;
	} kernels[] = {
		{ NONE, "this kernel: no landlock: " },
		{ 1, "this kernel: landlock below 3: " },
		{ 2, "this kernel: landlock below 3: " },
		{ 3, "this kernel: landlock below 4: " },
		{ 4, "this kernel: landlock below 6: " },
		{ 5, "this kernel: landlock below 6: " },
	};
	static const char *const renew[] = { "renew", "--force", "www" };
	static const char *const status[] = { "status", NULL, NULL };
	static const char *const inspect[] = { "inspect", "127.0.0.1:1", NULL };
	const struct scratch *s = *state;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 6) {
		print_message("skipped: this kernel is older itself\n");
		skip();
	}
	configure(s);
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		AUTO_FREE char *generation =
		    xasprintf("state/archive/www/%010zu/cert.pem", i + 1);

		expect(s, kernels[i].abi, renew, 0, NULL);
		assert_true(scratch_has(s, generation));
		expect(s, kernels[i].abi, status, 0,
		       SANDBOX_SANITIZED ? NULL : kernels[i].said);
		expect(s, kernels[i].abi, inspect, 1, "refused");
	}
	assert_true(scratch_has(s, "files/www.pem"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_older_kernel_is_enough_and_status_says_what_it_lacks, scratch_in,
		    scratch_out),
	};

	return cmocka_run_group_tests_name("old kernel", tests, NULL, NULL);
}
