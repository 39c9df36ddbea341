/*
 * progress: one line for who waits at a terminal, in place: what is under way.
 *
 *     ordering 12 of 100, 3 parked, 40 installing, 45 done
 *
 * Only of `renew` and its like on a terminal, and not with NO_COLOR or --json or -q. It
 * comes with the first tick, so that a short run shows none, gives way to every line
 * that is printed, and is gone at the end.
 */
#pragma once

struct agent;

void progress_show(struct agent *a);
void progress_hide(struct agent *a);
