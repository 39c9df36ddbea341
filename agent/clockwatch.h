/*
 * clockwatch: what the wall clock is worth. Pure; nothing here asks a clock.
 *
 * All deadlines are wall-clock times. Where that clock and the one that nobody can set move
 * apart, it was set: everything is looked at again before anything is done. One that says
 * a time before this program was made is wrong, and nothing is begun by it. One that was
 * set ahead by more than a day, or is behind what was last remembered, is doubted: what is
 * due is done one by one until a renewal has succeeded, for then a CA agrees, or the clock
 * is set back. So is one that is more than a day from what a CA says, until it, or another,
 * says otherwise: by such a clock one is renewed in an hour, for it may be the CA's that is
 * wrong.
 *
 * A CA of this host agrees with any clock that it has. What it would give by one that is
 * ahead could not be used before that time comes, and so it renews nothing in the first
 * hour of a doubt. A clock that nobody has set right by then is believed, unless a CA has
 * said that it is wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CLOCKWATCH_MADE     1793491200 /* 2026-11-01: with each release */
#define CLOCKWATCH_JUMP_MS  5000 /* less is a clock that is put right bit by bit */
#define CLOCKWATCH_DOUBT_MS (86400 * INT64_C(1000))
#define CLOCKWATCH_HOLD_MS  (3600 * INT64_C(1000))

struct clockwatch {
	int64_t apart_ms; /* of the two clocks */
	int64_t sure_ms;  /* as it was when it was last believed */
	int64_t since_ms; /* of the clock that nobody can set: it is doubted */
	bool known;       /* sure_ms is: it was not wrong from the beginning */
	bool wrong;
	bool behind; /* what was last remembered */
	bool doubted;
	bool heard;       /* a CA has said what time it is */
	int64_t off_s;    /* more than a day, that a CA is ahead; < 0: behind; else 0 */
	int64_t heard_ms; /* of the clock that nobody can set: it said so last */
};

/* At the start. `seen` is the time of what was last remembered, Unix seconds. */
void clockwatch_begin(struct clockwatch *w, int64_t now_ms, int64_t boot_ms,
		      int64_t seen);

/* Look again. By how many milliseconds it was set, 0: it was not. */
int64_t clockwatch_turn(struct clockwatch *w, int64_t now_ms, int64_t boot_ms);

/* Another clock agrees: it is not doubted any more. */
void clockwatch_agree(struct clockwatch *w);

/* It is not doubted, and no CA has said that it is off. */
bool clockwatch_is_sure(const struct clockwatch *w);

/* For how long nothing is to be renewed for its age, by a CA of this host or by others; 0:
 * it may be. */
int64_t clockwatch_hold_ms(const struct clockwatch *w, bool of_this_host,
			   int64_t boot_ms);

/* A CA of this host has renewed something: it has no say in what time it is, so after that
 * nothing is renewed for as long as after the word of one that has. */
void clockwatch_renewed(struct clockwatch *w, int64_t boot_ms);

/* A CA is ahead by so much, as it says. Whether that is news: nobody had said
 * so, or it is off now and was not, or the other way round. */
bool clockwatch_hear(struct clockwatch *w, int64_t ahead_s, int64_t boot_ms);
