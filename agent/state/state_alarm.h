/* state_alarm: what was told of what went wrong, in the state database (see state.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct state;

struct alarm_row {
	uint64_t kind;   /* what of that event: another one is a change */
	int64_t told_at; /* 0: it is owed, and stays until it was told; < 0: the same as
			    long as it is so, see alarm_owed.h */
};

/* What was told last of `event` (its word) of certificate `name`, "" being the host;
 * *found false: nothing. */
int state_alarm_get(struct state *s, const char *name, const char *event,
		    struct alarm_row *row, bool *found, struct err *e);
int state_alarm_put(struct state *s, const char *name, const char *event,
		    const struct alarm_row *row, struct err *e);

/* What is owed, of whomever. The strings live for the call. */
int state_alarm_owed(struct state *s,
		     int (*each)(void *arg, const char *name, const char *event,
				 uint64_t kind),
		     void *arg, struct err *e);

/* Of names that begin with `before`, what was told last before `at`: nobody tells it any
 * more. */
int state_alarm_prune(struct state *s, const char *before, int64_t at, struct err *e);

/* All is well with `name`: the next time is a change. What somebody does to its files
 * is no matter of that. */
int state_alarm_over(struct state *s, const char *name, struct err *e);
