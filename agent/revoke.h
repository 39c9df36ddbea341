/*
 * revoke: certificates that a person wants revoked at their CA.
 *
 * What is asked for is a row of the state database before anything is done, and until
 * the CA has agreed: a run that was cut short, or whose CA could not be reached, leaves
 * it to the next one, which revokes what was meant and not its successor, as long as it
 * has not ended of itself. What fails is tried again when its class of error says
 * (schedule.h), which is a moment of the agent's as any other, or at once when its name is
 * on the command line; what the CA refuses is an error once, and shown by `status` from
 * then on. With --replace the new certificate is made live first, and only then is the old
 * one revoked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct err;
struct revoke_row;

/* What is due waits for so long until nothing else is under way: with many certificates
 * and a CA that is slow that may be never. */
#define REVOKE_QUIET_MS 60000

/* -- revoke_note.c -- */

/* Note what the request asks for: the live generation of the one that it names. Nothing
 * but its replacement, if that is asked for, is done in this run. */
int revoke_ask(struct agent *a, struct err *e);

/* What is noted to be replaced first is due to be, in this run. */
int revoke_mark(struct agent *a, struct err *e);

/* Why it can only be replaced; NULL: its issuer can be asked. */
const char *revoke_beyond_us(const struct agent *a, const struct revoke_row *r);

/* Whether it, of certificate `cert`, is live and may not be revoked as long as it is. */
bool revoke_waits(const struct agent *a, const struct revoke_row *r, uint32_t cert);

/* -- revoke.c -- */

/* Begin the next of what is noted and can be revoked now, one after the other, of the
 * certificates that this run is about: true, and agent_pass() is called when its CA has
 * answered; false: there is none before a->revoke_at. What cannot be done is logged, told
 * to hooks, counts as failed (what the CA has refused before does not), and stays noted. */
bool revoke_next(struct agent *a);

/* The same in the daemon where it is never quiet; called by the loop's tick. */
void revoke_check(struct agent *a);

void revoke_begin(struct agent *a);
void revoke_free(struct agent *a);
