/*
 * strangers: certificates that are not ours, as they approach their end (`watch`).
 *
 * The keeper has them looked at by a child (stranger.h), which tells us of one file after
 * the other. The daemon has that done at its start, each day, and when something has
 * changed where they are: STRANGERS_QUIET_S after the last change, STRANGERS_MOST_S after
 * the first; where changes are not told of, each hour. `status` and `renew` look once. What
 * is known of them is in memory only. A look that fails, or of which nothing is heard for
 * STRANGERS_WAIT_MS, is told in log and status, what was known before stays, and the next
 * is an hour later.
 *
 * Nobody here can renew them: what is told is "expiring", to every hook that has it, as of
 * the host. A sixth, a twelfth, a twentieth of a life is 30, 15, 9 days where that is half a
 * year or longer: an anchor of 20 years is not near its end for three.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "agent/role/stranger.h"
#include "agent/status_view.h"

struct agent;
struct json;

#define STRANGERS_QUIET_S 10
#define STRANGERS_MOST_S  60
#define STRANGERS_LIFE_S  (180 * 86400)
#define STRANGERS_WAIT_MS 30000 /* for the next file */

/* One file. */
struct strange {
	char *path; /* owned, as the next two */
	char *name; /* of the certificate that ends first */
	char *why;  /* it, or something in it, cannot be read; "": all can */
	char serial[48];
	uint8_t fingerprint[32];
	int64_t not_before;
	int64_t not_after; /* 0: there is none in it */
	uint32_t place;    /* of that certificate among the `n` */
	uint32_t n;
};

struct strange_list {
	struct strange *all; /* owned */
	size_t n;
};

struct strangers {
	struct strange_list known;   /* by path */
	unsigned left_out;           /* files: there are too many */
	char *trouble;               /* owned; of the last look; NULL: it was whole */
	struct strange_list alarms;  /* that hooks are to be told of */
	struct strange_list telling; /* ... are being told of */
	int64_t look_at;
	int64_t changed_at; /* the first change since the last look; 0: none */
	int64_t tell_at;    /* when there is something to tell */
	bool asking;
	/* a look that is under way */
	int fd; /* owned; -1: none is */
	ev_io io;
	ev_timer patience;
	struct stranger part; /* the first `have` bytes of what is being told */
	size_t have;
	bool whole;
	struct strange_list coming;
};

void strangers_begin(struct agent *a);
void strangers_free(struct agent *a);

/* Look now and wait for it; the loop must not run yet. What fails is a warning. */
void strangers_load(struct agent *a);

/* Something has changed where they are. */
void strangers_changed(struct agent *a);

/* Begin a look if it is time; tell of those that are near their end. Returns when there is
 * something again, INT64_MAX: never. */
int64_t strangers_turn(struct agent *a);

/* What is told of them now is taken for this round; the round is over. */
void strangers_telling(struct agent *a);
void strangers_told(struct agent *a);

/* Its state in a word, static, and how bad it is. */
const char *strange_state(const struct strange *f, int64_t now, enum health *health);
/* How near its end is, as of alarm_step(). */
unsigned strange_step(const struct strange *f, int64_t now, int64_t *next);
/* What is to be said of that end; owned. */
char *strange_words(const struct strange *f, int64_t now);

/* -- print_stranger.c -- */

void strange_json(const struct strange *f, struct json *j);
void strangers_show(const struct agent *a);
