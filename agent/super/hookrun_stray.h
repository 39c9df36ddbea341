/*
 * hookrun_stray: the processes that a hook left behind.
 *
 * The supervisor is a subreaper, so whatever a hook starts stays below it. A process
 * belongs to a run if it is in the session that the hook began, has the run's mark in
 * its environment, or descends from one that belongs. What takes off all three while
 * its parent dies is not found; it is then a daemon by any measure.
 *
 * The roles must stay in the supervisor's own session: a hook begins a new one, and no
 * process can come back, which is how the two kinds of children are told apart.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * Send `signal` (0: none) to each living process of the run whose first process is
 * `leader` (not yet reaped) and whose mark is `mark` ("EVERLEAF_RUN=..."), but not to
 * its process group, which the caller signals at one go. Returns how many there are,
 * with those of the group, without the leader.
 */
size_t hookrun_stray_signal(pid_t leader, const char *mark, int signal);

/* Reap what was re-parented to us and has ended; `leaders` are left for their runs. */
void hookrun_stray_reap(const pid_t *leaders, size_t n);
