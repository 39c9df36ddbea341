/*
 * hostile: what is common to the tests in which one role is sent what another one, taken
 * over, could send (tests/hostile): how many messages, from which seed, and whether anything
 * has changed that is not the role's to change.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* HOSTILE_MESSAGES, or else `sample`; HOSTILE_SEED, or else 1. */
uint32_t hostile_messages(uint32_t sample);
uint64_t hostile_seed(void);

/* Into `seen`: a line for each file and folder below `top`, with all that lstat(2) tells of
 * it; not for those that are the role's to change: is_ours() is given what comes after
 * "top/" and says so. */
void hostile_look(const char *top, bool (*is_ours)(const char *path), struct buf *seen);

/* What is there now in `fd`, a pipe that does not block, appended to `said`, of which the
 * last is kept. */
void hostile_hear(int fd, struct buf *said);

/* Whether a sanitizer has spoken. */
bool hostile_is_fault(const struct buf *said);
