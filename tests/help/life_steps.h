/*
 * life_steps: a life in which anything may happen, and what must hold after it.
 *
 * Steps are drawn from the seed, one every few hours: each of enum life_step. A kill ends
 * the agent between any two of its calls that send, hear, wait or write; it is begun again
 * from what is on disk, in this or in a new run. So an agent of such a life is a process of its
 * own, and the life lies in memory that is shared.
 *
 * What must hold: all of life_check.c, and here
 *
 *     what was acknowledged of an order is not ordered again, whatever is killed
 *     what a command said was done, is; what it said is noted is done in the end
 *     what is live is in the store, and `status` says that and no other; what is owed to
 *     a hook, and what is to be revoked, it says too
 *     in the end, when nothing has happened for days, each certificate is live with the
 *     names that it is to have, its files are mended, every hook has been told of what is
 *     live
 */
#pragma once

#include "tests/help/life.h"

enum { LIFE_STEPS_CERTS = 8 };

enum life_step {
	STEP_DOWN,   /* a CA fails */
	STEP_CLOCK,  /* is set, and set right again */
	STEP_SLEEP,  /* the host does */
	STEP_KILL,   /* the agent, or all roles */
	STEP_FULL,   /* the disk */
	STEP_ROOM,   /* ... no more */
	STEP_MEMBER, /* a certificate is taken out of the configuration, or back in */
	STEP_NAMES,  /* one has another name there, or not any more */
	STEP_ANEW,   /* the agent is begun anew in good order */
	STEP_RENEW,  /* --force */
	STEP_REVOKE, /* also --replace */
	STEP_ROLLBACK,
	STEP_FORGET,
	STEP_STATUS,
	STEP_EDIT, /* somebody changes a file, or key and certificate */
	STEP_HOOK_BAD,
	STEP_HOOK_WELL,
	LIFE_STEP_KINDS,
};

/* -- life_plan.c: what is to happen -- */

void life_steps_plan(struct life *l);
/* The steps that there are, a line each. */
void life_steps_tell(const struct life *l, int fd);

/* -- what happens -- */

/* One is to be taken now: as life_wait(). */
bool life_step(struct life *l, const struct life_event *ev);

/* -- the agent -- */

/* Before it is started, in another process than it: the configuration, NULL if it is the
 * one that it was. False: the life is over. */
bool life_steps_next(struct life *l, struct buf *config);
/* What the agent is started for. */
void life_steps_ask(struct life *l, struct request *r, const char **name);
/* Each call of it. False: the disk is full, where that matters. */
bool life_steps_call(struct life *l);
/* It has ended, as waitpid() says, and has printed `text`. */
void life_steps_ended(struct life *l, int status, const char *text);

/* -- its peers -- */

/* 0: not by this; 1: by an answer without more; -1: it has been answered. */
int life_steps_keep(struct life *l, struct msg *in);
void life_steps_hook(struct life *l, struct msg *in);
void life_steps_revoke(struct life *l, struct life_worker *w);

/* -- life_model.c: what must hold -- */

/* A CA has been told to; the embedded one, by serial number. */
void life_model_revoked(struct life_cert *c, uint64_t number);
void life_model_revoked_serial(struct life *l, const char *serial);
/* After each process of the agent. */
void life_model_look(struct life *l);
/* A command has ended by itself. */
void life_model_done(struct life *l, int status);
void life_model_status(struct life *l, const char *text);
/* In the end. */
void life_model_over(struct life *l);
