#include "agent/super/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define EXIT_LOST 126

static void heed_children(void)
{
	struct sigaction act;

	if (sigaction(SIGCHLD, NULL, &act) == 0 && act.sa_handler == SIG_IGN)
		signal(SIGCHLD, SIG_DFL);
}

static void child(void (*run)(const void *arg), const void *arg)
{
	sigset_t none;

	/* The C library keeps two for itself and refuses them; they are not handled. */
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	run(arg);
	_exit(EXIT_LOST);
}

int spawn(void (*run)(const void *arg), const void *arg, struct spawned *p,
	  struct err *e)
{
	sigset_t all, before;
	int sysno;
	pid_t pid;
	int fd;

	heed_children();
	/* No handler of ours may run in the child before it is off. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child(run, arg);
	sysno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = sysno;
	if (pid < 0)
		return err_sys(e, "fork");
	/* Ours and not yet waited for: the number cannot mean another process. */
	fd = pidfd_open(pid, 0);
	if (fd < 0) {
		err_sys(e, "pidfd_open");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return ERR_SYS;
	}
	*p = (struct spawned){ .pid = pid, .pidfd = fd };
	return 0;
}
