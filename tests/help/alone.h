/*
 * alone: one role of the built programs, exec'd as the supervisor would, with the test on
 * all of its sockets.
 *
 *     alone_start(&a, ROLE_KEEPER, &request, snapshot);
 *     code = alone_ask(&a, &m, text); ...
 *     assert_int_equal(alone_end(&a), 0);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/role/request.h"
#include "agent/role/roles.h"
#include "base/msg.h"

struct alone {
	pid_t pid;
	int super; /* the supervisor's end; -1: let go */
	int peer;  /* the peer's end */
	int said;  /* what it writes to stdout and stderr */
};

/* The program `name` ("everleaf") beside which this test was built; that of `role`. */
const char *alone_program(const char *name);
const char *alone_role(enum role role);

/* Exec it with descriptors 3 to 6 as they are in `fds` (-1: closed), its output to
 * `out`. argv ends with NULL. The fds stay the caller's. */
pid_t alone_exec(const char *program, const char *const *argv, const int fds[4],
		 int out);

/* Exec the role with `snapshot` (stays the caller's) and sockets; no ROLE_START yet. */
void alone_raise(struct alone *a, enum role role, int snapshot);

/* The same, begun with ROLE_START for `r`, as the test's own user. */
void alone_start(struct alone *a, enum role role, const struct request *r,
		 int snapshot);

/* Send `m` and take the answer into it; 0, or the code of the refusal, whose text is
 * then in `text`. Fails the test if none comes, or one with another id or type. */
int alone_ask(const struct alone *a, struct msg *m, char *text, size_t size);

/* Let go of its sockets, wait: its exit status, 128 + signal. What it said is in
 * `said`, if that is not NULL. Fails the test if it does not end within 10 s. */
int alone_end(struct alone *a, char *said, size_t size);

/* Exit status of `pid`, 128 + signal; after `ms` it is killed and the test failed. */
int alone_wait(pid_t pid, int ms);

/* What can be read from `fd` now and until its end, as a string. */
void alone_hear(int fd, char *said, size_t size);
