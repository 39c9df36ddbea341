#include "base/clock.h"

#include <time.h>

static int64_t fake_now;   /* the one settable clock, for tests */
static int64_t fake_sleep; /* ... with this added to the one below */

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return fake_now != 0 ? fake_now * 1000 : read_ms(CLOCK_REALTIME);
}

int64_t clock_now(void)
{
	return clock_now_ms() / 1000;
}

int64_t clock_boot_ms(void)
{
	return read_ms(CLOCK_BOOTTIME) + fake_sleep;
}

int64_t clock_awake_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_sooner(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

void clock_fake(int64_t now)
{
	fake_now = now;
}

void clock_fake_sleep(int64_t ms)
{
	fake_sleep = ms;
}
