/*
 * audit: what the keeper says of keys and files.
 *
 * Of the stats of a certificate's live key, its live leaf and its files it makes one number,
 * the stamp. The one from when all was whole is remembered. Where it is the same, nothing is
 * looked at, by nobody: what is remembered of the leaf is what is live. Where it is not, the
 * agent looks at the leaf, and the keeper, asked for it (KEEPER_AUDIT), at all of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/state/state.h"

struct agent;
struct err;
struct msg;

/*
 * The stamps of certificates, in their order. The keeper makes the next ones while what the
 * last ones were of is looked at. Nothing else may be asked of it until stamps_end().
 *
 *     stamps_begin(&s, first, end)
 *     stamps_get(&s, i, &stamp, e)      first <= i < end, never below the one before
 *     stamps_end(&s)
 */
#define STAMPS_AT_ONCE 1024 /* 8 KiB in one message */
#define STAMPS_AHEAD   8    /* such messages: what a socket holds */

struct stamps {
	uint32_t asked; /* below this: all that were asked for */
	uint32_t end;
	uint32_t known; /* below this: all that have come */
	uint32_t n;     /* that came with the last message */
	uint64_t last[STAMPS_AT_ONCE];
};

void stamps_begin(struct stamps *s, uint32_t first, uint32_t end);
int stamps_get(struct stamps *s, uint32_t i, uint64_t *stamp, struct err *e);
/* Take what is still to come. */
void stamps_end(struct stamps *s);

/* What was remembered of the files of one certificate. */
struct audited {
	uint64_t stamp; /* when they were last found whole, or ... */
	bool told;      /* not so, and that was told */
};

struct audited audited_as(const struct memory *m);

/* Is all as it was, and was it whole? */
bool audited_stands(const struct audited *before, uint64_t stamp);

/* Ask the keeper to look at certificate `i`, whose stamp that is; directly: the loop must
 * not run yet. What it cannot look at is said, and taken to be as it was. */
int audit_ask(struct agent *a, uint32_t i, uint64_t stamp, const struct audited *before,
	      struct err *e);

/* ... at generation `number`, which need not be live: why that is not whole; text "": it
 * is. */
int audit_generation(uint32_t i, uint64_t number, struct err *damage, struct err *e);

/* With its answer in `m`, while the loop runs; `stamp` was from before it was asked. */
int audit_take(struct agent *a, uint32_t i, uint64_t stamp, struct msg *m,
	       struct err *e);
