/*
 * challenge_update: TXT records that are found, added or deleted together (see
 * challenge.h): signed by the keeper, sent and looked at by a probe, each step by its
 * message and the function that takes the answer.
 *
 *     FIND                             where the records belong: challenge_dns.c
 *     SIGN -> SEND -> CHECK (-> LOOK)  challenge_update.c
 *     RUN (-> LOOK)                    challenge_program.c
 *
 * Nothing is a reply before the keeper has looked at its MAC. What is added is shown once
 * every name server of the zone answers with it; one that does not answer at all is not
 * waited for as long as one that is late.
 */
#pragma once

#include <ev.h>

#include "acme/txt.h"
#include "agent/challenge_token.h"
#include "base/buf.h"

enum update_step {
	UPDATE_FIND, /* where the records belong */
	UPDATE_SIGN,
	UPDATE_SEND,
	UPDATE_CHECK, /* whose reply it is */
	UPDATE_RUN,   /* a program, in place of the three */
	UPDATE_LOOK,
};

/* Tokens that are found, added or deleted together; each still is, whose `update` says
 * so. */
struct update {
	struct update *next;
	struct agent *agent;
	uint32_t id;
	uint32_t challenge;
	enum update_step step;
	bool add;
	char *zone; /* owned; NULL: to be found */
	uint32_t tokens[TXT_MAX];
	size_t n;
	struct buf message; /* signed */
	struct buf mac;
	unsigned rcode; /* of the reply */
	unsigned error; /* ... of its TSIG record */
	size_t at;      /* the next token that a program is called for */
	char *all;      /* owned: their names, commas between */
	int64_t begun_ms;
	int64_t wait_ms; /* until the next look */
	ev_timer timer;
};

struct update *update_called(const struct challenges *c, uint32_t id);

/* The token at place `i`; NULL: it is part of this no more. */
struct token *update_member(const struct update *u, size_t i);

/* One for what goes with `first`, which is due. */
struct update *update_new(struct agent *a, const struct token *first);
void update_free(struct challenges *c, struct update *u);

/* Its tokens are in their places, or out of them, or why not. `u` is gone then. */
void update_end(struct update *u, const struct err *failed);

/* Whether it has been looked for so long that nobody is to wait for it: when to come back,
 * for `why`, is in *e. */
bool update_is_slow(const struct update *u, const char *why, struct err *e);

/* Have something done by a probe. */
void update_call(struct update *u,
		 int (*make)(struct agent *, uint32_t, struct msg *, struct err *),
		 link_done *done);

/* Workers that have waited for too long have others to serve. */
void update_let_workers_go(struct update *u, const char *why);

/* Add or delete what it is of, in its zone, to the end. */
void update_sign(struct update *u);

/* ... from where all has been added. */
void update_look(struct update *u);

/* challenge_program.c: the same by the program of its challenge; whether it has one. */
bool update_has_program(const struct update *u);
void update_run(struct update *u);

/* Whether one of `t` would be called while another of its programs runs. */
bool program_is_busy(const struct agent *a, const struct token *t);
