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

#include "acme/ask.h"

enum lend {
	LEND_ORDER,    /* account found or made; order, answer, finalize, fetch */
	LEND_REGISTER, /* account found or made */
	LEND_UPDATE,   /* account show, update */
	LEND_ROLLOVER,
	LEND_DEACTIVATE,
	LEND_REVOKE, /* of the given generation, for the given reason */
	LENDS,
};

#define LEND_MAX 64 /* at once: more than there are workers */

/* Whether `what` includes that `kind` is signed. */
bool lend_allows(enum lend what, enum acme_ask_kind kind);
