/*
 * commit: what many jobs wrote is made durable at once.
 *
 * A commit waits for the disk. Who must know that a row is on disk before it goes on
 * asks here and is called at the end of this turn of the loop, after one commit for all
 * that was written in it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct err;

/* `e` NULL: all that was written before is on disk. */
typedef void commit_done(struct agent *a, uint32_t number, const struct err *e);

void commit_then(struct agent *a, commit_done *done, uint32_t number);

/* ERR_SYS unless there is room for what will be remembered of an order: asked before one is
 * made, for one that nobody remembers is made again. */
int commit_room(const struct agent *a, struct err *e);

/* Commit and call; false: nobody waited. The end of a turn calls it until then. */
bool commit_turn(struct agent *a);

/* Forget who waits. */
void commit_free(struct agent *a);
