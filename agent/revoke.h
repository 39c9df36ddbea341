/*
 * revoke: certificates that a person wants revoked at their CA.
 *
 * What is asked for is a row of the state database before anything is done, and until
 * the CA has agreed: a run that was cut short, or whose CA could not be reached, leaves
 * it to the next one, which revokes what was meant and not its successor, as long as it
 * has not ended of itself. What fails is tried again when its class of error says
 * (schedule.h), or at once when its name is on the command line; what the CA refuses is an
 * error once, and shown by `status` from then on. With --replace the new certificate is made live first, and
 * only then is the old one revoked.
 */
#pragma once

struct agent;
struct err;

/* Note what the request asks for: the live generation of the one that it names. Nothing
 * but its replacement, if that is asked for, is done in this run. */
int revoke_ask(struct agent *a, struct err *e);

/* What is noted to be replaced first is due to be, in this run. */
int revoke_mark(struct agent *a, struct err *e);

/* Revoke what is noted and can be, of the certificates that this run is about; asked
 * directly: the loop must be idle. What cannot be
 * done is logged, counts as failed (what the CA has refused before does not), and stays
 * noted. */
void revoke_noted(struct agent *a);
