/* writing: the state database of a test, with a transaction open. */
#pragma once

#include "agent/state/state.h"
#include "base/err.h"
#include "tests/scratch.h"

static inline struct state *begin(const struct scratch *s)
{
	struct state *st = NULL;
	struct err e;

	if (state_open(s->path, false, &st, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(state_begin(st, &e), 0);
	return st;
}

static inline void commit(struct state *st)
{
	struct err e;

	if (state_commit(st, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void commit_and_close(struct state *st)
{
	commit(st);
	state_close(st);
}
