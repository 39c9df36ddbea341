/*
 * lend: the right to have things signed, as a socket.
 *
 * For each job of a worker at a CA the agent makes a socket pair, sends one end to the
 * keeper with what it is for (KEEPER_LEND) and the other to the worker with the job. The
 * socket is the ticket: what comes in on it is signed for that issuer and certificate
 * and for nothing else, and when the worker closes it, it is over. No name, number or
 * password could be guessed, kept or used twice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acme/account.h"
#include "acme/ask.h"
#include "agent/role/name_set.h"

struct err;
struct msg;

enum lend {
	LEND_ORDER,    /* account found or made; order, answer, finalize, fetch */
	LEND_REGISTER, /* account found or made */
	LEND_UPDATE,   /* account show, update */
	LEND_ROLLOVER,
	LEND_DEACTIVATE,
	LEND_LOOK,          /* nothing is signed: whose account it is */
	LEND_REVOKE,        /* of the given generation, for the given reason */
	LEND_REVOKE_BY_KEY, /* ... by its own key, and by nobody else */
	LEND_ROOTS,         /* nothing is signed: who asks for the CA's certificates */
	LENDS,
};

/* At once: more than there are workers, and tasks that wait for one. */
#define LEND_MAX 256

/* What a ticket is for. */
struct lend_ticket {
	enum lend what;
	uint32_t issuer; /* number in the snapshot */
	uint32_t cert;   /* SPEC_NOBODY: for the account alone */
	/* LEND_REVOKE*: what is revoked; LEND_ORDER: what the order replaces, LEND_ROOTS:
	 * what shows who asks, 0: nothing. */
	uint64_t generation;
	uint64_t reason;     /* ... RFC 5280 5.3.1; 0: none is told */
	struct name_set out; /* LEND_ORDER: names that the order leaves out */
};

/* What is lent for that step of `everleaf account`. */
enum lend lend_of_account(enum account_step step);

bool lend_revokes(enum lend what);

/* Whether `what` includes that `kind` is signed. (What the CA calls the account, and
 * which of two keys it knows, can be told on every ticket: all begin by asking.) */
bool lend_allows(enum lend what, enum acme_ask_kind kind);

/* Whether a roll-over that was cut short is ended by who has it: the other key is
 * destroyed. Where not, what a worker says of the two holds for this process, and the disk
 * keeps both. */
bool lend_ends_roll_over(enum lend what);

/* The agent's half: begin KEEPER_LEND in `m`, which owns the keeper's end; *worker is
 * the other, the caller's. */
int lend_begin(const struct lend_ticket *t, struct msg *m, int *worker, struct err *e);
