/*
 * clockwatch: what the wall clock is worth. Pure; nothing here asks a clock.
 *
 * All deadlines are wall-clock times. Where that clock and the one that nobody can set move
 * apart, it was set: everything is looked at again before anything is done. One that says
 * a time before this program was made is wrong, and nothing is begun by it. One that was
 * set ahead by more than a day, or is behind what was last remembered, is doubted: what is
 * due is done one by one until a renewal has succeeded, for then a CA agrees. So is one that
 * is more than a day from what a CA says, until it, or another, says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CLOCKWATCH_MADE     1793491200 /* 2026-11-01: with each release */
#define CLOCKWATCH_JUMP_MS  5000 /* less is a clock that is put right bit by bit */
#define CLOCKWATCH_DOUBT_MS (86400 * INT64_C(1000))

struct clockwatch {
	int64_t apart_ms; /* of the two clocks */
	bool wrong;
	bool doubted;
	bool heard;    /* a CA has said what time it is */
	int64_t off_s; /* more than a day, that a CA is ahead; < 0: behind; else 0 */
};

/* At the start. `seen` is the time of what was last remembered, Unix seconds. */
void clockwatch_begin(struct clockwatch *w, int64_t now_ms, int64_t boot_ms,
		      int64_t seen);

/* Look again. By how many milliseconds it was set, 0: it was not. */
int64_t clockwatch_turn(struct clockwatch *w, int64_t now_ms, int64_t boot_ms);

/* A CA is ahead by so much, as it says. Whether that is news: nobody had said
 * so, or it is off now and was not, or the other way round. */
bool clockwatch_hear(struct clockwatch *w, int64_t ahead_s);
