#include "tests/crash/orphan.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool orphan_fork(void)
{
	int reaper = 0;
	pid_t pid;

	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	pid = fork();
	if (pid == 0) {
		if (fork() != 0)
			_exit(0);
		setsid();
		return true;
	}
	waitpid(pid, NULL, 0);
	prctl(PR_SET_CHILD_SUBREAPER, reaper);
	return false;
}
