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

/* Commit and call; false: nobody waited. The end of a turn calls it until then. */
bool commit_turn(struct agent *a);

/* Forget who waits. */
void commit_free(struct agent *a);
