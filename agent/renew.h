/*
 * renew: the loop that brings what is to what should be.
 *
 * For `renew` it ends when nothing that was asked for is left to do; for `agent` it goes
 * on, asleep until the next moment; for `rollback` it does one switch.
 */
#pragma once

struct agent;
struct err;

/* Apply what the request says of the certificates that are wanted: with --force each is
 * asked for, and what a person names is tried now, whatever it waits for. */
void renew_ask(struct agent *a);

/* renew_waiting.c: say what should be done and waits for its next attempt: after what, and
 * until when. Not everything asked for holds as long as anything does. */
void renew_waiting(struct agent *a);

/* Exit status, or an err. */
int agent_renew(struct agent *a, struct err *e);
