/*
 * inventory_load: all of the inventory, once, before an agent decides: each certificate with
 * what is remembered of it, in the order of the state database, and what the last agent had
 * begun and not ended: hooks that are owed, orders.
 *
 * The keeper's stamps say of most that nothing has happened to them (audit.h), which is all
 * that is done for those; the others it looks at in full.
 */
#pragma once

#include <stdint.h>

struct agent;
struct err;

/* The keeper is asked directly: the loop must not run yet. */
int inventory_load(struct agent *a, struct err *e);

/* From the first of those that the request asks for to the last. Who writes, looks at all:
 * what is not asked for now may be in the next hour. */
void inventory_asked(const struct agent *a, uint32_t *first, uint32_t *end);
