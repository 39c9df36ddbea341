/*
 * state_damage: what is done with a database that cannot be read.
 */
#pragma once

struct err;

#define STATE_BAD_PREFIX "state.db.bad-"
#define STATE_BAD_KEPT   3

/*
 * Copy DIR/state.db to state.db.bad-TIME for someone to look at, as far as there is room,
 * keep the newest STATE_BAD_KEPT of such copies, and remove it with all that SQLite had
 * beside it. A copy, for the agent's sandbox lets it make and remove files only. ERR_SYS:
 * it is still there.
 */
int state_set_aside(const char *dir, struct err *e);
