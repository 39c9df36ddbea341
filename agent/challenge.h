/*
 * challenge: tokens on their way to where a CA looks for them, and back.
 *
 * The keeper looks at each: it may say nothing but the thumbprint of an account of ours.
 * http-01 by webroot is a file that the keeper writes; by `listen` an entry of the
 * responder, which is started with the first one and let go when all is quiet. Tokens
 * are rows of the state database before they are presented, and until they are
 * withdrawn: challenge_begin() takes back what belongs to no order any more; the rest is
 * presented again at once by the agent, which stays, and by any other run where it goes on
 * with the order. A responder that dies is started again with all it had to answer.
 *
 * Who asks how we are (`http`) is answered by the same responder: where that is configured
 * there is one all the time, without the addresses of challenges but while they are
 * needed. For each of the two another one is started, and the one before it finishes; and
 * one with TLS where there is something to answer by tls-alpn-01, which has one answer for
 * a name at a time: the order that came first has it, others are told to come back. It
 * asks for pages (http.h), which are made at the end of a turn of the loop.
 *
 * dns-01 is a record in a zone that others serve, too: where it belongs is found out and
 * committed, the keeper signs the update, name servers are looked at until all show it.
 * That may take minutes: an order waits for some seconds of them with its worker, and then
 * as if the CA had told it to come back (ERR_LATER). All that is due in one zone goes in
 * one update, and one after the other.
 *
 * A program that a person names may show a challenge in our place (hooks/dialect.h): the
 * supervisor runs it, one call at a time, as part of the same updates. When all is
 * presented, what is in DNS may be looked for as above. One that declines a name leaves it
 * to the next challenge that there is for it: its order goes on at once without this one.
 *
 *     challenge.c            who waits for what, the keeper
 *     challenge_row.c        rows
 *     challenge_responder.c  the responder
 *     challenge_dns.c        records of zones
 *     challenge_update.c     ... and how they come there
 *     challenge_program.c    ... or by a program, which shows other challenges, too
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct err;
struct msg;

typedef void challenge_done(struct agent *a, uint32_t number, const struct err *e);

struct challenge_token {
	uint32_t challenge; /* number in the snapshot, one of that certificate's */
	const char *name;   /* that it is for */
	const char *token;
	const char *authorization;
};

/* Commit and present all of them, then call `done` once, from the loop (e NULL: all can
 * be fetched). What is presented already may come again. */
void challenge_present(struct agent *a, const char *name,
		       const struct challenge_token *tokens, size_t n,
		       challenge_done *done, uint32_t number);

/* Withdraw all tokens of the certificate `name`, which the CA has seen if they are
 * `proven`; nobody waits for it, but the loop does
 * not end before it is done. Who waits for one of them to be presented is not called
 * any more. */
void challenge_withdraw(struct agent *a, const char *name, bool proven);

/* Which programs have declined which names of the order of `name`: each {challenge, name}
 * of WORKER_ORDER, counted in *n; `m` NULL: only counted. */
void challenge_put_declined(const struct agent *a, const char *name, size_t *n,
			    struct msg *m);

/* At the start, before any order goes on. */
void challenge_begin(struct agent *a);

/* The order of the certificate `name` goes on: present what a run before has left of it.
 * Nobody waits for it. */
void challenge_resume(struct agent *a, const char *name);

/* Whether any is still being presented or withdrawn. */
bool challenge_busy(const struct agent *a);

/* By the loop's tick: give up a responder that says nothing. */
void challenge_check(struct agent *a);

/* All is quiet: let go of the responder, unless there is something to answer. */
void challenge_rest(struct agent *a);

/* At the end of a turn: answer what the responder has asked. */
void challenge_turn(struct agent *a);

void challenge_free(struct agent *a);
