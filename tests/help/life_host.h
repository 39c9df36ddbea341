/*
 * life_host: what the agent asks of the host, where a life (life.h) is all there is. For one
 * test to include: these take the place of the calls of the C library.
 */
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED /* a generator of random numbers in two lines */
#include "tests/help/life_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "agent/role/roles.h"
#include "tests/help/no_sandbox.h"

static struct life *life; /* of this process; NULL: its clock is the host's */

int clock_gettime(clockid_t id, struct timespec *t)
{
	if (life == NULL || id == CLOCK_PROCESS_CPUTIME_ID ||
	    id == CLOCK_THREAD_CPUTIME_ID)
		return (int)syscall(SYS_clock_gettime, id, t);
	life_clock(life, id, t);
	return 0;
}

/* libev's. */
int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*out = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
	return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	int64_t left = timeout == 0 ? 1 : timeout; /* it is never no time at all */
	long n;

	if (life == NULL)
		return (int)syscall(SYS_epoll_pwait, fd, events, most, timeout, NULL,
				    8);
	life_steps_call(life);
	do {
		life_turn(life);
		n = syscall(SYS_epoll_pwait, fd, events, most, 0, NULL, 8);
	} while (n == 0 && left != 0 && life_wait(life, &left));
	return (int)n;
}

/* libev waits for the clock to be set by a timer of the kernel's, which knows the host's
 * own: where that is ahead, it would be woken all the time. life_wait() wakes it. */
int timerfd_settime(int fd, int flags, const struct itimerspec *at,
		    struct itimerspec *before)
{
	return life != NULL ? 0
			    : (int)syscall(SYS_timerfd_settime, fd, flags, at, before);
}

/* At the start it asks the keeper without a loop. */
ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	if (life != NULL) {
		life_steps_call(life);
		life_turn(life);
	}
	return syscall(SYS_recvmsg, fd, m, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (life != NULL) {
		life_steps_call(life);
		life->asked = true;
	}
	return syscall(SYS_sendmsg, fd, m, flags);
}

/* Whether its peers are still there: they are. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return life != NULL ? 0 : (int)syscall(SYS_poll, fds, n, timeout);
}

static bool has_room(void)
{
	const bool room = life == NULL || life_steps_call(life);

	errno = ENOSPC;
	return room;
}

/* The state database's. */
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return has_room() ? (ssize_t)syscall(SYS_pwrite64, fd, data, len, at) : -1;
}

int fsync(int fd)
{
	if (life != NULL)
		life_steps_call(life);
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

/* Another seed is another life, and nothing else is: serial numbers decide, too. */
static int give_bytes(unsigned char *to, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = (unsigned char)life_draw(life, 256);
	return 1;
}

static int is_seeded(void)
{
	return 1;
}

static void seed_openssl(void)
{
	static const RAND_METHOD method = { .bytes = give_bytes,
					    .pseudorand = give_bytes,
					    .status = is_seeded };

	if (RAND_set_rand_method(&method) != 1)
		abort();
}
