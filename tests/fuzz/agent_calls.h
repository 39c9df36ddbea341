/*
 * agent_calls: the calls that wait, and those that say what time it is, in place of the C
 * library's, for the target `agent`: whoever is near answers from within them.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/agent_near.h"
#include "tests/help/no_sandbox.h"

int clock_gettime(clockid_t id, struct timespec *t)
{
	if (!stage.runs || (id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME))
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){ 1000 + stage.ms / 1000, stage.ms % 1000 * 1000000 };
	return 0;
}

/* libev's. */
int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	const int64_t ms = NOW * 1000 + stage.ms + stage.set_ms;

	if (!stage.runs)
		return (int)syscall(SYS_gettimeofday, out, zone);
	*out = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at,
		    struct itimerspec *before)
{
	return stage.runs ? 0
			  : (int)syscall(SYS_timerfd_settime, fd, flags, at, before);
}

static inline int look(int fd, struct epoll_event *events, int most, int timeout)
{
	return (int)syscall(SYS_epoll_pwait, fd, events, most, timeout, NULL, 8);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	int n;

	if (!stage.runs)
		return look(fd, events, most, timeout);
	answer_all();
	n = look(fd, events, most, 0);
	if (n != 0)
		return n;
	if (timeout == 0)
		pass(1); /* a timer is due when its moment is over */
	else
		happen(timeout < 0 ? 60000 : timeout);
	answer_all();
	return look(fd, events, most, 0);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return (int)syscall(SYS_poll, fds, n, stage.runs ? 0 : timeout);
}

/* An agent without a loop, that is not answered: whoever it has asked is gone. */
ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t n;

	answer_all();
	n = syscall(SYS_recvmsg, fd, m, flags | (stage.runs ? MSG_DONTWAIT : 0));
	if (n < 0 && errno == EAGAIN && stage.runs && !stage.answering &&
	    (fd == ROLE_FD_PEER || fd == ROLE_FD_SUPERVISOR))
		return 0;
	return n;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t n;

	if (!stage.runs)
		return syscall(SYS_sendmsg, fd, m, flags);
	n = syscall(SYS_sendmsg, fd, m, flags | MSG_DONTWAIT);
	if (n >= 0 || errno != EAGAIN || stage.answering)
		return n;
	answer_all();
	return syscall(SYS_sendmsg, fd, m, flags | MSG_DONTWAIT);
}
