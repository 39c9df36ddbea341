/*
 * clock: a clock for a whole tree of processes, steered from outside, for LD_PRELOAD.
 *
 * CLOCK_PAGE names a file of one struct page, mapped before a sandbox closes: what tells
 * the time afterwards needs no system call that a role may not make. (So this is not
 * libfaketime, which reads a file each time, and cannot move the clock that goes on through
 * suspend apart from the one that is set.) CLOCK_SEAT is the place in which a process notes
 * which version of the page it has seen.
 *
 * Moved are CLOCK_REALTIME and CLOCK_BOOTTIME. The kernel's own timers and the times of
 * files are not. Who asks to be told when the clock is set (TFD_TIMER_CANCEL_ON_SET) is
 * told every few milliseconds that it may have been.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SEATS 8
#define S     INT64_C(1000000000)

#define MAYBE_SET_NS 5000000

struct page {
	_Atomic int64_t version; /* odd while it is written */
	_Atomic int64_t wall_ns; /* added to CLOCK_REALTIME */
	_Atomic int64_t boot_ns; /* to CLOCK_BOOTTIME */
	_Atomic int64_t seen[SEATS];
};

static struct page nowhere;
static struct page *page = &nowhere;
static unsigned seat;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_timerfd_settime)(int, int, const struct itimerspec *,
				   struct itimerspec *);

static void *next(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (f == NULL)
		abort();
	return f;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CLOCK_PAGE");
	const char *own = getenv("CLOCK_SEAT");
	const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *map;

	*(void **)&real_clock_gettime = next("clock_gettime");
	*(void **)&real_timerfd_settime = next("timerfd_settime");
	if (fd < 0)
		abort();
	map = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		abort();
	page = map;
	seat = own == NULL ? 0 : (unsigned)own[0] % SEATS;
}

/* What is to be added to that clock. */
static int64_t moved_by(clockid_t id)
{
	int64_t version, wall, boot;

	do {
		version = page->version;
		wall = page->wall_ns;
		boot = page->boot_ns;
	} while (version % 2 != 0 || version != page->version);
	if (id == CLOCK_REALTIME)
		page->seen[seat] = version;
	return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE ? wall
	       : id == CLOCK_BOOTTIME                              ? boot
								   : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int64_t ns;

	if (real_clock_gettime == NULL)
		begin();
	if (real_clock_gettime(id, t) < 0)
		return -1;
	ns = t->tv_nsec + moved_by(id) % S + S;
	t->tv_sec += moved_by(id) / S + ns / S - 1;
	t->tv_nsec = ns % S;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out != NULL)
		*out = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	out->tv_sec = t.tv_sec;
	out->tv_usec = t.tv_nsec / 1000;
	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new,
		    struct itimerspec *old)
{
	const struct itimerspec soon = { .it_value = { .tv_nsec = MAYBE_SET_NS } };

	if ((flags & TFD_TIMER_CANCEL_ON_SET) == 0)
		return real_timerfd_settime(fd, flags, new, old);
	return real_timerfd_settime(fd, 0, &soon, old);
}
