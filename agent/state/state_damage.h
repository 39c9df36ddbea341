/*
 * state_damage: what is done with a database that cannot be gone on with, and how that
 * is said.
 */
#pragma once

#include <stdint.h>

struct err;
struct state;

#define STATE_BAD_PREFIX "state.db.bad-"
#define STATE_BAD_KEPT   3

/*
 * Copy DIR/state.db to state.db.bad-AT for someone to look at, as far as there is room,
 * keep the newest STATE_BAD_KEPT of such copies, and remove it with all that SQLite had
 * beside it. A copy, for the agent's sandbox lets it make and remove files only. ERR_SYS:
 * it is still there.
 */
int state_set_aside(const char *dir, int64_t at, struct err *e);

/* Make state_news(): state.db `what` ("is damaged"), `why` (or NULL), and what is done
 * about it. */
void state_tell(struct state *s, const char *what, const char *why);
