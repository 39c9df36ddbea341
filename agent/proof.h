/*
 * proof: what is served is looked at again and again while the agent stays, for a server
 * that has taken a certificate may lose it: restored, moved, replaced by an old image.
 *
 * Each certificate that has `probe` is looked at every `probe_every` (an hour), at its own
 * moment, which comes from host and name (schedule_turn_at()): no two hosts and no two
 * certificates at once, the same after a restart, and nothing wakes for it in between. When
 * the agent is asked to look at everything, that is now.
 *
 * At most PROOF_AT_ONCE are looked at together, each endpoint once; where anything else
 * than the live certificate is served, once more and longer, so that a server that is just
 * beginning anew is not told of. Then, by what its endpoints serve:
 *
 *     NEW          what was not served before is, by whatever: it is told, and no more
 *                  is to be done
 *     OLD, OTHER   the certificate is not-served (due.h): the job for that runs the hooks
 *                  once more, proves, and tells if that was of no use
 *     DOWN         is told, and nothing is done: who has stopped a server does not want
 *                  it started by a hook
 *
 * What was seen is remembered in each case. Nothing is ordered, nothing is rolled back.
 * While files are another's or differ, what is served is remembered and not judged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;

#define PROOF_AT_ONCE 4

/* With the loop. */
void proof_begin(struct agent *a);
void proof_free(struct agent *a);

/* Look at what is served of certificate `i`, of which nothing is due, if it is time to.
 * Returns when it will be time, INT64_MAX: never in this run, or when that has ended. */
int64_t proof_look(struct agent *a, uint32_t i, int64_t now);

/* Whether anything is being looked at. */
bool proof_busy(const struct agent *a);
