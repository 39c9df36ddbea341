/*
 * clock: the one place that asks what time it is.
 *
 * Deadlines that survive a restart are wall-clock times (Unix seconds); spans inside
 * one run (a time limit, a wait) are measured on a clock that no one can set and that
 * goes on through suspend. But how long another process of this host, a role or a hook, has
 * had for something is measured on one that stands still meanwhile: it sleeps when we do.
 */
#pragma once

#include <stdint.h>

int64_t clock_now(void);      /* Unix seconds */
int64_t clock_now_ms(void);   /* Unix milliseconds */
int64_t clock_boot_ms(void);  /* since boot, suspend included */
int64_t clock_awake_ms(void); /* ... left out */

/* Of two moments; INT64_MAX is never. */
int64_t clock_sooner(int64_t x, int64_t y);

/* Tests only: clock_now() stands still at `now`; 0 lets it go again. */
void clock_fake(int64_t now);
/* Tests only: as if the host had slept for so long, in all. */
void clock_fake_sleep(int64_t ms);
