/*
 * heap: numbers below `room`, each once, by a key that may change: the smallest first.
 *
 * All is done in the time of log(n). Memory is given at once and for good, and costs
 * nothing where it was never needed: an empty heap of 100,000 has touched no page.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap {
	uint32_t room;
	uint32_t n;
	uint32_t *order; /* owned, as the next two; order[0] is the first */
	uint32_t *place; /* by number: 1 + where it stands in `order`; 0: nowhere */
	int64_t *key;    /* by number */
};

void heap_init(struct heap *h, uint32_t room);
void heap_done(struct heap *h);

/* Put number `i` in, or give it another key. */
void heap_put(struct heap *h, uint32_t i, int64_t key);

/* Take it out, if it is in. */
void heap_take(struct heap *h, uint32_t i);

/* The first; of equal keys the lower number. False: there is none. */
bool heap_first(const struct heap *h, uint32_t *i, int64_t *key);
