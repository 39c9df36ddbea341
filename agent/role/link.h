/*
 * link: requests to another role, answered in the agent's event loop.
 *
 * At most `limit` requests are under way, the others wait their turn: what is in both
 * sockets at any time is then bounded, and neither side can block the other for good.
 * What begins something may be asked last: when nothing waits that brings on what was
 * begun, which then is done one after the other and not all in step.
 * Some calls are slow: small, and answered whenever it is done, the others meanwhile.
 * They are not counted, but by a limit of their own.
 * Each answer is given to its own function, with the number that came with the request;
 * a call never outlives its link: when the other role is gone, each is told so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "base/msg.h"

struct err;
struct link;

/* `m` is the answer, or NULL with the reason in `e`. */
typedef void link_done(void *arg, uint32_t number, struct msg *m, const struct err *e);

struct link_call; /* opaque */

struct link_queue {
	struct link_call *first; /* owned, as all behind it */
	struct link_call *last;
};

enum link_turn {
	LINK_NEXT,
	LINK_LAST, /* when none of the others waits */
	LINK_SLOWLY,
	LINK_TURNS,
};

#define LINK_SLOW 32 /* under way: together a tenth of what a socket holds */

struct link {
	int fd; /* owned; -1: gone */
	ev_io io;
	struct ev_loop *loop;
	size_t limit;
	size_t under_way[2];     /* others, slow ones */
	struct link_queue asked; /* under way, as the next in the order of asking */
	struct link_queue waiting[LINK_TURNS];
	uint32_t last_id;
	int64_t
	    since_ms; /* clock_awake_ms() of the last sign of life, see link_silent_ms() */
	int64_t busy_ms; /* see link_busy_ms(), until the last time that nothing was */
	int64_t busy_at; /* clock_awake_ms() since when something is again */
	struct msg in;
	uint32_t asks; /* what the other role may ask of us; 0: nothing */
	void *arg;
	/* Called once when the other role is gone, after every call was told. */
	void (*gone)(void *arg, struct link *l);
	/* Messages that answer nothing (ROLE_STOP), or ask; may be NULL. */
	void (*other)(void *arg, struct link *l, struct msg *m);
};

void link_open(struct link *l, struct ev_loop *loop, int fd, size_t limit, void *arg);
void link_close(struct link *l);

/* Ask; `m` is the caller's again when this returns (its descriptor has been sent or is
 * kept for later). The answer comes through the loop, also a failure to send. */
void link_call(struct link *l, struct msg *m, link_done *done, uint32_t number);
void link_call_in_turn(struct link *l, enum link_turn turn, struct msg *m,
		       link_done *done, uint32_t number);

/* For how long what is under way has gone without any answer; 0 if nothing is. */
int64_t link_silent_ms(const struct link *l);

/* For how long, in all until `now` (clock_awake_ms()), something that is not slow has been
 * under way. */
int64_t link_busy_ms(const struct link *l, int64_t now);

/* Whether the other role is gone, even if the loop has not come to tell of it yet; or
 * goes within `ms`. */
bool link_is_over(const struct link *l, int ms);

/* Give the other role up, for the reason in `e`: as if it were gone. */
void link_drop(struct link *l, const struct err *e);

/* Ask and wait, before the loop runs: the answer is left in m. */
int link_ask(int fd, struct msg *m, struct err *e);
/* The answer to what was asked before, a message of that type. */
int link_answer(int fd, uint32_t type, struct msg *m, struct err *e);
