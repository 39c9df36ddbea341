/*
 * child: work that the keeper does in a process of its own.
 *
 * What takes long (keys), and what reads bytes that others may have written (foreign.h).
 * The child is in the keeper's sandbox, has no descriptor but the pipe that its result
 * goes into, a limit on its time, and dies with the keeper. These are the only forks of a
 * role: what the supervisor starts would have to be handed the keys, and so would
 * everything that is on the way.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct buf;
struct err;

struct child {
	pid_t pid;
	int fd; /* owned: readable when it is done; -1: not begun */
};

/* Have `work` write its result into `fd`; it may run for `cpu_s` seconds. When it
 * returns, the child ends. ERR_SYS. */
int child_start(unsigned cpu_s, void (*work)(void *arg, int fd), void *arg,
		struct child *c, struct err *e);

/* Its result, of at most `max` bytes (ERR_LIMIT); none if it ended too soon. *c has ended
 * in any case. */
int child_take(struct child *c, size_t max, struct buf *out, struct err *e);

/* It has closed its end, and its result is for somebody else: *c has ended. */
void child_end(struct child *c);
